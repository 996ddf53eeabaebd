"""A step as a trace keeps it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from torch import Tensor

from ..pixels import to_uint8
from .device import to_device
from .edit import Edit, Size
from .step import Step


@dataclass(frozen=True, eq=False)
class Redrawing:
    """How an image is made when somebody looks at it.

    Attributes:
        latent: of the image.
        size: (height, width) of the image in pixels.
        redraw: makes the image (3 H W) in 0..1 of a latent.
    """

    latent: Tensor
    size: Size
    redraw: Callable[[Tensor], Tensor]

    def image(self) -> np.ndarray:
        """The image, uint8 (H W 3)."""
        return to_uint8(self.redraw(self.latent))


@dataclass(frozen=True, eq=False)
class Frame:
    """A step on the CPU, with its image in place of its view: light enough to keep every one.

    ``drag(…, resume=frame)`` continues from it.

    Attributes:
        step: the step, without its view.
        shown: the image, uint8 (H W 3), or how it is made until it is needed; look at it by
            :attr:`image`.
    """

    step: Step
    shown: np.ndarray | Redrawing = field(repr=False)

    @classmethod
    def of(cls, step: Step) -> Frame:
        """Render the step's image and drop its view.

        Raises:
            ValueError: the step has no view, because it comes from another frame.
        """
        if step.view is None:
            raise ValueError(
                f"step {step.index} has no view to render; it comes from a frame, so use that"
            )
        return cls(to_device(replace(step, view=None), "cpu"), to_uint8(step.view.image))

    @classmethod
    def kept(cls, step: Step) -> Frame:
        """As a trace keeps a step: with an image that is made later, if the view says how.

        It is made when somebody looks at it, or copies the frame. Until then the frame keeps the
        model, whose weights must stay as they are.

        Raises:
            ValueError: the step has no view, because it comes from another frame.
        """
        view = step.view
        if view is None or view.redraw is None or view.rendered:
            return cls.of(step)
        drawing = Redrawing(step.latent, view.size, view.redraw)
        return cls(to_device(replace(step, view=None), "cpu"), drawing)

    @property
    def image(self) -> np.ndarray:
        """uint8 (H W 3)."""
        shown = self.shown
        if isinstance(shown, Redrawing):
            shown = shown.image()
            object.__setattr__(self, "shown", shown)  # and the model is not kept any longer
        return shown

    def __getstate__(self) -> dict[str, Any]:
        """What is copied and pickled: the image, not the model that makes it."""
        return {"step": self.step, "shown": self.image}

    @property
    def rendered(self) -> bool:
        """Whether the image has been made already."""
        return not isinstance(self.shown, Redrawing)

    @property
    def size(self) -> Size:
        """(height, width) of the image in pixels."""
        shown = self.shown
        if isinstance(shown, Redrawing):
            return shown.size
        height, width = shown.shape[:2]
        return height, width

    @property
    def index(self) -> int:
        """How many updates were made so far."""
        return self.step.index

    @property
    def latent(self) -> Tensor:
        """The latent."""
        return self.step.latent

    @property
    def edit(self) -> Edit:
        """What should move where."""
        return self.step.edit

    @property
    def points(self) -> Tensor:
        """(n 2) where the handles are, in pixels."""
        return self.step.points

    @property
    def distance(self) -> Tensor:
        """(n) from each handle to its target, in pixels."""
        return self.step.distance

    @property
    def confidence(self) -> Tensor:
        """(n) how sure the tracker is; NaN if it does not measure that."""
        return self.step.track.confidence

    @property
    def trusted(self) -> Tensor:
        """(n) bool, whether the gate trusts the tracker."""
        return self.step.track.trusted

    @property
    def scores(self) -> Tensor:
        """(n k k) the score windows."""
        return self.step.track.scores

    @property
    def losses(self) -> Mapping[str, float]:
        """The value of each loss term by its name."""
        return self.step.losses

    @property
    def arrived(self) -> Tensor:
        """(n) bool, which handles have arrived, as the tracker claims."""
        return self.step.arrived

    def score_maps(self, handle: int) -> dict[str, np.ndarray]:
        """The score windows (k k) of a handle by name.

        "fused" comes first, if there are several maps: the best pixel is taken from it. The maps
        that it was made of follow. A tracker with a single map has just "scores".
        """
        track = self.step.track
        maps = {name: scores[handle].numpy() for name, scores in track.maps.items()}
        name = "fused" if maps else "scores"
        return {name: track.scores[handle].numpy()} | maps

    def __str__(self) -> str:
        return str(self.step)


def loss_names(frames: Sequence[Frame]) -> list[str]:
    """The loss terms of a run, also those before a swap, without any that is 0 throughout."""
    names = dict.fromkeys(name for frame in frames for name in frame.losses)
    return [name for name in names if any(frame.losses.get(name) for frame in frames)]
