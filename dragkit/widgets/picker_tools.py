"""What a press on the picker's image does, and the buttons that change what has been picked."""

from __future__ import annotations

from collections.abc import Callable

import ipywidgets as W

from .canvas import Touch
from .edit_draft import EditDraft
from .edit_history import EditHistory
from .layout import button, on_change, row
from .status import StatusLine, shows_errors

POINTS, PAINT, ERASE = "Points", "Paint", "Erase"
TIPS = (
    "Click a handle, then its target",
    "Paint what may move",
    "Erase: what is not painted must stay",
)


class PickerTools:
    """Sets points, paints or erases in an `EditDraft`.

    Args:
        draft: what has been picked so far.
        status: where hints and errors are shown.
        changed: called when something else has been picked.
        redraw: called when another tool was chosen.

    Attributes:
        history: what there was before.
        mode_row: which tool is chosen, and the size of the brush.
        button_row: the buttons.
    """

    def __init__(
        self,
        draft: EditDraft,
        status: StatusLine,
        changed: Callable[[], None],
        redraw: Callable[[], None],
    ) -> None:
        self.draft = draft
        self.history = EditHistory(draft)
        self.status = status
        self.changed = changed
        self.redraw = redraw
        self.mode = _mode_buttons()
        on_change(self.mode, self._choose)
        self.brush = _brush_slider(largest=max(draft.size) / 4)
        self.mode_row = row(self.mode, self.brush)

        self.add = button(
            "Add", "plus", "Add a pair in the middle, to be moved by its numbers", self._add
        )
        self.remove = button(
            "Remove", "minus", "Remove the selected pair (Delete)", self.remove_selected
        )
        self.clear = button("Clear points", "", "Remove all pairs", self._clear)
        self.clear_mask = button(
            "Clear mask", "", "Remove the mask: everything may move", self._clear_mask
        )
        self.undo_button = button(
            "Undo", "undo", "Undo the last point or stroke (Ctrl+Z on the image)", self.undo
        )
        self.button_row = row(self.undo_button, self.add, self.remove, self.clear, self.clear_mask)

    @property
    def radius(self) -> float:
        """Of the brush, in pixels; 0 if points are set."""
        return 0 if self.mode.value == POINTS else self.brush.value

    def act(self, kind: Touch, x: float, y: float) -> bool:
        """Let the tool press, move or be released at (x, y); says whether the edit changed."""
        if self.radius:
            return self._paint(kind, x, y)
        if kind == "press":
            self.draft.press(x, y)
            return False  # a new point is reported when it is released
        if kind == "move":
            return self.draft.drag(x, y)
        return self.draft.lift(x, y)

    def fill(self) -> None:
        """Enable what makes sense, and say what could come next."""
        draft = self.draft
        self.remove.disabled = self.clear.disabled = not draft.handles
        self.clear_mask.disabled = draft.mask is None
        self.undo_button.disabled = not self.history.can_undo
        self.add.disabled = draft.open
        self.brush.disabled = not self.radius
        self.status.say(self._hint())

    def _paint(self, kind: Touch, x: float, y: float) -> bool:
        if kind != "press" and not self.draft.painting:
            return False
        self.draft.paint(x, y, self.radius, free=self.mode.value == PAINT)
        return True

    def _hint(self) -> str:
        draft = self.draft
        if self.mode.value == POINTS:
            if draft.open:
                return "Now click where it should go."
            if draft.handles:
                return draft.problem() or "Drag a point to move it; click for another handle."
            return "Click a point, such as the chin, then where it should go."

        hint = "Paint over what may move."
        if self.mode.value == ERASE:
            hint = "Erase what must stay."
        if draft.mask is None:
            hint += " No mask yet: everything may."
        return hint

    @shows_errors
    def undo(self) -> None:
        """Take the last change back."""
        if self.history.undo():
            self.changed()

    @shows_errors
    def _choose(self) -> None:
        self.redraw()

    @shows_errors
    def _add(self) -> None:
        height, width = self.draft.size
        handle = self.draft.inside(width / 2, height / 2)
        target = self.draft.inside(width / 2, 0.6 * height)
        self.draft.add(handle, target)
        self.changed()

    @shows_errors
    def remove_selected(self) -> None:
        """Remove the selected pair."""
        self.draft.remove()
        self.changed()

    @shows_errors
    def _clear(self) -> None:
        self.draft.clear_points()
        self.changed()

    @shows_errors
    def _clear_mask(self) -> None:
        self.draft.mask = None
        self.changed()


def _mode_buttons() -> W.ToggleButtons:
    layout = W.Layout(width="auto", flex="1 1 220px", overflow="visible")
    mode = W.ToggleButtons(options=[POINTS, PAINT, ERASE], tooltips=TIPS, layout=layout)
    mode.add_class("dk-modes")
    mode.style.button_width = "auto"
    return mode


def _brush_slider(largest: float) -> W.FloatSlider:
    brush = W.FloatSlider(
        value=largest / 3,
        min=1,
        max=largest,
        step=0.5,
        readout=False,
        description="Brush",
        tooltip="Size of the brush",
        layout=W.Layout(width="122px"),
    )
    brush.style.description_width = "38px"
    return brush
