"""What the landmark network learns from: scenes, their landmarks, and how images are varied."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from ..tasks.landmarks import SIZE
from ..worlds.batch import SceneBatch
from ..worlds.world import World
from .stream import Item, painted, pair, random_of

HELD_OUT = 2_000_000  # the seed of what is never learned from


@dataclass(frozen=True)
class Labelled:
    """Batches of scenes of a world, each with its landmarks (b k 2), NaN where covered.

    They are in pixels of an image of 128 px. Every other scene is uniform in all factors; the
    others are truncated like those that a generator learns from.
    """

    world: World
    batch: int
    seed: int

    def __getitem__(self, number: int) -> Item:
        """Scenes and landmarks of batch `number`."""
        random = random_of(self.seed, number)
        things = [thing(self.world, random, i % 2 == 0) for i in range(self.batch)]
        points = np.stack([truth(t) for t in things])
        return SceneBatch.of([t.scene() for t in things]), torch.from_numpy(points)


def thing(world: World, random: np.random.RandomState, uniform: bool) -> Any:
    """A random thing of the world, such as a lion: uniform in all factors, or truncated."""
    kind: Any = world.kind
    if uniform:
        return kind.from_normal(random.randn(len(world.factors)))
    return painted(world, *pair(random, world))


def truth(thing: Any) -> np.ndarray:
    """The landmarks (k 2) in pixels of 128, NaN where covered."""
    landmarks = thing.landmarks(SIZE)
    return np.where(landmarks.visible[:, None], landmarks.points, np.nan).astype(np.float32)


def augment(images: Tensor) -> Tensor:
    """Images (b 3 h w) of random brightness, contrast and noise, half of them also blurred.

    The blur has σ in 0.3..1.2 px.
    """
    half = len(images) // 2
    sigma = torch.empty(1).uniform_(0.3, 1.2)
    kernel = torch.exp(-((torch.arange(-3, 4) / sigma) ** 2) / 2)
    kernel = (kernel / kernel.sum()).to(images).expand(3, 1, 1, 7)
    soft = F.pad(images[:half], (3, 3, 3, 3), mode="replicate")
    soft = F.conv2d(F.conv2d(soft, kernel, groups=3), kernel.mT, groups=3)
    images = torch.cat([soft, images[half:]])

    noise = torch.randn_like(images) * _uniform(0, 0.03, images, 1)
    contrast = _uniform(0.8, 1.2, images, 1)
    brightness = _uniform(-0.1, 0.1, images, 3)
    return ((images - 0.5) * contrast + 0.5 + brightness + noise).clamp(0, 1)


def _uniform(low: float, high: float, images: Tensor, channels: int) -> Tensor:
    """A random number for each image and channel (b channels 1 1)."""
    return torch.empty(len(images), channels, 1, 1).uniform_(low, high).to(images)
