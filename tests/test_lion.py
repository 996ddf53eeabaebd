"""The bundled lion: what it paints, and that it can be dragged for real."""

import hashlib
import json

import pytest
import torch

import dragkit as dk
from dragkit.models import zoo
from dragkit.worlds.lion import Lion


@pytest.fixture(scope="module")
def lion():
    return dk.load("lion", device="cpu")


def chin(model, seed):
    return Lion.of_latent(model.sample_z(seed), model.truncation).landmarks(model.size[0])["chin"]


def chin_down(model, seed, mask=None, **changes):
    """The drag of the README: the chin goes down by a tenth of the image."""
    x, y = chin(model, seed)
    edit = dk.Edit([(x, y)], [(x, y + model.size[0] / 10)], mask)
    return list(dk.drag(model, model.sample(seed), edit, **dk.methods.draggan() | changes))


def test_the_file_is_the_indexed_one_small_and_documented():
    entry, path = zoo.index()["lion"], zoo.bundled("lion")
    assert hashlib.sha256(path.read_bytes()).hexdigest() == entry["sha256"]
    assert path.stat().st_size <= 12e6 and entry["licence"] == "MIT"
    card = json.loads(path.with_suffix(".json").read_text())
    assert {
        "data",
        "images_seen",
        "settings",
        "minutes",
        "machine",
        "resolution",
        "feature_block",
    } <= card.keys()


def test_it_is_at_least_128_px_and_reads_the_block_its_card_names(lion):
    assert lion.size[0] >= 128
    view = lion.view(lion.sample(0))
    assert view.features.shape[-1] == zoo.card(zoo.bundled("lion"))["feature_block"]


def test_every_seed_paints_the_lion_of_its_latent_and_no_other(lion):
    seeds = range(16)
    painted = torch.stack([lion.finish(lion.sample(s)) for s in seeds])
    truth = [
        Lion.of_latent(lion.sample_z(s), lion.truncation).render(lion.size[0]).image for s in seeds
    ]
    truth = torch.stack([torch.from_numpy(t) for t in truth])
    error = (painted[:, None] - truth[None]).abs().mean((2, 3, 4))  # (painted, truth)
    assert (error.argmin(1) == torch.arange(len(error))).all()
    assert error.diagonal().max() < 0.05  # of 1; two different lions are 0.1 to 0.2 apart


def test_the_chin_arrives_and_the_mouth_opens(lion):
    for seed in (0, 3, 5):
        steps = chin_down(lion, seed)
        assert steps[-1].arrived.all(), f"seed {seed}: {steps[-1]}"
        x, y = (round(v) for v in chin(lion, seed))
        before, after = (
            s.view.image[:, y - 8 : y + 14, x - 8 : x + 8] for s in (steps[0], steps[-1])
        )
        assert (before - after).abs().mean() > 0.03


def test_only_the_moving_rows_move(lion):
    steps = chin_down(lion, 0, steps=3)
    before, after = steps[0].latent, steps[-1].latent
    assert torch.equal(before[lion.rows :], after[lion.rows :])
    assert not torch.isclose(before[: lion.rows], after[: lion.rows]).all(1).any()


def test_a_mask_holds_the_rest(lion):
    x, y = (round(v) for v in chin(lion, 3))
    mask = torch.zeros(lion.size)
    mask[y - 20 : y + 24, x - 20 : x + 20] = 1
    changes = []
    for given in (None, mask):
        first, *_, last = chin_down(lion, 3, mask=given, steps=30, arrive=1.0)
        change = (last.view.image - first.view.image).abs().mean(0)
        changes.append(change[mask == 0].mean().item())
        assert (last.losses["mask"] > 0) == (given is not None)
    free, held = changes
    assert held < 0.7 * free


def test_the_same_call_gives_the_same_points(lion):
    first, second = chin_down(lion, 1, steps=5), chin_down(lion, 1, steps=5)
    assert all(
        torch.equal(a.points, b.points) and torch.equal(a.latent, b.latent)
        for a, b in zip(first, second)
    )
