"""A run as a table of numbers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from ..records import Frame

if TYPE_CHECKING:
    from pandas import DataFrame


def as_table(frames: Sequence[Frame]) -> DataFrame:
    """One row per step and handle, see :meth:`dragkit.Trace.to_dataframe`."""
    import pandas as pd

    rows = [_row(frame, handle) for frame in frames for handle in range(len(frame.points))]
    return pd.DataFrame(rows)


def _row(frame: Frame, handle: int) -> dict[str, Any]:
    x, y = frame.points[handle].tolist()
    row = {
        "step": frame.index,
        "handle": handle,
        "x": x,
        "y": y,
        "distance": frame.distance[handle].item(),
        "confidence": frame.confidence[handle].item(),
        "trusted": bool(frame.trusted[handle]),
        "arrived": bool(frame.arrived[handle]),
    }
    losses = {
        f"loss {name}" if name in row else name: value for name, value in frame.losses.items()
    }
    return row | losses
