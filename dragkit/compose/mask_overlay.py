"""The mask over an image: what must stay is whitened, and a line runs along what may move."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from PIL import Image, ImageFilter

from .marks import INK, UNIT, WHITE
from .viewport import Viewport

OPACITY = 150  # of the white over what must stay, and of the line; of 255


def overlay_mask(canvas: Image.Image, mask: np.ndarray, viewport: Viewport) -> Image.Image:
    """Whiten what must stay and draw the border of what may move (H W, 1 = may move)."""
    free = np.asarray(mask).astype(bool)
    cover, opacity = _cover(free.tobytes(), viewport, canvas.size)
    return Image.composite(cover, canvas, opacity)


def mask_cover(mask: np.ndarray, most: int) -> Image.Image:
    """What :func:`overlay_mask` draws, by itself: RGBA, transparent where nothing is drawn.

    Args:
        mask: (H W), 1 = may move.
        most: the longer side of the cover, in pixels.
    """
    free = np.asarray(mask).astype(bool)
    height, width = (round(side * most / max(free.shape)) for side in free.shape)
    size = (max(width, 1), max(height, 1))
    cover, opacity = _cover(free.tobytes(), Viewport(free.shape), size)
    layer = cover.copy()
    layer.putalpha(opacity)
    return layer


@lru_cache(maxsize=4)
def _cover(
    mask: bytes, viewport: Viewport, size: tuple[int, int]
) -> tuple[Image.Image, Image.Image]:
    """What is laid over an image, and its opacity at every pixel.

    They are cached, because they are the same for every frame of a run.
    """
    pixels = np.frombuffer(mask, np.uint8).reshape(viewport.size) * 255
    enlarged = Image.fromarray(pixels).resize(size, Image.Resampling.BICUBIC, box=viewport.box)
    blur = ImageFilter.BoxBlur(viewport.scale(size[1]))  # no staircase of pixels
    smooth = enlarged.filter(blur)
    free = np.asarray(smooth) > 127

    thickness = 2 * max(round(size[1] / UNIT / 2), 1) + 1
    shrunk = Image.fromarray(np.uint8(255) * free).filter(ImageFilter.MinFilter(thickness))
    border = free != (np.asarray(shrunk) > 0)

    cover = np.where(border[..., None], np.array(INK, np.uint8), np.array(WHITE, np.uint8))
    opacity = np.where(border | ~free, np.uint8(OPACITY), np.uint8(0))
    return Image.fromarray(cover), Image.fromarray(opacity)
