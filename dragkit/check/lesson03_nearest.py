"""Lesson 3: nearest-neighbour tracking, the window of distances and its least place."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

from ..plot.figures import ORANGE
from .drawings import heat
from .exercise import Exercise

Point = tuple[int, int]


def _distances(features: Tensor, template: Tensor, search_centre: Point, radius: int) -> Tensor:
    return (_cut(features, search_centre, radius) - template[:, None, None]).norm(dim=0)


def _cut(features: Tensor, search_centre: Point, radius: int) -> Tensor:
    x, y = search_centre
    return features[:, y - radius : y + radius + 1, x - radius : x + radius + 1]


def _windows() -> list[tuple[Tensor, Tensor, Point, int]]:
    """Maps (4 24 32) in which the template has moved by a few cells."""
    cases = []
    for seed in range(8):
        generator = torch.Generator().manual_seed(seed)
        features = torch.rand(4, 24, 32, generator=generator)
        x, y = (int(v) for v in torch.randint(8, 16, (2,), generator=generator))
        template = features[:, y - 1, x + 2] + 0.1 * torch.rand(4, generator=generator)
        cases.append((features, template, (x, y), 3 + seed % 3))
    return cases


distances = Exercise(
    "distances",
    "distances(features, template, near, radius): the L2 distance of features (c h w) to the"
    " template (c) at every cell at most `radius` from near = (x, y) in x and in y; returns (k k),"
    " k = 2 radius + 1, row = y.",
    _distances,
    _windows,
    {
        "x and y are swapped: features are indexed [channel, y, x].": (
            lambda f, t, p, r: _distances(f, t, p[::-1], r)
        ),
        "The window is transposed: its rows are y, its columns x.": (
            lambda f, t, p, r: _distances(f, t, p, r).T
        ),
        "The window is one too small: Python's slices end before their last number, so it is y + radius + 1.": lambda f, t, p, r: (
            _distances(f, t, p, r)[:-1, :-1]
        ),
        "x and y are swapped, and the window is one too small: a slice ends before its last number.": lambda f, t, p, r: (
            _distances(f, t, p[::-1], r)[:-1, :-1]
        ),
        "It is shifted by one cell to the lower right.": lambda f, t, p, r: _distances(
            f, t, (p[0] + 1, p[1] + 1), r
        ),
        "That is the L1 distance (the paper's); here it is L2, the root of the sum of squares (the official code's).": (
            lambda f, t, p, r: (_cut(f, p, r) - t[:, None, None]).abs().sum(0)
        ),
        "That is the mean over the channels; L2 is the root of the sum of squares.": (
            lambda f, t, p, r: _distances(f, t, p, r) / len(f) ** 0.5
        ),
        "That is the mean of the squares; L2 is the root of their sum.": (
            lambda f, t, p, r: _distances(f, t, p, r) ** 2 / len(f)
        ),
        "That is the mean of the absolute values; L2 is the root of the sum of squares.": (
            lambda f, t, p, r: (_cut(f, p, r) - t[:, None, None]).abs().mean(0)
        ),
        "It is shifted by one cell to the upper left.": lambda f, t, p, r: _distances(
            f, t, (p[0] - 1, p[1] - 1), r
        ),
        "That is the cosine: how alike two directions are. A distance is asked for, L2.": (
            lambda f, t, p, r: F.cosine_similarity(_cut(f, p, r), t[:, None, None], dim=0)
        ),
        "That is 1 - cosine; the distance asked for is L2.": (
            lambda f, t, p, r: 1 - F.cosine_similarity(_cut(f, p, r), t[:, None, None], dim=0)
        ),
        "The root is missing: L2 is the root of the sum of squares.": (
            lambda f, t, p, r: _distances(f, t, p, r) ** 2
        ),
    },
    draw=heat,
)


def _nearest(distances: Tensor, search_centre: Point) -> Point:
    radius = len(distances) // 2
    row, column = divmod(int(distances.argmin()), len(distances))
    return search_centre[0] + column - radius, search_centre[1] + row - radius


def _on_window(axes, case: tuple, value: Point) -> None:
    window, (x, y) = case[0], case[1]
    radius = len(window) // 2
    axes.imshow(
        window.numpy(),
        extent=(x - radius - 0.5, x + radius + 0.5, y + radius + 0.5, y - radius - 0.5),
        cmap="viridis",
    )
    axes.plot([float(value[0])], [float(value[1])], "o", ms=9, mfc="none", mec=ORANGE, mew=2.5)
    axes.set(xlabel="x", ylabel="y")


nearest = Exercise(
    "nearest",
    "nearest(distances, near): the point (x, y) of the least of distances (k k), a window around"
    " near = (x, y) with row = y.",
    _nearest,
    lambda: [(_distances(*case), case[2]) for case in _windows()],
    {
        "x and y are swapped: the row is y, the column x, and a point is (x, y).": lambda d, p: (
            p[0] + int(d.argmin()) // len(d) - len(d) // 2,
            p[1] + int(d.argmin()) % len(d) - len(d) // 2,
        ),
        "That is a place in the window, counted from its corner; the point is in the image, so add near and take off the radius.": lambda d, p: (
            int(d.argmin()) % len(d),
            int(d.argmin()) // len(d),
        ),
        "It lies off by the radius: the window's centre, not its corner, is at near.": (
            lambda d, p: (p[0] + int(d.argmin()) % len(d), p[1] + int(d.argmin()) // len(d))
        ),
        "x and y are swapped, and it lies off by the radius: a point is (x, y), and the window's centre is at near.": lambda d, p: (
            p[0] + int(d.argmin()) // len(d),
            p[1] + int(d.argmin()) % len(d),
        ),
        "The point is right and turned around: it is (x, y), not (row, column).": (
            lambda d, p: _nearest(d, p)[::-1]
        ),
        "That is a place in the window, counted from its middle; add near.": lambda d, p: _nearest(
            d, (0, 0)
        ),
        "It goes the wrong way from near: add the place in the window, take off the radius.": (
            lambda d, p: (2 * p[0] - _nearest(d, p)[0], 2 * p[1] - _nearest(d, p)[1])
        ),
        "k / 2 is half a cell too much: the radius is (k - 1) / 2, which is k // 2.": (
            lambda d, p: (_nearest(d, p)[0] - 0.5, _nearest(d, p)[1] - 0.5)
        ),
        "That is the farthest cell; the nearest has the least distance.": lambda d, p: _nearest(
            -d, p
        ),
        "That is the index in the flattened window; one number must become two.": lambda d, p: int(
            d.argmin()
        ),
    },
    draw=_on_window,
)
