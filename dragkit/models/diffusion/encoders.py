"""The text encoders of a pipeline: Stable Diffusion 1 and 2 have one, XL has two."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple


class Encoder(NamedTuple):
    """Where a pipeline keeps a text encoder and its tokenizer, and what transformers calls it."""

    part: str
    tokenizer: str
    kind: str


FIRST = Encoder("text_encoder", "tokenizer", "CLIPTextModel")
SECOND = Encoder("text_encoder_2", "tokenizer_2", "CLIPTextModelWithProjection")


def encoders_of(unet: Mapping[str, Any]) -> tuple[Encoder, ...]:
    """The text encoders of the pipeline whose UNet has this configuration."""
    if is_xl(unet):
        return FIRST, SECOND
    return (FIRST,)


def is_xl(unet: Mapping[str, Any]) -> bool:
    """Whether a UNet with this configuration is told sizes and a pooled text, as XL's is."""
    return unet.get("addition_embed_type") == "text_time"
