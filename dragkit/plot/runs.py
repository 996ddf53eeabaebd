"""Runs as figures: a step, curves, film strips, the confidence's timeline, several runs on one
axis or side by side.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes

from ..compose import spans
from ..records import Frame, Step
from ..runs.drawing import draw_frame
from ..runs.trace import Trace
from .figures import COLOURS, SHADE, Photo, Plot, handle_of, light, need, tidy


def step(frame: Frame | Step) -> Photo:
    """One step: the image with handles (dots), targets (rings) and mask; axes in pixels of the
    image.
    """
    frame = light(frame)
    figure = Photo(figsize=(4, 4), layout="constrained")
    axes = figure.add_subplot()
    _image(axes, frame, None)
    axes.set(title=f"step {frame.index}", xlabel="x (px)", ylabel="y (px)")
    return figure


def losses(trace: Trace) -> Plot:
    """Distance to target (px) and every loss term over the steps of a trace.

    Raises:
        ValueError: the trace is empty.
    """
    need(trace)
    figure = Plot(figsize=(8, 3), layout="constrained")
    far, loss = figure.subplots(1, 2)
    steps = [f.index for f in trace]
    distance = np.stack([f.distance.numpy() for f in trace])  # (steps n)
    for i, way in enumerate(distance.T):
        far.plot(steps, way, color=COLOURS[i % len(COLOURS)], label=f"handle {i}")
    for i, name in enumerate(trace[-1].losses):
        values = [f.losses.get(name, np.nan) for f in trace]
        loss.plot(steps, values, color=COLOURS[(i + 1) % len(COLOURS)], label=name)
    far.set(xlabel="step", ylabel="distance to target (px)", ylim=(0, None))
    loss.set(xlabel="step", ylabel="loss", ylim=(0, None))
    tidy(far, loss)
    return figure


def filmstrip(trace: Trace, n: int = 6) -> Photo:
    """`n` steps of a trace side by side, evenly spaced from the first to the last.

    Raises:
        ValueError: the trace is empty, or n is below 1.
    """
    need(trace)
    if n < 1:
        raise ValueError(f"n is {n}; a filmstrip needs at least one image")
    places = np.unique(np.linspace(0, len(trace) - 1, n).round().astype(int))
    figure = Photo(figsize=(1.7 * len(places), 1.95), layout="constrained")
    for axes, place in zip(figure.subplots(1, len(places), squeeze=False)[0], places):
        _image(axes, trace[place], trace.path(place), bold=1.8)
        axes.set_title(f"step {trace[place].index}", fontsize=9)
        axes.set_axis_off()
    return figure


def confidence(trace: Trace, handle: int = 0) -> Plot:
    """Confidence of every handle over the steps, the gate's threshold (dashed), and where `handle`
    was not trusted (shaded).

    A triangle stands where its trust switched. Without a gate there is no threshold.

    Raises:
        ValueError: the trace is empty, or there is no such handle.
    """
    need(trace)
    handle_of(trace[0], handle)
    figure = Plot(figsize=(8, 3), layout="constrained")
    axes, steps = figure.add_subplot(), [f.index for f in trace]
    for i in range(len(trace[0].points)):
        colour = COLOURS[i % len(COLOURS)]
        axes.plot(steps, [f.confidence[i] for f in trace], color=colour, label=f"handle {i}")
        _threshold(axes, trace, i, colour, "threshold" if i == handle else None)
    shaded, switched = spans(steps, np.array([bool(f.trusted[handle]) for f in trace]))
    for k, span in enumerate(shaded):
        axes.axvspan(
            *span, color=SHADE, label=f"handle {handle} not trusted" if k == 0 else None, zorder=0
        )
    if switched:
        height = [1.0] * len(switched)
        axes.plot(
            switched,
            height,
            "v",
            color="#202124",
            ms=6,
            transform=axes.get_xaxis_transform(),
            clip_on=False,
            label="switch",
        )
    axes.set(xlabel="step", ylabel="confidence", xlim=(steps[0] - 0.5, steps[-1] + 0.5))
    tidy(axes)
    axes.legend(frameon=False, loc="upper left", bbox_to_anchor=(1, 1))
    return figure


def compare(traces: Sequence[Trace], names: Sequence[str] | None = None, handle: int = 0) -> Plot:
    """Distance to target (px) and confidence of one handle in several runs, on one time axis.

    Raises:
        ValueError: there is no run, one is empty or without such a handle, or the names do not
            fit.
    """
    names = [f"run {i}" for i in range(len(traces))] if names is None else list(names)
    if not traces or len(names) != len(traces):
        raise ValueError(
            f"{len(traces)} runs and {len(names)} names; give at least one run, and a name for"
            " each"
        )
    figure = Plot(figsize=(8, 3), layout="constrained")
    far, sure = figure.subplots(1, 2)
    for i, (trace, name) in enumerate(zip(traces, names)):
        need(trace)
        handle_of(trace[0], handle)
        steps, colour = [f.index for f in trace], COLOURS[i % len(COLOURS)]
        far.plot(steps, [f.distance[handle] for f in trace], color=colour, label=name)
        sure.plot(steps, [f.confidence[handle] for f in trace], color=colour, label=name)
        _threshold(sure, trace, handle, colour, None)
    far.set(
        xlabel="step", ylabel="distance to target (px)", ylim=(0, None), title=f"handle {handle}"
    )
    sure.set(xlabel="step", ylabel="confidence (dashed: threshold)", title=f"handle {handle}")
    tidy(far, sure)
    sure.get_legend().remove()  # the same names
    return figure


def ablation(runs: Mapping[str, Trace]) -> Photo:
    """One edit dragged in several ways, side by side: the start with handles and targets, then how
    each run ended, and when.

    DragGAN's ablation asks in this way which block to read; the rows of w+ that move, a loss or a
    tracker can be asked about as well::

        latent, edit, runs = dk.load("lion").sample(2), dk.Edit([(74, 74)], [(74, 87)]), {}
        for block in (32, 64, (32, 64)):
            model = dk.load("lion", feature_block=block)      # or rows=4, or space="w"
            runs[f"block {block}"] = dk.Trace(dk.drag(model, latent, edit, **dk.methods.draggan()))
        dk.plot.ablation(runs)

    DragGAN counts blocks from 1: its block k is the one of 2^(k + 1) px, its favourite 6 that of
    128 px. "Arrived" is what the tracker claims: look at what lies under the ring. More than six
    runs take two rows.

    Raises:
        ValueError: there is no run, one is empty, or they did not begin with the same edit of the
            same image.
    """
    if not runs:
        raise ValueError('there is no run to draw; give each a name, such as {"block 64": trace}')
    _same_start(runs)
    first = next(iter(runs.values()))[0]
    shown = {"start": first} | {
        f"{name}\n{_outcome(trace[-1])}": trace[-1] for name, trace in runs.items()
    }
    across = len(shown) if len(runs) <= 6 else len(runs) // 2 + 1
    down = -(-len(shown) // across)
    figure = Photo(figsize=(1.9 * across, 2.3 * down), layout="compressed")
    for i, (caption, frame) in enumerate(shown.items()):
        axes = figure.add_subplot(down, across, i + 1)
        _image(axes, frame, None, bold=1.5)
        axes.set_title(caption, fontsize=9)
        axes.set_axis_off()
    return figure


def _same_start(runs: Mapping[str, Trace]) -> None:
    """Raise ValueError where one start image could not stand for all runs."""
    for trace in runs.values():
        need(trace)
    first, *others = ((name, trace[0]) for name, trace in runs.items())
    for name, frame in others:
        for what in ("handles", "targets", "mask"):
            if not np.array_equal(*(np.asarray(getattr(f.edit, what)) for f in (frame, first[1]))):
                raise ValueError(
                    f"the runs {first[0]!r} and {name!r} began with different {what}; an ablation"
                    " drags one edit"
                )
        a, b = frame.image, first[1].image
        # of 255: devices round differently
        if a.shape != b.shape or not np.allclose(a, b, atol=2):
            raise ValueError(
                f"the runs {first[0]!r} and {name!r} began with different images; start both"
                " from the same latent"
            )


def _outcome(frame: Frame) -> str:
    """How a run ended, in a few words."""
    if frame.arrived.all():
        return f"arrived after {frame.index} steps"
    return f"{frame.index} steps, still {frame.distance.max():.1f} px away"


def _threshold(axes: Axes, trace: Trace, handle: int, colour: str, name: str | None) -> None:
    """Dashed, where the gate had a finite one."""
    steps = [
        f.index
        for f in trace
        if f.step.track.threshold is not None and f.step.track.threshold[handle].isfinite()
    ]
    if steps:
        values = [f.step.track.threshold[handle] for f in trace if f.index in set(steps)]
        axes.plot(steps, values, "--", color=colour, lw=1.2, label=name)


def _image(axes: Axes, frame: Frame, path: np.ndarray | None, bold: float = 1) -> None:
    height, width = frame.image.shape[:2]
    axes.imshow(draw_frame(frame, path, bold=bold), extent=(-0.5, width - 0.5, height - 0.5, -0.5))
