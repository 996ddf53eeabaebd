"""Rendered lions and exactly where their landmarks are: what diffusion models are measured on.

A diffusion model takes any image, so it needs no image of its own making. A pair is that of
:mod:`dragkit.tasks.poses`, a lion and the same lion in another one's pose, but both are rendered:
the image to reach is known to the pixel.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from ..records import Edit
from ..worlds.lion import Lion
from ..worlds.truth import Landmarks
from . import poses
from .landmarks import SIZE as NETWORK_SIZE
from .landmarks import LandmarkNetwork, landmark_network
from .poses import LIONS

TRUNCATION = 0.7  # as of the generator's seeds
# Seed of the first lion to measure on. The networks learn from an endless stream whose scenes have
# no seeds of this kind, and settings are chosen on other lions.
FIRST = 100_001


@dataclass(frozen=True, eq=False)
class Pair:
    """A lion before and after.

    Attributes:
        before, after: its images (3 size size) in 0..1.
        edit: some of its landmarks, from where they are to where they should be, with the mask of
            what may move.
        landmarks: their names.
    """

    before: Tensor
    after: Tensor
    edit: Edit
    landmarks: tuple[str, ...]


def posed(seed: int, t: float = 1.0) -> Lion:
    """Lion `seed` at the fraction `t` of the path to the pose of seed 10000 + `seed`."""
    z = LIONS.z_of(seed)
    start = poses.unit_mean_square(z)
    end = LIONS.in_pose_of(z, LIONS.z_of(10_000 + seed))
    return Lion.from_normal(TRUNCATION * ((1 - t) * start + t * end))


def image(lion: Lion, size: int) -> Tensor:
    """The render (3 size size) in 0..1."""
    return torch.from_numpy(np.asarray(lion.render(size).image, np.float32))


def pair(seed: int, count: int, size: int) -> Pair:
    """Lion `seed` and up to `count` landmarks that are visible in both poses."""
    before = posed(seed, 0)
    after = posed(seed, 1)
    start = before.landmarks(size)
    end = after.landmarks(size)
    chosen = _usable_landmarks(seed, start, end)[:count]

    large_mask = poses.movable(before, after)[None, None]
    mask = (F.interpolate(large_mask, size=(size, size), mode="area") > 0.5).float()[0, 0]
    handles = start.points[chosen].clip(0, size - 1)
    targets = end.points[chosen].clip(0, size - 1)
    return Pair(
        image(before, size),
        image(after, size),
        Edit(handles, targets, mask),
        tuple(start.names[i] for i in chosen),
    )


def _usable_landmarks(seed: int, start: Landmarks, end: Landmarks) -> list[int]:
    """The landmarks that are visible in both poses, in random order, one per pixel."""
    order = np.random.RandomState(seed).permutation(len(start.names))
    pixels = np.round(start.points).astype(int)

    def overlap(i: int, j: int) -> bool:
        return bool((pixels[i] == pixels[j]).all())

    return poses.without_overlaps(
        [i for i in order if start.visible[i] and end.visible[i]], overlap
    )


@torch.no_grad()
def read_landmarks(
    image: Tensor, names: tuple[str, ...], network: LandmarkNetwork | None = None
) -> Tensor:
    """Where the landmark network sees `names` (n 2) in an image (3 h h), in its pixels.

    The image is brought to the network's 128 px. None is the lion's network.
    """
    network = network or landmark_network()
    large = F.interpolate(
        image[None].cpu(), size=(NETWORK_SIZE, NETWORK_SIZE), mode="bicubic", align_corners=False
    )[0].clamp(0, 1)
    rows = [network.names.index(name) for name in names]

    side = image.shape[-1]
    points = (network(large)[rows] + 0.5) * side / NETWORK_SIZE - 0.5
    return points.clamp(0, side - 1)
