"""The records that pass between the stages: frozen, typed, validated.

Points are ``(x, y)`` in image pixels, floats, pixel centres at integers: the top left pixel is (0, 0).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

import numpy as np
import torch
from torch import Tensor

Size = tuple[int, int]  # (height, width) of the picture in pixels


@dataclass(frozen=True, eq=False)
class Edit:
    """What to move where: every handle goes to the target of the same number.

    Args:
        handles: (n 2) points (x, y) in image pixels, on the content to move.
        targets: (n 2) where that content shall end up.
        mask: (H W) of 0 and 1; 1 = may move. ``None`` = no mask term, everything may move.
        arrive: a handle has arrived at this distance from its target, in pixels; ``None`` leaves it to the method.

    Raises:
        ValueError: no handle, counts that differ, two handles on one pixel, a coordinate or distance that is
            not finite, a mask that is empty or not 0/1. Whether the points lie in a picture is checked by :meth:`fit`.
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
                f"{len(self.handles)} handles but {len(self.targets)} targets; each handle needs one target"
            )
        _apart(self.handles)
        if self.mask is not None:
            object.__setattr__(self, "mask", _mask(self.mask))
        if self.arrive is not None and not (isinstance(self.arrive, int | float) and 0 < self.arrive < np.inf):
            raise ValueError(f"arrive is {self.arrive}; give a distance in pixels above 0, such as arrive=1")

    def fit(self, size: Size) -> Edit:
        """Return this edit if it fits a picture of `size` (height, width), else raise a ValueError."""
        height, width = size
        for name in ("handle", "target"):
            for i, (x, y) in enumerate(getattr(self, name + "s").tolist()):
                if not (0 <= x <= width - 1 and 0 <= y <= height - 1):
                    swap = 0 <= y <= width - 1 and 0 <= x <= height - 1
                    raise ValueError(
                        f"{name} {i} at ({x:g}, {y:g}) is outside the {width}×{height} picture; "
                        "points are (x, y) in pixels" + (", did you swap them?" if swap else "")
                    )
        if self.mask is not None and tuple(self.mask.shape) != (height, width):
            raise ValueError(
                f"mask has shape {tuple(self.mask.shape)}; the picture needs (height, width) = {(height, width)}"
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
        return replace(self, handles=self.handles.to(device), targets=self.targets.to(device), mask=mask)

    def to_dict(self) -> dict[str, Any]:
        """Plain lists for JSON; the mask as rows of the characters 0 and 1, so that it can be seen."""
        rows = None if self.mask is None else ["".join("01"[int(v)] for v in row) for row in self.mask.tolist()]
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


@dataclass(frozen=True, eq=False)
class View:
    """One look at a latent: what the trackers and losses read.

    Attributes:
        features: (c h w) at their native grid, differentiable with respect to the latent.
        hold: (c h w) what must stay put outside the mask, read as :attr:`anchor`; for a GAN the features themselves. Or a
            function that makes it, where that costs something: called once, when a mask asks for it.
        size: (height, width) of the picture in pixels.
        render: makes the picture; called once, by :attr:`image`, when somebody looks.
    """

    features: Tensor
    hold: Tensor | Callable[[], Tensor]
    size: Size
    render: Callable[[], Tensor] = field(repr=False)

    @cached_property
    def anchor(self) -> Tensor:
        """What must stay put outside the mask (c h w), differentiable like the features."""
        return self.hold() if callable(self.hold) else self.hold

    @cached_property
    def image(self) -> Tensor:
        """The picture (3 H W) in 0..1, without gradient."""
        with torch.no_grad():
            return self.render()

    def __repr__(self) -> str:
        return f"View(features {tuple(self.features.shape)}, picture {self.size[1]}×{self.size[0]})"


@dataclass(frozen=True, eq=False)
class Goals:
    """What a tracker adds to its answer whose points are goals: where the content shall be next, not where it was seen.

    Attributes:
        candidates: (n m 2) the places that the goals were chosen from, in pixels.
        cases: (n) why they were chosen so, by the tracker's own words.
        settled: (n) bool, the content has followed: with a goal near its target, the handle has arrived.
        drift: (n) how far the template has come from the first one, ‖T - T₀‖₁ / ‖T₀‖₁.
    """

    candidates: Tensor
    cases: tuple[str, ...]
    settled: Tensor
    drift: Tensor

    def to(self, device: torch.device | str) -> Goals:
        """The same with its tensors on `device`."""
        return Goals(self.candidates.to(device), self.cases, self.settled.to(device), self.drift.to(device))


@dataclass(frozen=True, eq=False)
class TrackResult:
    """A tracker's answer for one view.

    Attributes:
        points: (n 2) where the content of each handle is now, (x, y) in pixels.
        confidence: (n) how sure the tracker is; NaN where it does not measure that.
        scores: (n k k) the score window around the last point, row = y; higher is better, NaN off the picture.
        memory: what to look for next time; only the tracker that made it knows its type.
        maps: by name, what the scores were made of, each (n k k) like them.
        stride: pixels between neighbours in `scores`.
        goals: of a tracker whose points are goals; None where they are sightings.
        threshold: (n) the gate's: the least confidence that is trusted; `drag` fills it in.
    """

    points: Tensor
    confidence: Tensor
    scores: Tensor
    memory: Any = field(repr=False)
    maps: Mapping[str, Tensor] = field(default_factory=dict, repr=False)
    threshold: Tensor | None = None
    stride: float = 1
    goals: Goals | None = None

    @property
    def trusted(self) -> Tensor:
        """(n) bool: the confidence reaches the threshold. Without a gate all are trusted, and one that is NaN is not."""
        return trusted(self.confidence, self.threshold)


@dataclass(frozen=True, eq=False)
class Step:
    """One iteration of a drag; all of it belongs to the same latent, before its update.

    Attributes:
        index: number of updates made so far; step 0 is the start.
        latent, edit, view, track: the latent, what is asked for, the look at it and the tracker's answer.
        losses: the value of each loss term by its name.
        arrived: (n) bool, the tracker's claim: its point lies within the stop distance of the target, and where it is a goal, the
            content has followed.
        optimiser: Adam's moments,
        near: (n 2) where the tracker looked,
        memory: what it looked for, and
        first: (n) the confidence at step 1, of which the gate makes its threshold, and
        tracker: which tracker it was, as it prints: all that a run needs to go on exactly where it was.
        about: what the model tells of itself, such as a diffusion model's strength and LoRA.
    """

    index: int
    latent: Tensor = field(repr=False)
    edit: Edit
    view: View
    track: TrackResult
    losses: dict[str, float]
    arrived: Tensor
    optimiser: dict[str, Any] = field(repr=False)
    near: Tensor = field(repr=False)
    first: Tensor = field(repr=False)
    tracker: str = field(repr=False)
    memory: Any = field(default=None, repr=False)
    about: Mapping[str, Any] = field(default_factory=dict, repr=False)

    @property
    def points(self) -> Tensor:
        """(n 2) the handles' places now."""
        return self.track.points

    @property
    def distance(self) -> Tensor:
        """(n) from each handle to its target, in pixels."""
        return (self.edit.targets - self.points).norm(dim=1)

    def __str__(self) -> str:
        return describe(self.index, self.losses, self.track.confidence, self.arrived)


def describe(index: int, losses: Mapping[str, float], confidence: Tensor, arrived: Tensor) -> str:
    """One line about a step: ``17  loss 0.031  sure 0.93  arrived 0/1``; sure = the least sure handle, – where nobody measured it."""
    sure = f"{least:.2f}" if np.isfinite(least := confidence.min().item()) else "–"
    arrivals = f"{int(arrived.sum())}/{len(arrived)}"
    return f"{index:3d}  loss {sum(losses.values()):.3g}  sure {sure}  arrived {arrivals}"


def trusted(confidence: Tensor, threshold: Tensor | None) -> Tensor:
    """(n) bool, where a `confidence` (n) reaches its `threshold` (n); all, where that is -∞ or there is none."""
    if threshold is None:
        return torch.ones_like(confidence, dtype=torch.bool)
    return (confidence >= threshold) | threshold.isneginf()


def _points(name: str, value: Any) -> Tensor:
    try:
        points = torch.as_tensor(value).detach().to(torch.float32).clone()
    except (TypeError, ValueError, RuntimeError) as error:
        raise ValueError(f"{name} must be a list of (x, y) points, such as [(64, 80)]; got {value!r}") from error
    if points.numel() == 0:
        raise ValueError(f"{name} is empty; give at least one point (x, y), such as {name}=[(64, 80)]")
    if points.ndim != 2 or points.shape[1] != 2:
        raise ValueError(
            f"{name} has shape {tuple(points.shape)}; it must be (n, 2): a list of (x, y), such as [(64, 80)]"
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
            raise ValueError(f"handles {j} and {i} are both on pixel ({round(x)}, {round(y)}); a pixel can go to one target only, remove one")


def _mask(value: Any) -> Tensor:
    try:
        mask = torch.as_tensor(value).detach()
    except (TypeError, ValueError, RuntimeError) as error:
        raise ValueError(f"mask must be an array (height, width) of 0 and 1; got {type(value).__name__}: {error}") from error
    if mask.ndim != 2:
        raise ValueError(f"mask has shape {tuple(mask.shape)}; it must be (height, width)")
    odd = mask[(mask != 0) & (mask != 1)]
    if len(odd):
        raise ValueError(f"mask holds {odd[0].item():g}; only 0 (stays) and 1 (may move) are allowed, try mask > 0.5")
    if not mask.any():
        raise ValueError("mask is 0 everywhere, so nothing may move; 1 = may move, or mask=None for no mask term")
    return mask.to(torch.float32).clone()
