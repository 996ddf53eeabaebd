"""The button for an image of your own, without a browser."""

import time
from datetime import datetime
from io import BytesIO

import pytest
import torch
from PIL import Image

import dragkit as dk
from dragkit.models.diffusion.model import Diffusion
from dragkit.models.diffusion.pixel_unet import decode, encode, pixel_schedule
from dragkit.models.gan import inversion as gan_inversion
from dragkit.models.gan.network import Generator
from dragkit.models.gan.state_dict import from_state_dict
from dragkit.widgets.background import stop_all


@pytest.fixture
def model():
    """A small random generator whose images lie within 0..1."""
    torch.manual_seed(0)
    state = Generator({4: 16, 8: 16, 16: 8, 32: 4, 64: 4, 128: 2}, 8, 12, 3).state_dict()
    return from_state_dict(
        {
            name: value / 3 if name.endswith("torgb.weight") else value
            for name, value in state.items()
        },
        name="tiny",
    )


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    monkeypatch.setattr(gan_inversion, "STEPS", 60)
    yield
    stop_all()


def choose(picker, content: bytes) -> None:
    """What the browser sends when a file is chosen."""
    file = {
        "name": "my.png",
        "type": "image/png",
        "size": len(content),
        "content": memoryview(content),
        "last_modified": datetime(2026, 1, 1),
    }
    picker.upload.file.value = (file,)


def png(image: torch.Tensor) -> bytes:
    out = BytesIO()
    Image.fromarray(image.mul(255).round().byte().permute(1, 2, 0).numpy()).save(out, "png")
    return out.getvalue()


def wait(picker, seconds: float = 20.0) -> None:
    end = time.monotonic() + seconds
    while picker.upload.enough.layout.display == "":
        assert time.monotonic() < end
        time.sleep(0.02)


def test_a_chosen_image_becomes_the_latent_that_is_dragged(model):
    picker = dk.Picker(model, seed=1)
    reported = []
    picker.on_change(lambda: reported.append(1))
    target = model.finish(model.sample(7))
    before = picker.latent
    choose(picker, png(target))
    wait(picker)
    error = lambda latent: (model.finish(latent) - target).square().mean()
    assert error(picker.latent) < error(before) / 2 and picker.last_error is None
    assert reported == [1] and picker.upload.file.value == () and "dB" in picker.status.line.value
    assert (
        picker.upload.enough.layout.display == "none" and picker.upload.file.layout.display == ""
    )


def test_enough_keeps_the_best_so_far(model, monkeypatch):
    monkeypatch.setattr(gan_inversion, "STEPS", 100_000)
    picker = dk.Picker(model, seed=1)
    before = picker.latent
    choose(picker, png(model.finish(model.sample(7))))
    end = time.monotonic() + 20
    while picker.latent is before:
        assert time.monotonic() < end
        time.sleep(0.02)
    assert picker.upload.enough.layout.display == ""
    picker.upload.enough.click()
    wait(picker)
    assert picker.latent is not before and picker.upload.best is not None


def test_another_seed_ends_the_search_and_is_shown(model, monkeypatch):
    monkeypatch.setattr(gan_inversion, "STEPS", 100_000)
    picker = dk.Picker(model, seed=1)
    choose(picker, png(model.finish(model.sample(7))))
    picker.seed = 3
    assert not picker.upload.runner.busy
    torch.testing.assert_close(picker.latent, model.sample(3))


def test_a_file_that_is_not_an_image_is_reported_and_the_next_one_is_read(model):
    picker = dk.Picker(model, seed=1)
    choose(picker, b"hello")
    assert "not an image" in str(picker.last_error) and picker.status.shows_error
    choose(picker, png(torch.rand(3, 128, 160)))
    wait(picker)
    assert "probably not" in picker.status.line.value  # noise is none of this model's images


def test_a_model_that_can_invert_nothing_has_no_such_button():
    assert dk.Picker(dk.load("toy")).upload.box.layout.display == "none"


@pytest.fixture
def diffusion():
    """A small random diffusion model for images of 16 px."""
    diffusers = pytest.importorskip("diffusers")
    torch.manual_seed(0)
    unet = diffusers.UNet2DModel(
        in_channels=12,
        out_channels=12,
        sample_size=8,
        block_out_channels=(8, 16),
        layers_per_block=1,
        norm_num_groups=4,
        attention_head_dim=4,
        down_block_types=("DownBlock2D", "AttnDownBlock2D"),
        up_block_types=("AttnUpBlock2D", "UpBlock2D"),
    )
    return Diffusion(
        unet.eval().requires_grad_(False),
        pixel_schedule(10),
        encode,
        decode,
        (16, 16),
        2,
    )


def test_a_diffusion_model_inverts_a_chosen_image_which_the_studio_drags(diffusion):
    target = (
        torch.rand(3, 16, 16, generator=torch.Generator().manual_seed(1)).mul(255).round() / 255
    )
    reported = []
    studio = dk.Studio(diffusion, edit=dk.Edit([(4, 4)], [(12, 4)]), **dk.methods.dragdiffusion())
    assert studio.picker.upload.box.layout.display == ""
    studio.picker.on_change(lambda: reported.append(1))
    choose(studio.picker, png(target))
    assert (
        studio.picker.upload.enough.layout.display == "none"
        and studio.picker.upload.file.layout.display == "none"
    )
    end = time.monotonic() + 20
    while studio.picker.upload.file.layout.display == "none":
        assert time.monotonic() < end
        time.sleep(0.02)
    assert torch.equal(studio.picker.latent, diffusion.invert(target)) and reported == [1]
    assert (
        "Found with" in studio.picker.status.line.value
        and studio.picker.upload.file.layout.display == ""
    )
    trace = studio.run(2)
    assert torch.equal(trace[0].latent, studio.picker.latent) and not torch.equal(
        trace[-1].latent, trace[0].latent
    )


def test_a_file_that_no_diffusion_model_can_read_is_reported(diffusion):
    picker = dk.Picker(diffusion)
    choose(picker, b"hello")
    assert (
        "not an image" in str(picker.last_error)
        and picker.status.shows_error
        and not picker.upload.runner.busy
    )


def test_a_studio_drags_what_was_found(model):
    found = dk.invert(model, model.finish(model.sample(7)), steps=5)
    studio = dk.Studio(
        model,
        latent=found.latent,
        edit=dk.Edit([(50, 50)], [(60, 50)]),
        **dk.methods.draggan("paper"),
    )
    trace = studio.run(2)
    torch.testing.assert_close(trace[0].latent, found.latent)
    assert not torch.equal(trace[-1].latent, found.latent)


def test_a_run_ends_the_search_and_begins_where_it_came_to(model, monkeypatch):
    monkeypatch.setattr(gan_inversion, "STEPS", 100_000)
    studio = dk.Studio(
        model, seed=1, edit=dk.Edit([(50, 50)], [(60, 50)]), **dk.methods.draggan("paper")
    )
    choose(studio.picker, png(model.finish(model.sample(7))))
    trace = studio.run(2)
    assert not studio.picker.upload.runner.busy
    torch.testing.assert_close(trace[0].latent, studio.picker.latent)
    assert not torch.equal(trace[0].latent, model.sample(1)) and "a latent" in repr(studio.picker)


def test_what_is_loaded_ends_the_search(model, monkeypatch):
    monkeypatch.setattr(gan_inversion, "STEPS", 100_000)
    picker = dk.Picker(model, seed=1)
    choose(picker, png(model.finish(model.sample(7))))
    picker.load(model.sample(4), dk.Edit([(50, 50)], [(60, 50)]))
    time.sleep(0.5)
    torch.testing.assert_close(picker.latent, model.sample(4))
