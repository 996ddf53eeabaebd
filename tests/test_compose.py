"""Pictures are checked by their pixels: what is drawn lies where it should, in the colour it should have."""

import io

import numpy as np
import pytest
from PIL import Image

from dragkit import compose as c
from dragkit.compose.marks import HANDLE, PATH, TARGET, UNIT

GREY = np.full((64, 64, 3), 128, np.uint8)


def compose(*arguments, **look):
    return np.asarray(c.paint(*arguments, **look))


def at(picture, x, y, side=64):
    """The colour in the middle of pixel (x, y) of the original picture."""
    scale = len(picture) / side
    return tuple(int(v) for v in picture[int((y + 0.5) * scale), int((x + 0.5) * scale)])


def near(colour, other):
    return max(abs(int(a) - int(b)) for a, b in zip(colour, other)) < 40


@pytest.mark.parametrize("size", [192, 384, 768])
def test_handle_and_target_lie_at_their_pixels_at_every_size(size):
    picture = compose(GREY, [(10, 20)], [(50, 40)], size=size)
    assert picture.shape == (size, size, 3)
    assert near(at(picture, 10, 20), HANDLE)
    assert near(at(picture, 50, 40), TARGET)
    if size < UNIT:
        return
    middle = round(30.5 * size / 64)
    assert picture[middle - 2 : middle + 3, middle].min(-1).max() > 160, "the white arrow leads from one to the other"
    assert near(at(picture, 5, 55), (128, 128, 128))


def test_a_picture_that_is_not_square_keeps_its_shape():
    assert compose(np.zeros((32, 64, 3), np.uint8), size=100).shape == (100, 200, 3)


def test_nothing_to_draw_is_the_picture():
    assert (compose(GREY, size=128) == 128).all()


def test_the_path_is_drawn_up_to_the_present():
    path = np.array([[[10.0, 10.0]], [[30.0, 10.0]], [[50.0, 10.0]]])
    assert near(at(compose(GREY, path=path), 40, 10), PATH)
    assert near(at(compose(GREY, path=path[:2]), 40, 10), (128, 128, 128))


def test_the_mask_veils_what_must_stay():
    mask = np.zeros((64, 64))
    mask[:, 32:] = 1
    picture = compose(GREY, mask=mask)
    assert at(picture, 50, 30) == (128, 128, 128)
    assert min(at(picture, 10, 30)) > 180


def test_the_score_window_is_magnified_away_from_the_points():
    scores = np.linspace(0, 1, 49).reshape(7, 7)
    picture = compose(GREY, [(12, 12)], [(20, 12)], scores=scores, near=(12, 12))
    lens = picture[-110:-5, -110:-5].reshape(-1, 3).astype(int)
    assert len(np.unique(lens // 8, axis=0)) > 15, "many colours of viridis"
    assert (np.ptp(lens, axis=1) > 60).mean() > 0.4


def test_scores_off_the_picture_are_transparent_and_the_best_is_brightest():
    scores = np.array([[np.nan, 0.0], [0.5, 1.0]])
    rgba = c.colours(scores)
    assert rgba[0, 0, 3] == 0
    assert rgba[1, 1, :3].sum() > rgba[1, 0, :3].sum() > rgba[0, 1, :3].sum()
    assert c.colours(np.full((2, 2), np.nan)).max() == 0


def test_a_window_without_any_score_can_be_drawn():
    compose(GREY, scores=np.full((7, 7), np.nan), near=(0, 0))


def test_snapshots_are_png_and_live_pictures_jpeg():
    picture = c.paint(GREY, [(10, 20)])
    assert Image.open(io.BytesIO(c.png(picture))).format == "PNG"
    assert Image.open(io.BytesIO(c.encode(np.asarray(picture)))).format == "JPEG"


def test_pictures_beside_and_below_each_other():
    a, b = Image.new("RGB", (10, 20)), Image.new("RGB", (30, 5))
    assert c.beside(a, b, gap=2).size == (42, 20)
    assert c.beside(a, b, gap=2, stacked=True).size == (30, 27)


@pytest.mark.parametrize(("size", "wide"), [((384, 384), False), ((800, 200), True)])
def test_curves_mark_the_step_and_are_twice_as_fine(size, wide):
    steps, distance = [0, 1, 2, 3], np.array([[9.0, 4], [6, 3], [3, np.nan], [1, 1]])
    draw = lambda at: c.curves(steps, distance, {"shift": [2, 2, 1, 0.5]}, at=at, arrive=1, size=size)
    assert draw(0).size == (2 * size[0], 2 * size[1])
    changed = np.argwhere((np.asarray(draw(0)) != np.asarray(draw(3))).any(-1))
    height, width = 2 * size[1], 2 * size[0]
    in_both = (changed[:, 1] > width // 2) if wide else (changed[:, 0] > height // 2)
    assert 0 < in_both.mean() < 1


@pytest.mark.parametrize("distance", [np.zeros((0, 1)), np.zeros((1, 1)), np.full((1, 2), np.nan)])
def test_curves_of_nearly_nothing(distance):
    steps = list(range(len(distance)))
    c.curves(steps, distance, {"shift": [0.0] * len(steps)})


def test_widths_grow_with_the_picture():
    small, large = (np.asarray(c.paint(GREY, [(32, 32)], size=s)).astype(int) for s in (UNIT, 2 * UNIT))
    count = lambda p: (abs(p - HANDLE).max(-1) < 40).sum()
    assert count(large) == pytest.approx(4 * count(small), rel=0.15)


@pytest.mark.parametrize("values", [[-3.0, -1, -2], [0.0, 0, 0], [1.0, np.inf, np.nan], [-1.0, 2, 5]])
def test_curves_draw_any_loss(values):
    picture = c.curves([0, 1, 2], np.ones((3, 1)), {"mine": values})
    assert np.ptp(np.asarray(picture)) > 100
