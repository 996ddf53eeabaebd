"""A template on the line to the target: how well it fits at a place, and how far to go."""

from __future__ import annotations

from torch import Tensor

from ..geometry import sample
from ..records import View


def toward(points: Tensor, targets: Tensor, longest: float) -> Tensor:
    """The displacement (n 2) from `points` toward `targets`, at most `longest` pixels."""
    displacement = targets - points
    length = displacement.norm(dim=1, keepdim=True).clamp_min(1e-8)
    shortened: Tensor = displacement * (longest / length).clamp(max=1)
    return shortened


def template_loss(view: View, places: Tensor, patch: Tensor, offsets: Tensor) -> Tensor:
    """L (n m) of the templates `patch` (n q c) at `places` (n m 2)."""
    found = sample(view.features.detach(), places[:, :, None] + offsets, view.size)
    loss: Tensor = (found - patch[:, None]).abs().mean((2, 3))
    return loss
