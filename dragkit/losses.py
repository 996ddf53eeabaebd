r"""The loss terms: motion supervision pulls the handles, the mask term holds everything else.

A term is called as ``term(view, track, start, edit)`` and returns a scalar; `start` is the view of
step 0. Notation: F the features now, F₀ those of step 0, p the tracked point, p⁰ the handle, t its
target, d = (t - p) / ‖t - p‖, Ω the patch, M the mask (1 = may move), sg stop-gradient.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal

import torch
from torch import Tensor

from .arguments import instance
from .geometry import check_window, disc, sample, square, to_grid, window_size
from .numeric import is_real
from .records import Edit, Size, TrackResult, View

PatchReduction = Literal["mean", "sum", "area"]
MaskReduction = Literal["mean", "sum", "cells", "outside"]


@dataclass(frozen=True)
class ShiftedPatchLoss:
    r"""Motion supervision: pull each handle one pixel (or `stride`) toward its target.

    The features one step toward the target are pulled toward the current, detached ones:

    .. math:: L = \sum_i \sum_{q ∈ Ω(p_i)} ‖F(q + d_i) - sg\,T_i(q)‖_1

    T_i is the current patch F(q) if the tracker is trusted (DragGAN, eq. 1), else the first patch
    F₀ around the original handle (StableDrag, confident motion supervision); see `trusted` of
    :class:`dragkit.TrackResult`.

    Args:
        radius: of the disc Ω, for a 512-px image (paper: 3); in strides if `stride` is set.
        reduction: over a patch: "sum" as in the paper's equation, "mean" as in the official code,
            "area" as in DragDiffusion's code: the mean times the number of pixels in Ω.
        skip: handles closer to their target than this, in pixels, are not pulled (official code:
            1).
        strict: only pixels closer than the radius, as in paper and code; else the rim belongs to Ω
            (our choice, for small images: at 128 px five pixels instead of one).
        shape: of Ω; DragDiffusion's is "square".
        stride: pixels between the places of Ω, and how far it is shifted (DragDiffusion: 2); None
            for one pixel.

    Raises:
        ValueError: an unknown reduction or shape, or a distance that is no number from 0 on.
    """

    radius: float = 3
    reduction: PatchReduction = "mean"
    skip: float = 1.0
    strict: bool = False
    shape: Literal["disc", "square"] = "disc"
    stride: float | None = None
    name: ClassVar[str] = "motion"

    def __post_init__(self) -> None:
        _check_choice("reduction", self.reduction, ("mean", "sum", "area"))
        _check_choice("shape", self.shape, ("disc", "square"))
        instance("strict", self.strict, bool, "True or False")
        _check_from_0("skip", self.skip, 1.0)

    def check(self, size: Size) -> None:
        """Raise ValueError if the radius is larger than an image of `size`; say if it vanishes."""
        check_window(self.radius, self.stride, size)

    def __call__(self, view: View, track: TrackResult, start: View, edit: Edit) -> Tensor:
        """L, a scalar that is differentiable with respect to the latent."""
        offsets, stride = self._patch(view.size)
        offsets = offsets.to(track.points)
        patch = track.points[:, None] + offsets  # (n q 2)

        to_target = edit.targets - track.points
        distance = to_target.norm(dim=1, keepdim=True)
        direction = to_target / distance.clamp_min(1e-8)
        shifted = patch + stride * direction[:, None]

        reference = sample(view.features.detach(), patch, view.size)
        if not track.trusted.all():
            first_patch = edit.handles[:, None] + offsets
            first = sample(start.features.detach(), first_patch, view.size)
            reference = torch.where(track.trusted[:, None, None], reference, first)

        error = (sample(view.features, shifted, view.size) - reference).abs()
        pulled = distance[:, 0] > self.skip
        loss: Tensor = (_reduce_patch(error, self.reduction) * pulled).sum()
        return loss

    def _patch(self, size: Size) -> tuple[Tensor, float]:
        """Ω as offsets (q 2) in pixels, and how far it is shifted."""
        radius, stride = window_size(self.radius, self.stride, size)
        if self.shape == "disc":
            return stride * disc(radius, self.strict), stride
        return stride * square(radius).flatten(0, 1), stride


@dataclass(frozen=True)
class TemplatePatchLoss:
    r"""Motion supervision by a template: the patch at each point should look like the tracker's.

    .. math:: L = \sum_i \sum_{q ∈ Ω} ‖F(p_i + q) - T_i(q)‖_1

    For trackers that say where to go next instead of where the content is (FreeDrag): their points
    are goals, and ``track.memory.patch`` (n q c) is the template on the patch
    ``track.memory.offsets`` (q 2).

    Args:
        reduction: over a patch; the official code of FreeDrag takes the mean.

    Raises:
        ValueError: an unknown reduction.
    """

    reduction: PatchReduction = "mean"
    name: ClassVar[str] = "template"

    def __post_init__(self) -> None:
        _check_choice("reduction", self.reduction, ("mean", "sum", "area"))

    def __call__(self, view: View, track: TrackResult, start: View, edit: Edit) -> Tensor:
        """L, a scalar that is differentiable with respect to the latent."""
        patch = track.points[:, None] + track.memory.offsets
        template = track.memory.patch.detach()

        error = (sample(view.features, patch, view.size) - template).abs()
        return _reduce_patch(error, self.reduction).sum()


@dataclass(frozen=True)
class MaskLoss:
    r"""The mask term: keep the anchor A as it was wherever the mask lets nothing move.

    .. math:: L = λ ‖(A - sg\,A_0) ⊙ (1 - M)‖_1

    For a GAN the anchor is the features, and this is the second half of DragGAN's eq. 1; for a
    diffusion model it is the latent one denoising step further on, which is DragDiffusion's mask
    term. The mask is resized to A's grid. Without a mask the term is 0.

    Args:
        weight: λ (DragGAN: 20).
        reduction: "mean" over the whole map as in DragGAN's code; "sum" as in the paper's
            equation, over the map enlarged to the image, so each cell counts for the pixels it
            covers; "cells" as in DragDiffusion's code: the sum over the map as it is; "outside" as
            in FreeDrag's code for GANs: the mean over the cells in which nothing may move.
        resize: how the mask is brought to the map: "area" averages, "nearest" takes one pixel of
            each cell (DragDiffusion's code).

    Raises:
        ValueError: an unknown reduction or resize, or a weight that is no number from 0 on.
    """

    weight: float = 20
    reduction: MaskReduction = "mean"
    resize: Literal["area", "nearest"] = "area"
    name: ClassVar[str] = "mask"

    def __post_init__(self) -> None:
        _check_choice("reduction", self.reduction, ("mean", "sum", "cells", "outside"))
        _check_choice("resize", self.resize, ("area", "nearest"))
        _check_from_0("weight", self.weight, 20)

    def __call__(self, view: View, track: TrackResult, start: View, edit: Edit) -> Tensor:
        """L, a scalar that is differentiable with respect to the latent."""
        if edit.mask is None:
            return view.features.new_zeros(())

        outside = 1 - to_grid(edit.mask, view.anchor, self.resize)
        if self.reduction == "outside":
            outside = (outside == 1).to(outside)

        change = (view.anchor - start.anchor.detach()).abs().sum(0)
        total = self.weight * (change * outside).sum()
        return self._reduce(total, outside, len(view.anchor), view.size)

    def _reduce(self, total: Tensor, outside: Tensor, channels: int, size: Size) -> Tensor:
        """The weighted sum over the map (c h w), as the reduction has it."""
        if self.reduction == "mean":
            return total / (channels * outside.numel())
        if self.reduction == "outside":
            return total / (channels * outside.sum()).clamp_min(1)
        if self.reduction == "cells":
            return total
        height, width = size
        return total * (height * width / outside.numel())


def _check_choice(name: str, value: str, choices: tuple[str, ...]) -> None:
    if value not in choices:
        raise ValueError(f"unknown {name} {value!r}; choose from {', '.join(choices)}")


def _check_from_0(name: str, value: float, example: float) -> None:
    if not (is_real(value) and value >= 0):
        raise ValueError(f"{name} is {value!r}; give a number from 0 on, such as {example:g}")


def _reduce_patch(error: Tensor, reduction: PatchReduction) -> Tensor:
    """(n q c) → (n)."""
    if reduction == "sum":
        return error.sum((1, 2))
    if reduction == "mean":
        return error.mean((1, 2))
    return error.mean(2).sum(1)
