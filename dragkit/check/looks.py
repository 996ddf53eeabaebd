"""How answers are drawn: maps, points on maps, curves."""

from __future__ import annotations

from typing import Any

import torch
from matplotlib.axes import Axes
from torch import Tensor


def heat(axes: Axes, case: tuple, value: Tensor) -> None:
    """A map (h w), from its least to its greatest."""
    axes.imshow(torch.as_tensor(value).detach().numpy(), cmap="viridis")
    axes.set(xlabel="x", ylabel="y")


def dot(axes: Axes, case: tuple, value: Any) -> None:
    """A point (x, y) on the first map of the case, features (c h w)."""
    axes.imshow(torch.as_tensor(case[0])[0].detach().numpy(), cmap="gray")
    x, y = (float(v) for v in value)
    axes.plot([x], [y], "o", ms=9, mfc="none", mec="#d55e00", mew=2.5)
    axes.set(xlabel="x", ylabel="y")


def bars(axes: Axes, case: tuple, value: Any) -> None:
    """A few numbers."""
    values = torch.as_tensor(value).detach().flatten().tolist()
    axes.bar(range(len(values)), values, color="#0072b2")
    axes.axhline(0, color="0.4", lw=0.8)


def way(axes: Axes, case: tuple, value: Any) -> None:
    """Points in a row (s 2), from the first (ring) to the last (dot)."""
    points = torch.stack([torch.as_tensor(p).detach().flatten()[:2] for p in value])
    axes.plot(*points.T, "-", color="#0072b2")
    axes.plot(*points[0], "o", ms=9, mfc="none", mec="#d55e00", mew=2)
    axes.plot(*points[-1], "o", color="#d55e00")
    axes.set(xlabel="x (px)", ylabel="y (px)")
