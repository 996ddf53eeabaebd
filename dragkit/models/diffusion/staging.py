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
from .parts import check_parts
from .pipeline_config import (
    scheduler_settings,
    text_encoder_settings,
    unet_settings,
    vae_settings,
)
from .pipeline_folder import STEMS
from .pipeline_weights import weight_map
from .tokens import write_tokenizer
from .weights import check_weights


@contextmanager
def staged(folder: Path, weights: Mapping[str, list[Path]]) -> Iterator[Path]:
    """A folder with what is needed of the pipeline, for as long as this lasts.

    Args:
        folder: of the pipeline.
        weights: the files of weights of its parts.

    Raises:
        ValueError: a configuration is impossible, or does not belong to its weights.
    """
    unet = unet_settings(folder / "unet" / "config.json")
    vae = vae_settings(folder / "vae" / "config.json")
    text = text_encoder_settings(folder / "text_encoder" / "config.json")
    scheduler = scheduler_settings(folder / "scheduler" / "scheduler_config.json")
    check_parts(folder, unet, vae, text)
    check_weights(weights["unet"], partial(_diffusers, "UNet2DConditionModel", unet))
    check_weights(weights["vae"], partial(_diffusers, "AutoencoderKL", vae))
    check_weights(weights["text_encoder"], partial(_text_encoder, text))

    with tempfile.TemporaryDirectory(prefix="dragkit-", ignore_cleanup_errors=True) as name:
        clean = Path(name)
        _write(clean / "unet/config.json", {"_class_name": "UNet2DConditionModel", **unet})
        _write(clean / "vae/config.json", {"_class_name": "AutoencoderKL", **vae})
        _write(clean / "text_encoder/config.json", {"model_type": "clip_text_model", **text})
        _write(
            clean / "scheduler/scheduler_config.json",
            {"_class_name": "DDIMScheduler", **scheduler},
        )
        for part, files in weights.items():
            _link_weights(clean / part, STEMS[part], files)
        (clean / "tokenizer").mkdir()
        write_tokenizer(folder / "tokenizer", clean / "tokenizer", text["vocab_size"])
        yield clean


def _diffusers(kind: str, settings: Mapping[str, Any]) -> torch.nn.Module:
    import diffusers

    return getattr(diffusers, kind).from_config(dict(settings))


def _text_encoder(settings: Mapping[str, Any]) -> torch.nn.Module:
    from transformers import CLIPTextConfig, CLIPTextModel

    return CLIPTextModel(CLIPTextConfig(**settings))


def _write(path: Path, config: Mapping[str, Any]) -> None:
    write_file(path, json.dumps(config))


def _link_weights(folder: Path, stem: str, files: list[Path]) -> None:
    """Make links to a part's weights, under the names that the libraries look for."""
    if len(files) == 1:
        _link(folder / f"{stem}.safetensors", files[0])
        return
    names = {
        path: f"{stem}-{k:05}-of-{len(files):05}.safetensors" for k, path in enumerate(files, 1)
    }
    for path, name in names.items():
        _link(folder / name, path)
    places = {tensor: names[path] for tensor, path in weight_map(files).items()}
    total = sum(path.stat().st_size for path in files)
    index = {"metadata": {"total_size": total}, "weight_map": places}
    _write(folder / f"{stem}.safetensors.index.json", index)


def _link(path: Path, target: Path) -> None:
    """Make `path` lead to a file: by a link where that is allowed, else as a copy."""
    with suppress(OSError):  # Windows does not let everybody make one
        path.symlink_to(target.resolve())
        return
    with suppress(OSError):  # the files may be on another disk
        path.hardlink_to(target.resolve())
        return
    shutil.copyfile(target, path)
