"""The trainer of the bundled diffusion model: what it asks for, and that a stopped run goes on as
if it had not been stopped.
"""

import json
from itertools import pairwise

import numpy as np
import pytest
import torch
from PIL import Image

from dragkit.models.diffusion import pixel_unet
from dragkit.training import diffusion as training
from dragkit.training import pairs


def test_the_loss_is_the_squared_error_of_the_velocity_at_each_time():
    alphas = pixel_unet.scheduler().alphas_cumprod
    x, noise = torch.randn(2, 3, 12, 4, 4)
    t = torch.tensor([1, 500, 998])
    a = alphas[t].view(-1, 1, 1, 1)

    class Knows:
        def __call__(self, z, when):
            torch.testing.assert_close(z, a.sqrt() * x + (1 - a).sqrt() * noise)
            assert torch.equal(when, t)
            return type("Output", (), {"sample": a.sqrt() * noise - (1 - a).sqrt() * x + 0.1})

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


def test_the_rate_rises_then_falls_and_never_is_zero():
    rates = [training.rate(done) for done in np.linspace(0, 1, 101)]
    assert (
        rates[0] == pytest.approx(0.01)
        and max(rates) == pytest.approx(1, abs=0.02)
        and rates[-1] == pytest.approx(0.01)
    )
    assert np.argmax(rates) <= 3 and all(a >= b for a, b in pairwise(rates[3:]))


def run(folder, *more) -> dict:
    torch.set_flush_denormal(False)
    try:
        training.main(
            [
                "--out",
                str(folder),
                "--images",
                "8",
                "--batch",
                "4",
                "--until",
                "16",
                "--device",
                "cpu",
                *more,
            ]
        )
    finally:
        torch.set_flush_denormal(False)  # the trainer wants it, other tests do not
    return torch.load(folder / "state.pt", weights_only=True)


@pytest.fixture
def quick(monkeypatch):
    threads = torch.get_num_threads()
    monkeypatch.setattr(training, "sheet", lambda *_: Image.new("RGB", (8, 8)))
    yield
    torch.set_num_threads(threads)


@pytest.mark.slow
def test_a_stopped_run_goes_on_as_if_unbroken_and_workers_only_share_the_work(
    quick, monkeypatch, tmp_path
):
    whole, step, made = run(tmp_path / "whole", "--workers", "1"), training.Trainer.step, []

    def stop_after_two(trainer, *arguments):
        if len(made) == 2:
            raise KeyboardInterrupt
        made.append(trainer.images)
        return step(trainer, *arguments)

    monkeypatch.setattr(training.Trainer, "step", stop_after_two)
    with pytest.raises(KeyboardInterrupt):
        run(tmp_path / "broken", "--workers", "1")
    monkeypatch.setattr(training.Trainer, "step", step)
    broken, shared = (
        run(tmp_path / "broken", "--workers", "1"),
        run(tmp_path / "shared", "--workers", "2"),
    )
    assert made == [0, 4] and broken["images"] == whole["images"] == 16
    for name, weight in whole["ema"].items():
        assert torch.equal(weight, broken["ema"][name]), name
        torch.testing.assert_close(weight, shared["ema"][name], rtol=1e-3, atol=1e-4)

    card = json.loads((tmp_path / "whole" / "lion-diffusion.json").read_text())
    assert card["images_seen"] == 16 and card["parameters"] == sum(
        p.numel() for p in pixel_unet.network().parameters()
    )
    stored = pixel_unet.open_network(
        tmp_path / "whole" / "lion-diffusion.safetensors"
    ).state_dict()
    assert all(
        torch.equal(stored[name], weight.half().float()) for name, weight in whole["ema"].items()
    )


def test_a_batch_that_workers_cannot_share_is_refused(tmp_path, capsys):
    with pytest.raises(SystemExit):
        training.main(["--out", str(tmp_path), "--batch", "3", "--workers", "2"])
    assert "--batch 3 does not divide among 2 workers" in capsys.readouterr().err


def test_the_sheet_has_samples_over_renders(monkeypatch):
    images = np.stack([pairs.render(i, training.SIZE) for i in range(16)])
    page = np.asarray(training.sheet(pixel_unet.network().eval(), images, count=16, steps=1))
    assert page.shape == (128, 1024, 3) and np.array_equal(
        page[64:, :64], images[0].transpose(1, 2, 0)
    )
