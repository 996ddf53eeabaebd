"""A UNet as a diffusion model asks it: under a text, with guidance, in the chosen precision, stage
by stage.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from ..settings import is_real
from .memory import kept, told
from .unet import stages


@dataclass(frozen=True, eq=False)
class Denoiser:
    """What a UNet makes of noisy latents (b c h w). The settings are those of
    :class:`dragkit.models.diffusion.model.Diffusion`.

    Raises:
        ValueError: a guidance or precision that there is not.
    """

    unet: Any
    name: str
    text: Tensor | None = None
    guidance: float = 1.0
    autocast: str | None = None

    def __post_init__(self) -> None:
        if not (is_real(self.guidance) and self.guidance >= 1):
            raise ValueError(f"guidance is {self.guidance!r}; give 1 (none) or more")
        if self.guidance != 1 and self.text is None:
            raise ValueError(
                f"guidance is {self.guidance:g}, but this model is told no text; it knows only"
                " guidance=1"
            )
        if self.autocast not in (None, "bfloat16", "float16"):
            raise ValueError(
                f'autocast is {self.autocast!r}; choose "bfloat16", "float16" or None'
            )

    def predict(self, z: Tensor, t: Tensor) -> Tensor:
        """What the network predicts (b c h w) for latents at times t: (1), or (b) where there is
        no guidance.
        """
        *_, last = self.stages(z, t)
        return self.guided(last)

    def stages(self, z: Tensor, t: Tensor) -> Iterator[Tensor]:
        """The UNet's stages in float32; under guidance for the empty prompt and the prompt, one
        after the other (2b c h w).
        """
        z, text = self._asked(z)
        run = stages(self.unet, z.contiguous(memory_format=torch.channels_last), t, text)
        while True:
            with (
                self.told(z.shape),
                torch.autocast(z.device.type, self._half) if self._half else nullcontext(),
            ):
                stage = next(run, None)
            if stage is None:
                return
            yield stage.float()

    def guided(self, predicted: Tensor) -> Tensor:
        """ε̂ = ε̂(∅) + g (ε̂(text) - ε̂(∅))."""
        if self.guidance == 1:
            return predicted
        empty, prompted = predicted.chunk(2)
        return empty + self.guidance * (prompted - empty)

    def joined(self, features: Tensor) -> Tensor:
        """(c h w); under guidance both prompts' features, weighted 1 - c and c with c = g / (2g -
        1) (DragDiffusion's code).
        """
        if self.guidance == 1:
            return features[0]
        c = self.guidance / (2 * self.guidance - 1)
        return torch.cat([(1 - c) * features[0], c * features[1]])

    def told(self, shape: tuple[int, ...]) -> AbstractContextManager[None]:
        """While this lasts, too little memory is told with what latents of this shape (b c h w)
        need.
        """
        return told(lambda: self._need(tuple(shape)))

    @property
    def _half(self) -> torch.dtype | None:
        return self.autocast and getattr(torch, self.autocast)

    def _asked(self, z: Tensor) -> tuple[Tensor, Tensor | None]:
        """The latents that the network gets, and the text of each."""
        if self.text is None:
            return z, None
        if self.guidance == 1:
            return z, self.text[1:].expand(len(z), -1, -1)
        return torch.cat([z, z]), self.text.repeat_interleave(len(z), 0)

    def _need(self, shape: tuple[int, ...]) -> str:
        weights = list(self.unet.parameters())
        words = None if self.text is None else (shape[0], *self.text.shape[1:])
        to = [
            f"{size / 1e9:.3g}"
            for size in kept(self.unet, shape, words, weights[0].device, self._half)
        ]
        return (
            f"{self.name} needs more memory than the device has: its weights take"
            f" {sum(w.nbytes for w in weights) / 1e9:.3g} GB; to look at latents "
            f"(b c h w) = {shape} with a gradient, as a step of a drag does, keeps about"
            f" {', '.join(to[:-1])} GB more for feature_block 0 to "
            f"{len(to) - 2}, and {to[-1]} GB where there is a mask. Lower the size or the"
            ' feature_block, or use device="cpu"'
        )


class Rest:
    """The prediction, made when it is first asked for, from where the features were read.

    It keeps the gradient if the features have one, whoever asks: an image that is looked at first
    must not cost the mask its pull.
    """

    def __init__(self, denoiser: Denoiser, run: Iterator[Tensor], differentiable: bool) -> None:
        self.denoiser, self.run, self.differentiable, self.value = (
            denoiser,
            run,
            differentiable,
            None,
        )

    def __call__(self) -> Tensor:
        if self.value is None:
            with torch.set_grad_enabled(self.differentiable):
                *_, last = self.run
                self.value = self.denoiser.guided(last)
        return self.value
