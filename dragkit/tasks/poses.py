r"""DragGAN's landmark protocol, on lions and cars: drag landmarks to where another pose has them.

A lion is dragged by 1, 5 and all of its landmarks. The pose is that of another seed: the first
factors of the world, which are a lion's turn, place, size and mouth, and a car's turn, place,
size, length and height. The lion stays itself, so the generator has an image with every landmark
on its target. As DragGAN does with dlib, one network reads all images: where the landmarks are at
the start, in the pose to reach, and after the drag. So what it and the generator both misplace
cancels. The world says which landmarks are visible, and where the lions are.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, cast

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F
from tqdm.auto import tqdm

from ..arguments import named_arguments, whole
from ..models import load
from ..models.gan.model import StyleGAN2
from ..models.protocols import Model
from ..records import Edit
from ..worlds.world import WORLDS, World
from .edits import LAST_SEED, Task
from .landmarks import landmark_network

MOST_PAIRS = 10_000  # the seed of the pose is that number higher
ALL = 17  # landmarks: no world has more
COUNTS = (1, 5, ALL)  # handles of a pair's edits, as far as so many are visible
SIZE = 128
MARGIN = 4  # px around the two lions that may change too
APART = 1.5  # px; landmarks nearer to each other than this are one handle


@named_arguments
@dataclass(frozen=True)
class Poses:
    """The protocol in one world: `LIONS` and `CARS`."""

    world: World

    def generator(self) -> StyleGAN2:
        """The world's bundled generator on the CPU, opened once."""
        return _generator(self.world.name)

    def z_of(self, seed: int) -> np.ndarray:
        """z (n_factors,) of a seed: ``load("lion").sample_z(seed)`` without the model."""
        seed = whole("seed", seed, 0, LAST_SEED)
        return np.random.RandomState(seed).randn(1, len(self.world.factors))[0]

    def in_pose_of(self, z: np.ndarray, other: np.ndarray) -> np.ndarray:
        """z (n_factors,) of the same lion in the pose of `other` (n_factors,).

        Both are brought to unit mean square first, because that is what their factors are made
        from; the result has that scale too.
        """
        pose = self.world.pose
        return np.concatenate([unit_mean_square(other)[:pose], unit_mean_square(z)[pose:]])

    def pairs(self, count: int = 100, counts: tuple[int, ...] = COUNTS) -> list[Task]:
        """The edits of `count` pairs: seed s takes the pose of seed 10000 + s.

        Each pair is dragged by 1, 5 and all landmarks. They are drawn from those that are visible
        in both poses, nested: the one is among the five.
        """
        seeds = tqdm(range(whole("count", count, 0, MOST_PAIRS)), "pairs", unit="pair", delay=2)
        return [task for seed in seeds for task in self.pairs_of(seed, counts)]

    def pairs_of(self, seed: int, counts: tuple[int, ...] = COUNTS) -> list[Task]:
        """The edits of one pair, one for each of `counts`."""
        model = self.generator()
        kind: Any = self.world.kind
        z = self.z_of(seed)
        z_after = self.in_pose_of(z, self.z_of(MOST_PAIRS + seed))
        before = kind.of_latent(z, model.truncation)
        after = kind.of_latent(z_after, model.truncation)

        start = self.read_landmarks(model, model.of_z(z))
        end = self.read_landmarks(model, model.of_z(z_after))
        usable = _usable_landmarks(seed, before, after, start.numpy())
        mask = movable(before, after)

        names = self.world.landmarks
        tasks = []
        for count in counts:
            chosen = usable[:count]
            label = "all" if count == ALL else count
            edit = Edit(start[chosen], end[chosen], mask)
            name = f"{self.world.name} {seed}, {label}"
            tasks.append(Task(seed, edit, name, tuple(names[i] for i in chosen)))
        return tasks

    @torch.no_grad()
    def read_landmarks(self, model: Model, latent: Tensor) -> Tensor:
        """Where the world's network sees the landmarks (k 2) in the image of `latent`.

        In pixels (x, y), inside the image and rounded to 0.01 px.
        """
        network = landmark_network(str(model.device), self.world.name)
        points = network(model.finish(latent))
        return points.clamp(0, SIZE - 1).cpu().round(decimals=2)


LIONS = Poses(WORLDS["lion"])
CARS = Poses(WORLDS["car"])


@lru_cache(maxsize=2)
def _generator(name: str) -> StyleGAN2:
    return cast(StyleGAN2, load(name, device="cpu"))


def unit_mean_square(z: np.ndarray) -> np.ndarray:
    """z / √(mean z²), as the generator normalizes it."""
    return z / np.sqrt(np.square(z).mean())


def _usable_landmarks(seed: int, before: Any, after: Any, points: np.ndarray) -> list[int]:
    """The landmarks that are visible in both poses, in random order, without overlaps."""
    visible = before.landmarks(SIZE).visible & after.landmarks(SIZE).visible
    order = np.random.RandomState(seed).permutation(len(visible))

    def overlap(i: int, j: int) -> bool:
        return bool(np.hypot(*(points[i] - points[j])) < APART)

    return without_overlaps([i for i in order if visible[i]], overlap)


def without_overlaps(order: Sequence[int], overlap: Callable[[int, int], bool]) -> list[int]:
    """The items of `order` that do not overlap with an earlier one that stays."""
    chosen: list[int] = []
    for i in order:
        if not any(overlap(i, j) for j in chosen):
            chosen.append(i)
    return chosen


def movable(before: Any, after: Any) -> Tensor:
    """The mask (128 128) of what may move: where either thing is, and a margin of 4 px."""
    things = np.stack([thing.render(SIZE).index >= 0 for thing in (before, after)]).any(0)
    grown = F.max_pool2d(torch.from_numpy(things)[None].float(), 2 * MARGIN + 1, 1, MARGIN)
    return grown[0]
