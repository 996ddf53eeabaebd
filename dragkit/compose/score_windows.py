"""Score windows as images: in place, under a lens, or large and side by side; and what lies
under the mouse in them.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache

import numpy as np
from PIL import Image, ImageDraw

from .marks import BLACK, GREY, INK, UNIT, WHITE, best, disc, font, plus, runner_up

SHARP = 500  # smaller images are drawn at twice their size, then shrunk: smooth lines
Cell = tuple[int, int]  # (row, column) of a score window
# of the panels, in pixels of the image, which is twice as fine as the page
GAP, TOP, SIDE, BOTTOM = 20, 60, 56, 44
NONE = np.uint8((128, 128, 128))  # off the image: no score


def minmax_normalize(scores: np.ndarray) -> np.ndarray:
    """Scores (k k) brought to 0..1, worst to best in the window; 0 where all are the same, NaN
    stays NaN.
    """
    known = np.isfinite(scores)
    low, high = (scores[known].min(), scores[known].max()) if known.any() else (0, 1)
    return np.where(known, (scores - low) / ((high - low) or 1), np.nan)


def colours(scores: np.ndarray) -> np.ndarray:
    """Scores (k k) as uint8 RGBA (k k 4), lowest dark, highest bright; NaN is transparent."""
    level = minmax_normalize(scores)
    shades = viridis()[(np.nan_to_num(level) * 255).astype(int)]
    return np.where(np.isfinite(level)[..., None], shades, 0).astype(np.uint8)


def peaks(scores: np.ndarray) -> tuple[Cell | None, Cell | None]:
    """The best cell of a window (k k) and its runner-up, each (row, column) or ``None``.

    The best is the highest; of equals, the nearest to the middle, as the trackers choose. The
    runner-up is the highest of the other local maxima: no neighbour is higher, one is lower, and
    it does not touch the best. A rise toward the window's border counts, for there the tracker
    would go if the best were gone.
    """
    known = np.where(np.isfinite(scores), scores, -np.inf)
    if not np.isfinite(known).any():
        return None, None
    rows, columns = np.indices(known.shape)
    way = np.hypot(rows - known.shape[0] // 2, columns - known.shape[1] // 2)
    first = _cell(np.where(known == known.max(), -way, -np.inf))
    around = [
        np.roll(np.pad(known, 1, constant_values=-np.inf), s, (0, 1))[1:-1, 1:-1]
        for s in NEIGHBOURS
    ]
    lower = np.min([np.where(np.isfinite(a), a, np.inf) for a in around], 0) < known
    others = (known >= np.max(around, 0)) & lower & np.isfinite(known)
    others &= np.maximum(abs(rows - first[0]), abs(columns - first[1])) > 1
    return first, _cell(np.where(others, known, -np.inf)) if others.any() else None


NEIGHBOURS = [(a, b) for a in (-1, 0, 1) for b in (-1, 0, 1) if a or b]


def finer(size: int) -> int:
    """How much finer than `size` pixels high an image is drawn before it is shrunk."""
    return 2 if size < SHARP else 1


def place(
    canvas: Image.Image,
    scores: np.ndarray,
    window_centre: np.ndarray,
    scale: float,
    stride: float = 1,
) -> np.ndarray:
    """Paint the score window, its cells `stride` pixels wide, where it lies; returns its box
    (left, top, right, bottom) on the canvas.
    """
    side = round(len(scores) * stride * scale)
    corner = np.round(
        (np.asarray(window_centre, float) + 0.5 - stride * len(scores) / 2) * scale
    ).astype(int)
    cells = _coloured(scores, side)
    canvas.paste(cells, tuple(corner), cells)
    return np.array([*corner, *(corner + side)])


def inset(
    canvas: Image.Image,
    scores: np.ndarray,
    window: np.ndarray,
    away: np.ndarray,
    candidates: np.ndarray | None = None,
) -> None:
    """Magnify the score window in the corner that is farthest from the points in `away`; best
    ringed, runner-up in a diamond.

    With `candidates` (m 2), in cells from the window's middle, those are shown instead: what was
    chosen is one of them.
    """
    draw, unit = ImageDraw.Draw(canvas), canvas.height / UNIT
    x, y, cell = _corner(canvas.size, len(scores), away)
    side = cell * len(scores)
    box = [x, y, x + side - 1, y + side - 1]
    slope = np.prod(np.add(window[:2], window[2:]) - np.add(box[:2], box[2:]))
    # the corners that see each other
    for a, b in ((2, 1), (0, 3)) if slope > 0 else ((0, 1), (2, 3)):
        draw.line([window[a], window[b], box[a], box[b]], BLACK, round(2 * unit))
        draw.line([window[a], window[b], box[a], box[b]], WHITE, round(unit))
    canvas.paste(tuple(NONE.tolist()), (x, y, x + side, y + side))
    cells = _coloured(scores, side)
    canvas.paste(cells, (x, y), cells)
    for outline, grow in ((BLACK, round(2.5 * unit)), (WHITE, round(2 * unit))):
        for frame in (window, box):
            draw.rectangle(
                [*(frame[:2] - np.int64(grow)), *(frame[2:] + np.int64(grow))],
                outline=outline,
                width=round(2 * unit) or 1,
            )
    if candidates is None:
        return _peaks(draw, scores, (x, y), cell, unit)
    for spot in (candidates + len(scores) / 2) * cell + (x, y):
        if (spot >= (x, y)).all() and (spot <= (x + side, y + side)).all():
            disc(draw, spot, 2.6 * unit, BLACK)
            disc(draw, spot, 1.8 * unit, WHITE)


def under(
    x: float,
    y: float,
    scores: np.ndarray,
    window_centre: np.ndarray,
    shape: tuple[int, int],
    away: np.ndarray,
    size: int = 2 * UNIT,
    stride: float = 1,
) -> Cell | None:
    """The window's cell under the point (x, y) of an image that `draw_overlay` made: in the lens, or in
    place; else ``None``.

    Args:
        x, y: in pixels of the image.
        scores, near, shape: the window (k k), its centre (2) and the image's (height, width).
        away: what the lens keeps away from: the targets.
        size: the height that `draw_overlay` was asked for; the lens has whole pixels of that.
        stride: pixels of the image between neighbours in the window.
    """
    height = size * finer(size)
    scale = height / shape[0]
    left, top, cell = _corner(
        (round(shape[1] * scale), height), len(scores), (np.asarray(away, float) + 0.5) * scale
    )
    for row, column in (
        (((y + 0.5) * scale - top) / cell, ((x + 0.5) * scale - left) / cell),
        (
            (y - window_centre[1]) / stride + len(scores) / 2,
            (x - window_centre[0]) / stride + len(scores) / 2,
        ),
    ):
        if 0 <= row < len(scores) and 0 <= column < len(scores):
            return int(row), int(column)
    return None


def panels(
    maps: Mapping[str, np.ndarray],
    window_centre: np.ndarray,
    *,
    width: int = 780,
    chosen: str | None = None,
    stride: float = 1,
) -> Image.Image:
    """Score windows (k k) side by side, large, on one scale: each stretched from its worst to its
    best.

    Args:
        maps: by name; their raw range stands above them.
        near: (2) the window's centre, where the tracker looked from.
        width: in CSS pixels; the image is twice as wide, for sharp screens.
        chosen: name of the one that is underlined.
        stride: pixels of the image between neighbours in a window.
    """
    boxes, side = _boxes(maps, width)
    sheet = Image.new("RGB", (2 * width, boxes[0][1] + side + BOTTOM), WHITE)
    draw = ImageDraw.Draw(sheet)
    for (name, scores), (left, top) in zip(maps.items(), boxes):
        sheet.paste(tuple(NONE.tolist()), (left, top, left + side, top + side))
        cells = _coloured(scores, side)
        sheet.paste(cells, (left, top), cells)
        draw.rectangle([left - 2, top - 2, left + side + 1, top + side + 1], outline=INK, width=2)
        _peaks(draw, scores, (left, top), side / len(scores), 2)
        plus(draw, (left + side / 2, top + side / 2), min(side / len(scores) / 5, 10), 2)
        _title(draw, name, scores, (left, top), name == chosen and len(maps) > 1)
        _ticks(draw, len(scores), window_centre, (left, top), side, stride)
    return sheet


def panel_at(
    x: float, y: float, maps: Mapping[str, np.ndarray], width: int
) -> tuple[str, Cell] | None:
    """Which map and which of its cells lies under (x, y), in CSS pixels, of the image that
    `panels` made.
    """
    boxes, side = _boxes(maps, width)
    for (name, scores), (left, top) in zip(maps.items(), boxes):
        row, column = (2 * y - top) / side * len(scores), (2 * x - left) / side * len(scores)
        if 0 <= row < len(scores) and 0 <= column < len(scores):
            return name, (int(row), int(column))
    return None


def legend(width: int = 384, looked: bool = False) -> Image.Image:
    """What the colours and marks of score windows mean, twice as fine as its `width` in CSS
    pixels.
    """
    sheet = Image.new("RGB", (2 * width, 44), WHITE)
    draw, x = ImageDraw.Draw(sheet), 4
    x = _say(draw, x, "worst")
    sheet.paste(
        Image.fromarray(np.broadcast_to(viridis()[None, ::2, :3], (20, 128, 3)).copy()), (x, 12)
    )
    x = _say(draw, x + 138, "best in the window")
    marks = [(best, "best"), (runner_up, "runner-up")] + [(plus, "looked from here")] * looked
    for mark, word in marks:
        draw.ellipse([x + 8, 6, x + 40, 38], (94, 201, 98))  # a colour of the scale, for contrast
        mark(draw, (x + 24, 22), 11, 1.4)
        x = _say(draw, x + 48, word)
    return sheet


@lru_cache(maxsize=1)
def viridis() -> np.ndarray:
    """(256 4) uint8."""
    from matplotlib import colormaps  # half a second: only when scores are drawn

    return (colormaps["viridis"](np.arange(256)) * 255).astype(np.uint8)


def _cell(values: np.ndarray) -> Cell:
    row, column = np.unravel_index(values.argmax(), values.shape)
    return int(row), int(column)


def _coloured(scores: np.ndarray, side: int) -> Image.Image:
    return Image.fromarray(colours(scores)).resize((side, side), Image.Resampling.NEAREST)


def _corner(size: tuple[int, int], cells: int, away: np.ndarray) -> tuple[int, int, int]:
    """The lens's upper left corner and the side of one of its cells, on a canvas of `size` (width,
    height).
    """
    unit = size[1] / UNIT
    cell = max(round(96 * unit / cells), 1)
    side, edge = cell * cells, round(10 * unit)
    spots = [(x, y) for y in (edge, size[1] - side - edge) for x in (edge, size[0] - side - edge)]
    x, y = max(
        spots,
        key=lambda s: min(np.hypot(*(np.add(s, side / 2) - p)) for p in away) if len(away) else 0,
    )
    return x, y, cell


def _peaks(
    draw: ImageDraw.ImageDraw, scores: np.ndarray, corner, cell: float, unit: float
) -> None:
    """Ring the best cell and put the runner-up in a diamond."""
    for mark, found in zip((best, runner_up), peaks(scores)):
        if found:
            centre = (corner[0] + (found[1] + 0.5) * cell, corner[1] + (found[0] + 0.5) * cell)
            mark(
                draw, centre, max(min(cell / 2 - unit, 14 * unit), 3 * unit), min(unit, cell / 10)
            )


def _boxes(maps: Mapping[str, np.ndarray], width: int) -> tuple[list[tuple[int, int]], int]:
    """Each panel's upper left corner, and their side."""
    side = (2 * width - 3 * (SIDE + GAP)) // 3  # room for three, so that one alone is no larger
    return [(SIDE + i * (side + SIDE + GAP), TOP) for i in range(len(maps))], side


def _title(
    draw: ImageDraw.ImageDraw, name: str, scores: np.ndarray, corner: tuple[int, int], chosen: bool
) -> None:
    known = scores[np.isfinite(scores)]
    words = f"{known.min():.3g} … {known.max():.3g}" if len(known) else "no score"
    x, y = corner[0], corner[1] - 44
    draw.text((x, y), name, INK, font(26))
    end = x + draw.textlength(name, font(26))
    draw.text((end + 14, y + 4), words, GREY, font(22))
    if chosen:
        draw.line([x, y + 33, end, y + 33], INK, 3)


def _ticks(
    draw: ImageDraw.ImageDraw,
    cells: int,
    window_centre: np.ndarray,
    corner: tuple[int, int],
    side: int,
    stride: float,
) -> None:
    """The pixels' numbers: first, middle and last column and row."""
    (left, top), radius = corner, cells // 2
    for offset in (-radius, 0, radius):
        at = (offset + radius + 0.5) * side / cells
        draw.text(
            (left + at, top + side + 8),
            f"{window_centre[0] + stride * offset:g}",
            GREY,
            font(20),
            anchor="ma",
        )
        draw.text(
            (left - 8, top + at),
            f"{window_centre[1] + stride * offset:g}",
            GREY,
            font(20),
            anchor="rm",
        )
    draw.text((left - 8, top + side + 8), "x (px)", GREY, font(18), anchor="ma")
    draw.text((left - 8, top - 8), "y", GREY, font(18), anchor="rd")


def _say(draw: ImageDraw.ImageDraw, x: float, word: str) -> int:
    """Write `word`; returns where the next thing may begin."""
    draw.text((x, 22), word, INK, font(22), anchor="lm")
    return round(x + draw.textlength(word, font(22)) + 12)
