"""Masks as they come: files, images and arrays of every kind, as (H W) of 0 and 1; 1 = may move.

Whatever is white may move. In whole numbers of 0 to 255 that is 128 and more, in those of 0 to
65535 it is 32768 and more. Where a mask holds anything between black and white, that threshold is
said. Floats must be 0 and 1 already: nobody knows where theirs should be cut.
"""

from __future__ import annotations

import warnings
from math import prod
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from .arguments import numbers, shown
from .image_files import PIXELS
from .planes import FileLike, array_in, converted, opened
from .reading import declared_shape

CHANNELS = 4
BLACK = [0, 0, 0]
WHITES = (255, 65535)  # beside 1
LABELS = 8  # whole numbers up to this one are names of regions, not grey
WAY_OUT = (
    "an array (height, width) of 0 and 1, or of 0 and 255, or the path of a black and white image"
)


class NothingMayMove(ValueError):
    """A mask is 0 everywhere."""


def read_mask(mask: Any) -> Tensor:
    """The mask (H W) of 0 and 1, float32.

    Args:
        mask: a path, the bytes of a file, an open file, a Pillow image, or anything like an array
            (H W), also with three equal channels (H W 3) or (3 H W), or as a batch of one: of
            truths, of 0 and 1, or of 0 and 255. Of an image with a palette of colours and two
            regions, as of DAVIS and VOC, what is not number 0 may move, if number 0 is black.

    Raises:
        FileNotFoundError: no such file.
        ValueError: it has more than 50 million pixels, another shape or coloured channels, is
            partly transparent, holds other numbers, or is 0 everywhere (:class:`NothingMayMove`).

    Warns:
        UserWarning: it holds grey; the threshold is said.
    """
    if (array := array_in(mask)) is not None:
        mask = array
    if isinstance(mask, FileLike):
        mask = _of_image(mask)
    check_mask_of(mask)
    values = _comparable(numbers("mask", mask, WAY_OUT))
    free, white, between = _may_move(values)
    free = _one_channel(free)
    if between:
        warnings.warn(
            f"the mask has grey between black and white ({100 * between:.2g} % of it); values of"
            f" {(white + 1) // 2} and above may move ({white} is white)",
            stacklevel=5,
        )
    if not free.any():
        raise _nothing_may_move(values)
    return free.to(torch.float32)


def _nothing_may_move(values: Tensor) -> ValueError:
    way_out = "everywhere, so nothing may move; 1 = may move, or mask=None for no mask term"
    if not values.any():
        return NothingMayMove(f"mask is 0 {way_out}")
    return ValueError(f"mask is dark (at most {values.max().item():g}) {way_out}")


def check_mask_shape(shape: tuple[int, ...]) -> None:
    """Raise ValueError if a mask of this shape is larger than any image that is read."""
    pixels = prod(sorted(shape)[-2:])
    if pixels > PIXELS or prod(shape) > CHANNELS * PIXELS:
        raise ValueError(
            f"mask has shape {shown(shape)}; it must be (height, width), of at most {PIXELS:,}"
            " pixels together, as an image"
        )


def check_mask_of(value: Any) -> None:
    """Raise ValueError if anything like an array says that it is too large."""
    check_mask_shape(declared_shape(value))


def _of_image(mask: Any) -> np.ndarray:
    """Of a file or a Pillow image, upright: (H W), or (H W 3) if it has colours."""
    image, name, _ = opened(mask)
    seen = image
    if image.has_transparency_data:
        seen = converted(image, "RGBA", name)
        _check_opaque(seen, name)
    if seen.mode in ("1", "L") or seen.mode[0] in "IF":
        return np.asarray(seen)
    colours = np.asarray(converted(seen, "RGB", name))
    if image.mode == "P" and (colours != colours[..., :1]).any():
        return _of_regions(np.asarray(image), colours, name)
    return colours


def _check_opaque(image: Image.Image, name: str) -> None:
    """Raise ValueError if an image of mode RGBA is partly transparent."""
    if image.getchannel("A").getextrema() != (255, 255):
        raise ValueError(
            f"mask: {name} is partly transparent, and nobody knows whether that may move; give"
            ' what should: image.getchannel("A") for what is opaque, or a black and white image'
        )


def _of_regions(labels: np.ndarray, colours: np.ndarray, name: str) -> np.ndarray:
    """What may move where the colours of a palette only tell regions apart, as in DAVIS and VOC.

    There number 0 is black and the background, so of two regions the other one may move. Programs
    that make a palette of an image's colours give the numbers by other rules: Pillow's begins with
    the brightest.
    """
    found, first = np.unique(labels, return_index=True)
    seen = dict(zip(found.tolist(), colours.reshape(-1, 3)[first].tolist(), strict=True))
    if len(seen) == 2 and seen.get(0) == BLACK:
        return labels != 0
    listed = [f"{number} {tuple(colour)}" for number, colour in seen.items()]
    coloured = next(number for number, colour in seen.items() if colour != BLACK)
    raise ValueError(
        f"mask: {name} has regions in colours of a palette, with the numbers (and red, green,"
        f" blue) {', '.join(listed[:LABELS])}; choose what may move, such as"
        f" numpy.asarray(PIL.Image.open(file)) == {coloured}"
    )


def _comparable(values: Tensor) -> Tensor:
    """The same values in a type that torch compares and searches: it has many that it does not."""
    if values.dtype == torch.bool:
        return values
    return values.double() if values.is_floating_point() else values.long()


def _may_move(values: Tensor) -> tuple[Tensor, int, float]:
    """Which values are white (bool), what number white is, and the fraction of grey among them."""
    if values.dtype == torch.bool:
        return values, 1, 0
    other = values[(values != 0) & (values != 1)]
    if not len(other):
        return values == 1, 1, 0
    white = _white(values, other)
    between = (other != white).sum().item() / values.numel()
    return values >= (white + 1) // 2, white, between


def _white(values: Tensor, other: Tensor) -> int:
    """The number that is white: 255 or 65535."""
    grey = not values.is_floating_point() and values.min() >= 0 and values.max() > LABELS
    for white in WHITES:
        if (other == white).all() or (grey and values.max() <= white):
            return white
    raise ValueError(
        f"mask holds {other[0].item():g}; only 0 (stays) and 1 (may move), or 0 and 255 of an"
        " image, are allowed; try mask > 0.5"
    )


def _one_channel(free: Tensor) -> Tensor:
    """(H W) of (H W), or of equal channels in the first or the last place."""
    if free.ndim == 2:
        return free
    shape = tuple(free.shape)
    if free.ndim != 3 or not {shape[0], shape[2]} & {1, 3}:
        raise ValueError(f"mask has shape {shape}; it must be (height, width)")

    channels = free.unbind(2 if shape[2] in (1, 3) else 0)
    if any(not torch.equal(channel, channels[0]) for channel in channels):
        raise ValueError(
            f"mask has shape {shape}, and its channels differ, so it has colours; give a black and"
            " white image, or of an array one channel, such as mask[..., 0]"
        )
    return channels[0]
