"""Lesson 6: the mask on the map's grid, and the term that holds still what it does not free."""

from __future__ import annotations

from collections.abc import Callable

import torch
from matplotlib.axes import Axes
from torch import Tensor
from torch.nn import functional as F

from .drawings import heat
from .exercise import Exercise, Values


def _to_cells(mask: Tensor, cells: int) -> Tensor:
    size = len(mask) // cells
    return mask.reshape(cells, size, cells, size).mean((1, 3))


def _masks() -> list[tuple[Tensor, int]]:
    """Ellipses off the diagonal, in images of 24 px."""
    y, x = torch.meshgrid(torch.arange(24.0), torch.arange(24.0), indexing="ij")
    masks = [((x - 8 - k) ** 2 / 30 + (y - 14 + k) ** 2 / 12 <= 1).float() for k in range(4)]
    return [(mask, cells) for mask, cells in zip(masks, (12, 8, 6, 12))]


to_cells = Exercise(
    "to_cells",
    "to_cells(mask, cells): the mask (H H) of 0 and 1 on a map of cells x cells: for each cell the"
    " share of its pixels that may move.",
    _to_cells,
    _masks,
    {
        "That is one pixel of each cell; a cell that is half free is 0.5, so average its pixels.": lambda m, n: (
            m[:: len(m) // n, :: len(m) // n]
        ),
        "Rows and columns are swapped.": lambda m, n: _to_cells(m, n).T,
        "Do not round: a cell on the mask's border is neither 0 nor 1.": (
            lambda m, n: (_to_cells(m, n) > 0.5).float()
        ),
        "A cell is not free because one of its pixels is: that is the maximum.": (
            lambda m, n: F.max_pool2d(m[None], len(m) // n)[0]
        ),
        "That is one pixel of two in each direction; the cells are H / cells pixels wide, and every pixel of a cell counts.": lambda m, n: (
            m[::2, ::2]
        ),
        "A cell is not held because one of its pixels is: that is the minimum.": (
            lambda m, n: -F.max_pool2d(-m[None], len(m) // n)[0]
        ),
        "Bilinear reading takes a few pixels of each cell; average all of them.": (
            lambda m, n: F.interpolate(m[None, None], size=(n, n), mode="bilinear")[0, 0]
        ),
        "That is the pixel in the middle of each cell; average all of them.": lambda m, n: m[
            len(m) // n // 2 :: len(m) // n, len(m) // n // 2 :: len(m) // n
        ],
        "That is the last pixel of each cell; average all of them.": lambda m, n: m[
            len(m) // n - 1 :: len(m) // n, len(m) // n - 1 :: len(m) // n
        ],
        "That is the number of free pixels; their share is at most 1.": (
            lambda m, n: _to_cells(m, n) * (len(m) // n) ** 2
        ),
        "The reshape does not cut the mask into cells: a row of pixels goes through all cells of its row, (cells, size, cells, size).": (
            lambda m, n: m.reshape(n, n, len(m) // n, len(m) // n).mean((2, 3))
        ),
        "It is turned around: 1 means that the cell may move.": lambda m, n: 1 - _to_cells(m, n),
    },
    draw=heat,
)


def _hold(features: Tensor, first: Tensor, mask: Tensor) -> Tensor:
    return ((features - first.detach()) * (1 - mask)).abs().mean()


def _changes() -> list[tuple[Tensor, Tensor, Tensor]]:
    """Maps (3 12 12) now and at the start, and masks with values between 0 and 1."""
    generator = torch.Generator().manual_seed(8)
    now, start = torch.randn(2, 4, 3, 12, 12, generator=generator)
    return [(a, b, _to_cells(mask, 12)) for a, b, (mask, _) in zip(now, start, _masks())]


def _held(function: Callable[..., Tensor], case: tuple) -> Values:
    """The term, and its gradients with respect to the features of now and the first
    ones (c h w).
    """
    features, first = (map_.clone().requires_grad_() for map_ in case[:2])
    value = function(features, first, *case[2:])
    if not isinstance(value, Tensor) or not value.requires_grad or value.numel() != 1:
        none = torch.zeros_like(features)
        return {"value": value, "gradient": none, "gradient on the first features": none}
    now, then = torch.autograd.grad(
        value, (features, first), allow_unused=True, materialize_grads=True
    )
    return {"value": value.detach(), "gradient": now, "gradient on the first features": then}


def _blame(axes: Axes, case: tuple, values: Values) -> None:
    heat(
        axes,
        case,
        torch.cat(
            [values[name].abs().sum(0) for name in ("gradient", "gradient on the first features")],
            1,
        ),
    )
    axes.set(xlabel="|gradient| on F, and on F₀", ylabel="y (cells)", xticks=())


hold = Exercise(
    "hold",
    "hold(features, first, mask): the mean over the whole map (c h w) of |(F - F_0)(1 - M)|; mask"
    " (h w), 1 = may move; F_0, the first features, is fixed.",
    _hold,
    _changes,
    {
        "It holds what may move: M is 1 where the image is free.": lambda f, s, m: _hold(
            f, s, 1 - m
        ),
        "The absolute value is missing or comes too late: what grows here and shrinks there cancels. Take it of every number, then the mean.": lambda f, s, m: (
            ((f - s.detach()) * (1 - m)).mean()
        ),
        "That is the square; the term is L1, the absolute value.": lambda f, s, m: (
            ((f - s.detach()) * (1 - m)).square().mean()
        ),
        "That is the mean over what is held alone (FreeDrag's choice); DragGAN's code takes it over the whole map.": lambda f, s, m: (
            _hold(f, s, m) * m.numel() / (1 - m).sum()
        ),
        "The value is right, but no gradient reaches the features of now: detach the first ones alone.": lambda f, s, m: (
            _hold(f.detach(), s, m)
        ),
        "The value is right, but the first features are not fixed: no gradient may reach them (detach).": (
            lambda f, s, m: ((f - s) * (1 - m)).abs().mean()
        ),
        "The stop-gradient is on the wrong side: the features of now must feel the term, the first ones are fixed.": lambda f, s, m: (
            _hold(s, f, m)
        ),
        "The value is always 0, so nothing is held: the features of now are compared with F_0, the first ones.": lambda f, s, m: (
            _hold(f, f, m)
        ),
        "That is the sum over what is held alone, divided by the number of its cells (FreeDrag's choice, and the channels are summed); DragGAN's code takes the mean over the whole map.": (
            lambda f, s, m: _hold(f, s, m) * f.numel() / (1 - m).sum()
        ),
        "That is the sum; the official code takes the mean over the map.": (
            lambda f, s, m: _hold(f, s, m) * f.numel()
        ),
        "That is one number for each channel and cell; a term is one number, so take their mean.": (
            lambda f, s, m: ((f - s.detach()) * (1 - m)).abs()
        ),
        "The channels are summed; the mean is over channels and cells.": (
            lambda f, s, m: _hold(f, s, m) * len(f)
        ),
        "The mask is in none of it: what may move must not be held.": (
            lambda f, s, m: (f - s.detach()).abs().mean()
        ),
        "The mask is on the features of now alone; it belongs to the difference.": (
            lambda f, s, m: (f * (1 - m) - s.detach()).abs().mean()
        ),
        "λ = 20 is in it already; leave it out, it is multiplied later.": (
            lambda f, s, m: 20 * _hold(f, s, m)
        ),
        "The channels are added before the absolute value, so they cancel.": (
            lambda f, s, m: ((f - s.detach()).sum(0) * (1 - m)).abs().mean()
        ),
    },
    draw=_blame,
    run=_held,
    whole=True,
)
