"""The image with handles, targets, paths, mask and score window drawn in."""

from __future__ import annotations

from functools import lru_cache
from io import BytesIO

import numpy as np
from PIL import Image, ImageDraw, ImageFilter

from .marks import INK, UNIT, WHITE, arrow, circle, dot, plus, ring, way
from .score_windows import finer, inset, place


def draw_overlay(
    image: np.ndarray,
    points: np.ndarray | None = None,
    targets: np.ndarray | None = None,
    *,
    path: np.ndarray | None = None,
    mask: np.ndarray | None = None,
    scores: np.ndarray | None = None,
    window_centre: np.ndarray | None = None,
    stride: float = 1,
    candidates: np.ndarray | None = None,
    selected: int | None = None,
    cursor: tuple[float, float, float] | None = None,
    size: int = 384,
    bold: float = 1,
) -> Image.Image:
    """Draw over `image` (uint8 H W 3) and return a Pillow image, `size` pixels high.

    Args:
        points, targets: (n 2) handles (dots) and targets (rings), in pixels (x, y) of `image`; a
            handle without a target is drawn without an arrow.
        path: (steps n 2) the handles' way so far.
        mask: (H W), 1 = may move; what must stay is veiled.
        scores, near: one score window (k k) and its centre (2): drawn in place and magnified in a
            corner.
        stride: pixels of `image` between neighbours in the window.
        candidates: (m 2) places that a goal was chosen from, drawn into the magnified window.
        selected: number of the pair that gets a halo.
        cursor: (x, y, radius) in pixels: where the keyboard is, and how large its brush.
        bold: how much larger points and lines are than usual, for images that are shown small.
    """
    times = finer(size)
    scale = size * times / image.shape[0]
    canvas = Image.fromarray(image).resize(_scaled(image, scale), Image.Resampling.BICUBIC)
    if mask is not None:
        canvas = _veil(canvas, np.asarray(mask))
    points, targets = (
        np.zeros((0, 2)) if p is None else np.asarray(p, float) for p in (points, targets)
    )
    unit = bold * canvas.height / UNIT
    spots, ends = ((p + 0.5) * scale for p in (points, targets))
    if scores is not None and not np.isfinite(scores).any():
        scores = None  # a tracker that compares nothing, such as optical flow
    if scores is not None:
        window = place(canvas, scores, window_centre, scale, stride)
    draw = ImageDraw.Draw(canvas)
    for places in [] if path is None else np.moveaxis((np.asarray(path) + 0.5) * scale, 1, 0):
        way(draw, places, unit)
    for spot, end in zip(spots, ends):
        arrow(draw, spot, end, unit)
    for i, end in enumerate(ends):
        ring(draw, end, unit, i if len(points) > 1 else None, i == selected)
    for i, spot in enumerate(spots):
        dot(draw, spot, unit, i if len(points) > 1 else None, i == selected)
    if cursor is not None:
        middle = (np.asarray(cursor[:2], float) + 0.5) * scale
        circle(draw, middle, cursor[2] * scale, WHITE, 2 * unit)
        plus(draw, middle, 7 * unit, unit)
    if scores is not None:
        inner = (
            None
            if candidates is None
            else (np.asarray(candidates, float) - window_centre) / stride
        )
        inset(canvas, scores, window, ends if len(ends) else spots, inner)
    return canvas.reduce(times) if times > 1 else canvas


def encode(image: np.ndarray | Image.Image, quality: int = 90, fine: bool = False) -> bytes:
    """An image as JPEG bytes, for live widgets; `fine` keeps coloured lines crisp, for saved
    notebooks.
    """
    out = BytesIO()
    _pillow(image).save(out, "JPEG", quality=quality, subsampling=0 if fine else 2)
    return out.getvalue()


def png(image: np.ndarray | Image.Image) -> bytes:
    """An image as PNG bytes, for snapshots: without loss, and twice as large as a fine JPEG."""
    out = BytesIO()
    _pillow(image).save(out, "PNG")
    return out.getvalue()


def hstack(*images: Image.Image, gap: int = 12, stacked: bool = False) -> Image.Image:
    """Put images in a row, or in a column, on white."""
    widths, heights = [p.width for p in images], [p.height for p in images]
    gaps = gap * (len(images) - 1)
    size = (max(widths), sum(heights) + gaps) if stacked else (sum(widths) + gaps, max(heights))
    sheet, at = Image.new("RGB", size, WHITE), 0
    for image in images:
        sheet.paste(image, (0, at) if stacked else (at, 0))
        at += (image.height if stacked else image.width) + gap
    return sheet


def _pillow(image: np.ndarray | Image.Image) -> Image.Image:
    return image if isinstance(image, Image.Image) else Image.fromarray(image)


def _scaled(image: np.ndarray, scale: float) -> tuple[int, int]:
    return round(image.shape[1] * scale), round(image.shape[0] * scale)


def _veil(canvas: Image.Image, mask: np.ndarray) -> Image.Image:
    """Whiten what must stay and draw the border of what may move."""
    veil, strength = _veils(mask.astype(bool).tobytes(), mask.shape, canvas.size)
    return Image.composite(veil, canvas, strength)


@lru_cache(maxsize=4)
def _veils(
    mask: bytes, shape: tuple[int, int], size: tuple[int, int]
) -> tuple[Image.Image, Image.Image]:
    """The veil with its border, and how strong it is at every pixel: the same for every frame of a
    run.
    """
    free = Image.fromarray(np.frombuffer(mask, np.uint8).reshape(shape) * 255).resize(
        size, Image.Resampling.BICUBIC
    )
    smooth = free.filter(ImageFilter.BoxBlur(size[1] / shape[0]))  # no staircase of pixels
    inside = smooth.point(lambda v: 255 * (v > 127))
    wide = 2 * max(round(size[1] / UNIT / 2), 1) + 1
    border = np.asarray(inside) != np.asarray(inside.filter(ImageFilter.MinFilter(wide)))
    veil = Image.fromarray(np.where(border[..., None], np.uint8(INK), np.uint8(WHITE)))
    return veil, Image.fromarray(
        np.where(border | ~np.asarray(inside, bool), np.uint8(150), np.uint8(0))
    )
