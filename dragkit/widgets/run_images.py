"""From a trace to images: one step, its score windows, and the curves."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace

import numpy as np
import torch
from PIL import Image

from ..compose import Panel, RunCurves, Viewport, comparison, run_panels, with_cross
from ..records import Frame
from ..records.frame import loss_names
from ..runs.drawing import draw_frame, score_window
from ..runs.outcome import distances, stop_distance, tracker_name
from ..runs.trace import Trace

# All layers but "heat": the window is magnified already, and its colours hide the point.
CLEAR = ("points", "trail", "mask", "window")


def step_image(
    frame: Frame,
    path: np.ndarray,
    handle: int | None = None,
    map_name: str | None = None,
    size: int = 384,
    layers: Collection[str] = CLEAR,
    cross: tuple[float, float] | None = None,
    viewport: Viewport | None = None,
) -> Image.Image:
    """A step with handles, targets, paths and mask.

    Args:
        frame: the step.
        path: (steps n 2) the handles' path so far.
        handle: whose score window is drawn; None for none.
        map_name: which of its score maps is drawn, if it has it; else its scores.
        size: height in pixels.
        layers: which of its layers are drawn.
        cross: (x, y) of a place in the image that is marked.
        viewport: the part of the image that is shown; None: all of it.
    """
    window = None
    if handle is not None:
        window = score_window(frame, handle)
        maps = frame.score_maps(handle)
        if map_name in maps:
            window = replace(window, scores=maps[map_name])
    image = draw_frame(frame, path, window=window, size=size, layers=layers, viewport=viewport)
    if cross is None:
        return image
    return with_cross(image, cross, viewport or Viewport(frame.size))


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
        arrive: the stop distance in pixels, for runs that do not know their own.
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
        trusted=_trusted(trace),
        handle=handle,
        arrive=stop_distance(frames) or arrive,
        trackers=[tracker_name(frame) for frame in frames],
        intervened=[index for index, _ in trace.interventions],
        past=[(_steps(t), _distance(t)) for t in past if len(t) and t[0] is frames[0]],
    )


def panels_of_runs(runs: Mapping[str, Trace], handle: int) -> list[Panel]:
    """Distance and confidence of a handle in several runs, by name."""
    curves = {
        name: RunCurves(
            _steps(trace),
            _distance(trace),
            _confidence(trace),
            _threshold(trace),
            [tracker_name(frame) for frame in trace],
            stop_distance(trace.frames),
        )
        for name, trace in runs.items()
    }
    return comparison(curves, handle)


def _steps(trace: Trace) -> list[int]:
    return [frame.index for frame in trace]


def _distance(trace: Trace) -> np.ndarray:
    """(s n)"""
    return distances(trace.frames).numpy()


def _confidence(trace: Trace) -> np.ndarray:
    """(s n)"""
    return torch.stack([frame.confidence for frame in trace]).numpy()


def _threshold(trace: Trace) -> np.ndarray:
    """(s n), NaN where there was no gate."""
    none = torch.full((len(trace[0].points),), torch.nan)
    rows = [frame.step.track.threshold for frame in trace]
    return torch.stack([none if row is None else row for row in rows]).numpy()


def _trusted(trace: Trace) -> np.ndarray:
    """(s n) bool"""
    return torch.stack([frame.trusted for frame in trace]).numpy()


def _drift(frames: Sequence[Frame]) -> np.ndarray | None:
    """(s n); None if some steps have no goals: those have confidences instead."""
    every = [frame.step.track.goals for frame in frames]
    if None in every:
        return None
    return np.stack([goals.drift.numpy() for goals in every if goals is not None])


def _losses(frames: Sequence[Frame]) -> dict[str, list[float]]:
    """The values of each loss term; one that is 0 throughout, as without a mask, is left out."""
    names = loss_names(frames)
    return {name: [frame.losses.get(name, np.nan) for frame in frames] for name in names}
