"""An edit says what is wrong with it and how to put it right, and survives the trip
through JSON.
"""

import json

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays

from dragkit.records import Edit, Step, TrackResult, View

coordinates = st.floats(-1e6, 1e6, width=32)
points = st.tuples(coordinates, coordinates)
pairs = st.lists(
    st.tuples(points, points),
    min_size=1,
    max_size=4,
    unique_by=lambda pair: tuple(map(round, pair[0])),
)
masks = arrays(np.int64, array_shapes(min_dims=2, max_dims=2), elements=st.integers(0, 1))
free_masks = st.none() | masks.filter(np.any)
distances = st.none() | st.floats(1e-3, 1e3)


def same(a: Edit, b: Edit) -> bool:
    masks = a.mask is b.mask is None or torch.equal(a.mask, b.mask)
    return (
        torch.equal(a.handles, b.handles) and torch.equal(a.targets, b.targets) and masks
    ) and a.arrive == b.arrive


@settings(max_examples=50)
@given(pairs, free_masks, distances)
def test_an_edit_comes_back_from_json_as_it_was(pairs, mask, arrive):
    handles, targets = zip(*pairs, strict=True)
    edit = Edit(handles, targets, mask, arrive)
    assert same(Edit.from_dict(edit.to_dict()), edit)
    assert same(Edit.from_dict(json.loads(json.dumps(edit.to_dict()))), edit)


def test_the_mask_can_be_seen_in_the_json():
    edit = Edit([(0, 0)], [(1, 1)], mask=[[0, 1, 1], [0, 0, 1]])
    assert edit.to_dict()["mask"] == ["011", "001"]


@pytest.mark.parametrize(
    "handles",
    [[(3, 4)], [[3.0, 4.0]], np.array([[3, 4]]), torch.tensor([[3.0, 4.0]], requires_grad=True)],
    ids=["tuples", "lists", "numpy", "tensor"],
)
def test_points_may_be_anything_like_an_array(handles):
    edit = Edit(handles, [(5, 6)], mask=np.eye(2, dtype=bool))
    assert edit.handles.tolist() == [[3, 4]]
    assert edit.handles.dtype == edit.mask.dtype == torch.float32
    assert not edit.handles.requires_grad


def test_an_edit_keeps_its_own_copies():
    handles, mask = torch.zeros(1, 2), torch.ones(2, 2)
    edit = Edit(handles, handles, mask)
    handles += 1
    mask -= 1
    assert edit.handles.tolist() == edit.targets.tolist() == [[0, 0]]
    assert edit.mask.all()


def test_an_edit_is_not_copied_to_the_device_where_it_is():
    """Every step and frame holds the edit: a mask each would be more than the images."""
    edit = Edit([(0, 0)], [(1, 1)], torch.ones(2, 2), arrive=2)
    assert edit.to("cpu") is edit


@pytest.mark.parametrize(
    ("change", "texts"),
    [
        ({"handles": []}, ["handles is empty", "at least one", "handles=[(64, 80)]"]),
        ({"handles": (64, 80)}, ["handles has shape (2,)", "(n, 2)", "[(64, 80)]"]),
        ({"targets": [(1, 2, 3)]}, ["targets has shape (1, 3)", "(n, 2)", "[(64, 80)]"]),
        ({"handles": "64, 80"}, ["handles", "'64, 80'", "list of (x, y)"]),
        ({"targets": [("a", "b")]}, ["targets", "'a'", "list of (x, y)"]),
        ({"handles": [(1, 2), (3,)]}, ["handles", "[(1, 2), (3,)]", "list of (x, y)"]),
        ({"handles": None}, ["handles", "None", "list of (x, y)"]),
        ({"handles": [(1, 2)] * 3}, ["3 handles", "2 targets", "each handle needs one target"]),
        ({"targets": [(1, 2), (np.nan, 2)]}, ["target 1", "nan", "must be finite"]),
        ({"handles": [(1, np.inf), (1, 2)]}, ["handle 0", "inf", "must be finite"]),
        ({"arrive": 0}, ["arrive is 0", "above 0", "arrive=1"]),
        ({"arrive": -2.5}, ["arrive is -2.5", "above 0", "arrive=1"]),
        ({"arrive": np.nan}, ["arrive is nan", "above 0", "arrive=1"]),
        ({"mask": torch.ones(5, 8, 8)}, ["mask has shape (5, 8, 8)", "(height, width)"]),
        ({"mask": torch.zeros(8, 8)}, ["mask is 0 everywhere", "1 = may move", "mask=None"]),
        ({"mask": 254.0 * torch.eye(8)}, ["mask holds 254", "only 0", "mask > 0.5"]),
        ({"mask": torch.full((8, 8), 0.5)}, ["mask holds 0.5", "only 0", "mask > 0.5"]),
        ({"mask": torch.full((8, 8), torch.nan)}, ["mask holds nan", "only 0", "mask > 0.5"]),
    ],
)
def test_a_bad_edit_is_told_what_where_and_the_way_out(change, texts):
    good = {"handles": [(1, 2), (3, 4)], "targets": [(5, 6), (7, 8)]}
    with pytest.raises(ValueError) as error:
        Edit(**good | change)
    for text in texts:
        assert text in str(error.value)


@pytest.mark.parametrize(
    ("change", "texts"),
    [
        ({"handles": [(1, 2), (30, 4)]}, ["handle 1 at (30, 4)", "20×10 image", "(x, y)"]),
        ({"targets": [(1, -0.5), (3, 4)]}, ["target 0 at (1, -0.5)", "20×10", "(x, y)"]),
        ({"handles": [(4, 15), (3, 4)]}, ["handle 0 at (4, 15)", "did you swap them?"]),
        ({"mask": torch.ones(20, 10)}, ["mask has shape (20, 10)", "(height, width) = (10, 20)"]),
    ],
)
def test_an_edit_that_does_not_fit_is_told_so(change, texts):
    good = {"handles": [(1, 2), (3, 4)], "targets": [(5, 6), (7, 8)]}
    with pytest.raises(ValueError) as error:
        Edit(**good | change).fit((10, 20))
    for text in texts:
        assert text in str(error.value)


@given(st.integers(1, 9), st.integers(1, 9), st.integers(-2, 20), st.integers(-2, 20))
def test_a_point_fits_between_the_outermost_pixel_centres(height, width, x2, y2):
    x, y = x2 / 2, y2 / 2
    edit = Edit([(x, y)], [(0, 0)])
    if 0 <= x <= width - 1 and 0 <= y <= height - 1:
        assert edit.fit((height, width)) is edit
    else:
        with pytest.raises(ValueError, match="outside") as error:
            edit.fit((height, width))
        swapped = 0 <= y <= width - 1 and 0 <= x <= height - 1
        assert ("did you swap them?" in str(error.value)) == swapped


def test_the_corners_belong_to_the_image():
    Edit([(0, 0), (19, 9)], [(19, 0), (0, 9)]).fit((10, 20))


def test_a_view_renders_once_and_only_when_somebody_looks():
    weight, calls = torch.ones(1, requires_grad=True), []

    def render():
        calls.append(1)
        return weight.expand(3, 2, 2) * 1

    view = View(torch.zeros(1, 1, 1), (2, 2), render)
    assert "2×2" in repr(view)
    assert not calls
    assert view.image is view.image
    assert len(calls) == 1
    assert not view.image.requires_grad


def test_a_step_prints_as_one_line():
    points = torch.tensor([[3.0, 4.0], [0.0, 0.0]])
    track = TrackResult(points, torch.tensor([0.934, 0.99]), torch.zeros(2, 3, 3), None)
    edit = Edit([(0, 0), (1, 1)], [(0, 0), (0, 0)])
    names = dict.fromkeys(Step.__dataclass_fields__)  # the line needs none of the others
    line = {"losses": {"motion": 0.03, "mask": 0.001}, "arrived": torch.tensor([False, True])}
    step = Step(**names | line | {"index": 17, "edit": edit, "track": track})
    assert str(step) == " 17  loss 0.031  confidence 0.93  arrived 1/2"
    assert step.distance.tolist() == [5, 0]
    assert step.points is points
    assert repr(edit) == "Edit((0, 0) → (0, 0), (1, 1) → (0, 0); mask none)"


def test_two_handles_on_one_pixel_are_refused():
    with pytest.raises(ValueError, match=r"handles 0 and 2 are both on pixel \(3, 4\)"):
        Edit([(3, 4), (5, 4), (3.2, 3.9)], [(9, 9)] * 3)
    assert len(Edit([(3, 4), (4, 4)], [(9, 9)] * 2).handles) == 2


# Edits that are made to harm


ONE = {"handles": [[1, 1]], "targets": [[2, 2]]}


@pytest.mark.parametrize(
    "mask",
    [
        np.broadcast_to(np.uint8(1), (10**6, 10**6)),
        torch.ones(1).expand(10**6, 10**6),
        [[1] * 8000] * 8000,
        [range(10**12)],
        [[[1] * 4000] * 4000] * 4000,
        torch.sparse_coo_tensor(torch.zeros(2, 1), torch.ones(1), (10**6, 10**6)),
    ],
    ids=["array", "tensor", "lists", "range", "3d", "sparse"],
)
def test_a_mask_is_refused_by_the_size_that_it_claims(mask):
    with pytest.raises(ValueError, match=r"mask has shape \(.*at most 50,000,000 pixels"):
        Edit([(1, 1)], [(2, 2)], mask)


@pytest.mark.parametrize(
    ("mask", "message"),
    [
        (["0" * 8000] * 8000, r"mask has shape \(8000, 8000\)"),
        (["01", "011"], "rows have 2 to 3 pixels; they need one length"),
        (["01", "0x"], "the mask has the row '0x'; a row is made of 0 and 1"),
        (["01", "0²"], "the mask has the row"),
        ([[0, 1], [0, 2]], r"the mask has the row \[0, 2\]"),
        ([5], "give its rows"),
        ("0101", "give its rows"),
        ({"size": [10**6, 10**6]}, "give its rows"),
    ],
)
def test_rows_that_are_no_mask_are_told(mask, message):
    with pytest.raises(ValueError, match=message):
        Edit.from_dict(ONE | {"mask": mask})


def test_rows_may_be_lists():
    edit = Edit.from_dict(ONE | {"mask": [[0, 1, 0], [1, 1, 0]]})
    assert edit.mask.tolist() == [[0, 1, 0], [1, 1, 0]]


@pytest.mark.parametrize("name", ["handles", "targets"])
def test_a_dict_without_points_is_told(name):
    with pytest.raises(ValueError, match=f"{name} is missing"):
        Edit.from_dict({key: value for key, value in ONE.items() if key != name})


@pytest.mark.parametrize(
    "points", [np.broadcast_to(0.0, (10**9, 2)), [(1, 1)] * 1001, range(10**12), [range(10**12)]]
)
def test_too_many_points_are_refused_before_they_are_copied(points):
    with pytest.raises(ValueError, match=r"handles has shape \(.*give at most 1000 points"):
        Edit(points, [(1, 1)])
