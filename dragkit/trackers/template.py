"""How well a template fits at a place."""

from __future__ import annotations

from torch import Tensor

from ..geometry import sample
from ..records import View


def template_loss(view: View, places: Tensor, patch: Tensor, offsets: Tensor) -> Tensor:
    """L (n m) of the templates `patch` (n q c) at `places` (n m 2)."""
    found = sample(view.features.detach(), places[:, :, None] + offsets, view.size)
    loss: Tensor = (found - patch[:, None]).abs().mean((2, 3))
    return loss
