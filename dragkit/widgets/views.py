"""From a trace to pictures: one step, and the curves."""

from __future__ import annotations

import numpy as np
from PIL import Image

from ..compose import curves
from ..session import Session
from ..trace import Trace


def picture(trace: Trace, at: int, handle: int | None = None, size: int = 384) -> Image.Image:
    """The step at position `at` with handles, targets, paths, mask and the score window of `handle`."""
    return trace[at].paint(trace.path(at), handle, size=size)


def chart(trace: Trace, at: int, session: Session | None, size: tuple[int, int]) -> Image.Image:
    """The curves of a trace; in grey the runs of its session that a rewind left behind."""
    frames = list(trace)
    if not frames:
        return curves([], np.zeros((0, 1)), {}, size=size)
    past = [t for t in session.past if len(t) and t[0] is frames[0]] if session else []
    arrive = frames[0].edit.arrive or (session.method.get("arrive", 1.0) if session else None)
    losses = {name: [f.losses.get(name, np.nan) for f in frames] for name in frames[-1].losses}
    return curves(*_way(trace), losses, at=at, arrive=arrive, past=[_way(t) for t in past], size=size)


def _way(trace: Trace) -> tuple[list[int], np.ndarray]:
    frames = list(trace)
    return [f.index for f in frames], np.stack([f.distance.numpy() for f in frames])
