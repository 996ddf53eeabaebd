"""The marks of a step on a live chart, without drawing its curves again."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from PIL import Image, ImageDraw

from .axes import Axes, lay_out
from .marks import GREY, WHITE, Colour, disc
from .panels import Panel

RADIUS = 9  # of a dot on a curve, in pixels of the sheet
BLOCK = 16  # pixels that a JPEG encodes together

Columns = tuple[int, int]  # of a sheet: the first one, and the one after the last
Dot = tuple[float, float, Colour]  # (x, y) on the sheet


@dataclass(frozen=True, eq=False)
class ChartMarks:
    """What marks a step on a sheet that :func:`dragkit.compose.chart` drew without a mark.

    Attributes:
        panels: what the sheet shows, their lines' steps in order.
        axes: of each panel.
    """

    panels: Sequence[Panel]
    axes: Sequence[Axes]

    @classmethod
    def on(cls, panels: Sequence[Panel], size: tuple[int, int]) -> ChartMarks:
        """For a sheet of `size` (width, height) in CSS pixels."""
        return cls(panels, lay_out(panels, size))

    def drawn(self, sheet: Image.Image, at: int) -> Image.Image:
        """A copy of the sheet with step `at` marked."""
        return self._mark(sheet.copy(), at, 0)

    def part(self, sheet: Image.Image, at: int, columns: Columns) -> Image.Image:
        """The same in some columns only."""
        left, right = columns
        return self._mark(sheet.crop((left, 0, right, sheet.height)), at, left)

    def _mark(self, part: Image.Image, at: int, left: int) -> Image.Image:
        """Mark the step on a part of the sheet that begins at column `left`."""
        draw = ImageDraw.Draw(part)
        for panel, axes in zip(self.panels, self.axes):
            x = axes.x(at) - left
            draw.line([x, axes.top, x, axes.bottom], GREY, 2)
            for dot_x, dot_y, colour in _dots(panel, axes, at):
                disc(draw, (dot_x - left, dot_y), RADIUS, WHITE)
                disc(draw, (dot_x - left, dot_y), RADIUS - 2, colour)
        return part

    def columns(self, at: int) -> set[Columns]:
        """Where the marks of step `at` are, as columns in whole blocks of a JPEG."""
        found = set()
        for panel, axes in zip(self.panels, self.axes):
            for x in [axes.x(at), *(x for x, _, _ in _dots(panel, axes, at))]:
                left, right = x - RADIUS - 1, x + RADIUS + 1
                found.add((int(left // BLOCK) * BLOCK, int(right // BLOCK + 1) * BLOCK))
        return found


def _dots(panel: Panel, axes: Axes, at: int) -> Iterator[Dot]:
    """A dot for every curve with a value at the step; one that has ended keeps its last."""
    colours = panel.colours
    for name, (steps, values) in panel.lines.items():
        count = bisect_right(steps, at)
        if count and np.isfinite(values[count - 1]):
            yield axes.x(steps[count - 1]), axes.y(float(values[count - 1])), colours[name]
