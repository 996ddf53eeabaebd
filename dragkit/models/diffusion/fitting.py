"""Whether the parts of a pipeline belong together, told before torch stumbles over them."""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ...arguments import shown
from .encoders import FIRST, SECOND, encoders_of, is_xl

CHANNELS = 4  # of a latent of Stable Diffusion, which every UNet of it takes
CELL = 8  # px of the image to one cell of such a latent
SCALES = {False: 0.18215, True: 0.13025}  # of latents, so that they vary like the noise; of XL's
WORDS = 1280  # numbers of a word, where a UNet's configuration does not say
POOLED = 512  # numbers of a text's summary, where its encoder's configuration does not say
SIX = 6  # numbers about the image that XL's UNet is told
KIND = {  # part of the pipeline → the classes that open here
    "vae": ("AutoencoderKL",),
    FIRST.part: ("CLIPTextModel", "CLIPTextModelWithProjection"),
    SECOND.part: (SECOND.kind,),
}
KNOWN = {  # what some others are
    "AutoencoderTiny": "TAESD, a small autoencoder for previews, which has no scale and no"
    " distribution",
    "FlowMatchEulerDiscreteScheduler": "of flow matching, as in Stable Diffusion 3 and FLUX",
}


def check_kind(part: str, config: Mapping[str, Any], path: Path) -> None:
    """Raise ValueError if a part is of a class that does not fit Stable Diffusion 1, 2 and XL."""
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
            f"{path}: {shown(kind, 60)}{about} does not fit Stable Diffusion 1, 2 and XL, which"
            f" have {wanted[0] if wanted else 'a scheduler of betas'}; put the {part} of the"
            " original pipeline there"
        )


def check_parts(folder: Path, settings: Mapping[str, Mapping[str, Any]]) -> None:
    """Raise ValueError if the parts of a pipeline, by their settings, are of several pipelines."""
    unet, vae = settings["unet"], settings["vae"]
    _check_words(folder, unet, settings)
    channels = vae.get("latent_channels", CHANNELS)
    if channels != CHANNELS:
        raise _of_two_pipelines(
            folder,
            "autoencoder",
            f"its latents have {channels} channels (latent_channels), the UNet takes {CHANNELS}"
            " (in_channels)",
        )
    _check_scale(folder, unet, vae)


def _check_words(
    folder: Path, unet: Mapping[str, Any], settings: Mapping[str, Mapping[str, Any]]
) -> None:
    """Raise ValueError if the UNet does not attend to what the text encoders make."""
    encoders = [settings[encoder.part] for encoder in encoders_of(unet)]
    width = unet.get("cross_attention_dim", WORDS)
    made = [encoder["hidden_size"] for encoder in encoders]
    if width != sum(made):
        raise _of_two_pipelines(
            folder,
            "text encoder",
            f"the UNet attends to words of {width} numbers (cross_attention_dim), the text encoder"
            f" makes {' + '.join(map(str, made))} (hidden_size)",
        )
    if len(encoders) == 1:
        return

    takes = unet.get("projection_class_embeddings_input_dim")
    pooled = settings[SECOND.part].get("projection_dim", POOLED)
    numbers = SIX * (unet.get("addition_time_embed_dim") or 0)
    if takes != pooled + numbers:
        raise _of_two_pipelines(
            folder,
            "text encoder",
            f"besides words the UNet takes {takes} numbers"
            f" (projection_class_embeddings_input_dim), but {SECOND.part} sums a text up in"
            f" {pooled} (projection_dim) and the image's size takes {numbers} (6 ·"
            " addition_time_embed_dim)",
        )


def _check_scale(folder: Path, unet: Mapping[str, Any], vae: Mapping[str, Any]) -> None:
    """Raise ValueError if latents are not as large, or do not vary, as the UNet knows them."""
    usual, others = SCALES[is_xl(unet)], SCALES[not is_xl(unet)]
    scale = vae.get("scaling_factor", SCALES[False])
    if not math.isclose(scale, usual, rel_tol=1e-2):
        raise _of_two_pipelines(
            folder,
            "autoencoder",
            f"its scaling_factor is {scale:g}, and {usual:g} in pipelines with such a UNet"
            f" ({others:g} is that of {'1 and 2' if is_xl(unet) else 'XL'})",
        )
    cell = cell_of(vae)
    pixels = [cell * side for side in sides_of(unet["sample_size"])]
    if cell != CELL and pixels != sides_of(vae.get("sample_size", pixels)):
        raise _of_two_pipelines(
            folder,
            "autoencoder",
            f"one cell of its latents is {cell} px wide, and {CELL} in Stable Diffusion",
        )


def cell_of(vae: Mapping[str, Any]) -> int:
    """Side in pixels of the square that a cell of an autoencoder's latents covers."""
    return 2 ** (len(vae["block_out_channels"]) - 1)


def sides_of(size: int | list[int]) -> list[int]:
    """Height and width of a configuration's `sample_size`, which is one number or both."""
    return size if isinstance(size, list) else [size, size]


def _of_two_pipelines(folder: Path, part: str, how: str) -> ValueError:
    return ValueError(
        f"{folder}: its {part} does not fit its UNet: {how}; these are parts of two pipelines, so"
        f" put the {part} of the original one there"
    )
