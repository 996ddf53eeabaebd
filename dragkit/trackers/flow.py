r"""Tracking by optical flow between two images.

DragGAN's paper put flow (RAFT) in the place of its own tracking (its table 1): the same motion
supervision, another answer to "where is the point now?". It knows nothing of features, needs the
image to be rendered at every step, and its small errors add up.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

import torch
from torch import Tensor

from ..geometry import clamp_inside, inside, sample
from ..numeric import is_whole
from ..records import Edit, Size, TrackResult, View
from .estimators import Estimator, check_estimator, dis
from .nearest import NearestNeighbor, Template


@dataclass(frozen=True, eq=False)
class FlowState:
    """What optical flow remembers.

    Attributes:
        image: (3 H W) where the next flow begins.
        points: (n 2) where the handles are in it.
        age: how many answers ago it was taken.
        template: the handles' first features, if nearest neighbours refine the answer.
    """

    image: Tensor
    points: Tensor
    age: int
    template: Template | None


@dataclass(frozen=True)
class OpticalFlow:
    r"""The points go where the pixels go: :math:`p ← p + v(p)`, with the flow v at the old point.

    The confidence is not measured: NaN. A point that the flow carries out of the image stays at
    its border. Source: DragGAN, table 1 (RAFT); the policies and the refinement come from
    students' projects.

    Args:
        estimator: two images → flow: :func:`dis`, `Raft`, or your own function
            (:mod:`dragkit.trackers.estimators`). It is tried on a known motion before the first
            step.
        policy: "frame": from the last image to this one, so errors add up. "reference": from one
            image that is kept, so each answer has a single error, but the flow has to find the
            whole motion at once.
        every: after so many answers "reference" takes the present image as the one to keep, unless
            a point is at the border.
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
        if not is_whole(self.every, 1):
            raise ValueError(f"every is {self.every!r}; give a whole number of answers from 1 on")

    def check(self, size: Size) -> None:
        """Raise ValueError if the window is one pixel, or larger than an image of `size`."""
        if self.refine is not None:
            NearestNeighbor(self.refine).check(size)

    def start(self, view: View, edit: Edit) -> FlowState:
        """Keep the first image, after a trial of the estimator."""
        check_estimator(self.estimator)
        template = None
        if self.refine is not None:
            template = NearestNeighbor(self.refine).start(view, edit)
        return FlowState(view.image, edit.handles, 0, template)

    def find(self, view: View, memory: FlowState, search_centre: Tensor) -> TrackResult:
        """Follow the flow from the remembered image to this one."""
        if not inside(memory.points, view.size).all():
            raise ValueError(
                f"the reference has points outside the image: {memory.points.tolist()}; start"
                " again from points inside"
            )
        flow = self.estimator(memory.image, view.image)
        moved = memory.points + sample(flow, memory.points, view.size)
        moved = clamp_inside(moved, view.size)

        track = unscored(moved)
        if self.refine is not None and memory.template is not None:
            track = _refined(view, moved, memory.template, self.refine)

        at_border = _any_at_border(moved, view.size)
        return replace(track, memory=self._next(view, memory, track.points, at_border))

    def _next(self, view: View, memory: FlowState, points: Tensor, at_border: bool) -> FlowState:
        due = memory.age + 1 >= self.every and not at_border
        if self.policy == "frame" or due:
            return FlowState(view.image, points, 0, memory.template)
        return replace(memory, age=memory.age + 1)


def unscored(points: Tensor) -> TrackResult:
    """An answer without scores and confidence, because nothing was compared."""
    unknown = points.new_full((len(points),), torch.nan)
    return TrackResult(points, unknown, unknown[:, None, None], memory=None)


def _refined(view: View, points: Tensor, template: Template, radius: float) -> TrackResult:
    track = NearestNeighbor(radius).find(view, template, points)
    return replace(track, window_centre=points)


def _any_at_border(points: Tensor, size: Size) -> bool:
    height, width = size
    last = points.new_tensor([width - 1, height - 1])
    return bool(((points == 0) | (points == last)).any())
