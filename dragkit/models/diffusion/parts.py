"""Whether the parts of a pipeline belong together, told before torch stumbles over them."""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ...arguments import shown

CHANNELS = 4  # of a latent of Stable Diffusion 1 and 2, which their UNet takes
CELL = 8  # px of the image to one cell of such a latent
SCALE = 0.18215  # of their autoencoder's latents, so that they vary like the noise
WORDS = 1280  # numbers of a word, where a UNet's configuration does not say
KIND = {  # part of the pipeline → the classes that open here
    "vae": ("AutoencoderKL",),
    "text_encoder": ("CLIPTextModel", "CLIPTextModelWithProjection"),
}
KNOWN = {  # what some others are
    "AutoencoderTiny": "TAESD, a small autoencoder for previews, which has no scale and no"
    " distribution",
    "FlowMatchEulerDiscreteScheduler": "of flow matching, as in Stable Diffusion 3 and FLUX",
}


def check_kind(part: str, config: Mapping[str, Any], path: Path) -> None:
    """Raise ValueError if a part is of a class that does not fit Stable Diffusion 1 and 2."""
    kind = config.get("_class_name")
    architectures = config.get("architectures")
    if kind is None and isinstance(architectures, list) and architectures:
        kind = architectures[0]
    wanted = KIND.get(part)
    if kind is None or (wanted is None and not str(kind).startswith("FlowMatch")):
        return
    if wanted is None or kind not in wanted:
        known = KNOWN.get(str(kind))
        about = f" ({known})" if known else ""
        raise ValueError(
            f"{path}: {shown(kind, 60)}{about} does not fit Stable Diffusion 1 and 2, which have"
            f" {wanted[0] if wanted else 'a scheduler of betas'}; put the {part} of the original"
            " pipeline there"
        )


def check_parts(
    folder: Path, unet: Mapping[str, Any], vae: Mapping[str, Any], text: Mapping[str, Any]
) -> None:
    """Raise ValueError if the parts of a pipeline, by their settings, are of several pipelines."""
    words = unet.get("cross_attention_dim", WORDS)
    if words != text["hidden_size"]:
        raise _of_two_pipelines(
            folder,
            "text encoder",
            f"the UNet attends to words of {words} numbers (cross_attention_dim), the text encoder"
            f" makes {text['hidden_size']} (hidden_size)",
        )
    channels = vae.get("latent_channels", CHANNELS)
    if channels != CHANNELS:
        raise _of_two_pipelines(
            folder,
            "autoencoder",
            f"its latents have {channels} channels (latent_channels), the UNet takes {CHANNELS}"
            " (in_channels)",
        )
    _check_scale(folder, unet, vae)


def _check_scale(folder: Path, unet: Mapping[str, Any], vae: Mapping[str, Any]) -> None:
    """Raise ValueError if latents are not as large, or do not vary, as the UNet knows them."""
    scale = vae.get("scaling_factor", SCALE)
    if not math.isclose(scale, SCALE, rel_tol=1e-2):
        raise _of_two_pipelines(
            folder,
            "autoencoder",
            f"its scaling_factor is {scale:g}, and {SCALE:g} in Stable Diffusion 1 and 2 (0.13025"
            " is XL's)",
        )
    cell = 2 ** (len(vae["block_out_channels"]) - 1)
    pixels = [cell * side for side in _pair(unet["sample_size"])]
    if cell != CELL and pixels != _pair(vae.get("sample_size", pixels)):
        raise _of_two_pipelines(
            folder,
            "autoencoder",
            f"one cell of its latents is {cell} px wide, and {CELL} in Stable Diffusion 1 and 2",
        )


def _pair(size: Any) -> list[int]:
    return size if isinstance(size, list) else [size, size]


def _of_two_pipelines(folder: Path, part: str, how: str) -> ValueError:
    return ValueError(
        f"{folder}: its {part} does not fit its UNet: {how}; these are parts of two pipelines, so"
        f" put the {part} of the original one there"
    )
