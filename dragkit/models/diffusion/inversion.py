"""An image's noisy latent, and what becomes of it when somebody stops on the way."""

from __future__ import annotations

import warnings
from dataclasses import replace

from torch import Tensor

from ..gan.inversion import Inversion
from ..image_metrics import psnr
from .model import Diffusion


def inverted(model: Diffusion, target: Tensor) -> Inversion:
    """DDIM inversion: the latent of `target` (3 H W) in 0..1 on a diffusion model, and the PSNR of
    what denoising makes of it.

    The model it comes with takes the latent as its reference and remembers the PSNR. The latent at
    timestep k of the schedule is an inversion to strength k / steps: if it is interrupted there, that is
    what is kept, and the PSNR is NaN, for nobody has measured it.

    Warns:
        UserWarning: it was interrupted; the message says what is kept.

    Raises:
        KeyboardInterrupt: it was interrupted before the first level.
    """
    target, timestep_index = target.to(model.device), 0
    try:
        for timestep_index, latent in model.inverting(target):
            pass
        quality = psnr(replace(model, reference=None).finish(latent), target)
    except KeyboardInterrupt:
        if not timestep_index:
            raise
        warnings.warn(_interrupted(model, timestep_index), stacklevel=3)
        partial = replace(
            model,
            strength=timestep_index / model.schedule.steps,
            start_step=min(model.start_step, timestep_index),
        )
        return Inversion(
            (partial if timestep_index < model.timestep_index else model).with_reference(latent),
            latent,
            target,
        )
    return Inversion(
        model.with_reference(latent, inversion_psnr=round(quality, 2)), latent, target, quality
    )


def _interrupted(model: Diffusion, timestep_index: int) -> str:
    if timestep_index == model.timestep_index:
        return (
            "interrupted while the PSNR was measured: the latent is whole, its PSNR is not known"
        )
    return (
        f"interrupted at timestep {timestep_index} of {model.timestep_index}: kept as an inversion to strength"
        f" {timestep_index / model.schedule.steps:g}"
    )
