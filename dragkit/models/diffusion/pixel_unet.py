"""The bundled diffusion model's network: a UNet on images whose 2x2 squares became channels.

An image (3 64 64) is a latent (12 32 32): nothing is lost, and the finest resolution of the UNet
(diffusers' `UNet2DModel`) costs a quarter. Where Stable Diffusion has an autoencoder, this model
has :func:`encode` and :func:`decode`.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

from ..precision import stored_in
from ..safetensors_header import check_fits, read_header
from ..settings import check_settings
from .ddim import ddim_schedule
from .model import SETTINGS, Diffusion

# diffusers publishes no types
UNet2DModel = Any
DDIMScheduler = Any

FOLD = 2  # side of the squares, in pixels
ARCHITECTURE = {
    "in_channels": 3 * FOLD**2,
    "out_channels": 3 * FOLD**2,
    "sample_size": 32,
    "block_out_channels": (32, 64, 160),
    "layers_per_block": 1,
    "norm_num_groups": 8,
    "attention_head_dim": 32,
    "down_block_types": ("DownBlock2D", "AttnDownBlock2D", "AttnDownBlock2D"),
    "up_block_types": ("AttnUpBlock2D", "AttnUpBlock2D", "UpBlock2D"),
}
SCHEDULE = {
    "beta_schedule": "squaredcos_cap_v2",
    "num_train_timesteps": 1000,
    "prediction_type": "v_prediction",
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


def network() -> UNet2DModel:
    """The UNet, untrained."""
    import diffusers

    return diffusers.UNet2DModel(**ARCHITECTURE)


def scheduler() -> DDIMScheduler:
    """The schedule of the noise that it was trained with."""
    import diffusers

    return diffusers.DDIMScheduler(**SCHEDULE)


def half_weights(unet: UNet2DModel) -> dict[str, Tensor]:
    """The weights in half precision, as they are published."""
    weights = unet.state_dict()
    return {name: value.detach().cpu().half().contiguous() for name, value in weights.items()}


def open_network(path: Path, device: str = "cpu") -> UNet2DModel:
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
    return unet.to(device, memory_format=torch.channels_last).eval().requires_grad_(False)


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
    side = FOLD * unet.config.sample_size
    return Diffusion(
        unet,
        ddim_schedule(scheduler(), steps, device),
        encode,
        decode,
        (side, side),
        FOLD,
        name,
        **settings,
    )
