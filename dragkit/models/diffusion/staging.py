"""A clean copy of a pipeline's folder, for the libraries that open it.

They look for more than they are asked for: an adapter_config.json that leads to another folder, an
index of further files, a pickle. In the copy there is nothing but checked configurations and links
to the files of weights, whose sizes are those that the configurations make.
"""

from __future__ import annotations

import json
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path
from typing import Any

import torch

from ...atomic import write_file
from .pipeline_config import (
    scheduler_settings,
    text_encoder_settings,
    unet_settings,
    vae_settings,
)
from .tokens import write_tokenizer
from .weights import check_weights

UNET = "unet/diffusion_pytorch_model.safetensors"
VAE = "vae/diffusion_pytorch_model.safetensors"
TEXT_ENCODER = "text_encoder/model.safetensors"


@contextmanager
def staged(folder: Path) -> Iterator[Path]:
    """A folder with what is needed of the pipeline, for as long as this lasts.

    Raises:
        ValueError: a configuration is impossible, or does not belong to its weights.
    """
    unet = unet_settings(folder / "unet" / "config.json")
    vae = vae_settings(folder / "vae" / "config.json")
    text = text_encoder_settings(folder / "text_encoder" / "config.json")
    scheduler = scheduler_settings(folder / "scheduler" / "scheduler_config.json")
    _check_widths(folder, unet, text)
    check_weights(folder / UNET, partial(_diffusers, "UNet2DConditionModel", unet))
    check_weights(folder / VAE, partial(_diffusers, "AutoencoderKL", vae))
    check_weights(folder / TEXT_ENCODER, partial(_text_encoder, text))

    with tempfile.TemporaryDirectory(prefix="dragkit-", ignore_cleanup_errors=True) as name:
        clean = Path(name)
        _write(clean / "unet/config.json", {"_class_name": "UNet2DConditionModel", **unet})
        _write(clean / "vae/config.json", {"_class_name": "AutoencoderKL", **vae})
        _write(clean / "text_encoder/config.json", {"model_type": "clip_text_model", **text})
        _write(
            clean / "scheduler/scheduler_config.json",
            {"_class_name": "DDIMScheduler", **scheduler},
        )
        for weights in (UNET, VAE, TEXT_ENCODER):
            _link(clean / weights, folder / weights)
        (clean / "tokenizer").mkdir()
        write_tokenizer(folder / "tokenizer", clean / "tokenizer", text["vocab_size"])
        yield clean


def _check_widths(folder: Path, unet: Mapping[str, Any], text: Mapping[str, Any]) -> None:
    """Raise ValueError if the UNet does not attend to what the text encoder makes."""
    width = unet.get("cross_attention_dim", 1280)
    if width != text["hidden_size"]:
        raise ValueError(
            f"{folder}: the UNet attends to words of {width} numbers (cross_attention_dim), the"
            f" text encoder makes {text['hidden_size']} (hidden_size); these are parts of two"
            " pipelines"
        )


def _diffusers(kind: str, settings: Mapping[str, Any]) -> torch.nn.Module:
    import diffusers

    return getattr(diffusers, kind).from_config(dict(settings))


def _text_encoder(settings: Mapping[str, Any]) -> torch.nn.Module:
    from transformers import CLIPTextConfig, CLIPTextModel

    return CLIPTextModel(CLIPTextConfig(**settings))


def _write(path: Path, config: Mapping[str, Any]) -> None:
    write_file(path, json.dumps(config))


def _link(path: Path, target: Path) -> None:
    """Make `path` lead to a file: by a link where that is allowed, else as a copy."""
    with suppress(OSError):  # Windows does not let everybody make one
        path.symlink_to(target.resolve())
        return
    with suppress(OSError):  # the files may be on another disk
        path.hardlink_to(target.resolve())
        return
    shutil.copyfile(target, path)
