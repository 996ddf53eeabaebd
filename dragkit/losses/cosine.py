r"""EasyDrag's losses: features are compared by their cosine, and none of them is ever satisfied.

With the cosine brought to 0..1, S = (cos + 1) / 2, a term is 1 / (1 + S): 1/2 where the features
point the same way, 1 where they are opposite. It is bounded, and does not depend on how large the
features are.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor
from torch.nn import functional as F

from ..arguments import positive
from ..geometry import REFERENCE, hop, sample, to_grid
from ..records import Edit, TrackResult, View
from .settings import check_from_0

AT_TARGET = 0.1  # of a handle's pull remains once it is there


@dataclass(frozen=True)
class CosineLoss:
    r"""Motion supervision by one feature: the handle's first one should appear a hop ahead.

    .. math::
        L = \sum_i \frac{a_i}{1 + S_i}, \qquad
        S_i = \tfrac12 \big(1 + \cos(F(h_i), F_0(p_i^0))\big)

    h is `hop` pixels ahead of p, or the target itself if that is nearer than `straight`; a is 1,
    and 0.1 at the target. For :class:`dragkit.trackers.Hops`, whose points go there.

    Source: EasyDrag's official code.

    Args:
        hop, straight: for a 512-px image.

    Raises:
        ValueError: one of them is not above 0.
    """

    hop: float = 12
    straight: float = 18
    name: ClassVar[str] = "motion"

    def __post_init__(self) -> None:
        positive("hop", self.hop, 12)
        positive("straight", self.straight, 18)

    def __call__(self, view: View, track: TrackResult, start: View, edit: Edit) -> Tensor:
        """L, a scalar that is differentiable with respect to the latent."""
        scale = view.size[0] / REFERENCE
        ahead = hop(track.points, edit.targets, scale * self.hop, scale * self.straight)
        first = sample(start.features.detach(), edit.handles, start.size)
        found = sample(view.features, ahead, view.size)

        pull = _term(F.cosine_similarity(found, first, dim=1))  # (n)
        at_target = (track.points == edit.targets).all(1)
        loss: Tensor = torch.where(at_target, AT_TARGET * pull, pull).sum()
        return loss


@dataclass(frozen=True)
class CosineHoldLoss:
    r"""EasyDrag's mask term: outside the mask the features should point where they did.

    .. math:: L = \frac{λ}{1 + S}, \qquad S = \tfrac12 \big(1 + \operatorname{mean}_{M = 0}
        \cos(F, F_0)\big)

    Without a mask the term is 0; :func:`dragkit.masks.from_gradient` makes one. The mask is
    averaged over each cell of F, where the code enlarges F to the image.

    Args:
        weight: λ.

    Raises:
        ValueError: a weight that is no number from 0 on.
    """

    weight: float = 0.1
    name: ClassVar[str] = "mask"

    def __post_init__(self) -> None:
        check_from_0("weight", self.weight, 0.1)

    def __call__(self, view: View, track: TrackResult, start: View, edit: Edit) -> Tensor:
        """L, a scalar that is differentiable with respect to the latent."""
        if edit.mask is None or edit.mask.all():
            return view.features.new_zeros(())

        outside = 1 - to_grid(edit.mask, view.features)
        cosine = F.cosine_similarity(view.features, start.features.detach(), dim=0)
        mean = (cosine * outside).sum() / outside.sum()
        return self.weight * _term(mean)


def _term(cosine: Tensor) -> Tensor:
    """1 / (1 + S)."""
    return 1 / (1 + (1 + cosine) / 2)
