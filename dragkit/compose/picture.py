"""The picture with handles, targets, paths, mask and score window drawn in."""

from __future__ import annotations

from functools import lru_cache
from io import BytesIO

import numpy as np
from PIL import Image, ImageDraw, ImageFilter, ImageFont

HANDLE, TARGET, PATH = (213, 94, 0), (0, 114, 178), (240, 228, 66)
WHITE, BLACK, INK = (255, 255, 255), (0, 0, 0), (32, 33, 36)
UNIT = 384  # all widths are given for a picture of this height
SHARP = 500  # smaller pictures are drawn at twice their size, then shrunk: smooth lines


def paint(
    image: np.ndarray,
    points: np.ndarray | None = None,
    targets: np.ndarray | None = None,
    *,
    path: np.ndarray | None = None,
    mask: np.ndarray | None = None,
    scores: np.ndarray | None = None,
    near: np.ndarray | None = None,
    selected: int | None = None,
    size: int = 384,
    bold: float = 1,
) -> Image.Image:
    """Draw over `image` (uint8 H W 3) and return a Pillow picture, `size` pixels high.

    Args:
        points, targets: (n 2) handles (dots) and targets (rings), in pixels (x, y) of `image`; a handle
            without a target is drawn without an arrow.
        path: (steps n 2) the handles' way so far.
        mask: (H W), 1 = may move; what must stay is veiled.
        scores, near: one score window (k k) and its centre (2): drawn in place and magnified in a corner.
        selected: number of the pair that gets a halo.
        bold: how much larger points and lines are than usual, for pictures that are shown small.
    """
    finer = 2 if size < SHARP else 1
    scale = size * finer / image.shape[0]
    canvas = Image.fromarray(image).resize(_scaled(image, scale), Image.Resampling.BICUBIC)
    if mask is not None:
        canvas = _veil(canvas, np.asarray(mask))
    points, targets = (np.zeros((0, 2)) if p is None else np.asarray(p, float) for p in (points, targets))
    unit = bold * canvas.height / UNIT
    spots, ends = ((p + 0.5) * scale for p in (points, targets))
    if scores is not None:
        window = _window(canvas, scores, near, scale)
    draw = ImageDraw.Draw(canvas)
    for way in [] if path is None else np.moveaxis((np.asarray(path) + 0.5) * scale, 1, 0):
        _way(draw, way, unit)
    for spot, end in zip(spots, ends):
        _arrow(draw, spot, end, unit)
    for i, end in enumerate(ends):
        _ring(draw, end, unit, i if len(points) > 1 else None, i == selected)
    for i, spot in enumerate(spots):
        _dot(draw, spot, unit, i if len(points) > 1 else None, i == selected)
    if scores is not None:
        _lens(canvas, scores, window, ends if len(ends) else spots)
    return canvas.reduce(finer) if finer > 1 else canvas


def colours(scores: np.ndarray) -> np.ndarray:
    """Scores (k k) as uint8 RGBA (k k 4), lowest dark, highest bright; NaN is transparent."""
    known = np.isfinite(scores)
    low, high = (scores[known].min(), scores[known].max()) if known.any() else (0, 1)
    level = np.where(known, (scores - low) / (high - low or 1), 0)
    return np.where(known[..., None], _viridis()[(level * 255).astype(int)], 0).astype(np.uint8)


def encode(image: np.ndarray | Image.Image, quality: int = 90, fine: bool = False) -> bytes:
    """A picture as JPEG bytes, for live widgets; `fine` keeps coloured lines crisp, for saved notebooks."""
    out = BytesIO()
    _pillow(image).save(out, "JPEG", quality=quality, subsampling=0 if fine else 2)
    return out.getvalue()


def png(image: np.ndarray | Image.Image) -> bytes:
    """A picture as PNG bytes, for snapshots: without loss, and twice as large as a fine JPEG."""
    out = BytesIO()
    _pillow(image).save(out, "PNG")
    return out.getvalue()


def beside(*pictures: Image.Image, gap: int = 12, stacked: bool = False) -> Image.Image:
    """Put pictures in a row, or in a column, on white."""
    widths, heights = [p.width for p in pictures], [p.height for p in pictures]
    gaps = gap * (len(pictures) - 1)
    size = (max(widths), sum(heights) + gaps) if stacked else (sum(widths) + gaps, max(heights))
    sheet, at = Image.new("RGB", size, WHITE), 0
    for picture in pictures:
        sheet.paste(picture, (0, at) if stacked else (at, 0))
        at += (picture.height if stacked else picture.width) + gap
    return sheet


@lru_cache(maxsize=32)
def font(size: int) -> ImageFont.ImageFont:
    """Pillow's own typeface, `size` pixels high."""
    return ImageFont.load_default(max(size, 6))


def _pillow(image: np.ndarray | Image.Image) -> Image.Image:
    return image if isinstance(image, Image.Image) else Image.fromarray(image)


@lru_cache(maxsize=1)
def _viridis() -> np.ndarray:
    from matplotlib import colormaps  # half a second: only when scores are drawn

    return (colormaps["viridis"](np.arange(256)) * 255).astype(np.uint8)


def _scaled(image: np.ndarray, scale: float) -> tuple[int, int]:
    return round(image.shape[1] * scale), round(image.shape[0] * scale)


def _veil(canvas: Image.Image, mask: np.ndarray) -> Image.Image:
    """Whiten what must stay and draw the border of what may move."""
    veil, strength = _veils(mask.astype(bool).tobytes(), mask.shape, canvas.size)
    return Image.composite(veil, canvas, strength)


@lru_cache(maxsize=4)
def _veils(mask: bytes, shape: tuple[int, int], size: tuple[int, int]) -> tuple[Image.Image, Image.Image]:
    """The veil with its border, and how strong it is at every pixel: the same for every frame of a run."""
    free = Image.fromarray(np.frombuffer(mask, np.uint8).reshape(shape) * 255).resize(size, Image.Resampling.BICUBIC)
    smooth = free.filter(ImageFilter.BoxBlur(size[1] / shape[0]))  # no staircase of pixels
    inside = smooth.point(lambda v: 255 * (v > 127))
    wide = 2 * max(round(size[1] / UNIT / 2), 1) + 1
    border = np.asarray(inside) != np.asarray(inside.filter(ImageFilter.MinFilter(wide)))
    veil = Image.fromarray(np.where(border[..., None], np.uint8(INK), np.uint8(WHITE)))
    return veil, Image.fromarray(np.where(border | ~np.asarray(inside, bool), np.uint8(150), np.uint8(0)))


def _window(canvas: Image.Image, scores: np.ndarray, near: np.ndarray, scale: float) -> np.ndarray:
    """Paint the score window where it lies; returns its box (left, top, right, bottom) on the canvas."""
    side = round(len(scores) * scale)
    corner = np.round((np.asarray(near, float) - len(scores) // 2) * scale).astype(int)
    heat = Image.fromarray(colours(scores)).resize((side, side), Image.Resampling.NEAREST)
    canvas.paste(heat, tuple(corner), heat)
    return np.array([*corner, *(corner + side)])


def _lens(canvas: Image.Image, scores: np.ndarray, window: np.ndarray, away: np.ndarray) -> None:
    """Magnify the score window in the corner that is farthest from the points in `away`."""
    draw, unit = ImageDraw.Draw(canvas), canvas.height / UNIT
    cell = max(round(96 * unit / len(scores)), 1)
    side, edge = cell * len(scores), round(10 * unit)
    spots = [(x, y) for y in (edge, canvas.height - side - edge) for x in (edge, canvas.width - side - edge)]
    x, y = max(spots, key=lambda s: min(np.hypot(*(np.add(s, side / 2) - p)) for p in away) if len(away) else 0)
    box = [x, y, x + side - 1, y + side - 1]
    slope = np.prod(np.add(window[:2], window[2:]) - np.add(box[:2], box[2:]))
    for a, b in ((2, 1), (0, 3)) if slope > 0 else ((0, 1), (2, 3)):  # the corners that see each other
        draw.line([window[a], window[b], box[a], box[b]], BLACK, round(2 * unit))
        draw.line([window[a], window[b], box[a], box[b]], WHITE, round(unit))
    heat = Image.fromarray(colours(scores)).resize((side, side), Image.Resampling.NEAREST)
    canvas.paste((128, 128, 128), (x, y, x + side, y + side))
    canvas.paste(heat, (x, y), heat)
    for outline, grow in ((BLACK, round(2.5 * unit)), (WHITE, round(2 * unit))):
        for frame in (window, box):
            draw.rectangle([*(frame[:2] - np.int64(grow)), *(frame[2:] + np.int64(grow))], outline=outline, width=round(2 * unit) or 1)
    if np.isfinite(scores).any():
        row, column = np.unravel_index(np.nanargmax(scores), scores.shape)
        _circle(draw, (x + (column + 0.5) * cell, y + (row + 0.5) * cell), cell / 2 - unit, BLACK, width=2 * unit)


def _way(draw: ImageDraw.ImageDraw, way: np.ndarray, unit: float) -> None:
    """A handle's path, with a small ring where it began."""
    points = [tuple(p) for p in way]
    if len(points) > 1:
        draw.line(points, BLACK, round(4.5 * unit), joint="curve")
        draw.line(points, PATH, round(2.5 * unit), joint="curve")
    _disc(draw, points[0], 4 * unit, BLACK)
    _disc(draw, points[0], 3 * unit, PATH)


def _arrow(draw: ImageDraw.ImageDraw, start: np.ndarray, end: np.ndarray, unit: float) -> None:
    way = end - start
    length = np.hypot(*way)
    if length < 22 * unit:  # the dots would hide it
        return
    way, across = way / length, np.array([-way[1], way[0]]) / length
    tip, back = end - way * 9 * unit, end - way * 18 * unit
    head = lambda grow: [tuple(tip + way * grow), *(tuple(back - way * grow / 2 + s * across * (5 * unit + grow)) for s in (1, -1))]
    for colour, grow in ((BLACK, 1.2 * unit), (WHITE, 0)):
        draw.line([tuple(start), tuple(back)], colour, round(2 * unit + 2 * grow))
        draw.polygon(head(grow), colour)


def _dot(draw: ImageDraw.ImageDraw, centre: np.ndarray, unit: float, number: int | None, halo: bool) -> None:
    """A handle: a filled dot."""
    r = (6.5 if number is None else 8) * unit
    _halo(draw, centre, r, unit, halo)
    _disc(draw, centre, r + 0.8 * unit, BLACK)
    _disc(draw, centre, r, WHITE)
    _disc(draw, centre, r - 1.8 * unit, HANDLE)
    if number is not None:
        draw.text(tuple(centre), str(number), WHITE, font(round(10 * unit)), anchor="mm")


def _ring(draw: ImageDraw.ImageDraw, centre: np.ndarray, unit: float, number: int | None, halo: bool) -> None:
    """A target: a ring around a dot, or around its number."""
    r = (8 if number is None else 10) * unit
    _halo(draw, centre, r, unit, halo)
    _circle(draw, centre, r + 0.8 * unit, BLACK, 6 * unit)
    _circle(draw, centre, r, WHITE, 4.4 * unit)
    _circle(draw, centre, r - unit, TARGET, 2.4 * unit)
    _disc(draw, centre, (r - 4 * unit) if number is not None else 3.2 * unit, WHITE)
    if number is None:
        _disc(draw, centre, 2 * unit, TARGET)
    else:
        draw.text(tuple(centre), str(number), TARGET, font(round(10 * unit)), anchor="mm")


def _halo(draw: ImageDraw.ImageDraw, centre: np.ndarray, r: float, unit: float, on: bool) -> None:
    if on:
        _circle(draw, centre, r + 4 * unit, BLACK, 3.4 * unit)
        _circle(draw, centre, r + 3.3 * unit, PATH, 2 * unit)


def _disc(draw: ImageDraw.ImageDraw, centre, r: float, colour: tuple) -> None:
    draw.ellipse([centre[0] - r, centre[1] - r, centre[0] + r, centre[1] + r], colour)


def _circle(draw: ImageDraw.ImageDraw, centre, r: float, colour: tuple, width: float) -> None:
    r = max(r, 1)
    draw.ellipse([centre[0] - r, centre[1] - r, centre[0] + r, centre[1] + r], outline=colour, width=max(round(width), 1))
