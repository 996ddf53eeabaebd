"""The panels of a run: distance to target, losses and confidence; or of several runs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import cycle, pairwise
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
        trackers: (s) the tracker's name; confidences of different ones have different scales.
        arrive: the stop distance in pixels, if it is known.
    """

    steps: Sequence[int]
    distance: np.ndarray
    confidence: np.ndarray
    threshold: np.ndarray
    trackers: Sequence[str]
    arrive: float | None = None


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
    trackers: Sequence[str] = (),
    intervened: Sequence[int] = (),
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
        arrive: the stop distance in pixels, shown as a line over a band.
        trackers: (s) the tracker of each step; where another one takes over is an upright line,
            and each one's confidence has axes of its own, as their scales differ.
        intervened: steps at which something was done to the run; each gets a diamond.
        past: steps and distances of earlier runs, drawn in grey.
    """
    swapped = [steps[i] for i in range(1, len(trackers)) if trackers[i] != trackers[i - 1]]
    panels = [_distance_panel(steps, distance, arrive, past)]
    if losses or not len(steps):
        lines = {name: (steps, values) for name, values in losses.items()}
        panels.append(Panel("loss", lines, palette=SERIES[1:] + SERIES[:1]))
    if drift is not None:
        title = "template's drift (share of the first)"
        panels.append(Panel(title, _handle_lines(steps, drift)))
    elif confidence is not None:
        if trusted is None:
            trusted = np.ones_like(confidence, bool)
        for title, own in _by_tracker(trackers, len(steps)).items():
            sure = np.where(own, confidence, np.nan)
            least = None if threshold is None else np.where(own, threshold, np.nan)
            panels.append(_confidence_panel(title, steps, sure, least, trusted | ~own, handle))
    return [replace(panel, swapped=swapped, intervened=intervened) for panel in panels]


def comparison(runs: Mapping[str, RunCurves], handle: int) -> list[Panel]:
    """Distance and confidence of one handle in several runs, by name, on one time axis.

    A run has one colour in all of them. Confidences of different trackers have axes of their own.
    """
    colours = dict(zip(runs, cycle(SERIES)))
    panels = [_distances_panel(runs, handle)]
    names = dict.fromkeys(tracker for run in runs.values() for tracker in run.trackers)
    for tracker in names:
        own = {name: run for name, run in runs.items() if tracker in run.trackers}
        thresholds = {
            name: _line_of(tracker, run, run.threshold[:, handle]) for name, run in own.items()
        }
        confidences = {
            name: _line_of(tracker, run, run.confidence[:, handle]) for name, run in own.items()
        }
        values = [confidence for _, confidence in confidences.values()]
        title = f"confidence: {tracker}" if len(names) > 1 else "confidence"
        panels.append(
            Panel(
                _title_of(title, *values),
                confidences,
                {name: line for name, line in thresholds.items() if np.isfinite(line[1]).any()},
                span=_confidence_span(*values),
                palette=[colours[name] for name in own],
            )
        )
    return panels


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


def _line_of(tracker: str, run: RunCurves, values: np.ndarray) -> tuple[Sequence[int], np.ndarray]:
    """The values (s) of a run where this tracker was used; NaN where another one was."""
    own = np.array([name == tracker for name in run.trackers])
    return run.steps, np.where(own, values, np.nan)


def _distances_panel(runs: Mapping[str, RunCurves], handle: int) -> Panel:
    """The distances of several runs, with one band, or a line each if they stop elsewhere."""
    title = "distance to target (px)"
    lines = {name: (run.steps, run.distance[:, handle]) for name, run in runs.items()}
    stops = {name: run.arrive for name, run in runs.items() if run.arrive is not None}
    if len(stops) == len(runs) and len(set(stops.values())) == 1:
        return Panel(title, lines, band=next(iter(stops.values())))
    return Panel(title, lines, bands=stops)


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


def _by_tracker(trackers: Sequence[str], count: int) -> dict[str, np.ndarray]:
    """The title of each tracker's confidence, and which steps (s 1) are its own."""
    names = list(dict.fromkeys(trackers))
    if len(names) < 2:
        return {"confidence": np.ones((count, 1), bool)}
    return {
        f"confidence: {name}": np.array([[other == name] for other in trackers]) for name in names
    }


def _confidence_panel(
    title: str,
    steps: Sequence[int],
    confidence: np.ndarray,
    threshold: np.ndarray | None,
    trusted: np.ndarray,
    handle: int,
) -> Panel:
    """Confidence (s n) over the steps, with the gate's threshold and what it said (s n)."""
    lines = _handle_lines(steps, confidence)
    thresholds: dict[str, Line] = {}
    if threshold is not None and np.isfinite(threshold).any():
        thresholds = _handle_lines(steps, threshold)

    shaded, switched = trust_spans(steps, trusted[:, handle])
    return Panel(
        _title_of(title, confidence) if len(steps) else title,
        lines,
        thresholds,
        shaded=shaded,
        shaded_name=f"not trusted: {handle}" if len(lines) > 1 else "not trusted",
        switched=switched,
        span=_confidence_span(confidence),
    )


def _title_of(title: str, *confidences: np.ndarray) -> str:
    """The title of a confidence, which says so if there is none."""
    measured = any(np.isfinite(confidence).any() for confidence in confidences)
    return title if measured else f"{title}: not measured"


def _confidence_span(*confidences: np.ndarray) -> Sequence[float]:
    """From 0 to 1 where confidences are, so that the axis stays while a run grows; else nothing.

    Those that are all tiny, or beyond, would be a flat line on it.
    """
    values = np.concatenate([np.ravel(confidence) for confidence in confidences])
    known = values[np.isfinite(values)]
    if len(known) and (known.min() < 0 or not 0.1 <= known.max() <= 1):
        return ()
    return (0, 1)


def _handle_lines(steps: Sequence[int], values: np.ndarray) -> dict[str, Line]:
    """A line for each handle (s n), numbered if there are several."""
    columns = np.asarray(values, float).T
    if len(columns) == 1:
        return {"": (steps, columns[0])}
    names = ["handle 0", *(str(i) for i in range(1, len(columns)))]
    return {name: (steps, column) for name, column in zip(names, columns)}
