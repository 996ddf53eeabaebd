"""Lesson 6: the mask on the map's grid, and the term that holds still what it does not free."""

from __future__ import annotations

import torch
from matplotlib.axes import Axes
from torch import Tensor

from .cases import Case, Cases, integer, uniform
from .comparison import BACKWARD, Values, value_and_gradients
from .drawings import heat
from .exercise import Exercise
from .mistakes import Answer, mistakes_of


def _to_cells(mask: Tensor, cells: int) -> Tensor:
    size = len(mask) // cells
    blocks = mask.reshape(cells, size, cells, size)
    return blocks.mean((1, 3))


def _draw_mask(random: torch.Generator) -> Case:
    """An ellipse anywhere in an image, whose cells are two to five pixels wide."""
    size = integer(random, 2, 5)
    cells = integer(random, 4, 10)
    side = size * cells
    y, x = torch.meshgrid(torch.arange(side), torch.arange(side), indexing="ij")

    centre_x, centre_y = uniform(random, 0.2 * side, 0.8 * side, 2)
    radius_x, radius_y = uniform(random, 0.1 * side, 0.5 * side, 2)
    inside = ((x - centre_x) / radius_x) ** 2 + ((y - centre_y) / radius_y) ** 2 <= 1
    return inside.float(), cells


def _properties_of_mask(case: Case) -> dict[str, bool]:
    mask, cells = case
    fractions = _to_cells(mask, cells)
    size = len(mask) // cells
    return {
        "a cell is two pixels wide": size == 2,
        "a cell is three pixels wide": size == 3,
        "a cell is an even number of pixels wide, and more than two": size == 4,
        "a cell is wider than the map has cells": size >= cells,
        "some cells are free, fixed, and on the mask's border": bool(
            (fractions == 1).any()
            and (fractions == 0).any()
            and ((fractions > 0) & (fractions < 1)).any()
        ),
        "its mean is not 1/2": abs(float(mask.mean()) - 0.5) > 0.1,
        "it is not symmetric": bool((fractions - fractions.T).abs().max() > 0.5),
    }


BLOCKS = "blocks = mask.reshape(cells, size, cells, size)"
FRACTIONS = "return blocks.mean((1, 3))"

to_cells = Exercise(
    "to_cells",
    "to_cells(mask, cells): the mask (H H) of 0 and 1 on a map of cells x cells: for each cell the"
    " fraction of its pixels that may move.",
    _to_cells,
    Cases(_draw_mask, _properties_of_mask, count=8),
    mistakes_of(
        _to_cells,
        {
            "That is one pixel of each cell; a cell that is half free is 0.5, so average its"
            " pixels.": (FRACTIONS, "return mask[::size, ::size]"),
            "Rows and columns are swapped.": (FRACTIONS, "return blocks.mean((1, 3)).T"),
            "Do not round: a cell on the mask's border is neither 0 nor 1.": (
                FRACTIONS,
                "return (blocks.mean((1, 3)) > 0.5).float()",
            ),
            "A cell is not free because one of its pixels is: that is the maximum.": (
                FRACTIONS,
                "return blocks.amax((1, 3))",
            ),
            "That is one pixel of two in each direction; the cells are H / cells pixels wide, and"
            " every pixel of a cell counts.": (FRACTIONS, "return mask[::2, ::2]"),
            "A cell is not fixed because one of its pixels is: that is the minimum.": (
                FRACTIONS,
                "return blocks.amin((1, 3))",
            ),
            "Bilinear reading takes a few pixels of each cell; average all of them.": (
                FRACTIONS,
                "interpolate = torch.nn.functional.interpolate\n"
                "return interpolate(mask[None, None], (cells, cells), mode='bilinear')[0, 0]",
            ),
            "That is the pixel in the middle of each cell; average all of them.": (
                FRACTIONS,
                "return mask[size // 2 :: size, size // 2 :: size]",
            ),
            "That is the last pixel of each cell; average all of them.": (
                FRACTIONS,
                "return mask[size - 1 :: size, size - 1 :: size]",
            ),
            "That is the number of free pixels; their fraction is at most 1.": (
                FRACTIONS,
                "return blocks.sum((1, 3))",
            ),
            "The reshape does not cut the mask into cells: a row of pixels goes through all cells"
            " of its row, (cells, size, cells, size).": (
                (BLOCKS, "blocks = mask.reshape(cells, cells, size, size)"),
                (FRACTIONS, "return blocks.mean((2, 3))"),
            ),
            "It is reversed: 1 means that the cell may move.": (
                FRACTIONS,
                "return 1 - blocks.mean((1, 3))",
            ),
        },
    ),
    draw=heat,
)


def _hold(features: Tensor, first: Tensor, mask: Tensor) -> Tensor:
    change = features - first.detach()
    fixed = 1 - mask
    return (change * fixed).abs().mean()


def _draw_features(random: torch.Generator) -> Case:
    """A map now and at the start, and a mask with values between 0 and 1."""
    channels = integer(random, 2, 5)
    height = integer(random, 6, 12)
    width = integer(random, 6, 12)
    features, first = torch.randn(2, channels, height, width, generator=random)

    mask = uniform(random, 0, 1, height, width)
    mask[: height // 3] = 1
    mask[:, : width // 3] = 0
    return features, first, mask


def _properties_of_features(case: Case) -> dict[str, bool]:
    features, first, mask = case
    channels, height, width = features.shape
    mean = float(((features - first) * (1 - mask)).mean())
    return {
        "the map is wider than high": height < width,
        "the map is higher than wide": width < height,
        "there are two channels": channels == 2,
        "more grows than shrinks": mean > 0.01,
        "more shrinks than grows": mean < -0.01,
    }


def _value_and_gradients(function: Answer, case: Case) -> Values:
    """The term, and its gradients with respect to the current and the first features (c h w)."""
    features = case[0].clone().requires_grad_()
    first = case[1].clone().requires_grad_()
    value = function(features, first, *case[2:])
    return value_and_gradients(
        value, **{"gradient": features, "gradient on the first features": first}
    )


def _draw_gradients(axes: Axes, case: Case, values: Values) -> None:
    now = values["gradient"].abs().sum(0)
    then = values["gradient on the first features"].abs().sum(0)
    heat(axes, case, torch.cat([now, then], 1))
    axes.set(xlabel="|gradient| on F, and on F₀", ylabel="y (cells)", xticks=())


CHANGE = "change = features - first.detach()"
FIXED = "fixed = 1 - mask"
TERM = "return (change * fixed).abs().mean()"

hold = Exercise(
    "hold",
    "hold(features, first, mask): the mean over the whole map (c h w) of |(F - F_0)(1 - M)|; mask"
    " (h w), 1 = may move; F_0, the first features, is fixed.",
    _hold,
    Cases(_draw_features, _properties_of_features, count=6),
    mistakes_of(
        _hold,
        {
            "It holds what may move: M is 1 where the image is free.": (FIXED, "fixed = mask"),
            "The absolute value is missing: what grows here and shrinks there cancels. Take it of"
            " every number, then the mean.": (TERM, "return (change * fixed).mean()"),
            "The absolute value comes too late: what grows here and shrinks there has cancelled."
            " Take it of every number, then the mean.": (
                TERM,
                "return (change * fixed).mean().abs()",
            ),
            "That is the square; the term is L1, the absolute value.": (
                TERM,
                "return (change * fixed).square().mean()",
            ),
            "That is the mean over the fixed part alone (FreeDrag's choice); DragGAN's code takes"
            " it over the whole map.": (
                TERM,
                "return (change * fixed).abs().mean() * mask.numel() / fixed.sum()",
            ),
            "The value is right, but no gradient reaches the current features: detach the first"
            " ones alone.": (CHANGE, "change = features.detach() - first.detach()"),
            "The value is right, but the first features are not fixed: no gradient may reach them"
            " (detach).": (CHANGE, "change = features - first"),
            "The stop-gradient is on the wrong side: the current features must feel the term, the"
            " first ones are fixed.": (CHANGE, "change = features.detach() - first"),
            "The value is always 0, so nothing is held: the current features are compared with"
            " F_0, the first ones.": (CHANGE, "change = features - features.detach()"),
            "That is the sum over the fixed part alone, divided by the number of its cells"
            " (FreeDrag's choice, and the channels are summed); DragGAN's code takes the mean over"
            " the whole map.": (TERM, "return (change * fixed).abs().sum() / fixed.sum()"),
            "That is the sum; the official code takes the mean over the map.": (
                TERM,
                "return (change * fixed).abs().sum()",
            ),
            "That is one number for each channel and cell; a term is one number, so take their"
            " mean.": (TERM, "return (change * fixed).abs()"),
            "The channels are summed; the mean is over channels and cells.": (
                TERM,
                "return (change * fixed).abs().sum(0).mean()",
            ),
            "The mask is missing: what may move must not be held.": (
                TERM,
                "return change.abs().mean()",
            ),
            "The mask is on the current features alone; it belongs to the difference.": (
                TERM,
                "return (features * fixed - first.detach()).abs().mean()",
            ),
            "λ = 20 is in it already; leave it out, it is multiplied later.": (
                TERM,
                "return 20 * (change * fixed).abs().mean()",
            ),
            BACKWARD: (
                TERM,
                "term = (change * fixed).abs().mean()\nterm.backward()\nreturn term",
            ),
            "The channels are added before the absolute value, so they cancel.": (
                TERM,
                "return (change.sum(0) * fixed).abs().mean()",
            ),
        },
    ),
    draw=_draw_gradients,
    run=_value_and_gradients,
    whole=True,
)
