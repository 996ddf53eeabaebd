"""What is drawn over an image: a small button for each layer."""

from __future__ import annotations

from collections.abc import Callable, Collection

import ipywidgets as W

from ..compose import LAYERS
from ..records import Frame
from .layout import on_change
from .run_images import CLEAR

TIPS = {
    "points": "The handles, their targets and arrows",
    "trail": "The handles' paths so far",
    "mask": "What must stay, in white",
    "window": "Where the tracker looked, and its scores magnified",
    "heat": "The scores' colours where they were read; they hide what is below",
}


class LayerButtons:
    """Shows and hides the layers of an image one by one.

    Args:
        changed: called when a layer was shown or hidden.

    Attributes:
        buttons: by the layer's name.
    """

    def __init__(self, changed: Callable[[], None]) -> None:
        self.buttons = {
            name: W.ToggleButton(
                name in CLEAR,
                description=name,
                tooltip=TIPS[name],
                layout=W.Layout(width="auto", flex="1 1 auto"),
            )
            for name in LAYERS
        }
        for part in self.buttons.values():
            on_change(part, changed)

    @property
    def shown(self) -> tuple[str, ...]:
        """The layers that are shown."""
        return tuple(name for name, part in self.buttons.items() if part.value)

    def fill(self, frames: Collection[Frame]) -> None:
        """Enable those that a step has that is shown; without a step there is none."""
        masked = any(frame.edit.mask is not None for frame in frames)
        scored = any(bool(frame.scores.isfinite().any()) for frame in frames)
        there = {"mask": masked, "window": scored, "heat": scored}
        for name, part in self.buttons.items():
            part.disabled = not there.get(name, bool(frames))
