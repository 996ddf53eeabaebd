"""Lesson 10: a point that follows an optical flow."""

from __future__ import annotations

import torch
from matplotlib.axes import Axes
from torch import Tensor
from torch.nn import functional as F

from ..geometry import sample
from ..plot.figures import ORANGE
from .cases import Case, Cases, integer, uniform
from .exercise import Exercise
from .mistakes import mistakes_of


def _follow(flow: Tensor, x: float, y: float) -> tuple[float, float]:
    column, row = x, y
    j, i = int(column), int(row)
    a, b = column - j, row - i
    top = (1 - a) * flow[:, i, j] + a * flow[:, i, j + 1]
    low = (1 - a) * flow[:, i + 1, j] + a * flow[:, i + 1, j + 1]
    dx, dy = ((1 - b) * top + b * low).tolist()
    return x + dx, y + dy


def _draw_flow(random: torch.Generator) -> Case:
    """A flow (2 h w), broader than high, and a point far enough inside that (y, x) is, too."""
    height = integer(random, 11, 13)
    width = integer(random, 15, 18)
    flow = uniform(random, -1, 1, 2, height, width)
    x, y = uniform(random, 1, 9, 2).tolist()
    return flow, x, y


def _properties_of_flow(case: Case) -> dict[str, bool]:
    _, x, y = case
    return {
        "the point is off the diagonal": abs(x - y) > 3,
        "it is nearer to the next pixel": round(x) > int(x) and round(y) > int(y),
        "it is nearer to the pixel before": round(x) == int(x) and round(y) == int(y),
    }


def _arrow(axes: Axes, case: Case, value: tuple[float, float]) -> None:
    """The flow, and the point's motion on it."""
    flow, x, y = case
    _, height, width = flow.shape
    rows, columns = torch.meshgrid(torch.arange(height), torch.arange(width), indexing="ij")
    axes.quiver(
        columns, rows, flow[0], flow[1], angles="xy", scale_units="xy", scale=1, color="0.7"
    )
    axes.plot([x, float(value[0])], [y, float(value[1])], "-o", color=ORANGE, markevery=[1])
    axes.set(xlabel="x (px)", ylabel="y (px)", xlim=(-0.5, width - 0.5), ylim=(height - 0.5, -0.5))


def _point_in_words(case: Case) -> str:
    _, x, y = case
    return f"the point ({x:.3g}, {y:.3g})"


MOVED = "return x + dx, y + dy"
PLACE = "column, row = x, y"
FRACTIONS = "a, b = column - j, row - i"

follow = Exercise(
    "follow",
    "follow(flow, x, y): where the point (x, y) goes by flow (2 h w), dx first, then dy, in"
    " pixels. The flow is read between its pixels, bilinear: four pixels and their weights,"
    " written out, without `sample` or `grid_sample`. Returns (x, y).",
    _follow,
    Cases(
        _draw_flow,
        _properties_of_flow,
    ),
    mistakes_of(
        _follow,
        {
            "dx and dy are swapped: flow[0] is dx, which is added to x.": (
                "dx, dy = ((1 - b) * top + b * low).tolist()",
                "dy, dx = ((1 - b) * top + b * low).tolist()",
            ),
            "The sign is reversed: the flow leads from the first image to the second.": (
                MOVED,
                "return x - dx, y - dy",
            ),
            "The flow is read at (y, x): its second index is the row, y.": (
                PLACE,
                "column, row = y, x",
            ),
            "The flow is read half a pixel off: pixel centres are at whole numbers.": (
                PLACE,
                "column, row = x - 0.5, y - 0.5",
            ),
            "The flow is read at the nearest pixel; between pixels it is blended (your sample"
            " of lesson 1).": (PLACE, "column, row = round(x), round(y)"),
            "int() cuts the point off to the pixel on its upper left; between pixels the flow"
            " is blended from four.": (PLACE, "column, row = int(x), int(y)"),
            "The flow is read at one pixel, and even that one is at [x, y]: the row, y, comes"
            " first, and between pixels four are blended.": (
                PLACE,
                "column, row = int(y), int(x)",
            ),
            "The flow is read at the nearest pixel, and even that one is at [x, y]: the row, y,"
            " comes first, and between pixels four are blended.": (
                PLACE,
                "column, row = round(y), round(x)",
            ),
            "The weights are swapped: the nearer a pixel, the more it counts.": (
                FRACTIONS,
                "a, b = j + 1 - column, i + 1 - row",
            ),
            "The answer is reversed: a point is (x, y).": (MOVED, "return y + dy, x + dx"),
            "The two weights are swapped: a goes with x and the next column, b with y and the"
            " next row.": (FRACTIONS, "a, b = row - i, column - j"),
            "That is the plain mean of the four pixels; the nearer a pixel, the more it counts.": (
                FRACTIONS,
                "a, b = 0.5, 0.5",
            ),
            "That is the motion alone; the point goes to its old place plus the motion.": (
                MOVED,
                "return dx, dy",
            ),
        },
    ),
    draw=_arrow,
    forbidden=(sample, F.grid_sample, torch.grid_sampler),
    describe=_point_in_words,
)
