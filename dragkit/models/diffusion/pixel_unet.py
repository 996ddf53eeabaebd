"""The bundled diffusion model's network: a UNet on images whose 2x2 squares became channels.

An image (3 64 64) is a latent (12 32 32): nothing is lost, and the finest resolution of the UNet
(:mod:`dragkit.models.diffusion.small_unet`) costs a quarter. Where Stable Diffusion has an
autoencoder, this model has :func:`encode` and :func:`decode`.
"""

from __future__ import annotations

import math
from itertools import pairwise
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

from ..precision import stored_in
from ..safetensors_header import check_fits, read_header
from ..settings import check_settings
from .ddim import Schedule, check_steps, schedule_at
from .model import SETTINGS, Diffusion
from .small_unet import Config, SmallUNet

FOLD = 2  # side of the squares, in pixels
SIDE = 32  # of a latent
CONFIG = Config(in_channels=3 * FOLD**2)
PREDICTION = "v_prediction"
TIMES = 1000  # timesteps that it was trained with
LEAST_ALPHA = 1e-3  # what is left at least of ᾱ from one timestep to the next
SCHEDULE = {  # the same, as diffusers' DDIMScheduler and the models' cards say it
    "beta_schedule": "squaredcos_cap_v2",
    "num_train_timesteps": TIMES,
    "prediction_type": PREDICTION,
    "clip_sample": False,
    "set_alpha_to_one": False,
    "steps_offset": 1,
}


def encode(image: Tensor) -> Tensor:
    """Images (… 3 H W) in 0..1 → latents (… 12 H/2 W/2) in -1..1."""
    return F.pixel_unshuffle(2 * image - 1, FOLD)


def decode(latent: Tensor) -> Tensor:
    """Latents (… 12 h w) → images (… 3 2h 2w) in 0..1."""
    return F.pixel_shuffle(latent, FOLD).add(1).div(2).clamp(0, 1)


def channels_last(unet: SmallUNet) -> SmallUNet:
    """The same network, laid out so that convolutions are fast."""
    return unet.to(memory_format=torch.channels_last)  # type: ignore[call-overload]  # torch's gap


def network() -> SmallUNet:
    """The UNet, untrained."""
    return SmallUNet(CONFIG)


def cosine_alphas() -> Tensor:
    r"""(1000) ᾱ at every timestep that it was trained with.

    .. math:: ᾱ_t = \cos^2\left(\frac{t / 1000 + 0.008}{1.008} \cdot \frac{π}{2}\right) / ᾱ_0

    of Nichol and Dhariwal 2021, eq. 17; computed as diffusers does ("squaredcos_cap_v2"), from
    float32 factors.
    """
    signal = [math.cos((t / TIMES + 0.008) / 1.008 * math.pi / 2) ** 2 for t in range(TIMES + 1)]
    betas = [min(1 - after / before, 1 - LEAST_ALPHA) for before, after in pairwise(signal)]
    return (1 - torch.tensor(betas, dtype=torch.float32)).cumprod(0)


def pixel_schedule(steps: int = 50) -> Schedule:
    """The schedule in `steps` steps: timesteps equally far apart, from 1 on.

    Raises:
        ValueError: the timesteps cannot be walked in so many steps.
    """
    check_steps(steps, TIMES)
    alphas = cosine_alphas()
    times = 1 + TIMES // steps * torch.arange(steps)
    return schedule_at(times, alphas, alphas[0], PREDICTION)


def half_weights(unet: SmallUNet) -> dict[str, Tensor]:
    """The weights in half precision, as they are published."""
    weights = unet.state_dict()
    return {name: value.detach().cpu().half().contiguous() for name, value in weights.items()}


def open_network(path: Path, device: str = "cpu") -> SmallUNet:
    """The UNet in a file that ``python -m dragkit.training.diffusion`` wrote, as float32; frozen.

    Raises:
        ValueError: it holds another network, or is damaged.
    """
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    unet = network()
    try:
        check_fits(read_header(path), unet.state_dict())
        weights = {name: value.float() for name, value in load_file(path).items()}
        unet.load_state_dict(weights)
    except (SafetensorError, ValueError, RuntimeError) as error:
        raise ValueError(
            f"{path} does not hold a network that python -m dragkit.training.diffusion wrote"
            f" ({error})"
        ) from error
    return channels_last(unet.to(device)).eval().requires_grad_(False)


def open_diffusion(
    path: Path,
    device: str = "cpu",
    *,
    dtype: torch.dtype = torch.float32,
    name: str = "diffusion",
    steps: int = 50,
    **settings: Any,
) -> Diffusion:
    """The bundled diffusion model, or another of its kind.

    Args:
        path: its weights.
        device: where to put them.
        dtype: in what precision the UNet is stored and computed.
        name: in messages and saved runs.
        steps: of the schedule from image to noise.
        settings: those of :class:`Diffusion`.

    Raises:
        ValueError: an unknown setting, or a file with another network.
    """
    check_settings(name, settings, ("name", "steps", *SETTINGS))
    unet = stored_in(dtype, open_network(path, device))
    side = FOLD * SIDE
    return Diffusion(
        unet,
        pixel_schedule(steps).to(device),
        encode,
        decode,
        (side, side),
        FOLD,
        name,
        **settings,
    )
