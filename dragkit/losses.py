r"""What pulls and what holds: the loss terms, and the gates that decide what a patch is compared
with.

A term is called as ``term(view, track, start, edit)`` and returns a scalar; `start` is the view of
step 0. A gate turns the confidence of step 1 into the threshold below which a handle is not
trusted: (n) → (n). One of your own is a line: ``drag(…, trust=lambda first: first - 0.1)``.
Notation: F the features now, F₀ those of step 0, p the tracked point, p⁰ the handle, t its target,
d = (t - p) / ‖t - p‖, Ω the patch, M the mask (1 = may move), sg stop-gradient.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal

import torch
from torch import Tensor

from .geometry import disc, reach, sample, square, to_grid
from .records import Edit, Size, TrackResult, View

Reduction = Literal["mean", "sum", "area"]


def always(first: Tensor) -> Tensor:
    """The gate that trusts every handle, even where the confidence was not measured: threshold -∞.
    DragGAN.
    """
    return torch.full_like(first, -torch.inf)


def never(first: Tensor) -> Tensor:
    """The gate that trusts no handle: threshold +∞, so the first patch is what is pulled, at every
    step.
    """
    return torch.full_like(first, torch.inf)


@dataclass(frozen=True)
class above:  # noqa: N801: it reads as a word, trust=above(0.7)
    r"""The gate that trusts a handle while its confidence is at least a share of that at step 1.

    .. math:: τ_i = ρ\, s_i^{(1)}

    s⁽¹⁾ (n) is the confidence after the first update: at step 0 the tracker looks at the very
    features it learned from. Where s⁽¹⁾ < 0 a share would lie above it; there τ = s⁽¹⁾ - (1 -
    ρ)|s⁽¹⁾|, which for s⁽¹⁾ ≥ 0 is the same. Source: StableDrag; ρ is unpublished, hence our
    choice.

    Raises:
        ValueError: the ratio ρ is not in (0, 1].
    """

    ratio: float

    def __post_init__(self) -> None:
        if not (isinstance(self.ratio, int | float) and 0 < self.ratio <= 1):
            raise ValueError(
                f"ratio is {self.ratio!r}; it must be above 0 and at most 1, such as above(0.9);"
                " see also always, never"
            )

    def __call__(self, first: Tensor) -> Tensor:
        return first - (1 - self.ratio) * first.abs()

    def __repr__(self) -> str:
        return f"above({self.ratio:g})"


@dataclass(frozen=True)
class ShiftedPatchLoss:
    r"""Pull each handle one pixel (or `stride`) toward its target: its patch, shifted, shall look
    as it looks now.

    .. math:: L = \sum_i \sum_{q ∈ Ω(p_i)} ‖F(q + d_i) - sg\,T_i(q)‖_1

    T_i is the current patch F(q) where the tracker is trusted (DragGAN, eq. 1), else the first
    patch F₀ around the original handle (StableDrag, confident motion supervision). See
    :attr:`TrackResult.trusted`.

    Args:
        radius: of the disc Ω, for a 512-px image (paper: 3); with a `stride`, in those.
        reduction: over a patch: "sum" as in the paper's equation, "mean" as in the official code,
            "area" as in DragDiffusion's: the mean times the number of pixels in Ω.
        skip: handles nearer to their target than this, in pixels, are not pulled (official code:
            1).
        strict: only pixels nearer than the radius, as paper and code have it; else the rim belongs
            to Ω (our choice, for small images: at 128 px five pixels instead of one).
        shape: of Ω; DragDiffusion's is "square".
        stride: pixels between the places of Ω, and how far it is shifted (DragDiffusion: 2); None
            for one pixel.
    """

    radius: float = 3
    reduction: Reduction = "mean"
    skip: float = 1.0
    strict: bool = False
    shape: Literal["disc", "square"] = "disc"
    stride: float | None = None
    name: ClassVar[str] = "motion"

    def __post_init__(self) -> None:
        _known(self.reduction, "mean", "sum", "area")
        if self.shape not in ("disc", "square"):
            raise ValueError(f'unknown shape {self.shape!r}; choose "disc" or "square"')

    def check(self, size: Size) -> None:
        """Raise ValueError where the radius is below one pixel in an image of `size`."""
        reach(self.radius, self.stride, size)

    def __call__(self, view: View, track: TrackResult, start: View, edit: Edit) -> Tensor:
        radius, stride = reach(self.radius, self.stride, view.size)
        omega = disc(radius, self.strict) if self.shape == "disc" else square(radius).flatten(0, 1)
        offsets = stride * omega.to(track.points)
        way = edit.targets - track.points
        distance = way.norm(dim=1, keepdim=True)
        patch = track.points[:, None] + offsets  # (n q 2)
        ahead = patch + stride * (way / distance.clamp_min(1e-8))[:, None]
        reference = sample(view.features.detach(), patch, view.size)
        if not track.trusted.all():
            first = sample(start.features.detach(), edit.handles[:, None] + offsets, view.size)
            reference = torch.where(track.trusted[:, None, None], reference, first)
        error = (sample(view.features, ahead, view.size) - reference).abs()
        return (_reduce(error, self.reduction) * (distance[:, 0] > self.skip)).sum()


@dataclass(frozen=True)
class TemplatePatchLoss:
    r"""Make the patch at each point look like the tracker's template: L = Σ_i Σ_{q∈Ω} ‖F(p_i + q)
    - T_i(q)‖₁.

    For trackers that say where to go next instead of where the content is (FreeDrag): their points
    are goals, and ``track.memory.patch`` (n q c) is the template on the patch
    ``track.memory.offsets`` (q 2).

    Args:
        reduction: over a patch; the official code of FreeDrag takes the mean.
    """

    reduction: Reduction = "mean"
    name: ClassVar[str] = "template"

    def __post_init__(self) -> None:
        _known(self.reduction, "mean", "sum", "area")

    def __call__(self, view: View, track: TrackResult, start: View, edit: Edit) -> Tensor:
        patch = track.points[:, None] + track.memory.offsets
        error = (sample(view.features, patch, view.size) - track.memory.patch.detach()).abs()
        return _reduce(error, self.reduction).sum()


@dataclass(frozen=True)
class MaskLoss:
    r"""Hold still what the mask does not free: L = λ ‖(A - A₀)(1 - M)‖₁, with the view's anchor A.

    The second half of DragGAN's eq. 1 (there A = F). The mask is averaged onto A's grid. Without a
    mask there is nothing to hold, and the term is 0.

    Args:
        weight: λ (DragGAN 20).
        reduction: "mean" over the whole map as in the official code; "sum" as in the paper's
            equation, over the map enlarged to the image: each cell counts for the pixels it
            covers; "cells" as in DragDiffusion's code: the sum over the map as it is; "outside" as
            in FreeDrag's for GANs: the mean over the cells of which nothing may move.
        resize: of the mask to the map: "area" averages, "nearest" takes one pixel of each cell
            (DragDiffusion's code).
    """

    weight: float = 20
    reduction: Literal["mean", "sum", "cells", "outside"] = "mean"
    resize: Literal["area", "nearest"] = "area"
    name: ClassVar[str] = "mask"

    def __post_init__(self) -> None:
        _known(self.reduction, "mean", "sum", "cells", "outside")
        if self.resize not in ("area", "nearest"):
            raise ValueError(f'unknown resize {self.resize!r}; choose "area" or "nearest"')

    def __call__(self, view: View, track: TrackResult, start: View, edit: Edit) -> Tensor:
        if edit.mask is None:
            return view.features.new_zeros(())
        still = 1 - to_grid(edit.mask, view.anchor, self.resize)
        if self.reduction == "outside":
            still = (still == 1).to(still)
        error = ((view.anchor - start.anchor.detach()) * still).abs()
        if self.reduction == "mean":
            return self.weight * error.mean()
        if self.reduction == "outside":
            return self.weight * error.sum() / (still.sum() * len(error)).clamp_min(1)
        height, width = view.size
        return (
            self.weight
            * error.sum()
            * (height * width / still.numel() if self.reduction == "sum" else 1)
        )


def _known(reduction: str, *known: str) -> None:
    if reduction not in known:
        raise ValueError(f"unknown reduction {reduction!r}; choose from {', '.join(known)}")


def _reduce(error: Tensor, reduction: Reduction) -> Tensor:
    """(n q c) → (n)."""
    if reduction == "area":
        return error.mean(2).sum(1)
    return error.mean((1, 2)) if reduction == "mean" else error.sum((1, 2))
