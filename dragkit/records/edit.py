"""What to move where.

Points are ``(x, y)`` in image pixels, floats, with pixel centres at integers: the top left pixel
is (0, 0).
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from .. import arguments
from ..arguments import named_arguments, real_numbers, shown
from ..mask_files import read_mask
from ..numeric import is_positive, is_whole
from ..reading import declared_shape
from .device import Device, to_device
from .mask import mask_of_rows

Size = tuple[int, int]  # (height, width) of the image in pixels
MOST = 1000  # handles of an edit; each step searches for every one of them


@named_arguments
@dataclass(frozen=True, eq=False)
class Edit:
    """What to move where: every handle goes to the target with the same number.

    Args:
        handles: (n 2) points (x, y) in image pixels, on the content to move.
        targets: (n 2) where that content should end up.
        mask: (H W) of 0 and 1; 1 = may move. None: no mask term, everything may move. A path, a
            Pillow image or an array of 0 and 255 will do, too (:mod:`dragkit.masks`): what is
            white, 128 and more, may move.
        arrive: the stop distance. A handle has arrived when it is this close to its target, in
            pixels. None leaves it to the method.

    Raises:
        ValueError: there is no handle, the counts differ, two handles are on one pixel, a
            coordinate or distance is not finite, or the mask is none, which
            :func:`dragkit.masks.read_mask` tells. Whether the points are inside an image is
            checked by :meth:`fit`.
    """

    handles: Tensor
    targets: Tensor
    mask: Tensor | None = None
    arrive: float | None = None

    if TYPE_CHECKING:  # anything like an array will do, and becomes a tensor

        def __init__(
            self, handles: Any, targets: Any, mask: Any = None, arrive: float | None = None
        ) -> None: ...

    def __post_init__(self) -> None:
        object.__setattr__(self, "handles", _as_points("handles", self.handles))
        object.__setattr__(self, "targets", _as_points("targets", self.targets))
        if len(self.handles) != len(self.targets):
            raise ValueError(
                f"{len(self.handles)} handles but {len(self.targets)} targets;"
                " each handle needs one target"
            )
        _check_distinct(self.handles)

        if self.mask is not None:
            object.__setattr__(self, "mask", read_mask(self.mask))
        if self.arrive is not None:
            _check_arrive(self.arrive)
            object.__setattr__(self, "arrive", float(self.arrive))

    def fit(self, size: Size) -> Edit:
        """Return this edit if it fits an image of `size` (height, width).

        Raises:
            ValueError: a point is outside the image, or the mask has another shape.
        """
        _check_size(size)
        for i, point in enumerate(self.handles.tolist()):
            _check_inside(f"handle {i}", point, size)
        for i, point in enumerate(self.targets.tolist()):
            _check_inside(f"target {i}", point, size)

        if self.mask is not None and tuple(self.mask.shape) != tuple(size):
            raise ValueError(
                f"mask has shape {tuple(self.mask.shape)};"
                f" the image needs (height, width) = {tuple(size)}"
            )
        return self

    @property
    def fixed_handles(self) -> Tensor:
        """(n) bool: the handles at places where the mask lets nothing move."""
        if self.mask is None:
            return torch.zeros_like(self.handles[:, 0], dtype=torch.bool)
        columns, rows = self.handles.round().long().unbind(1)
        return self.mask[rows, columns] == 0

    def to(self, device: Device) -> Edit:
        """The same edit with its tensors on `device`; itself if they are there already."""
        return to_device(self, arguments.device(device))

    def to_dict(self) -> dict[str, Any]:
        """Plain lists for JSON; the mask as rows of the characters 0 and 1, so one can see it."""
        rows = None
        if self.mask is not None:
            rows = ["".join("01"[int(value)] for value in row) for row in self.mask.tolist()]
        return {
            "handles": self.handles.tolist(),
            "targets": self.targets.tolist(),
            "arrive": self.arrive,
            "mask": rows,
        }

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Edit:
        """The edit that :meth:`to_dict` described.

        Raises:
            ValueError: it is no dict with handles and targets, the mask is not rows of 0 and 1, or
                as of the class itself.
        """
        for name in ("handles", "targets"):
            if not isinstance(data, Mapping) or name not in data:
                raise ValueError(f"{name} is missing; an edit is a dict with handles and targets")
        mask = None
        if data.get("mask") is not None:
            mask = mask_of_rows(data["mask"])
        return cls(data["handles"], data["targets"], mask, data.get("arrive"))

    def __repr__(self) -> str:
        pairs = [
            f"({x:g}, {y:g}) → ({u:g}, {v:g})"
            for (x, y), (u, v) in zip(self.handles.tolist(), self.targets.tolist(), strict=True)
        ]
        mask = "none"
        if self.mask is not None:
            mask = f"{100 * self.mask.mean().item():.0f} % may move"
        return f"Edit({', '.join(pairs)}; mask {mask})"


def _as_points(name: str, value: Any) -> Tensor:
    shape = declared_shape(value)
    if math.prod(shape) > 2 * MOST:
        raise ValueError(f"{name} has shape {shown(shape)}; give at most {MOST} points (x, y)")
    points = real_numbers(name, value, "a list of (x, y) points, such as [(64, 80)]")
    points = points.to(torch.float32).clone()
    if points.numel() == 0:
        raise ValueError(
            f"{name} is empty; give at least one point (x, y), such as {name}=[(64, 80)]"
        )
    if points.ndim != 2 or points.shape[1] != 2:
        raise ValueError(
            f"{name} has shape {tuple(points.shape)}; it must be (n, 2):"
            " a list of (x, y), such as [(64, 80)]"
        )
    for i, (x, y) in enumerate(points.tolist()):
        if not (math.isfinite(x) and math.isfinite(y)):
            raise ValueError(f"{name[:-1]} {i} is ({x}, {y}); coordinates must be finite")
    return points


def _check_distinct(handles: Tensor) -> None:
    pixels: dict[tuple[int, int], int] = {}
    for i, (x, y) in enumerate(handles.tolist()):
        pixel = (round(x), round(y))
        j = pixels.setdefault(pixel, i)
        if j != i:
            raise ValueError(
                f"handles {j} and {i} are both on pixel {pixel};"
                " a pixel can go to one target only, so remove one of them"
            )


def _check_arrive(arrive: Any) -> None:
    if not is_positive(arrive):
        raise ValueError(
            f"arrive is {shown(arrive)}; give a distance in pixels above 0, such as arrive=1"
        )


def _check_size(size: Any) -> None:
    if not (isinstance(size, Sequence) and len(size) == 2 and all(is_whole(n, 1) for n in size)):
        raise ValueError(
            f"size is {shown(size)}; give (height, width) in pixels, such as (128, 128)"
        )


def _check_inside(name: str, point: list[float], size: Size) -> None:
    height, width = size
    x, y = point
    if 0 <= x <= width - 1 and 0 <= y <= height - 1:
        return

    message = (
        f"{name} at ({x:g}, {y:g}) is outside the {width}×{height} image;"
        " points are (x, y) in pixels"
    )
    if 0 <= y <= width - 1 and 0 <= x <= height - 1:
        message += ", did you swap them?"
    raise ValueError(message)
