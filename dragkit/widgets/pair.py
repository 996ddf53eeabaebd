"""The selected pair of a handle and a target, in numbers."""

from __future__ import annotations

from collections.abc import Callable

import ipywidgets as W

from .draft import Draft, Point


class Pair:
    """Chooses a pair and types its places, in pixels.

    Args:
        image: (height, width) in pixels; numbers stay inside.
        chosen: called with the number of the pair that was chosen.
        typed: called with a handle and a target, each (x, y), where a number was changed.
    """

    def __init__(
        self,
        image: tuple[int, int],
        chosen: Callable[[int], None],
        typed: Callable[[Point, Point], None],
    ) -> None:
        self.chosen, self.typed = chosen, typed
        self._quiet = False  # while the boxes are being filled
        self.number = W.Dropdown(tooltip="The selected pair", layout=W.Layout(width="50px"))
        self.number.observe(self._chose, "value")
        self.boxes = [
            W.BoundedFloatText(
                min=0,
                max=image[1 - i % 2] - 1,
                step=1,
                description="xy"[i % 2],
                tooltip=name,
                layout=W.Layout(width="74px"),
            )
            for i, name in enumerate(("handle x", "handle y", "target x", "target y"))
        ]
        for box in self.boxes:
            box.style.description_width = "10px"
            box.observe(self._wrote, "value")
        self.parts = [self.number, *self.boxes[:2], W.Label("→"), *self.boxes[2:]]

    def fill(self, draft: Draft) -> None:
        """Show the selected pair of `draft`; nobody is told."""
        points = (
            [0, 0]
            if draft.selected is None
            else [draft.handles[draft.selected], draft.targets[draft.selected]]
        )
        self._quiet = True
        try:
            self.number.options = [(str(i), i) for i in range(len(draft.handles))]
            self.number.value, self.number.disabled = draft.selected, not draft.handles
            for k, box in enumerate(self.boxes):
                point = points[k // 2]
                box.value, box.disabled = (point[k % 2], False) if point else (0, True)
        finally:
            self._quiet = False

    def _chose(self, change) -> None:
        if not self._quiet:
            self.chosen(change["new"])

    def _wrote(self, _) -> None:
        if not self._quiet:
            x, y, to_x, to_y = (box.value for box in self.boxes)
            self.typed((x, y), (to_x, to_y))
