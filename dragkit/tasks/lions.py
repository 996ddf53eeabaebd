r"""DragGAN's landmark protocol, on lions: drag landmarks to where they are in another pose.

A lion is dragged by 1, 5 and all of its landmarks. The pose is that of another seed: turn, place,
size and mouth, the first `POSE` factors of the world. The lion stays itself, so the generator has
an image with every landmark on its target. As DragGAN does with dlib, one network reads all
images: where the landmarks are at the start, in the pose to reach, and after the drag. So what it
and the generator both misplace cancels. The world says which landmarks are visible, and where the
lions are.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import cast

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
from ..worlds.lion import FACTORS, Lion
from .edits import LAST_SEED, Task
from .landmarks import landmark_network

MOST_PAIRS = 10_000  # the seed of the pose is that number higher
POSE = 7  # yaw, pitch, roll, x, y, size, mouth
COUNTS = (1, 5, 17)  # handles of a pair's edits, as far as so many are visible
SIZE = 128
MARGIN = 4  # px around the two lions that may change too
APART = 1.5  # px; landmarks nearer to each other than this are one handle


@lru_cache(maxsize=1)
def generator() -> StyleGAN2:
    """The bundled lion's generator on the CPU, opened once."""
    return cast(StyleGAN2, load("lion", device="cpu"))


@named_arguments
def z_of(seed: int) -> np.ndarray:
    """z (22,) of the bundled lion's `seed`: ``load("lion").sample_z(seed)`` without the model."""
    seed = whole("seed", seed, 0, LAST_SEED)
    return np.random.RandomState(seed).randn(1, len(FACTORS))[0]


def in_pose_of(z: np.ndarray, other: np.ndarray) -> np.ndarray:
    """z (22,) of the same lion in the pose of `other` (22,).

    Both are brought to unit mean square first, because that is what their factors are made from;
    the result has that scale too.
    """
    return np.concatenate([unit_mean_square(other)[:POSE], unit_mean_square(z)[POSE:]])


def unit_mean_square(z: np.ndarray) -> np.ndarray:
    """z / √(mean z²), as the generator normalizes it."""
    return z / np.sqrt(np.square(z).mean())


@named_arguments
def pairs(count: int = 100, counts: tuple[int, ...] = COUNTS) -> list[Task]:
    """The edits of `count` pairs: seed s takes the pose of seed 10000 + s.

    Each pair is dragged by 1, 5 and all landmarks. They are drawn from those that are visible in
    both poses, nested: the one is among the five.
    """
    seeds = tqdm(range(whole("count", count, 0, MOST_PAIRS)), "pairs", unit="pair", delay=2)
    return [task for seed in seeds for task in pairs_of(seed, counts)]


def pairs_of(seed: int, counts: tuple[int, ...] = COUNTS) -> list[Task]:
    """The edits of one pair, one for each of `counts`."""
    model = generator()
    z = z_of(seed)
    z_after = in_pose_of(z, z_of(10_000 + seed))
    before = Lion.of_latent(z, model.truncation)
    after = Lion.of_latent(z_after, model.truncation)

    start = read_landmarks(model, model.of_z(z))
    end = read_landmarks(model, model.of_z(z_after))
    usable = _usable_landmarks(seed, before, after, start.numpy())
    mask = movable(before, after)

    names = before.landmarks(SIZE).names
    tasks = []
    for count in counts:
        chosen = usable[:count]
        label = "all" if count == max(COUNTS) else count
        edit = Edit(start[chosen], end[chosen], mask)
        tasks.append(Task(seed, edit, f"lion {seed}, {label}", tuple(names[i] for i in chosen)))
    return tasks


def _usable_landmarks(seed: int, before: Lion, after: Lion, points: np.ndarray) -> list[int]:
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


@torch.no_grad()
def read_landmarks(model: Model, latent: Tensor) -> Tensor:
    """Where the landmark network sees the landmarks (17 2) in the image of `latent`.

    In pixels (x, y), inside the image and rounded to 0.01 px.
    """
    points = landmark_network(str(model.device))(model.finish(latent))
    return points.clamp(0, SIZE - 1).cpu().round(decimals=2)


def movable(before: Lion, after: Lion) -> Tensor:
    """The mask (128 128) of what may move: where either lion is, and a margin of 4 px."""
    lions = np.stack([lion.render(SIZE).index >= 0 for lion in (before, after)]).any(0)
    grown = F.max_pool2d(torch.from_numpy(lions)[None].float(), 2 * MARGIN + 1, 1, MARGIN)
    return grown[0]
