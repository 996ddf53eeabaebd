"""Points and pixels: the only place where a point (x, y) becomes an index [..., y, x].

An image of H × W pixels has its pixel centres at integers. A feature map of h × w cells covers
the same image, so pixel x is at cell (x + 1/2) w / W - 1/2. Maps are never enlarged to the size
of the image: they are read between their cells.
"""

from __future__ import annotations

import math
import warnings
from functools import lru_cache

import torch
from torch import Tensor
from torch.nn import functional as F

from .numeric import is_positive, is_real

REFERENCE = 512  # radii are given for an image of this height
SMALL = 64  # px, a window that any image may have


def sample(features: Tensor, points: Tensor, size: tuple[int, int]) -> Tensor:
    """Read `features` (c h w) at `points` (… 2), in pixels of an image of `size`; returns (… c).

    The reading is bilinear between the cells. Beyond the border the border's value continues, so a
    patch may leave the image. Sampling an image at its own pixel centres returns the image.
    """
    height, width = size
    grid = (2 * points.reshape(1, -1, 1, 2) + 1) / points.new_tensor([width, height]) - 1
    grid = grid.to(features.dtype)  # points may be doubles, as those from NumPy are
    values = F.grid_sample(features[None], grid, padding_mode="border", align_corners=False)
    return values[0, :, :, 0].T.reshape(*points.shape[:-1], len(features))


def square(radius: int) -> Tensor:
    """Offsets (k k 2) of the square |x|, |y| ≤ radius, k = 2 radius + 1.

    Offset [r, c] is (x, y) = (c - radius, r - radius).
    """
    steps = torch.arange(-radius, radius + 1, dtype=torch.float32)
    y, x = torch.meshgrid(steps, steps, indexing="ij")
    return torch.stack([x, y], -1)


@lru_cache(maxsize=32)
def disc(radius: int, strict: bool = False) -> Tensor:
    """Offsets (q 2) of the whole pixels with ‖offset‖ ≤ radius.

    Args:
        radius: in pixels.
        strict: leave out the rim, so that ‖offset‖ < radius.
    """
    offsets = square(radius).reshape(-1, 2)
    distance = offsets.norm(dim=1)
    if strict:
        return offsets[distance < radius]
    return offsets[distance <= radius]


def window(points: Tensor, radius: int, stride: float = 1) -> Tensor:
    """The square of k × k places around each of `points` (n 2): (n k k 2).

    k = 2 radius + 1, and neighbours are `stride` pixels apart.
    """
    return points[:, None, None] + stride * square(radius).to(points)


def cells(features: Tensor, size: tuple[int, int]) -> Tensor:
    """The centres (h·w 2) of the cells of `features` (c h w), row by row.

    They are in pixels of an image of `size`.
    """
    height, width = size
    rows, columns = features.shape[-2:]
    y = (torch.arange(rows) + 0.5) * height / rows - 0.5
    x = (torch.arange(columns) + 0.5) * width / columns - 0.5
    y, x = torch.meshgrid(y, x, indexing="ij")
    return torch.stack([x, y], -1).reshape(-1, 2).to(features.device)


def inside(points: Tensor, size: tuple[int, int]) -> Tensor:
    """Which of `points` (… 2) are inside an image of `size`: bool (…)."""
    height, width = size
    return (points >= 0).all(-1) & (points <= points.new_tensor([width - 1, height - 1])).all(-1)


def clamp_inside(points: Tensor, size: tuple[int, int]) -> Tensor:
    """`points` (… 2), with those outside an image of `size` moved to its border."""
    height, width = size
    return points.clamp(min=0).minimum(points.new_tensor([width - 1, height - 1]))


def toward(points: Tensor, targets: Tensor, longest: float) -> Tensor:
    """The displacement (n 2) from `points` toward `targets`, at most `longest` pixels."""
    displacement = targets - points
    length = displacement.norm(dim=1, keepdim=True).clamp_min(1e-8)
    shortened: Tensor = displacement * (longest / length).clamp(max=1)
    return shortened


def hop(points: Tensor, targets: Tensor, longest: float, straight: float) -> Tensor:
    """The next places (n 2) on the way: `longest` pixels ahead, or the targets themselves.

    Targets nearer than `straight` pixels are taken exactly, so that one can tell who is there.
    Source: EasyDrag's official code.
    """
    near = (targets - points).norm(dim=1, keepdim=True) < straight
    return torch.where(near, targets, points + toward(points, targets, longest))


def scale_radius(radius: float, size: tuple[int, int], least: int = 1) -> int:
    """A radius, given for a 512-px image, in whole pixels of an image of `size`.

    .. math:: max(least, round(radius / 512 · H))

    Source: the official DragGAN code, which finds no pixel at all in small images. Here a radius
    that would vanish is the least that works, which is our choice.

    Raises:
        ValueError: the result is larger than the image, or the radius is no finite number above 0.
    """
    if not is_positive(radius):
        raise ValueError(
            f"radius is {radius!r}; give a number above 0, of pixels of a {REFERENCE}-px image,"
            " such as radius=12"
        )
    scaled = radius * size[0] / REFERENCE + 0.5
    if scaled >= max(size) + 1:
        largest = math.floor(10 * max(size) * REFERENCE / size[0]) / 10
        raise ValueError(
            f"radius {radius:g} (for a {REFERENCE}-px image) is larger than an image of"
            f" {size[1]}×{size[0]} px; use radius={largest:g} or less, which reaches all of it"
        )
    return max(least, int(scaled))


def window_size(
    radius: float, stride: float | None, size: tuple[int, int], least: int = 1
) -> tuple[int, float]:
    """A window's radius in places, and how many pixels apart these are.

    Without a stride the places are pixels, and the radius is scaled by :func:`scale_radius`. With
    one the radius counts places, whatever the image's size: DragDiffusion reads features on a grid
    of half the image's side, so its stride is 2.

    Raises:
        ValueError: as :func:`scale_radius`; or with a stride, the radius is not a whole number
            from 1 on, the stride is not above 0, or the window is larger than the image.
    """
    if stride is None:
        return scale_radius(radius, size, least), 1
    if not is_positive(stride):
        raise ValueError(
            f"stride is {stride!r}; give the pixels between neighbours, such as 2, or None to"
            " scale the radius with the image"
        )
    if not (is_real(radius) and radius == int(radius) >= 1):
        raise ValueError(
            f"radius is {radius!r}; with a stride it counts places, so give a whole number from"
            " 1 on"
        )
    check_reach(radius, stride, size)
    return int(radius), stride


def check_window(
    radius: float, stride: float | None, size: tuple[int, int], least: int = 1
) -> None:
    """Check a window before a run, and say once if it would vanish in an image of `size`.

    Warns:
        UserWarning: the radius is below `least` pixels, and therefore becomes these.

    Raises:
        ValueError: as for :func:`window_size`.
    """
    window_size(radius, stride, size, least)
    if stride is None and int(radius * size[0] / REFERENCE + 0.5) < least:
        _say_least(radius, size, least)


@lru_cache(maxsize=1024)
def _say_least(radius: float, size: tuple[int, int], least: int) -> None:
    """Say what a radius becomes; the cache lets nobody hear the same thing twice."""
    same = math.ceil(10 * REFERENCE * (least - 0.5) / size[0]) / 10
    warnings.warn(
        f"radius {radius:g} (for a {REFERENCE}-px image) is {radius * size[0] / REFERENCE:.2g} px"
        f" in an image of {size[1]}×{size[0]} px, too little to work with, so it becomes"
        f" {least} px; radius={same:g} says the same without this warning",
        stacklevel=8,  # the cell that called drag
    )


def covering_radius(size: tuple[int, int], stride: float) -> int:
    """The radius, in places, of the smallest window that can hold an image of `size`."""
    return math.ceil(max(size) / (2 * stride))


def whole_radius(size: tuple[int, int], stride: float | None) -> float:
    """The same in the unit in which trackers take a radius, see :func:`window_size`."""
    if stride is None:
        return covering_radius(size, 1) * REFERENCE / size[0]
    return covering_radius(size, stride)


def check_reach(radius: float, stride: float, size: tuple[int, int]) -> None:
    """Raise ValueError if `radius` places, `stride` pixels apart, reach farther than the image.

    They are not more than its pixels either, however close they are. Windows of up to 64 px are
    allowed on smaller images, too: they cost little, and methods have them whatever the image.
    """
    longer = max(*size, SMALL)
    if max(radius, radius * stride) > longer:
        largest = math.floor(longer / max(stride, 1))
        raise ValueError(
            f"radius {radius:g} with stride {stride:g} is larger than an image of"
            f" {size[1]}×{size[0]} px; use a radius of {largest} or less"
        )


def to_grid(mask: Tensor, features: Tensor, mode: str = "area") -> Tensor:
    """`mask` (H W) on the grid of `features` (c h w): (h w) in 0..1.

    Args:
        mask: 1 = may move.
        features: only their shape counts.
        mode: "area" averages over each cell, "nearest" takes one pixel of it.
    """
    return F.interpolate(mask[None, None], size=features.shape[-2:], mode=mode)[0, 0]
