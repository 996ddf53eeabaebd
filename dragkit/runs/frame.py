"""The light record of one step, as a `Trace` keeps it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from PIL import Image
from torch import Tensor

from ..compose import paint
from ..records import Edit, Goals, Step, describe, trusted


@dataclass(frozen=True, eq=False)
class Frame:
    """A `Step` without its view: what a `Trace` keeps, light enough for every step.

    `image` is uint8 (H W 3); all else is as in `Step` and its `TrackResult`. The tracker's
    `memory` is not saved with a trace. A frame can be passed as ``drag(…, resume=frame)``.
    """

    index: int
    latent: Tensor = field(repr=False)
    edit: Edit
    points: Tensor
    confidence: Tensor
    scores: Tensor = field(repr=False)
    losses: dict[str, float]
    arrived: Tensor
    image: np.ndarray = field(repr=False)
    optimiser: dict[str, Any] = field(repr=False)
    near: Tensor = field(repr=False)
    first: Tensor = field(repr=False)
    tracker: str = field(repr=False)
    maps: dict[str, Tensor] = field(repr=False)
    threshold: Tensor | None = field(repr=False)
    stride: float = 1
    goals: Goals | None = field(default=None, repr=False)
    memory: Any = field(default=None, repr=False)
    centre: Tensor | None = field(default=None, repr=False)

    @classmethod
    def of(cls, step: Step) -> Frame:
        """Render the step's image and drop its view."""
        image = step.view.image.movedim(0, -1).mul(255).round().byte().cpu().numpy()
        track = step.track
        optimiser = {
            i: {name: moment.cpu() for name, moment in state.items()}
            for i, state in step.optimiser.items()
        }
        return cls(
            step.index,
            step.latent.cpu(),
            step.edit.to("cpu"),
            track.points.cpu(),
            track.confidence.cpu(),
            track.scores.cpu(),
            dict(step.losses),
            step.arrived.cpu(),
            image,
            optimiser,
            step.near.cpu(),
            step.first.cpu(),
            step.tracker,
            {name: m.cpu() for name, m in track.maps.items()},
            None if track.threshold is None else track.threshold.cpu(),
            track.stride,
            None if track.goals is None else track.goals.to("cpu"),
            step.memory,
            track.middle(step.near).cpu(),
        )

    @property
    def distance(self) -> Tensor:
        """(n) from each handle to its target, in pixels."""
        return (self.edit.targets - self.points).norm(dim=1)

    @property
    def trusted(self) -> Tensor:
        """(n) bool: what the gate said."""
        return trusted(self.confidence, self.threshold)

    def paint(
        self, path: np.ndarray | None = None, handle: int | None = None, **look: Any
    ) -> Image.Image:
        """The image with handles, targets and mask drawn in.

        Args:
            path: (steps n 2) the handles' way so far: ``trace.path(i)``.
            handle: whose score window to add.
            look: `size` in pixels and more, as in :func:`dragkit.compose.paint`.
        """
        if handle is not None:
            look |= self.window(handle)
        points, targets = self.points.numpy(), self.edit.targets.numpy()
        return paint(self.image, points, targets, path=path, mask=self.edit.mask, **look)

    def window(self, handle: int) -> dict[str, Any]:
        """The score window of a handle, for :func:`dragkit.compose.paint`."""
        candidates = None if self.goals is None else self.goals.candidates[handle].numpy()
        return {
            "scores": self.scores[handle].numpy(),
            "near": self.centre[handle].numpy(),
            "stride": self.stride,
            "candidates": candidates,
        }

    def score_maps(self, handle: int) -> dict[str, np.ndarray]:
        """The score windows (k k) of a handle by name: "fused", which the best pixel is taken
        from, then what it is made of; just "scores" where it is all.
        """
        parts = {name: m[handle].numpy() for name, m in self.maps.items()}
        return {"fused" if parts else "scores": self.scores[handle].numpy()} | parts

    def __str__(self) -> str:
        return describe(self.index, self.losses, self.confidence, self.arrived)
