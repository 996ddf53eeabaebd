"""The trainer of the bundled diffusion model: what it asks for, and that a stopped run goes on as
if it had not been stopped.
"""

import json

import numpy as np
import pytest
import torch
from PIL import Image

from dragkit.models.diffusion import pixel_unet
from dragkit.models.diffusion.small_unet import Config
from dragkit.training import diffusion as training
from dragkit.training.stream import SHEET_SEED, Pairs
from dragkit.worlds.world import WORLDS
from tests.interrupts import interrupt


def test_the_loss_is_the_squared_error_of_the_velocity_at_each_time():
    alphas = pixel_unet.cosine_alphas()
    x, noise = torch.randn(2, 3, 12, 4, 4)
    t = torch.tensor([1, 500, 998])
    a = alphas[t].view(-1, 1, 1, 1)

    class Knows:
        def __call__(self, z, when):
            torch.testing.assert_close(z, a.sqrt() * x + (1 - a).sqrt() * noise)
            assert torch.equal(when, t)
            return a.sqrt() * noise - (1 - a).sqrt() * x + 0.1

    assert training.loss(
        Knows(), training.training_schedule(), x, noise, t
    ).item() == pytest.approx(0.01, rel=1e-3)


def test_squares_of_pixels_become_channels_and_come_back():
    image = torch.rand(2, 3, 8, 6)
    latent = pixel_unet.encode(image)
    assert latent.shape == (2, 12, 4, 3) and torch.equal(
        latent[:, :4, 0, 0], 2 * image[:, 0, :2, :2].flatten(1) - 1
    )
    torch.testing.assert_close(pixel_unet.decode(latent), image)


SMALL = ["--batch", "4", "--until", "16", "--device", "cpu"]


@pytest.fixture
def quick(monkeypatch):
    """A network of few channels, a sheet without samples, and torch's settings put back."""
    threads = torch.get_num_threads()
    monkeypatch.setattr(pixel_unet, "CONFIG", Config(channels=(8, 8, 16), head=8))
    monkeypatch.setattr(training, "sheet", lambda *_: Image.new("RGB", (8, 8)))
    yield
    torch.set_flush_denormal(False)  # the trainer wants it, other tests do not
    torch.set_num_threads(threads)


def run(folder, *more) -> dict:
    training.main(["--out", str(folder), *SMALL, *more])
    return torch.load(folder / "state.pt", weights_only=True)


def test_a_stopped_run_goes_on_as_if_unbroken(quick, monkeypatch, tmp_path):
    whole = run(tmp_path / "whole", "--threads", "2", "--workers", "0")
    interrupt(monkeypatch, training.Trainer, 2)
    with pytest.raises(KeyboardInterrupt):
        run(tmp_path / "broken", "--threads", "2", "--workers", "2")
    assert torch.load(tmp_path / "broken" / "state.pt", weights_only=True)["steps"] == 2
    broken = run(tmp_path / "broken", "--threads", "2", "--workers", "2")
    assert broken["images"] == whole["images"] == 16
    for part in ("unet", "ema"):
        for name, weight in whole[part].items():
            assert torch.equal(weight, broken[part][name]), f"{part}: {name}"


def test_threads_only_share_the_work(quick, tmp_path):
    more = ["--until", "4", "--workers", "0", "--threads"]
    alone, shared = (run(tmp_path / n, *more, n) for n in ("1", "4"))
    for name, weight in alone["unet"].items():
        torch.testing.assert_close(weight, shared["unet"][name], rtol=1e-3, atol=1e-4)


def test_a_run_leaves_weights_and_their_card(quick, tmp_path):
    state = run(tmp_path / "tiny", "--workers", "0", "--world", "car", "--half-life", "8")
    card = json.loads((tmp_path / "tiny" / "tiny.json").read_text())
    assert (card["world"], card["images_seen"], card["steps"]) == ("car", 16, 4)
    assert card["settings"]["half_life"] == 8 and card["history"][0]["loss"] > 0
    network = pixel_unet.open_network(tmp_path / "tiny" / "tiny.safetensors")
    assert card["parameters"] == sum(p.numel() for p in network.parameters())
    for name, weight in network.state_dict().items():
        assert torch.equal(weight, state["ema"][name].half().float()), name


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ("--batch 3 --threads 2", "--batch 3 does not divide among 2 threads"),
        ("--batch 4 4", "--batch has 2 numbers; this training takes one"),
        ("--half-life 0", "'0'; give a number above 0"),
        ("--until 0", "'0'; give a whole number from 1 on"),
        ("--world cat", "invalid choice: 'cat'"),
    ],
)
def test_settings_that_cannot_be_are_refused(arguments, message, capsys):
    with pytest.raises(SystemExit):
        training.parse(arguments.split())
    assert message in capsys.readouterr().err


def test_the_sheet_has_samples_over_renders():
    page = np.asarray(training.sheet(pixel_unet.network().eval(), WORLDS["lion"], 16, steps=1))
    scenes, *_ = Pairs(WORLDS["lion"], 16, SHEET_SEED)[0]
    first = scenes.render(training.SIZE)[0].mul(255).round().byte().permute(1, 2, 0)
    assert page.shape == (128, 1024, 3) and np.array_equal(page[64:, :64], first.numpy())
