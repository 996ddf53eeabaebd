"""Lesson 3: nearest-neighbour tracking, the window of distances and its smallest place."""

from __future__ import annotations

import torch
from matplotlib.axes import Axes
from torch import Tensor

from ..plot.figures import ORANGE
from .cases import Case, Cases, integer, uniform
from .drawings import NEAR, distance_map
from .exercise import Exercise
from .mistakes import mistakes_of

Point = tuple[int, int]


def _distances(features: Tensor, template: Tensor, search_centre: Point, radius: int) -> Tensor:
    x, y = search_centre
    rows = slice(y - radius, y + radius + 1)
    columns = slice(x - radius, x + radius + 1)
    difference = features[:, rows, columns] - template[:, None, None]
    return difference.norm(dim=0)


def _draw_search(random: torch.Generator) -> Case:
    """A map in which the template has moved by a few cells.

    The window is inside it, shifted by a cell or with x and y swapped, too: such mistakes are
    seen, not raised.
    """
    channels = integer(random, 2, 6)
    height = integer(random, 16, 28)
    width = integer(random, 16, 28)
    features = torch.randn(channels, height, width, generator=random)

    radius = integer(random, 2, 5)
    last = min(height, width) - radius - 2
    x = integer(random, radius + 1, last)
    y = integer(random, radius + 1, last)

    moved_x = x + integer(random, -radius, radius)
    moved_y = y + integer(random, -radius, radius)
    template = features[:, moved_y, moved_x] + 0.1 * torch.randn(channels, generator=random)
    return features, template, (x, y), radius


def _properties_of_search(case: Case) -> dict[str, bool]:
    features, template, (x, y), radius = case
    height, width = features.shape[1:]
    row, column = divmod(int(_distances(*case).argmin()), 2 * radius + 1)
    return {
        "the map is wider than high": height < width,
        "the map is higher than wide": width < height,
        "the search centre is right of the diagonal": x > y + 2,
        "the search centre is left of it": x < y - 2,
        "the template has moved to the lower left": row > radius > column,
        "the template has two channels": len(template) == 2,
    }


ROWS = "rows = slice(y - radius, y + radius + 1)"
COLUMNS = "columns = slice(x - radius, x + radius + 1)"
NORM = "return difference.norm(dim=0)"
COSINE = "torch.cosine_similarity(features[:, rows, columns], template[:, None, None], dim=0)"

distances = Exercise(
    "distances",
    "distances(features, template, search_centre, radius): the L2 distance of features (c h w) to"
    " the template (c) at every cell at most `radius` from search_centre = (x, y) in x and in y;"
    " returns (k k), k = 2 radius + 1, row = y.",
    _distances,
    Cases(_draw_search, _properties_of_search),
    mistakes_of(
        _distances,
        {
            "x and y are swapped: features are indexed [channel, y, x].": (
                "x, y = search_centre",
                "y, x = search_centre",
            ),
            "The window is transposed: its rows are y, its columns x.": (
                NORM,
                "return difference.norm(dim=0).T",
            ),
            "The window is one too small: Python's slices end before their last number, so it is"
            " y + radius + 1.": (
                (ROWS, "rows = slice(y - radius, y + radius)"),
                (COLUMNS, "columns = slice(x - radius, x + radius)"),
            ),
            "It has one row too few: a slice ends before its last number, so it is y + radius +"
            " 1.": (ROWS, "rows = slice(y - radius, y + radius)"),
            "It has one column too few: a slice ends before its last number, so it is x + radius +"
            " 1.": (COLUMNS, "columns = slice(x - radius, x + radius)"),
            "The minus in front makes it a score, higher = better; a distance is not negative.": (
                NORM,
                "return -difference.norm(dim=0)",
            ),
            "x and y are swapped, and the window is one too small: a slice ends before its last"
            " number.": (
                (ROWS, "rows = slice(x - radius, x + radius)"),
                (COLUMNS, "columns = slice(y - radius, y + radius)"),
            ),
            "It is shifted by one cell to the lower right.": (
                (ROWS, "rows = slice(y - radius + 1, y + radius + 2)"),
                (COLUMNS, "columns = slice(x - radius + 1, x + radius + 2)"),
            ),
            "That is the L1 distance (the paper's); here it is L2, the root of the sum of squares"
            " (the official code's).": (NORM, "return difference.abs().sum(0)"),
            "That is the mean over the channels; L2 is the root of the sum of squares.": (
                NORM,
                "return difference.square().mean(0).sqrt()",
            ),
            "That is the mean of the squares; L2 is the root of their sum.": (
                NORM,
                "return difference.square().mean(0)",
            ),
            "That is the mean of the absolute values; L2 is the root of the sum of squares.": (
                NORM,
                "return difference.abs().mean(0)",
            ),
            "It is shifted by one cell to the upper left.": (
                (ROWS, "rows = slice(y - radius - 1, y + radius)"),
                (COLUMNS, "columns = slice(x - radius - 1, x + radius)"),
            ),
            "That is the cosine, which says how similar two directions are. A distance is asked"
            " for, L2.": (NORM, f"return {COSINE}"),
            "That is 1 - cosine; the distance asked for is L2.": (NORM, f"return 1 - {COSINE}"),
            "The root is missing: L2 is the root of the sum of squares.": (
                NORM,
                "return difference.square().sum(0)",
            ),
        },
    ),
    draw=distance_map,
)


def _nearest(distances: Tensor, search_centre: Point) -> Point:
    size = len(distances)
    radius = size // 2
    row, column = divmod(int(distances.argmin()), size)

    x = search_centre[0] + column - radius
    y = search_centre[1] + row - radius
    return x, y


def _draw_window(random: torch.Generator) -> Case:
    """Distances of any kind around a point."""
    size = 2 * integer(random, 1, 5) + 1
    search_centre = integer(random, 8, 40), integer(random, 8, 40)
    return uniform(random, 0.1, 2, size, size), search_centre


def _properties_of_window(case: Case) -> dict[str, bool]:
    window, (x, y) = case
    radius = len(window) // 2
    row, column = divmod(int(window.argmin()), len(window))
    return {
        "the search centre is right of the diagonal": x > y + 2,
        "the search centre is left of it": x < y - 2,
        "the nearest cell is at the lower left": row > radius > column,
        "the nearest cell is in the last column": column == 2 * radius,
        "the nearest cell is in the first row": row == 0 != column,
        "the nearest cell is in the middle": row == column == radius,
    }


def _draw_on_window(axes: Axes, case: Case, value: Point) -> None:
    window, (x, y) = case
    border = len(window) / 2
    axes.imshow(
        window.numpy(),
        extent=(x - border, x + border, y + border, y - border),
        cmap=NEAR,
    )
    axes.plot([float(value[0])], [float(value[1])], "o", ms=9, mfc="none", mec=ORANGE, mew=2.5)
    axes.set(xlabel="x", ylabel="y")


RADIUS = "radius = size // 2"
PLACE = "row, column = divmod(int(distances.argmin()), size)"
POINT = "return x, y"

nearest = Exercise(
    "nearest",
    "nearest(distances, search_centre): the point (x, y) of the smallest of distances (k k), a"
    " window around search_centre = (x, y) with row = y.",
    _nearest,
    Cases(_draw_window, _properties_of_window),
    mistakes_of(
        _nearest,
        {
            "x and y are swapped: the row is y, the column x, and a point is (x, y).": (
                PLACE,
                "column, row = divmod(int(distances.argmin()), size)",
            ),
            "That is a place in the window, counted from its corner; the point is in the image, so"
            " add search_centre and subtract the radius.": (POINT, "return column, row"),
            "It is off by the radius: the window's centre, not its corner, is at search_centre.": (
                RADIUS,
                "radius = 0",
            ),
            "x and y are swapped, and it is off by the radius: a point is (x, y), and the window's"
            " centre is at search_centre.": (
                POINT,
                "return search_centre[0] + row, search_centre[1] + column",
            ),
            "The point is right but reversed: it is (x, y), not (row, column).": (
                POINT,
                "return y, x",
            ),
            "That is a place in the window, counted from its middle; add search_centre.": (
                POINT,
                "return column - radius, row - radius",
            ),
            "It goes the wrong way from search_centre: add the place in the window, subtract the"
            " radius.": (
                POINT,
                "return search_centre[0] - column + radius, search_centre[1] - row + radius",
            ),
            "That is a place in the window, and (row, column) at that: a point is (x, y); add"
            " search_centre and subtract the radius.": (POINT, "return row, column"),
            "k is the whole window: subtract its radius, k // 2.": (RADIUS, "radius = size"),
            "It is one pixel too far to the upper left: the radius is k // 2.": (
                RADIUS,
                "radius = size // 2 + 1",
            ),
            "It is one pixel too far to the lower right: the radius is k // 2.": (
                RADIUS,
                "radius = size // 2 - 1",
            ),
            "k / 2 is half a cell too much: the radius is (k - 1) / 2, which is k // 2.": (
                RADIUS,
                "radius = size / 2",
            ),
            "That is the farthest cell; the nearest has the smallest distance.": (
                PLACE,
                "row, column = divmod(int(distances.argmax()), size)",
            ),
            "That is the index in the flattened window; one number must become two.": (
                POINT,
                "return int(distances.argmin())",
            ),
        },
    ),
    draw=_draw_on_window,
)
