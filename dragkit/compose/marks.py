"""The marks that every image shares: handles, targets, paths, best and second-best pixels.

Places and radii are in pixels of the canvas. `unit` is the width of a thin line: one pixel of a
canvas that is 384 pixels high.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

import numpy as np
from PIL import ImageDraw, ImageFont

Colour = tuple[int, int, int]
Place = Sequence[float] | np.ndarray

HANDLE: Colour = (213, 94, 0)
TARGET: Colour = (0, 114, 178)
PATH: Colour = (240, 228, 66)

WHITE: Colour = (255, 255, 255)
BLACK: Colour = (0, 0, 0)
INK: Colour = (32, 33, 36)
GREY: Colour = (110, 113, 118)

MARKS = (HANDLE, TARGET, PATH, WHITE, BLACK, INK, GREY)  # the colours of all marks
UNIT = 384  # all widths are given for an image of this height


@lru_cache(maxsize=32)
def font(size: int) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    """Pillow's own typeface, `size` pixels high."""
    return ImageFont.load_default(max(size, 6))


def best(draw: ImageDraw.ImageDraw, centre: Place, r: float, unit: float) -> None:
    """The best pixel: a black ring, because it is on the brightest colour."""
    circle(draw, centre, r, WHITE, 3.4 * unit)
    circle(draw, centre, r - 0.7 * unit, BLACK, 2 * unit)


def runner_up(draw: ImageDraw.ImageDraw, centre: Place, r: float, unit: float) -> None:
    """The runner-up: a white diamond with a black rim."""
    x, y = centre
    corners = [(x, y - r), (x + r, y), (x, y + r), (x - r, y), (x, y - r)]
    for colour, width in ((BLACK, 4.2 * unit), (WHITE, 2 * unit)):
        draw.line(corners, colour, max(round(width), 1), joint="curve")


def plus(draw: ImageDraw.ImageDraw, centre: Place, r: float, unit: float) -> None:
    """The search centre: a white plus with a black rim."""
    x, y = centre
    for colour, width, grow in ((BLACK, 3.6 * unit, 0.8 * unit), (WHITE, 1.8 * unit, 0)):
        thickness = max(round(width), 1)
        draw.line([x - r - grow, y, x + r + grow, y], colour, thickness)
        draw.line([x, y - r - grow, x, y + r + grow], colour, thickness)


def arrow(draw: ImageDraw.ImageDraw, start: np.ndarray, end: np.ndarray, unit: float) -> None:
    """From a handle to its target; nothing if they are so close that their marks touch."""
    displacement = end - start
    length = np.hypot(*displacement)
    if length < 22 * unit:
        return

    along = displacement / length
    across = np.array([-displacement[1], displacement[0]]) / length
    tip = end - along * 9 * unit
    back = end - along * 18 * unit

    for colour, grow in ((BLACK, 1.2 * unit), (WHITE, 0)):
        front = tip + along * grow
        base = back - along * grow / 2
        wing = across * (5 * unit + grow)
        draw.line([tuple(start), tuple(back)], colour, round(2 * unit + 2 * grow))
        draw.polygon([tuple(front), tuple(base + wing), tuple(base - wing)], colour)


def dot(
    draw: ImageDraw.ImageDraw, centre: np.ndarray, unit: float, number: int | None, selected: bool
) -> None:
    """A handle: a filled dot, with its number if it has one."""
    r = (6.5 if number is None else 8) * unit
    if selected:
        _halo(draw, centre, r, unit)
    disc(draw, centre, r + 0.8 * unit, BLACK)
    disc(draw, centre, r, WHITE)
    disc(draw, centre, r - 1.8 * unit, HANDLE)
    if number is not None:
        draw.text(tuple(centre), str(number), WHITE, font(round(10 * unit)), anchor="mm")


def ring(
    draw: ImageDraw.ImageDraw, centre: np.ndarray, unit: float, number: int | None, selected: bool
) -> None:
    """A target: a ring around a dot, or around its number."""
    r = (8 if number is None else 10) * unit
    if selected:
        _halo(draw, centre, r, unit)
    circle(draw, centre, r + 0.8 * unit, BLACK, 6 * unit)
    circle(draw, centre, r, WHITE, 4.4 * unit)
    circle(draw, centre, r - unit, TARGET, 2.4 * unit)
    if number is None:
        disc(draw, centre, 3.2 * unit, WHITE)
        disc(draw, centre, 2 * unit, TARGET)
    else:
        disc(draw, centre, r - 4 * unit, WHITE)
        draw.text(tuple(centre), str(number), TARGET, font(round(10 * unit)), anchor="mm")


def disc(draw: ImageDraw.ImageDraw, centre: Place, r: float, colour: Colour) -> None:
    """A filled circle."""
    draw.ellipse([centre[0] - r, centre[1] - r, centre[0] + r, centre[1] + r], colour)


def circle(
    draw: ImageDraw.ImageDraw, centre: Place, r: float, colour: Colour, width: float
) -> None:
    """An outline of outer radius `r`, at least one pixel wide."""
    r = max(r, 1)
    box = [centre[0] - r, centre[1] - r, centre[0] + r, centre[1] + r]
    draw.ellipse(box, outline=colour, width=max(round(width), 1))


def _halo(draw: ImageDraw.ImageDraw, centre: np.ndarray, r: float, unit: float) -> None:
    circle(draw, centre, r + 4 * unit, BLACK, 3.4 * unit)
    circle(draw, centre, r + 3.3 * unit, PATH, 2 * unit)
