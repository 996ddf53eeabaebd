"""The rules about where a tracker finds things: on one image, along a sequence, in a drag."""

from __future__ import annotations

import torch
from torch import Tensor

from ..geometry import inside
from ..loop import drag
from ..methods import draggan
from ..models.toy import Toy
from ..pieces import Tracker
from ..records import TrackResult
from ..tasks.sequences import ImageSequence
from .lesson13_contract import begin, reported, spot

# How far off, in pixels, a tracker may be on the image it has learned from, and in a sequence.
CLOSE_AT_START = 1.0
CLOSE = 2.0

# How far the score at an answer may lie below the best, as a fraction of the window's range;
# and how far once the window is reversed or transposed, for it to be called that.
SHORTFALL = 0.3
SURE = 0.1


def finds_the_start(tracker: Tracker, sequence: ImageSequence) -> str | None:
    """On the view that it started with, it finds the handles."""
    memory, handles = begin(tracker, sequence)
    points = tracker.find(sequence.views[0], memory, handles.clone()).points

    if _near(points, handles):
        return None
    if _near(points.flip(1), handles):
        return "Its points are (y, x). A map's row is y and its column x; a point is (x, y)."
    if _near(2 * points + 0.5, handles):
        return (
            "Its points are cells of the feature map, which has half as many; they must be pixels"
            " of the image."
        )
    if _near(points + handles, handles):
        return (
            "Its points are counted from `search_centre`; they must be places in the image, so"
            " add it."
        )
    worst = int((points - handles).norm(dim=1).argmax())
    return (
        f"On the very image it started with, it finds handle {worst} at {spot(points[worst])}; the"
        f" handle is at {spot(handles[worst])}."
    )


def _near(points: Tensor, handles: Tensor) -> bool:
    return bool(((points - handles).norm(dim=1) <= CLOSE_AT_START).all())


def stays_inside(tracker: Tracker, sequence: ImageSequence) -> str | None:
    """Searching at the border, it answers inside the image, and what is outside is NaN."""
    memory, _ = begin(tracker, sequence)
    view = sequence.views[0]
    last = view.size[0] - 1.0
    corners = torch.tensor([[0.0, 0], [last, 0], [last, last]])
    found = tracker.find(view, memory, corners)

    outside = found.points[~inside(found.points, view.size)]
    if len(outside):
        return (
            f"Searching at the border it answers {spot(outside[0])}, outside the image of"
            f" {last + 1:.0f} px: keep the window inside."
        )
    if found.scores.isinf().any():
        return "Outside the image its `scores` are infinite; where nothing was compared, give NaN."
    return None


def drags(tracker: Tracker, sequence: ImageSequence) -> str | None:
    """`drag` runs with it."""
    method = draggan()
    method["tracker"] = tracker
    method["lr"] = 1.0
    method["steps"] = 3
    try:
        list(drag(Toy(width=4), sequence.truth[0], sequence.edit, **method))
    except Exception as error:
        return f"In dk.drag {reported(error)}"
    return None


def scores_fit(tracker: Tracker, sequence: ImageSequence) -> str | None:
    """The score at its answer is about the best of the window."""
    memory, handles = begin(tracker, sequence)
    view = sequence.views[0]
    side = tracker.find(view, memory, handles.clone()).scores.shape[-1]

    # off centre, so that a window that is reversed or transposed looks different
    offset = torch.tensor([min(3, round(0.4 * side - 0.4)), -min(1, side // 6)])
    search_centre = handles + offset
    found = tracker.find(view, memory, search_centre.clone())

    compared = found.scores.isfinite().flatten(1).any(1).all()
    if side < 3 or not compared:
        return None
    if _all_the_same(found.scores):
        return (
            "All of its `scores` are the same, and the score window shows nothing: give how alike"
            " each place is, or NaN if nothing is compared."
        )

    shortfall = _shortfall(found, found.scores, search_centre)
    if shortfall <= SHORTFALL:
        return None
    if _shortfall(found, -found.scores, search_centre) <= SURE:
        return (
            "Its `scores` are reversed: it answers with the lowest of them, and the highest should"
            " be the best. Of distances, give the negative."
        )
    if _shortfall(found, found.scores.mT, search_centre) <= SURE:
        return (
            "Its `scores` are transposed: it answers with the best one only if the row is x."
            " scores[handle, row, column]: row = y, column = x."
        )
    return (
        f"Its `scores` and `points` do not fit: the score at an answer is {100 * shortfall:.0f} %"
        " below the window's best. scores[handle, row, column] is the place (column - r, row - r)"
        " from `search_centre`, with r in the middle."
    )


def _all_the_same(scores: Tensor) -> bool:
    """Whether no window (n k k) has two different finite scores."""
    finite = [window[window.isfinite()] for window in scores]
    return all(bool(known.max() == known.min()) for known in finite)


def _shortfall(found: TrackResult, scores: Tensor, search_centre: Tensor) -> float:
    """How far the `scores` at the answers lie below the best: the worst handle's `_below_best`."""
    centre = search_centre if found.window_centre is None else found.window_centre
    places = (found.points - centre) / found.stride + scores.shape[-1] // 2

    below = [_below_best(window, place) for window, place in zip(scores, places, strict=True)]
    return max(0.0, *below)


def _below_best(window: Tensor, place: Tensor) -> float:
    """How far a place's score is below the best, as a fraction of the window's range.

    It is 0 if the place is outside the window, or nothing was compared.
    """
    column, row = place.round().long().tolist()
    in_window = 0 <= column < len(window) and 0 <= row < len(window)
    known = window[window.isfinite()]
    if not in_window or not len(known):
        return 0.0

    spread = (known.max() - known.min()).clamp_min(1e-12)
    below = (known.max() - window[row, column]) / spread
    return below.nan_to_num(1.0).item()


def confidence_measures(tracker: Tracker, sequence: ImageSequence) -> str | None:
    """Its confidence is NaN, or higher where the blobs are than where they are not."""
    memory, handles = begin(tracker, sequence)
    in_the_corners = torch.tensor([[15.0, 115.0], [115.0, 115.0], [115.0, 12.0]])
    empty = Toy(width=4).view(in_the_corners)

    with_blobs = tracker.find(sequence.views[0], memory, handles.clone()).confidence
    without = tracker.find(empty, memory, handles.clone()).confidence
    if with_blobs.isfinite().all() and torch.equal(with_blobs, without):
        return (
            f"Its `confidence` is {with_blobs[0]:.4g} where the blobs are, and just the same where"
            " they are not: it measures nothing. Then it is NaN: torch.full((n,), torch.nan)."
        )
    if (with_blobs < without).all():
        return (
            "Its `confidence` is lower where the blobs are than where they are not: it should be"
            " high where a place looks as the point did. Of a distance, give the negative."
        )
    return None


def where_lost(points: Tensor, truth: Tensor) -> str | None:
    """In words, where points and truth (frames n 2) part by more than 2 px, if they do."""
    if (points == points[0]).all():
        farthest = (truth[-1] - truth[0]).norm(dim=1).max()
        return (
            f"It stays where it was asked to search (`search_centre`), and in {len(truth)} images"
            f" the blobs move by {farthest:.0f} px."
        )
    off = ((points - truth).norm(dim=-1) > CLOSE).nonzero()
    if not len(off):
        return None
    frame, handle = off[0].tolist()
    return (
        f"It loses handle {handle} in image {frame} of {len(truth)}: it answers"
        f" {spot(points[frame, handle])}, and the blob is at {spot(truth[frame, handle])}."
    )
