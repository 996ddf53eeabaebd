"""Lesson 8: a label, and a filter that answers to it."""

from __future__ import annotations

import torch
from torch import Tensor

from .drawings import bars_of, heat
from .exercise import Exercise


def _label(cells: int, point: tuple[float, float], width: float) -> Tensor:
    return torch.exp(-_squares(cells, point) / (2 * width**2))


def _squares(cells: int, point: tuple[float, float]) -> Tensor:
    """|q - p|^2 (cells cells)."""
    x, y = point
    places = torch.arange(cells)
    return (places - x) ** 2 + (places[:, None] - y) ** 2


def _spots() -> list[tuple[int, tuple[float, float], float]]:
    """Points between the cells and off the diagonal."""
    return [(16 + k, (5.25 + k / 3, 10.5 - k / 4), 1.5 + k / 4) for k in range(6)]


label = Exercise(
    "label",
    "label(cells, point, width): the map (cells cells) of exp(-|q - p|^2 / (2 width^2)) around the"
    " point p = (x, y), in cells; 1 at the point, row = y.",
    _label,
    _spots,
    {
        "x and y are swapped: the map's rows are y.": lambda n, p, w: _label(n, p[::-1], w),
        "The 2 is missing: the square is divided by 2 σ².": lambda n, p, w: _label(
            n, p, w / 2**0.5
        ),
        "σ is not squared.": lambda n, p, w: _label(n, p, w**0.5),
        "The distance is not squared, so the peak is a spike.": lambda n, p, w: torch.exp(
            -_squares(n, p).sqrt() / (2 * w**2)
        ),
        "The minus is missing: e grows with the distance.": lambda n, p, w: torch.exp(
            _squares(n, p) / (2 * w**2)
        ),
        "The bracket around 2 σ² is missing: / 2 * w * w divides by 2 and multiplies by the rest.": lambda n, p, w: (
            torch.exp(-_squares(n, p) / 2 * w * w)
        ),
        "It is turned inside out: 1 at the point, 0 far from it.": (
            lambda n, p, w: 1 - _label(n, p, w)
        ),
        "That is a disc, all or nothing; the label falls off softly: use the exponential.": (
            lambda n, p, w: (_squares(n, p) < w * w).float()
        ),
        "It is half a cell off to the lower right: the point is given in cells already.": (
            lambda n, p, w: _label(n, (p[0] + 0.5, p[1] + 0.5), w)
        ),
        "The point is rounded to a cell; it may lie between them.": lambda n, p, w: _label(
            n, (round(p[0]), round(p[1])), w
        ),
        "The point is cut off to a cell (int); it may lie between them.": lambda n, p, w: _label(
            n, (int(p[0]), int(p[1])), w
        ),
        "It is half a cell off to the upper left: the point is given in cells already.": (
            lambda n, p, w: _label(n, (p[0] - 0.5, p[1] - 0.5), w)
        ),
        "x and y are swapped, and the point is rounded to a cell; it may lie between them.": (
            lambda n, p, w: _label(n, (round(p[1]), round(p[0])), w)
        ),
        "Do not divide by 2 pi σ²: that makes it sum to 1, and its peak shall be 1.": (
            lambda n, p, w: _label(n, p, w) / (2 * torch.pi * w * w)
        ),
        "It need not sum to 1: its peak is 1.": (
            lambda n, p, w: _label(n, p, w) / _label(n, p, w).sum()
        ),
    },
    draw=heat,
)


def _ridge(features: Tensor, label: Tensor, mu: float) -> Tensor:
    count, channels = features.shape
    gram = features.T @ features / count + mu * torch.eye(channels)
    return torch.linalg.solve(gram, features.T @ label / count)


def _halves(features: Tensor, label: Tensor, mu: float, left: float, right: float) -> Tensor:
    """The same with other factors on its two sides."""
    gram = left * features.T @ features + mu * torch.eye(features.shape[1])
    return torch.linalg.solve(gram, right * features.T @ label)


def _examples() -> list[tuple[Tensor, Tensor, float]]:
    """Features (60 5) and the labels (60) of the few that are the point."""
    generator = torch.Generator().manual_seed(9)
    features = torch.randn(6, 60, 5, generator=generator)
    labels = (features[..., 0] + 0.3 * torch.randn(6, 60, generator=generator) > 1).float()
    return [(f, y, 0.05 * (k + 1)) for k, (f, y) in enumerate(zip(features, labels))]


ridge = Exercise(
    "ridge",
    "ridge(features, label, mu): the filter z (c) that minimises 1/K sum over q of (z.F(q) -"
    " y(q))^2 + mu |z|^2, for features (K c) and label (K).",
    _ridge,
    _examples,
    {
        "The ridge is missing: mu is nowhere in it.": lambda f, y, mu: _ridge(f, y, 0),
        "The mean is missing: with a sum over K examples, mu counts K times less.": (
            lambda f, y, mu: _ridge(f, y, mu / len(f))
        ),
        "mu belongs onto the diagonal alone, mu times the identity.": (
            lambda f, y, mu: torch.linalg.solve(f.T @ f / len(f) + mu, f.T @ y / len(f))
        ),
        "1/K stands on the left side only: both sides are means.": lambda f, y, mu: _halves(
            f, y, mu, 1 / len(f), 1
        ),
        "1/K stands on the right side only, so the filter is far too small: both sides are means.": lambda f, y, mu: (
            _halves(f, y, mu, 1, 1 / len(f))
        ),
        "The 2 of the derivative stands in all terms, also in the mean's, and cancels: it is mu, not 2 mu.": lambda f, y, mu: (
            _ridge(f, y, 2 * mu)
        ),
        "The ridge is taken off; it is added to the diagonal.": lambda f, y, mu: _ridge(f, y, -mu),
        "That is the mean feature of what is labelled; the solution also asks what the others look like.": (
            lambda f, y, mu: f.T @ y / len(f)
        ),
    },
    draw=bars_of("channel", "weight of the filter"),
)


def _gradient_step(z: Tensor, features: Tensor, label: Tensor, mu: float, lr: float) -> Tensor:
    gradient = 2 * features.T @ (features @ z - label) / len(features) + 2 * mu * z
    return z - lr * gradient


gradient_step = Exercise(
    "gradient_step",
    "gradient_step(z, features, label, mu, lr): the filter (c) after one step of gradient descent"
    " on the same loss.",
    _gradient_step,
    lambda: [(f[:5, 0], f, y, mu, 0.1) for f, y, mu in _examples()],
    {
        "That goes uphill: z minus lr times the gradient.": (
            lambda z, f, y, mu, lr: 2 * z - _gradient_step(z, f, y, mu, lr)
        ),
        "The 2 of the square's derivative is missing.": lambda z, f, y, mu, lr: _gradient_step(
            z, f, y, mu, lr / 2
        ),
        "The sign of the error is turned: the ridge pulls downhill, and the examples push uphill. It is F z - y.": lambda z, f, y, mu, lr: (
            z - lr * (2 * f.T @ (y - f @ z) / len(f) + 2 * mu * z)
        ),
        "The 2 is missing before mu z; it stands before both terms.": (
            lambda z, f, y, mu, lr: _gradient_step(z, f, y, mu / 2, lr)
        ),
        "The gradient of mu |z|^2 is 2 mu z, a number for each channel: z is missing.": (
            lambda z, f, y, mu, lr: _gradient_step(z, f, y, 0, lr) - lr * 2 * mu
        ),
        "mu z is divided by K, too; it is no mean over examples.": (
            lambda z, f, y, mu, lr: _gradient_step(z, f, y, mu / len(f), lr)
        ),
        "It divides by the number of channels; K is the number of examples, the rows of F.": (
            lambda z, f, y, mu, lr: z - lr * (2 * f.T @ (f @ z - y) / f.shape[1] + 2 * mu * z)
        ),
        "mu z^2 is the ridge itself; its gradient is 2 mu z.": (
            lambda z, f, y, mu, lr: _gradient_step(z, f, y, 0, lr) - lr * mu * z * z
        ),
        "The ridge pushes z on; its gradient is taken off like the other: - lr 2 mu z.": (
            lambda z, f, y, mu, lr: _gradient_step(z, f, y, -mu, lr)
        ),
        "The ridge pulls, too: its gradient is 2 mu z.": lambda z, f, y, mu, lr: _gradient_step(
            z, f, y, 0, lr
        ),
        "The mean over the examples is missing.": lambda z, f, y, mu, lr: _gradient_step(
            z, f, y, mu / len(f), lr * len(f)
        ),
        "lr belongs to both terms: the ridge's gradient is taken whole.": (
            lambda z, f, y, mu, lr: _gradient_step(z, f, y, 0, lr) - 2 * mu * z
        ),
        "lr is nowhere in it: that is a step of the whole gradient.": (
            lambda z, f, y, mu, lr: _gradient_step(z, f, y, mu, 1)
        ),
        "The gradient of mu |z|^2 is 2 mu z, a number for each channel, not the length of z.": (
            lambda z, f, y, mu, lr: _gradient_step(z, f, y, 0, lr) - lr * 2 * mu * z.norm()
        ),
        "It returns z as it was: nothing is learned.": lambda z, f, y, mu, lr: z.clone(),
        "That is the gradient; the step starts from z.": (
            lambda z, f, y, mu, lr: (z - _gradient_step(z, f, y, mu, lr)) / lr
        ),
    },
    draw=bars_of("channel", "weight of the filter"),
)
