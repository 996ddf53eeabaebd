"""Peaks between the pixels, against peaks that are known exactly."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from dragkit import Discriminative, Edit, NearestNeighbor, View
from dragkit.geometry import sample
from dragkit.trackers.search_window import best, between_pixels

NAN = float("nan")
SIDE, K = 32, 7
offsets = st.floats(-0.49, 0.49)


def refined(scores: torch.Tensor, stride: float = 1) -> tuple[torch.Tensor, torch.Tensor]:
    """The best pixels (n 2) of windows (n k k) around (0, 0), and the peaks between them."""
    reach = scores.shape[-1] // 2
    steps = stride * torch.arange(-reach, reach + 1).float()
    y, x = torch.meshgrid(steps, steps, indexing="ij")
    pixels = torch.stack([x, y], -1).expand(len(scores), -1, -1, -1)
    points, index = best(scores, pixels)
    return points, between_pixels(points, scores, index, stride)


def bowl(x, y, a=1.0, b=1.0, stride=1.0):
    """-a (u - x)² - b (v - y)² on a window (1 k k)."""
    steps = stride * torch.arange(-(K // 2), K // 2 + 1).double()
    return -(a * (steps - x) ** 2 + b * ((steps - y) ** 2)[:, None])[None]


@given(
    offsets,
    offsets,
    st.integers(-2, 2),
    st.integers(-2, 2),
    st.floats(0.1, 10),
    st.floats(0.1, 10),
    st.sampled_from([0.5, 1, 2]),
)
def test_the_peak_of_a_quadratic_is_found_exactly(x, y, column, row, a, b, stride):
    peak = stride * torch.tensor([column + x, row + y])
    _, found = refined(bowl(*peak.tolist(), a, b, stride), stride)
    torch.testing.assert_close(found[0].double(), peak.double(), atol=1e-4, rtol=0)


@settings(max_examples=200)
@given(st.lists(st.sampled_from([0.0, 0.5, 1.0, 1e-30, 1e30, NAN, -float("inf")]), min_size=9,
                max_size=9), st.sampled_from([1, 2]))  # fmt: skip
def test_a_point_is_finite_and_moves_half_a_stride_at_most(values, stride):
    scores = torch.tensor(values).reshape(1, 3, 3)
    points, found = refined(scores, stride)
    assert found.isfinite().all()
    assert (found - points).abs().max() <= stride / 2


@settings(max_examples=100)
@given(st.lists(st.floats(-1, 1, width=32), min_size=25, max_size=25))
def test_a_peak_lies_on_the_side_of_its_higher_neighbour(values):
    scores = torch.tensor(values).reshape(1, 5, 5)
    points, found = refined(scores)
    column, row = (points[0] + 2).int().tolist()
    (dx, dy) = (found - points)[0].tolist()
    if 0 < column < 4:
        assert dx * (scores[0, row, column + 1] - scores[0, row, column - 1]) >= 0
    if 0 < row < 4:
        assert dy * (scores[0, row + 1, column] - scores[0, row - 1, column]) >= 0


def test_borders_plateaus_and_what_is_not_measured_leave_a_point_where_it_is():
    rising = torch.arange(5.0).expand(1, 5, 5)  # the best is in the last column
    flat = torch.zeros(1, 5, 5)
    lonely = bowl(0.3, 0.3)[:, 1:-1, 1:-1].clone()
    lonely[0, 2, 3] = lonely[0, 1, 2] = NAN
    for scores in (rising, flat, lonely):
        points, found = refined(scores)
        assert torch.equal(points, found)


def test_two_equal_neighbours_meet_in_the_middle():
    scores = torch.zeros(1, 3, 3)
    scores[0, 1] = torch.tensor([0.0, 1.0, 1.0])
    _, found = refined(scores)
    assert found.tolist() == [[0.5, 0.0]]


@settings(max_examples=50)
@given(st.floats(-2, 2), st.floats(-2, 2), st.floats(0.5, 3))
def test_on_maps_that_change_linearly_the_nearest_neighbour_is_exact(dx, dy, slope):
    """Two channels that rise to the right and down, moved by a part of a pixel."""
    steps = torch.arange(float(SIDE))
    ramps = torch.stack([slope * steps.expand(SIDE, SIDE), steps[:, None].expand(SIDE, SIDE)])
    moved = ramps - torch.tensor([slope * dx, dy])[:, None, None]
    edit = Edit([(15, 16)], [(20, 16)])
    tracker = NearestNeighbor(4 * 512 / SIDE, subpixel=True)
    start, now = (View(f, (SIDE, SIDE), lambda: None) for f in (ramps, moved))
    track = tracker.find(now, tracker.start(start, edit), edit.handles)
    torch.testing.assert_close(track.points, torch.tensor([[15 + dx, 16 + dy]]), atol=2e-3, rtol=0)


@pytest.mark.parametrize(("make", "share"), [(NearestNeighbor, 0.5), (Discriminative, 0.9)])
def test_on_smooth_maps_a_tracker_is_nearer_to_the_truth(make, share):
    random = torch.Generator().manual_seed(0)
    rough = torch.randn(1, 32, 16, 16, generator=random)
    smooth = torch.nn.functional.interpolate(rough, scale_factor=4, mode="bicubic")[0]
    start = View(smooth, (64, 64), lambda: None)
    edit = Edit([(30, 31), (20, 40), (44, 25)], [(40, 31)] * 3)
    errors = {}
    for subpixel in (False, True):
        tracker = make(4 * 8, subpixel=subpixel)
        memory = tracker.start(start, edit)
        missed = []
        for dx, dy in torch.rand(60, 2, generator=torch.Generator().manual_seed(1)) * 4 - 2:
            way = torch.stack([dx, dy])
            y, x = torch.meshgrid(torch.arange(64.0), torch.arange(64.0), indexing="ij")
            moved = sample(smooth, torch.stack([x, y], -1) - way, (64, 64)).movedim(-1, 0)
            track = tracker.find(View(moved, (64, 64), lambda: None), memory, edit.handles)
            missed.append((track.points - edit.handles - way).norm(dim=1))
        errors[subpixel] = torch.cat(missed).mean().item()
    assert errors[True] < share * errors[False]


@pytest.mark.parametrize("subpixel", ["yes", 1, None])
def test_subpixel_is_a_truth(subpixel):
    for make in (NearestNeighbor, Discriminative):
        with pytest.raises(TypeError, match="subpixel is .*; give True or False"):
            make(subpixel=subpixel)
