"""What a tracker answers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

from .device import STAYS


@dataclass(frozen=True, eq=False)
class Goals:
    """What a tracker adds when its points are goals: where the content should be next.

    Other trackers report where they saw the content. FreeDrag does not track at all; its points
    say where each handle's content should be after the next few updates.

    Attributes:
        candidates: (n m 2) the places that the goals were chosen from, in pixels.
        cases: (n) why each goal was chosen, in the tracker's own words.
        settled: (n) bool, whether the content has followed. A handle has arrived when it is
            settled and its goal is near the target.
        drift: (n) how far the template has moved away from the first one,
            ‖T - T₀‖₁ / ‖T₀‖₁.
    """

    candidates: Tensor
    cases: tuple[str, ...]
    settled: Tensor
    drift: Tensor


@dataclass(frozen=True, eq=False)
class TrackResult:
    """A tracker's answer for one view.

    Attributes:
        points: (n 2) where the content of each handle is now, (x, y) in pixels.
        confidence: (n) how sure the tracker is; NaN if it does not measure that.
        scores: (n k k) the score window; row = y, higher is better, NaN outside the image.
        memory: what to look for next time. Only the tracker that made it knows its type.
        maps: the parts that the scores were made of, by name, each (n k k) like them.
        threshold: (n) the smallest confidence that the gate trusts; None if there is no gate.
            `drag` fills it in.
        stride: pixels between neighbours in `scores`.
        goals: set by a tracker whose points are goals; None if they are observations.
        window_centre: (n 2) the middle of the score windows in pixels, if it is not the search
            centre.
    """

    points: Tensor
    confidence: Tensor
    scores: Tensor
    memory: Any = field(repr=False, metadata=STAYS)
    maps: Mapping[str, Tensor] = field(default_factory=dict, repr=False)
    threshold: Tensor | None = None
    stride: float = 1
    goals: Goals | None = None
    window_centre: Tensor | None = None

    @property
    def trusted(self) -> Tensor:
        """(n) bool, whether the confidence reaches the threshold.

        Without a gate every handle is trusted. With one, a confidence of NaN is trusted only if
        the threshold is -∞.
        """
        if self.threshold is None:
            return torch.ones_like(self.confidence, dtype=torch.bool)
        trusted: Tensor = (self.confidence >= self.threshold) | self.threshold.isneginf()
        return trusted

    def arrived(self, targets: Tensor, distance: float) -> Tensor:
        """(n) bool, whether the points are within `distance` pixels of the `targets` (n 2).

        If the points are goals, the content must have followed, too.
        """
        near: Tensor = (targets - self.points).norm(dim=1) <= distance
        if self.goals is None:
            return near
        followed: Tensor = near & self.goals.settled
        return followed
