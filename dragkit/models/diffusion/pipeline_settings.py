"""The configurations of a whole pipeline: read, compared with each other, and written clean."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import torch

from ...atomic import write_file
from .encoders import SECOND, encoders_of
from .pipeline_config import (
    scheduler_settings,
    text_encoder_settings,
    unet_settings,
    vae_settings,
)

# the checked configuration of each part of a pipeline, by the part's name
Settings = dict[str, dict[str, Any]]

SIX = 6  # numbers about the image that XL's UNet is told
HEADS = {
    "unet": {"_class_name": "UNet2DConditionModel"},
    "vae": {"_class_name": "AutoencoderKL"},
    "scheduler": {"_class_name": "DDIMScheduler"},
}
ENCODER_HEAD = {"model_type": "clip_text_model"}


def read_settings(folder: Path) -> Settings:
    """The checked configurations of a whole pipeline.

    Raises:
        ValueError: one of them is impossible.
    """
    unet = unet_settings(folder / "unet" / "config.json")
    settings = {
        "unet": unet,
        "vae": vae_settings(folder / "vae" / "config.json"),
        "scheduler": scheduler_settings(folder / "scheduler" / "scheduler_config.json"),
    }
    for encoder in encoders_of(unet):
        settings[encoder.part] = text_encoder_settings(folder / encoder.part / "config.json")
    return settings


def check_widths(folder: Path, settings: Settings) -> None:
    """Raise ValueError if the UNet does not attend to what the text encoders make."""
    unet = settings["unet"]
    encoders = [settings[encoder.part] for encoder in encoders_of(unet)]
    width = unet.get("cross_attention_dim", 1280)
    made = [encoder["hidden_size"] for encoder in encoders]
    if width != sum(made):
        raise ValueError(
            f"{folder}: the UNet attends to words of {width} numbers (cross_attention_dim), the"
            f" text encoder makes {' + '.join(map(str, made))} (hidden_size); these are parts of"
            " two pipelines"
        )
    if len(encoders) == 1:
        return

    takes = unet.get("projection_class_embeddings_input_dim")
    pooled = settings[SECOND.part].get("projection_dim", 512)
    numbers = SIX * (unet.get("addition_time_embed_dim") or 0)
    if takes != pooled + numbers:
        raise ValueError(
            f"{folder}: besides words the UNet takes {takes} numbers"
            f" (projection_class_embeddings_input_dim), but {SECOND.part} sums a text up in"
            f" {pooled} (projection_dim) and the image's size takes {numbers} (6 ·"
            " addition_time_embed_dim); these are parts of two pipelines"
        )


def networks(settings: Settings) -> dict[str, Callable[[], torch.nn.Module]]:
    """What builds each network of a pipeline, with random weights."""
    build: dict[str, Callable[[], torch.nn.Module]] = {
        "unet": partial(_diffusers, "UNet2DConditionModel", settings["unet"]),
        "vae": partial(_diffusers, "AutoencoderKL", settings["vae"]),
    }
    for encoder in encoders_of(settings["unet"]):
        build[encoder.part] = partial(_transformers, encoder.kind, settings[encoder.part])
    return build


def networks_without_weights(source: Path, settings: Settings) -> dict[str, torch.nn.Module]:
    """The networks of a pipeline on torch's device "meta", where they take no memory.

    Raises:
        ValueError: a configuration makes no network; the message names `source` and the part.
    """
    made = {}
    for part, build in networks(settings).items():
        try:
            with torch.device("meta"):
                made[part] = build()
        # the libraries check some of their settings, and stumble over others in any way
        except Exception as error:
            raise ValueError(
                f"{source}: the configuration of {part} makes no network ({error!s:.200}); fetch"
                " it again"
            ) from error
    return made


def write_settings(clean: Path, settings: Settings) -> None:
    """Write the configurations as the libraries read them."""
    for part, values in settings.items():
        name = "scheduler_config.json" if part == "scheduler" else "config.json"
        head = HEADS.get(part, ENCODER_HEAD)
        write_file(clean / part / name, json.dumps({**head, **values}))


def _diffusers(kind: str, settings: Mapping[str, Any]) -> torch.nn.Module:
    import diffusers

    return getattr(diffusers, kind).from_config(dict(settings))


def _transformers(kind: str, settings: Mapping[str, Any]) -> torch.nn.Module:
    import transformers

    return getattr(transformers, kind)(transformers.CLIPTextConfig(**settings))
