r"""Motion supervision by patches: DragGAN's shifted patch, and FreeDrag's template."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal

import torch
from torch import Tensor

from ..arguments import instance, positive
from ..geometry import REFERENCE, check_window, disc, sample, square, toward, window_size
from ..numeric import is_real
from ..records import Edit, Size, TrackResult, View
from .settings import check_choice, check_from_0

Reduction = Literal["mean", "sum", "area"]


@dataclass(frozen=True)
class ShiftedPatchLoss:
    r"""Motion supervision: pull each handle a little way δ toward its target.

    The features that far ahead are pulled toward a template T, which has no gradient:

    .. math::
        L = λ \sum_i \sum_{q ∈ Ω(p_i)} ‖F(q + δ_i) - sg\,T_i(q)‖_1, \qquad
        T_i(q) = (1 - w)\,F(q) + w\,F_0(q - p_i + p_i^0)

    With w = 0 the template is the current patch (DragGAN, eq. 1): only a direction is asked for,
    and what is lost on the way is not missed. With w = 1 it is the first frame's patch (GoodDrag,
    CLIPDrag, DragLoRA): nothing may be lost, so a content that has to change, as when a head
    turns, resists. Something between keeps a part of both. If the tracker is not trusted, the
    template is the first frame's patch, whatever w is (StableDrag, confident motion supervision;
    see `trusted` of :class:`dragkit.TrackResult`).

    The shift δ is one pixel (or `stride`) along d; with a `reach` it is min(reach, ‖t - p‖) d. A
    longer one asks for more at once, which only a template that stays makes sense of.

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
        reach: how far the patch is shifted at most, in the same unit as the radius, but not
            rounded (GoodDrag and CLIPDrag: 4). None: one place, however near the target is.
        first_patch: w, in 0..1: how much of the template is the first frame's patch.
        weight: λ (GoodDrag: (2 r)² beside "mean").

    Raises:
        ValueError: an unknown reduction or shape, or a number out of its range.
    """

    radius: float = 3
    reduction: Reduction = "mean"
    skip: float = 1.0
    strict: bool = False
    shape: Literal["disc", "square"] = "disc"
    stride: float | None = None
    reach: float | None = None
    first_patch: float = 0.0
    weight: float = 1.0
    name: ClassVar[str] = "motion"

    def __post_init__(self) -> None:
        check_choice("reduction", self.reduction, ("mean", "sum", "area"))
        check_choice("shape", self.shape, ("disc", "square"))
        instance("strict", self.strict, bool, "True or False")
        check_from_0("skip", self.skip, 1.0)
        check_from_0("weight", self.weight, 1.0)
        if self.reach is not None:
            positive("reach", self.reach, 4)
        if not (is_real(self.first_patch) and 0 <= self.first_patch <= 1):
            raise ValueError(
                f"first_patch is {self.first_patch!r}; it must be in 0..1: 0 = the current patch"
                " is the template, 1 = the first frame's"
            )

    def check(self, size: Size) -> None:
        """Raise ValueError if the radius is larger than an image of `size`; say if it vanishes."""
        check_window(self.radius, self.stride, size)

    def __call__(self, view: View, track: TrackResult, start: View, edit: Edit) -> Tensor:
        """L, a scalar that is differentiable with respect to the latent."""
        offsets, stride = self._patch(view.size)
        offsets = offsets.to(track.points)
        patch = track.points[:, None] + offsets  # (n q 2)

        distance = (edit.targets - track.points).norm(dim=1)
        shifted = patch + self._shift(track.points, edit.targets, stride, view.size)[:, None]
        template = self._template(view, track, start, edit.handles[:, None] + offsets, patch)

        error = (sample(view.features, shifted, view.size) - template).abs()
        pulled = distance > self.skip
        loss: Tensor = self.weight * (_reduce_patch(error, self.reduction) * pulled).sum()
        return loss

    def _patch(self, size: Size) -> tuple[Tensor, float]:
        """Ω as offsets (q 2) in pixels, and the pixels between neighbouring places."""
        radius, stride = window_size(self.radius, self.stride, size)
        if self.shape == "disc":
            return stride * disc(radius, self.strict), stride
        return stride * square(radius).flatten(0, 1), stride

    def _shift(self, points: Tensor, targets: Tensor, stride: float, size: Size) -> Tensor:
        """δ (n 2) in pixels."""
        if self.reach is None:
            to_target = targets - points
            direction: Tensor = to_target / to_target.norm(dim=1, keepdim=True).clamp_min(1e-8)
            return stride * direction
        return toward(points, targets, self.reach * (self.stride or size[0] / REFERENCE))

    def _template(
        self, view: View, track: TrackResult, start: View, first_patch: Tensor, patch: Tensor
    ) -> Tensor:
        """T (n q c), of what is at `patch` (n q 2) now and was at `first_patch` at the start."""
        current = sample(view.features.detach(), patch, view.size)
        trusted = track.trusted[:, None, None]
        if not self.first_patch and trusted.all():
            return current

        first = sample(start.features.detach(), first_patch, view.size)
        return torch.where(trusted, current.lerp(first, self.first_patch), first)


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

    reduction: Reduction = "mean"
    name: ClassVar[str] = "template"

    def __post_init__(self) -> None:
        check_choice("reduction", self.reduction, ("mean", "sum", "area"))

    def __call__(self, view: View, track: TrackResult, start: View, edit: Edit) -> Tensor:
        """L, a scalar that is differentiable with respect to the latent."""
        patch = track.points[:, None] + track.memory.offsets
        template = track.memory.patch.detach()

        error = (sample(view.features, patch, view.size) - template).abs()
        return _reduce_patch(error, self.reduction).sum()


def _reduce_patch(error: Tensor, reduction: Reduction) -> Tensor:
    """(n q c) → (n)."""
    if reduction == "sum":
        return error.sum((1, 2))
    if reduction == "mean":
        return error.mean((1, 2))
    return error.mean(2).sum(1)
