"""The nearest-neighbour tracker against shifts that are known exactly."""

import copy

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from dragkit.records import Edit, View
from dragkit.trackers import NearestNeighbor

SIDE, RADIUS = 32, 4
norms = st.sampled_from([1, 2])
shifts = st.integers(-RADIUS, RADIUS)
handles = st.integers(RADIUS, SIDE - 1 - RADIUS)


def view(features: torch.Tensor, side: int | None = None) -> View:
    side = side or features.shape[-1]
    return View(features, (side, side), lambda: None)


def random_map(seed: int = 0, channels: int = 8, side: int = SIDE) -> torch.Tensor:
    random = torch.Generator().manual_seed(seed)
    return torch.randn(channels, side, side, generator=random)


def tracker(norm: int = 2, radius: int = RADIUS, side: int = SIDE) -> NearestNeighbor:
    """A tracker whose window reaches `radius` pixels in an image of `side`."""
    return NearestNeighbor(radius * 512 / side, norm)


def follow(features, moved, handle, side=SIDE, **settings):
    """Start at `handle` on one map, then look around there on another."""
    edit, piece = Edit([handle], [handle]), tracker(side=side, **settings)
    memory = piece.start(view(features, side), edit)
    return piece.find(view(moved, side), memory, edit.handles)


@settings(max_examples=40)
@given(handles, handles, shifts, shifts, norms)
def test_a_shift_by_whole_pixels_is_found_exactly(x, y, dx, dy, norm):
    features = random_map()
    found = follow(features, features.roll((dy, dx), (1, 2)), (x, y), norm=norm)
    assert found.points.tolist() == [[x + dx, y + dy]]
    assert found.confidence.item() == pytest.approx(1, abs=1e-4)
    best = found.scores[0].flatten().argmax().item()
    assert divmod(best, 2 * RADIUS + 1) == (dy + RADIUS, dx + RADIUS)  # row = y


inner = st.integers(6, SIDE - 7)  # no patch of cells comes around the border of the shifted map


@settings(max_examples=40)
@given(inner, inner, st.integers(-2, 2), st.integers(-2, 2))
def test_one_cell_of_a_coarser_map_is_two_pixels(x, y, dx, dy):
    features = random_map(side=SIDE // 2)
    found = follow(features, features.roll((dy, dx), (1, 2)), (x, y))
    assert found.points.tolist() == [[x + 2 * dx, y + 2 * dy]]


def test_every_handle_has_its_own_template_and_window():
    features = random_map()
    moved = features.clone()
    moved[:, 6, 9], moved[:, 25, 20] = features[:, 5, 8], features[:, 27, 20]
    edit = Edit([(8, 5), (20, 27)], [(0, 0), (0, 0)])
    memory = tracker().start(view(features), edit)
    moved[:, 5, 8] = moved[:, 27, 20] = 0
    found = tracker().find(view(moved), memory, edit.handles)
    assert found.points.tolist() == [[9, 6], [20, 25]]
    assert found.confidence.shape == (2,)
    assert found.scores.shape == (2, 2 * RADIUS + 1, 2 * RADIUS + 1)


def test_a_handle_between_pixels_stays_there_while_nothing_moves():
    found = follow(random_map(), random_map(), (10.25, 12.75))
    assert found.points.tolist() == [[10.25, 12.75]]
    assert found.confidence.item() == pytest.approx(1, abs=1e-4)


@settings(max_examples=40)
@given(st.integers(0, SIDE - 1), st.integers(0, SIDE - 1))
def test_off_the_image_the_score_is_nan_and_only_there(x, y):
    scores = follow(random_map(), random_map(1), (x, y)).scores[0]
    reach = range(-RADIUS, RADIUS + 1)
    off = [[not (0 <= x + dx < SIDE and 0 <= y + dy < SIDE) for dx in reach] for dy in reach]
    assert scores.isnan().tolist() == off


@settings(max_examples=40)
@given(st.integers(0, SIDE - 1), st.integers(0, SIDE - 1), st.integers(0, 9))
def test_a_point_never_leaves_the_image(x, y, seed):
    found = follow(random_map(), random_map(seed), (x, y))
    assert 0 <= found.points.min() <= found.points.max() <= SIDE - 1


def test_the_two_norms_prefer_different_neighbours():
    """From (0, 0), the feature (0, 3) is nearer in L1 (3 < 4), (2, 2) in L2 (2.83 < 3)."""
    features = torch.full((2, 9, 9), 50.0)
    features[:, 4, 4] = 0
    moved = torch.full((2, 9, 9), 50.0)
    moved[:, 4, 3], moved[:, 4, 5] = torch.tensor([0.0, 3.0]), torch.tensor([2.0, 2.0])
    found = {n: follow(features, moved, (4, 4), side=9, radius=2, norm=n) for n in (1, 2)}
    assert found[1].points.tolist() == [[3, 4]]
    assert found[2].points.tolist() == [[5, 4]]
    assert found[1].scores[0, 2, 1].item() == pytest.approx(-3, abs=1e-3)
    assert found[2].scores[0, 2, 3].item() == pytest.approx(-(8**0.5), abs=1e-3)


def test_confidence_is_one_minus_the_distance_relative_to_the_template():
    features, moved = torch.zeros(1, 9, 9), torch.zeros(1, 9, 9)
    features[0, 4, 4], moved[0, 4, 5] = 10, 7
    found = follow(features, moved, (4, 4), side=9, radius=2)
    assert found.confidence.item() == pytest.approx(1 - 3 / 10, abs=1e-4)


def test_the_template_is_never_refreshed():
    """The content fades and walks on; what is looked for stays what it was at the start."""
    features, edit = random_map(), Edit([(10, 10)], [(20, 10)])
    memory = first = tracker().start(view(features), edit)
    template, search_centre = first.patch.clone(), edit.handles
    for step in range(1, 5):
        found = tracker().find(view(0.8**step * features.roll(step, 2)), memory, search_centre)
        memory, search_centre = found.memory, found.points
    assert memory is first
    assert torch.equal(memory.patch, template)
    assert search_centre.tolist() == [[14, 10]]
    assert found.confidence.item() == pytest.approx(0.8**4, abs=1e-3)


def test_nothing_that_is_passed_in_is_changed_and_nothing_carries_gradients():
    features = random_map().requires_grad_()
    edit, look = Edit([(2, 3)], [(9, 9)]), view(features)
    memory = tracker().start(look, edit)
    search_centre = edit.handles.clone()
    before = copy.deepcopy(
        [features.detach(), memory.patch, memory.offsets, search_centre, edit.handles]
    )
    found = tracker().find(look, memory, search_centre)
    after = [features.detach(), memory.patch, memory.offsets, search_centre, edit.handles]
    assert all(torch.equal(a, b) for a, b in zip(before, after, strict=True))
    for tensor in (memory.patch, found.points, found.confidence, found.scores):
        assert not tensor.requires_grad
