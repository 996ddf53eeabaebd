"""The paths of handles: long ones in pieces that are drawn once.

A path grows by a place a step, and is drawn again for each step that is shown. All its pieces but
the last one stay as they are, so they are kept as stencils, and the images are the same to the
bit.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from PIL import Image, ImageDraw

from .marks import BLACK, PATH, Colour, disc

PIECE = 32  # places from one piece to the next
BEND = 2  # places of the piece before, which the bend between the two depends on

Stencil = tuple[Image.Image, tuple[int, int]]  # and its upper left corner on the canvas


def draw_path(canvas: Image.Image, places: np.ndarray, unit: float, again: bool = True) -> None:
    """A handle's path (steps 2), with a small ring where it began.

    Args:
        canvas: is drawn on.
        places: in its pixels.
        unit: the width of a thin line, see :mod:`dragkit.compose.marks`.
        again: whether the same places will be drawn again, as they are not in a part that moves.
    """
    stroke = _draw_stroke if again else _draw_anew
    stroke(canvas, places, BLACK, round(4.5 * unit))
    stroke(canvas, places, PATH, round(2.5 * unit))

    draw = ImageDraw.Draw(canvas)
    disc(draw, places[0], 4 * unit, BLACK)
    disc(draw, places[0], 3 * unit, PATH)


def _draw_stroke(canvas: Image.Image, places: np.ndarray, colour: Colour, width: int) -> None:
    """A line through the places: what is whole of it from stencils, the rest anew."""
    begin = 0
    while begin + PIECE < len(places):
        end = begin + PIECE
        piece = places[max(begin - BEND, 0) : end]
        stencil, corner = _stencil(piece.tobytes(), width, canvas.size)
        canvas.paste(colour, corner, stencil)
        begin = end
    _draw_line(ImageDraw.Draw(canvas), places[max(begin - BEND, 0) :], colour, width)


def _draw_anew(canvas: Image.Image, places: np.ndarray, colour: Colour, width: int) -> None:
    """The same line without stencils."""
    _draw_line(ImageDraw.Draw(canvas), places, colour, width)


@lru_cache(maxsize=1024)
def _stencil(piece: bytes, width: int, size: tuple[int, int]) -> Stencil:
    """A line through places, given as the bytes of float64 (k 2), on a canvas of `size`."""
    places = np.frombuffer(piece).reshape(-1, 2)
    low = np.clip(places.min(0) - 2 * width, 0, size).astype(int)
    high = np.clip(places.max(0) + 2 * width, low + 1, np.maximum(size, low + 1)).astype(int)

    width_height = (high - low).tolist()
    stencil = Image.new("1", (width_height[0], width_height[1]))
    _draw_line(ImageDraw.Draw(stencil), places - low, 1, width)
    left, top = low.tolist()
    return stencil, (left, top)


def _draw_line(
    draw: ImageDraw.ImageDraw, places: np.ndarray, colour: Colour | int, width: int
) -> None:
    """A line through places (k 2); nothing if there is only one."""
    if len(places) > 1:
        draw.line([tuple(place) for place in places.tolist()], colour, width, joint="curve")
