"""Rendered lions and where their landmarks are, exactly: what diffusion models are measured on,
for they take any image.

A pair is that of :mod:`dragkit.tasks.lions`, a lion and the same lion in another one's pose, but
both are rendered: the image to reach is known to the pixel.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from ..records import Edit
from ..worlds.lion import Lion
from . import lions
from .landmarks import SIZE as READ
from .landmarks import landmark_network

TRUNCATION = 0.7  # as of the generator's seeds
# seed of what is measured: the models' training images are made of the same numbers from 0 on
FIRST = 100_001


@dataclass(frozen=True, eq=False)
class Pair:
    """A lion before and after.

    Attributes:
        before, after: its images (3 size size) in 0..1.
        edit: some of its landmarks from where they are to where they shall be, with the mask of
            what may move.
        landmarks: their names.
    """

    before: Tensor
    after: Tensor
    edit: Edit
    landmarks: tuple[str, ...]


def posed(seed: int, t: float = 1.0) -> Lion:
    """Lion `seed` the part `t` of the way to the pose of seed 10000 + `seed`."""
    z = lions.z_of(seed)
    start, end = z / np.sqrt(np.square(z).mean()), lions.in_pose_of(z, lions.z_of(10_000 + seed))
    return Lion.from_normal(TRUNCATION * ((1 - t) * start + t * end))


def image(lion: Lion, size: int) -> Tensor:
    """The render (3 size size) in 0..1."""
    return torch.from_numpy(np.asarray(lion.render(size).image, np.float32))


def pair(seed: int, count: int, size: int) -> Pair:
    """Lion `seed` and up to `count` landmarks that are visible in both poses."""
    before, after = posed(seed, 0), posed(seed, 1)
    start, end = before.landmarks(size), after.landmarks(size)
    usable = [
        i
        for i in np.random.RandomState(seed).permutation(len(start.names))
        if start.visible[i] and end.visible[i]
    ]
    chosen = _apart(usable, start.points)[:count]
    mask = (
        F.interpolate(lions.free(before, after)[None, None], size=(size, size), mode="area") > 0.5
    ).float()[0, 0]
    edit = Edit(start.points[chosen].clip(0, size - 1), end.points[chosen].clip(0, size - 1), mask)
    return Pair(
        image(before, size), image(after, size), edit, tuple(start.names[i] for i in chosen)
    )


def _apart(order: list[int], points: np.ndarray) -> list[int]:
    """The landmarks of `order` without those on the pixel of an earlier one."""
    pixels = {i: tuple(np.round(points[i]).astype(int)) for i in order}
    return [i for n, i in enumerate(order) if pixels[i] not in [pixels[j] for j in order[:n]]]


@torch.no_grad()
def read(image: Tensor, names: tuple[str, ...]) -> Tensor:
    """Where the landmark network sees `names` (n 2) in an image (3 h h), in its pixels; it is
    enlarged to the network's 128 px.
    """
    network, side = landmark_network(), image.shape[-1]
    large = F.interpolate(
        image[None].cpu(), size=(READ, READ), mode="bicubic", align_corners=False
    )[0].clamp(0, 1)
    points = (
        network(large)[[network.names.index(name) for name in names]] + 0.5
    ) * side / READ - 0.5
    return points.clamp(0, side - 1)
