"""Lesson 8: the label, a soft hill around the point."""

from __future__ import annotations

import torch
from torch import Tensor

from .cases import Case, Cases, integer, uniform
from .drawings import heat
from .exercise import Exercise
from .mistakes import mistakes_of


def _label(cells: int, point: tuple[float, float], width: float) -> Tensor:
    x, y = point
    columns = torch.arange(cells) - x
    rows = torch.arange(cells)[:, None] - y
    squares = columns**2 + rows**2
    exponent = -squares / (2 * width**2)
    return torch.exp(exponent)


def _draw_spot(random: torch.Generator) -> Case:
    """A map's side, a point on it and a width, all in cells."""
    cells = integer(random, 14, 20)
    x, y = uniform(random, 2, cells - 3, 2).tolist()
    width = float(uniform(random, 1.5, 3))
    return cells, (x, y), width


def _properties_of_spot(case: Case) -> dict[str, bool]:
    _, (x, y), _ = case
    return {
        "the point is off the diagonal": abs(x - y) > 3,
        "it is nearer to the next cell": round(x) > int(x) and round(y) > int(y),
        "it is nearer to the cell before": round(x) == int(x) and round(y) == int(y),
    }


POINT = "x, y = point"
EXPONENT = "exponent = -squares / (2 * width**2)"
EXPONENTIAL = "return torch.exp(exponent)"

label = Exercise(
    "label",
    "label(cells, point, width): the map (cells cells) of exp(-|q - p|^2 / (2 width^2)) around the"
    " point p = (x, y), in cells; 1 at the point, row = y.",
    _label,
    Cases(
        _draw_spot,
        _properties_of_spot,
        count=6,
    ),
    mistakes_of(
        _label,
        {
            "x and y are swapped: the map's rows are y.": (POINT, "y, x = point"),
            "The 2 is missing: the square is divided by 2 σ².": (
                EXPONENT,
                "exponent = -squares / width**2",
            ),
            "σ is not squared.": (EXPONENT, "exponent = -squares / (2 * width)"),
            "The distance is not squared, so the peak is a spike.": (
                EXPONENT,
                "exponent = -squares.sqrt() / (2 * width**2)",
            ),
            "The minus is missing: the exponential then grows with the distance.": (
                EXPONENT,
                "exponent = squares / (2 * width**2)",
            ),
            "The bracket around 2 σ² is missing: / 2 * w * w divides by 2 and multiplies by the"
            " rest.": (EXPONENT, "exponent = -squares / 2 * width * width"),
            "It is inside out: it should be 1 at the point and 0 far from it.": (
                EXPONENTIAL,
                "return 1 - torch.exp(exponent)",
            ),
            "That is a disc, all or nothing; the label falls off softly: use the exponential.": (
                EXPONENTIAL,
                "return (squares < width**2).float()",
            ),
            "It is half a cell off to the lower right: the point is given in cells already.": (
                POINT,
                "x, y = point[0] + 0.5, point[1] + 0.5",
            ),
            "The point is rounded to a cell; it may lie between them.": (
                POINT,
                "x, y = round(point[0]), round(point[1])",
            ),
            "The point is cut off to a cell (int); it may lie between them.": (
                POINT,
                "x, y = int(point[0]), int(point[1])",
            ),
            "It is half a cell off to the upper left: the point is given in cells already.": (
                POINT,
                "x, y = point[0] - 0.5, point[1] - 0.5",
            ),
            "The 2 is squared, too: the square is divided by 2 σ², not (2 σ)².": (
                EXPONENT,
                "exponent = -squares / (2 * width) ** 2",
            ),
            "That is the sum of a hill along x and one along y; the exponential of the sum of both"
            " squares is their product.": (
                EXPONENTIAL,
                "across = torch.exp(-(columns**2) / (2 * width**2))\n"
                "return across + torch.exp(-(rows**2) / (2 * width**2))",
            ),
            "That is the exponent alone; the label is its exponential.": (
                EXPONENTIAL,
                "return exponent",
            ),
            "It is divided by its largest cell; the label is 1 at the point, which may lie between"
            " the cells.": (
                EXPONENTIAL,
                "return torch.exp(exponent) / torch.exp(exponent).max()",
            ),
            "x and y are swapped, and the point is cut off to a cell (int); it may lie between"
            " them.": (POINT, "x, y = int(point[1]), int(point[0])"),
            "x and y are swapped, and the point is rounded to a cell; it may lie between them.": (
                POINT,
                "x, y = round(point[1]), round(point[0])",
            ),
            "Do not divide by 2 π σ²: that makes it sum to 1, but its peak should be 1.": (
                EXPONENTIAL,
                "return torch.exp(exponent) / (2 * torch.pi * width**2)",
            ),
            "It need not sum to 1: its peak is 1.": (
                EXPONENTIAL,
                "return torch.exp(exponent) / torch.exp(exponent).sum()",
            ),
        },
    ),
    draw=heat,
)
