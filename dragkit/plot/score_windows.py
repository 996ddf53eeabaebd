"""The score windows of a handle as a figure."""

from __future__ import annotations

from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.image import AxesImage

from ..arguments import named_arguments
from ..compose import normalize_window, peaks, score_range
from ..records import Frame, Step
from ..runs.drawing import checked_handle
from .figures import Plot, as_frame

PeakStyle = tuple[str, str, dict[str, Any]]  # label, mark, and more for `Axes.plot`

BEST: PeakStyle = ("best", "o", {"ms": 13, "mfc": "none", "mew": 2})
RUNNER_UP: PeakStyle = ("runner-up", "D", {"ms": 8, "mfc": "white", "mew": 1.5})


@named_arguments
def scores(frame: Frame | Step, handle: int = 0) -> Plot:
    """The score windows of one handle, fused first, then what it is made of; axes in pixels.

    All have one scale: each map is stretched from its worst to its best score in the window, as
    the fusion does. Its raw range is written above it. The best pixel is ringed, the runner-up
    (the second peak) has a diamond.

    Raises:
        TypeError: it is no frame and no step.
        ValueError: there is no such handle.
    """
    frame = as_frame(frame)
    handle = checked_handle(frame, handle)
    maps = frame.score_maps(handle)
    centre = frame.step.window_centre[handle].numpy()

    figure = Plot(figsize=(1.4 + 3 * len(maps), 3.9), layout="constrained")
    many = figure.subplots(1, len(maps), squeeze=False)[0]
    for axes, (name, window) in zip(many, maps.items()):
        image = _draw_window(axes, window, centre, frame.step.track.stride)
        axes.set_title(f"{name}: {score_range(window)}", fontsize=10)
    many[0].set_ylabel("y (px)")
    figure.suptitle(f"scores of handle {handle}, step {frame.index}", fontsize=11)

    bar = figure.colorbar(image, ax=many, ticks=[0, 1])
    bar.ax.set_yticklabels(["worst", "best in\nthe window"])
    lines = {line.get_label(): line for axes in many for line in axes.lines}
    figure.legend(lines.values(), lines.keys(), loc="outside lower center", ncols=3, frameon=False)
    return figure


def _draw_window(
    axes: Axes, window: np.ndarray, window_centre: np.ndarray, stride: float
) -> AxesImage:
    """One map (k k) around `window_centre` (2), with its peaks; its cells are `stride` wide."""
    radius = len(window) // 2
    half = stride * len(window) / 2
    x, y = window_centre.tolist()
    extent = (x - half, x + half, y + half, y - half)
    image = axes.imshow(normalize_window(window), cmap="viridis", extent=extent, vmin=0, vmax=1)

    for peak, (label, mark, style) in zip(peaks(window), (BEST, RUNNER_UP)):
        if peak:
            row, column = peak
            place = ([x + stride * (column - radius)], [y + stride * (row - radius)])
            axes.plot(*place, mark, mec="black", ls="", label=label, **style)
    axes.set(xlim=extent[:2], ylim=extent[2:], xlabel="x (px)")
    return image
