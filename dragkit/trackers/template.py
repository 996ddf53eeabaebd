"""Templates: how well one fits at a place, and another one in its place."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from torch import Tensor

from ..geometry import sample
from ..pieces import Patchable, Tracker, printed
from ..records import View


def template_loss(view: View, places: Tensor, patch: Tensor, offsets: Tensor) -> Tensor:
    """L (n m) of the templates `patch` (n q c) at `places` (n m 2)."""
    found = sample(view.features.detach(), places[:, :, None] + offsets, view.size)
    loss: Tensor = (found - patch[:, None]).abs().mean((2, 3))
    return loss


def with_patch(view: View, memory: Any, handle: int, place: Tensor) -> Any:
    """A memory that has `patch` (n q c) and `offsets` (q 2), with one handle's patch of `view`."""
    patch = memory.patch.clone()
    patch[handle] = sample(view.features.detach(), place + memory.offsets, view.size)
    return replace(memory, patch=patch)


def patched_by(tracker: Tracker, view: View, memory: Any, handle: int, place: Tensor) -> Any:
    """What `tracker` remembers with another template for one handle.

    Raises:
        ValueError: it has no template.
    """
    if not isinstance(tracker, Patchable):
        raise ValueError(
            f"the tracker is {printed(tracker)}, which has no template to patch; choose another"
            " one, such as NearestNeighbor(), or give yours a method patched(view, memory, handle,"
            " place)"
        )
    return tracker.patched(view, memory, handle, place)
