"""Where an image of one size lies in one of another: the one place that says what `fit` means.

Image, points and mask all go by the same :class:`Placement`, so they stay on each other.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal, get_args

import torch
from torch import Tensor

from .arguments import shown
from .numeric import is_whole

Fit = Literal["native", "crop", "pad", "resize"]
Size = tuple[int, int]  # (height, width) in pixels

FITS: tuple[Fit, ...] = get_args(Fit)
LARGEST = 4096  # px: the longest side that an image is made for; most models' have a quarter
HALF = 0.5  # px from a pixel's centre to its edge


@dataclass(frozen=True)
class Placement:
    """A box of one image, and the place in another one that it fills.

    Both are (left, top, right, bottom) in pixels, counted between the pixels: pixel 0 is from 0
    to 1, and its centre, where points are counted from, at 1/2.

    Attributes:
        source: (height, width) of the image that is brought.
        size: (height, width) of the image that is made of it.
        box: what is shown of the source.
        place: what it fills; around it are borders.
    """

    source: Size
    size: Size
    box: tuple[float, float, float, float]
    place: tuple[int, int, int, int]

    @property
    def scale(self) -> tuple[float, float]:
        """(x, y) how many times wider and higher things become."""
        left, top, right, bottom = self.box
        place_left, place_top, place_right, place_bottom = self.place
        across = (place_right - place_left) / (right - left)
        down = (place_bottom - place_top) / (bottom - top)
        return across, down

    def carried(self, points: Tensor) -> Tensor:
        """Where `points` (… 2) of the source, (x, y), are in the image that is made of it."""
        scale = torch.tensor(self.scale, dtype=torch.float64)
        from_corner = points.double().cpu() + HALF - torch.tensor(self.box[:2])
        return (from_corner * scale + torch.tensor(self.place[:2]) - HALF).to(points)

    def taken_back(self, points: Tensor) -> Tensor:
        """Where `points` (… 2) of the image that is made of it, (x, y), are in the source."""
        scale = torch.tensor(self.scale, dtype=torch.float64)
        from_place = points.double().cpu() + HALF - torch.tensor(self.place[:2])
        return (from_place / scale + torch.tensor(self.box[:2]) - HALF).to(points)

    def shows(self, points: Tensor) -> Tensor:
        """Which of `points` (… 2) of the source are still to be seen: bool (…)."""
        left, top, right, bottom = self.box
        edges = points.double() + HALF
        low = edges >= edges.new_tensor([left, top])
        high = edges <= edges.new_tensor([right, bottom])
        return (low & high).all(-1)


class OtherSize(ValueError):
    """An image has not the size that is needed, and nothing may be scaled.

    Attributes:
        source: (height, width) of the image.
    """

    def __init__(self, source: Size, needed: Size) -> None:
        self.source = source
        (height, width), (high, wide) = source, needed
        super().__init__(
            f"the image has {width}×{height} pixels (width × height), and {wide}×{high} are"
            ' needed; fit="native" scales nothing, so choose "crop", "pad" or "resize"'
        )


def placement(source: Size, size: Size | None, fit: Fit) -> Placement:
    """Where an image of the size `source` lies in one of `size`.

    Args:
        source: (height, width) in pixels.
        size: (height, width) in pixels; None for that of the source.
        fit: "native" keeps every pixel, and the sizes must be equal. "crop" keeps the largest
            part in the middle that has the new shape, "pad" all of it, with borders; both scale
            both sides alike. "resize" stretches all of it to the new shape.

    Raises:
        ValueError: an unknown fit, or sizes that are not equal where nothing may be scaled
            (:class:`OtherSize`).
    """
    check_fit(fit)
    height, width = source
    if size is None and max(source) > LARGEST:
        raise ValueError(
            f"the image has {width}×{height} pixels (width × height); at its own size it may have"
            f" at most {LARGEST} a side, so give the size that it should have"
        )
    high, wide = size or source
    whole = (0.0, 0.0, float(width), float(height))
    if fit == "crop":
        return Placement(source, (high, wide), _middle(source, (high, wide)), (0, 0, wide, high))
    if fit == "pad":
        return Placement(source, (high, wide), whole, _inner(source, (high, wide)))
    if fit == "native" and source != (high, wide):
        raise OtherSize(source, (high, wide))
    return Placement(source, (high, wide), whole, (0, 0, wide, high))


def check_fit(fit: Any) -> None:
    """Raise ValueError unless `fit` is one of the four."""
    if fit not in FITS:
        raise ValueError(
            f'unknown fit {shown(fit)}; choose "crop" (the middle), "pad" (all of it, with'
            ' borders), "resize" (all of it, stretched) or "native" (its own size)'
        )


def image_size(size: Any, name: str = "size") -> Size:
    """(height, width) of a size that people give: a pair, or one number for a square.

    Raises:
        ValueError: it is neither, or a side has not 1 to 4096 px.
    """
    sides = list(size) if isinstance(size, tuple | list | torch.Size) else [size, size]
    if len(sides) != 2 or not all(is_whole(side, 1, LARGEST) for side in sides):
        raise ValueError(
            f"{name} is {shown(size)}; an image's side has 1 to {LARGEST} px: give (height,"
            f" width), such as {name}=(512, 768), or one number for a square"
        )
    return int(sides[0]), int(sides[1])


def near_sizes(size: Size, cell: int) -> str:
    """For messages: the sizes whose sides are multiples of `cell`, just below and just above."""
    below = tuple(max(side // cell, 1) * cell for side in size)
    above = tuple(max(-(-side // cell), 1) * cell for side in size)
    return f"size={below}" if below == above else f"size={below} or size={above}"


def _middle(source: Size, size: Size) -> tuple[float, float, float, float]:
    """The largest box in the middle of the source that has the shape of `size`."""
    height, width = source
    scale = max(size[0] / height, size[1] / width)
    high = size[0] / scale
    wide = size[1] / scale
    left = (width - wide) / 2
    top = (height - high) / 2
    if scale == 1:  # pixels stay pixels
        left, top = left // 1, top // 1
    # rounded, the box may reach beyond the source by a tiny bit, which Pillow refuses
    right = min(left + wide, float(width))
    bottom = min(top + high, float(height))
    return max(left, 0.0), max(top, 0.0), right, bottom


def _inner(source: Size, size: Size) -> tuple[int, int, int, int]:
    """The place in the middle of `size` that the whole source fills."""
    height, width = source
    scale = min(size[0] / height, size[1] / width)
    high = max(1, round(height * scale))
    wide = max(1, round(width * scale))
    left = (size[1] - wide) // 2
    top = (size[0] - high) // 2
    return left, top, left + wide, top + high
