"""Tracking by particle video: points followed through several images at once."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from ..geometry import clamp_inside
from ..numeric import is_whole
from ..records import Edit, TrackResult, View
from .flow import unscored

LONGEST = 256  # images that are kept; they are a gigabyte at 512 px

# images (t 3 H W) in 0..1 and points (n 2) in the first → their places (t n 2)
Follower = Callable[[Tensor, Tensor], Tensor]


@dataclass(frozen=True, eq=False)
class FrameBuffer:
    """What particle video remembers.

    Attributes:
        images: (t 3 H W) the last images.
        places: (t n 2) where the handles are in them.
    """

    images: Tensor
    places: Tensor


@dataclass(frozen=True)
class Particles:
    """Points followed through the last few images at once, as PIPs or CoTracker do.

    The confidence is not measured: NaN. Source: DragGAN, table 1 (PIPs).

    Args:
        follower: images (t 3 H W) in 0..1 and points (n 2), in pixels of the first one → their
            places (t n 2). This is your call of such a model.
        length: how many images it gets at most (PIPs: 8).

    Raises:
        ValueError: a length below 2 or above 256; during a drag, places of another shape.
    """

    follower: Follower
    length: int = 8

    def __post_init__(self) -> None:
        if not is_whole(self.length, 2, LONGEST):
            raise ValueError(
                f"length is {self.length!r}; give a whole number of images from 2 to {LONGEST}"
            )

    def start(self, view: View, edit: Edit) -> FrameBuffer:
        """Remember the first image."""
        return FrameBuffer(view.image[None], edit.handles[None])

    def find(self, view: View, memory: FrameBuffer, search_centre: Tensor) -> TrackResult:
        """Follow the points through the remembered images to this one."""
        images = torch.cat([memory.images, view.image[None]])
        places = self.follower(images, memory.places[0])
        expected = (len(images), *search_centre.shape)
        if tuple(places.shape) != expected:
            raise ValueError(
                f"the follower returned places {tuple(places.shape)}; for {len(images)} images and"
                f" {len(search_centre)} points they are {expected}"
            )

        points = clamp_inside(places[-1].to(search_centre), view.size)
        recent = slice(-(self.length - 1), None)
        places = torch.cat([memory.places, points[None]])
        return replace(unscored(points), memory=FrameBuffer(images[recent], places[recent]))
