"""Lesson 1: reading a map between its cells."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

from ..geometry import sample as package_sample
from .exercise import Exercise
from .looks import bars


def _sample(features: Tensor, x: float, y: float) -> Tensor:
    i, j = int(y), int(x)
    b, a = y - i, x - j
    top = (1 - a) * features[:, i, j] + a * features[:, i, j + 1]
    low = (1 - a) * features[:, i + 1, j] + a * features[:, i + 1, j + 1]
    return (1 - b) * top + b * low


def _points() -> list[tuple[Tensor, float, float]]:
    """Maps (3 6 9), not square, and places between their cells; the first is no case of luck."""
    generator = torch.Generator().manual_seed(1)
    maps = torch.rand(12, 3, 6, 9, generator=generator)
    places = 0.2 + 4.2 * torch.rand(12, 2, generator=generator)
    return [(features, x, y) for features, (x, y) in zip(maps, places.tolist())]


def _near(features: Tensor, x: float, y: float) -> Tensor:
    return features[:, round(y), round(x)]


sample = Exercise(
    "sample",
    "sample(features, x, y): features (c h w) read at the point (x, y), bilinear between the four cells around it; returns (c).",
    _sample,
    _points,
    {
        "x and y are swapped: a map is indexed [row, column], which is [y, x].": lambda f, x, y: _sample(f, y, x),
        "That is the nearest cell alone; blend the four around the point.": _near,
        "That is the cell at the upper left alone (both numbers rounded down); blend four.": lambda f, x, y: f[:, int(y), int(x)],
        "The weights are turned around: the nearer cell counts more.": lambda f, x, y: _sample(f, 2 * int(x) + 1 - x, 2 * int(y) + 1 - y),
        "It is shifted by half a cell: here cell centres lie at whole numbers.": lambda f, x, y: _sample(f, max(x - 0.5, 0), max(y - 0.5, 0)),
    },
    draw=bars,
    forbidden=(package_sample, F.grid_sample),
)
