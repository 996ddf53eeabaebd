"""Lesson 10: a published method from another one, by changing the cells that differ."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from ..methods import dragdiffusion, table
from ..pieces import Method
from ..trackers import TrackEvery
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
    """The cells of the row that the answer's method has in the table of methods."""
    (given,) = case
    before = dict(given)
    method = function(given)
    if not (isinstance(method, Mapping) and Method.__annotations__.keys() <= method.keys()):
        return {"": method}
    if dict(given) != before:
        return {"": "It changes the method it was given; return a new one: method | {…}."}
    return _texts(method)


def _texts(method: Any) -> Values:
    row = table({"yours": method}).rows["yours"]
    return {knob: cell.text for knob, cell in row.items() if knob != "leaf"}


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
