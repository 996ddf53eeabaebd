"""How answers are drawn: maps, points on maps, numbers, paths."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import torch
from matplotlib.axes import Axes
from torch import Tensor

from ..plot.figures import BLUE, ORANGE, SKY, Photo
from ..records import View
from .cases import Case

NEAR = "viridis_r"  # colours of distances: near is bright


def side_by_side(draw: Callable[[Axes, Any], None], answers: Mapping[str, Any]) -> Photo:
    """Two answers by name, each drawn by ``draw(axes, answer)``, on one scale.

    So what is too small or too strong looks so.
    """
    figure = Photo(figsize=(6, 2.9), layout="constrained")
    drawn = []
    for axes, (name, answer) in zip(figure.subplots(1, 2), answers.items(), strict=True):
        try:
            draw(axes, answer)
            drawn.append(axes)
        except Exception:  # another shape cannot be drawn; the words explain it
            axes.clear()
            axes.text(0.5, 0.5, "cannot be drawn", ha="center", transform=axes.transAxes)
        axes.set_title(name, fontsize=10)
        axes.label_outer()
    if drawn:
        _share_limits(drawn)
        _share_colours(drawn)
    return figure


def in_one(draw: Callable[[Axes], None]) -> Photo | None:
    """One panel, drawn by ``draw(axes)``; None if what an answer holds cannot be drawn."""
    figure = Photo(figsize=(3.6, 2.9), layout="constrained")
    try:
        draw(figure.subplots())
    except Exception:
        return None
    return figure


def _share_limits(drawn: Sequence[Axes]) -> None:
    """Give all axes the limits that contain what any of them shows."""
    for axis in ("x", "y"):
        limits = np.array([getattr(axes, f"get_{axis}lim")() for axes in drawn])
        reverse = bool((limits[:, 0] > limits[:, 1]).any())  # an image's y grows downward
        shared = sorted((limits.min(), limits.max()), reverse=reverse)
        for axes in drawn:
            getattr(axes, f"set_{axis}lim")(shared)


def _share_colours(drawn: Sequence[Axes]) -> None:
    """Give all images the same range of colours."""
    images = [image for axes in drawn for image in axes.images]
    if not images:
        return
    arrays: list[np.ndarray] = [
        np.ma.masked_invalid(np.ma.asarray(image.get_array())).compressed() for image in images
    ]
    values = np.concatenate(arrays)
    if len(values):
        for image in images:
            image.set_clim(values.min(), values.max())


def heat(axes: Axes, case: Case, value: Any) -> None:
    """A map (h w) with its colour bar, bright = high."""
    _draw_map(axes, value, "viridis", "")


def distance_map(axes: Axes, case: Case, value: Any) -> None:
    """A map of distances (h w): bright = near, as scores are bright where they are good."""
    _draw_map(axes, value, NEAR, "distance, bright = near")


def _draw_map(axes: Axes, value: Any, colours: str, label: str) -> None:
    image = axes.imshow(torch.as_tensor(value).detach().numpy(), cmap=colours)
    figure = axes.get_figure()
    assert figure is not None
    figure.colorbar(image, ax=axes, shrink=0.8, label=label)
    axes.set(xlabel="x", ylabel="y")


def dot(axes: Axes, case: Case, value: Any) -> None:
    """A point (x, y) on the first map of the case, features (c h w)."""
    axes.imshow(torch.as_tensor(case[0])[0].detach().numpy(), cmap="gray")
    x, y = (float(v) for v in value)
    axes.plot([x], [y], "o", ms=9, mfc="none", mec=ORANGE, mew=2.5)
    axes.set(xlabel="x", ylabel="y")


def bars_of(x: str, y: str) -> Callable[[Axes, Case, Any], None]:
    """A drawing of a few numbers as bars, on axes with these names."""

    def bars(axes: Axes, case: Case, value: Any) -> None:
        values = torch.as_tensor(value).detach().flatten().tolist()
        axes.bar(range(len(values)), values, color=BLUE)
        axes.axhline(0, color="0.4", lw=0.8)
        axes.set(xlabel=x, ylabel=y)

    return bars


def path(axes: Axes, case: Case, value: Any) -> None:
    """Points in a row (s 2), from the first (ring) to the last (dot)."""
    points = torch.stack([torch.as_tensor(p).detach().flatten()[:2] for p in value]).numpy()
    axes.plot(*points.T, "-", color=BLUE)
    axes.plot(*points[0], "o", ms=9, mfc="none", mec=ORANGE, mew=2)
    axes.plot(*points[-1], "o", color=ORANGE)
    axes.set(xlabel="x (px)", ylabel="y (px)")


def paths(view: View, named: Mapping[str, Tensor]) -> Photo:
    """Paths of points (frames n 2) by name, over the last image.

    The first name's paths are broad and blue, the others' are orange on top.
    """
    figure = Photo(figsize=(3.6, 3.6), layout="constrained")
    axes = figure.subplots()
    axes.imshow(view.image.permute(1, 2, 0))
    colour, width = SKY, 6
    for name, points in named.items():
        for i, places in enumerate(points.detach().numpy().swapaxes(0, 1)):
            label = name if i == 0 else None
            axes.plot(*places.T, "-", color=colour, lw=width, label=label)
            axes.plot(*places[-1], "o", color=colour, ms=width + 4)
        colour, width = ORANGE, 2

    height, wide = view.size
    axes.set(xlabel="x (px)", ylabel="y (px)", xlim=(-0.5, wide - 0.5), ylim=(height - 0.5, -0.5))
    axes.legend(fontsize=8)
    return figure
