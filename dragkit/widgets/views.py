"""From a trace to images: one step, its score windows, and the curves."""

from __future__ import annotations

import numpy as np
from PIL import Image

from ..compose import Panel, comparison, run_panels
from ..records import Frame
from ..runs.drawing import draw_frame, score_window
from ..runs.session import Session
from ..runs.trace import Trace


def image(
    trace: Trace, at: int, handle: int | None = None, name: str | None = None, size: int = 384
) -> Image.Image:
    """The step at position `at` with handles, targets, paths, mask and a score window: of
    `handle`, the map `name` if it has it.
    """
    frame, look = trace[at], {}
    if handle is not None:
        look = score_window(frame, handle) | {"scores": chosen(frame, handle, name)}
    return draw_frame(frame, trace.path(at), size=size, **look)


def chosen(frame: Frame, handle: int, name: str | None) -> np.ndarray:
    """The map `name` of a handle, or else its scores."""
    return frame.score_maps(handle).get(name, frame.scores[handle].numpy())


def panels(trace: Trace, session: Session | None = None, handle: int | None = None) -> list[Panel]:
    """Distance, losses and confidence of a trace; in grey the runs of its session that a rewind
    left behind.
    """
    frames = list(trace)
    if not frames:
        return run_panels([], np.zeros((0, 1)), {}, confidence=np.zeros((0, 1)))
    past = [t for t in session.past if len(t) and t[0] is frames[0]] if session else []
    arrive = frames[0].edit.arrive or (session.method.get("arrive", 1.0) if session else None)
    # without a mask its term is 0 throughout
    present = [name for name in frames[-1].losses if any(f.losses.get(name) for f in frames)]
    losses = {name: [f.losses.get(name, np.nan) for f in frames] for name in present}
    sure = {
        "confidence": confidence(trace),
        "threshold": threshold(trace),
        "trusted": np.stack([f.trusted.numpy() for f in frames]),
    }
    if frames[-1].step.track.goals is not None:
        sure["drift"] = np.stack(
            [
                np.full(len(f.points), np.nan)
                if f.step.track.goals is None
                else f.step.track.goals.drift.numpy()
                for f in frames
            ]
        )
    steps, distance = way(trace)
    return run_panels(
        steps,
        distance,
        losses,
        **sure,
        handle=handle or 0,
        arrive=arrive,
        past=[way(t) for t in past],
    )


def side_by_side(runs: dict[str, Trace], handle: int) -> list[Panel]:
    """Distance and confidence of a handle in several runs."""
    return comparison(
        {name: (*way(t), confidence(t), threshold(t)) for name, t in runs.items()}, handle
    )


def way(trace: Trace) -> tuple[list[int], np.ndarray]:
    """The steps (s) and the distances (s n) of a trace."""
    return [f.index for f in trace], np.stack([f.distance.numpy() for f in trace])


def confidence(trace: Trace) -> np.ndarray:
    """(s n)"""
    return np.stack([f.confidence.numpy() for f in trace])


def threshold(trace: Trace) -> np.ndarray:
    """(s n), NaN where there was no gate."""
    return np.stack(
        [
            np.full(len(f.points), np.nan)
            if f.step.track.threshold is None
            else f.step.track.threshold.numpy()
            for f in trace
        ]
    )
