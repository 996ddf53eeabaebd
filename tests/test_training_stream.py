"""The stream of scenes: from any batch on and whoever builds it the same, and each seen once."""

from itertools import islice

import numpy as np
import pytest
import torch

from dragkit.training import stream
from dragkit.training.stream import Pairs, drawn, painted, pair
from dragkit.worlds.world import WORLDS

LION = WORLDS["lion"]


def batches(start: int, workers: int, number: int = 6, sizes=(16, 8)) -> list:
    return list(islice(drawn(Pairs(LION, 2, 7), sizes, "cpu", start, workers), number))


def same(some, others) -> bool:
    return all(
        torch.equal(a, b)
        for one, other in zip(some, others, strict=True)
        for a, b in zip(one, other, strict=True)
    )


def test_processes_build_what_one_process_builds_and_a_later_start_sees_the_rest():
    alone = batches(0, workers=0)
    assert same(alone, batches(0, workers=2))
    assert same(alone[3:], batches(3, workers=0, number=3))
    assert same(alone[3:], batches(3, workers=2, number=3))


def test_sizes_take_turns():
    sides = [images.shape[-1] for images, *_ in batches(0, workers=0, number=12)]
    assert sides == 4 * [16] + 4 * [8] + 4 * [16]


@pytest.mark.parametrize("name", WORLDS)
@pytest.mark.parametrize("start", [0, 3])
def test_what_is_drawn_at_once_is_what_is_drawn_alone(name, start):
    source = Pairs(WORLDS[name], 2, 1)
    items = [source[number] for number in range(start, 12)]
    alone, together = (
        list(islice(stream._drawn(items, (8, 16), "cpu", start, at_once), 7)) for at_once in (1, 4)
    )
    for one, other in zip(alone, together, strict=True):
        torch.testing.assert_close(one, other, atol=1e-6, rtol=0)


@pytest.mark.parametrize("name", WORLDS)
def test_an_image_is_the_render_of_what_its_latents_should_paint(name):
    world = WORLDS[name]
    images, z, truncation = next(drawn(Pairs(world, 3, 2), (32,), "cpu", 5, 0))
    assert z.shape == (3, 2, len(world.factors)) and truncation.shape == (3,)
    for image, latents, psi in zip(images, z.double().numpy(), truncation.double().numpy()):
        truth = painted(world, latents, psi).render(32).image
        assert np.abs(image.numpy() - truth).mean() < 1e-4  # a ray may fall beside an edge


@pytest.mark.parametrize("name", WORLDS)
def test_pairs_tie_geometry_to_the_first_latent_and_appearance_to_the_second(name):
    world = WORLDS[name]
    z, truncation = pair(np.random.RandomState(5), world)
    assert np.allclose((z**2).mean(1), 1) and 0.5 <= truncation <= 1
    mixed = painted(world, z, truncation)
    first, second = (world.kind.of_latent(row, truncation) for row in z)
    for i, (factor, *_) in enumerate(world.factors):
        origin = first if i < world.geometry else second
        assert getattr(mixed, factor) == pytest.approx(getattr(origin, factor))


def test_no_scene_comes_twice():
    latents = [
        tuple(row.flatten().tolist())
        for seed in range(3)
        for number in range(3)
        for row in Pairs(LION, 4, seed)[number][1]
    ]
    assert len(set(latents)) == len(latents) == 36
