"""The torch twin draws what the NumPy renderer draws."""

import pickle
from dataclasses import fields, replace

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from dragkit.worlds import WORLDS, Car, Lion, SceneBatch, batch, render

KINDS = [world.kind for world in WORLDS.values()]


def drawn(scenes, size, supersample=2):
    return np.stack([render(scene, size, supersample).image for scene in scenes])


@settings(max_examples=40, deadline=None, derandomize=True)
@given(
    st.sampled_from(KINDS),
    st.lists(st.integers(0, 2**32 - 1), min_size=1, max_size=3),
    st.integers(1, 80),
    st.integers(1, 3),
    st.booleans(),
)
def test_it_draws_the_same_image_within_1e_5(kind, seeds, size, supersample, turned):
    """On a CPU at every pixel, outlines too: both follow the same rays in the same precision."""
    things = [kind.sample(seed) for seed in seeds]
    if turned:  # straight on, where rays run along faces; and half out of the image
        things = [replace(thing, yaw=0, pitch=0, x=-0.9) for thing in things]
    scenes = [thing.scene() for thing in things]
    images = SceneBatch.of(scenes).render(size, supersample)
    assert images.shape == (len(seeds), 3, size, size) and images.dtype == torch.float32
    assert np.abs(images.numpy() - drawn(scenes, size, supersample)).max() <= 1e-5


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
@pytest.mark.parametrize("kind", KINDS)
def test_a_gpu_draws_the_same_image_but_for_outlines(kind):
    """A GPU may round otherwise, and so choose otherwise where a ray just meets an outline."""
    scenes = [kind.sample(seed).scene() for seed in range(16)]
    images = SceneBatch.of(scenes).to("cuda").render(128).cpu().numpy()
    error = np.abs(images - drawn(scenes, 128))
    assert error.mean() <= 1e-5 and (error > 1e-5).mean() < 1e-3


@pytest.mark.parametrize("kind", KINDS)
def test_groups_are_drawn_alike(kind, monkeypatch):
    scenes = [kind.sample(seed).scene() for seed in range(5)]
    many = SceneBatch.of(scenes)
    alone = torch.cat([SceneBatch.of([scene]).render(24) for scene in scenes])
    for rays in (1, 2 * 48**2, 10**9):
        monkeypatch.setattr(batch, "CPU_RAYS", rays)
        assert torch.allclose(many.render(24), alone, rtol=0, atol=1e-6)


def test_a_batch_can_be_sent_and_pickled_and_has_a_leading_dimension():
    scenes = [Car.sample(seed).scene() for seed in range(3)]
    many = SceneBatch.of(scenes)
    again = pickle.loads(pickle.dumps(many)).to("cpu")
    assert torch.equal(again.render(16), many.render(16))
    for field in fields(many):
        value = getattr(many, field.name)
        if field.name == "shape":
            assert value == scenes[0].shape
        else:
            assert value.dtype == torch.float32 and len(value) == 3, field.name


def test_no_gradient_is_kept():
    many = SceneBatch.of([Lion().scene()])
    many.centre.requires_grad_()
    assert not many.render(8).requires_grad


def test_a_thing_outside_of_the_image_leaves_the_background():
    for kind in KINDS:
        scene = kind(x=5).scene()
        image = SceneBatch.of([scene]).render(16)[0].numpy()
        x = (np.arange(16) + 0.5) / 8 - 1
        behind = scene.background(x[None], x[:, None]).transpose(2, 0, 1)
        assert np.abs(image - behind).max() < 1e-6


@pytest.mark.parametrize(
    "call, error, says",
    [
        (lambda: SceneBatch.of([]), ValueError, "scenes is empty; give at least one"),
        (
            lambda: SceneBatch.of([Lion().scene(), Car().scene()]),
            ValueError,
            "scene 1 has other shapes of parts than scene 0; give scenes of one kind",
        ),
        (lambda: SceneBatch.of([Lion()]), TypeError, "a scene is Lion.*; give scenes, such as"),
        (lambda: SceneBatch.of(Lion().scene()), TypeError, "scenes is Scene.*; give a list"),
        (
            lambda: SceneBatch.of([replace(Lion().scene(), background=print)]),
            TypeError,
            "a scene's background is .*print.*; give scenes in a Meadow",
        ),
        (lambda: SceneBatch.of([Lion().scene()]).render(0), ValueError, "size is 0"),
        (lambda: SceneBatch.of([Lion().scene()]).render(4096, 2), ValueError, "supersample is 2"),
        (lambda: SceneBatch.of([Lion().scene()]).to("gpu"), ValueError, "device is 'gpu'"),
        (lambda: SceneBatch.of([Lion().scene()]).render(siz=3), TypeError, "did you mean 'size'"),
    ],
)
def test_bad_input_is_named(call, error, says):
    with pytest.raises(error, match=says):
        call()
