"""Live charts: panels over one time axis, drawn with Pillow.

Matplotlib would be too slow for a chart that is drawn again while a run continues.
"""

from __future__ import annotations

from collections.abc import Sequence

from PIL import Image, ImageDraw

from .axes import Axes, lay_out
from .chart_legend import draw_legend
from .chart_marks import ChartMarks
from .lines import dashes, dashes_down, diamond, polyline
from .marks import GREY, INK, WHITE, font
from .panels import GREEN, PALE, PAST, SHADE, Panel, stop_distances


def chart(panels: Sequence[Panel], at: int | None, size: tuple[int, int]) -> Image.Image:
    """Draw panels side by side if `size` is wide, else below each other.

    Args:
        panels: what is drawn.
        at: the step that is marked on every panel; None for no mark.
        size: (width, height) in CSS pixels; the image is twice as fine.
    """
    sheet = Image.new("RGB", (2 * size[0], 2 * size[1]), WHITE)
    draw = ImageDraw.Draw(sheet)
    for panel, axes in zip(panels, lay_out(panels, size)):
        _draw_panel(draw, panel, axes)
    if at is None:
        return sheet
    return ChartMarks.on(panels, size).drawn(sheet, at)


def _draw_panel(draw: ImageDraw.ImageDraw, panel: Panel, axes: Axes) -> None:
    _draw_background(draw, panel, axes)
    _draw_axes(draw, axes)
    _draw_lines(draw, panel, axes)
    for step in panel.swapped:
        x = axes.x(step)
        dashes_down(draw, x, axes.top, axes.bottom, INK)
    for step in panel.intervened:
        diamond(draw, axes.x(step), axes.bottom)
    for step in panel.switched:
        x = axes.x(step)
        draw.polygon([(x - 8, axes.top - 6), (x + 8, axes.top - 6), (x, axes.top + 8)], INK)
    draw_legend(draw, panel, axes.left, axes.top, axes.right)


def _draw_background(draw: ImageDraw.ImageDraw, panel: Panel, axes: Axes) -> None:
    """The shaded spans and the band below the stop distance."""
    if panel.band:
        top = axes.y(min(panel.band, axes.values[-1]))
        draw.rectangle([axes.left, top, axes.right, axes.bottom], GREEN)
    for first, last in panel.shaded:
        left = max(axes.x(first), axes.left)
        right = min(axes.x(last), axes.right)
        draw.rectangle([left, axes.top, right, axes.bottom], SHADE)


def _draw_axes(draw: ImageDraw.ImageDraw, axes: Axes) -> None:
    """The grid and the numbers."""
    for value in axes.values:
        y = axes.y(value)
        draw.line([axes.left, y, axes.right, y], PALE, 2)
        draw.text((axes.left - 12, y), f"{value:.6g}", GREY, font(20), anchor="rm")
    for step in axes.steps:
        x = axes.x(step)
        draw.line([x, axes.bottom, x, axes.bottom + 6], GREY, 2)
        draw.text((x, axes.bottom + 10), f"{step:g}", GREY, font(20), anchor="ma")

    draw.line([axes.left, axes.bottom, axes.right, axes.bottom], GREY, 2)
    middle = (axes.left + axes.right) / 2
    draw.text((middle, axes.bottom + 34), "step", GREY, font(20), anchor="ma")


def _draw_lines(draw: ImageDraw.ImageDraw, panel: Panel, axes: Axes) -> None:
    """Stop distances and earlier runs below, then the thresholds, then the lines."""
    colours = panel.colours
    for distance, colour in stop_distances(panel):
        if distance <= axes.values[-1]:
            y = axes.y(distance)
            draw.line([axes.left, y, axes.right, y], colour, 2)
    for line in panel.past:
        polyline(draw, axes.points(line), PAST, 3)
    for name, line in panel.thresholds.items():
        dashes(draw, axes.points(line), colours.get(name, GREY))
    for name, line in panel.lines.items():
        polyline(draw, axes.points(line), colours[name], 5)
