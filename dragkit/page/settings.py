"""The settings of a run as names and texts, and what the scores of its trackers are."""

from __future__ import annotations

from typing import Any

from ..pieces import printed
from ..records import Edit
from ..scores import score_meaning
from .recording import Recording

Setting = tuple[str, str]  # its name and its value in print


def meaning(tracker: str) -> str:
    """What the scores of a tracker in print are; empty for one that is not ours."""
    name, _, _ = tracker.partition("(")
    return score_meaning(name)


def settings(recording: Recording) -> list[tuple[str, list[Setting]]]:
    """The rows of a table in four sections: how the run went, its method, its edit, its model."""
    frames = recording.frames
    steps = f"{frames[0].index} to {frames[-1].index}"
    notes = [(name, _text(value)) for name, value in recording.metadata.items()]
    return [
        ("run", [("outcome", recording.why), ("steps", steps), *_interventions(recording)]),
        ("method", [("tracker", _trackers(recording)), *_method(recording)]),
        ("edit", _edit(recording)),
        ("model", notes),
    ]


def _interventions(recording: Recording) -> list[Setting]:
    """What was done to the run at which step; nothing if nothing was."""
    done = [f"at step {index}: {_text(done)}" for index, done in recording.interventions]
    return [("interventions", "\n".join(done))] if done else []


def _trackers(recording: Recording) -> str:
    """The tracker; if it was swapped, each with the step from which on it was used."""
    trackers = recording.trackers()
    if len(trackers) == 1:
        return trackers[0][1]
    return "\n".join(f"from step {step}: {text}" for step, text in trackers)


def _method(recording: Recording) -> list[Setting]:
    """What `drag` got besides the tracker; without that, the names of the losses."""
    method = {name: value for name, value in recording.method.items() if name != "tracker"}
    if method:
        return [(name, _text(value)) for name, value in method.items()]
    losses = ", ".join(recording.frames[-1].losses) or "none reported"
    return [("losses", losses), ("other settings", "not told when the page was written")]


def _edit(recording: Recording) -> list[Setting]:
    edit = recording.frames[-1].edit
    rows = [("handles → targets", _pairs(edit)), ("mask", _mask(edit))]
    arrive = recording.arrive(edit)
    if arrive is not None:
        rows.append(("stop distance", f"{arrive:g} px"))
    return rows


def _pairs(edit: Edit) -> str:
    pairs = zip(edit.handles.tolist(), edit.targets.tolist(), strict=True)
    return "\n".join(f"({x:g}, {y:g}) → ({u:g}, {v:g})" for (x, y), (u, v) in pairs)


def _mask(edit: Edit) -> str:
    if edit.mask is None:
        return "none: everything may move"
    return f"{100 * edit.mask.mean().item():.0f} % of the image may move"


def _text(value: Any) -> str:
    """A setting in print: texts as they are, functions by their name, several below each other."""
    if isinstance(value, str):
        return value
    if isinstance(value, list | tuple) and value and not all(_is_number(part) for part in value):
        return "\n".join(map(_text, value))
    name = getattr(value, "__name__", None)
    return name if isinstance(name, str) else printed(value)


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float)
