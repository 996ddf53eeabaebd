"""A prompt, encoded as a UNet attends to it, by one text encoder or by XL's two."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

PENULTIMATE = -2  # the layer whose words XL takes


@dataclass(frozen=True, eq=False)
class TextEncoder:
    """One of a pipeline's text encoders.

    Attributes:
        network: a `CLIPTextModel`, or a `CLIPTextModelWithProjection`, in evaluation mode.
        tokenizer: what makes numbers of words.
        source: where they come from, for messages.
    """

    network: Any
    tokenizer: Any
    source: Path

    @torch.no_grad()
    def __call__(self, texts: list[str]) -> Any:
        """What the network makes of the texts, with all of its layers.

        Raises:
            ValueError: a text has a word that the network does not know.
        """
        config = self.network.config
        tokens = self.tokenizer(
            texts,
            padding="max_length",
            max_length=config.max_position_embeddings,
            truncation=True,
            return_tensors="pt",
        )
        self._warn_of_lost_words(texts, config.max_position_embeddings)
        if tokens.input_ids.max() >= config.vocab_size:
            raise ValueError(
                f"{self.source}: its tokenizer makes the number {tokens.input_ids.max()}, its text"
                f" encoder knows 0 to {config.vocab_size - 1}; these are parts of two pipelines"
            )
        return self.network(tokens.input_ids, output_hidden_states=True)

    def _warn_of_lost_words(self, texts: list[str], most: int) -> None:
        needed = max(map(len, self.tokenizer(texts).input_ids))
        if needed > most:
            warnings.warn(
                f"the prompt has {needed} tokens, and the text encoder of {self.source} reads"
                f" {most}: what comes after them is not seen; shorten it",
                stacklevel=2,
            )


def encode_text(encoder: TextEncoder, prompt: str) -> Tensor:
    """The words (2 tokens c) of the empty prompt and of `prompt`, for Stable Diffusion 1 and 2."""
    return encoder(["", prompt]).last_hidden_state


def encode_text_twice(
    first: TextEncoder, second: TextEncoder, prompt: str, zeros: bool
) -> tuple[Tensor, Tensor]:
    """The words of the empty prompt and of `prompt`, and a summary of each, for XL.

    Args:
        zeros: whether the empty prompt is all zeros instead, as XL was trained without a text.

    Returns:
        (2 tokens c) both encoders' words side by side, of their last layer but one, and (2 c) the
        second encoder's summary.
    """
    texts = ["", prompt]
    made = first(texts), second(texts)
    words = torch.cat([states.hidden_states[PENULTIMATE] for states in made], -1)
    pooled = made[1].text_embeds
    if zeros:
        shown = torch.tensor([0.0, 1.0])
        return words * shown.view(2, 1, 1), pooled * shown.view(2, 1)
    return words, pooled
