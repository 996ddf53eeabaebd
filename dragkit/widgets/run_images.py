"""From a trace to images: one step, its score windows, and the curves."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
from PIL import Image

from ..compose import Panel, RunCurves, comparison, run_panels
from ..records import Frame
from ..runs.drawing import draw_frame, score_window
from ..runs.trace import Trace


def step_image(
    trace: Trace,
    position: int,
    handle: int | None = None,
    map_name: str | None = None,
    size: int = 384,
    frame: Frame | None = None,
) -> Image.Image:
    """The step at a position, with handles, targets, paths and mask.

    Args:
        trace: the run.
        position: of the step in the trace.
        handle: whose score window is drawn; None for none.
        map_name: which of its score maps is drawn, if it has it; else its scores.
        size: height in pixels.
        frame: the step itself, if its image is a sketch.
    """
    frame = frame or trace[position]
    window = None
    if handle is not None:
        window = score_window(frame, handle)
        maps = frame.score_maps(handle)
        if map_name in maps:
            window = replace(window, scores=maps[map_name])
    return draw_frame(frame, trace.path(position), window=window, size=size)


def step_text(frame: Frame) -> str:
    """How a step went, in a line: ``step 17 · loss 0.031 · confidence 0.93 · arrived 0/1``."""
    return "step " + " · ".join(str(frame).split("  ")).strip(" ·")


def panels_of_run(
    trace: Trace, past: Sequence[Trace] = (), handle: int = 0, arrive: float | None = None
) -> list[Panel]:
    """Distance, losses and confidence of a run, or its template's drift.

    Args:
        trace: the run.
        past: earlier runs; those from the same start are drawn in grey.
        handle: whose trust is shown.
        arrive: the method's stop distance in pixels; the edit's takes precedence.
    """
    frames = list(trace)
    if not frames:
        return run_panels([], np.zeros((0, 1)), {}, confidence=np.zeros((0, 1)))
    return run_panels(
        _steps(trace),
        _distance(trace),
        _losses(frames),
        confidence=_confidence(trace),
        drift=_drift(frames),
        threshold=_threshold(trace),
        trusted=np.stack([frame.trusted.numpy() for frame in frames]),
        handle=handle,
        arrive=frames[0].edit.arrive or arrive,
        past=[(_steps(t), _distance(t)) for t in past if len(t) and t[0] is frames[0]],
    )


def panels_of_runs(runs: Mapping[str, Trace], handle: int) -> list[Panel]:
    """Distance and confidence of a handle in several runs, by name."""
    curves = {
        name: RunCurves(_steps(trace), _distance(trace), _confidence(trace), _threshold(trace))
        for name, trace in runs.items()
    }
    return comparison(curves, handle)


def _steps(trace: Trace) -> list[int]:
    return [frame.index for frame in trace]


def _distance(trace: Trace) -> np.ndarray:
    """(s n)"""
    return np.stack([frame.distance.numpy() for frame in trace])


def _confidence(trace: Trace) -> np.ndarray:
    """(s n)"""
    return np.stack([frame.confidence.numpy() for frame in trace])


def _threshold(trace: Trace) -> np.ndarray:
    """(s n), NaN where there was no gate."""
    rows = []
    for frame in trace:
        row = np.full(len(frame.points), np.nan)
        if frame.step.track.threshold is not None:
            row = frame.step.track.threshold.numpy()
        rows.append(row)
    return np.stack(rows)


def _drift(frames: Sequence[Frame]) -> np.ndarray | None:
    """(s n), NaN where there were no goals; None if the last step has none."""
    if frames[-1].step.track.goals is None:
        return None
    rows = []
    for frame in frames:
        row = np.full(len(frame.points), np.nan)
        if frame.step.track.goals is not None:
            row = frame.step.track.goals.drift.numpy()
        rows.append(row)
    return np.stack(rows)


def _losses(frames: Sequence[Frame]) -> dict[str, list[float]]:
    """The values of each loss term; one that is 0 throughout, as without a mask, is left out."""
    names = [name for name in frames[-1].losses if any(f.losses.get(name) for f in frames)]
    return {name: [frame.losses.get(name, np.nan) for frame in frames] for name in names}
