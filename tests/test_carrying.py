"""Image, points and mask are brought to another size together."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

import dragkit as dk
from dragkit.geometry import sample
from dragkit.images import read_image
from dragkit.placement import FITS, placement

SCALING = [fit for fit in FITS if fit != "native"]
SIDE = st.integers(24, 90)
SIZE = st.tuples(SIDE, SIDE)


def marked(size: tuple[int, int], x: int, y: int) -> np.ndarray:
    """Black, with a white square of 7 px around (x, y)."""
    image = np.zeros((*size, 3), np.uint8)
    image[max(y - 3, 0) : y + 4, max(x - 3, 0) : x + 4] = 255
    return image


@given(SIZE, SIZE, st.sampled_from(SCALING), st.data())
def test_a_marked_place_is_found_under_the_carried_point_and_in_the_carried_mask(
    source, size, fit, data
):
    x = data.draw(st.integers(3, source[1] - 4))
    y = data.draw(st.integers(3, source[0] - 4))
    given_image = marked(source, x, y)
    edit = dk.Edit([(x, y)], [(x, y)], given_image[..., 0])
    inside = placement(source, size, fit).shows(edit.handles)[0]
    if not inside:
        with pytest.raises(ValueError, match=rf"handle 0 at \({x}, {y}\), target 0 .* fall off"):
            dk.carry(given_image, edit, size, fit)
        return

    image, carried = dk.carry(given_image, edit, size, fit)
    assert image.shape == (3, *size) and carried.mask.shape == size
    assert torch.equal(image, read_image(given_image, size, fit))
    carried.fit(size)
    assert sample(image, carried.handles, size)[0].min() > 0.5
    assert sample(carried.mask[None], carried.handles, size)[0].min() > 0
    assert torch.equal(carried.handles, carried.targets)
    white = image[0] > 0.5
    assert (white != (carried.mask > 0)).float().sum() <= 0.2 * white.sum() + 4  # the same square


@given(st.tuples(st.integers(1, 4096), st.integers(1, 4096)), SIZE)
def test_what_crop_keeps_is_never_beyond_the_source(source, size):
    left, top, right, bottom = placement(source, size, "crop").box
    assert 0 <= left < right <= source[1] and 0 <= top < bottom <= source[0]


def test_a_box_that_is_rounded_beyond_the_image_is_cut():
    assert read_image(np.zeros((421, 412, 3), np.uint8), 512).shape == (3, 512, 512)


def test_a_large_photo_is_carried_with_its_own_mask():
    photo = np.zeros((5000, 6000, 3), np.uint8)
    edit = dk.Edit([(3000, 2000)], [(2800, 2000)], photo[..., 0] + 1)
    image, carried = dk.carry(photo, edit, (64, 64), "pad")
    assert image.shape == (3, 64, 64) and carried.mask.any()


@given(SIZE, SIZE, st.sampled_from(SCALING))
def test_crop_and_pad_scale_both_sides_alike_and_all_but_crop_keep_every_point(source, size, fit):
    where = placement(source, size, fit)
    across, down = where.scale
    if fit != "resize":  # but for whole pixels at the border
        assert abs(across / down - 1) < 0.07
    corners = torch.tensor([[-0.5, -0.5], [source[1] - 0.5, source[0] - 0.5]])
    assert where.shows(corners).all() or fit == "crop"
    left, top, right, bottom = where.place
    assert (left, top) >= (0, 0) and (right, bottom) <= (size[1], size[0])
    if fit == "crop":
        assert where.place == (0, 0, size[1], size[0])
    middle = torch.tensor([[source[1] / 2 - 0.5, source[0] / 2 - 0.5]])
    expected = torch.tensor([[size[1] / 2 - 0.5, size[0] / 2 - 0.5]])
    assert (where.carried(middle) - expected).abs().max() <= 0.51 * max(across, down, 1)


@pytest.mark.parametrize("size", [(30, 50), (50, 30), (41, 23)])
def test_native_changes_nothing(size):
    array = np.random.RandomState(0).randint(0, 256, (*size, 3), np.uint8)
    edit = dk.Edit([(0, 0), (7.25, 3)], [(size[1] - 1, size[0] - 1), (4, 4)], np.eye(*size), 2)
    for given_size in (None, size):
        image, carried = dk.carry(array, edit, given_size)
        assert torch.equal(image, torch.from_numpy(array / np.float32(255)).permute(2, 0, 1))
        assert torch.equal(carried.handles, edit.handles)
        assert torch.equal(carried.targets, edit.targets)
        assert torch.equal(carried.mask, edit.mask) and carried.arrive == edit.arrive


def test_a_photo_that_is_turned_by_a_flag_has_its_points_as_people_see_it(tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 6
    stored = np.rot90(marked((40, 60), 50, 5))  # as the camera stored it
    Image.fromarray(np.ascontiguousarray(stored)).save(tmp_path / "p.png", exif=exif)
    image, carried = dk.carry(tmp_path / "p.png", dk.Edit([(50, 5)], [(10, 30)]), (20, 30), "crop")
    assert sample(image, carried.handles, (20, 30)).min() > 0.9
    torch.testing.assert_close(carried.handles, torch.tensor([[24.75, 2.25]]))


def test_the_stop_distance_is_scaled_with_the_image():
    edit = dk.Edit([(50, 30)], [(60, 30)], arrive=4)
    assert dk.carry(torch.zeros(3, 64, 128), edit, 32, "pad")[1].arrive == 1
    assert dk.carry(torch.zeros(3, 64, 128), edit, 32, "resize")[1].arrive == pytest.approx(2**0.5)


def test_what_a_border_adds_may_not_move():
    edit = dk.Edit([(20, 5)], [(30, 5)], np.ones((10, 40)))
    _, carried = dk.carry(np.zeros((10, 40)), edit, 40, "pad")
    assert carried.mask[15:25].all() and not carried.mask[:15].any() | carried.mask[25:].any()


def test_what_cannot_be_carried_is_told():
    wide = np.zeros((40, 80))
    with pytest.raises(
        ValueError,
        match=r"handle 1 at \(2, 20\), target 0 at \(79, 3\) would fall off: fit='crop' keeps x"
        r' from 20 to 60 and y from 0 to 40 of the 80×40 image; choose "pad"',
    ):
        dk.carry(wide, dk.Edit([(40, 20), (2, 20)], [(79, 3), (50, 20)]), 64, "crop")
    with pytest.raises(ValueError, match=r"handle 0 at \(20, 60\) is outside the 80×40 image"):
        dk.carry(wide, dk.Edit([(20, 60)], [(20, 20)]))
    with pytest.raises(ValueError, match=r"mask has shape \(80, 40\); the image needs .*\(40, 80"):
        dk.carry(wide, dk.Edit([(20, 20)], [(30, 20)], np.ones((80, 40))), 64, "pad")
    mask = np.zeros((40, 80))
    mask[:, :10] = 1
    with pytest.raises(ValueError, match="what the mask lets move is not in the image any longer"):
        dk.carry(wide, dk.Edit([(40, 20)], [(30, 20)], mask), 64, "crop")
    with pytest.raises(ValueError, match=r'has 80×40 pixels .* 64×64 are needed; fit="native"'):
        dk.carry(wide, dk.Edit([(40, 20)], [(30, 20)]), 64)
    with pytest.raises(ValueError, match="handles 0 and 1 are both on pixel"):
        dk.carry(wide, dk.Edit([(40, 20), (41, 20)], [(30, 20), (9, 9)]), (5, 10), "resize")
    with pytest.raises(TypeError, match="edit is .* give a dragkit.Edit"):
        dk.carry(wide, [(40, 20)])


@pytest.mark.parametrize("size", [(0, 8), (8,), (8, 8, 8), "8", (8, 5000), (8.5, 8)])
def test_a_size_that_is_none_is_told(size):
    with pytest.raises(ValueError, match="size is .*an image's side has 1 to 4096 px"):
        dk.carry(np.zeros((8, 8)), dk.Edit([(4, 4)], [(5, 5)]), size, "pad")


def test_an_image_that_is_too_large_for_any_model_needs_a_size():
    huge = np.broadcast_to(np.uint8(0), (8, 5000, 3))
    with pytest.raises(ValueError, match="5000×8 pixels .*at most 4096 a side, so give the size"):
        read_image(huge)
    assert read_image(huge, (8, 40), "resize").shape == (3, 8, 40)
