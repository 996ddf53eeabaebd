r"""DragGAN.

==============  ===========================  =================================
setting         "paper"                      "official" (the code)
==============  ===========================  =================================
tracking        L1, ‖q - p‖∞ < r₂            L2, ‖q - p‖∞ ≤ r₂
loss            sum over patch and map       mean over patch and map
stop            1 px                         2 px (more above 512 px: say so)
learning rate   2e-3                         1e-3
==============  ===========================  =================================

Both: r₁ = 3 with ‖q - p‖ < r₁ and r₂ = 12 at 512 px, λ = 20, Adam, and no pull within 1 px of the
target (the code's rule; the paper is silent). The paper stops at 2 px if there are more than five
points: say ``Edit(…, arrive=2)``. The code tracks before it supervises and the paper after; that
is the same sequence, seen half a step apart. The code's patch also drifts by up to a pixel toward
the upper left (its grid has a spacing of h / (h - 1)); that is not repeated here.
"""

from __future__ import annotations

from typing import Literal

from ..gates import always
from ..losses import MaskLoss, ShiftedPatchLoss
from ..pieces import Method
from ..trackers import NearestNeighbor


def draggan(profile: Literal["official", "paper"] = "official") -> Method:
    """DragGAN (Pan et al., SIGGRAPH 2023): nearest-neighbour tracking and the shifted-patch loss.

    Args:
        profile: "official" for the authors' code, "paper" for the paper; this module's docstring
            has the differences.

    Raises:
        ValueError: an unknown profile.
    """
    if profile == "paper":
        return Method(
            tracker=NearestNeighbor(12, norm=1, strict=True),
            losses=(
                ShiftedPatchLoss(3, reduction="sum", strict=True),
                MaskLoss(20, reduction="sum"),
            ),
            lr=2e-3,
            steps=200,
            arrive=1.0,
            trust=always,
        )
    if profile == "official":
        return Method(
            tracker=NearestNeighbor(12),
            losses=(ShiftedPatchLoss(3, strict=True), MaskLoss(20)),
            lr=1e-3,
            steps=200,
            arrive=2.0,
            trust=always,
        )
    raise ValueError(f'unknown profile {profile!r}; choose "paper" or "official"')
