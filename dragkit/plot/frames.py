"""A run's images as figures: one step, or several side by side."""

from __future__ import annotations

import textwrap

import numpy as np
from matplotlib.axes import Axes

from ..arguments import named_arguments, whole
from ..compose import POINTS, marks_in_words
from ..records import Frame, Step
from ..runs.drawing import draw_frame
from ..runs.trace import Trace
from .figures import MOST_ACROSS, Photo, as_frame, check_trace, more_height, pixel_extent

WIDTH, HEIGHT, LINE = 1.7, 2.0, 0.15  # of an image of a strip and of a line of text, in inches
LETTERS = 26  # that fit below an image


@named_arguments
def step(frame: Frame | Step) -> Photo:
    """One step: the image with handles (dots), targets (rings) and mask; axes in its pixels.

    Raises:
        TypeError: it is no frame and no step.
    """
    frame = as_frame(frame)
    height = 4 + more_height(3.2, frame.size)
    figure = Photo(figsize=(4, height), layout="constrained")
    axes = figure.add_subplot()
    show_frame(axes, frame)
    axes.set(title=f"step {frame.index}", xlabel="x (px)", ylabel="y (px)")
    figure.supxlabel(POINTS, fontsize=8)
    return figure


@named_arguments
def filmstrip(trace: Trace, n: int = 6) -> Photo:
    """`n` steps of a trace side by side, evenly spaced from the first to the last.

    Raises:
        TypeError: it is no trace.
        ValueError: the trace is empty, or n is not a whole number from 1 to 100.
    """
    check_trace(trace)
    n = whole("n", n, 1, MOST_ACROSS)
    positions = np.unique(np.linspace(0, len(trace) - 1, n).round().astype(int))
    text = f"The generated image at some steps of the run. {marks_in_words()}"
    legend = textwrap.wrap(text, LETTERS * len(positions))
    height = HEIGHT + LINE * len(legend) + more_height(WIDTH, trace[0].size)
    figure = Photo(figsize=(WIDTH * len(positions), height), layout="constrained")
    many = figure.subplots(1, len(positions), squeeze=False)[0]
    for axes, position in zip(many, positions):
        show_frame(axes, trace[position], trace.path(position), bold=1.8)
        axes.set_title(f"step {trace[position].index}", fontsize=9)
        axes.set_axis_off()
    figure.supxlabel("\n".join(legend), fontsize=8)
    return figure


def show_frame(axes: Axes, frame: Frame, path: np.ndarray | None = None, bold: float = 1) -> None:
    """A frame on axes that count its pixels; `bold` as in :func:`dragkit.compose.draw_overlay`."""
    image = draw_frame(frame, path, bold=bold)
    axes.imshow(np.asarray(image), extent=pixel_extent(frame.image.shape[:2]))
