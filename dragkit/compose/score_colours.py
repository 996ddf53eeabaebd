"""The colours of score windows, and their peaks."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import torch
from numpy.lib.stride_tricks import sliding_window_view
from PIL import Image, ImageDraw

from ..scores import minmax_normalize
from . import marks
from .marks import Colour

Cell = tuple[int, int]  # (row, column) of a score window

NO_SCORE: Colour = (128, 128, 128)  # off the image
LEAST_RING = 6  # radius in thin lines: a smaller ring is not seen, even if it covers its cell


def normalize_window(scores: np.ndarray) -> np.ndarray:
    """Scores (k k) brought to 0..1, worst to best in the window; NaN where there is no score.

    Where all are the same they become 0.
    """
    known = np.where(np.isfinite(scores), scores, np.nan)
    return minmax_normalize(torch.from_numpy(known)[None])[0].numpy()


def score_colours(scores: np.ndarray) -> np.ndarray:
    """Scores (k k) as uint8 RGBA (k k 4), lowest dark, highest bright; NaN is transparent."""
    level = normalize_window(scores)
    shades = viridis()[(np.nan_to_num(level) * 255).astype(int)]
    return np.where(np.isfinite(level)[..., None], shades, 0).astype(np.uint8)


@lru_cache(maxsize=1)
def viridis() -> np.ndarray:
    """Matplotlib's scale of colours, uint8 RGBA (256 4)."""
    from matplotlib import colormaps  # half a second: only when scores are drawn

    return (colormaps["viridis"](np.arange(256)) * 255).astype(np.uint8)


def viridis_bar(width: int, height: int = 20) -> Image.Image:
    """The scale of colours as a horizontal bar; `width` divides 256."""
    shades = viridis()[:: 256 // width, :3]
    return Image.fromarray(np.broadcast_to(shades, (height, width, 3)).copy())


def peaks(scores: np.ndarray) -> tuple[Cell | None, Cell | None]:
    """The best cell of a window (k k) and its runner-up, each (row, column) or ``None``.

    The best is the highest; of equals, the nearest to the middle, as the trackers choose. The
    runner-up is the highest of the other local maxima: no neighbour is higher, one is lower, and
    it does not touch the best. A rise toward the window's border counts, because the tracker
    would go there if the best were gone.
    """
    known = np.where(np.isfinite(scores), scores, -np.inf)
    if not np.isfinite(known).any():
        return None, None

    rows, columns = np.indices(known.shape)
    from_middle = np.hypot(rows - known.shape[0] // 2, columns - known.shape[1] // 2)
    best = _highest(np.where(known == known.max(), -from_middle, -np.inf))

    touches_best = np.maximum(abs(rows - best[0]), abs(columns - best[1])) <= 1
    others = _local_maxima(known) & ~touches_best
    if not others.any():
        return best, None
    return best, _highest(np.where(others, known, -np.inf))


def paste_scores(
    canvas: Image.Image, cells: Image.Image, corner: tuple[int, int], side: int
) -> None:
    """Paint a window's cells into the square of `side` pixels whose upper left is `corner`.

    What is outside of the canvas is not made: a window that is magnified may be very large.
    """
    low = np.clip(corner, 0, canvas.size)
    high = np.clip(np.add(corner, side), 0, canvas.size)
    if (low >= high).any():
        return
    left, top, right, bottom = (np.subtract([low, high], corner) * cells.width / side).ravel()
    width, height = (high - low).tolist()
    part = cells.resize((width, height), Image.Resampling.NEAREST, (left, top, right, bottom))
    canvas.paste(part, (int(low[0]), int(low[1])), part)


def fill_no_score(canvas: Image.Image, corner: tuple[int, int], side: int) -> None:
    """Paint that square in the grey of cells without a score."""
    left, top = corner
    canvas.paste(NO_SCORE, (left, top, left + side, top + side))


def draw_peaks(
    draw: ImageDraw.ImageDraw,
    scores: np.ndarray,
    corner: tuple[int, int],
    cell: float,
    unit: float,
) -> None:
    """Ring the best cell and put the runner-up in a diamond; a cell is `cell` pixels wide."""
    radius = max(min(cell / 2 - unit, 14 * unit), LEAST_RING * unit)
    for mark, peak in zip((marks.best, marks.runner_up), peaks(scores)):
        if peak:
            row, column = peak
            centre = (corner[0] + (column + 0.5) * cell, corner[1] + (row + 0.5) * cell)
            mark(draw, centre, radius, max(min(unit, cell / 10), unit / 2))


def _local_maxima(known: np.ndarray) -> np.ndarray:
    """Which cells (k k) have no higher neighbour and a lower one; unknown cells are -inf."""
    padded = np.pad(known, 1, constant_values=-np.inf)
    around = sliding_window_view(padded, (3, 3))  # with the cell itself, which changes nothing
    highest = around.max((2, 3))
    lowest = np.where(np.isfinite(around), around, np.inf).min((2, 3))
    return (known >= highest) & (lowest < known) & np.isfinite(known)


def _highest(values: np.ndarray) -> Cell:
    row, column = np.unravel_index(values.argmax(), values.shape)
    return int(row), int(column)
