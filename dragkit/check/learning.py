"""Lesson 8: a label, and a filter that answers to it."""

from __future__ import annotations

import torch
from torch import Tensor

from .exercise import Exercise
from .looks import bars, heat


def _label(cells: int, point: tuple[float, float], width: float) -> Tensor:
    x, y = point
    places = torch.arange(cells)
    return torch.exp(-((places - x) ** 2 + (places[:, None] - y) ** 2) / (2 * width**2))


def _spots() -> list[tuple[int, tuple[float, float], float]]:
    """Points between the cells and off the diagonal."""
    return [(16 + k, (5.25 + k / 3, 10.5 - k / 4), 1.5 + k / 4) for k in range(6)]


label = Exercise(
    "label",
    "label(cells, point, width): the map (cells cells) of exp(-|q - p|^2 / (2 width^2)) around the point p = (x, y), in cells; 1 at the point, row = y.",
    _label,
    _spots,
    {
        "x and y are swapped: the map's rows are y.": lambda n, p, w: _label(n, p[::-1], w),
        "The 2 is missing: the square is divided by 2 σ².": lambda n, p, w: _label(n, p, w / 2**0.5),
        "σ is not squared.": lambda n, p, w: _label(n, p, w**0.5),
        "The distance is not squared, so the peak is a spike.": lambda n, p, w: torch.exp(-(-2 * _label(n, p, 1).log()).clamp_min(0).sqrt() / (2 * w**2)),
        "The point is rounded to a cell; it may lie between them.": lambda n, p, w: _label(n, (round(p[0]), round(p[1])), w),
        "It need not sum to 1: its peak is 1.": lambda n, p, w: _label(n, p, w) / _label(n, p, w).sum(),
    },
    draw=heat,
)


def _ridge(features: Tensor, label: Tensor, mu: float) -> Tensor:
    count, channels = features.shape
    gram = features.T @ features / count + mu * torch.eye(channels)
    return torch.linalg.solve(gram, features.T @ label / count)


def _examples() -> list[tuple[Tensor, Tensor, float]]:
    """Features (60 5) and the labels (60) of the few that are the point."""
    generator = torch.Generator().manual_seed(9)
    features = torch.randn(6, 60, 5, generator=generator)
    labels = (features[..., 0] + 0.3 * torch.randn(6, 60, generator=generator) > 1).float()
    return [(f, y, 0.05 * (k + 1)) for k, (f, y) in enumerate(zip(features, labels))]


ridge = Exercise(
    "ridge",
    "ridge(features, label, mu): the filter z (c) that minimises 1/K sum over q of (z.F(q) - y(q))^2 + mu |z|^2, for features (K c) and label (K).",
    _ridge,
    _examples,
    {
        "The ridge is missing: mu is nowhere in it.": lambda f, y, mu: _ridge(f, y, 0),
        "The mean is missing: with a sum over K examples, mu counts K times less.": lambda f, y, mu: _ridge(f, y, mu / len(f)),
        "mu belongs onto the diagonal alone, mu times the identity.": lambda f, y, mu: torch.linalg.solve(f.T @ f / len(f) + mu, f.T @ y / len(f)),
        "1/K stands on the left side only: both sides are means.": lambda f, y, mu: torch.linalg.solve(f.T @ f / len(f) + mu * torch.eye(f.shape[1]), f.T @ y),
        "That is the mean feature of what is labelled; the solution also asks what the others look like.": lambda f, y, mu: f.T @ y / len(f),
    },
    draw=bars,
)


def _gradient_step(z: Tensor, features: Tensor, label: Tensor, mu: float, lr: float) -> Tensor:
    gradient = 2 * features.T @ (features @ z - label) / len(features) + 2 * mu * z
    return z - lr * gradient


gradient_step = Exercise(
    "gradient_step",
    "gradient_step(z, features, label, mu, lr): the filter (c) after one step of gradient descent on the same loss.",
    _gradient_step,
    lambda: [(f[:5, 0], f, y, mu, 0.1) for f, y, mu in _examples()],
    {
        "That goes uphill: z minus lr times the gradient.": lambda z, f, y, mu, lr: 2 * z - _gradient_step(z, f, y, mu, lr),
        "The 2 of the square's derivative is missing.": lambda z, f, y, mu, lr: _gradient_step(z, f, y, mu, lr / 2),
        "The ridge pulls, too: its gradient is 2 mu z.": lambda z, f, y, mu, lr: _gradient_step(z, f, y, 0, lr),
        "The mean over the examples is missing.": lambda z, f, y, mu, lr: _gradient_step(z, f, y, mu / len(f), lr * len(f)),
        "That is the gradient; the step starts from z.": lambda z, f, y, mu, lr: (z - _gradient_step(z, f, y, mu, lr)) / lr,
    },
    draw=bars,
)
