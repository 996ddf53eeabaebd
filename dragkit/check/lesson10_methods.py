"""Lesson 10: a published method from another one, by changing the cells that differ."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from ..methods import dragdiffusion, table
from ..pieces import Method
from ..trackers import TrackEvery
from ..validation import check_pieces
from .cases import Case
from .comparison import Values
from .exercise import Exercise
from .mistakes import Answer, mistakes_of


def _gooddrag(method: Any) -> Any:
    motion, mask = method["losses"]
    first = replace(motion, first_patch=1)
    patient = TrackEvery(method["tracker"], updates=3)
    losses = (first, mask)
    changes = {"losses": losses, "tracker": patient, "lr": 2e-2}
    return method | changes


def _cases() -> list[Case]:
    """DragDiffusion in both profiles."""
    return [(dragdiffusion(profile),) for profile in ("small", "official")]


def _cells(function: Answer, case: Case) -> Values:
    """Whether it is a method, and the cells of its row in the table of methods."""
    method = function(*case)
    broken = _first_broken(method)
    if broken is not None:
        return {"answer": broken}
    row = table({"yours": method}).rows["yours"]
    cells = {knob: cell.text for knob, cell in row.items() if knob != "leaf"}
    return {"answer": "a method", **cells}


def _first_broken(method: Any) -> str | None:
    """In words, why `drag` would not take it as a method."""
    is_dict = isinstance(method, Mapping)
    if not is_dict:
        return f"It returns a {type(method).__name__}; a method is a dict: method | {{…}}."
    keys = Method.__annotations__.keys()
    unknown = [str(key) for key in method if key not in keys]
    if unknown:
        return f"`drag` does not know {unknown[0]!r}; a method's keys are {', '.join(keys)}."
    missing = [key for key in keys if key not in method]
    if missing:
        rest = ", ".join(missing)
        return f"It has no {rest}; give the rest of the method, too: method | {{…}}."
    try:
        check_pieces(method)
    except (TypeError, ValueError) as error:
        return f"`drag` would refuse it: {error}."
    return None


FIRST = "first = replace(motion, first_patch=1)"
PATIENT = 'patient = TrackEvery(method["tracker"], updates=3)'
LOSSES = "losses = (first, mask)"
CHANGES = 'changes = {"losses": losses, "tracker": patient, "lr": 2e-2}'

gooddrag = Exercise(
    "gooddrag",
    "gooddrag(method): DragDiffusion's method (a dict) with three cells changed, which makes it"
    " GoodDrag at one noise level; all else stays.",
    _gooddrag,
    _cases,
    mistakes_of(
        _gooddrag,
        {
            "The template is still the current patch; GoodDrag's is the first frame's:"
            " first_patch=1.": (FIRST, "first = motion"),
            "The tracker is still asked after each update; wrap it: dk.TrackEvery(tracker,"
            " updates=3).": (PATIENT, 'patient = method["tracker"]'),
            "Up to three updates follow one tracking.": (
                PATIENT,
                'patient = TrackEvery(method["tracker"], updates=2)',
            ),
            "`losses` is one loss; it is a tuple of both, the changed one and `mask`.": (
                LOSSES,
                "losses = first",
            ),
            "The mask term comes first; motion supervision does, the table reads it there.": (
                LOSSES,
                "losses = (mask, first)",
            ),
            "The mask term is gone; keep it beside the loss that you changed.": (
                LOSSES,
                "losses = (first,)",
            ),
            "The learning rate is 0.02, twice that of DragDiffusion.": (
                CHANGES,
                'changes = {"losses": losses, "tracker": patient}',
            ),
        },
    ),
    run=_cells,
)
