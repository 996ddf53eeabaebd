"""The configurations of a whole pipeline: read, compared with each other, and written clean."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import torch

from ...atomic import write_file
from .encoders import encoders_of
from .fitting import check_parts
from .pipeline_config import (
    scheduler_settings,
    text_encoder_settings,
    unet_settings,
    vae_settings,
)

# the checked configuration of each part of a pipeline, by the part's name
Settings = dict[str, dict[str, Any]]

HEADS = {
    "unet": {"_class_name": "UNet2DConditionModel"},
    "vae": {"_class_name": "AutoencoderKL"},
    "scheduler": {"_class_name": "DDIMScheduler"},
}
ENCODER_HEAD = {"model_type": "clip_text_model"}


def read_settings(folder: Path) -> Settings:
    """The checked configurations of a whole pipeline.

    Raises:
        ValueError: one of them is impossible, or they are of several pipelines.
    """
    unet = unet_settings(folder / "unet" / "config.json")
    settings = {
        "unet": unet,
        "vae": vae_settings(folder / "vae" / "config.json"),
        "scheduler": scheduler_settings(folder / "scheduler" / "scheduler_config.json"),
    }
    for encoder in encoders_of(unet):
        settings[encoder.part] = text_encoder_settings(folder / encoder.part / "config.json")
    check_parts(folder, settings)
    return settings


def _builders(settings: Settings) -> dict[str, Callable[[], torch.nn.Module]]:
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
    for part, build in _builders(settings).items():
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
