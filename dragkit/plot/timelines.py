"""Runs as curves over the steps: distance, losses and confidence."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes

from ..arguments import instance, named_arguments
from ..compose import trust_spans
from ..runs.drawing import checked_handle
from ..runs.outcome import stop_distance, tracker_name
from ..runs.trace import Trace
from .figures import SHADE, STOP, Plot, check_names, check_trace, colour_of, legend_beside, tidy


@named_arguments
def losses(trace: Trace) -> Plot:
    """Distance to target (px) and every loss term over the steps of a trace.

    The stop distance is a dashed line, if the run knows it, and an upright one is where another
    tracker took over.

    Raises:
        TypeError: it is no trace.
        ValueError: the trace is empty.
    """
    check_trace(trace)
    figure = Plot(figsize=(8, 3), layout="constrained")
    distance_axes, loss_axes = figure.subplots(1, 2)
    steps = _steps(trace)
    for i in range(len(trace[0].points)):
        distance_axes.plot(steps, _distance(trace, i), color=colour_of(i), label=f"handle {i}")
    _draw_stop_distance(distance_axes, trace, STOP)
    _draw_swaps(distance_axes, trace)
    for i, name in enumerate(dict.fromkeys(name for frame in trace for name in frame.losses)):
        values = [frame.losses.get(name, np.nan) for frame in trace]
        loss_axes.plot(steps, values, color=colour_of(i + 1), label=name)

    distance_axes.set(xlabel="step", ylabel="distance to target (px)", ylim=(0, None))
    loss_axes.set(xlabel="step", ylabel="loss", ylim=(0, None))
    tidy(distance_axes, loss_axes)
    return figure


@named_arguments
def confidence(trace: Trace, handle: int = 0) -> Plot:
    """Confidence of every handle over the steps, with the gate's threshold (dashed).

    Where `handle` was not trusted is shaded, and a triangle marks where its trust switched.
    Without a gate there is no threshold. An upright line is where another tracker took over,
    whose confidence has another scale.

    Raises:
        TypeError: it is no trace.
        ValueError: the trace is empty, or there is no such handle.
    """
    check_trace(trace)
    handle = checked_handle(trace[0], handle)
    figure = Plot(figsize=(8, 3), layout="constrained")
    axes = figure.add_subplot()
    steps = _steps(trace)
    for i in range(len(trace[0].points)):
        axes.plot(steps, _confidence(trace, i), color=colour_of(i), label=f"handle {i}")
        _draw_threshold(axes, trace, i, colour_of(i), "threshold" if i == handle else None)
    _draw_trust(axes, trace, handle)
    _draw_swaps(axes, trace)

    axes.set(xlabel="step", ylabel="confidence", xlim=(steps[0] - 0.5, steps[-1] + 0.5))
    tidy(axes)
    legend_beside(axes)
    return figure


@named_arguments
def compare(traces: Sequence[Trace], names: Sequence[str] | None = None, handle: int = 0) -> Plot:
    """Distance to target (px) and confidence of one handle in several runs, on one time axis.

    Confidences of different trackers have axes of their own, as their scales differ. Each run's
    stop distance is a dashed line, if the run knows it.

    Raises:
        TypeError: it is no list of runs, or the names are no list of texts.
        ValueError: there is no run, one is empty or without such a handle, or the names do not
            fit.
    """
    instance("traces", traces, (list, tuple), "a list of runs, such as [trace, other]")
    if names is None:
        names = [f"run {i}" for i in range(len(traces))]
    check_names(names, len(traces), "runs")
    for i, trace in enumerate(traces):
        check_trace(trace, f"run {i}")
        handle = checked_handle(trace[0], handle)

    trackers = [tracker_name(trace[-1]) for trace in traces]
    different = list(dict.fromkeys(trackers))
    figure = Plot(figsize=(6 + 2 * len(different), 3), layout="constrained")
    distance_axes, *confidence_axes = figure.subplots(1, 1 + len(different))
    axes_of = dict(zip(different, confidence_axes))
    for i, (trace, name) in enumerate(zip(traces, names)):
        steps = _steps(trace)
        colour = colour_of(i)
        distance_axes.plot(steps, _distance(trace, handle), color=colour, label=name)
        _draw_stop_distance(distance_axes, trace, colour, None)
        axes = axes_of[trackers[i]]
        axes.plot(steps, _confidence(trace, handle), color=colour, label=name)
        _draw_threshold(axes, trace, handle, colour, None)

    distance_axes.set(ylabel="distance to target (px)", ylim=(0, None))
    for tracker, axes in axes_of.items():
        whose = f" of {tracker}" if len(different) > 1 else ""
        axes.set(ylabel=f"confidence{whose}\n(dashed: threshold)")
    for axes in (distance_axes, *confidence_axes):
        axes.set(xlabel="step", title=f"handle {handle}", xlim=distance_axes.get_xlim())
    tidy(distance_axes, *confidence_axes)
    for axes in confidence_axes:
        axes.get_legend().remove()  # the same names
    return figure


def _steps(trace: Trace) -> list[int]:
    """(s) the steps' numbers."""
    return [frame.index for frame in trace]


def _distance(trace: Trace, handle: int) -> np.ndarray:
    """(s) from a handle to its target, in pixels."""
    return np.array([frame.distance[handle].item() for frame in trace])


def _confidence(trace: Trace, handle: int) -> np.ndarray:
    """(s) of a handle."""
    return np.array([frame.confidence[handle].item() for frame in trace])


def _draw_stop_distance(
    axes: Axes, trace: Trace, colour: str, name: str | None = "stop distance"
) -> None:
    """A dashed line where a handle counts as arrived, if the run knows it."""
    distance = stop_distance(trace.frames)
    if distance is not None:
        axes.axhline(distance, color=colour, ls="--", lw=1.2, label=name, zorder=1)


def _draw_swaps(axes: Axes, trace: Trace) -> None:
    """An upright line at each step where another tracker took over."""
    names = [tracker_name(frame) for frame in trace]
    swaps = [i for i in range(1, len(names)) if names[i] != names[i - 1]]
    for i, swap in enumerate(swaps):
        label = "tracker swapped" if i == 0 else None  # once in the legend
        axes.axvline(trace[swap].index, color="#202124", ls=":", lw=1.4, label=label)


def _draw_threshold(axes: Axes, trace: Trace, handle: int, colour: str, name: str | None) -> None:
    """The gate's threshold of a handle, dashed, at the steps where it had a finite one."""
    steps = []
    values = []
    for frame in trace:
        threshold = frame.step.track.threshold
        if threshold is not None and threshold[handle].isfinite():
            steps.append(frame.index)
            values.append(threshold[handle].item())
    if steps:
        axes.plot(steps, values, "--", color=colour, lw=1.2, label=name)


def _draw_trust(axes: Axes, trace: Trace, handle: int) -> None:
    """Shade where a handle was not trusted, and mark where its trust switched."""
    trusted = np.array([bool(frame.trusted[handle]) for frame in trace])
    spans, switched = trust_spans(_steps(trace), trusted)
    for i, span in enumerate(spans):
        label = f"handle {handle} not trusted" if i == 0 else None  # once in the legend
        axes.axvspan(*span, color=SHADE, label=label, zorder=0)
    if switched:
        axes.plot(
            switched,
            np.ones(len(switched)),
            "v",
            color="#202124",
            ms=6,
            transform=axes.get_xaxis_transform(),
            clip_on=False,
            label="switch",
        )
