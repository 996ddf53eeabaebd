r"""Other leaves of a diffusion model: what a drag optimises instead of the noisy latent z.

`drag` optimises "the latent of a model". So another leaf is a model, too: one that stays at a z,
and whose latent is something that takes part in its network's computation.

=================  ===============================  ==============================
leaf               what Adam changes                z
=================  ===============================  ==============================
the model itself   z                                it is the latent
:func:`mid_block`  h, what the middle block makes   stays; denoising takes h along
:func:`low_rank`   A and B of every attention       stays; denoising takes W + B A
=================  ===============================  ==============================

Each gives a pair, of which `drag` takes the parts:
``drag(*mid_block(found.model, found.latent), edit, **dragnoise())``.
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any, NamedTuple

import torch
from torch import Tensor

from ...arguments import instance, whole
from ...latents import checked_latent, fitting_latent
from ...records import Size, View
from .checks import check_same_settings
from .injected import Injected, Into, low_rank_factors, middle, random_factors
from .lora import LARGEST, LORA_RANK, fingerprint
from .model import MAX_SEED, Diffusion


class Leaf(NamedTuple):
    """What a drag optimises: a latent, and the model that makes images of it."""

    model: Any
    latent: Tensor


@dataclass(frozen=True, eq=False)
class InnerLatent:
    """A diffusion model that stays at one z; its latent is a tensor inside its network.

    Attributes:
        base: the diffusion model, whose settings count.
        z: (c h w) the noisy latent that stays.
        start: the latent that changes nothing: the network computes what it did.
        into: where it comes in.
        kind: what it is called in saved runs.
        least: the timestep below which it takes no part in denoising.
    """

    base: Diffusion
    z: Tensor = field(repr=False)
    start: Tensor = field(repr=False)
    into: Into = field(repr=False)
    kind: str
    least: int = 0

    @property
    def name(self) -> str:
        """What the base is called."""
        return self.base.name

    @property
    def size(self) -> Size:
        """(height, width) of the images in pixels."""
        return self.base.size

    @property
    def device(self) -> torch.device:
        """Where the weights are."""
        return self.base.device

    @property
    def latent_shape(self) -> tuple[int, ...]:
        """The shape of `start`."""
        return tuple(self.start.shape)

    @cached_property
    def workload(self) -> Hashable:
        """Equal for leaves whose views take equally long (:mod:`dragkit.threads`)."""
        return self.kind, self.latent_shape, self.base.workload

    @property
    def metadata(self) -> dict[str, Any]:
        """What a saved run remembers, which is the base's, the leaf, and a fingerprint of z."""
        return {**self.base.metadata, "leaf": self.kind, "fixed z": fingerprint(self.z)}

    def sample(self, seed: int) -> Tensor:
        """The latent that changes nothing, whatever the seed, because z stays."""
        whole("seed", seed, 0, MAX_SEED)
        return self.start.clone()

    def view(self, latent: Tensor) -> View:
        """What the base shows of z, differentiable in the latent."""
        return self._changed_by(fitting_latent(self, latent)).view(self.z)

    def finish(self, latent: Tensor) -> Tensor:
        """The image (3 H W) in 0..1: z denoised, with the latent in every step down to `least`."""
        return self._changed_by(checked_latent(self, latent)).finish(self.z)

    def restore(self, latent: Tensor, metadata: Mapping[str, Any]) -> InnerLatent:
        """This model for a saved run of the same leaf and z.

        Raises:
            ValueError: the run was made with another one, which `metadata` names.
        """
        check_same_settings(metadata, self.metadata)
        return self

    def _changed_by(self, latent: Tensor) -> Diffusion:
        return replace(self.base, injected=Injected(latent, self.into, self.least))


@torch.no_grad()
def mid_block(model: Diffusion, latent: Tensor, until: int = 0) -> Leaf:
    r"""The leaf of DragNoise: h, the output of the UNet's middle block, at the noisy latent z.

    .. math:: h ← h - Adam(∇_h L), \qquad ε̂_k = D(z_k, h) \text{ for all } k > until

    with D what is left of the UNet: its decoder, with the skips of z_k. The middle has the fewest
    places and the largest meaning, and a gradient to it passes the decoder alone. What was dragged
    is an h for the timestep of z; denoising puts it in place of the network's own at every later
    step, too.

    Without h in the later steps little of the drag is left, and as DragNoise has no reference,
    the model of the leaf has none either. Four lions of 64 px whose landmarks had 6.3 px to go
    ended 2.0 px away; with h until index 10, 20 or 34: 3.4, 5.4, 6.3; with a reference: 3.0.

    Args:
        model: a diffusion model.
        latent: z (c h w), which stays.
        until: the timestep index down to which denoising takes h. DragNoise's benchmark has 0, its
            interface advises 10 for finer details.

    Returns:
        The model whose latent is h (c h w), and h as it is; with guidance the channels of both
        prompts, one after the other's.

    Raises:
        TypeError: the model is no diffusion model.
        ValueError: the latent is none of its own, or `until` is no timestep index below its own.

    Source: DragNoise (Liu et al., CVPR 2024), "official code".
    """
    z = _fixed(model, latent)
    until = whole("until", until, 0, model.timestep_index - 1)
    index = model.timestep_index
    own = next(model.denoiser.stages(z[None], model.schedule.times[index : index + 1]))
    start = own.flatten(0, 1).clone()
    least = int(model.schedule.times[until + 1])
    base = replace(model, reference=None)
    return Leaf(InnerLatent(base, z, start, middle, f"middle until {until}", least), start)


def low_rank(model: Diffusion, latent: Tensor, rank: int = LORA_RANK, seed: int = 0) -> Leaf:
    r"""The leaf of DragLoRA: the weights of a LoRA, at the noisy latent z.

    .. math:: W' = W + B A, \qquad (A, B) ← (A, B) - Adam(∇_{A, B}\, L)

    in each of q, k, v and out of every attention. So the network itself learns to see the content
    elsewhere, and denoises with what it has learned; the reference is denoised without.

    The latent is a row of all these numbers: 106 thousand of the bundled model, 3 million of
    Stable Diffusion 1.5. Each step of a trace keeps them and two moments of Adam, 38 MB there.

    Args:
        model: a diffusion model; to begin with a LoRA of the image, that of :func:`dragkit.lora`.
        latent: z (c h w), which stays. DragLoRA denoises and re-noises it at every step instead,
            inside the mask (its "ILFA"), which is not repeated here.
        rank: of B A (DragLoRA: 16).
        seed: of A ~ N(0, 1/rank²); B is 0 at first, so nothing is changed yet.

    Raises:
        TypeError: the model is no diffusion model.
        ValueError: the latent is none of its own, or a rank that is no whole number from 1 to
            1024.

    Source: DragLoRA (Xia et al., ICML 2025), "official code"; there A and B go on from the LoRA
    that learned the image, here that is merged into W and they are new.
    """
    z = _fixed(model, latent)
    rank = whole("rank", rank, 1, LARGEST["rank"])
    start = random_factors(model.unet, rank, whole("seed", seed, 0, MAX_SEED))
    kind = f"low rank {rank}"
    return Leaf(InnerLatent(model, z, start, low_rank_factors, kind), start)


def _fixed(model: Diffusion, latent: Tensor) -> Tensor:
    way_out = 'a diffusion model, such as dragkit.load("lion-diffusion"): others have no UNet'
    instance("model", model, Diffusion, way_out)
    return checked_latent(model, latent).detach().clone()


@torch.no_grad()
def noise_levels(model: Diffusion, latent: Tensor, count: int = 7) -> list[Leaf]:
    """The original at `count` noise levels, from that of `latent` down, for a drag along them.

    Each is a pair of the model at that level and z⁰ there, denoised from `latent` without any
    drag. The level's model has z⁰ as its reference if `model` has one.

    Args:
        model: a diffusion model; GoodDrag's strength is 0.75.
        latent: z⁰ (c h w) at the noisiest level.
        count: of levels, one timestep of the schedule apart (GoodDrag: 7 of 50 steps).

    Raises:
        TypeError: the model is no diffusion model.
        ValueError: the latent is none of its own, or there are not so many levels above the image.
    """
    z = _fixed(model, latent)
    top = model.timestep_index
    count = whole("count", count, 1, top)
    levels = []
    for index in range(top, top - count, -1):
        level = model.at_index(index)
        reference = None if model.reference is None else z
        notes = {**model.notes, "levels": f"{count} from {top}"}
        levels.append(Leaf(replace(level, reference=reference, notes=notes), z))
        z = model.follow_trajectory(z[None], index, index - 1)[0]
    return levels
