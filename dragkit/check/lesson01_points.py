"""Lesson 1: from pixels to cells, reading a map between its cells, and cutting a patch
out of it.
"""

from __future__ import annotations

import math

import torch
from matplotlib.axes import Axes
from matplotlib.patches import Rectangle
from torch import Tensor
from torch.nn import functional as F

from ..geometry import sample as package_sample
from ..plot.figures import ORANGE
from .drawings import bars_of, heat
from .exercise import Exercise


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
    # half a cell to either side is still on the map
    places = 0.6 + 3.7 * torch.rand(12, 2, generator=generator)
    return [(features, x, y) for features, (x, y) in zip(maps, places.tolist())]


def _near(features: Tensor, x: float, y: float) -> Tensor:
    return features[:, round(y), round(x)]


sample = Exercise(
    "sample",
    "sample(features, x, y): features (c h w) read at the point (x, y), bilinear between the four"
    " cells around it; returns (c).",
    _sample,
    _points,
    {
        "x and y are swapped: a map is indexed [row, column], which is [y, x].": (
            lambda f, x, y: _sample(f, y, x)
        ),
        "That is the nearest cell alone; blend the four around the point.": _near,
        "That is the nearest cell alone, and at (y, x): a map is indexed [row, column]; blend the four around the point.": lambda f, x, y: (
            _near(f, y, x)
        ),
        "That is one cell alone (both numbers rounded down), at (y, x): a map is indexed [row, column]; blend four.": lambda f, x, y: (
            f[:, int(x), int(y)]
        ),
        "That is the cell at the upper left alone (both numbers rounded down); blend four.": (
            lambda f, x, y: f[:, int(y), int(x)]
        ),
        "The weights are turned around: the nearer cell counts more.": lambda f, x, y: _sample(
            f, 2 * int(x) + 1 - x, 2 * int(y) + 1 - y
        ),
        "a and b are swapped, or the cells beside and below are: a goes with x and the next column, b with y and the next row.": lambda f, x, y: (
            _sample(f, int(x) + y - int(y), int(y) + x - int(x))
        ),
        "That is the plain mean of the four cells; the nearer one counts more.": (
            lambda f, x, y: _sample(f, int(x) + 0.5, int(y) + 0.5)
        ),
        "That blends along x alone; the row below has its share, too.": lambda f, x, y: _sample(
            f, x, int(y)
        ),
        "That blends along y alone; the column beside has its share, too.": (
            lambda f, x, y: _sample(f, int(x), y)
        ),
        "The weights along x are turned around: the nearer column counts more.": (
            lambda f, x, y: _sample(f, 2 * int(x) + 1 - x, y)
        ),
        "The weights along y are turned around: the nearer row counts more.": (
            lambda f, x, y: _sample(f, x, 2 * int(y) + 1 - y)
        ),
        "It reads half a cell too far up and left: here cell centres lie at whole numbers.": (
            lambda f, x, y: _sample(f, x - 0.5, y - 0.5)
        ),
        "It reads half a cell too far down and right: here cell centres lie at whole numbers.": (
            lambda f, x, y: _sample(f, x + 0.5, y + 0.5)
        ),
    },
    draw=bars_of("channel", "value"),
    forbidden=(package_sample, F.grid_sample, torch.grid_sampler),
    told=lambda case: f"x = {case[1]:.2f}, y = {case[2]:.2f}",
)


def _cell(x: float, width: int, cells: int) -> float:
    return (x + 0.5) * cells / width - 0.5


def _two_grids(axes: Axes, case: tuple, value: float) -> None:
    """Pixel x in a row of pixels (dot), and its place on the row of cells below (ring): they lie
    above each other.
    """
    x, width, cells = case
    size, around = width / cells, range(max(int(x) - 3, 0), int(x) + 5)
    for k in around:
        axes.add_patch(Rectangle((k, 1), 1, 1, fc="white", ec="0.5"))
        axes.text(k + 0.5, 1.75, k, ha="center", va="center", fontsize=8)
    for k in range(int(around[0] / size), int(around[-1] / size) + 1):
        axes.add_patch(Rectangle((k * size, 0), size, 1, fc="0.92", ec="0.5"))
        axes.text((k + 0.5) * size, 0.25, k, ha="center", va="center", fontsize=8, clip_on=True)
    place = (float(value) + 0.5) * size
    axes.plot([x + 0.5, place], [1.4, 0.6], "-", color=ORANGE)
    axes.plot([x + 0.5], [1.4], "o", color=ORANGE)
    axes.plot([place], [0.6], "o", ms=9, mfc="none", mec=ORANGE, mew=2)
    axes.set(
        xlim=(around[0] - 0.5, around[-1] + 1.5),
        ylim=(0, 2),
        yticks=(0.5, 1.5),
        yticklabels=("cells", "pixels"),
        xticks=(),
        xlabel="dot: pixel x; ring: its place",
    )


cell = Exercise(
    "cell",
    "cell(x, width, cells): where pixel x of an image `width` px wide lies on a map of `cells`"
    " cells that covers the same image; whole numbers are centres.",
    _cell,
    lambda: [
        (x, width, cells)
        for width, cells in ((128, 64), (512, 128), (60, 20), (32, 32))
        for x in (0, 1, 7.25, 19.5, 31)
    ],
    {
        "The halves are missing: pixel 0's centre lies half a pixel inside the image, cell 0's half a cell.": (
            lambda x, w, c: x * c / w
        ),
        "The pixel's half is missing: from the image's left edge to the centre of pixel x it is x + 1/2.": (
            lambda x, w, c: x * c / w - 0.5
        ),
        "The half cell is not taken off again: cell 0's centre is at 0, not at 1/2.": (
            lambda x, w, c: (x + 0.5) * c / w
        ),
        "That maps the first centre to the first and the last to the last (align_corners); a map covers the image from edge to edge.": (
            lambda x, w, c: x * (c - 1) / (w - 1)
        ),
        "The scale is upside down: an image has more pixels than its map has cells.": (
            lambda x, w, c: (x + 0.5) * w / c - 0.5
        ),
        "Both halves have the wrong sign: + 1/2 before the scale, - 1/2 after it.": (
            lambda x, w, c: (x - 0.5) * c / w + 0.5
        ),
        "The scale is upside down, and the halves are missing: (x + 1/2) cells / width - 1/2.": (
            lambda x, w, c: x * w / c
        ),
        "Do not round: places lie between the cells, too.": lambda x, w, c: round(_cell(x, w, c)),
        "Do not round down (floor): places lie between the cells, too.": (
            lambda x, w, c: math.floor(_cell(x, w, c))
        ),
        "Do not cut off the decimals (int, //): places lie between the cells, too.": (
            lambda x, w, c: int(_cell(x, w, c))
        ),
    },
    draw=_two_grids,
    told=lambda case: "x = {:g}, width = {}, cells = {}".format(*case),
)


def _patch(features: Tensor, point: tuple[int, int], radius: int) -> Tensor:
    x, y = point
    return features[:, y - radius : y + radius + 1, x - radius : x + radius + 1]


def _corners() -> list[tuple[Tensor, tuple[int, int], int]]:
    """Maps (2 20 30), and points that fit in either order, so that a swap is seen and
    not raised.
    """
    generator = torch.Generator().manual_seed(2)
    maps = torch.rand(8, 2, 20, 30, generator=generator)
    return [(features, (5 + k, 14 - k), 2 + k % 3) for k, features in enumerate(maps)]


patch = Exercise(
    "patch",
    "patch(features, point, radius): the square (c k k), k = 2 radius + 1, of features (c h w)"
    " around point = (x, y), whole numbers.",
    _patch,
    _corners,
    {
        "x and y are swapped: the second index of a map is the row, y.": lambda f, p, r: _patch(
            f, p[::-1], r
        ),
        "It is cut in the right place and then turned: rows are y, columns x.": (
            lambda f, p, r: _patch(f, p, r).transpose(1, 2)
        ),
        "It is one too small: a slice ends before its last number.": lambda f, p, r: _patch(
            f, p, r
        )[:, :-1, :-1],
        "x and y are swapped twice, in the slices and by turning the result; cut f[:, y, x] and turn nothing.": (
            lambda f, p, r: _patch(f, p[::-1], r).transpose(1, 2)
        ),
        "x and y are swapped, and it is one too small: f[:, y, x], and a slice ends before its last number.": lambda f, p, r: (
            _patch(f, p[::-1], r)[:, :-1, :-1]
        ),
        "It begins at the point; the point belongs into its middle.": lambda f, p, r: _patch(
            f, (p[0] + r, p[1] + r), r
        ),
    },
    draw=lambda axes, case, value: heat(axes, case, value[0]),
)
