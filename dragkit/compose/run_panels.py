"""The panels of a run: distance to target, losses and confidence; or of several runs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import NamedTuple

import numpy as np

from .panels import SERIES, Line, Panel


class RunCurves(NamedTuple):
    """What several runs are compared by.

    Attributes:
        steps: (s) the steps' numbers.
        distance: (s n) from each handle to its target, in pixels.
        confidence: (s n) of the tracker.
        threshold: (s n) of the gate; NaN where there is none.
    """

    steps: Sequence[int]
    distance: np.ndarray
    confidence: np.ndarray
    threshold: np.ndarray


def run_panels(
    steps: Sequence[int],
    distance: np.ndarray,
    losses: Mapping[str, Sequence[float]],
    *,
    confidence: np.ndarray | None = None,
    drift: np.ndarray | None = None,
    threshold: np.ndarray | None = None,
    trusted: np.ndarray | None = None,
    handle: int = 0,
    arrive: float | None = None,
    past: Sequence[tuple[Sequence[int], np.ndarray]] = (),
) -> list[Panel]:
    """Distance to target, losses, and the template's drift or else the confidence, if given.

    Args:
        steps: (s) the steps' numbers.
        distance: (s n) from each handle to its target, in pixels.
        losses: the values (s) of each term by its name; without any there is no such panel.
        confidence: (s n) of the tracker.
        drift: (s n) how far the template has come from the first, for point goals.
        threshold: (s n) of the gate; one that is not finite is not drawn.
        trusted: (s n) what the gate said.
        handle: whose spans without trust are shaded; where its trust switched is a triangle.
        arrive: the stop distance in pixels, shown as a band.
        past: steps and distances of earlier runs, drawn in grey.
    """
    panels = [_distance_panel(steps, distance, arrive, past)]
    if losses or not len(steps):
        lines = {name: (steps, values) for name, values in losses.items()}
        panels.append(Panel("loss", lines, palette=SERIES[1:] + SERIES[:1]))
    if drift is not None:
        title = "template's drift (share of the first)"
        panels.append(Panel(title, _handle_lines(steps, drift), named=False))
    elif confidence is not None:
        panels.append(_confidence_panel(steps, confidence, threshold, trusted, handle))
    return panels


def comparison(runs: Mapping[str, RunCurves], handle: int) -> list[Panel]:
    """Distance and confidence of one handle in several runs, by name, on one time axis."""
    distances: dict[str, Line] = {}
    confidences: dict[str, Line] = {}
    thresholds: dict[str, Line] = {}
    for name, run in runs.items():
        distances[name] = (run.steps, run.distance[:, handle])
        confidences[name] = (run.steps, run.confidence[:, handle])
        threshold = run.threshold[:, handle]
        if np.isfinite(threshold).any():
            thresholds[name] = (run.steps, threshold)

    return [
        # the names are in the other legend, whose title leaves more room for them
        Panel("distance to target (px)", distances, named=False),
        Panel("confidence", confidences, thresholds, from_zero=False),
    ]


def trust_spans(
    steps: Sequence[int], trusted: np.ndarray
) -> tuple[list[tuple[float, float]], list[int]]:
    """The spans of steps without trust, and the steps at which trust switched.

    Args:
        steps: (s) the steps' numbers.
        trusted: (s) bool; a span is half a step wider on both sides.
    """
    switched = [i for i in range(1, len(steps)) if trusted[i] != trusted[i - 1]]
    edges = [0, *switched, len(steps)]
    spans = [
        (steps[first] - 0.5, steps[end - 1] + 0.5)
        for first, end in pairwise(edges)
        if end > first and not trusted[first]
    ]
    return spans, [steps[i] for i in switched]


def _distance_panel(
    steps: Sequence[int],
    distance: np.ndarray,
    arrive: float | None,
    past: Sequence[tuple[Sequence[int], np.ndarray]],
) -> Panel:
    before: list[Line] = []
    for past_steps, distances in past:
        before += [(past_steps, values) for values in np.asarray(distances, float).T]
    lines = _handle_lines(steps, distance)
    return Panel("distance to target (px)", lines, past=before, band=arrive)


def _confidence_panel(
    steps: Sequence[int],
    confidence: np.ndarray,
    threshold: np.ndarray | None,
    trusted: np.ndarray | None,
    handle: int,
) -> Panel:
    """Confidence (s n) over the steps, with the gate's threshold and what it said."""
    lines = _handle_lines(steps, confidence)
    thresholds: dict[str, Line] = {}
    if threshold is not None and np.isfinite(threshold).any():
        thresholds = _handle_lines(steps, threshold)

    shaded: list[tuple[float, float]] = []
    switched: list[int] = []
    if trusted is not None:
        shaded, switched = trust_spans(steps, trusted[:, handle])

    measured = np.isfinite(confidence).any() or not len(steps)
    return Panel(
        "confidence" if measured else "confidence: not measured",
        lines,
        thresholds,
        shaded=shaded,
        shaded_name=f"not trusted: {handle}" if len(lines) > 1 else "not trusted",
        switched=switched,
        from_zero=False,
        named=False,
    )


def _handle_lines(steps: Sequence[int], values: np.ndarray) -> dict[str, Line]:
    """A line for each handle (s n), numbered if there are several."""
    columns = np.asarray(values, float).T
    if len(columns) == 1:
        return {"": (steps, columns[0])}
    names = ["handle 0", *(str(i) for i in range(1, len(columns)))]
    return {name: (steps, column) for name, column in zip(names, columns)}
