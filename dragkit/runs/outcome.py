"""Why a run stands where it stands."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from ..pieces import printed
from ..records import Frame

STALLED = 30  # steps without coming closer after which a handle counts as lost; our choice


def why(frames: Sequence[Frame]) -> str:
    """Whether a run has arrived, is still on the way, or has lost a handle (which, since when).

    A handle counts as lost if it has not come closer to its target for 30 steps (our choice).
    """
    if not frames:
        return "no steps yet"
    last = frames[-1]
    if last.arrived.all():
        return f"arrived after {_steps(last)}"

    lost = _lost_handles(frames)
    if lost:
        return "; ".join(lost)
    missing = int((~last.arrived).sum())
    return (
        f"not there yet after {_steps(last)}:"
        f" {missing} of {len(last.arrived)} handles still on the way"
    )


def _steps(last: Frame) -> str:
    return "1 step" if last.index == 1 else f"{last.index} steps"


def stop_distance(frames: Sequence[Frame]) -> float | None:
    """The one in pixels by which the last of the steps was judged, if it is known."""
    last = frames[-1]
    return last.edit.arrive or last.step.arrive


def tracker_name(frame: Frame) -> str:
    """The tracker of a step without its settings: ``NearestNeighbor``."""
    tracker = frame.step.tracker
    name = tracker if isinstance(tracker, str) else printed(tracker)
    return name.partition("(")[0]


def distances(frames: Sequence[Frame]) -> Tensor:
    """(s n) from each handle to its target in every frame, in pixels."""
    targets = torch.stack([frame.edit.targets for frame in frames])
    points = torch.stack([frame.points for frame in frames])
    return (targets - points).norm(dim=-1)


def _lost_handles(frames: Sequence[Frame]) -> list[str]:
    last = frames[-1]
    lost = []
    for i, nearest in enumerate(distances(frames).argmin(0).tolist()):
        stalled = len(frames) - 1 - nearest >= STALLED
        if stalled and not last.arrived[i]:
            lost.append(
                f"handle {i} is lost: {last.distance[i]:.1f} px from its target,"
                f" no closer since step {frames[nearest].index}"
            )
    return lost
