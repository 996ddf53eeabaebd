"""The one place where a point becomes an index: every convention has its oracle here."""

import re
import warnings

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from dragkit.geometry import (
    check_window,
    disc,
    inside,
    sample,
    scale_radius,
    square,
    to_grid,
    window,
    window_size,
)

sides = st.integers(1, 12)


def pixels(height: int, width: int) -> torch.Tensor:
    """(H W 2) the pixel centres, (x, y)."""
    return torch.tensor([[(x, y) for x in range(width)] for y in range(height)]).float()


def cell_centres(h: int, w: int, height: int, width: int) -> torch.Tensor:
    """(2 h w) the x and y, in pixels, of the centre of each cell of an h × w map."""
    x = [(c + 0.5) * width / w - 0.5 for c in range(w)]
    y = [(r + 0.5) * height / h - 0.5 for r in range(h)]
    return torch.stack([torch.tensor([x] * h), torch.tensor([[v] * w for v in y])])


@settings(max_examples=30)
@given(sides, sides)
def test_a_image_read_at_its_own_pixel_centres_is_the_image(height, width):
    image = torch.randn(3, height, width, generator=torch.Generator().manual_seed(height))
    read = sample(image, pixels(height, width), (height, width))
    torch.testing.assert_close(read, image.permute(1, 2, 0), atol=1e-5, rtol=0)


@settings(max_examples=30)
@given(sides, sides, st.integers(1, 4), st.integers(1, 4), st.floats(0, 1), st.floats(0, 1))
def test_a_coarse_map_of_coordinates_gives_each_point_its_own(h, w, finer_y, finer_x, u, v):
    """A map that holds the x and y of its cells' centres is the identity between them."""
    height, width = h * finer_y, w * finer_x
    coarse = cell_centres(h, w, height, width)
    low, high = coarse[:, 0, 0], coarse[:, -1, -1]
    point = low + torch.tensor([u, v]) * (high - low)
    torch.testing.assert_close(sample(coarse, point, (height, width)), point, atol=1e-4, rtol=0)


def test_half_way_between_two_pixels_is_their_mean_and_x_runs_to_the_right():
    image = torch.tensor([[[0.0, 1.0], [10.0, 11.0]]])
    points = torch.tensor([(1, 0), (0, 1), (0.5, 0), (0, 0.5), (0.25, 0.75)])
    read = sample(image, points, (2, 2))[:, 0]
    torch.testing.assert_close(read, torch.tensor([1.0, 10.0, 0.5, 5.0, 7.75]))


def test_beyond_the_border_the_borders_value_goes_on():
    image = torch.arange(6.0).reshape(1, 2, 3)
    points = torch.tensor([(-5, 0), (9, 0), (1, -7), (1, 8), (50, 50)])
    assert sample(image, points, (2, 3))[:, 0].tolist() == [0, 2, 1, 4, 5]


def test_points_of_any_shape_give_channels_last_and_pass_the_gradient_on():
    features = torch.zeros(4, 2, 2, requires_grad=True)
    values = sample(features, torch.full((5, 3, 2), 0.25), (2, 2))
    assert values.shape == (5, 3, 4)
    values[..., 0].sum().backward()
    expected = 15 * torch.tensor([[0.75**2, 0.75 * 0.25], [0.75 * 0.25, 0.25**2]])
    torch.testing.assert_close(features.grad[0], expected)
    assert not features.grad[1:].any()


@pytest.mark.parametrize(("radius", "whole", "strict"), [(1, 5, 1), (2, 13, 9), (3, 29, 25)])
def test_a_disc_holds_the_pixels_that_one_counts_on_paper(radius, whole, strict):
    assert len(disc(radius)) == whole
    assert len(disc(radius, strict=True)) == strict


@given(st.integers(1, 15), st.booleans())
def test_a_disc_is_symmetric_and_its_centroid_is_its_centre(radius, strict):
    offsets = {tuple(o) for o in disc(radius, strict).tolist()}
    assert offsets == {(-x, y) for x, y in offsets} == {(y, x) for x, y in offsets}
    assert (0, 0) in offsets
    assert disc(radius, strict).mean(0).tolist() == [0, 0]


def test_a_square_has_rows_of_y_and_columns_of_x():
    offsets = square(2)
    assert offsets.shape == (5, 5, 2)
    assert all(offsets[r, c].tolist() == [c - 2, r - 2] for r in range(5) for c in range(5))


def test_a_window_is_the_square_around_each_point():
    points = torch.tensor([[10.0, 20.0], [1.5, -3.0]])
    windows = window(points, 1)
    assert windows.shape == (2, 3, 3, 2)
    assert windows[:, 1, 1].tolist() == points.tolist()
    assert windows[0, 0, 2].tolist() == [11, 19]  # up and to the right


def test_inside_means_between_the_outermost_pixel_centres():
    points = torch.tensor([(0, 0), (19, 9), (19.1, 9), (19, 9.1), (-0.1, 0), (0, -0.1), (9, 19)])
    assert inside(points, (10, 20)).tolist() == [True, True, False, False, False, False, False]


@pytest.mark.parametrize(
    ("side", "r1", "r2"), [(1024, 6, 24), (512, 3, 12), (256, 2, 6), (128, 1, 3)]
)
def test_radii_scale_with_the_image_as_in_the_official_code(side, r1, r2):
    assert (scale_radius(3, (side, side)), scale_radius(12, (side, side))) == (r1, r2)


def test_a_radius_that_vanishes_is_the_least_that_works():
    """Here the official code silently selects no pixel at all."""
    assert scale_radius(12, (64, 64)) == 2
    assert scale_radius(3, (64, 64)) == 1
    assert scale_radius(3, (64, 64), least=2) == 2


@pytest.mark.parametrize("radius", [0, -3, float("nan"), float("inf"), "3", True])
def test_a_radius_is_a_number_above_0(radius):
    with pytest.raises(ValueError, match="give a number above 0"):
        scale_radius(radius, (64, 64))


def test_a_radius_that_vanishes_is_said_once():
    with pytest.warns(UserWarning, match=r"radius 3.0625 .* 64×64 px, .*becomes 1 px"):
        check_window(3.0625, None, (64, 64))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        check_window(3.0625, None, (64, 64))
        check_window(12, None, (64, 64))
        check_window(1, 2, (64, 64))


@given(st.integers(1, 512), st.integers(1, 2))
def test_the_radius_in_the_warning_says_the_same_without_it(side, least):
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        check_window(1e-3 / 7, None, (side, side), least)
        advice = float(str(told[0].message).rpartition("radius=")[2].split()[0]) if told else None
    if advice is not None and advice * side / 512 < side:
        assert scale_radius(advice, (side, side)) == least


def test_the_height_decides_about_the_radius():
    assert scale_radius(3, (512, 64)) == 3


@settings(max_examples=30)
@given(sides, sides, st.integers(1, 4))
def test_a_cell_gets_the_masks_share_of_its_pixels(h, w, finer):
    random = torch.Generator().manual_seed(h * w)
    mask = torch.rand(h * finer, w * finer, generator=random).round()
    share = mask.reshape(h, finer, w, finer).mean((1, 3))
    torch.testing.assert_close(to_grid(mask, torch.zeros(5, h, w)), share)


@settings(max_examples=30)
@given(st.integers(-3, 15), st.integers(-3, 12), st.integers(1, 3))
def test_a_patch_on_whole_pixels_reads_those_pixels(x, y, radius):
    image = torch.randn(2, 10, 13, generator=torch.Generator().manual_seed(0))
    patch = torch.tensor([x, y]) + disc(radius)
    read = sample(image, patch, (10, 13))
    for (u, v), value in zip(patch.int().tolist(), read, strict=True):
        nearest = image[:, min(max(v, 0), 9), min(max(u, 0), 12)]
        torch.testing.assert_close(value, nearest, atol=1e-5, rtol=0)


@given(st.integers(4, 600), st.integers(4, 600))
def test_a_radius_that_reaches_beyond_the_image_names_the_largest(height, width):
    with pytest.raises(
        ValueError, match=r"is larger than an image .* use radius=([\d.]+) or"
    ) as e:
        scale_radius(1e5, (height, width))
    advice = float(re.search(r"radius=([\d.]+)", str(e.value))[1])
    assert scale_radius(advice, (height, width)) <= max(height, width)
    assert scale_radius(advice, (height, width)) >= max(height, width) - 1


@pytest.mark.parametrize("radius", [10_000, 1e308, 10**300])
def test_no_radius_is_too_large_to_be_refused(radius):
    for stride in (None, 2):
        with pytest.raises(ValueError, match="is larger than an image of 128×128 px"):
            window_size(radius, stride, (128, 128))


@pytest.mark.parametrize(
    ("radius", "stride", "advice"), [(128, 2, 64), (10_000, 1e-6, 128), (3, 50, 2)]
)
def test_places_reach_no_farther_than_the_image(radius, stride, advice):
    with pytest.raises(ValueError, match=f"larger than an image .* a radius of {advice} or less"):
        window_size(radius, stride, (128, 128))
    assert window_size(advice, stride, (128, 128)) == (advice, stride)
