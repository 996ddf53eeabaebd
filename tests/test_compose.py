"""Images are checked by their pixels: what is drawn lies where it should, in the colour it
should have.
"""

import io

import numpy as np
import pytest
from PIL import Image

from dragkit import compose as c
from dragkit.compose.marks import HANDLE, PATH, TARGET, UNIT

GREY = np.full((64, 64, 3), 128, np.uint8)


def compose(*arguments, **settings):
    return np.asarray(c.draw_overlay(*arguments, **settings))


def curves(steps, distance, losses, at=-1, size=(384, 384), **more):
    """A run's chart with the step at position `at` marked."""
    marked = steps[at] if steps else None
    return c.chart(c.run_panels(steps, distance, losses, **more), marked, size)


def at(image, x, y, side=64):
    """The colour in the middle of pixel (x, y) of the original image."""
    scale = len(image) / side
    return tuple(int(v) for v in image[int((y + 0.5) * scale), int((x + 0.5) * scale)])


def close(colour, other):
    return max(abs(int(a) - int(b)) for a, b in zip(colour, other)) < 40


@pytest.mark.parametrize("size", [192, 384, 768])
def test_handle_and_target_lie_at_their_pixels_at_every_size(size):
    image = compose(GREY, [(10, 20)], [(50, 40)], size=size)
    assert image.shape == (size, size, 3)
    assert close(at(image, 10, 20), HANDLE)
    assert close(at(image, 50, 40), TARGET)
    if size < UNIT:
        return
    middle = round(30.5 * size / 64)
    assert image[middle - 2 : middle + 3, middle].min(-1).max() > 160, (
        "the white arrow leads from one to the other"
    )
    assert close(at(image, 5, 55), (128, 128, 128))


def test_an_image_that_is_not_square_keeps_its_shape():
    assert compose(np.zeros((32, 64, 3), np.uint8), size=100).shape == (100, 200, 3)


def test_nothing_to_draw_is_the_image():
    assert (compose(GREY, size=128) == 128).all()


def test_the_path_is_drawn_up_to_the_present():
    path = np.array([[[10.0, 10.0]], [[30.0, 10.0]], [[50.0, 10.0]]])
    assert close(at(compose(GREY, path=path), 40, 10), PATH)
    assert close(at(compose(GREY, path=path[:2]), 40, 10), (128, 128, 128))


def test_what_must_stay_is_whitened_by_the_mask():
    mask = np.zeros((64, 64))
    mask[:, 32:] = 1
    image = compose(GREY, mask=mask)
    assert at(image, 50, 30) == (128, 128, 128)
    assert min(at(image, 10, 30)) > 180


def test_the_score_window_is_magnified_away_from_the_points():
    scores = np.linspace(0, 1, 49).reshape(7, 7)
    image = compose(GREY, [(12, 12)], [(20, 12)], window=c.ScoreWindow(scores, (12, 12)))
    inset = image[-110:-5, -110:-5].reshape(-1, 3).astype(int)
    assert len(np.unique(inset // 8, axis=0)) > 15, "many colours of viridis"
    assert (np.ptp(inset, axis=1) > 60).mean() > 0.4


def test_scores_off_the_image_are_transparent_and_the_best_is_brightest():
    scores = np.array([[np.nan, 0.0], [0.5, 1.0]])
    rgba = c.score_colours(scores)
    assert rgba[0, 0, 3] == 0
    assert rgba[1, 1, :3].sum() > rgba[1, 0, :3].sum() > rgba[0, 1, :3].sum()
    assert c.score_colours(np.full((2, 2), np.nan)).max() == 0


def test_a_window_without_any_score_can_be_drawn():
    compose(GREY, window=c.ScoreWindow(np.full((7, 7), np.nan), (0, 0)))


def test_snapshots_are_png_and_live_images_jpeg():
    image = c.draw_overlay(GREY, [(10, 20)])
    assert Image.open(io.BytesIO(c.png(image))).format == "PNG"
    assert Image.open(io.BytesIO(c.encode(np.asarray(image)))).format == "JPEG"


def test_images_beside_and_below_each_other():
    a, b = Image.new("RGB", (10, 20)), Image.new("RGB", (30, 5))
    assert c.hstack(a, b, gap=2).size == (42, 20)
    assert c.vstack(a, b, gap=2).size == (30, 27)


@pytest.mark.parametrize(("size", "wide"), [((384, 384), False), ((800, 200), True)])
def test_curves_mark_the_step_and_are_twice_as_fine(size, wide):
    steps, distance = [0, 1, 2, 3], np.array([[9.0, 4], [6, 3], [3, np.nan], [1, 1]])
    draw = lambda at: curves(
        steps, distance, {"shift": [2, 2, 1, 0.5]}, at=at, arrive=1, size=size
    )
    assert draw(0).size == (2 * size[0], 2 * size[1])
    changed = np.argwhere((np.asarray(draw(0)) != np.asarray(draw(3))).any(-1))
    height, width = 2 * size[1], 2 * size[0]
    in_both = (changed[:, 1] > width // 2) if wide else (changed[:, 0] > height // 2)
    assert 0 < in_both.mean() < 1


@pytest.mark.parametrize("distance", [np.zeros((0, 1)), np.zeros((1, 1)), np.full((1, 2), np.nan)])
def test_curves_of_nearly_nothing(distance):
    steps = list(range(len(distance)))
    curves(steps, distance, {"shift": [0.0] * len(steps)})


def test_widths_grow_with_the_image():
    small, large = (
        np.asarray(c.draw_overlay(GREY, [(32, 32)], size=s)).astype(int) for s in (UNIT, 2 * UNIT)
    )
    count = lambda p: (abs(p - HANDLE).max(-1) < 40).sum()
    assert count(large) == pytest.approx(4 * count(small), rel=0.15)


@pytest.mark.parametrize(
    "values", [[-3.0, -1, -2], [0.0, 0, 0], [1.0, np.inf, np.nan], [-1.0, 2, 5]]
)
def test_curves_draw_any_loss(values):
    image = curves([0, 1, 2], np.ones((3, 1)), {"mine": values})
    assert np.ptp(np.asarray(image)) > 100


def test_the_runner_up_is_the_second_peak_not_the_peaks_neighbour():
    scores = np.zeros((7, 7))
    scores[2, 2], scores[2, 3], scores[5, 5], scores[5, 1] = 9, 8, 5, 4
    assert c.peaks(scores) == ((2, 2), (5, 5))
    scores[5, 5] = np.nan
    assert c.peaks(scores) == ((2, 2), (5, 1))
    scores[5, 1] = 0
    assert c.peaks(scores) == ((2, 2), None)
    assert c.peaks(np.full((3, 3), np.nan)) == (None, None)


def test_of_equal_scores_the_best_is_in_the_middle_and_there_is_no_runner_up():
    assert c.peaks(np.ones((7, 7))) == ((3, 3), None)


def test_what_lies_under_the_mouse_is_what_was_painted_there():
    scores = np.zeros((7, 7))
    scores[1, 5] = 1
    targets = np.array([[20.0, 12]])
    window = c.ScoreWindow(scores, np.array([12.0, 20]))
    under = lambda x, y: c.window_cell_at(x, y, window, c.Viewport((64, 64)), targets)
    assert under(12, 20) == (3, 3)
    assert under(14, 18) == (1, 5)
    assert under(50, 5) is None
    image = compose(GREY, targets=targets, window=window, size=768)
    dark, bright = (
        tuple(shade[:3])
        for shade in (c.score_colours(scores)[0, 0], c.score_colours(scores)[1, 5])
    )
    inset = [(x, y) for x in range(44, 62) for y in range(44, 62) if under(x, y)]
    assert len(inset) > 200
    for x, y in inset:
        near_edge = any(
            under(x + a, y + b) != under(x, y) for a in (-0.6, 0.6) for b in (-0.6, 0.6)
        )
        if under(x, y) != (1, 5) and not near_edge:
            assert close(at(image, x, y), dark)
    finer = [(x, y) for x in np.arange(44, 62, 0.2) for y in np.arange(44, 62, 0.2)]
    brights = [close(at(image, *p), bright) for p in finer if under(*p) == (1, 5)]
    assert np.mean(brights) > 0.4, "the rest is the ring"


@pytest.mark.parametrize("size", [300, 400, 600, 768])
def test_every_cell_of_a_wide_window_is_read_where_it_was_painted_at_any_size(size):
    """The inset's cells are whole pixels, so their size depends on the image's."""
    scores = np.arange(33.0 * 33).reshape(33, 33)
    targets = np.array([[60.0, 60]])
    window = c.ScoreWindow(scores, np.array([32.0, 32]))
    image = compose(GREY, targets=targets, window=window, size=size)
    shades, wrong, seen = c.score_colours(scores)[..., :3].astype(int), 0, 0
    # in the inset
    for x, y in [(x, y) for x in np.arange(4, 14, 0.7) for y in np.arange(4, 14, 0.7)]:
        cell = c.window_cell_at(x, y, window, c.Viewport((64, 64)), targets, size)
        if cell:
            seen += 1
            wrong += np.abs(np.subtract(at(image, x, y), shades[cell])).max() > 24
    assert seen > 100 and wrong < 0.05 * seen


def test_large_maps_have_one_scale_and_know_what_lies_where():
    maps = {"fused": np.arange(9.0).reshape(3, 3), "learned": -10 * np.arange(9.0).reshape(3, 3)}
    image = np.asarray(c.score_panels(maps, np.array([10.0, 20]), width=600))
    found = {}
    for y in range(2, image.shape[0] // 2, 4):
        for x in range(2, 600, 4):
            place = c.score_panel_at(x, y, maps, 600)
            if place:
                found.setdefault(place, []).append(tuple(int(v) for v in image[2 * y, 2 * x]))
    assert len(found) == 18
    for name, scores in maps.items():
        shades = c.score_colours(scores)
        for row, column in np.ndindex(3, 3):
            colour = tuple(int(v) for v in shades[row, column, :3])
            assert found[name, (row, column)].count(colour) > 0.4 * len(found[name, (row, column)])


def test_a_click_on_any_panel_finds_its_step():
    steps = list(range(41))
    distance = np.linspace(20, 0, 41)[:, None]
    panels = c.run_panels(steps, distance, {"shift": distance[:, 0]}, confidence=distance / 20)
    for size in ((384, 576), (792, 192)):
        blank, marked = (np.asarray(c.chart(panels, at, size)).astype(int) for at in (None, 30))
        columns = np.argwhere((blank != marked).any(-1))
        tall = [
            x
            for x in np.unique(columns[:, 1])
            if (columns[:, 1] == x).sum() > 0.15 * blank.shape[0]
        ]
        assert len(tall) >= 2
        for x in tall:
            ys = columns[columns[:, 1] == x][:, 0]
            assert c.step_at(x / 2, float(np.median(ys)) / 2, panels, size) == pytest.approx(
                30, abs=0.5
            )
        assert c.step_at(3, 3, panels, size) is None


def test_spans_without_trust_and_the_steps_that_switch():
    trusted = np.array([True, False, False, True, False])
    assert c.trust_spans([0, 1, 2, 3, 4], trusted) == ([(0.5, 2.5), (3.5, 4.5)], [1, 3, 4])
    assert c.trust_spans([], np.zeros(0, bool)) == ([], [])


def test_the_timeline_shades_what_was_not_trusted():
    steps, ones = list(range(20)), np.ones((20, 1))
    trusted = (np.arange(20) < 10)[:, None]
    sure = {
        "confidence": 0.6 - 0.01 * np.arange(20.0)[:, None],
        "threshold": 0.5 * ones,
        "trusted": trusted,
    }
    image = np.asarray(curves(steps, ones, {"shift": ones[:, 0]}, size=(900, 200), **sure))
    shaded = np.argwhere((image == c.SHADE).all(-1) & (np.arange(image.shape[0]) > 60)[:, None])
    panels = c.run_panels(steps, ones, {"shift": ones[:, 0]}, **sure)
    found = [
        c.step_at(x / 2, 100, panels, (900, 200)) for x in (shaded[:, 1].min(), shaded[:, 1].max())
    ]
    assert found == pytest.approx([9.5, 19.5], abs=0.3)


def test_features_read_as_the_trackers_read_them():
    import torch

    from dragkit.geometry import sample

    features = np.random.default_rng(0).normal(size=(5, 8, 12)).astype(np.float32)
    for point in ([0.0, 0], [17.3, 9.9], [23, 15], [5.5, 3.25]):
        read = c.read_feature(features, np.array(point), (16, 24))
        assert np.allclose(
            read, sample(torch.from_numpy(features), torch.tensor([point]), (16, 24))[0], atol=1e-6
        )


def test_a_palette_keeps_colours_and_finds_the_directions():
    random = np.random.default_rng(0)
    parts = random.normal(size=(3, 10, 10)) * np.array([9.0, 3, 1])[:, None, None]
    directions = np.linalg.qr(random.normal(size=(6, 6)))[0][:, :3]
    features = np.einsum("ck,khw->chw", directions, parts)
    palette = c.Palette.of(features)
    assert palette.explained == pytest.approx(1)
    assert abs(palette.axes.T @ directions).round(1).tolist() == np.eye(3).tolist()
    assert (palette.colours(features[:, :5]) == palette.colours(features)[:5]).all()
    assert c.Palette.of(features[:2]).colours(features[:2]).shape == (10, 10, 3)


def test_similarity_is_one_or_nought_where_it_is_the_same():
    features = np.random.default_rng(0).normal(size=(5, 4, 4))
    assert c.similarity_map(features, features[:, 1, 2])[1, 2] == pytest.approx(1)
    assert c.similarity_map(features, features[:, 1, 2], "distance")[1, 2] == 0
    with pytest.raises(ValueError, match="cosine, distance"):
        c.similarity_map(features, features[:, 0, 0], "dot")


def test_a_window_with_a_stride_is_read_where_it_was_painted():
    scores = np.zeros((7, 7))
    scores[1, 5] = 1
    targets = np.array([[60.0, 60]])
    window = c.ScoreWindow(scores, np.array([32.0, 30]), stride=2)
    assert c.window_cell_at(36, 26, window, c.Viewport((64, 64)), targets) == (1, 5)
    assert c.window_cell_at(25.2, 30, window, c.Viewport((64, 64)), targets) == (3, 0)
    assert c.window_cell_at(24.8, 30, window, c.Viewport((64, 64)), targets) is None
    image = compose(GREY, targets=targets, window=window, size=768)
    dark, bright = (
        tuple(shade[:3])
        for shade in (c.score_colours(scores)[0, 0], c.score_colours(scores)[1, 5])
    )
    assert (
        close(at(image, 36, 26), bright)
        and close(at(image, 28, 26), dark)
        and close(at(image, 25.5, 30), dark)
    )
    assert not close(at(image, 20, 30), dark)


def test_a_window_in_which_nothing_was_compared_is_not_drawn():
    image, point = np.full((64, 64, 3), 200, np.uint8), np.array([[20.0, 30]])
    plain = c.draw_overlay(image, point, point)
    assert np.array_equal(
        plain,
        c.draw_overlay(
            image, point, point, window=c.ScoreWindow(np.full((1, 1), np.nan), point[0])
        ),
    )
    assert not np.array_equal(
        plain, c.draw_overlay(image, point, point, window=c.ScoreWindow(np.ones((3, 3)), point[0]))
    )


def test_a_window_smaller_than_a_pixel_is_drawn_too():
    window = c.ScoreWindow(np.ones((1, 1)), np.array([32, 32]), stride=1e-9)
    assert compose(GREY, [(32, 32)], window=window).any()


def test_the_smallest_chart_has_room_for_its_spans():
    panel = c.Panel("a", {"a": ([0, 1], [0.0, 1.0])}, shaded=[(0, 1)], band=0.5)
    assert c.chart([panel] * 3, 1, (64, 64)).size == (128, 128)


def test_a_caption_is_as_wide_as_its_image_and_as_high_as_its_lines():
    image = Image.new("RGB", (200, 50), (9, 99, 9))
    short, long = c.captioned(image, "one line"), c.captioned(image, "many words " * 20)
    assert c.captioned(image, "") is image
    assert short.width == long.width == 200 and 50 < short.height < long.height
    assert np.array_equal(np.asarray(long)[:50], np.asarray(image))
    assert np.ptp(np.asarray(long)[-18:]) > 100, "the last line is written, too"
