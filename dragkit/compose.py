"""One compositor: the picture with handles, targets, paths, mask and score window drawn in.

Widgets show what it returns, GIFs are made of it, saved notebooks keep it. Numpy and Pillow only.
Colours are the colour-blind-safe ones of Okabe and Ito; scores use matplotlib's "viridis".
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from PIL import Image, ImageDraw

HANDLE, TARGET, PATH = (213, 94, 0), (0, 114, 178), (240, 228, 66)
WHITE, BLACK = (255, 255, 255), (0, 0, 0)
FINER = 2  # draw at twice the size, then shrink: smooth lines


def compose(
    image: np.ndarray,
    points: np.ndarray | None = None,
    targets: np.ndarray | None = None,
    *,
    path: np.ndarray | None = None,
    mask: np.ndarray | None = None,
    scores: np.ndarray | None = None,
    near: np.ndarray | None = None,
    size: int = 384,
) -> np.ndarray:
    """Draw over `image` (uint8 H W 3) and return uint8 (h w 3), `size` pixels high.

    Args:
        points, targets: (n 2) handles and targets, in pixels (x, y) of `image`; more handles than targets
            are drawn without an arrow.
        path: (steps n 2) the handles' way so far.
        mask: (H W), 1 = may move; what must stay is veiled.
        scores, near: one score window (k k) and its centre (2), drawn over the picture.
    """
    scale = size * FINER / image.shape[0]
    canvas = Image.fromarray(image).resize(_scaled(image, scale), Image.Resampling.BICUBIC)
    if mask is not None:
        canvas = _veil(canvas, mask)
    if scores is not None:
        _paste_scores(canvas, scores, near, scale)
    draw = ImageDraw.Draw(canvas)
    at = lambda p: tuple((np.asarray(p, float) + 0.5) * scale)  # noqa: E731
    for way in [] if path is None else np.moveaxis(path, 1, 0):
        _line(draw, [at(p) for p in way], PATH, 2)
    points, targets = (np.zeros((0, 2)) if p is None else p for p in (points, targets))
    for point, target in zip(points, targets):
        _arrow(draw, at(point), at(target))
    for i, target in enumerate(targets):
        _dot(draw, at(target), TARGET, i, len(targets))
    for i, point in enumerate(points):
        _dot(draw, at(point), HANDLE, i, len(points))
    return np.asarray(canvas.resize((canvas.width // FINER, canvas.height // FINER), Image.Resampling.BOX))


def colours(scores: np.ndarray) -> np.ndarray:
    """Scores (k k) as uint8 RGBA (k k 4), lowest dark, highest bright; NaN is transparent."""
    known = np.isfinite(scores)
    low, high = (scores[known].min(), scores[known].max()) if known.any() else (0, 1)
    level = np.where(known, (scores - low) / (high - low or 1), 0)
    return np.where(known[..., None], _viridis()[(level * 255).astype(int)], 0).astype(np.uint8)


def encode(image: np.ndarray, quality: int = 92) -> bytes:
    """uint8 (h w 3) as JPEG bytes."""
    from io import BytesIO

    out = BytesIO()
    Image.fromarray(image).save(out, "JPEG", quality=quality, subsampling=0)
    return out.getvalue()


@lru_cache(maxsize=1)
def _viridis() -> np.ndarray:
    from matplotlib import colormaps  # half a second: only when scores are drawn

    return (colormaps["viridis"](np.arange(256)) * 255).astype(np.uint8)


def _scaled(image: np.ndarray, scale: float) -> tuple[int, int]:
    return round(image.shape[1] * scale), round(image.shape[0] * scale)


def _veil(canvas: Image.Image, mask: np.ndarray) -> Image.Image:
    """Whiten what must stay by half."""
    free = Image.fromarray((np.asarray(mask) * 255).astype(np.uint8)).resize(canvas.size, Image.Resampling.BILINEAR)
    return Image.composite(canvas, Image.blend(canvas, Image.new("RGB", canvas.size, WHITE), 0.5), free)


def _paste_scores(canvas: Image.Image, scores: np.ndarray, near: np.ndarray, scale: float) -> None:
    k = len(scores)
    side = round(k * scale)
    corner = tuple(np.round((np.asarray(near, float) - k // 2) * scale).astype(int))
    heat = Image.fromarray(colours(scores)).resize((side, side), Image.Resampling.NEAREST)
    heat.putalpha(heat.getchannel("A").point(lambda a: a * 3 // 4))
    canvas.paste(heat, corner, heat)
    box = [*corner, corner[0] + side, corner[1] + side]
    ImageDraw.Draw(canvas).rectangle(box, outline=WHITE, width=FINER)


def _line(draw: ImageDraw.ImageDraw, points: list[tuple[float, float]], colour: tuple, width: int) -> None:
    if len(points) > 1:
        draw.line(points, BLACK, (width + 2) * FINER, joint="curve")
        draw.line(points, colour, width * FINER, joint="curve")


def _arrow(draw: ImageDraw.ImageDraw, start: tuple, end: tuple) -> None:
    way = np.subtract(end, start)
    length = np.hypot(*way)
    if length < 20 * FINER:  # the dots would hide it
        return
    unit = way / length
    tip, back = np.array(end) - unit * 8 * FINER, np.array(end) - unit * 16 * FINER
    side = np.array([-unit[1], unit[0]]) * 5 * FINER
    _line(draw, [start, tuple(back)], WHITE, 2)
    draw.polygon([tuple(tip), tuple(back + side), tuple(back - side)], WHITE, BLACK)


def _dot(draw: ImageDraw.ImageDraw, centre: tuple, colour: tuple, index: int, count: int) -> None:
    """A ringed dot; numbered from 1 where there are several."""
    x, y = centre
    r = (8 if count > 1 else 6) * FINER
    draw.ellipse([x - r, y - r, x + r, y + r], colour, WHITE, 2 * FINER)
    if count > 1:
        draw.text((x, y), str(index + 1), WHITE, anchor="mm", font_size=10 * FINER)
