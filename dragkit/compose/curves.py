"""A run as curves: distance to target, loss terms and confidence over the steps; several runs on
one axis.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from PIL import Image

from .axes import SERIES, Line, Panel, chart

Way = tuple[Sequence[int], np.ndarray]  # steps (s) and values (s n)


def curves(
    steps: Sequence[int],
    distance: np.ndarray,
    losses: Mapping[str, Sequence[float]],
    *,
    at: int | None = None,
    size: tuple[int, int] = (384, 384),
    **more,
) -> Image.Image:
    """Draw a run; the panels side by side where `size` is wide, else stacked.

    Args:
        steps, distance, losses, more: as in :func:`run_panels`.
        at: position of the step that is marked; default the last.
        size: (width, height) in CSS pixels; the image is twice as large, for sharp screens.
    """
    steps = list(steps)
    marked = None if not steps else steps[-1 if at is None else at]
    return chart(run_panels(steps, distance, losses, **more), marked, size)


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
    past: Sequence[Way] = (),
) -> list[Panel]:
    """Distance to target, losses and, where it is given, the template's drift or else the
    confidence.

    Args:
        steps: (s) the steps' numbers.
        distance: (s n) from each handle to its target, in pixels.
        losses: the values (s) of each term by its name; a run without any, such as a loop of one's
            own, has no such panel.
        drift: (s n) how far the template has come from the first, of trackers whose points are
            goals.
        confidence, threshold, trusted: (s n) each; a threshold that is not finite is not drawn.
        handle: whose spans without trust are shaded; where its trust switched there is a triangle.
        arrive: the stop distance in pixels, shown as a band.
        past: steps and distances of earlier runs, drawn in grey.
    """
    before = [(s, way) for s, ways in past for way in np.asarray(ways, float).T]
    words = ({"band": "arrived"} if arrive else {}) | ({"past": "before"} if before else {})
    panels = [
        Panel(
            "distance to target (px)",
            _handles(steps, distance),
            past=before,
            band=arrive,
            words=words,
        )
    ]
    if losses or not len(steps):
        panels.append(
            Panel(
                "loss",
                {name: (steps, values) for name, values in losses.items()},
                palette=SERIES[1:] + SERIES[:1],
            )
        )
    if drift is not None:
        panels.append(
            Panel("template's drift (share of the first)", _handles(steps, drift), named=False)
        )
    elif confidence is not None:
        panels.append(timeline(steps, confidence, threshold, trusted, handle))
    return panels


def timeline(
    steps: Sequence[int], confidence: np.ndarray, threshold=None, trusted=None, handle: int = 0
) -> Panel:
    """Confidence (s n) over the steps, with the gate's threshold and what it said; arguments as in
    :func:`run_panels`.
    """
    lines, words = _handles(steps, confidence), {}
    finite = threshold is not None and np.isfinite(threshold).any()
    levels = dict(zip(lines, _handles(steps, threshold).values())) if finite else {}
    shaded, ticked = ([], []) if trusted is None else spans(steps, trusted[:, handle])
    if finite:
        words["dashes"] = "threshold"
    if shaded:
        words["shade"] = "not trusted" + (f": {handle}" if len(lines) > 1 else "")
    if ticked:
        words["triangle"] = "switch"
    title = (
        "confidence"
        if np.isfinite(confidence).any() or not len(steps)
        else "confidence: not measured"
    )
    return Panel(
        title, lines, levels, shaded=shaded, ticked=ticked, words=words, tight=True, named=False
    )


def spans(
    steps: Sequence[int], trusted: np.ndarray
) -> tuple[list[tuple[float, float]], list[int]]:
    """Spans of steps without trust, half a step wider on both sides; and the steps where `trusted`
    (s) differs from the step before.
    """
    switched = [i for i in range(1, len(steps)) if trusted[i] != trusted[i - 1]]
    edges = [0, *switched, len(steps)]
    found = [
        (steps[a] - 0.5, steps[b - 1] + 0.5)
        for a, b in zip(edges, edges[1:])
        if b > a and not trusted[a]
    ]
    return found, [steps[i] for i in switched]


def comparison(
    runs: Mapping[str, tuple[Sequence[int], np.ndarray, np.ndarray, np.ndarray]], handle: int
) -> list[Panel]:
    """Distance and confidence of one handle for several runs on one time axis.

    Args:
        runs: by name: steps (s), distance (s n), confidence (s n) and threshold (s n; NaN where
            there is none).
    """
    column = lambda k: {name: (run[0], run[k][:, handle]) for name, run in runs.items()}
    levels = {name: line for name, line in column(3).items() if np.isfinite(line[1]).any()}
    return [
        # the other title leaves more room for names
        Panel("distance to target (px)", column(1), named=False),
        Panel(
            "confidence",
            column(2),
            levels,
            words={"dashes": "threshold"} if levels else {},
            tight=True,
        ),
    ]


def _handles(steps: Sequence[int], values: np.ndarray) -> dict[str, Line]:
    """A line for each handle, numbered where there is more than one."""
    ways = np.asarray(values, float).T
    return {
        f"{'handle ' if i == 0 else ''}{i}" if len(ways) > 1 else "": (steps, way)
        for i, way in enumerate(ways)
    }
