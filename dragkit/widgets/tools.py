"""What a press on the picker's image does: point, paint or erase; and the buttons that change
what has been picked.
"""

from __future__ import annotations

from collections.abc import Callable

import ipywidgets as W

from .base import Notice, button, guard
from .draft import Draft

POINTS, PAINT, ERASE = "Points", "Paint", "Erase"


class Tools:
    """Works on a `Draft`.

    Args:
        draft: what has been picked so far.
        notice: where hints and errors are told.
        width: of a line, in CSS pixels.
        changed: called when something else has been picked.
        chose: called when another tool was chosen.
    """

    def __init__(
        self,
        draft: Draft,
        notice: Notice,
        width: int,
        changed: Callable[[], None],
        chose: Callable[[], None],
    ) -> None:
        self.draft, self.notice, self.changed, self.chose = draft, notice, changed, chose
        tips = [
            "Click a handle, then its target",
            "Paint what may move",
            "Erase: what is not painted must stay",
        ]
        each = max((width - 130) // 3, 70)  # narrower ones cut their words off
        self.mode = W.ToggleButtons(
            options=[POINTS, PAINT, ERASE],
            tooltips=tips,
            layout=W.Layout(width=f"{3 * each + 1}px", overflow="visible"),
        )
        self.mode.style.button_width = f"{each - 6}px"
        self.mode.observe(self._chose, "value")
        top = max(draft.size) / 4
        self.brush = W.FloatSlider(
            value=top / 3,
            min=1,
            max=top,
            step=0.5,
            readout=False,
            description="Brush",
            tooltip="Size of the brush",
        )
        self.brush.style.description_width, self.brush.layout.width = "38px", "122px"
        self.add = button(
            "Add", "plus", "Add a pair in the middle, to be moved by its numbers", self._add
        )
        self.remove = button(
            "Remove", "minus", "Remove the selected pair (Delete)", self.take_away
        )
        self.clear = button("Clear points", "", "Remove all pairs", self._clear)
        self.unmask = button(
            "Clear mask", "", "Remove the mask: everything may move", self._unmask
        )
        self.buttons = [self.add, self.remove, self.clear, self.unmask]

    @property
    def radius(self) -> float:
        """Of the brush, in pixels; 0 where points are set."""
        return 0 if self.mode.value == POINTS else self.brush.value

    def act(self, kind: str, x: float, y: float) -> bool:
        """Let the tool "press", "move" or "release" at (x, y); says whether that
        changed anything.
        """
        d = self.draft
        if not self.radius:
            return {"press": d.press, "move": d.drag, "release": d.lift}[kind](x, y)
        if changed := kind == "press" or d.stroke is not None:
            d.paint(x, y, self.radius, self.mode.value == PAINT)
        return changed

    def fill(self) -> None:
        """Only what makes sense can be pressed; and what could come next."""
        d = self.draft
        self.remove.disabled = self.clear.disabled = not d.handles
        self.unmask.disabled, self.add.disabled, self.brush.disabled = (
            d.mask is None,
            d.open,
            not self.radius,
        )
        self.notice.say(self._hint())

    def _hint(self) -> str:
        d = self.draft
        if self.radius:
            verb = (
                "Paint over what may move."
                if self.mode.value == PAINT
                else "Erase what must stay."
            )
            return verb + (" No mask yet: everything may." if d.mask is None else "")
        if d.open:
            return "Now click where it should go."
        if d.handles:
            return d.trouble() or "Drag a point to move it; click for another handle."
        return "Click a point, such as the chin, then where it should go."

    @guard
    def _chose(self, _) -> None:
        self.chose()

    @guard
    def _add(self) -> None:
        height, width = self.draft.size
        self.draft.add(
            self.draft.inside(width / 2, height / 2), self.draft.inside(width / 2, 0.6 * height)
        )
        self.changed()

    @guard
    def take_away(self) -> None:
        """Remove the selected pair."""
        self.draft.remove()
        self.changed()

    @guard
    def _clear(self) -> None:
        mask, arrive = self.draft.mask, self.draft.arrive
        self.draft.load(None)
        self.draft.mask, self.draft.arrive = mask, arrive
        self.changed()

    @guard
    def _unmask(self) -> None:
        self.draft.mask = None
        self.changed()
