"""What a page shows of a run."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ..numeric import is_positive
from ..pieces import printed
from ..records import Edit, Frame


@dataclass(frozen=True, eq=False)
class Recording:
    """A run, with what its frames do not know.

    Attributes:
        name: of the run.
        frames: its steps, at least one.
        why: why it stands where it stands.
        method: the pieces and numbers that `drag` got, if they are known.
        metadata: what the model said about itself.
        interventions: what was done to the run on its way, each with the index of its step.
    """

    name: str
    frames: Sequence[Frame]
    why: str
    method: Mapping[str, Any] = field(default_factory=dict)
    metadata: Mapping[str, Any] = field(default_factory=dict)
    interventions: Sequence[tuple[int, Any]] = ()

    def arrive(self, edit: Edit) -> float | None:
        """The stop distance in pixels, if it is known; the edit's takes precedence."""
        told = [frame.step.arrive for frame in self.frames if frame.edit is edit]
        arrive: Any = edit.arrive or self.method.get("arrive") or told[-1]
        return float(arrive) if is_positive(arrive) else None

    def trackers(self) -> list[tuple[int, str]]:
        """The trackers that the run had, in print, each with the step it began at."""
        used: list[tuple[int, str]] = []
        latest = None
        for frame in self.frames:
            if frame.step.tracker is latest:  # printing one takes a while
                continue
            latest = frame.step.tracker
            text = tracker_of(frame)
            if not used or used[-1][1] != text:
                used.append((frame.index, text))
        return used


def tracker_of(frame: Frame) -> str:
    """The frame's tracker in print."""
    tracker = frame.step.tracker
    return tracker if isinstance(tracker, str) else printed(tracker)
