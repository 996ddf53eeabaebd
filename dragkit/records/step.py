"""One iteration of a drag."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from torch import Tensor

from .device import STAYS
from .edit import Edit
from .track import TrackResult
from .view import View

OptimizerState = Mapping[int, Mapping[str, Tensor]]


@dataclass(frozen=True, eq=False)
class Step:
    """One iteration of a drag; all of it belongs to the same latent, before its update.

    From `initial_confidence` to `optimizer_state` they are what a run needs to continue exactly
    where it was.

    Attributes:
        index: how many updates were made so far; step 0 is the start.
        latent: (…) the latent.
        edit: what should move where.
        view: what the model shows of the latent; None in a :class:`dragkit.Frame`.
        track: the tracker's answer.
        losses: the value of each loss term by its name.
        arrived: (n) bool, what the tracker claims: its point is within the stop distance of the
            target and, if it is a goal, the content has followed.
        search_centre: (n 2) where the tracker searched.
        initial_confidence: (n) the confidence at step 1, from which the gate makes its threshold.
        tracker: the tracker itself; its printed form if the step was read from a file.
        memory: what the tracker looked for.
        optimizer_state: Adam's moments.
        arrive: the stop distance in pixels by which `arrived` was judged; None if nobody told.
        metadata: what the model says about itself, such as a diffusion model's strength and LoRA.
    """

    index: int
    latent: Tensor = field(repr=False)
    edit: Edit
    view: View | None = field(metadata=STAYS)
    track: TrackResult
    losses: Mapping[str, float]
    arrived: Tensor
    search_centre: Tensor = field(repr=False)
    initial_confidence: Tensor = field(repr=False)
    tracker: Any = field(repr=False, metadata=STAYS)
    memory: Any = field(default=None, repr=False, metadata=STAYS)
    optimizer_state: OptimizerState = field(default_factory=dict, repr=False)
    metadata: Mapping[str, Any] = field(default_factory=dict, repr=False, metadata=STAYS)
    arrive: float | None = field(default=None, repr=False)

    @property
    def points(self) -> Tensor:
        """(n 2) where the handles are now."""
        return self.track.points

    @property
    def distance(self) -> Tensor:
        """(n) from each handle to its target, in pixels."""
        distance: Tensor = (self.edit.targets - self.points).norm(dim=1)
        return distance

    @property
    def window_centre(self) -> Tensor:
        """(n 2) the middle of the score windows, in pixels."""
        if self.track.window_centre is None:
            return self.search_centre
        return self.track.window_centre

    def __str__(self) -> str:
        return describe(self)


def describe(step: Step) -> str:
    """One line about a step: ``17  loss 0.031  confidence 0.93  arrived 0/1``.

    The confidence is the smallest of all handles. "–" stands for what nobody measured.
    """
    loss = confidence = "–"
    if step.losses:
        loss = f"{sum(step.losses.values()):.3g}"
    smallest = step.track.confidence.min().item()
    if np.isfinite(smallest):
        confidence = f"{smallest:.2f}"

    arrived = f"{int(step.arrived.sum())}/{len(step.arrived)}"
    return f"{step.index:3d}  loss {loss}  confidence {confidence}  arrived {arrived}"
