"""Score windows large and side by side, and the cell under the mouse."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from PIL import Image, ImageDraw

from . import marks
from .marks import GREY, INK, WHITE, font
from .score_colours import (
    Cell,
    draw_peaks,
    fill_no_score,
    paste_scores,
    peaks,
    score_colours,
)

# Around the panels, in pixels of the image, which is twice as fine as the page.
GAP = 20
TOP = 60
SIDE = 56
BOTTOM = 132


def score_panels(
    maps: Mapping[str, np.ndarray],
    window_centre: np.ndarray,
    *,
    width: int = 780,
    chosen: str | None = None,
    stride: float = 1,
) -> Image.Image:
    """Score windows (k k) side by side, large, each stretched from its worst to its best score.

    Args:
        maps: by name; their raw range is written above them.
        window_centre: (2) in pixels of the image.
        width: in CSS pixels; the image is twice as wide, for sharp screens.
        chosen: name of the one that is underlined.
        stride: pixels of the image between neighbours in a window.
    """
    corners, side = _layout(len(maps), width)
    sheet = Image.new("RGB", (2 * width, TOP + side + BOTTOM), WHITE)
    draw = ImageDraw.Draw(sheet)
    for (name, scores), corner in zip(maps.items(), corners):
        _draw_map(sheet, scores, corner, side)
        _draw_title(draw, name, scores, corner, underline=name == chosen and len(maps) > 1)
        _draw_ticks(draw, len(scores), window_centre, stride, corner, side)
        for line, text in enumerate(_peaks_in_words(scores, window_centre, stride)):
            draw.text((corner[0], TOP + side + 40 + 28 * line), text, INK, font(22))
    return sheet


def score_panel_at(
    x: float, y: float, maps: Mapping[str, np.ndarray], width: int
) -> tuple[str, Cell] | None:
    """The map under (x, y), in CSS pixels, of the image that `score_panels` made, and its cell."""
    corners, side = _layout(len(maps), width)
    for (name, scores), (left, top) in zip(maps.items(), corners):
        row = (2 * y - top) / side * len(scores)
        column = (2 * x - left) / side * len(scores)
        if 0 <= row < len(scores) and 0 <= column < len(scores):
            return name, (int(row), int(column))
    return None


def _layout(count: int, width: int) -> tuple[list[tuple[int, int]], int]:
    """The upper left corner of each panel, and their side."""
    side = (2 * width - 3 * (SIDE + GAP)) // 3  # room for three, so that one alone is no larger
    return [(SIDE + i * (side + SIDE + GAP), TOP) for i in range(count)], side


def _draw_map(sheet: Image.Image, scores: np.ndarray, corner: tuple[int, int], side: int) -> None:
    """The cells in a frame, with their peaks and the search centre."""
    left, top = corner
    cell = side / len(scores)
    draw = ImageDraw.Draw(sheet)

    fill_no_score(sheet, corner, side)
    paste_scores(sheet, Image.fromarray(score_colours(scores)), corner, side)
    draw.rectangle([left - 2, top - 2, left + side + 1, top + side + 1], outline=INK, width=2)
    draw_peaks(draw, scores, corner, cell, 2)
    marks.plus(draw, (left + side / 2, top + side / 2), min(cell / 5, 10), 2)


def _draw_title(
    draw: ImageDraw.ImageDraw,
    name: str,
    scores: np.ndarray,
    corner: tuple[int, int],
    underline: bool,
) -> None:
    """The name and the raw range, above the panel."""
    x = corner[0]
    y = corner[1] - 44
    end = x + draw.textlength(name, font(26))
    draw.text((x, y), name, INK, font(26))
    draw.text((end + 14, y + 4), score_range(scores), GREY, font(22))
    if underline:
        draw.line([x, y + 33, end, y + 33], INK, 3)


def _peaks_in_words(scores: np.ndarray, window_centre: np.ndarray, stride: float) -> list[str]:
    """The best score and where it is, the second peak, and how far that is behind."""
    best, second = peaks(scores)
    if best is None:
        return []
    words = [f"best {scores[best]:.3g} at {_place(best, scores, window_centre, stride)}"]
    if second is None:
        return [*words, "no second peak"]
    words.append(f"second {scores[second]:.3g} at {_place(second, scores, window_centre, stride)}")
    return [*words, f"margin {scores[best] - scores[second]:.2g}"]


def _place(cell: Cell, scores: np.ndarray, window_centre: np.ndarray, stride: float) -> str:
    """The pixel of a cell."""
    row, column = cell
    x, y = window_centre + stride * (np.array([column, row]) - len(scores) // 2)
    return f"({x:g}, {y:g})"


def score_range(scores: np.ndarray) -> str:
    """The lowest and the highest score in words."""
    known = scores[np.isfinite(scores)]
    if not len(known):
        return "no score"
    return f"{known.min():.3g} … {known.max():.3g}"


def _draw_ticks(
    draw: ImageDraw.ImageDraw,
    count: int,
    window_centre: np.ndarray,
    stride: float,
    corner: tuple[int, int],
    side: int,
) -> None:
    """The pixels' numbers: first, middle and last column and row."""
    left, top = corner
    radius = count // 2
    for offset in (-radius, 0, radius):
        at = (offset + radius + 0.5) * side / count
        x, y = (f"{centre + stride * offset:g}" for centre in window_centre)
        draw.text((left + at, top + side + 8), x, GREY, font(20), anchor="ma")
        draw.text((left - 8, top + at), y, GREY, font(20), anchor="rm")

    draw.text((left - 8, top + side + 8), "x (px)", GREY, font(18), anchor="ma")
    draw.text((left - 8, top - 8), "y", GREY, font(18), anchor="rd")
