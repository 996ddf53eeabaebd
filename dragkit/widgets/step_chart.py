"""Curves over the steps of a run, on which a press chooses a step."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from PIL import Image

from ..compose import Panel, chart, marked, step_at
from .canvas import ImageCanvas, Touch
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
        size: (width, height) in CSS pixels; slides show it twice as large.
    """

    panels: Sequence[Panel]
    sheet: Image.Image

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
        width, height = self.size
        self.canvas = ImageCanvas(
            (height, width), sizes.times * height, self._touch, key, style="dk-seek"
        )

    def update(self, panels: Sequence[Panel]) -> None:
        """Draw other curves, which are slower to draw than a mark on them."""
        self.panels = panels
        self.sheet = chart(panels, None, self.size)

    def image(self, step: int) -> Image.Image:
        """The curves with a step marked, twice as fine as their size."""
        return marked(self.sheet, self.panels, step, self.size)

    @shows_errors
    def _touch(self, kind: Touch, x: float, y: float) -> None:
        self._pressed = kind == "press" or (self._pressed and kind == "move")
        if not self._pressed:
            return
        step = step_at(x + 0.5, y + 0.5, self.panels, self.size)
        if step is not None:
            self.chosen(step)
