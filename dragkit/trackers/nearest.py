"""Nearest-neighbour point tracking: DragGAN's answer to "where did my point go?"."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

import torch
from torch import Tensor

from ..arguments import instance
from ..geometry import check_window, sample, whole_radius, window_size
from ..records import Edit, Size, TrackResult, View
from .candidates import Candidates, check_candidates
from .search_window import best, between_pixels, read_window, restricted, similarity
from .template import with_patch


@dataclass(frozen=True, eq=False)
class Template:
    """What nearest-neighbour tracking remembers.

    Attributes:
        patch: (n 1 c) each handle's first feature, on the patch `offsets`.
        offsets: (1 2) = (0, 0).
        targets: (n 2), for a tracker that may only take places on the way there.
    """

    patch: Tensor
    offsets: Tensor
    targets: Tensor | None = None


@dataclass(frozen=True)
class NearestNeighbor:
    r"""Track the pixel in the window whose feature is closest to the handle's first one.

    .. math:: p_i = \arg\min_{q ∈ Ω_2(p_i, r)} ‖F(q) - f_i‖, \qquad f_i = F_0(p_i^0)

    f_i is never updated. The score is the negative distance, so that the best is the highest. The
    confidence is 1 - ‖F(p) - f‖ / ‖f‖, which is 1 at the start.

    Source: DragGAN, eq. 2; the confidence is our choice. `candidates` and `subpixel` belong to
    later methods.

    Args:
        radius: of the square window, for a 512-px image (paper: 12); in strides if `stride` is
            set.
        norm: 1 as in the paper, 2 as in the official code.
        strict: the window ends before the radius, as in the paper; else it includes it, as in the
            code.
        stride: pixels between the places that are compared (DragDiffusion: 2); None for every
            pixel.
        candidates: which of these places it may take, such as ``Nearer()``
            (:mod:`dragkit.trackers.candidates`); None for all.
        subpixel: put the point between the pixels, at the peak of a parabola through the squared
            distances; exact where features change linearly from pixel to pixel.

    Raises:
        ValueError: an unknown norm.
        TypeError: candidates that are no rule.
    """

    radius: float = 12
    norm: Literal[1, 2] = 2
    strict: bool = False
    stride: float | None = None
    candidates: Candidates | None = None
    subpixel: bool = False

    def __post_init__(self) -> None:
        if self.norm not in (1, 2):
            raise ValueError(f"unknown norm {self.norm!r}; choose 1 or 2")
        for name in ("strict", "subpixel"):
            instance(name, getattr(self, name), bool, "True or False")
        check_candidates(self.candidates)

    def check(self, size: Size) -> None:
        """Raise ValueError if the window is larger than an image of `size`, or a single place.

        Say if its radius vanishes there.
        """
        check_window(self.radius, self.stride, size, self._least)
        radius, _ = window_size(self.radius, self.stride, size, self._least)
        if radius == self.strict:
            raise ValueError(
                f"radius {self.radius:g}, strict, leaves a window of one place; use a larger one"
            )

    @property
    def _least(self) -> int:
        """The radius in pixels that leaves a window of more than one."""
        return 1 + self.strict

    def everywhere(self, size: Size) -> NearestNeighbor:
        """The same with all places of an image of `size` as candidates."""
        return replace(self, candidates=None, radius=whole_radius(size, self.stride), strict=False)

    def start(self, view: View, edit: Edit) -> Template:
        """Remember the features (n c) at the handles of step 0."""
        patch = sample(view.features.detach(), edit.handles[:, None], view.size)
        return Template(patch, torch.zeros_like(edit.handles[:1]), edit.targets)

    def patched(self, view: View, memory: Template, handle: int, place: Tensor) -> Template:
        """Remember the feature at `place` (2) of this view for one handle."""
        patched: Template = with_patch(view, memory, handle, place)
        return patched

    def find(self, view: View, memory: Template, search_centre: Tensor) -> TrackResult:
        """Search for the remembered features in the windows around `search_centre` (n 2)."""
        radius, stride = window_size(self.radius, self.stride, view.size, self._least)
        pixels, features = read_window(view, search_centre, radius - self.strict, stride)

        template = memory.patch[:, 0]
        measured = similarity(features, template, self.norm)
        scores = restricted(measured, pixels, memory.targets, self.candidates)
        points, index = best(scores, pixels)
        if self.subpixel:
            points = between_pixels(points, -scores.square(), index, stride)

        distance = -measured.flatten(1)[torch.arange(len(index)), index]
        length = template.norm(p=self.norm, dim=-1).clamp_min(1e-8)
        return TrackResult(points, 1 - distance / length, scores, memory, stride=stride)
