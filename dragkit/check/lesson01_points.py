"""Lesson 1: from pixels to cells, and reading a map between its cells."""

from __future__ import annotations

import torch
from matplotlib.axes import Axes
from matplotlib.patches import Rectangle
from torch import Tensor
from torch.nn import functional as F

from ..geometry import sample as package_sample
from ..plot.figures import ORANGE
from .cases import Case, Cases, chance, integer, uniform
from .drawings import bars_of
from .exercise import Exercise
from .mistakes import mistakes_of


def _sample(features: Tensor, x: float, y: float) -> Tensor:
    row = int(y)
    column = int(x)
    a = x - column
    b = y - row

    upper_left = features[:, row, column]
    upper_right = features[:, row, column + 1]
    lower_left = features[:, row + 1, column]
    lower_right = features[:, row + 1, column + 1]

    upper = (1 - a) * upper_left + a * upper_right
    lower = (1 - a) * lower_left + a * lower_right
    return (1 - b) * upper + b * lower


def _draw_place(random: torch.Generator) -> Case:
    """A map that is seldom square, and a place between its cells.

    One cell beside it, and with x and y swapped, it is still on the map: such mistakes are seen,
    not raised.
    """
    height = integer(random, 6, 9)
    width = integer(random, 6, 9)
    features = torch.randn(3, height, width, generator=random)
    last = min(height, width) - 1
    x, y = uniform(random, 0.6, last - 1.6, 2).tolist()
    if chance(random, 0.2):
        x = round(x)
    if chance(random, 0.2):
        y = round(y)
    return features, float(x), float(y)


def _properties_of_place(case: Case) -> dict[str, bool]:
    features, x, y = case
    height, width = features.shape[1:]
    return {
        "the map is wider than high": height < width,
        "the map is higher than wide": width < height,
        "x is nearer to the next column, y to its own row": x % 1 > 0.6 and 0 < y % 1 < 0.4,
        "x is nearer to its own column, y to the next row": 0 < x % 1 < 0.4 and y % 1 > 0.6,
        "x is the centre of a column": x % 1 == 0 != y % 1,
        "y is the centre of a row": y % 1 == 0 != x % 1,
    }


def _place_in_words(case: Case) -> str:
    return f"x = {case[1]:.2f}, y = {case[2]:.2f}"


ROW = "row = int(y)"
RIGHT_SHARE = "a = x - column"
LOWER_SHARE = "b = y - row"
BLEND = "return (1 - b) * upper + b * lower"

sample = Exercise(
    "sample",
    "sample(features, x, y): features (c h w) read at the point (x, y), bilinear between the four"
    " cells around it; returns (c).",
    _sample,
    Cases(_draw_place, _properties_of_place, count=12),
    mistakes_of(
        _sample,
        {
            "x and y are swapped: a map is indexed [row, column], which is [y, x].": (
                ROW,
                f"x, y = y, x\n{ROW}",
            ),
            "That is the nearest cell alone; blend the four around the point.": (
                BLEND,
                "return features[:, round(y), round(x)]",
            ),
            "That is the nearest cell alone, and at (y, x): a map is indexed [row, column]; blend"
            " the four around the point.": (BLEND, "return features[:, round(x), round(y)]"),
            "That is one cell alone (both numbers rounded down), at (y, x): a map is indexed"
            " [row, column]; blend four.": (BLEND, "return features[:, column, row]"),
            "That is the cell at the upper left alone (both numbers rounded down); blend four.": (
                BLEND,
                "return upper_left",
            ),
            "The weights are reversed: the nearer cell counts more.": (
                (RIGHT_SHARE, "a = 1 - (x - column)"),
                (LOWER_SHARE, "b = 1 - (y - row)"),
            ),
            "a and b are swapped, or the cells to the right and below are: a goes with x and the"
            " next column, b with y and the next row.": (
                (RIGHT_SHARE, "a = y - row"),
                (LOWER_SHARE, "b = x - column"),
            ),
            "That is the plain mean of the four cells; the nearer one counts more.": (
                BLEND,
                "return (upper_left + upper_right + lower_left + lower_right) / 4",
            ),
            "That blends along x alone; the row below counts, too.": (BLEND, "return upper"),
            "That blends along y alone; the next column counts, too.": (
                BLEND,
                "return (1 - b) * upper_left + b * lower_left",
            ),
            "The weights along x are reversed: the nearer column counts more.": (
                RIGHT_SHARE,
                "a = 1 - (x - column)",
            ),
            "The weights along y are reversed: the nearer row counts more.": (
                LOWER_SHARE,
                "b = 1 - (y - row)",
            ),
            "It reads half a cell too far up and left: here cell centres lie at whole numbers.": (
                ROW,
                f"x, y = x - 0.5, y - 0.5\n{ROW}",
            ),
            "It reads half a cell too far down and right: here cell centres lie at whole"
            " numbers.": (ROW, f"x, y = x + 0.5, y + 0.5\n{ROW}"),
        },
    ),
    draw=bars_of("channel", "value"),
    forbidden=(package_sample, F.grid_sample, torch.grid_sampler),
    describe=_place_in_words,
)


def _cell(x: float, width: int, cells: int) -> float:
    from_the_edge = x + 0.5
    in_cells = from_the_edge * cells / width
    return in_cells - 0.5


def _draw_pixel(random: torch.Generator) -> Case:
    """A pixel, whole or not, of an image with up to four pixels for each cell of its map."""
    cells = integer(random, 8, 64)
    width = integer(random, 1, 4) * cells
    if chance(random, 0.2):
        width += integer(random, 1, cells)
    x = round(float(uniform(random, 0, width - 1, 1)), 2)
    if chance(random, 0.5):
        x = integer(random, 0, 3)
    return x, width, cells


def _properties_of_pixel(case: Case) -> dict[str, bool]:
    x, width, cells = case
    return {
        "the pixel is the first": x == 0,
        "it is between two pixels": x % 1 > 0,
        "it lies before the centre of cell 0": (x + 0.5) * cells / width < 0.4,
        "a cell is a pixel": width == cells,
        "a cell is two pixels and a fraction wide": width > 2 * cells and width % cells > 0,
    }


def _draw_grids(axes: Axes, case: Case, value: float) -> None:
    """Pixel x in a row of pixels (dot), and its place on the row of cells below (ring).

    The right place lies below its pixel.
    """
    x, width, cells = case
    size = width / cells
    first = max(int(x) - 3, 0)
    last = int(x) + 4

    for k in range(first, last + 1):
        axes.add_patch(Rectangle((k, 1), 1, 1, fc="white", ec="0.5"))
        axes.text(k + 0.5, 1.75, str(k), ha="center", va="center", fontsize=8)
    for k in range(int(first / size), int(last / size) + 1):
        axes.add_patch(Rectangle((k * size, 0), size, 1, fc="0.92", ec="0.5"))
        middle = (k + 0.5) * size
        axes.text(middle, 0.25, str(k), ha="center", va="center", fontsize=8, clip_on=True)

    place = (float(value) + 0.5) * size
    axes.plot([x + 0.5, place], [1.4, 0.6], "-", color=ORANGE)
    axes.plot([x + 0.5], [1.4], "o", color=ORANGE)
    axes.plot([place], [0.6], "o", ms=9, mfc="none", mec=ORANGE, mew=2)
    axes.set(
        xlim=(first - 0.5, last + 1.5),
        ylim=(0, 2),
        yticks=(0.5, 1.5),
        yticklabels=("cells", "pixels"),
        xticks=(),
        xlabel="dot: pixel x; ring: its place",
    )


def _pixel_in_words(case: Case) -> str:
    x, width, cells = case
    return f"x = {x:g}, width = {width}, cells = {cells}"


FROM_THE_EDGE = "from_the_edge = x + 0.5"
IN_CELLS = "in_cells = from_the_edge * cells / width"
FROM_CELL_0 = "return in_cells - 0.5"

cell = Exercise(
    "cell",
    "cell(x, width, cells): where pixel x of an image `width` px wide lies on a map of `cells`"
    " cells that covers the same image; whole numbers are centres.",
    _cell,
    Cases(_draw_pixel, _properties_of_pixel, count=16, seed=6),
    mistakes_of(
        _cell,
        {
            "The halves are missing: pixel 0's centre lies half a pixel inside the image, cell 0's"
            " half a cell.": (FROM_CELL_0, "return x * cells / width"),
            "The pixel's half is missing: the distance from the image's left edge to the"
            " centre of pixel x is x + 1/2.": (FROM_THE_EDGE, "from_the_edge = x"),
            "The half cell is not taken off again: cell 0's centre is at 0, not at 1/2.": (
                FROM_CELL_0,
                "return in_cells",
            ),
            "That maps the first centre to the first and the last to the last (align_corners); a"
            " map covers the image from edge to edge.": (
                FROM_CELL_0,
                "return x * (cells - 1) / (width - 1)",
            ),
            "The scale is upside down: an image has more pixels than its map has cells.": (
                IN_CELLS,
                "in_cells = from_the_edge * width / cells",
            ),
            "Both halves have the wrong sign: + 1/2 before the scale, - 1/2 after it.": (
                (FROM_THE_EDGE, "from_the_edge = x - 0.5"),
                (FROM_CELL_0, "return in_cells + 0.5"),
            ),
            "The scale is upside down, and the halves are missing: (x + 1/2) cells / width - 1/2."
            "": (FROM_CELL_0, "return x * width / cells"),
            "Do not round the scale: a cell may be 2.5 pixels wide.": (
                IN_CELLS,
                "in_cells = from_the_edge / (width // cells)",
            ),
            "Do not round: places lie between the cells, too.": (
                FROM_CELL_0,
                "return round(in_cells - 0.5)",
            ),
            "Do not round down (floor): places lie between the cells, too.": (
                FROM_CELL_0,
                "return (in_cells - 0.5) // 1",
            ),
            "Do not cut off the decimals (int, //): places lie between the cells, too.": (
                FROM_CELL_0,
                "return int(in_cells - 0.5)",
            ),
        },
    ),
    draw=_draw_grids,
    describe=_pixel_in_words,
)
