"""Masks as they come: files, images and arrays of every kind are the same mask, or told."""

import dataclasses
import re
import warnings

import numpy as np
import pytest
import torch
from PIL import Image

import dragkit as dk
from dragkit import Edit, MaskLoss, ShiftedPatchLoss, View
from dragkit.geometry import sample
from dragkit.losses import CosineLoss
from dragkit.masks import from_gradient, read_mask
from dragkit.models.toy import Toy

MASK = np.zeros((10, 14), bool)
MASK[2:7, 3:12] = True
GREY = np.uint8(255) * MASK
EDIT = {"handles": [(5, 5)], "targets": [(8, 5)]}
COLOURED = np.stack([GREY, 255 - GREY, GREY], -1)
HALF_SEEN = np.dstack([GREY] * 3 + [GREY // 2 + 128])

KINDS = {
    "truths": MASK,
    "0 and 1": MASK.astype(np.uint8),
    "floats": MASK.astype(np.float64),
    "half floats": torch.from_numpy(MASK).half(),
    "0 and 255": GREY,
    "0 and 255, int64": GREY.astype(np.int64),
    "0 and 255, floats": GREY.astype(np.float32),
    "0 and 65535": MASK * np.uint16(65535),
    "upside down twice": GREY[::-1][::-1],
    "three channels": np.dstack([GREY] * 3),
    "three channels first": torch.from_numpy(np.stack([MASK] * 3)),
    "one channel": GREY[..., None],
    "a batch of one": torch.from_numpy(MASK)[None, None],
    "a batch of three channels": np.dstack([GREY] * 3)[None],
    "a list": MASK.astype(int).tolist(),
    "mode L": Image.fromarray(GREY),
    "mode 1": Image.fromarray(GREY).convert("1"),
    "mode RGB": Image.fromarray(GREY).convert("RGB"),
    "mode P": Image.fromarray(GREY).convert("P"),
    "mode RGBA": Image.fromarray(GREY).convert("RGBA"),
    "mode CMYK": Image.fromarray(GREY).convert("RGB").convert("CMYK"),
    "mode I;16": Image.fromarray(MASK * np.uint16(65535)),
    "mode I": Image.fromarray(GREY.astype(np.int32)),
    "mode F": Image.fromarray(MASK.astype(np.float32)),
}


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_is_the_same_mask(kind):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        mask = dk.Edit(**EDIT, mask=KINDS[kind]).mask
    assert mask.dtype == torch.float32 and torch.equal(mask, torch.from_numpy(MASK).float())


@pytest.mark.parametrize("ending", ["png", "tiff", "bmp", "gif"])
def test_a_file_is_read(tmp_path, monkeypatch, ending):
    Image.fromarray(GREY).save(tmp_path / f"m.{ending}")
    expected = torch.from_numpy(MASK).float()
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("USERPROFILE", str(tmp_path))
    for path in (tmp_path / f"m.{ending}", str(tmp_path / f"m.{ending}"), f"~/m.{ending}"):
        assert torch.equal(read_mask(path), expected)
    assert torch.equal(read_mask((tmp_path / f"m.{ending}").read_bytes()), expected)


def test_a_file_that_is_turned_by_a_flag_is_turned(tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.fromarray(GREY).save(tmp_path / "m.png", exif=exif)
    assert torch.equal(
        read_mask(tmp_path / "m.png"), torch.from_numpy(np.rot90(MASK, -1).copy()).float()
    )


def test_of_grey_the_threshold_is_said(tmp_path):
    soft = GREY.copy()
    soft[0, 0], soft[0, 1] = 127, 128
    for given in (soft, Image.fromarray(soft)):
        with pytest.warns(UserWarning, match="grey .*1.4 % of it.* 128 and above may move"):
            mask = read_mask(given)
        assert mask[0, 0] == 0 and mask[0, 1] == 1 and mask.sum() == MASK.sum() + 1
    Image.fromarray(GREY).save(tmp_path / "m.jpg", quality=60)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        assert torch.equal(read_mask(tmp_path / "m.jpg"), torch.from_numpy(MASK).float())


@pytest.mark.parametrize(
    ("mask", "message"),
    [
        (COLOURED, r"shape \(10, 14, 3\), and its channels differ, so it has colours"),
        (Image.fromarray(COLOURED), "its channels differ, so it has colours"),
        (Image.fromarray(HALF_SEEN), "the image is partly transparent.*getchannel"),
        (MASK.astype(np.uint8) * 3, "mask holds 3; only 0 .* or 0 and 255"),
        (-GREY.astype(np.int32), "mask holds -255; only 0"),
        (MASK * 0.7, "mask holds 0.7; only 0 .* try mask > 0.5"),
        (MASK * np.uint8(100), r"mask is dark \(at most 100\) everywhere, so nothing may move"),
        (GREY * 0, "mask is 0 everywhere"),
        (np.zeros((2, 10, 14)), r"mask has shape \(2, 10, 14\); it must be \(height, width\)"),
        (
            np.broadcast_to(np.uint8(1), (8000, 8000)),
            r"mask has shape \(8000, 8000\).*at most 50,000,000 pixels",
        ),
        ("gone.png", "there is no file gone.png"),
        (b"hello", "the file is not an image, but a text that begins with 'hello'"),
        ({"mask": 1}, "mask is .*; give an array .* or the path of a black and white image"),
    ],
)
@pytest.mark.filterwarnings("ignore:the mask has grey")
def test_what_is_no_mask_is_told(mask, message):
    with pytest.raises((ValueError, FileNotFoundError), match=message):
        read_mask(mask)


def test_a_mask_of_another_size_than_the_image_is_told():
    with pytest.raises(ValueError, match=r"mask has shape \(10, 14\); the image needs"):
        dk.Edit([(5, 5)], [(8, 5)], GREY).fit((14, 10))


def coloured_regions(labels) -> Image.Image:
    """As DAVIS and VOC keep their masks: the numbers of regions, with a palette of colours."""
    image = Image.fromarray(labels).convert("L")
    image.putpalette([0, 0, 0, 128, 0, 0, 0, 128, 0, 128, 128, 0] + [224, 224, 192] * 252)
    return image


@pytest.mark.parametrize("number", [1, 2, 255])
def test_of_a_palette_of_colours_the_region_may_move(tmp_path, number):
    coloured_regions(MASK * np.uint8(number)).save(tmp_path / "m.png")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert torch.equal(read_mask(tmp_path / "m.png"), torch.from_numpy(MASK).float())


def test_of_several_regions_one_is_asked_for(tmp_path):
    labels = MASK.astype(np.uint8)
    labels[5:] *= 2
    coloured_regions(labels).save(tmp_path / "m.png")
    numbers = r"0 \(0, 0, 0\), 1 \(128, 0, 0\), 2 \(0, 128, 0\); choose what may move, .* == 1"
    with pytest.raises(ValueError, match=numbers):
        read_mask(tmp_path / "m.png")


@pytest.mark.parametrize("colour", [(255, 0, 0), (0, 255, 0), (0, 0, 255), (255, 255, 0)])
@pytest.mark.parametrize("background", [(0, 0, 0), (68, 1, 84)])
def test_a_palette_that_a_program_made_never_turns_the_mask_around(tmp_path, colour, background):
    """Pillow gives the brightest colour the number 0, which is no background then."""
    pixels = np.where(MASK[..., None], np.uint8(colour), np.uint8(background))
    image = Image.fromarray(pixels)
    image.save(tmp_path / "a.gif")
    image.quantize(2).save(tmp_path / "b.png")
    image.convert("P", palette=Image.Palette.ADAPTIVE, colors=2).save(tmp_path / "c.png")
    image.quantize(2, method=Image.Quantize.FASTOCTREE).save(tmp_path / "d.png")
    for path in tmp_path.iterdir():
        number = Image.open(path).getpixel((5, 5))
        if background == (0, 0, 0) and number == 1:
            assert torch.equal(read_mask(path), torch.from_numpy(MASK).float())
            continue
        shown = re.escape(str(colour))
        with pytest.raises(ValueError, match=rf"{number} {shown}.*; choose what may move"):
            read_mask(path)


def test_a_palette_whose_colours_are_all_opaque_is_read_as_one_without_transparency(tmp_path):
    image = coloured_regions(MASK.astype(np.uint8))
    image.save(tmp_path / "m.png", transparency=bytes([255] * 256))
    assert torch.equal(read_mask(tmp_path / "m.png"), torch.from_numpy(MASK).float())
    image.save(tmp_path / "n.png", transparency=0)
    with pytest.raises(ValueError, match="partly transparent"):
        read_mask(tmp_path / "n.png")


def test_a_mask_may_be_as_large_as_an_image():
    free = np.zeros((4000, 6000), bool)
    free[1000:3000, 1000:5000] = True
    assert read_mask(free).sum() == 8_000_000


def test_a_file_of_numpy_and_an_open_file_are_read(tmp_path):
    expected = torch.from_numpy(MASK).float()
    np.save(tmp_path / "m.npy", MASK)
    assert torch.equal(read_mask(tmp_path / "m.npy"), expected)
    Image.fromarray(GREY).save(tmp_path / "m.png")
    with (tmp_path / "m.png").open("rb") as file:
        assert torch.equal(read_mask(file), expected)
    Image.fromarray(COLOURED).save(tmp_path / "c.png")
    with warnings.catch_warnings(), pytest.raises(ValueError, match="give a black and white ima"):
        warnings.simplefilter("error")
        soft = COLOURED.copy()
        soft[0, 0] = 90
        Image.fromarray(soft).save(tmp_path / "c.png")
        read_mask(tmp_path / "c.png")


# Masks from a gradient


class Plain:
    """A model whose features are its latent, so a loss reaches the cells that it reads."""

    name, size, device = "plain", (64, 64), torch.device("cpu")

    def view(self, latent):
        return View(latent, self.size, lambda: torch.zeros(3, 64, 64))


def test_the_cells_that_a_loss_pulls_at_are_free():
    latent = torch.randn(4, 16, 16)
    edit = Edit([(9.5, 21.5)], [(29.5, 21.5)])  # the middles of cells (2, 5) and (7, 5)
    mask = from_gradient(Plain(), latent, edit, CosineLoss(hop=512, straight=512))
    assert mask.nonzero().unique(dim=0).numel() == 2 * 16
    assert mask[20:24, 28:32].all() and mask.sum() == 16
    fixed = dataclasses.replace(edit, mask=mask)
    assert fixed.mask.shape == (64, 64)


def test_it_is_the_mean_over_channels_scaled_and_cut_as_by_hand():
    model = dk.load("lion-diffusion")
    latent = model.sample(1)
    edit = Edit([(28, 31)], [(33, 31)])
    leaf = latent.clone().requires_grad_()
    view = model.view(leaf)
    first = sample(view.features.detach(), edit.handles, (64, 64))
    ahead = edit.handles + torch.tensor([[1.5, 0.0]])  # 12 px of 512
    cosine = torch.cosine_similarity(sample(view.features, ahead, (64, 64)), first)
    (1 / (1 + (1 + cosine) / 2)).sum().backward()
    strength = leaf.grad.mean(0).abs()
    grey = 255 * (strength - strength.min()) / (strength.max() - strength.min())
    for threshold in (30, 100):
        mask = from_gradient(model, latent, edit, threshold=threshold)
        expected = (grey > threshold).float().repeat_interleave(2, 0).repeat_interleave(2, 1)
        assert torch.equal(mask, expected)
        assert 0 < mask.mean() < 0.5
    assert not model.sample(1).requires_grad


def test_a_model_whose_latents_have_no_places_is_told():
    toy = Toy(side=64)
    with pytest.raises(ValueError, match=r"the latent has shape \(3, 2\), so its numbers have no"):
        from_gradient(toy, toy.sample(0), Edit([(20, 20)], [(30, 20)]))


def test_nothing_to_choose_by_is_told():
    edit = Edit([(20, 20)], [(30, 20)])
    with pytest.raises(ValueError, match="the gradient is the same everywhere"):
        from_gradient(Plain(), torch.randn(4, 16, 16), edit, ShiftedPatchLoss(weight=0))
    with pytest.raises(ValueError, match="the loss 'mask' does not depend on the latent"):
        from_gradient(Plain(), torch.randn(4, 16, 16), edit, MaskLoss())
    with pytest.raises(ValueError, match="threshold is 255; give a grey level of 0 to 254"):
        from_gradient(Plain(), torch.randn(4, 16, 16), edit, threshold=255)
    with pytest.raises(TypeError, match="edit is 3"):
        from_gradient(Plain(), torch.randn(4, 16, 16), 3)
