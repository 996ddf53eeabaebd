r"""Trackers that look at the images: optical flow between two of them, and particle video over
several.

DragGAN's paper put them in the place of its own tracking (its table 1): the same motion
supervision, another answer to "where is the point now". They know nothing of features, need the
image painted at every step, and small errors add up.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Literal

import torch
from torch import Tensor

from ..geometry import inside, sample
from ..records import Edit, Size, TrackResult, View
from .estimators import Estimator, check_estimator, dis
from .nearest import NearestNeighbor, Template

# images (t 3 H W) in 0..1 and points (n 2) in the first → their places (t n 2)
Follower = Callable[[Tensor, Tensor], Tensor]


@dataclass(frozen=True, eq=False)
class FlowState:
    """What optical flow remembers.

    Attributes:
        image: (3 H W) that the next flow begins from, and
        points: (n 2) where the handles were in it.
        age: looks since then.
        template: the handles' first features, where nearest neighbours refine the answer.
    """

    image: Tensor
    points: Tensor
    age: int
    template: Template | None


@dataclass(frozen=True)
class OpticalFlow:
    r"""The points go where the pixels go: :math:`p ← p + v(p)`, with the flow v read at the old
    point.

    The confidence is not measured: NaN. A point that the flow carries out of the image stays at
    its border. Source: DragGAN, table 1 (RAFT); the policies and the refinement are those of
    students' projects.

    Args:
        estimator: two images → flow: :func:`dis`, :class:`Raft`, or a function of your own
            (:mod:`dragkit.trackers.estimators`). It is tried on a known motion before the first
            step.
        policy: "frame": from the last image to this one, so its errors add up. "reference": from
            one image that is kept, so each answer has one error alone, but must see the whole
            motion at once.
        every: looks after which "reference" takes the present image for the one to keep; not
            while a point is at the border.
        refine: radius of a window, for a 512-px image, in which the nearest neighbour of the
            handle's first feature corrects the answer; None leaves it as it is.

    Raises:
        ValueError: an unknown policy, or a number out of its range.
    """

    estimator: Estimator = dis
    policy: Literal["frame", "reference"] = "frame"
    every: int = 10
    refine: float | None = None

    def __post_init__(self) -> None:
        if not callable(self.estimator):
            raise ValueError(
                f"estimator is {self.estimator!r}; give a function of two images, such as dis"
            )
        if self.policy not in ("frame", "reference"):
            raise ValueError(f'unknown policy {self.policy!r}; choose "frame" or "reference"')
        if not isinstance(self.every, int) or isinstance(self.every, bool) or self.every < 1:
            raise ValueError(f"every is {self.every!r}; give a whole number of looks from 1 on")

    def check(self, size: Size) -> None:
        """Raise ValueError where the window is below one pixel in an image of `size`."""
        if self.refine is not None:
            NearestNeighbor(self.refine).check(size)

    def start(self, view: View, edit: Edit) -> FlowState:
        """Keep the first image, after a trial of the estimator."""
        check_estimator(self.estimator)
        template = None if self.refine is None else NearestNeighbor(self.refine).start(view, edit)
        return FlowState(view.image, edit.handles, 0, template)

    def find(self, view: View, memory: FlowState, search_centre: Tensor) -> TrackResult:
        """Follow the flow from the image that is kept to this one."""
        if not inside(memory.points, view.size).all():
            raise ValueError(
                f"the reference has points outside the image: {memory.points.tolist()}; begin"
                " anew from points inside"
            )
        flow = self.estimator(memory.image, view.image)
        points = _within(memory.points + sample(flow, memory.points, view.size), view.size)
        found = _seen(points, None)
        if memory.template is not None:
            found = replace(
                NearestNeighbor(self.refine).find(view, memory.template, points),
                window_centre=points,
            )
        edge = points.new_tensor([view.size[1] - 1, view.size[0] - 1])
        lost = ((points == 0) | (points == edge)).any()
        if self.policy == "frame" or (memory.age + 1 >= self.every and not lost):
            memory = FlowState(view.image, found.points, 0, memory.template)
        else:
            memory = replace(memory, age=memory.age + 1)
        return replace(found, memory=memory)


@dataclass(frozen=True, eq=False)
class FrameBuffer:
    """What particle video remembers: the last `images` (t 3 H W), and the handles' `places` in
    them (t n 2).
    """

    images: Tensor
    places: Tensor


@dataclass(frozen=True)
class Particles:
    """Points followed through the last few images at once, as PIPs (DragGAN's table 1) or
    CoTracker do. The confidence is NaN.

    Args:
        film: images (t 3 H W) in 0..1 and points (n 2), in pixels of the first one → their
            places (t n 2): your call of such a model.
        length: how many images it gets at most (PIPs: 8).

    Raises:
        ValueError: a length below 2; at a look, places of another shape.
    """

    film: Follower
    length: int = 8

    def __post_init__(self) -> None:
        if not isinstance(self.length, int) or isinstance(self.length, bool) or self.length < 2:
            raise ValueError(f"length is {self.length!r}; give a whole number of images from 2 on")

    def start(self, view: View, edit: Edit) -> FrameBuffer:
        """Keep the first image."""
        return FrameBuffer(view.image[None], edit.handles[None])

    def find(self, view: View, memory: FrameBuffer, search_centre: Tensor) -> TrackResult:
        """Follow the points through the kept images to this one."""
        images = torch.cat([memory.images, view.image[None]])
        places = self.film(images, memory.places[0])
        expected = (len(images), *search_centre.shape)
        if tuple(places.shape) != expected:
            raise ValueError(
                f"the film gave places {tuple(places.shape)}; for {len(images)} images and"
                f" {len(search_centre)} points they are {expected}"
            )
        points = _within(places[-1].to(search_centre), view.size)
        keep = slice(-(self.length - 1), None)
        return _seen(
            points, FrameBuffer(images[keep], torch.cat([memory.places, points[None]])[keep])
        )


def _within(points: Tensor, size: Size) -> Tensor:
    """Points (n 2), those outside the image brought to its border."""
    return points.clamp(min=0).minimum(points.new_tensor([size[1] - 1, size[0] - 1]))


def _seen(points: Tensor, memory: FrameBuffer | None) -> TrackResult:
    """An answer without scores: nothing was compared."""
    nothing = points.new_full((len(points),), torch.nan)
    return TrackResult(points, nothing, nothing[:, None, None], memory)
