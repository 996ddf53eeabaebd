"""Curves over the steps of a run, on which a press chooses a step."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from PIL import Image

from ..compose import ChartMarks, Panel, chart, step_at
from .canvas import LOCK, ImageCanvas, Touch
from .sizes import Sizes
from .status import StatusLine, shows_errors


class StepChart:
    """Draws panels of curves, and marks a step on them.

    Args:
        sizes: of the curves.
        status: where errors are shown.
        chosen: called with the step (not rounded) that was pressed, and with every step that the
            pressed mouse moves over.
        key: called with the name of a key that was pressed on the curves.

    Attributes:
        canvas: where the curves are drawn.
        panels: what was drawn last; see :meth:`update`.
        sheet: the same as an image, without a mark.
        marks: marks a step on a copy of it.
        size: (width, height) in CSS pixels; slides show it twice as large.
    """

    panels: Sequence[Panel]
    sheet: Image.Image
    marks: ChartMarks

    def __init__(
        self,
        sizes: Sizes,
        status: StatusLine,
        chosen: Callable[[float], None],
        key: Callable[[str], None],
    ) -> None:
        self.status = status
        self.chosen = chosen
        self.size = sizes.chart
        self._pressed = False
        self._shown: tuple[Image.Image, int] | None = None  # the sheet, and the step marked on it
        width, height = self.size
        self.canvas = ImageCanvas(
            (height, width), sizes.times * height, self._touch, key, style="dk-seek"
        )

    def update(self, panels: Sequence[Panel]) -> None:
        """Draw other curves, which are slower to draw than a mark on them."""
        self.panels = panels
        self.sheet = chart(panels, None, self.size)
        self.marks = ChartMarks.on(panels, self.size)

    def image(self, step: int) -> Image.Image:
        """The curves with a step marked, twice as fine as their size."""
        return self.marks.drawn(self.sheet, step)

    def show(self, step: int | None) -> None:
        """Draw the curves with a step marked; of curves that are there already, just the marks."""
        if step is None:
            self.canvas.show_image(self.sheet)
            self._shown = None
            return

        with LOCK:  # the columns are those since the image that was shown last
            if self._shown is not None and self._shown[0] is self.sheet:
                changed = self.marks.columns(self._shown[1]) | self.marks.columns(step)
                self.canvas.show_parts({c: self.marks.part(self.sheet, step, c) for c in changed})
            else:
                self.canvas.show_image(self.image(step))
            self._shown = self.sheet, step

    @shows_errors
    def _touch(self, kind: Touch, x: float, y: float) -> None:
        self._pressed = kind == "press" or (self._pressed and kind == "move")
        if not self._pressed:
            return
        step = step_at(x + 0.5, y + 0.5, self.panels, self.size)
        if step is not None:
            self.chosen(step)
