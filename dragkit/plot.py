"""The widgets' pictures as matplotlib figures, with axes and units, for reading and for print.

The figures are made without pyplot: they show themselves in a notebook, and can be saved with
``figure.savefig("step.png")``.
"""

from __future__ import annotations

from io import BytesIO

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from .records import Step
from .trace import Frame, Trace

COLOURS = ("#d55e00", "#0072b2", "#009e73", "#cc79a7", "#e69f00", "#56b4e9")  # Okabe and Ito


class Plot(Figure):
    """A figure that shows itself in a notebook, whatever backend is in use."""

    def _repr_png_(self) -> bytes:
        out = BytesIO()
        self.savefig(out, format="png", dpi=90)
        return out.getvalue()


class Photo(Figure):
    """The same for figures that are mostly picture: JPEG keeps notebooks small."""

    def _repr_jpeg_(self) -> bytes:
        out = BytesIO()
        self.savefig(out, format="jpeg", dpi=90, pil_kwargs={"quality": 90, "subsampling": 0})
        return out.getvalue()


def step(frame: Frame | Step) -> Photo:
    """One step: the picture with handles (dots), targets (rings) and mask; axes in pixels of the picture."""
    frame = _light(frame)
    figure = Photo(figsize=(4, 4), layout="constrained")
    axes = figure.add_subplot()
    _picture(axes, frame, None)
    axes.set(title=f"step {frame.index}", xlabel="x (px)", ylabel="y (px)")
    return figure


def losses(trace: Trace) -> Plot:
    """Distance to target (px) and every loss term over the steps of a trace.

    Raises:
        ValueError: the trace is empty.
    """
    _need(trace)
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
    for axes in (far, loss):
        axes.spines[["top", "right"]].set_visible(False)
        axes.grid(alpha=0.3)
        axes.legend(frameon=False)
    return figure


def filmstrip(trace: Trace, n: int = 6) -> Photo:
    """`n` steps of a trace side by side, evenly spaced from the first to the last.

    Raises:
        ValueError: the trace is empty, or n is below 1.
    """
    _need(trace)
    if n < 1:
        raise ValueError(f"n is {n}; a filmstrip needs at least one picture")
    places = np.unique(np.linspace(0, len(trace) - 1, n).round().astype(int))
    figure = Photo(figsize=(1.7 * len(places), 1.95), layout="constrained")
    for axes, place in zip(figure.subplots(1, len(places), squeeze=False)[0], places):
        _picture(axes, trace[place], trace.path(place), bold=1.8)
        axes.set_title(f"step {trace[place].index}", fontsize=9)
        axes.set_axis_off()
    return figure


def scores(frame: Frame | Step, handle: int = 0) -> Plot:
    """The score window of one handle: what the tracker compared, the best match ringed; axes in pixels.

    Raises:
        ValueError: there is no such handle.
    """
    frame = _light(frame)
    if not 0 <= handle < len(frame.points):
        raise ValueError(f"no handle {handle}; this step has handles 0 to {len(frame.points) - 1}")
    window = frame.scores[handle].numpy()
    radius, (x, y) = len(window) // 2, frame.near[handle].tolist()
    extent = (x - radius - 0.5, x + radius + 0.5, y + radius + 0.5, y - radius - 0.5)
    figure = Plot(figsize=(4.4, 3.6), layout="constrained")
    axes = figure.add_subplot()
    picture = axes.imshow(window, cmap="viridis", extent=extent)
    axes.plot(*frame.points[handle].tolist(), "o", ms=13, mfc="none", mec="black", mew=2)
    axes.set(xlim=extent[:2], ylim=extent[2:], xlabel="x (px)", ylabel="y (px)", title=f"scores of handle {handle}, step {frame.index}")
    figure.colorbar(picture, label="score (higher is better)")
    return figure


def _picture(axes: Axes, frame: Frame, path: np.ndarray | None, bold: float = 1) -> None:
    height, width = frame.image.shape[:2]
    axes.imshow(frame.paint(path, bold=bold), extent=(-0.5, width - 0.5, height - 0.5, -0.5))


def _light(step: Frame | Step) -> Frame:
    return step if isinstance(step, Frame) else Frame.of(step)


def _need(trace: Trace) -> None:
    if not len(trace):
        raise ValueError("the trace is empty; run a step first")
