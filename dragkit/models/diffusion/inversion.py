"""DDIM inversion of an image, also one that is interrupted halfway."""

from __future__ import annotations

import warnings
from dataclasses import replace
from typing import TYPE_CHECKING

from torch import Tensor

from ..image_metrics import psnr
from ..inversion import Inversion

if TYPE_CHECKING:
    from .model import Diffusion


def invert(model: Diffusion, target: Tensor) -> Inversion:
    """The latent of `target` (3 H W) in 0..1, and the PSNR of the image that denoising returns.

    The model of the result has the latent as its reference and remembers the PSNR. The latent at
    timestep index k is an inversion to strength k / steps. So an interrupted inversion is kept as
    one to a lower strength, whose PSNR is NaN because it was not measured.

    Warns:
        UserWarning: it was interrupted; the message says what is kept.

    Raises:
        KeyboardInterrupt: it was interrupted before the first step.
    """
    target = target.to(model.device)
    index = 0
    try:
        for step in model.iter_latents(target):
            index, latent = step
        quality = psnr(replace(model, reference=None).finish(latent), target)
    except KeyboardInterrupt:
        if not index:
            raise
        warnings.warn(_interrupted(model, index), stacklevel=3)
        return _found(model.at_index(index).with_reference(latent), latent, target)

    finished = model.with_reference(latent, inversion_psnr=round(quality, 2))
    return replace(_found(finished, latent, target), psnr=quality)


def _found(model: Diffusion, latent: Tensor, target: Tensor) -> Inversion:
    return Inversion(model, latent, target, method=f"DDIM to strength {model.strength:g}")


def _interrupted(model: Diffusion, index: int) -> str:
    if index == model.timestep_index:
        return (
            "interrupted while the PSNR was measured: the latent is complete, its PSNR is not"
            " known"
        )
    return (
        f"interrupted at timestep index {index} of {model.timestep_index}: kept as an inversion to"
        f" strength {index / model.schedule.steps:g}"
    )
