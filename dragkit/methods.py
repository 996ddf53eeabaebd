"""The published methods, each a dict of pieces for `drag`: ``drag(model, latent, edit, **draggan())``.

To change a method, change its dict: ``draggan() | {"lr": 5e-3}``.
"""

from __future__ import annotations

from typing import Any, Literal

from .losses import MaskLoss, ShiftedPatchLoss, above, always
from .trackers import Discriminative, NearestNeighbor


def draggan(profile: Literal["official", "paper"] = "official") -> dict[str, Any]:
    """DragGAN (Pan et al., SIGGRAPH 2023): nearest-neighbour tracking and the shifted-patch loss.

    The paper and its authors' code differ; `profile` chooses:

    ==============  ===========================  =================================
    setting         "paper"                      "official" (the code)
    ==============  ===========================  =================================
    tracking        L1, ‖q - p‖∞ < r₂            L2, ‖q - p‖∞ ≤ r₂
    loss            sum over patch and map       mean over patch and map
    stop            1 px                         2 px (more above 512 px: say so)
    learning rate   2e-3                         1e-3
    ==============  ===========================  =================================

    Both: r₁ = 3 with ‖q - p‖ < r₁ and r₂ = 12 at 512 px, λ = 20, Adam, and no pull within 1 px of the target
    (the code's rule; the paper is silent). The paper stops at 2 px with more than five points: say
    ``Edit(…, arrive=2)``. The code tracks before it supervises and the paper after; that is the same
    sequence, seen half a step apart. The code's patch also drifts by up to a pixel toward the upper left
    (its grid has a spacing of h / (h - 1)); that is not repeated here.

    Raises:
        ValueError: an unknown profile.
    """
    if profile == "paper":
        losses = (ShiftedPatchLoss(3, reduction="sum", strict=True), MaskLoss(20, reduction="sum"))
        tracker = NearestNeighbor(12, norm=1, strict=True)
        return {"tracker": tracker, "losses": losses, "lr": 2e-3, "steps": 200, "arrive": 1.0, "trust": always}
    if profile == "official":
        losses = (ShiftedPatchLoss(3, strict=True), MaskLoss(20))
        return {"tracker": NearestNeighbor(12), "losses": losses, "lr": 1e-3, "steps": 200, "arrive": 2.0, "trust": always}
    raise ValueError(f'unknown profile {profile!r}; choose "paper" or "official"')


def stabledrag(profile: Literal["official", "paper"] = "official") -> dict[str, Any]:
    """StableDrag (Cui et al., ECCV 2024): DragGAN with a learned tracker and a gate.

    All else is :func:`draggan` of that `profile`, which names DragGAN's two versions: StableDrag's own code
    was never published, and its settings are our choice (see :mod:`dragkit.trackers.discriminative`).
    Its ablations: ``draggan() | {"tracker": Discriminative()}``, ``draggan() | {"trust": above(0.8)}``.
    """
    return draggan(profile) | {"tracker": Discriminative(), "trust": above(0.8)}
