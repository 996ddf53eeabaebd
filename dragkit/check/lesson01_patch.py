"""Lesson 1: cutting a patch out of a map."""

from __future__ import annotations

import torch
from matplotlib.axes import Axes
from torch import Tensor

from .cases import Case, Cases, integer
from .drawings import heat
from .exercise import Exercise
from .mistakes import mistakes_of


def _patch(features: Tensor, point: tuple[int, int], radius: int) -> Tensor:
    x, y = point
    rows = slice(y - radius, y + radius + 1)
    columns = slice(x - radius, x + radius + 1)
    return features[:, rows, columns]


def _draw_point(random: torch.Generator) -> Case:
    """A map and a point whose patch is inside in either order: a swap is seen, not raised."""
    height = integer(random, 16, 30)
    width = integer(random, 16, 30)
    features = torch.randn(2, height, width, generator=random)
    radius = integer(random, 1, 4)
    last = min(height, width) - 1 - 2 * radius
    return features, (integer(random, radius, last), integer(random, radius, last)), radius


def _properties_of_point(case: Case) -> dict[str, bool]:
    _, (x, y), radius = case
    return {
        "the point is right of the diagonal": x > y + 2,
        "the point is left of it": x < y - 2,
        "the patch begins at the map's border": min(x, y) == radius,
        "the radius is 1": radius == 1,
    }


def _draw_channel(axes: Axes, case: Case, value: Tensor) -> None:
    heat(axes, case, value[0])


POINT = "x, y = point"
ROWS = "rows = slice(y - radius, y + radius + 1)"
COLUMNS = "columns = slice(x - radius, x + radius + 1)"
CUT = "return features[:, rows, columns]"
SWAPPED = "x and y are swapped: the second index of a map is the row, y."

patch = Exercise(
    "patch",
    "patch(features, point, radius): the square (c k k), k = 2 radius + 1, of features (c h w)"
    " around point = (x, y), whole numbers.",
    _patch,
    Cases(_draw_point, _properties_of_point),
    mistakes_of(
        _patch,
        {
            SWAPPED: (POINT, "y, x = point"),
            "It is cut in the right place and then transposed: rows are y, columns x.": (
                CUT,
                "return features[:, rows, columns].transpose(1, 2)",
            ),
            "It is one too small: a slice ends before its last number.": (
                (ROWS, "rows = slice(y - radius, y + radius)"),
                (COLUMNS, "columns = slice(x - radius, x + radius)"),
            ),
            "x and y are swapped twice, in the slices and by transposing the result; cut"
            " f[:, y, x] and transpose nothing.": (
                CUT,
                "return features[:, columns, rows].transpose(1, 2)",
            ),
            "x and y are swapped, and it is one too small: f[:, y, x], and a slice ends before its"
            " last number.": (
                (ROWS, "rows = slice(x - radius, x + radius)"),
                (COLUMNS, "columns = slice(y - radius, y + radius)"),
            ),
            "It begins at the point; the point belongs in its middle.": (
                (ROWS, "rows = slice(y, y + 2 * radius + 1)"),
                (COLUMNS, "columns = slice(x, x + 2 * radius + 1)"),
            ),
        },
    ),
    draw=_draw_channel,
    given=SWAPPED,
)
