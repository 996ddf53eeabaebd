"""How answers are drawn: maps, points on maps, curves."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import torch
from matplotlib.axes import Axes
from torch import Tensor

from ..plot.figures import BLUE, ORANGE, SKY, Photo
from ..records import View


def side_by_side(draw: Callable[[Axes, Any], None], answers: Mapping[str, Any]) -> Photo:
    """Two answers by name, drawn by ``draw(axes, answer)`` on axes and in colours of one scale:
    what is too small or too loud looks so.
    """
    figure, drawn = Photo(figsize=(6, 2.9), layout="constrained"), []
    for axes, (name, answer) in zip(figure.subplots(1, 2), answers.items()):
        try:
            draw(axes, answer)
            drawn.append(axes)
        except Exception:  # what is of another shape cannot be drawn; the words tell
            axes.clear()
            axes.text(0.5, 0.5, "cannot be drawn", ha="center", transform=axes.transAxes)
        axes.set_title(name, fontsize=10)
        axes.label_outer()
    _one_scale(drawn)
    return figure


def _one_scale(drawn: Sequence[Axes]) -> None:
    """Give all axes the limits that hold what any of them shows, and all their images the same
    range of colours.
    """
    for axis in ("x", "y"):
        limits = [getattr(axes, f"get_{axis}lim")() for axes in drawn]
        turned = any(first > last for first, last in limits)  # an image's y grows downward
        for axes in drawn:
            getattr(axes, f"set_{axis}lim")(
                sorted((min(map(min, limits)), max(map(max, limits))), reverse=turned)
            )
    images = [image for axes in drawn for image in axes.images]
    shades = np.concatenate(
        [np.ma.filled(image.get_array(), np.nan).ravel() for image in images] or [[]]
    )
    shades = shades[np.isfinite(shades)]
    for image in images if len(shades) else ():
        image.set_clim(shades.min(), shades.max())


def heat(axes: Axes, case: tuple, value: Any) -> None:
    """A map (h w) with its scale of colours."""
    image = axes.imshow(torch.as_tensor(value).detach().numpy(), cmap="viridis")
    axes.figure.colorbar(image, ax=axes, shrink=0.8)
    axes.set(xlabel="x", ylabel="y")


def dot(axes: Axes, case: tuple, value: Any) -> None:
    """A point (x, y) on the first map of the case, features (c h w)."""
    axes.imshow(torch.as_tensor(case[0])[0].detach().numpy(), cmap="gray")
    x, y = (float(v) for v in value)
    axes.plot([x], [y], "o", ms=9, mfc="none", mec=ORANGE, mew=2.5)
    axes.set(xlabel="x", ylabel="y")


def bars(axes: Axes, case: tuple, value: Any) -> None:
    """A few numbers."""
    values = torch.as_tensor(value).detach().flatten().tolist()
    axes.bar(range(len(values)), values, color=BLUE)
    axes.axhline(0, color="0.4", lw=0.8)


def bars_of(x: str, y: str) -> Callable[[Axes, tuple, Any], None]:
    """A few numbers, on axes that are named."""

    def named(axes: Axes, case: tuple, value: Any) -> None:
        bars(axes, case, value)
        axes.set(xlabel=x, ylabel=y)

    return named


def way(axes: Axes, case: tuple, value: Any) -> None:
    """Points in a row (s 2), from the first (ring) to the last (dot)."""
    points = torch.stack([torch.as_tensor(p).detach().flatten()[:2] for p in value]).numpy()
    axes.plot(*points.T, "-", color=BLUE)
    axes.plot(*points[0], "o", ms=9, mfc="none", mec=ORANGE, mew=2)
    axes.plot(*points[-1], "o", color=ORANGE)
    axes.set(xlabel="x (px)", ylabel="y (px)")


def ways(view: View, named: Mapping[str, Tensor]) -> Photo:
    """Points on their ways (frames n 2), by name, over the last image: the first name's broad
    and blue, the others' orange on top.
    """
    figure = Photo(figsize=(3.6, 3.6), layout="constrained")
    axes = figure.subplots()
    axes.imshow(view.image.permute(1, 2, 0))
    for name, points in named.items():
        colour, wide = (SKY, 6) if name == next(iter(named)) else (ORANGE, 2)
        for i, way in enumerate(points.detach().numpy().swapaxes(0, 1)):
            axes.plot(*way.T, "-", color=colour, lw=wide, label=name if i == 0 else None)
            axes.plot(*way[-1], "o", color=colour, ms=wide + 4)
    axes.set(
        xlabel="x (px)",
        ylabel="y (px)",
        xlim=(-0.5, view.size[1] - 0.5),
        ylim=(view.size[0] - 0.5, -0.5),
    )
    axes.legend(fontsize=8)
    return figure
