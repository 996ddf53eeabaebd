"""The marks that every image shares: handles, targets, paths, best and second-best pixels."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from PIL import ImageDraw, ImageFont

HANDLE, TARGET, PATH = (213, 94, 0), (0, 114, 178), (240, 228, 66)
WHITE, BLACK, INK, GREY = (255, 255, 255), (0, 0, 0), (32, 33, 36), (110, 113, 118)
UNIT = 384  # all widths are given for an image of this height


@lru_cache(maxsize=32)
def font(size: int) -> ImageFont.ImageFont:
    """Pillow's own typeface, `size` pixels high."""
    return ImageFont.load_default(max(size, 6))


def best(draw: ImageDraw.ImageDraw, centre, r: float, unit: float) -> None:
    """The best pixel: a black ring (it lies on the brightest colour)."""
    circle(draw, centre, r, WHITE, 3.4 * unit)
    circle(draw, centre, r - 0.7 * unit, BLACK, 2 * unit)


def runner_up(draw: ImageDraw.ImageDraw, centre, r: float, unit: float) -> None:
    """The runner-up: a white diamond with a black rim."""
    corners = lambda grow: [
        (centre[0] + a * (r + grow), centre[1] + b * (r + grow))
        for a, b in ((0, -1), (1, 0), (0, 1), (-1, 0), (0, -1))
    ]
    for colour, width in ((BLACK, 4.2 * unit), (WHITE, 2 * unit)):
        draw.line(corners(0), colour, max(round(width), 1), joint="curve")


def plus(draw: ImageDraw.ImageDraw, centre, r: float, unit: float) -> None:
    """Where the tracker looked from: a white plus with a black rim."""
    x, y = centre
    for colour, width, grow in ((BLACK, 3.6 * unit, 0.8 * unit), (WHITE, 1.8 * unit, 0)):
        for line in ([x - r - grow, y, x + r + grow, y], [x, y - r - grow, x, y + r + grow]):
            draw.line(line, colour, max(round(width), 1))


def way(draw: ImageDraw.ImageDraw, places: np.ndarray, unit: float) -> None:
    """A handle's path, with a small ring where it began."""
    points = [tuple(p) for p in places]
    if len(points) > 1:
        draw.line(points, BLACK, round(4.5 * unit), joint="curve")
        draw.line(points, PATH, round(2.5 * unit), joint="curve")
    disc(draw, points[0], 4 * unit, BLACK)
    disc(draw, points[0], 3 * unit, PATH)


def arrow(draw: ImageDraw.ImageDraw, start: np.ndarray, end: np.ndarray, unit: float) -> None:
    """From a handle to its target; nothing where they are so near that their marks touch."""
    along = end - start
    length = np.hypot(*along)
    if length < 22 * unit:  # the dots would hide it
        return
    along, across = along / length, np.array([-along[1], along[0]]) / length
    tip, back = end - along * 9 * unit, end - along * 18 * unit
    head = lambda grow: [
        tuple(tip + along * grow),
        *(tuple(back - along * grow / 2 + s * across * (5 * unit + grow)) for s in (1, -1)),
    ]
    for colour, grow in ((BLACK, 1.2 * unit), (WHITE, 0)):
        draw.line([tuple(start), tuple(back)], colour, round(2 * unit + 2 * grow))
        draw.polygon(head(grow), colour)


def dot(
    draw: ImageDraw.ImageDraw, centre: np.ndarray, unit: float, number: int | None, halo: bool
) -> None:
    """A handle: a filled dot."""
    r = (6.5 if number is None else 8) * unit
    _halo(draw, centre, r, unit, halo)
    disc(draw, centre, r + 0.8 * unit, BLACK)
    disc(draw, centre, r, WHITE)
    disc(draw, centre, r - 1.8 * unit, HANDLE)
    if number is not None:
        draw.text(tuple(centre), str(number), WHITE, font(round(10 * unit)), anchor="mm")


def ring(
    draw: ImageDraw.ImageDraw, centre: np.ndarray, unit: float, number: int | None, halo: bool
) -> None:
    """A target: a ring around a dot, or around its number."""
    r = (8 if number is None else 10) * unit
    _halo(draw, centre, r, unit, halo)
    circle(draw, centre, r + 0.8 * unit, BLACK, 6 * unit)
    circle(draw, centre, r, WHITE, 4.4 * unit)
    circle(draw, centre, r - unit, TARGET, 2.4 * unit)
    disc(draw, centre, (r - 4 * unit) if number is not None else 3.2 * unit, WHITE)
    if number is None:
        disc(draw, centre, 2 * unit, TARGET)
    else:
        draw.text(tuple(centre), str(number), TARGET, font(round(10 * unit)), anchor="mm")


def _halo(draw: ImageDraw.ImageDraw, centre: np.ndarray, r: float, unit: float, on: bool) -> None:
    if on:
        circle(draw, centre, r + 4 * unit, BLACK, 3.4 * unit)
        circle(draw, centre, r + 3.3 * unit, PATH, 2 * unit)


def disc(draw: ImageDraw.ImageDraw, centre, r: float, colour: tuple) -> None:
    """A filled circle of radius `r`, in pixels of the canvas."""
    draw.ellipse([centre[0] - r, centre[1] - r, centre[0] + r, centre[1] + r], colour)


def circle(draw: ImageDraw.ImageDraw, centre, r: float, colour: tuple, width: float) -> None:
    """An outline of outer radius `r`, in pixels of the canvas, at least one pixel wide."""
    r = max(r, 1)
    draw.ellipse(
        [centre[0] - r, centre[1] - r, centre[0] + r, centre[1] + r],
        outline=colour,
        width=max(round(width), 1),
    )
