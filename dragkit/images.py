"""Your own images as a model reads them: of its size, three channels in 0..1.

What a file holds, whatever it is (:mod:`dragkit.planes`), is brought to the model's size in one of
four ways (:mod:`dragkit.placement`).
"""

from __future__ import annotations

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from .placement import FITS as FITS
from .placement import Fit, Placement, Size, image_size, placement
from .planes import ImageLike as ImageLike
from .planes import Planes, planes_of


def read_image(image: ImageLike, size: int | Size | None = None, fit: Fit = "crop") -> Tensor:
    """The image (3 H W), floats in 0..1.

    It is rotated upright, laid over white where it is transparent, and scaled by Pillow's bicubic
    filter, which averages when it shrinks an image. Grey becomes three equal channels; of an
    animated file the first frame is read. The colours of 8-bit images are brought to sRGB by the
    ICC profile in the file, such as Display-P3 of a phone, if it can be read.

    Args:
        image: a path (of a .npy, too), the bytes of a file, an open file, a Pillow image, an array
            (H W), (H W 3) or (H W 4), or a tensor (3 H W); also a batch of one of these. Whole
            numbers are uint8, or uint16 of 12 or 16 bits; floats are in 0..1.
        size: (height, width) in pixels, such as ``model.size``, or one number for a square; None
            keeps the image's own size.
        fit: "crop" keeps the largest part in the middle that has the new shape; "pad" keeps the
            whole image and gives each border the mean colour of the edge beside it. So sky
            continues as sky; repeated pixels would be stripes, which no generator makes (our
            choice). "resize" stretches the whole image. "native" leaves it as it is, and its size
            must be `size`. :func:`dragkit.carry` brings points and a mask along.

    Raises:
        FileNotFoundError: no such file.
        TypeError: `image` is something else.
        ValueError: not an image, one of a format that is not read, a damaged one, or one of more
            than 50 million pixels (24 million in floats, 16 bits, with transparency or in WebP);
            an array of another shape, type or range; an unknown `fit`, or sizes that do not fit.

    Warns:
        UserWarning: 16-bit numbers were taken for 8 or 12 bits, because they are so small.
    """
    wanted = None if size is None else image_size(size)
    planes = planes_of(image)
    width, height = planes[0].size
    fitting = fit if wanted else "native"
    return placed(planes, placement((height, width), wanted, fitting))


def placed(planes: Planes, where: Placement) -> Tensor:
    """The image (3 H W) in 0..1 that planes make in their new place."""
    left, top, right, bottom = where.place
    inner = scaled(planes, (right - left, bottom - top), where.box)
    if tuple(inner.shape[1:]) == where.size:
        return inner
    return _bordered(inner, where)


def scaled(
    planes: Planes, size: tuple[int, int], box: tuple[float, float, float, float]
) -> Tensor:
    """(c H W) in 0..1 of a box in each of the planes, at `size` (width, height)."""
    pixels = [
        np.asarray(plane.resize(size, Image.Resampling.BICUBIC, box), np.float32)
        for plane in planes
    ]
    whole = 255 if planes[0].mode == "L" else 1
    return torch.from_numpy(np.stack(pixels) / whole).clamp(0, 1)  # the filter overshoots at edges


def _bordered(inner: Tensor, where: Placement) -> Tensor:
    """The image with a border of one colour on each side: the mean of the edge beside it."""
    left, top, right, bottom = where.place
    height, width = where.size
    image = torch.empty(3, height, width)
    image[:, :, :left] = inner[:, :, 0].mean(1)[:, None, None]
    image[:, :, right:] = inner[:, :, -1].mean(1)[:, None, None]
    if bottom - top < height:
        image[:, :top] = inner[:, 0].mean(1)[:, None, None]
        image[:, bottom:] = inner[:, -1].mean(1)[:, None, None]
    image[:, top:bottom, left:right] = inner
    return image
