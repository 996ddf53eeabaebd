"""Stable Diffusion in a single file: weights under the names of the original code.

The names are translated by diffusers (``from_single_file``), which would fetch the configurations
that such a file lacks. Here it gets those of :mod:`dragkit.models.diffusion.published`, or those
of a folder of yours, so nothing is fetched.

Where a file has an average of the UNet's weights beside them (``model_ema``), the weights
themselves are taken, as diffusers does.

No file of weights has the words of the tokenizer. Only the empty prompt needs none of them: it is
a beginning and ends.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from math import prod
from pathlib import Path
from typing import Any

import torch

from ...atomic import write_file
from ...reading import is_folder
from ..safetensors_header import read_header
from .encoders import SECOND, Encoder, encoders_of
from .file_kinds import FileKind, base_of, kind_of
from .fitting import WORDS
from .parts import Parts
from .pipeline_folder import pipeline_folder
from .pipeline_settings import Settings, read_settings
from .published import BY_WORDS
from .staging import clean_folder, link, stage_tokenizer
from .style_lora import StyleLora
from .tokens import write_bare_tokenizer
from .weights import check_dtypes, check_weights_size

NETWORKS = ("unet", "vae", "text_encoder", "text_encoder_2")
WITHOUT = {"safety_checker": None, "feature_extractor": None}  # not in the file, and not needed
PIPELINES = {1: "StableDiffusionPipeline", 2: "StableDiffusionXLPipeline"}  # by text encoders
XL_PADDING = "!"  # what fills XL's second tokenizer, and no other


@contextmanager
def parts_of_file(path: Path, config: Any, prompt: str, lora: StyleLora | None) -> Iterator[Parts]:
    """The parts of the pipeline in a single file of safetensors.

    Args:
        config: a folder with the small files of its pipeline, or that of the hub's cache, or None.
        prompt: what will be encoded; without a tokenizer it must be empty.
        lora: what corrects the parts.

    Raises:
        ValueError: it is none, its configuration is not known, or does not belong to it.
    """
    check_weights_size([path])
    header = read_header(path)
    check_dtypes(path, header)
    folder = _folder(config)
    settings = _settings(path, kind_of(header), folder)
    with clean_folder(settings) as clean:
        _write_index(clean, settings)
        for encoder in encoders_of(settings["unet"]):
            _write_tokenizer(path, folder, clean, encoder, settings, prompt)
        parts = Parts(path, clean, settings, True, partial(_opened, path, clean), lora)
        _check_complete(parts, sum(map(prod, header.shapes.values())))
        yield parts


def _folder(config: Any) -> Path | None:
    if config is None:
        return None
    if not isinstance(config, str | Path) or not is_folder(Path(config).expanduser()):
        raise ValueError(
            f"config is {config!r:.200}, which is no folder; give one with the small files of the"
            " pipeline (tokenizer/vocab.json …)"
        )
    return pipeline_folder(Path(config).expanduser())


def _settings(path: Path, kind: FileKind | None, folder: Path | None) -> Settings:
    """The configurations in the folder, or else those that were published."""
    words = kind.words if kind else None
    if folder and (folder / "unet").is_dir():
        settings = read_settings(folder)
    elif words in BY_WORDS:
        settings = BY_WORDS[words]
    else:
        raise ValueError(
            f"{path} is {base_of(words)} in a single file, whose configuration dragkit does not"
            " know (it knows Stable Diffusion 1 and XL); pass config=folder with the small files"
            " of its pipeline: unet/config.json, vae/config.json, text_encoder/config.json,"
            " scheduler/scheduler_config.json and tokenizer/"
        )
    configured = settings["unet"].get("cross_attention_dim", WORDS)
    if configured != words:
        raise ValueError(
            f"{path} is {base_of(words)}, its words have {words} numbers; those of {folder} have"
            f" {configured} ({base_of(configured)}); give the configuration of this model"
        )
    return settings


def _write_index(clean: Path, settings: Settings) -> None:
    """Write which parts there are, as diffusers reads it."""
    encoders = encoders_of(settings["unet"])
    index: dict[str, Any] = {
        "_class_name": PIPELINES[len(encoders)],
        "unet": ["diffusers", "UNet2DConditionModel"],
        "vae": ["diffusers", "AutoencoderKL"],
        "scheduler": ["diffusers", "DDIMScheduler"],
    }
    if len(encoders) == 1:
        index["requires_safety_checker"] = False  # or diffusers warns that there is none
    for encoder in encoders:
        index[encoder.part] = ["transformers", encoder.kind]
        index[encoder.tokenizer] = ["transformers", "CLIPTokenizer"]
    write_file(clean / "model_index.json", json.dumps(index))


def _write_tokenizer(
    path: Path,
    folder: Path | None,
    clean: Path,
    encoder: Encoder,
    settings: Settings,
    prompt: str,
) -> None:
    if folder and (folder / encoder.tokenizer).is_dir():
        stage_tokenizer(folder / encoder.tokenizer, clean, encoder, settings)
        return
    if prompt:
        raise ValueError(
            f"{path} is a single file, which has no tokenizer, so the prompt {prompt[:60]!r}"
            " cannot be read; pass config=folder with"
            f" {encoder.tokenizer}/vocab.json and {encoder.tokenizer}/merges.txt (of any"
            " pipeline of its kind), or leave the prompt out"
        )
    padding = XL_PADDING if encoder is SECOND else None
    write_bare_tokenizer(clean / encoder.tokenizer, settings[encoder.part]["vocab_size"], padding)


def _check_complete(parts: Parts, numbers: int) -> None:
    """Raise ValueError if the file has fewer numbers than its networks need."""
    networks = parts.without_weights.values()
    needed = sum(weight.numel() for network in networks for weight in network.parameters())
    if needed > numbers:
        raise ValueError(
            f"{parts.source} is not complete: its networks need {needed:,} numbers, it has"
            f" {numbers:,}; fetch it again, or give the configuration of this model"
        )


def _opened(path: Path, clean: Path, part: str) -> Any:
    """One network of the file, as diffusers makes it."""
    import diffusers

    index = json.loads((clean / "model_index.json").read_text())
    kind = getattr(diffusers, index["_class_name"])
    others = {name: None for name in NETWORKS if name in index and name != part}
    linked = clean / f"{part}.safetensors"  # diffusers goes by the ending
    link(linked, path)
    try:
        pipeline = kind.from_single_file(
            str(linked),
            config=str(clean),
            local_files_only=True,
            torch_dtype=torch.float32,
            **others,
            **WITHOUT,
        )
    # a file of somebody else's can break the libraries in any way
    except Exception as error:
        reason = str(error).replace(str(linked), str(path))[:500]
        raise ValueError(
            f"{path} does not hold a complete {part}; fetch it again, or give the configuration"
            f" of this model ({reason})"
        ) from error

    network = getattr(pipeline, part)
    missing = [name for name, weight in network.named_parameters() if weight.is_meta]
    if missing:
        raise ValueError(
            f"{path} does not hold a complete {part}: {len(missing)} weights are missing, such as"
            f" {missing[0]}; fetch it again"
        )
    return network
