"""The selected pair of a handle and a target, in numbers."""

from __future__ import annotations

from collections.abc import Callable

import ipywidgets as W

from ..records import Size
from .edit_draft import EditDraft, Point
from .layout import on_change, row


class PairEditor:
    """Selects a pair and sets its points by numbers, in pixels.

    Args:
        image: (height, width) in pixels; the numbers stay inside.
        selected: called with the number of the pair that was selected.
        typed: called with a handle and a target, each (x, y), when a number was changed.
    """

    def __init__(
        self,
        image: Size,
        selected: Callable[[int], None],
        typed: Callable[[Point, Point], None],
    ) -> None:
        self.selected = selected
        self.typed = typed
        self._filling = False
        self.number = W.Dropdown(tooltip="The selected pair", layout=W.Layout(width="50px"))
        on_change(self.number, self._select)

        height_of_image, width_of_image = image
        self.handle_x = self._coordinate("handle x", width_of_image)
        self.handle_y = self._coordinate("handle y", height_of_image)
        self.target_x = self._coordinate("target x", width_of_image)
        self.target_y = self._coordinate("target y", height_of_image)
        # where there is no room for all, no point is torn apart
        self.row = row(
            W.HBox([self.number, self.handle_x, self.handle_y]),
            W.HBox([W.Label("→"), self.target_x, self.target_y]),
        )

    def fill(self, draft: EditDraft) -> None:
        """Show the selected pair of `draft`; no callback is called."""
        handle: Point | None = (0, 0)
        target: Point | None = (0, 0)
        if draft.selected is not None:
            handle = draft.handles[draft.selected]
            target = draft.targets[draft.selected]
        self._filling = True
        try:
            self.number.options = [(str(i), i) for i in range(len(draft.handles))]
            self.number.value = draft.selected
            self.number.disabled = not draft.handles
            _fill(self.handle_x, self.handle_y, handle)
            _fill(self.target_x, self.target_y, target)
        finally:
            self._filling = False

    def _coordinate(self, name: str, size: int) -> W.BoundedFloatText:
        box = W.BoundedFloatText(
            min=0,
            max=size - 1,
            step=1,
            description=name[-1],
            tooltip=name,
            layout=W.Layout(width="74px"),
        )
        box.style.description_width = "10px"
        on_change(box, self._type)
        return box

    def _select(self) -> None:
        if not self._filling:
            self.selected(self.number.value)

    def _type(self) -> None:
        if self._filling:
            return
        handle = (self.handle_x.value, self.handle_y.value)
        target = (self.target_x.value, self.target_y.value)
        self.typed(handle, target)


def _fill(box_x: W.BoundedFloatText, box_y: W.BoundedFloatText, point: Point | None) -> None:
    box_x.disabled = box_y.disabled = point is None
    box_x.value, box_y.value = point or (0, 0)
