"""The training run, at its smallest: it writes what `load` reads, goes on where it was, and
teaches the truth.
"""

import json

import numpy as np
import pytest
import torch
from PIL import Image

import dragkit as dk
from dragkit.models.gan.state_dict import from_state_dict
from dragkit.training import pairs, stylegan2, trainer
from dragkit.worlds.lion import FACTORS, GEOMETRY, Lion

SMALL = ["--images", "24", "--sizes", "32", "64", "--batch", "8", "--adversarial-from", "24"]


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """32 px until 16 images, 64 px until 32, the last of them with the discriminator."""
    out = tmp_path_factory.mktemp("run")
    stylegan2.main(["--out", str(out), *SMALL, "--until", "16", "32"])
    return out


def test_a_run_leaves_a_model_a_card_and_a_sheet(run):
    model = dk.load(run / "lion.safetensors", device="cpu")
    card = json.loads((run / "lion.json").read_text())
    assert model.size == (64, 64) and model.feature_block == card["feature_block"] == 64
    assert (
        card["images_seen"] == 32 and card["resolution"] == 64 and card["settings"]["batch"] == 8
    )
    assert Image.open(run / "samples.png").size == (12 * 64, 6 * 64)
    state = torch.load(run / "state.pt", weights_only=True)
    z = torch.from_numpy(model.sample_z(3)).float()[None]
    again = trainer.Trainer(64, 1e-3, "cpu")
    again.restore(state)
    expected = again.ema(z, 0.7)[0].add(1).div(2).clamp(0, 1)
    assert torch.allclose(model.finish(model.sample(3)), expected, atol=1e-5)


def test_a_run_goes_on_where_it_was(run):
    stylegan2.main(["--out", str(run), *SMALL, "--until", "16", "40"])
    assert json.loads((run / "lion.json").read_text())["images_seen"] == 40


def test_a_run_that_was_stopped_with_both_teachers_ends_as_one_that_was_not():
    def train(steps, state=None):
        torch.manual_seed(0)
        training = trainer.Trainer(128, 1e-3, "cpu")
        if state:
            training.restore(state)
        for _ in range(steps):
            random = torch.Generator().manual_seed(training.images)
            z = torch.randn(2, 2, len(FACTORS), generator=random)
            real = torch.rand(2, 3, 128, 128, generator=random)
            training.step(z, torch.ones(2), real, adversarial=0.01)
        return training.state()

    unbroken, broken = train(4), train(2, train(2))
    for part in ("g", "d", "ema"):
        for name, tensor in unbroken[part].items():
            assert torch.equal(tensor, broken[part][name]), f"{part}: {name}"


def test_the_published_weights_paint_the_same_images_from_shorter_latents():
    torch.manual_seed(0)
    generator = trainer.Trainer(32, 1e-3, "cpu").ema
    generator.mapping.w_avg.normal_()
    other = from_state_dict(stylegan2.published(generator, 1 / 8)).generator
    z = torch.randn(2, len(FACTORS))
    assert torch.equal(other(z, 0.7), generator(z, 0.7))
    assert torch.equal(other.mapping(z), generator.mapping(z) / 8)


def test_growing_starts_with_the_smaller_image():
    torch.manual_seed(0)
    small, large = trainer.Trainer(32, 1e-3, "cpu"), trainer.Trainer(64, 1e-3, "cpu")
    large.grow_from(small)
    z = torch.randn(2, len(FACTORS))
    with torch.no_grad():
        grown = torch.nn.functional.avg_pool2d(large.g(z), 2)
        assert (grown - small.g(z)).abs().mean() < 0.1 * small.g(z).abs().mean()


def test_the_pair_teacher_is_content_only_with_the_truth():
    truth = torch.rand(2, 3, 32, 32)
    assert trainer.pair_loss(truth, truth) == 0
    assert trainer.pair_loss(truth.roll(1, -1), truth) > 0.1


def test_pairs_tie_geometry_to_the_first_latent_and_appearance_to_the_second():
    z, truncation = pairs.latents(5)
    assert np.allclose((z**2).mean(1), 1) and 0.5 <= truncation <= 1
    mixed, first, second = (
        pairs.lion(z, truncation),
        *(Lion.of_latent(row, truncation) for row in z),
    )
    for i, (name, *_) in enumerate(FACTORS):
        assert getattr(mixed, name) == pytest.approx(
            getattr(first if i < GEOMETRY else second, name)
        )


def test_images_are_rendered_once(tmp_path):
    images = pairs.prepare(tmp_path / "p.npy", 4, 32)
    assert images.shape == (4, 3, 32, 32) and images.dtype == np.uint8
    assert np.array_equal(images[2], pairs.render(2, 32))
    before = (tmp_path / "p.npy").stat().st_mtime_ns
    pairs.prepare(tmp_path / "p.npy", 4, 32)
    assert (tmp_path / "p.npy").stat().st_mtime_ns == before
