"""Lesson 2: a generator of two blobs, and what can be done with w."""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from matplotlib.axes import Axes
from torch import Tensor

from .drawings import bars_of, heat
from .exercise import Exercise, Values


def _view(latent: Tensor, signatures: Tensor, cells: int, width: float) -> Tensor:
    return _blobs(latent, signatures, cells, lambda squares: torch.exp(-squares / (2 * width**2)))


def _blobs(
    latent: Tensor, signatures: Tensor, cells: int, shine: Callable[[Tensor], Tensor]
) -> Tensor:
    """Blobs whose brightness is some function of the squared distance."""
    places = torch.arange(cells)
    # (n h w)
    squares = (places - latent[:, :1, None]) ** 2 + (places[:, None] - latent[:, 1:, None]) ** 2
    return torch.einsum("nyx,nc->cyx", shine(squares), signatures)


def _scenes() -> list[tuple[Tensor, Tensor, int, float]]:
    """Two blobs off the diagonal, with signatures of three channels."""
    generator = torch.Generator().manual_seed(4)
    centres = torch.tensor([[4.0, 11.5], [12.5, 6.0]])
    return [
        (
            centres + torch.rand(2, 2, generator=generator),
            torch.randn(2, 3, generator=generator),
            18,
            2 + k / 4,
        )
        for k in range(6)
    ]


def _seen(function: Callable[..., Tensor], case: tuple) -> Values:
    """The features, and how a sum of them depends on the latent: a drag needs both."""
    latent = case[0].clone().requires_grad_()
    features = function(latent, *case[1:])
    if not isinstance(features, Tensor):
        return {
            "answer": f"It returns a {type(features).__name__}; return one tensor (c cells cells)."
        }
    if not features.requires_grad:
        return {
            "answer": "a tensor",
            "feature map": features,
            "gradient": torch.zeros_like(latent),
        }
    weights = torch.linspace(-1, 1, features.numel()).view(features.shape)
    return {
        "answer": "a tensor",
        "feature map": features.detach(),
        "gradient": torch.autograd.grad((weights * features).sum(), latent)[0],
    }


view = Exercise(
    "view",
    "view(latent, signatures, cells, width): features (c cells cells) of blobs at latent (n 2),"
    " centres (x, y) in cells, with signatures (n c): F(q) = sum over i of exp(-|q - c_i|^2 / (2"
    " width^2)) s_i. Gradients must reach the latent.",
    _view,
    _scenes,
    {
        "x and y are swapped: the map's rows are y.": lambda z, s, n, w: _view(z.flip(1), s, n, w),
        "The 2 is missing: the square is divided by 2 σ².": lambda z, s, n, w: _blobs(
            z, s, n, lambda d: torch.exp(-d / w**2)
        ),
        "The minus is missing: a blob fades with the distance from its centre.": (
            lambda z, s, n, w: _blobs(z, s, n, lambda d: torch.exp(d / (2 * w**2)))
        ),
        "σ is not squared.": lambda z, s, n, w: _blobs(z, s, n, lambda d: torch.exp(-d / (2 * w))),
        "The distance is not squared.": lambda z, s, n, w: _blobs(
            z, s, n, lambda d: torch.exp(-(d + 1e-12).sqrt() / (2 * w**2))
        ),
        "The blobs add up: both shine in every cell; take the sum over them, not the larger one alone.": lambda z, s, n, w: (
            torch.where(
                _view(z[:1], s[:1], n, w).norm(dim=0) > _view(z[1:], s[1:], n, w).norm(dim=0),
                _view(z[:1], s[:1], n, w),
                _view(z[1:], s[1:], n, w),
            )
        ),
        "The blobs add up: both shine in every cell; take the sum, not the larger number (max).": (
            lambda z, s, n, w: torch.maximum(_view(z[:1], s[:1], n, w), _view(z[1:], s[1:], n, w))
        ),
        "The signatures are missing: every channel is painted in its own strength.": (
            lambda z, s, n, w: _view(z, torch.ones_like(s), n, w)
        ),
        "Do not normalise: at a blob's centre exp(0) = 1.": (
            lambda z, s, n, w: _view(z, s, n, w) / (2 * math.pi * w**2)
        ),
        "The features are right, but no gradient reaches the latent (a detach, an item(), a new tensor on the way): nobody could drag it.": lambda z, s, n, w: (
            _view(z.detach(), s, n, w)
        ),
    },
    draw=lambda axes, case, values: heat(axes, case, values["feature map"][0]),
    run=_seen,
    whole=True,
)


def _mix(a: Tensor, b: Tensor, rows: int) -> Tensor:
    return torch.cat([a[:rows], b[rows:]])


def _latents() -> list[tuple[Tensor, Tensor, int]]:
    generator = torch.Generator().manual_seed(5)
    return [(*torch.randn(2, 12, 4, generator=generator), rows) for rows in (1, 3, 6, 11)]


def _rows(axes: Axes, case: tuple, value: Tensor) -> None:
    heat(axes, case, value)
    axes.set(xlabel="number of w", ylabel="row of w+")


mix = Exercise(
    "mix",
    "mix(a, b, rows): the latent w+ (12 d) whose first `rows` rows are a's and whose others are"
    " b's.",
    _mix,
    _latents,
    {
        "a and b are swapped: the first rows are a's.": lambda a, b, rows: _mix(b, a, rows),
        "One row too many is a's: a slice :rows has just `rows` of them.": lambda a, b, rows: _mix(
            a, b, rows + 1
        ),
        "The last rows are b's own, from `rows` on, not b from its beginning.": (
            lambda a, b, rows: torch.cat([a[:rows], b[: len(b) - rows]])
        ),
        "Those are columns; a row of w+ is one layer's style.": lambda a, b, rows: torch.cat(
            [a[:, :rows], b[:, rows:]], 1
        ),
        "That blends all rows; here each row is a's or b's.": lambda a, b, rows: (a + b) / 2,
    },
    draw=_rows,
)


def _truncate(w: Tensor, average: Tensor, psi: float) -> Tensor:
    return average + psi * (w - average)


truncate = Exercise(
    "truncate",
    "truncate(w, average, psi): w moved toward the average w, which stays the share psi of its way"
    " out: psi = 1 leaves it, psi = 0 is the average.",
    _truncate,
    lambda: [(a[:, 0], b[:, 0], psi) for (a, b, _), psi in zip(_latents(), (0.1, 0.25, 0.5, 1.5))],
    {
        "psi is turned around: 1 must leave w as it is.": lambda w, m, psi: _truncate(
            w, m, 1 - psi
        ),
        "That shrinks toward zero; the middle of all w is their average.": (
            lambda w, m, psi: psi * w
        ),
        "The average must be added again.": lambda w, m, psi: psi * (w - m),
        "That is the average and psi times w: psi times the difference w - average belongs there.": (
            lambda w, m, psi: m + psi * w
        ),
        "psi may be above 1 as well: then w moves away from the average.": (
            lambda w, m, psi: _truncate(w, m, min(psi, 1))
        ),
        "Truncation shortens the way to the average; it does not cut single numbers off.": (
            lambda w, m, psi: m + (w - m).clamp(-psi, psi)
        ),
    },
    draw=bars_of("number of w", "value"),
    told=lambda case: f"psi = {case[2]:g}",
)
