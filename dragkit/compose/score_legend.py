"""What the colours and marks of score windows and maps mean, as an image below them."""

from __future__ import annotations

import numpy as np
from PIL import Image, ImageDraw

from . import marks
from .marks import INK, WHITE, font
from .score_colours import viridis_bar

HEIGHT = 44  # in pixels of the image, which is twice as fine as the page
SAMPLE: marks.Colour = (94, 201, 98)  # behind the marks: a colour of the scale


def score_legend(width: int = 384, search_centre: bool = False) -> Image.Image:
    """What the colours and marks of score windows mean.

    Args:
        width: in CSS pixels; the image is twice as wide.
        search_centre: explain that mark too; it is in the large panels only.
    """
    sheet = Image.new("RGB", (2 * width, HEIGHT), WHITE)
    draw = ImageDraw.Draw(sheet)
    x = _write(draw, 4, "worst")
    sheet.paste(viridis_bar(128), (x, 12))
    x = _write(draw, x + 138, "best in the window")

    explained = [(marks.best, "best"), (marks.runner_up, "runner-up")]
    if search_centre:
        explained.append((marks.plus, "looked from here"))
    for mark, word in explained:
        draw.ellipse([x + 8, 6, x + 40, 38], SAMPLE)
        mark(draw, (x + 24, 22), 11, 1.4)
        x = _write(draw, x + 48, word)
    return sheet


def scale_bar(scores: np.ndarray, name: str, width: int = 384) -> Image.Image:
    """The colours of a map (h w) with its lowest and highest value.

    Args:
        scores: the map.
        name: of what it shows.
        width: in CSS pixels; the image is twice as wide.
    """
    sheet = Image.new("RGB", (2 * width, HEIGHT), WHITE)
    draw = ImageDraw.Draw(sheet)
    x = _write(draw, 4, f"{name}:  {np.nanmin(scores):.3g}")
    sheet.paste(viridis_bar(256), (x, 12))
    _write(draw, x + 268, f"{np.nanmax(scores):.3g}")
    return sheet


def _write(draw: ImageDraw.ImageDraw, x: float, word: str) -> int:
    """Write a word of a legend; returns where the next thing may begin."""
    draw.text((x, 22), word, INK, font(22), anchor="lm")
    return round(x + draw.textlength(word, font(22)) + 12)
