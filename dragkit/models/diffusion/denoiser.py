"""A UNet that predicts for a prompt, with guidance, in its own precision, stage by stage."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch
from torch import Tensor

from ...numeric import is_real, size_in_words
from ..precision import HALF, GradientScale
from .added import Added
from .injected import Injected
from .memory import explained_out_of_memory
from .unet import stages


@dataclass(frozen=True, eq=False)
class Denoiser:
    """What a UNet predicts for noisy latents (b c h w).

    Its settings are those of :class:`dragkit.models.diffusion.model.Diffusion`.

    Raises:
        ValueError: an impossible guidance.
    """

    unet: Any
    name: str
    text: Tensor | None = None
    guidance: float = 1.0
    added: Added | None = None
    injected: Injected | None = None

    def __post_init__(self) -> None:
        if not (is_real(self.guidance) and self.guidance >= 1):
            raise ValueError(f"guidance is {self.guidance!r}; give 1 (none) or more")
        if self.guidance != 1 and self.text is None:
            raise ValueError(
                f"guidance is {self.guidance:g}, but this model takes no text, so only guidance=1"
                " fits"
            )

    def predict(self, z: Tensor, t: Tensor) -> Tensor:
        """The prediction (b c h w) for latents at timesteps t: (1), or (b) without guidance."""
        *_, last = self.stages(z, t)
        return self.guided(last)

    def stages(self, z: Tensor, t: Tensor) -> Iterator[Tensor]:
        """The UNet's stages in float32; the UNet itself computes in the precision of its weights.

        With guidance each is (2b c h w): for every latent the empty prompt's and the prompt's.
        """
        dtype = self.unet.conv_in.weight.dtype
        gradients = GradientScale()
        inputs = self._for_each_prompt(z)
        text = self._for_each_latent(self.text, len(z), dtype)
        added = self._for_each_latent(self._embedding(), len(z), dtype)
        if dtype in HALF:
            inputs = gradients.entering(inputs, dtype)
        injecting = self._injecting(gradients, t, len(z))

        inputs = inputs.contiguous(memory_format=torch.channels_last)
        run = stages(self.unet, inputs, t, text, added)
        while True:
            with self.explained_out_of_memory(inputs.shape), injecting():
                stage = next(run, None)
            if stage is None:
                return
            yield gradients.leaving(stage)[0] if dtype in HALF else stage

    def guided(self, predicted: Tensor) -> Tensor:
        """ε̂ = ε̂(∅) + g (ε̂(text) - ε̂(∅)), classifier-free guidance."""
        if self.guidance == 1:
            return predicted
        empty, prompted = predicted.chunk(2)
        return empty + self.guidance * (prompted - empty)

    def joined(self, features: Tensor) -> Tensor:
        """(c h w); with guidance both prompts' features over channels, weighted 1 - a and a.

        a = g / (2g - 1), as in DragDiffusion's code.
        """
        if self.guidance == 1:
            return features[0]
        a = self.guidance / (2 * self.guidance - 1)
        return torch.cat([(1 - a) * features[0], a * features[1]])

    def explained_out_of_memory(self, shape: tuple[int, ...]) -> AbstractContextManager[None]:
        """While this lasts, too little memory for latents of this shape (b c h w) is explained."""
        weights = sum(weight.nbytes for weight in self.unet.parameters())
        return explained_out_of_memory(
            f"{self.name} needs more memory than the device has: its weights take"
            f" {size_in_words(weights)}, and it was computing for latents (b c h w) ="
            f' {tuple(shape)}. Lower the size or the feature_block, or use device="cpu"'
        )

    def _injecting(
        self, gradients: GradientScale, t: Tensor, count: int
    ) -> Callable[[], AbstractContextManager[None]]:
        """What has to last while the UNet computes for `count` latents at timesteps t."""
        if self.injected is None or t[0] < self.injected.least:
            return nullcontext
        value = self.injected.value
        dtype = self.unet.conv_in.weight.dtype
        if dtype in HALF:
            value = gradients.entering(value, dtype)
        last_of_each_prompt = slice(count - 1, None, count)
        return partial(self.injected.into, self.unet, value, last_of_each_prompt)

    def _for_each_prompt(self, z: Tensor) -> Tensor:
        """The inputs: with guidance all latents for the empty prompt, then all again."""
        if self.guidance == 1:
            return z
        return torch.cat([z, z])

    def _for_each_latent(
        self, prompts: Tensor | None, count: int, dtype: torch.dtype
    ) -> Tensor | None:
        """What belongs to the empty prompt and the prompt (2 …), for each of the inputs (b …)."""
        if prompts is None:
            return None
        prompts = prompts.to(dtype)
        if self.guidance == 1:
            return prompts[1:].expand(count, *prompts.shape[1:])
        return prompts.repeat_interleave(count, 0)

    def _embedding(self) -> Tensor | None:
        if self.added is None:
            return None
        return self.added.embedding(self.unet)


class LazyPrediction:
    """The prediction, completed from the features' stage when it is first asked for.

    It keeps the gradient if the features have one, whatever the caller's mode: an image that is
    shown first must not take the mask loss's gradient away.
    """

    def __init__(self, denoiser: Denoiser, run: Iterator[Tensor], differentiable: bool) -> None:
        self.denoiser = denoiser
        self.run = run
        self.differentiable = differentiable
        self.value: Tensor | None = None

    def __call__(self) -> Tensor:
        """The prediction (b c h w)."""
        if self.value is None:
            with torch.set_grad_enabled(self.differentiable):
                *_, last = self.run
                self.value = self.denoiser.guided(last)
        return self.value
