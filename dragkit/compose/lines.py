"""Lines of a chart, whole or dashed, and what marks a step on its axis."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from PIL import ImageDraw

from .marks import INK, WHITE, Colour

Points = Sequence[tuple[float, float]]

DASH = 10
GAP = 6


def polyline(draw: ImageDraw.ImageDraw, points: Points, colour: Colour, width: int) -> None:
    """A line through points; nothing if there is only one."""
    if len(points) > 1:
        draw.line(list(points), colour, width, joint="curve")


def dashes(draw: ImageDraw.ImageDraw, points: Points, colour: Colour) -> None:
    """A dashed line through points that go from left to right; the dashes have one width in x."""
    if len(points) < 2:
        return
    xs, ys = np.array(points).T
    for start in np.arange(xs[0], xs[-1], DASH + GAP):
        ends = np.array([start, min(start + DASH, xs[-1])])
        draw.line([*zip(ends, np.interp(ends, xs, ys))], colour, 3)


def dashes_down(
    draw: ImageDraw.ImageDraw, x: float, top: float, bottom: float, colour: Colour
) -> None:
    """An upright dashed line."""
    for start in np.arange(top, bottom, DASH + GAP):
        draw.line([x, start, x, min(start + DASH, bottom)], colour, 2)


def diamond(draw: ImageDraw.ImageDraw, x: float, y: float) -> None:
    """A diamond around a point."""
    for reach, colour in ((11, WHITE), (8, INK)):
        draw.polygon([(x - reach, y), (x, y - reach), (x + reach, y), (x, y + reach)], colour)
