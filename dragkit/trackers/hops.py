r"""EasyDrag's answer to "where is my point now?": has the next place become more like it?"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F

from ..arguments import positive
from ..geometry import REFERENCE, check_window, hop, sample
from ..records import Edit, Size, TrackResult, View
from .nearest import Template
from .search_window import read_window
from .template import with_patch


@dataclass(frozen=True)
class Hops:
    r"""A hop toward the target, taken once the place ahead looks more like the handle did.

    .. math:: p_i ← h_i \quad\text{if}\quad \cos(F(h_i), f_i) > \cos(F(p_i), f_i), \qquad
        f_i = F_0(p_i^0)

    h is `hop` pixels ahead of p, or the target itself if that is nearer than `straight`. Nothing
    is searched: the point can only wait or go on, on a straight line. The confidence is the cosine
    at the new point; the scores are the cosines around the old one, to look at.

    Source: EasyDrag's official code, which rounds h to whole pixels.

    Args:
        hop, straight: for a 512-px image.

    Raises:
        ValueError: one of them is not above 0.
    """

    hop: float = 12
    straight: float = 18

    def __post_init__(self) -> None:
        positive("hop", self.hop, 12)
        positive("straight", self.straight, 18)

    def check(self, size: Size) -> None:
        """Raise ValueError if a hop is larger than an image of `size`."""
        check_window(max(self.hop, self.straight), None, size)

    def start(self, view: View, edit: Edit) -> Template:
        """Remember the features (n c) at the handles of step 0, and the targets."""
        patch = sample(view.features.detach(), edit.handles[:, None], view.size)
        return Template(patch, torch.zeros_like(edit.handles[:1]), edit.targets)

    def patched(self, view: View, memory: Template, handle: int, place: Tensor) -> Template:
        """Remember the feature at `place` (2) of this view for one handle."""
        patched: Template = with_patch(view, memory, handle, place)
        return patched

    def find(self, view: View, memory: Template, search_centre: Tensor) -> TrackResult:
        """The points (n 2) after `search_centre` (n 2): where they were, or a hop ahead."""
        assert memory.targets is not None  # start has set them
        scale = view.size[0] / REFERENCE
        ahead = hop(search_centre, memory.targets, scale * self.hop, scale * self.straight)

        places = torch.stack([search_centre, ahead], 1)  # (n 2 2)
        features = sample(view.features.detach(), places, view.size)
        here, there = F.cosine_similarity(features, memory.patch, dim=2).unbind(1)
        taken = there > here
        points = torch.where(taken[:, None], ahead, search_centre)

        confidence = torch.where(taken, there, here)
        scores = self._scores(view, memory, search_centre)
        return TrackResult(points, confidence, scores, memory)

    def _scores(self, view: View, memory: Template, centre: Tensor) -> Tensor:
        """The cosines (n k k) at the pixels around `centre`, NaN outside the image."""
        reach = math.ceil(max(self.hop, self.straight) * view.size[0] / REFERENCE)
        _, features = read_window(view, centre, reach)
        return F.cosine_similarity(features, memory.patch[:, :, None], dim=3)
