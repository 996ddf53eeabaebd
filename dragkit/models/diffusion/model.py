r"""A diffusion model as something that can be dragged: the latent is a noisy image, part of the
way to noise.

DDIM inversion leads an image x₀ up the road (:mod:`dragkit.models.diffusion.ddim`) to z at `strength`; the
drag moves z; denoising leads it back. One adapter serves the bundled lion and Stable Diffusion:
they differ in their network, in what stands between image and latent, and in whether there is a
text.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from itertools import islice
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ...records import Size, View
from ..settings import is_real, is_whole
from .ddim import Schedule
from .denoiser import Denoiser, Rest
from .unet import self_attentions, shared_attention

SETTINGS = (
    "strength",
    "refine",
    "feature_block",
    "guidance",
    "start_step",
    "start_layer",
    "autocast",
)
START_LAYER = 10 / 16  # of the self-attention layers: DragDiffusion's tenth of sixteen


@dataclass(frozen=True, eq=False)
class Diffusion:
    r"""A diffusion model that can be dragged. Its latent is z (c h w) at `timestep_index` of the road.

    Args:
        unet: frozen, in evaluation mode.
        schedule: the levels from image to noise; DragDiffusion takes 50.
        encode, decode: image (b 3 H W) in 0..1 ↔ clean latent (b c h w).
        size: (height, width) of the images, and
        cell: side of the square of pixels that is one cell of the latent.
        text: (2 tokens c) the empty prompt and the prompt, for a conditional network.
        feature_block: which stage of the UNet is read: 0 its middle, then its decoder blocks from
            1 (DragDiffusion: 3 of 4).
        strength: how far up the road the latent lies, in (0, 1]: 0.7 of 50 steps is level 35.
        refine: times that each step of the inversion is corrected: the network looks again at
            where the step led to, and the step is made anew from there. One brings the bundled
            lion from 43 to 54 dB for twice the time (our choice, after Pan et al. 2023 and Garibi
            et al. 2024); DragDiffusion has 0.
        guidance: g of classifier-free guidance. 1 leaves it out, as for real images; for
            generated ones DragDiffusion takes 7.5.
        reference: (c h w) the start of the drag. If there is one, :meth:`finish` takes the
            original's self-attention along: see :meth:`with_reference`.
        start_step, start_layer: from which denoising step and self-attention layer on
            (DragDiffusion: 0 and 10 of 16; None takes that share of this network's layers, and
            their number means none).
        autocast: "bfloat16" or "float16" to compute the UNet in half precision; None for float32.
            Nothing scales the loss, so under float16 a weak pull can vanish.
        notes: what a saved run shall remember: the inversion's PSNR, the LoRA.

    Raises:
        ValueError: a strength, block, guidance, layer or precision that there is not.
    """

    unet: Any = field(repr=False)
    schedule: Schedule = field(repr=False)
    encode: Callable[[Tensor], Tensor] = field(repr=False)
    decode: Callable[[Tensor], Tensor] = field(repr=False)
    size: Size
    cell: int
    name: str = "diffusion"
    text: Tensor | None = field(default=None, repr=False)
    feature_block: int = 2
    strength: float = 0.7
    refine: int = 1
    guidance: float = 1.0
    reference: Tensor | None = field(default=None, repr=False)
    start_step: int = 0
    start_layer: int | None = None
    autocast: str | None = None
    notes: Mapping[str, Any] = field(default_factory=dict, repr=False)

    def __post_init__(self) -> None:
        most, layers = len(self.unet.up_blocks), len(self_attentions(self.unet))
        if not (is_real(self.strength) and 0 < self.strength <= 1):
            raise ValueError(
                f"strength is {self.strength!r}; it lies in (0, 1]: 1 is pure noise, DragDiffusion"
                " takes 0.7"
            )
        if not self.timestep_index:
            raise ValueError(
                f"strength {self.strength:g} of {self.schedule.steps} steps is no step at all; take at"
                f" least {1 / self.schedule.steps:.2g}"
            )
        grain = self.cell * 2 ** (most - 1)
        if not all(is_whole(side, 1) and side % grain == 0 for side in self.size):
            raise ValueError(
                f"size is {self.size}; this network's images have sides that are multiples of"
                f" {grain} px, such as {(8 * grain, 8 * grain)}"
            )
        if not is_whole(self.feature_block, 0, most):
            raise ValueError(
                f"feature_block is {self.feature_block!r}; this UNet has 0 (its middle) and the"
                f" decoder blocks 1 to {most}"
            )
        if self.start_layer is not None and not is_whole(self.start_layer, 0, layers):
            raise ValueError(
                f"start_layer is {self.start_layer!r}; this UNet has {layers} self-attention"
                f" layers, so give 0 to {layers} (none)"
            )
        if not is_whole(self.start_step, 0, self.timestep_index):
            raise ValueError(
                f"start_step is {self.start_step!r}; from level {self.timestep_index} there are"
                f" {self.timestep_index} steps to the image, so give 0 to {self.timestep_index} (none)"
            )
        if not is_whole(self.refine, 0):
            raise ValueError(f"refine is {self.refine!r}; give a whole number from 0 on")
        self.denoiser  # it checks the settings that are its own

    @cached_property
    def denoiser(self) -> Denoiser:
        """The network under the text, the guidance and the precision."""
        return Denoiser(self.unet, self.name, self.text, self.guidance, self.autocast)

    @property
    def timestep_index(self) -> int:
        """The level of the latents: round(strength · steps)."""
        return round(self.strength * self.schedule.steps)

    @property
    def device(self) -> torch.device:
        return self.schedule.alphas.device

    @property
    def metadata(self) -> dict[str, Any]:
        """What a saved run remembers of the model."""
        # of a step; `finish` makes the whole one
        shown = {"image": "the predicted x̂₀, a preview"}
        return shown | {
            "size": list(self.size),
            "schedule steps": self.schedule.steps,
            **{name: getattr(self, name) for name in SETTINGS},
            **self.notes,
        }

    def sample(self, seed: int) -> Tensor:
        """The latent (c h w) on the way from noise to an image that the model makes up; the same
        for the same seed.
        """
        noise = torch.tensor(
            np.random.RandomState(seed).randn(1, *self._shape),
            dtype=torch.float32,
            device=self.device,
        )
        return self.walk(noise, self.schedule.steps, self.timestep_index)[0]

    def invert(self, image: Tensor) -> Tensor:
        """DDIM inversion: the latent (c h w) at `timestep_index` from which denoising leads back to `image`
        (3 H W) in 0..1.

        Raises:
            ValueError: an image of another size.
        """
        *_, (_, latent) = self.inverting(image)
        return latent

    @torch.no_grad()
    def inverting(self, image: Tensor) -> Iterator[tuple[int, Tensor]]:
        """The levels of :meth:`invert`, each with its latent (c h w): an inversion to a lower
        strength, for whoever stops there.
        """
        if tuple(image.shape) != (3, *self.size):
            raise ValueError(
                f"the image has shape {tuple(image.shape)}; {self.name} inverts (3"
                f" {self.size[0]} {self.size[1]})"
            )
        with self.denoiser.told((1, *self._shape)):
            clean = self.encode(image[None].to(self.device))
        for level, z in self.schedule.trajectory(
            self.denoiser.predict, clean, 0, self.timestep_index, self.refine
        ):
            yield level, z[0]

    def with_reference(self, latent: Tensor, **notes: Any) -> Diffusion:
        """This model with `latent` as the original, whose self-attention :meth:`finish` takes
        along.
        """
        return replace(self, reference=latent.detach().clone(), notes={**self.notes, **notes})

    def restore(self, latent: Tensor, metadata: Mapping[str, Any]) -> Diffusion:
        """This model for a saved run that began at `latent`, which is its reference from now on.

        Raises:
            ValueError: the run was made with another strength, road, size or LoRA, so its latents
                mean something else here.
        """
        for name in ("strength", "schedule steps", "size", "lora") if metadata else ():
            then, now = metadata.get(name, "none"), self.metadata.get(name, "none")
            if then != now:
                raise ValueError(
                    f"the run was made with {name} {then}, this model has {now}; load the model as"
                    " it was then"
                )
        return self.with_reference(
            latent.to(self.device),
            **{name: metadata[name] for name in metadata if name == "inversion_psnr"},
        )

    def view(self, latent: Tensor) -> View:
        """Features of the block, differentiable in the latent.

        The anchor is the predicted latent one step further down, ẑ₋₁; the image is the predicted
        clean one, x̂₀. Both need the UNet's rest, which runs once when the first of them is asked
        for.
        """
        latent = self._own(latent)
        run = self.denoiser.stages(
            latent[None], self.schedule.times[self.timestep_index : self.timestep_index + 1]
        )
        features = next(islice(run, self.feature_block, None))
        rest = Rest(self.denoiser, run, features.requires_grad)

        def anchor() -> Tensor:
            return self.schedule.step(
                latent[None], rest(), self.timestep_index, self.timestep_index - 1
            )[0]

        def image() -> Tensor:
            return self._painted(self.schedule.split(latent[None], rest(), self.timestep_index)[0])

        return View(self.denoiser.joined(features), self.size, image, anchor)

    @torch.no_grad()
    def finish(self, latent: Tensor) -> Tensor:
        """The image (3 H W) in 0..1: denoised, and where there is a `reference`, with its
        self-attention.
        """
        latent = self._own(latent)
        if self.reference is None:
            return self._painted(self.walk(latent[None], self.timestep_index, 0))
        pair, shared = torch.stack([self.reference, latent]), self.timestep_index - self.start_step
        pair = self.walk(pair, self.timestep_index, shared)
        with shared_attention(self.unet, self._start_layer):
            return self._painted(self.walk(pair, shared, 0)[1:])

    @property
    def _shape(self) -> tuple[int, int, int]:
        """(c h w) of a latent."""
        return (self.unet.config.in_channels, *(side // self.cell for side in self.size))

    def _own(self, latent: Tensor) -> Tensor:
        """The latent on this model's device, if it is one of its latents."""
        if tuple(latent.shape) != self._shape:
            raise ValueError(
                f"the latent has shape {tuple(latent.shape)}; {self.name} has latents (c h w) ="
                f" {self._shape}, such as dragkit.invert(model, image).latent"
            )
        return latent.to(self.device)

    @torch.no_grad()
    def walk(self, z: Tensor, level: int, to: int) -> Tensor:
        """Latents (b c h w) from `timestep_index` to level `to`, 0 = clean."""
        for _, z in self.schedule.trajectory(self.denoiser.predict, z, level, to, self.refine):
            pass
        return z

    def _painted(self, clean: Tensor) -> Tensor:
        """The image (3 H W) of a clean latent (1 c h w)."""
        with self.denoiser.told(clean.shape):
            return self.decode(clean)[0]

    @cached_property
    def _start_layer(self) -> int:
        return (
            round(START_LAYER * len(self_attentions(self.unet)))
            if self.start_layer is None
            else self.start_layer
        )
