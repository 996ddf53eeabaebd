"""Lesson 12: where a matcher's features find the content of a handle again."""

from __future__ import annotations

import torch
from matplotlib.axes import Axes
from torch import Tensor

from ..plot.figures import ORANGE
from .cases import Case, Cases, chance, integer, uniform
from .exercise import Exercise
from .mistakes import mistakes_of


def _match(before: Tensor, after: Tensor, handle: tuple[int, int]) -> tuple[int, int]:
    x, y = handle
    wanted = before[:, y, x]
    dot = torch.einsum("c,chw->hw", wanted, after)
    lengths = wanted.norm() * after.norm(dim=0)
    likeness = dot / lengths
    best = int(likeness.argmax())
    width = likeness.shape[1]
    return best % width, best // width


def _draw_maps(random: torch.Generator) -> Case:
    """Features before and after (c h w), whose lengths vary, and a handle (x, y)."""
    height, width = integer(random, 6, 9), integer(random, 10, 14)
    before = torch.randn(5, height, width, generator=random)
    x, y = integer(random, 1, height - 2), integer(random, 1, height - 2)

    after = torch.randn(5, height, width, generator=random)
    column, row = integer(random, 0, width - 1), integer(random, 0, height - 1)
    noise = 0.15 * torch.randn(5, generator=random)
    after[:, row, column] = before[:, y, x] + noise
    other = (column + integer(random, 1, width - 1)) % width
    after[:, row, other] = before[:, y, x] + 1.5  # alike but for the mean over the channels
    opposite = (row + integer(random, 1, height - 1)) % height
    if chance(random, 0.5):
        after[:, opposite, column] = -before[:, y, x]
    after = after * uniform(random, 0.3, 3, 1, height, width)
    return before, after, (x, y)


def _centred(features: Tensor) -> Tensor:
    return features - features.mean(0)


def _properties(case: Case) -> dict[str, bool]:
    before, after, (x, y) = case
    column, row = _match(before, after, (x, y))
    dot = torch.einsum("c,chw->hw", before[:, y, x], after)
    centred = torch.einsum("c,chw->hw", _centred(before)[:, y, x], _centred(after))
    correlation = centred / _centred(after).norm(dim=0)
    apart = (after - before[:, y, x, None, None]).norm(dim=0)
    best = row * after.shape[2] + column
    return {
        "a longer feature has a larger product": int(dot.argmax()) != best,
        "a shorter one is nearer": int(apart.argmin()) != best,
        "a feature that is brighter in all channels correlates more": (
            int(correlation.argmax()) != best
        ),
        "the handle is off the diagonal": x != y,
        "so is the match": column != row and row < after.shape[1] - 1,
    }


def _found(axes: Axes, case: Case, value: tuple[int, int]) -> None:
    """The likeness of each pixel of the result, and what was found."""
    before, after, (x, y) = case
    likeness = torch.cosine_similarity(before[:, y, x, None, None], after, dim=0)
    axes.imshow(likeness, cmap="viridis", vmin=-1, vmax=1)
    axes.plot(*value, "+", color=ORANGE, ms=14, mew=3, label="found")
    axes.legend(fontsize=8, loc="upper center", bbox_to_anchor=(0.5, -0.4), frameon=False)
    axes.set(xlabel="x", ylabel="y")
    axes.locator_params(integer=True)


LIKENESS = "likeness = dot / lengths"
WANTED = "wanted = before[:, y, x]"
WIDTH = "width = likeness.shape[1]"
PLACE = "return best % width, best // width"

match = Exercise(
    "match",
    "match(before, after, handle): the pixel (x, y) of features after (c h w) whose cosine with"
    " what is at the handle (x, y) in before (c h w) is the largest.",
    _match,
    Cases(_draw_maps, _properties),
    mistakes_of(
        _match,
        {
            "That is the product, which long features win; divide by the lengths, those of the"
            " result's features too.": (LIKENESS, "likeness = dot"),
            "That is the nearest feature; the cosine compares directions, whatever the lengths.": (
                LIKENESS,
                "likeness = -(after - wanted[:, None, None]).norm(dim=0)",
            ),
            "The handle is (x, y), and a map's axes are (c, y, x).": (
                WANTED,
                "wanted = before[:, x, y]",
            ),
            "The answer is (row, column); a point is (x, y).": (
                PLACE,
                "return best // width, best % width",
            ),
            "That is the handle itself: take its feature from before, and search in after.": (
                WANTED,
                "wanted = after[:, y, x]",
            ),
            "A row is as long as the map is wide: divide by the width, not the height.": (
                WIDTH,
                "width = len(likeness)",
            ),
            "Points are (x, y), and a map's axes are (c, y, x): the handle is read the wrong way"
            " round, and so is the answer.": (
                (WANTED, "wanted = before[:, x, y]"),
                (PLACE, "return best // width, best % width"),
            ),
            "The mean over the channels is taken off first: that is the correlation. The cosine"
            " takes features as they are.": (
                WANTED,
                "before, after = _centred(before), _centred(after)\nwanted = before[:, y, x]",
            ),
            "That is the least alike pixel; the largest cosine is the best.": (
                "best = int(likeness.argmax())",
                "best = int(likeness.argmin())",
            ),
            "The sign of the cosine counts as well: the opposite direction is as unlike as can"
            " be.": ("best = int(likeness.argmax())", "best = int(likeness.abs().argmax())"),
        },
    ),
    draw=_found,
)
