"""Curves over the steps of a run, on which a press chooses a step."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from functools import partial

import ipywidgets as W
from PIL import Image

from ..compose import ChartMarks, Columns, Panel, chart, step_at, vstack
from .canvas import LOCK, ImageCanvas, Touch, batch
from .layout import set_visible
from .lifetime import weakly
from .sizes import Sizes
from .status import StatusLine, shows_errors

NEAR = 128  # pixels of the sheet between columns that are sent together


class StepChart:
    """Draws panels of curves, and marks a step on them.

    Every panel has a canvas of its own, so that the page puts as many beside each other as there
    is room for, and each keeps its shape. They are cut out of one sheet that has them in a row.

    Args:
        sizes: of a panel, and whether a still has them beside each other.
        status: where errors are shown.
        chosen: called with the step (not rounded) that was pressed, and with every step that the
            pressed mouse moves over.
        key: called with the name of a key that was pressed on the curves.

    Attributes:
        box: all panels, as an ipywidget.
        canvases: where they are drawn; those after the last panel are hidden.
        panels: what was drawn last; see :meth:`update`.
        sheet: the same as an image, without a mark.
        marks: marks a step on a copy of it.
        size: (width, height) of a panel in CSS pixels.
    """

    sheet: Image.Image
    marks: ChartMarks

    def __init__(
        self,
        sizes: Sizes,
        status: StatusLine,
        chosen: Callable[[float], None],
        key: Callable[[str], None],
    ) -> None:
        self.sizes = sizes
        self.status = status
        self.chosen = chosen
        self.key = key
        self.size = sizes.panel
        self.panels: Sequence[Panel] = ()
        self.canvases: list[ImageCanvas] = []
        self.box = W.Box(layout=W.Layout(width="100%"))
        self.box.add_class("dk-charts")
        if sizes.wide:
            self.box.add_class("dk-across")
        self._pressed = False
        self._shown: tuple[Image.Image, int] | None = None  # the sheet, and the step marked on it

    def update(self, panels: Sequence[Panel]) -> None:
        """Draw other curves, which are slower to draw than a mark on them."""
        width, height = self.size
        sheet_size = (len(panels) * width, height)
        with LOCK:
            if len(panels) != len(self.panels):
                self._arrange(len(panels))
            self.panels = panels
            self.sheet = chart(panels, None, sheet_size)
            self.marks = ChartMarks.on(panels, sheet_size)

    def image(self, step: int | None, wide: bool = False) -> Image.Image:
        """The curves with a step marked, if there is one; twice as fine as their size.

        They are beside each other if `wide`, or if they are meant to be.
        """
        sheet = self.sheet if step is None else self.marks.drawn(self.sheet, step)
        if wide or self.sizes.wide:
            return sheet
        panels = [_cut(sheet, self._columns_of(i)) for i in range(len(self.panels))]
        return vstack(*panels, gap=0)

    def show(self, step: int | None) -> None:
        """Draw the curves with a step marked; of curves that are there already, just the marks."""
        with LOCK, batch():  # the columns are those since the image that was shown last
            if step is None or self._shown is None or self._shown[0] is not self.sheet:
                self._show_all(step)
            else:
                changed = self.marks.columns(self._shown[1]) | self.marks.columns(step)
                self._show_columns(step, changed)
            self._shown = None if step is None else (self.sheet, step)

    def _show_all(self, step: int | None) -> None:
        sheet = self.sheet if step is None else self.marks.drawn(self.sheet, step)
        for i, canvas in enumerate(self.canvases[: len(self.panels)]):
            canvas.show_image(_cut(sheet, self._columns_of(i)))

    def _show_columns(self, step: int, changed: Iterable[Columns]) -> None:
        """Draw some columns of the sheet again, each on the canvas that has it."""
        for i, canvas in enumerate(self.canvases[: len(self.panels)]):
            first, end = self._columns_of(i)
            parts = {
                (left - first, right - first): self.marks.part(self.sheet, step, (left, right))
                for left, right in _joined(c for c in changed if first <= c[0] < end)
            }
            canvas.show_parts(parts)

    def _columns_of(self, i: int) -> Columns:
        """Where panel `i` is on the sheet."""
        width = 2 * self.size[0]
        return i * width, (i + 1) * width

    def _arrange(self, count: int) -> None:
        """Show `count` canvases."""
        width, height = self.size
        while len(self.canvases) < count:
            touched = partial(weakly(self._touch), len(self.canvases))
            canvas = ImageCanvas((height, width), height, touched, self.key, style="dk-seek")
            self.canvases.append(canvas)
        for i, canvas in enumerate(self.canvases):
            set_visible(canvas.canvas, i < count)
            canvas.canvas.layout.max_width = self.sizes.panel_width(count)
        self.box.children = [canvas.canvas for canvas in self.canvases]

    @shows_errors
    def _touch(self, i: int, kind: Touch, x: float, y: float) -> None:
        self._pressed = kind == "press" or (self._pressed and kind == "move")
        if not self._pressed:
            return
        width, height = self.size
        size = (len(self.panels) * width, height)
        step = step_at(i * width + x + 0.5, y + 0.5, self.panels, size)
        if step is not None:
            self.chosen(step)


def _joined(columns: Iterable[Columns]) -> list[Columns]:
    """The columns in as few pieces as make sense: a browser takes long for each, however small."""
    joined: list[Columns] = []
    for left, right in sorted(columns):
        if joined and left - joined[-1][1] <= NEAR:
            first, end = joined.pop()
            left, right = first, max(end, right)
        joined.append((left, right))
    return joined


def _cut(sheet: Image.Image, columns: Columns) -> Image.Image:
    left, right = columns
    return sheet.crop((left, 0, right, sheet.height))
