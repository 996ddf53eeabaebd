"""Lesson 9: the threshold of a gate, and what a patch is compared with."""

from __future__ import annotations

import torch
from torch import Tensor

from ..losses import above
from .exercise import Exercise
from .looks import bars


def _threshold(first: Tensor, ratio: float) -> Tensor:
    return first - (1 - ratio) * first.abs()


threshold = Exercise(
    "threshold",
    "threshold(first, ratio): from the confidence (n) of step 1 the least confidence (n) that is trusted: the share `ratio` of it, and never more than it, "
    "also where it is negative: s - (1 - ratio) |s|.",
    _threshold,
    lambda: [(torch.tensor([0.8, 0.2, -0.3, 0.0, 1.5]), ratio) for ratio in (0.5, 0.8, 0.95)],
    {
        "For a negative confidence the share lies above it: 0.8 times -0.3 is -0.24. Then the gate shuts at once.": lambda s, r: r * s,
        "That is the part to take away, not what is left.": lambda s, r: (1 - r) * s.abs(),
        "The ratio is turned around: 1 must leave the confidence as it is.": lambda s, r: _threshold(s, 1 - r),
        "Every handle has a threshold of its own; that is one for all.": lambda s, r: _threshold(s, r).mean().expand(len(s)),
        "A fixed number fits no model: the threshold is measured at step 1.": lambda s, r: torch.full_like(s, r),
    },
    draw=bars,
    forbidden=(above.__call__,),
)


def _reference(now: Tensor, first: Tensor, confidence: Tensor, threshold: Tensor) -> Tensor:
    return torch.where((confidence >= threshold)[:, None, None], now, first)


def _patches() -> list[tuple[Tensor, Tensor, Tensor, Tensor]]:
    """Patches (4 3 2) now and at the start; the third confidence is just its threshold."""
    generator = torch.Generator().manual_seed(10)
    cases = []
    for _ in range(6):
        now, first = torch.randn(2, 4, 3, 2, generator=generator)
        confidence, threshold = torch.rand(2, 4, generator=generator)
        confidence[2], confidence[3] = threshold[2], threshold[3] - 0.1
        cases.append((now, first, confidence, threshold))
    return cases


reference = Exercise(
    "reference",
    "reference(now, first, confidence, threshold): for each handle the patch (n q c) that shall be found ahead: the present one where it is trusted, "
    "confidence >= threshold, else the first.",
    _reference,
    _patches,
    {
        "It is turned around: who is trusted keeps the present patch.": lambda a, b, c, t: _reference(b, a, c, t),
        "Every handle decides for itself; that is one decision for all.": lambda a, b, c, t: a if bool((c >= t).all()) else b,
        "A confidence that just reaches the threshold is trusted: >=.": lambda a, b, c, t: torch.where((c > t)[:, None, None], a, b),
        "That blends the two; the gate chooses one.": lambda a, b, c, t: (a + b) / 2,
        "Then the gate never shuts: the first patch is in none of it.": lambda a, b, c, t: a,
    },
    draw=lambda axes, case, value: bars(axes, case, value[:, :, 0]),
)
