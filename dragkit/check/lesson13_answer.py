"""The rules about a tracker's answer: what is in it, and what must stay as it was."""

from __future__ import annotations

from typing import Any

from torch import Tensor

from ..pieces import Tracker
from ..records import TrackResult
from ..tasks.sequences import ImageSequence
from .calls import alike, copied
from .lesson13_contract import begin, three_blobs


def has_methods(tracker: Tracker, sequence: ImageSequence) -> str | None:
    """It is an object with `start` and `find`."""
    if isinstance(tracker, type):
        return f"That is the class; pass an instance: check.tracker({tracker.__name__}())."
    for name in ("start", "find"):
        if not callable(getattr(tracker, name, None)):
            return (
                f"It has no `{name}`; a tracker has start(view, edit) and"
                " find(view, memory, search_centre)."
            )
    return None


def answers_in_full(tracker: Tracker, sequence: ImageSequence) -> str | None:
    """`find` returns a TrackResult with every part that a drag needs."""
    memory, search_centre = begin(tracker, sequence)
    found = tracker.find(sequence.views[0], memory, search_centre)

    if not isinstance(found, TrackResult):
        return (
            f"`find` returns {_kind(found)}; it should return a dk.TrackResult(points, confidence,"
            " scores, memory)."
        )
    words = _wrong_shape(found, len(search_centre))
    if words:
        return words
    if found.points.requires_grad or found.scores.requires_grad:
        return (
            "Its answer carries gradients, so the loss would pull on the tracker, too. Read"
            " view.features.detach()."
        )
    if memory is not None and found.memory is None:
        return (
            "`find` gives no memory back, and the next `find` needs one; if nothing was learned,"
            " return the one you were given."
        )
    return None


def _wrong_shape(found: TrackResult, n: int) -> str | None:
    """In words, the first part of a result for `n` handles that is of another kind or shape."""
    if _shape(found.points) != (n, 2):
        return (
            f"`points` is {_kind(found.points)}; with {n} handles it should be a torch tensor of"
            f" shape ({n}, 2), an (x, y) for each."
        )
    if _shape(found.confidence) != (n,):
        return (
            f"`confidence` is {_kind(found.confidence)}; it should be a torch tensor with a number"
            f" for each handle, shape ({n},). If you measure none, that is NaN, never 1:"
            " torch.full((n,), torch.nan)."
        )
    if found.goals is not None:
        return (
            "Its points are goals, where content should be; this check asks for points where"
            " content was seen."
        )
    side = _shape(found.scores)[-1:]
    if _shape(found.scores) != (n, *side, *side):
        return (
            f"`scores` is {_kind(found.scores)}; it should be a torch tensor, a square window for"
            f" each handle, shape ({n}, k, k), row = y."
        )
    return None


def changes_nothing(tracker: Tracker, sequence: ImageSequence) -> str | None:
    """`find` leaves what it is passed as it was."""
    edit = sequence.edit
    memory = tracker.start(sequence.views[0], edit)
    search_centre = edit.handles.clone()

    view = sequence.views[1]
    passed = {
        "edit.handles": edit.handles,
        "search_centre": search_centre,
        "view.features": view.features,
        "memory": memory,
    }
    before = {name: copied(value) for name, value in passed.items()}
    tracker.find(view, memory, search_centre)

    for name, value in passed.items():
        if not alike(copied(value), before[name]):
            return (
                f"It changes `{name}`, which was passed in; make a new tensor: a = a + b, not a"
                " += b."
            )
    return None


def keeps_nothing(tracker: Tracker, sequence: ImageSequence) -> str | None:
    """What it learns is in the memory, not in the tracker or anywhere else."""
    attributes = getattr(tracker, "__dict__", {})
    before = dict(attributes)
    memory, search_centre = begin(tracker, sequence)

    def ask() -> dict[str, Any]:
        found = tracker.find(sequence.views[1], memory, search_centre.clone())
        return {name: copied(getattr(found, name)) for name in ("points", "scores", "confidence")}

    first = ask()
    for name, value in attributes.items():
        if name not in before or before[name] is not value:
            return (
                f"`self.{name}` changes while it works. Pass on what it learns instead: `start`"
                " returns the memory, and `find` the next one in its result."
            )

    differing = _differing(first, ask())
    if differing:
        return (
            f"Asked the same thing twice it gives two answers, in `{differing[0]}`: it draws"
            " random numbers, or counts where nobody sees it. Fix the seed; return what is new as"
            " the result's memory."
        )

    begin(tracker, three_blobs(seed=1))
    if _differing(first, ask()):
        return (
            "After `start` on another image sequence it has forgotten this one: what to search for"
            " is kept outside the memory. Return it from `start`; `find` gets it as `memory`."
        )
    return None


def _differing(first: dict[str, Any], second: dict[str, Any]) -> list[str]:
    """The names under which two answers differ."""
    return [name for name in first if not alike(second[name], first[name])]


def _shape(value: Any) -> tuple[int, ...]:
    """The shape of a tensor; that of anything else is ()."""
    return tuple(value.shape) if isinstance(value, Tensor) else ()


def _kind(value: Any) -> str:
    """Of what kind a value is, in words."""
    if isinstance(value, Tensor):
        return f"a tensor of shape {tuple(value.shape)}"
    if value is None:
        return "None"
    return f"a {type(value).__name__}"
