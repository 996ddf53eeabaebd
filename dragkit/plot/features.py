"""What trackers look at, as figures: score windows, and the features themselves."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from torch import Tensor

from ..compose import Palette, minmax_normalize, peaks
from ..records import Frame, Step, View
from .figures import Photo, Plot, handle_of, light


def scores(frame: Frame | Step, handle: int = 0) -> Plot:
    """The score windows of one handle, fused first, then what it is made of; axes in pixels.

    All have one scale: each map is stretched from its worst to its best in the window, as the
    fusion does; the raw range stands above it. The best pixel is ringed, the runner-up (the second
    peak) has a diamond.

    Raises:
        ValueError: there is no such handle.
    """
    frame = light(frame)
    handle_of(frame, handle)
    maps = frame.score_maps(handle)
    figure = Plot(figsize=(1.4 + 3 * len(maps), 3.9), layout="constrained")
    many = figure.subplots(1, len(maps), squeeze=False)[0]
    for axes, (name, window) in zip(many, maps.items()):
        image = _window(
            axes, name, window, frame.step.window_centre[handle].numpy(), frame.step.track.stride
        )
    many[0].set_ylabel("y (px)")
    figure.suptitle(f"scores of handle {handle}, step {frame.index}", fontsize=11)
    bar = figure.colorbar(image, ax=many, ticks=[0, 1])
    bar.ax.set_yticklabels(["worst", "best in\nthe window"])
    lines = {line.get_label(): line for axes in many for line in axes.lines}
    figure.legend(lines.values(), lines.keys(), loc="outside lower center", ncols=3, frameon=False)
    return figure


def features(views: View | Sequence[View], names: Sequence[str] | None = None) -> Photo:
    """Features as colours: the first three principal components as red, green and blue; axes in
    pixels of the image.

    The colours are fixed by the first view, so the same content keeps its colour along a run.

    Raises:
        ValueError: there is no view, or the names do not fit.
    """
    views = [views] if isinstance(views, View) else list(views)
    names = [""] * len(views) if names is None else list(names)
    if not views or len(names) != len(views):
        raise ValueError(
            f"{len(views)} views and {len(names)} names; give at least one view, and a name for"
            " each or none"
        )
    maps = [view.features.detach().cpu().numpy() for view in views]
    palette = Palette.of(maps[0])
    figure = Photo(figsize=(0.6 + 2.6 * len(views), 3.5), layout="constrained")
    for axes, cells, view, name in zip(
        figure.subplots(1, len(views), squeeze=False)[0], maps, views, names
    ):
        height, width = view.size
        axes.imshow(palette.colours(cells), extent=(-0.5, width - 0.5, height - 0.5, -0.5))
        axes.set(xlabel="x (px)", title=name)
    figure.axes[0].set_ylabel("y (px)")
    explained = f"{100 * palette.explained:.0f} % of the first view's variance"
    figure.suptitle(
        "features, PCA to RGB:" + ("\n" if len(views) == 1 else " ") + explained, fontsize=10
    )
    return figure


def images(named: Mapping[str, Any], side: int | None = None, axes_in: str = "px") -> Photo:
    """Images side by side under their names, (3 H W) in 0..1, uint8 (H W 3) or Pillow's, each on
    axes of its own places.

    Args:
        side: how many pixels high they are, where they were enlarged: the axes count those.
        axes_in: what the axes count: "px", or "cells" where a map is shown in colours.

    Raises:
        ValueError: there are none, or one has another shape.
    """
    if not named:
        raise ValueError("there are no images to show; give a dict of name and image")
    figure = Photo(figsize=(0.5 + 2.2 * len(named), 2.8), layout="constrained")
    for axes, (name, image) in zip(
        figure.subplots(1, len(named), squeeze=False)[0], named.items()
    ):
        pixels = (
            image.detach().cpu().movedim(0, -1).numpy()
            if isinstance(image, Tensor)
            else np.asarray(image)
        )
        if pixels.ndim != 3 or pixels.shape[2] != 3:
            raise ValueError(
                f"{name!r} has shape {tuple(np.shape(image))}; an image is a tensor (3 H W) or"
                " an array (H W 3)"
            )
        scale = side / pixels.shape[0] if side else 1
        axes.imshow(
            pixels,
            extent=(-0.5, pixels.shape[1] * scale - 0.5, pixels.shape[0] * scale - 0.5, -0.5),
        )
        axes.set_title(name, fontsize=10)
        axes.set(xlabel=f"x ({axes_in})")
    figure.axes[0].set_ylabel(f"y ({axes_in})")
    return figure


def _window(axes: Axes, name: str, window: np.ndarray, window_centre: np.ndarray, stride: float):
    """One map of a window around `window_centre` (2), its cells `stride` pixels wide, with its peaks."""
    radius, half, (x, y) = len(window) // 2, stride * len(window) / 2, window_centre.tolist()
    extent = (x - half, x + half, y + half, y - half)
    image = axes.imshow(minmax_normalize(window), cmap="viridis", extent=extent, vmin=0, vmax=1)
    for cell, style, label in zip(peaks(window), ("o", "D"), ("best", "runner-up")):
        if cell:
            place = (x + stride * (cell[1] - radius), y + stride * (cell[0] - radius))
            look = (
                {"ms": 13, "mfc": "none", "mew": 2}
                if style == "o"
                else {"ms": 8, "mfc": "white", "mew": 1.5}
            )
            axes.plot(*([v] for v in place), style, mec="black", ls="", label=label, **look)
    known = window[np.isfinite(window)]
    raw = f"{known.min():.3g} … {known.max():.3g}" if len(known) else "no score"
    axes.set(xlim=extent[:2], ylim=extent[2:], xlabel="x (px)")
    axes.set_title(f"{name}: {raw}", fontsize=10)
    return image
