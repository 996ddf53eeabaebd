r"""Pivotal tuning: the generator's weights are fitted to an image around its latent.

The latent w, the pivot, stays as it is, and the weights θ move a little:

.. math:: \min_θ L(G_θ(w), x).

Around the pivot the tuned generator still knows how its images move, so the latent can be dragged
like any other.

Source: Roich et al., "Pivotal Tuning" (2021). Like the paper's code we keep the generator's own
noise maps. Optimised under StyleGAN2's regulariser they improved the lion by only 0.1 to 0.2 dB,
hardly changed its drags, and what they hold does not move when the image is dragged.
"""

from __future__ import annotations

from collections.abc import Iterator
from copy import deepcopy
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import torch

from ..image_metrics import Loss, default_loss
from ..inversion import Inversion
from .descent import Images, checked_descent, descend, keep_best

if TYPE_CHECKING:
    from .model import StyleGAN2

TUNING_STEPS = 100
TUNING_LR = 1e-3


def tuning(
    model: StyleGAN2,
    found: Inversion,
    *,
    steps: int = TUNING_STEPS,
    lr: float = TUNING_LR,
    loss: Loss | None = None,
) -> Iterator[Inversion]:
    """Fit a copy of `model` to the target of `found`; the best so far after each iteration.

    Every weight of the synthesis network is learned; the mapping network and the given model stay
    as they are.

    Args:
        steps: iterations.
        lr: Adam's step size on the weights.
        loss: as for :func:`dragkit.models.gan.inversion.search`.

    Raises:
        ValueError: at once, if steps is below 1 or lr is not above 0.
        FloatingPointError: the loss is not finite.
    """
    steps, lr = checked_descent(steps, lr)
    return _tuning(model, found, steps, lr, loss or default_loss(str(model.device)))


def _tuning(
    model: StyleGAN2, found: Inversion, steps: int, lr: float, loss: Loss
) -> Iterator[Inversion]:
    generator = deepcopy(model.generator)
    generator.synthesis.store_in(torch.float32)  # it learns by steps too small for half precision
    weights = list(generator.synthesis.requires_grad_(True).parameters())

    def render(_t: float, _trials: list[int]) -> Images:
        images = generator.synthesis(found.latent[None])
        return Images(images, torch.zeros((), device=images.device))

    def frozen_copy(_index: int) -> dict[str, Any]:
        frozen = deepcopy(generator).requires_grad_(False)
        return {"model": replace(model, generator=frozen)}

    iterations = descend(weights, render, found.target, steps, lr, loss)
    yield from keep_best(found, "tuning", iterations, frozen_copy)
