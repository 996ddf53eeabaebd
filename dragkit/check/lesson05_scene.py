"""A small scene for the loop of lesson 5: what it looks at, how it finds a point there, and what
pulls.
"""

from __future__ import annotations

import torch
from torch import Tensor

from ..geometry import disc, sample

Point = tuple[int, int]


def look(latent: Tensor) -> Tensor:
    """Features (4 40 48) of two soft blobs at `latent` (2 2), in light that fades to the right."""
    x, y = torch.arange(48), torch.arange(40)
    blobs = torch.exp(
        -((x - latent[:, :1, None]) ** 2 + (y[:, None] - latent[:, 1:, None]) ** 2) / 32
    )
    signatures = torch.tensor([[1.0, -0.6, 0.3, 0.8], [-0.5, 0.9, 0.7, -0.4]])
    return torch.einsum("nyx,nc->cyx", blobs, signatures) * (1.3 - x / 48)


def read(features: Tensor, point: Point) -> Tensor:
    """The feature (c) at a point, fixed."""
    return features[:, point[1], point[0]].detach()


def find(features: Tensor, template: Tensor, search_centre: Point) -> Point:
    """The most alike place in a window of 7 x 7."""
    x, y = search_centre
    window = (features.detach()[:, y - 3 : y + 4, x - 3 : x + 4] - template[:, None, None]).norm(
        dim=0
    )
    row, column = divmod(int(window.argmin()), 7)
    return x + column - 3, y + row - 3


def loss(features: Tensor, point: Point, target: Point) -> Tensor:
    """The shifted-patch loss of a disc."""
    p = torch.tensor(point).float()
    d = torch.tensor(target) - p
    patch, size = p + disc(2), tuple(features.shape[1:])
    return (
        (
            sample(features, patch + d / d.norm().clamp_min(1e-8), size)
            - sample(features.detach(), patch, size)
        )
        .abs()
        .mean()
    )


def edits() -> list[tuple]:
    """What a loop is given, edit by edit: one that arrives, one that has too few steps, one across
    the light, one that is not to move at all, and one that is there already.
    """
    blobs = torch.tensor([[16.0, 14.0], [32.0, 27.0]])
    ways = [
        ((16, 14), (24, 18), 40, 0.5),
        ((17, 14), (27, 12), 6, 0.5),
        ((32, 27), (21, 25), 40, 0.7),
        ((16, 14), (20, 20), 0, 0.5),
        ((16, 14), (16, 14), 5, 0.5),
    ]
    return [(look, read, find, loss, blobs, *way) for way in ways]
