"""The first of the records: what to move where.

Points are ``(x, y)`` in image pixels, floats, pixel centres at integers: the top left pixel is (0,
0).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from torch import Tensor

Size = tuple[int, int]  # (height, width) of the image in pixels


@dataclass(frozen=True, eq=False)
class Edit:
    """What to move where: every handle goes to the target of the same number.

    Args:
        handles: (n 2) points (x, y) in image pixels, on the content to move.
        targets: (n 2) where that content shall end up.
        mask: (H W) of 0 and 1; 1 = may move. ``None`` = no mask term, everything may move.
        arrive: a handle has arrived at this distance from its target, in pixels; ``None`` leaves
            it to the method.

    Raises:
        ValueError: no handle, counts that differ, two handles on one pixel, a coordinate or
            distance that is not finite, a mask that is empty or not 0/1. Whether the points lie in
            an image is checked by :meth:`fit`.
    """

    handles: Tensor
    targets: Tensor
    mask: Tensor | None = None
    arrive: float | None = None

    def __post_init__(self) -> None:
        for name in ("handles", "targets"):
            object.__setattr__(self, name, _points(name, getattr(self, name)))
        if len(self.handles) != len(self.targets):
            raise ValueError(
                f"{len(self.handles)} handles but {len(self.targets)} targets; each handle needs"
                " one target"
            )
        _apart(self.handles)
        if self.mask is not None:
            object.__setattr__(self, "mask", _mask(self.mask))
        if self.arrive is not None and not (
            isinstance(self.arrive, int | float) and 0 < self.arrive < np.inf
        ):
            raise ValueError(
                f"arrive is {self.arrive}; give a distance in pixels above 0, such as arrive=1"
            )

    def fit(self, size: Size) -> Edit:
        """Return this edit if it fits an image of `size` (height, width), else raise a
        ValueError.
        """
        height, width = size
        for name in ("handle", "target"):
            for i, (x, y) in enumerate(getattr(self, name + "s").tolist()):
                if not (0 <= x <= width - 1 and 0 <= y <= height - 1):
                    swap = 0 <= y <= width - 1 and 0 <= x <= height - 1
                    raise ValueError(
                        f"{name} {i} at ({x:g}, {y:g}) is outside the {width}×{height} image; "
                        "points are (x, y) in pixels" + (", did you swap them?" if swap else "")
                    )
        if self.mask is not None and tuple(self.mask.shape) != (height, width):
            raise ValueError(
                f"mask has shape {tuple(self.mask.shape)}; the image needs (height, width) ="
                f" {(height, width)}"
            )
        return self

    @property
    def held(self) -> Tensor:
        """(n) bool: handles that lie where the mask lets nothing move."""
        if self.mask is None:
            return torch.zeros(len(self.handles), dtype=torch.bool)
        columns, rows = self.handles.round().long().unbind(1)
        return self.mask[rows, columns] == 0

    def to(self, device: torch.device | str) -> Edit:
        """The same edit with its tensors on `device`; itself where they are there already."""
        tensors = [t for t in (self.handles, self.targets, self.mask) if t is not None]
        if all(t.device == torch.device(device) for t in tensors):
            return self
        mask = None if self.mask is None else self.mask.to(device)
        return replace(
            self, handles=self.handles.to(device), targets=self.targets.to(device), mask=mask
        )

    def to_dict(self) -> dict[str, Any]:
        """Plain lists for JSON; the mask as rows of the characters 0 and 1, so that it can be
        seen.
        """
        rows = (
            None
            if self.mask is None
            else ["".join("01"[int(v)] for v in row) for row in self.mask.tolist()]
        )
        points = {"handles": self.handles.tolist(), "targets": self.targets.tolist()}
        return points | {"arrive": self.arrive, "mask": rows}

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Edit:
        """The edit that :meth:`to_dict` described."""
        rows = data.get("mask")
        mask = None if rows is None else torch.tensor([[int(v) for v in row] for row in rows])
        return cls(data["handles"], data["targets"], mask, data.get("arrive"))

    def __repr__(self) -> str:
        pairs = [
            f"({x:g}, {y:g}) → ({u:g}, {v:g})"
            for (x, y), (u, v) in zip(self.handles.tolist(), self.targets.tolist())
        ]
        mask = "none" if self.mask is None else f"{100 * self.mask.mean().item():.0f} % may move"
        return f"Edit({', '.join(pairs)}; mask {mask})"


def _points(name: str, value: Any) -> Tensor:
    try:
        points = torch.as_tensor(value).detach().to(torch.float32).clone()
    except (TypeError, ValueError, RuntimeError) as error:
        raise ValueError(
            f"{name} must be a list of (x, y) points, such as [(64, 80)]; got {value!r}"
        ) from error
    if points.numel() == 0:
        raise ValueError(
            f"{name} is empty; give at least one point (x, y), such as {name}=[(64, 80)]"
        )
    if points.ndim != 2 or points.shape[1] != 2:
        raise ValueError(
            f"{name} has shape {tuple(points.shape)}; it must be (n, 2): a list of (x, y), such as"
            " [(64, 80)]"
        )
    for i, (x, y) in enumerate(points.tolist()):
        if not (np.isfinite(x) and np.isfinite(y)):
            raise ValueError(f"{name[:-1]} {i} is ({x}, {y}); coordinates must be finite")
    return points


def _apart(handles: Tensor) -> None:
    pixels: dict[tuple[int, int], int] = {}
    for i, (x, y) in enumerate(handles.tolist()):
        j = pixels.setdefault((round(x), round(y)), i)
        if j != i:
            raise ValueError(
                f"handles {j} and {i} are both on pixel ({round(x)}, {round(y)}); a pixel can go"
                " to one target only, remove one"
            )


def _mask(value: Any) -> Tensor:
    try:
        mask = torch.as_tensor(value).detach()
    except (TypeError, ValueError, RuntimeError) as error:
        raise ValueError(
            f"mask must be an array (height, width) of 0 and 1; got {type(value).__name__}:"
            f" {error}"
        ) from error
    if mask.ndim != 2:
        raise ValueError(f"mask has shape {tuple(mask.shape)}; it must be (height, width)")
    odd = mask[(mask != 0) & (mask != 1)]
    if len(odd):
        raise ValueError(
            f"mask holds {odd[0].item():g}; only 0 (stays) and 1 (may move) are allowed, try mask"
            " > 0.5"
        )
    if not mask.any():
        raise ValueError(
            "mask is 0 everywhere, so nothing may move; 1 = may move, or mask=None for no mask"
            " term"
        )
    return mask.to(torch.float32).clone()
