"""A small scene for the loop of lesson 5: features, a point in them, and what pulls."""

from __future__ import annotations

import torch
from torch import Tensor

from ..geometry import disc, sample
from .cases import Case

Point = tuple[int, int]
WIDTH, HEIGHT = 48, 40


def extract(latent: Tensor) -> Tensor:
    """Features (4 40 48) of two soft blobs at `latent` (2 2), in light that fades to the right."""
    x, y = torch.arange(WIDTH), torch.arange(HEIGHT)
    across = (x - latent[:, :1, None]) ** 2
    down = (y[:, None] - latent[:, 1:, None]) ** 2
    blobs = torch.exp(-(across + down) / 32)

    signatures = torch.tensor([[1.0, -0.6, 0.3, 0.8], [-0.5, 0.9, 0.7, -0.4]])
    return torch.einsum("nyx,nc->cyx", blobs, signatures) * (1.3 - x / WIDTH)


def read(features: Tensor, point: Point) -> Tensor:
    """The feature (c) at a point, detached."""
    x, y = point
    return features[:, y, x].detach()


def find(features: Tensor, template: Tensor, search_centre: Point) -> Point:
    """The most similar place in a window of 7 × 7."""
    x, y = search_centre
    window = features.detach()[:, y - 3 : y + 4, x - 3 : x + 4]
    distances = (window - template[:, None, None]).norm(dim=0)
    row, column = divmod(int(distances.argmin()), 7)
    return x + column - 3, y + row - 3


def loss(features: Tensor, point: Point, target: Point) -> Tensor:
    """The shifted-patch loss of a disc."""
    p = torch.tensor(point).float()
    displacement = torch.tensor(target) - p
    d = displacement / displacement.norm().clamp_min(1e-8)

    patch = p + disc(2)
    size = (HEIGHT, WIDTH)
    shifted = sample(features, patch + d, size)
    return (shifted - sample(features.detach(), patch, size)).abs().mean()


def edits() -> list[Case]:
    """The situations that a loop may be in: few by nature, so they are not drawn at random.

    One edit arrives, one has too few steps, one goes across the light, one may not move at all,
    and one is at its target already.
    """
    blobs = torch.tensor([[16.0, 14.0], [32.0, 27.0]])
    handles_targets_steps_rates = [
        ((16, 14), (24, 18), 40, 0.5),
        ((17, 14), (27, 12), 6, 0.5),
        ((32, 27), (21, 25), 40, 0.7),
        ((16, 14), (20, 20), 0, 0.5),
        ((16, 14), (16, 14), 5, 0.5),
    ]
    return [(extract, read, find, loss, blobs, *edit) for edit in handles_targets_steps_rates]
