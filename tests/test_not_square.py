"""A generator whose images are not square: loaded, dragged, inverted, tuned, saved and drawn."""

import dataclasses

import numpy as np
import pytest
import torch

import dragkit as dk
from dragkit.models.gan.checkpoint import CheckpointError
from dragkit.models.gan.state_dict import from_state_dict
from tests.checkpoint_files import network, rosinality, write_nvidia, write_tensorflow

FIRSTS = [(4, 2), (2, 4), (4, 8), (3, 5)]  # StyleGAN-Human's, and others
METHOD = dk.methods.draggan() | {
    "losses": (dk.ShiftedPatchLoss(40), dk.MaskLoss(20)),
    "steps": 2,
}


def generator(first, side=32):
    made = network(side, first=first)
    for name, value in made.state_dict().items():
        if name.endswith("torgb.weight"):
            value /= 10  # within 0..1
    return made


def model(first, side=64):
    return from_state_dict(generator(first, side).state_dict(), name="tall")


def edit_of(size) -> dk.Edit:
    height, width = size
    mask = np.zeros(size, bool)
    mask[height // 4 :, : width // 2 + 4] = True
    return dk.Edit([(0.4 * width, 0.3 * height)], [(0.4 * width + 3, 0.5 * height)], mask)


@pytest.mark.parametrize("first", FIRSTS)
@pytest.mark.parametrize("layout", ["NVIDIA", "NVIDIA's names", "TensorFlow", "rosinality"])
def test_it_is_read_in_every_layout(tmp_path, first, layout):
    made = generator(first)
    path = tmp_path / "human.pkl"
    if layout == "NVIDIA":  # as StyleGAN-Human's, which has the argument "square" besides
        write_nvidia(path, made, square=False)
    elif layout == "TensorFlow":
        write_tensorflow(path, made)
    elif layout == "rosinality":
        torch.save({"g_ema": rosinality(made), "latent_avg": made.mapping.w_avg}, path)
    else:
        torch.save(made.state_dict(), path)
    read = dk.load(path, device="cpu")
    assert read.size == (8 * first[0], 8 * first[1])
    expected = made.synthesis(read.sample(3)[None])[0].add(1).div(2).clamp(0, 1)
    torch.testing.assert_close(read.finish(read.sample(3)), expected, atol=1e-6, rtol=1e-5)


@pytest.mark.parametrize("first", FIRSTS)
def test_blocks_are_read_by_their_names_on_grids_of_the_images_shape(first):
    made = model(first)
    for block in (4, 16, 64):
        features = dataclasses.replace(made, feature_block=block).view(made.sample(0)).features
        assert features.shape[1:] == (first[0] * block // 4, first[1] * block // 4)


@pytest.mark.parametrize("first", FIRSTS)
def test_it_is_dragged_saved_and_opened(tmp_path, first):
    made = model(first)
    session = dk.Session(made, made.sample(0), edit_of(made.size), **METHOD)
    session.step(), session.step()
    assert session.trace[-1].image.shape == (*made.size, 3)
    session.trace.to_gif(tmp_path / "run.gif")
    opened = dk.Session.load(session.save(tmp_path / "run"), made, **METHOD)
    assert torch.equal(opened.trace[-1].points, session.trace[-1].points)
    assert opened.edit.mask.shape == made.size

    saved = dk.save(made, tmp_path / "tall.safetensors")
    assert torch.equal(
        dk.load(saved, device="cpu").finish(made.sample(1)), made.finish(made.sample(1))
    )


@pytest.mark.filterwarnings("ignore:tall can probably not make this image")
@pytest.mark.parametrize("first", FIRSTS[:2])
@pytest.mark.parametrize("fit", ["crop", "pad", "resize"])
def test_an_image_of_another_shape_is_inverted_and_tuned(first, fit):
    made = model(first)
    found = dk.invert(made, torch.rand(3, 50, 70), fit=fit, steps=2, callback=lambda _: None)
    tuned = dk.tune(found, steps=2, callback=lambda _: None)
    assert tuple(tuned.image.shape) == (3, *made.size) and tuned.psnr >= found.psnr
    with pytest.raises(ValueError, match='has 70×50 pixels .* fit="native" scales nothing'):
        dk.invert(made, torch.rand(3, 50, 70), fit="native")


@pytest.mark.parametrize("first", FIRSTS[:2])
def test_widgets_and_figures_keep_its_shape(first):
    made = model(first)
    height, width = made.size
    studio = dk.Studio(made, edit=edit_of(made.size), **METHOD)
    trace = studio.run(2)
    shape = width / height
    assert studio.picker.still(200).size == (round(200 * shape), 200)
    assert studio.player.image(200).size == (round(200 * shape), 200)
    canvas = studio.picker.view.canvas.canvas
    assert canvas.width / canvas.height == pytest.approx(shape, rel=0.01)
    features, *_ = dk.Features(made, trace).images(200)
    assert features.size == (round(200 * shape), 200)
    two = {"nearest": dk.NearestNeighbor(40), "line": dk.LineSearch()}
    assert dk.Compare.trackers(made, trace, two).still()

    square = dk.plot.images({"a": torch.rand(3, 8, 8)}).get_size_inches()
    shown = dk.plot.images({"a": made.finish(made.sample(0))}).get_size_inches()
    assert shown[0] == square[0] and (shown[1] > square[1]) == (height > width)
    assert dk.plot.filmstrip(trace) and dk.plot.step(trace[-1])


def test_a_click_is_where_it_is_on_an_image_that_is_not_square():
    made = model((4, 2))
    picker = dk.Picker(made, size=128)  # twice as fine on the canvas: 4 of its pixels for one
    picker.view.canvas._report("press", False, 4 * 20 + 2, 4 * 50 + 2)
    picker.view.canvas._report("release", False, 4 * 20 + 2, 4 * 50 + 2)
    assert picker.draft.handles == [(20, 50)]


def test_one_that_is_too_large_is_told(tmp_path):
    state = generator((4, 2)).state_dict()
    torch.save(state | {"synthesis.b4.const": torch.zeros(8, 4, 1024)}, tmp_path / "wide.pt")
    with pytest.raises(CheckpointError, match="for images of 32x8192 px; sides of 1 to 4096 px"):
        dk.load(tmp_path / "wide.pt")
