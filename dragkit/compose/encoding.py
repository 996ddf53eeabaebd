"""Images as bytes, for the browser and for saved notebooks."""

from __future__ import annotations

from io import BytesIO

import numpy as np
from PIL import Image


def encode(image: np.ndarray | Image.Image, quality: int = 90, fine: bool = False) -> bytes:
    """An image as JPEG bytes, for live widgets.

    Args:
        image: Pillow's, or uint8 (H W 3).
        quality: of the JPEG, up to 95.
        fine: keep coloured lines crisp, for saved notebooks.
    """
    out = BytesIO()
    subsampling = 0 if fine else 2
    _to_pillow(image).save(out, "JPEG", quality=quality, subsampling=subsampling)
    return out.getvalue()


def png(image: np.ndarray | Image.Image) -> bytes:
    """An image as PNG bytes, for snapshots: without loss, and twice as large as a fine JPEG."""
    out = BytesIO()
    _to_pillow(image).save(out, "PNG")
    return out.getvalue()


def webp(image: np.ndarray | Image.Image, quality: int = 85) -> bytes:
    """An image as WebP bytes, half as large as a JPEG of the same quality, for files to keep.

    Args:
        image: Pillow's, or uint8 (H W 3).
        quality: up to 100.
    """
    out = BytesIO()
    _to_pillow(image).save(out, "WEBP", quality=quality)
    return out.getvalue()


def _to_pillow(image: np.ndarray | Image.Image) -> Image.Image:
    if isinstance(image, Image.Image):
        return image
    return Image.fromarray(image)
