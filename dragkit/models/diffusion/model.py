r"""A diffusion model that can be dragged: its latent is a noisy image, partway to noise.

DDIM inversion (:mod:`dragkit.models.diffusion.ddim`) leads an image x₀ to z at `strength`, the
drag moves z, and denoising leads it back. One class serves the bundled lion and Stable Diffusion:
they differ in their network, in how an image becomes a latent, and in whether there is a text.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property, partial
from itertools import islice
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ...arguments import whole
from ...latents import checked_latent, fitting_latent
from ...records import Size, View
from ..fingerprint import fingerprint
from ..inversion import Inversion
from .added import Added
from .checks import check_diffusion, check_image, check_same_settings
from .ddim import Schedule
from .denoiser import Denoiser, LazyPrediction
from .injected import Injected
from .inversion import invert
from .lora import Lora
from .prompting import prompted
from .unet import self_attentions, shared_attention

SETTINGS = (
    *("strength", "refine", "feature_block", "guidance"),
    *("start_step", "start_layer", "fresh_noise"),
)
MAX_SEED = 2**32 - 1  # of NumPy's RandomState
START_LAYER = 10 / 16  # of the self-attention layers: DragDiffusion's tenth of sixteen


@dataclass(frozen=True, eq=False)
class Diffusion:
    r"""A diffusion model whose latent is z (c h w) at `timestep_index` of its schedule.

    Args:
        unet: frozen, in evaluation mode.
        schedule: the timesteps from image to noise; DragDiffusion takes 50.
        encode, decode: image (b 3 H W) in 0..1 ↔ clean latent (b c h w).
        size: (height, width) of the images in pixels.
        cell: side in pixels of the square that one cell of the latent covers.
        text: (2 tokens c) the encoded empty prompt and prompt, for a conditional network.
        added: what is added to the embedding of the time besides, for XL.
        tell: a prompt and a size → the `text`, and what else depends on them.
        feature_block: which stage of the UNet is read: 0 its middle, then its decoder blocks from
            1 (DragDiffusion: 3 of 4).
        strength: how near to noise the latent is, in (0, 1]: 0.7 of 50 steps is timestep index 35.
        refine: how often each step of the inversion is corrected: the network predicts at the
            latent that the step led to, and the step is made again from there. One correction
            improves the bundled lion from 43 to 54 dB and doubles the time (our choice, after Pan
            et al. 2023 and Garibi et al. 2024); DragDiffusion has 0.
        guidance: g of classifier-free guidance. 1 leaves it out, as for real images; for
            generated ones DragDiffusion takes 7.5.
        reference: (c h w) the latent that the drag starts from. If it is set, :meth:`finish` uses
            the original's self-attention: see :meth:`with_reference`.
        start_step: the denoising step from which that attention is used (DragDiffusion: 0).
        start_layer: the self-attention layer from which it is used (DragDiffusion: 10 of 16).
            None takes that fraction of this network's layers; their number means none.
        fresh_noise: the timestep index from which down :meth:`finish` gives what was dragged fresh
            noise at every step, so that the network paints its small things anew
            (:meth:`dragkit.models.diffusion.ddim.Schedule.refreshed`). 0 adds none, as in
            DragDiffusion; with 30 of 50, faces stay whole (``python -m dragkit.bench chins``).
        injected: what takes part beside the latent (:mod:`dragkit.models.diffusion.leaves`).
        notes: what a saved run should remember: the inversion's PSNR, the LoRA.

    Raises:
        ValueError: a strength, block, guidance or layer that does not exist.
    """

    unet: Any = field(repr=False)
    schedule: Schedule = field(repr=False)
    encode: Callable[[Tensor], Tensor] = field(repr=False)
    decode: Callable[[Tensor], Tensor] = field(repr=False)
    size: Size
    cell: int
    name: str = "diffusion"
    text: Tensor | None = field(default=None, repr=False)
    added: Added | None = field(default=None, repr=False)
    tell: Callable[[str, Size], dict[str, Any]] | None = field(default=None, repr=False)
    feature_block: int = 2
    strength: float = 0.7
    refine: int = 1
    guidance: float = 1.0
    reference: Tensor | None = field(default=None, repr=False)
    start_step: int = 0
    start_layer: int | None = None
    fresh_noise: int = 0
    injected: Injected | None = field(default=None, repr=False)
    notes: Mapping[str, Any] = field(default_factory=dict, repr=False)

    def __post_init__(self) -> None:
        check_diffusion(self)
        self.denoiser  # noqa: B018  it checks its own settings

    @cached_property
    def denoiser(self) -> Denoiser:
        """The network with the text and the guidance."""
        return Denoiser(self.unet, self.name, self.text, self.guidance, self.added, self.injected)

    @property
    def timestep_index(self) -> int:
        """The timestep index of the latents, round(strength · steps)."""
        return round(self.strength * self.schedule.steps)

    def at_index(self, index: int) -> Diffusion:
        """This model with latents at another timestep index."""
        if index == self.timestep_index:
            return self
        strength = index / self.schedule.steps
        return replace(self, strength=strength, start_step=min(self.start_step, index))

    @property
    def device(self) -> torch.device:
        """Where its schedule and weights are."""
        return self.schedule.alphas.device

    @property
    def latent_shape(self) -> tuple[int, int, int]:
        """(c h w) of a latent."""
        height, width = self.size
        return self.unet.config.in_channels, height // self.cell, width // self.cell

    @property
    def blocks(self) -> tuple[int, ...]:
        """The stages of the UNet that can be read."""
        return tuple(range(len(self.unet.up_blocks) + 1))

    def with_block(self, block: int) -> Diffusion:
        """This model with another stage to be read."""
        return replace(self, feature_block=block)

    @cached_property
    def workload(self) -> Hashable:
        """Equal for models whose views take equally long (:mod:`dragkit.threads`)."""
        shapes = [tuple(weight.shape) for weight in self.unet.parameters()]
        kernels = self.unet.conv_in.weight
        return tuple(shapes), self.latent_shape, self.feature_block, self.guidance, kernels.dtype

    @cached_property
    def fingerprint(self) -> str:
        """What tells its UNet's weights from another one's."""
        return fingerprint(self.unet.state_dict())

    @property
    def metadata(self) -> dict[str, Any]:
        """What a saved run remembers of the model."""
        return {
            "model": self.name,
            "fingerprint": self.fingerprint,
            "image": "the predicted x̂₀, a preview",  # of each step; `finish` denoises fully
            "size": list(self.size),
            "schedule steps": self.schedule.steps,
            **{name: getattr(self, name) for name in SETTINGS},
            **self.notes,
        }

    def sample(self, seed: int) -> Tensor:
        """A latent (c h w) of an image that the model makes up; the same for the same seed.

        Noise z_T ~ N(0, 1) is denoised to `timestep_index`.
        """
        seed = whole("seed", seed, 0, MAX_SEED)
        drawn = np.random.RandomState(seed).randn(1, *self.latent_shape)
        noise = torch.tensor(drawn, dtype=torch.float32, device=self.device)
        return self.follow_trajectory(noise, self.schedule.steps, self.timestep_index)[0]

    def view(self, latent: Tensor) -> View:
        """Features of the block, differentiable in the latent.

        The anchor is the predicted latent one step closer to the image, ẑ₋₁, and the image is the
        predicted clean one, x̂₀. Both need the rest of the UNet, which runs once, when the first
        of them is asked for.
        """
        latent = fitting_latent(self, latent)
        index = self.timestep_index
        run = self.denoiser.stages(latent[None], self.schedule.times[index : index + 1])
        features = next(islice(run, self.feature_block, None))
        predicted = LazyPrediction(self.denoiser, run, features.requires_grad)

        def anchor() -> Tensor:
            return self.schedule.denoise_step(latent[None], predicted(), index, index - 1)[0]

        def image() -> Tensor:
            x0, _ = self.schedule.predict_x0_and_noise(latent[None], predicted(), index)
            return self._decoded(x0)

        return View(self.denoiser.joined(features), self.size, image, anchor)

    @torch.no_grad()
    def finish(self, latent: Tensor) -> Tensor:
        """The image (3 H W) in 0..1, with the self-attention of the `reference` if it is set."""
        latent = checked_latent(self, latent)
        fresh = self.fresh_noise
        if self.reference is None:
            return self._decoded(
                self.follow_trajectory(latent[None], self.timestep_index, 0, fresh)
            )

        first_shared = self.timestep_index - self.start_step
        pair = torch.stack([self.reference, latent])
        pair = self.follow_trajectory(pair, self.timestep_index, first_shared, fresh)
        with shared_attention(self.unet, self.first_shared_layer):
            clean = self.follow_trajectory(pair, first_shared, 0, fresh)
            return self._decoded(clean[1:])

    @property
    def inversion_settings(self) -> Mapping[str, Any]:
        """DDIM inversion has no settings of its own."""
        return {}

    def iter_inversion(self, target: Tensor, **settings: Any) -> Iterator[Inversion]:
        """DDIM inversion in a single pass: :func:`dragkit.models.diffusion.inversion.invert`."""
        check_image(self, target)
        return map(partial(invert, self, **settings), [target])

    def invert(self, image: Tensor) -> Tensor:
        """DDIM inversion: the latent (c h w) from which denoising leads back to `image` (3 H W).

        Raises:
            ValueError: an image of another size.
        """
        check_image(self, image)
        *_, (_, latent) = self.iter_latents(image)
        return latent

    @torch.no_grad()
    def iter_latents(self, image: Tensor) -> Iterator[tuple[int, Tensor]]:
        """The timestep indices of :meth:`invert`, each with its latent (c h w).

        Each latent is an inversion to a lower strength, for callers that stop there.
        """
        with self.denoiser.explained_out_of_memory((1, *self.latent_shape)):
            clean = self.encode(image[None].to(self.device))
        for index, z in self.schedule.trajectory(
            self.denoiser.predict, clean, 0, self.timestep_index, self.refine
        ):
            yield index, z[0]

    def lora(self, target: Tensor, rank: int, lr: float, batch: int) -> Lora:
        """A LoRA for the image `target` (3 H W) in 0..1, which has not learned anything yet."""
        return Lora(self, target, rank, lr, batch)

    def with_reference(self, latent: Tensor, **notes: Any) -> Diffusion:
        """This model with `latent` as the original, whose self-attention :meth:`finish` uses."""
        return replace(self, reference=latent.detach().clone(), notes={**self.notes, **notes})

    def with_prompt(self, prompt: str, size: Size | None = None) -> Diffusion:
        """This model for another prompt and images of another size: see :mod:`.prompting`."""
        return prompted(self, prompt, size or self.size)

    def restore(self, latent: Tensor, metadata: Mapping[str, Any]) -> Diffusion:
        """This model for a saved run that began at `latent`, which becomes its reference.

        Raises:
            ValueError: the run was made with another strength, schedule, size, LoRA or prompt,
                so its latents mean something else here.
        """
        check_same_settings(metadata, self.metadata)
        notes = {name: metadata[name] for name in ("inversion_psnr",) if name in metadata}
        return self.with_reference(latent.to(self.device), **notes)

    @torch.no_grad()
    def follow_trajectory(self, z: Tensor, index: int, to: int, fresh_noise: int = 0) -> Tensor:
        """Latents (b c h w) at timestep index `to` (0 is clean), from those at `index`.

        From the index `fresh_noise` down the last of them gets fresh noise.
        """
        trajectory = self.schedule.trajectory(
            self.denoiser.predict, z, index, to, self.refine, fresh_noise
        )
        for _, reached in trajectory:
            z = reached
        return z

    @cached_property
    def first_shared_layer(self) -> int:
        """The self-attention layer from which that of the `reference` is used."""
        if self.start_layer is not None:
            return self.start_layer
        return round(START_LAYER * len(self_attentions(self.unet)))

    def _decoded(self, clean: Tensor) -> Tensor:
        """The image (3 H W) of a clean latent (1 c h w)."""
        with self.denoiser.explained_out_of_memory(clean.shape):
            return self.decode(clean)[0]
