"""The records that pass between the stages: frozen, typed, validated.

Points are ``(x, y)`` in image pixels, floats, pixel centres at integers: the top left pixel is (0,
0).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
import torch
from torch import Tensor

from .edit import Edit as Edit
from .edit import Size as Size


@dataclass(frozen=True, eq=False)
class View:
    """One look at a latent: what the trackers and losses read.

    Attributes:
        features: (c h w) at their native grid, differentiable with respect to the latent.
        hold: (c h w) what must stay put outside the mask, read as :attr:`anchor`; for a GAN the
            features themselves. Or a function that makes it, where that costs something: called
            once, when a mask asks for it.
        size: (height, width) of the image in pixels.
        render: makes the image; called once, by :attr:`image`, when somebody looks.
    """

    features: Tensor
    hold: Tensor | Callable[[], Tensor]
    size: Size
    render: Callable[[], Tensor] = field(repr=False)

    @cached_property
    def anchor(self) -> Tensor:
        """What must stay put outside the mask (c h w), differentiable like the features."""
        return self.hold() if callable(self.hold) else self.hold

    @cached_property
    def image(self) -> Tensor:
        """The image (3 H W) in 0..1, without gradient."""
        with torch.no_grad():
            return self.render()

    def __repr__(self) -> str:
        return (
            f"View(features {tuple(self.features.shape)}, image {self.size[1]}×{self.size[0]})"
        )


@dataclass(frozen=True, eq=False)
class Goals:
    """What a tracker adds to its answer whose points are goals: where the content shall be next,
    not where it was seen.

    Attributes:
        candidates: (n m 2) the places that the goals were chosen from, in pixels.
        cases: (n) why they were chosen so, by the tracker's own words.
        settled: (n) bool, the content has followed: with a goal near its target, the handle has
            arrived.
        drift: (n) how far the template has come from the first one, ‖T - T₀‖₁ / ‖T₀‖₁.
    """

    candidates: Tensor
    cases: tuple[str, ...]
    settled: Tensor
    drift: Tensor

    def to(self, device: torch.device | str) -> Goals:
        """The same with its tensors on `device`."""
        return Goals(
            self.candidates.to(device), self.cases, self.settled.to(device), self.drift.to(device)
        )


@dataclass(frozen=True, eq=False)
class TrackResult:
    """A tracker's answer for one view.

    Attributes:
        points: (n 2) where the content of each handle is now, (x, y) in pixels.
        confidence: (n) how sure the tracker is; NaN where it does not measure that.
        scores: (n k k) the score window around the last point, or around `centre`; row = y, higher
            is better, NaN off the image.
        memory: what to look for next time; only the tracker that made it knows its type.
        maps: by name, what the scores were made of, each (n k k) like them.
        stride: pixels between neighbours in `scores`.
        goals: of a tracker whose points are goals; None where they are sightings.
        threshold: (n) the gate's: the least confidence that is trusted; `drag` fills it in.
        centre: (n 2) the middle of the score windows, in pixels, of a tracker that looks elsewhere
            than around the last point.
    """

    points: Tensor
    confidence: Tensor
    scores: Tensor
    memory: Any = field(repr=False)
    maps: Mapping[str, Tensor] = field(default_factory=dict, repr=False)
    threshold: Tensor | None = None
    stride: float = 1
    goals: Goals | None = None
    centre: Tensor | None = None

    def middle(self, near: Tensor) -> Tensor:
        """(n 2) the middle of the score windows, for a look around `near`."""
        return near if self.centre is None else self.centre

    @property
    def trusted(self) -> Tensor:
        """(n) bool: the confidence reaches the threshold. Without a gate all are trusted, and one
        that is NaN is not.
        """
        return trusted(self.confidence, self.threshold)


@dataclass(frozen=True, eq=False)
class Step:
    """One iteration of a drag; all of it belongs to the same latent, before its update.

    Attributes:
        index: number of updates made so far; step 0 is the start.
        latent, edit, view, track: the latent, what is asked for, the look at it and the tracker's
            answer.
        losses: the value of each loss term by its name.
        arrived: (n) bool, the tracker's claim: its point lies within the stop distance of the
            target, and where it is a goal, the content has followed.
        optimiser: Adam's moments,
        near: (n 2) where the tracker looked,
        memory: what it looked for, and
        first: (n) the confidence at step 1, of which the gate makes its threshold, and
        tracker: which tracker it was, as it prints: all that a run needs to go on exactly where it
            was.
        about: what the model tells of itself, such as a diffusion model's strength and LoRA.
    """

    index: int
    latent: Tensor = field(repr=False)
    edit: Edit
    view: View
    track: TrackResult
    losses: dict[str, float]
    arrived: Tensor
    optimiser: dict[str, Any] = field(repr=False)
    near: Tensor = field(repr=False)
    first: Tensor = field(repr=False)
    tracker: str = field(repr=False)
    memory: Any = field(default=None, repr=False)
    about: Mapping[str, Any] = field(default_factory=dict, repr=False)

    @property
    def points(self) -> Tensor:
        """(n 2) the handles' places now."""
        return self.track.points

    @property
    def distance(self) -> Tensor:
        """(n) from each handle to its target, in pixels."""
        return (self.edit.targets - self.points).norm(dim=1)

    def __str__(self) -> str:
        return describe(self.index, self.losses, self.track.confidence, self.arrived)


def describe(index: int, losses: Mapping[str, float], confidence: Tensor, arrived: Tensor) -> str:
    """One line about a step: ``17  loss 0.031  confidence 0.93  arrived 0/1``; the least
    confidence of all handles. – is what nobody measured.
    """
    loss = f"{sum(losses.values()):.3g}" if losses else "–"
    least = f"{least:.2f}" if np.isfinite(least := confidence.min().item()) else "–"
    arrivals = f"{int(arrived.sum())}/{len(arrived)}"
    return f"{index:3d}  loss {loss}  confidence {least}  arrived {arrivals}"


def trusted(confidence: Tensor, threshold: Tensor | None) -> Tensor:
    """(n) bool, where a `confidence` (n) reaches its `threshold` (n); all, where that is -∞ or
    there is none.
    """
    if threshold is None:
        return torch.ones_like(confidence, dtype=torch.bool)
    return (confidence >= threshold) | threshold.isneginf()
