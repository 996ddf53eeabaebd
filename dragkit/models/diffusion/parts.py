"""The parts of a pipeline, each opened when it is asked for, so that few are in memory at once."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property, partial
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from ..precision import stored_in
from .encoders import FIRST, SECOND, Encoder, encoders_of
from .pipeline_config import read_config
from .pipeline_folder import check_pipeline
from .pipeline_settings import Settings, networks_without_weights
from .staging import staged
from .style_lora import StyleLora
from .text import TextEncoder, encode_text, encode_text_twice

ZEROS = "force_zeros_for_empty_prompt"  # in the model_index.json of an XL


@dataclass(frozen=True, eq=False)
class Parts:
    """A pipeline of Stable Diffusion, for as long as its files are staged.

    Attributes:
        source: the folder or file of the user's, for messages.
        clean: the folder with its configurations and tokenizers, for the libraries.
        settings: its configurations.
        zeros: whether XL's empty prompt is all zeros.
        open_network: opens a part by its name, as float32 on the CPU.
        lora: what corrects each part as it is opened.
    """

    source: Path
    clean: Path
    settings: Settings
    zeros: bool
    open_network: Callable[[str], Any]
    lora: StyleLora | None = None

    @cached_property
    def without_weights(self) -> Mapping[str, nn.Module]:
        """The networks by their parts, on torch's device "meta", where they take no memory."""
        return networks_without_weights(self.source, self.settings)

    def network(self, part: str) -> Any:
        """A part, corrected and frozen, in evaluation mode."""
        network = self.open_network(part)
        if self.lora:
            self.lora.merge(part, network)
        return network.eval().requires_grad_(False)

    def encode(self, prompt: str) -> tuple[Tensor, Tensor | None]:
        """The words (2 tokens c) of the empty prompt and of `prompt`; for XL a summary (2 c), too.

        The text encoders are in memory while this lasts.
        """
        first = self._encoder(FIRST)
        if SECOND in encoders_of(self.settings["unet"]):
            return encode_text_twice(first, self._encoder(SECOND), prompt, self.zeros)
        return encode_text(first, prompt), None

    def scheduler(self) -> Any:
        """The scheduler, whose numbers are those of the training."""
        from diffusers import DDIMScheduler

        return DDIMScheduler.from_pretrained(self.clean / "scheduler", local_files_only=True)

    def _encoder(self, encoder: Encoder) -> TextEncoder:
        tokenizer = _tokenizer(self.clean / encoder.tokenizer, self.source)
        return TextEncoder(self.network(encoder.part), tokenizer, self.source)


@contextmanager
def parts_of_folder(folder: Path, lora: StyleLora | None) -> Iterator[Parts]:
    """The parts of the pipeline in a diffusers folder.

    Raises:
        ValueError: it is not one, or a part is missing, damaged, or of another pipeline.
    """
    weights = check_pipeline(folder)
    with staged(folder, weights) as (clean, settings):
        zeros = SECOND.part in settings and _zeros(folder / "model_index.json")
        yield Parts(folder, clean, settings, zeros, partial(_opened, clean, folder), lora)


def _zeros(index: Path) -> bool:
    value = read_config(index).get(ZEROS, True)
    if not isinstance(value, bool):
        raise ValueError(f"{index}: {ZEROS} is {value!r:.100}; it must be true or false")
    return value


def _tokenizer(clean: Path, source: Path) -> Any:
    from transformers import CLIPTokenizer

    try:
        return CLIPTokenizer.from_pretrained(clean, local_files_only=True)
    # its words come from a file of somebody else's, and can break it in any way
    except Exception as error:
        raise ValueError(
            f"{source / clean.name} does not hold a tokenizer; fetch this part of the pipeline"
            f" again ({error!s:.200})"
        ) from error


def _opened(clean: Path, pipeline: Path, part: str) -> Any:
    """One network in float32, every weight of it from the file; `pipeline` is for messages."""
    kind, folder = _kind(part), pipeline / part
    try:
        network, info = kind.from_pretrained(
            clean / part, local_files_only=True, use_safetensors=True, output_loading_info=True
        )
    # a file of somebody else's can break the libraries in any way
    except Exception as error:
        raise ValueError(
            f"{folder} does not hold a complete {kind.__name__}; fetch this part of the pipeline"
            f" again ({error!s:.500})"
        ) from error

    missing = sorted(info["missing_keys"])
    if missing:
        raise ValueError(
            f"{folder} does not hold a complete {kind.__name__}: {len(missing)} weights are"
            f" missing, such as {missing[0]}; fetch this part of the pipeline again"
        )
    return stored_in(torch.float32, network)  # transformers 5 keeps the file's own precision


def _kind(part: str) -> Any:
    import diffusers
    import transformers

    kinds = {
        "unet": diffusers.UNet2DConditionModel,
        "vae": diffusers.AutoencoderKL,
        "text_encoder": transformers.CLIPTextModel,
        "text_encoder_2": transformers.CLIPTextModelWithProjection,
    }
    return kinds[part]
