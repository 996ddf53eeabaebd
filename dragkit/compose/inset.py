"""A score window over the image: where it was read, and magnified as an inset in a corner."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from PIL import Image, ImageDraw

from . import marks
from .marks import BLACK, UNIT, WHITE
from .score_colours import Cell, draw_peaks, fill_no_score, paste_scores, score_colours
from .viewport import Viewport

SHARP = 500  # smaller images are drawn at twice their size, then shrunk: smooth lines


@dataclass(frozen=True, eq=False)
class ScoreWindow:
    """The scores of one handle around the place where its tracker searched.

    Attributes:
        scores: (k k), NaN where there is none.
        centre: (2) the window's centre, in pixels of the image.
        stride: pixels of the image between neighbouring scores.
        candidates: (m 2) the places in pixels that a goal was chosen from. The inset shows them
            in place of the best score and the runner-up.
    """

    scores: np.ndarray
    centre: np.ndarray
    stride: float = 1
    candidates: np.ndarray | None = None

    @property
    def is_empty(self) -> bool:
        """Whether there is no score at all, as with optical flow, which compares nothing."""
        return not np.isfinite(self.scores).any()

    @cached_property
    def cells(self) -> Image.Image:
        """The scores as colours, one pixel each."""
        return Image.fromarray(score_colours(self.scores))

    def cell_at(self, row: float, column: float) -> Cell | None:
        """The cell that holds a place counted in cells from the upper left corner, if any."""
        count = len(self.scores)
        if 0 <= row < count and 0 <= column < count:
            return int(row), int(column)
        return None


@dataclass(frozen=True)
class Inset:
    """The square on a canvas in which a window of `count` x `count` cells is magnified.

    Cells are whole pixels, `cell` wide. All numbers are in pixels of the canvas.
    """

    left: int
    top: int
    cell: int
    count: int

    @property
    def side(self) -> int:
        """Its width and height."""
        return self.cell * self.count

    @property
    def corner(self) -> tuple[int, int]:
        """Its upper left corner."""
        return self.left, self.top

    @property
    def box(self) -> list[int]:
        """Left, top, right and bottom; the last pixels are part of it."""
        return [self.left, self.top, self.left + self.side - 1, self.top + self.side - 1]

    @classmethod
    def on(cls, size: tuple[int, int], count: int, away: np.ndarray) -> Inset:
        """In that corner of a canvas of `size` (width, height) farthest from the points `away`."""
        width, height = size
        unit = height / UNIT
        cell = max(round(96 * unit / count), 1)
        side = cell * count
        margin = round(10 * unit)

        def clearance(inset: Inset) -> float:
            centre = np.add(inset.corner, side / 2)
            return min((float(np.hypot(*(centre - point))) for point in away), default=0)

        tops = (margin, height - side - margin)
        lefts = (margin, width - side - margin)
        insets = [cls(left, top, cell, count) for top in tops for left in lefts]
        return max(insets, key=clearance)


def oversampling(size: int) -> int:
    """How many times finer an image of `size` pixels high is drawn before it is shrunk."""
    return 2 if size < SHARP else 1


def place_of(window: ScoreWindow, viewport: Viewport, height: int) -> np.ndarray:
    """The box (left, top, right, bottom) on a canvas where the window was read.

    Args:
        window: what was read.
        viewport: the part of the image that the canvas shows.
        height: of the canvas in pixels.
    """
    width = window.stride * len(window.scores)
    side = max(round(width * viewport.scale(height)), 1)
    corner = viewport.to_canvas(np.asarray(window.centre, float) - width / 2, height)
    corner = np.round(corner).astype(int)
    return np.array([*corner, *(corner + side)])


def paint_in_place(canvas: Image.Image, window: ScoreWindow, viewport: Viewport) -> None:
    """Paint the window's colours where it was read."""
    left, top, right, _ = place_of(window, viewport, canvas.height).tolist()
    paste_scores(canvas, window.cells, (left, top), right - left)


def draw_inset(
    canvas: Image.Image, window: ScoreWindow, in_place: np.ndarray, away: np.ndarray
) -> None:
    """Magnify the window in the corner that is farthest from the points in `away`.

    The best score is ringed and the runner-up is in a diamond, unless there are candidates.

    Args:
        canvas: is drawn on.
        window: what is magnified.
        in_place: the box that :func:`place_of` returned.
        away: (m 2) in pixels of the canvas.
    """
    draw = ImageDraw.Draw(canvas)
    unit = canvas.height / UNIT
    inset = Inset.on(canvas.size, len(window.scores), away)

    fill_no_score(canvas, inset.corner, inset.side)
    paste_scores(canvas, window.cells, inset.corner, inset.side)
    _draw_frames(draw, in_place, inset, unit)
    if window.candidates is None:
        draw_peaks(draw, window.scores, inset.corner, inset.cell, unit)
    else:
        _draw_candidates(draw, window, window.candidates, inset, unit)


def window_cell_at(
    x: float,
    y: float,
    window: ScoreWindow,
    viewport: Viewport,
    targets: np.ndarray,
    size: int = 2 * UNIT,
) -> Cell | None:
    """The window's cell under a point of an image that `draw_overlay` made, or ``None``.

    The inset covers the image, so it comes first; then the window where it was read.

    Args:
        x: in pixels of the image, before it was enlarged.
        y: in the same.
        window: what was drawn.
        viewport: the part of the image that was shown.
        targets: (n 2) what the inset keeps away from, in pixels of the image.
        size: the height that `draw_overlay` was asked for; the inset has whole pixels of that.
    """
    count = len(window.scores)
    height = size * oversampling(size)
    width = round(viewport.size[1] * height / viewport.size[0])
    inset = Inset.on((width, height), count, viewport.to_canvas(targets, height))

    on_canvas = viewport.to_canvas((x, y), height)
    column, row = (on_canvas - inset.corner) / inset.cell
    cell = window.cell_at(row, column)
    if cell is not None:
        return cell

    row = (y - window.centre[1]) / window.stride + count / 2
    column = (x - window.centre[0]) / window.stride + count / 2
    return window.cell_at(row, column)


def _draw_frames(
    draw: ImageDraw.ImageDraw, in_place: np.ndarray, inset: Inset, unit: float
) -> None:
    """White frames with black rims around the window and around the inset."""
    width = round(2 * unit) or 1
    for colour, margin in ((BLACK, round(2.5 * unit)), (WHITE, round(2 * unit))):
        for left, top, right, bottom in (in_place, inset.box):
            frame = [left - margin, top - margin, right + margin, bottom + margin]
            draw.rectangle(frame, outline=colour, width=width)


def _draw_candidates(
    draw: ImageDraw.ImageDraw,
    window: ScoreWindow,
    candidates: np.ndarray,
    inset: Inset,
    unit: float,
) -> None:
    """A dot for each of the candidates (m 2) that is inside the window."""
    cells = (np.asarray(candidates, float) - window.centre) / window.stride
    corner = np.array(inset.corner)
    for place in (cells + inset.count / 2) * inset.cell + corner:
        if (place >= corner).all() and (place <= corner + inset.side).all():
            marks.disc(draw, place, 2.6 * unit, BLACK)
            marks.disc(draw, place, 1.8 * unit, WHITE)
