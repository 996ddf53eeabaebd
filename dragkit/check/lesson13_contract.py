"""The rules that every tracker keeps, in the order in which they are asked: each says in words how
it is broken, or None.
"""

from __future__ import annotations

import traceback
from typing import Any

import torch
from torch import Tensor

from ..geometry import inside
from ..loop import drag
from ..methods import draggan
from ..models.toy import Toy
from ..records import Edit, TrackResult, View
from .calls import alike, copied

# images of the film, and how many px a tracker may be off in each of them;
FRAMES, CLOSE = 16, 2.0
NEAREST = 1.0  # and in the first, on which it has learned
FAR = 0.3  # of a window's range: the score at the answer may be this much below the best;
# and this much in a window that is turned around or transposed, so that it is called so
SURE = 0.1
# the views, where the handles are in each (frames n 2), and what the tracker is told
ImageSequence = tuple[list[View], Tensor, Edit]


def sequence_of(seed: int = 0) -> ImageSequence:
    """Three blobs on their ways, up to 1.2 px an image; made anew each time, for what is passed
    in may be spoilt. As in a drag, the views carry gradients.
    """
    start, way = (
        torch.tensor([[36.0, 84], [90, 48], [60, 30]]),
        torch.tensor([[1.0, 0.5], [-0.5, 1.0], [0.8, 0.9]]),
    )
    truth = start + torch.arange(FRAMES)[:, None, None] * way
    toy = Toy(width=4, seed=seed)
    return (
        [toy.view(latent.clone().requires_grad_()) for latent in truth],
        truth,
        Edit(truth[0], truth[-1]),
    )


def begun(tracker: Any, sequence: ImageSequence) -> tuple[Any, Tensor]:
    """What it remembers after the first image, and where to look."""
    views, _, edit = sequence
    return tracker.start(views[0], edit), edit.handles.clone()


def _methods(tracker: Any, sequence: ImageSequence) -> str | None:
    if isinstance(tracker, type):
        return f"That is the class; give one of it: check.tracker({tracker.__name__}())."
    missing = [name for name in ("start", "find") if not callable(getattr(tracker, name, None))]
    return (
        f"It has no `{missing[0]}`; a tracker has start(view, edit) and find(view, memory, near)."
        if missing
        else None
    )


def _answer(tracker: Any, sequence: ImageSequence) -> str | None:
    memory, search_centre = begun(tracker, sequence)
    found, n = tracker.find(sequence[0][0], memory, search_centre), len(search_centre)
    if not isinstance(found, TrackResult):
        return (
            f"`find` returns {what(found)}; it returns a dk.TrackResult(points, confidence,"
            " scores, memory)."
        )
    if shape(found.points) != (n, 2):
        return (
            f"`points` is {what(found.points)}; with {n} handles it is a torch tensor of shape"
            f" ({n}, 2), an (x, y) for each."
        )
    if shape(found.confidence) != (n,):
        return (
            f"`confidence` is {what(found.confidence)}; it is a torch tensor with a number for"
            f" each handle, shape ({n},). Where you measure none that is NaN, never 1:"
            " torch.full((n,), torch.nan)."
        )
    if found.goals is not None:
        return "Its points are goals, where content shall be; this check follows sightings."
    k = shape(found.scores)[-1:]
    if shape(found.scores) != (n, *k, *k):
        return (
            f"`scores` is {what(found.scores)}; it is a torch tensor, a square window for each"
            f" handle, shape ({n}, k, k), row = y."
        )
    if found.points.requires_grad or found.scores.requires_grad:
        return (
            "Its answer carries gradients: the loss would pull on the tracker, too. Read"
            " view.features.detach()."
        )
    if memory is not None and found.memory is None:
        return (
            "`find` gives no memory back, and the next `find` needs one; where nothing was learnt,"
            " return the one you were given."
        )
    return None


def _untouched(tracker: Any, sequence: ImageSequence) -> str | None:
    views, _, edit = sequence
    memory, search_centre = begun(tracker, sequence)
    passed = {
        "edit.handles": edit.handles,
        "search_centre": search_centre,
        "view.features": views[1].features,
        "memory": memory,
    }
    before = {name: copied(value) for name, value in passed.items()}
    tracker.find(views[1], memory, search_centre)
    changed = [name for name, value in passed.items() if not alike(copied(value), before[name])]
    return (
        f"It changes `{changed[0]}`, which was passed in; make a new tensor: a = a + b, not a"
        " += b."
        if changed
        else None
    )


def _stateless(tracker: Any, sequence: ImageSequence) -> str | None:
    own = getattr(tracker, "__dict__", {})
    kept = dict(own)
    memory, search_centre = begun(tracker, sequence)
    ask = lambda: _numbers(tracker.find(sequence[0][1], memory, search_centre.clone()))
    first = ask()
    if changed := [name for name, value in own.items() if kept.get(name, kept) is not value]:
        return (
            f"`self.{changed[0]}` changes while it works. Pass what it learns on instead: `start`"
            " returns the memory, `find` the next one in its result."
        )
    if differs := _differ(ask(), first):
        return (
            f"Asked the same twice it gives two answers, in `{differs[0]}`: it throws dice, or"
            " counts where nobody sees it. Fix the seed; return what is new as the result's"
            " memory."
        )
    begun(tracker, sequence_of(seed=1))
    if _differ(ask(), first):
        return (
            "After `start` on another film it has forgotten this one: what to look for is kept"
            " outside the memory. Return it from `start`; `find` gets it as `memory`."
        )
    return None


def _first_image(tracker: Any, sequence: ImageSequence) -> str | None:
    memory, handles = begun(tracker, sequence)
    points = tracker.find(sequence[0][0], memory, handles.clone()).points
    is_at = lambda places: bool(((places - handles).norm(dim=1) <= NEAREST).all())
    if is_at(points):
        return None
    if is_at(points.flip(1)):
        return "Its points are (y, x). A map's row is y and its column x; a point is (x, y)."
    if is_at(2 * points + 0.5):
        return (
            "Its points are cells of the feature map, which has half as many; they must be pixels"
            " of the image."
        )
    if is_at(points + handles):
        return "Its points are counted from `search_centre`; they must be places in the image, so add it."
    worst = int((points - handles).norm(dim=1).argmax())
    return (
        f"On the very image it began with it finds handle {worst} at {spot(points[worst])}; it"
        f" was put at {spot(handles[worst])}."
    )


def _scores(tracker: Any, sequence: ImageSequence) -> str | None:
    """Looked for a little beside the handles, so that a window that is turned around shows it."""
    memory, handles = begun(tracker, sequence)
    k = tracker.find(sequence[0][0], memory, handles.clone()).scores.shape[-1]
    search_centre = handles + torch.tensor([min(3, round(0.4 * k - 0.4)), -min(1, k // 6)])
    found = tracker.find(sequence[0][0], memory, search_centre.clone())
    known = found.scores.isfinite()
    if k < 3 or not known.flatten(1).any(1).all():  # nothing was compared
        return None
    if all(
        window[there].max() == window[there].min() for window, there in zip(found.scores, known)
    ):
        return (
            "All of its `scores` are the same, and the score window shows nothing: give how alike"
            " each place is, or NaN if nothing is compared."
        )
    if (worst := _below(found, found.scores, search_centre)) <= FAR:
        return None
    if _below(found, -found.scores, search_centre) <= SURE:
        return (
            "Its `scores` are turned around: it answers with the lowest of them, and best is"
            " highest. Of distances give the negative."
        )
    if _below(found, found.scores.mT, search_centre) <= SURE:
        return (
            "Its `scores` are transposed: it answers with the best one only if the row is x."
            " scores[handle, row, column]: row = y, column = x."
        )
    return (
        f"Its `scores` and `points` do not fit: what stands at an answer is {100 * worst:.0f} %"
        " below the window's best. scores[handle, row, column] is the place (column - r, row - r)"
        " from `search_centre`, r in the middle."
    )


def _confidence(tracker: Any, sequence: ImageSequence) -> str | None:
    memory, handles = begun(tracker, sequence)
    # the blobs are all in the corners
    without = Toy(width=4).view(torch.tensor([[15.0, 115.0], [115.0, 115.0], [115.0, 12.0]]))
    here, there = (
        tracker.find(view, memory, handles.clone()).confidence
        for view in (sequence[0][0], without)
    )
    if here.isfinite().all() and torch.equal(here, there):
        return (
            f"Its `confidence` is {here[0]:.4g} where the blobs are and just the same where they"
            " are not: it measures nothing. Then it is NaN: torch.full((n,), torch.nan)."
        )
    if (here < there).all():
        return (
            "Its `confidence` is lower where the blobs are than where they are not: it is high"
            " where a place looks as the point did. Of a distance give the negative."
        )
    return None


def _border(tracker: Any, sequence: ImageSequence) -> str | None:
    views = sequence[0]
    memory, _ = begun(tracker, sequence)
    last = views[0].size[0] - 1.0
    found = tracker.find(views[0], memory, torch.tensor([[0.0, 0], [last, 0], [last, last]]))
    out = (~inside(found.points, views[0].size)).nonzero()
    if len(out):
        return (
            f"Looking at the border it answers {spot(found.points[int(out[0])])}, outside the"
            f" image of {last + 1:.0f} px: keep the window in it."
        )
    return (
        "Off the image its `scores` are infinite; where nothing was compared they are NaN."
        if found.scores.isinf().any()
        else None
    )


def _drags(tracker: Any, sequence: ImageSequence) -> str | None:
    toy, (_, truth, edit) = Toy(width=4), sequence
    try:
        list(drag(toy, truth[0], edit, **draggan() | {"tracker": tracker, "lr": 1.0, "steps": 3}))
    except Exception as error:
        return f"In dk.drag {told(error)}"
    return None


# it is sent after the film
BEFORE = (_methods, _answer, _untouched, _stateless, _first_image, _border, _drags)
AFTER = (_scores, _confidence)  # it has followed


def broken(rules: tuple, tracker: Any) -> str | None:
    """In words, the first rule that is broken; what the tracker raises is told."""
    for rule in rules:
        try:
            words = rule(tracker, sequence_of())
        except Exception as error:
            words = told(error)
        if words:
            return words
    return None


def _numbers(found: TrackResult) -> dict[str, Any]:
    return {name: copied(getattr(found, name)) for name in ("points", "scores", "confidence")}


def _differ(a: dict[str, Any], b: dict[str, Any]) -> list[str]:
    return [name for name in a if not alike(a[name], b[name])]


def _below(found: TrackResult, scores: Tensor, search_centre: Tensor) -> float:
    """How far the score at the answers lies below the best, as a share of the window's range: the
    worst handle's.
    """
    r, shares = scores.shape[-1] // 2, [0.0]
    centres = search_centre if found.window_centre is None else found.window_centre
    for window, point, centre in zip(scores, found.points, centres):
        column, row = ((point - centre) / found.stride + r).round().long().tolist()
        known = window[window.isfinite()]
        if 0 <= column < len(window) and 0 <= row < len(window) and known.numel():
            shares.append(
                (
                    (known.max() - window[row, column])
                    / (known.max() - known.min()).clamp_min(1e-12)
                )
                .nan_to_num(1.0)
                .item()
            )
    return max(shares)


def told(error: Exception) -> str:
    """What a tracker raised, and in which line of it."""
    own = [f for f in traceback.extract_tb(error.__traceback__) if f.name in ("start", "find")]
    return (
        f"`{own[-1].name}` raises {type(error).__name__}: {error} (at `{own[-1].line}`)."
        if own
        else f"it raises {type(error).__name__}: {error}."
    )


def shape(value: Any) -> tuple[int, ...]:
    """Of a tensor; of anything else none."""
    return tuple(value.shape) if isinstance(value, Tensor) else ()


def what(value: Any) -> str:
    """A value in words: of what kind it is."""
    return (
        f"a tensor of shape {tuple(value.shape)}"
        if isinstance(value, Tensor)
        else "None"
        if value is None
        else f"a {type(value).__name__}"
    )


def spot(point: Tensor) -> str:
    """A point (2) in words."""
    return f"({point[0]:.4g}, {point[1]:.4g})"
