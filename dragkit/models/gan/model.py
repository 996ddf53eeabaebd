"""StyleGAN2 as a model that can be dragged: its latents, its views, its inversion."""

from __future__ import annotations

import warnings
from collections.abc import Hashable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property, partial
from typing import Any, Literal

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from ...arguments import shown, whole
from ...latents import checked_latent, fitting_latent
from ...numeric import is_real, is_whole
from ...reading import check_name
from ...records import Size, View
from ..fingerprint import fingerprint
from ..inversion import Inversion
from . import inversion, tuning
from .fast import FastSynthesis
from .frozen import counted
from .network import Generator

MAX_SEED = 2**32 - 1  # of NumPy's RandomState
FARTHEST = 10  # that truncation goes; the numbers stay finite there


@dataclass(frozen=True, eq=False)
class StyleGAN2:
    """A generator whose latent is w+ (num_ws w_dim), and whose view is the features of a block.

    A drag depends on the choice of two ends of the generator: the rows that move are where it
    acts, and the block whose features are read is where it measures. DragGAN counts its blocks
    from 1, so block k has 2^(k + 1) px, and finds 6 (128 px) the best of 4 to 7, 5+6 and 6+7. Here
    a block is named by its resolution; :func:`dragkit.plot.ablation` shows what another one does.
    A generator whose images are not square has the same names: block r makes maps of (h · r / 4,
    w · r / 4), where (h, w) are those of its first block; with StyleGAN-Human's (4, 2) the name is
    the height.

    Args:
        generator: frozen weights, in evaluation mode.
        feature_block: resolution r of the block whose output (c h w) is read (DragGAN: 128), or
            several, such as (64, 128). Then the smaller ones are bilinearly upsampled to the grid
            of the largest, and all are concatenated over channels, coarse to fine: (Σc h w). That
            is DragGAN's "5+6". Its code has no pairs, so we do not know how it scales the maps;
            ours stay as they are, which is our choice. The block with the largest features
            therefore counts most: a lion's are twice as large as those of the next finer block,
            and a pair drags much like its coarser block.
        space: "w+" moves each of the first `rows` rows on its own; "w" moves them as one: the
            first stands for all of them.
        rows: how many rows of w+ move, starting from the first (DragGAN: 6); the others are
            fixed. Row 0 styles the block of 4 px, rows 1 and 2 that of 8 px, 3 and 4 that of 16
            px, and so on: six end in the middle of the 32-px block. Coarse rows carry pose and
            shape, fine ones texture and colour. A row behind the block that is read gets no
            gradient, so in w+ it does not move.
        truncation: ψ of :meth:`sample`.

    Raises:
        ValueError: no such block, no such number of rows, an unknown space, a truncation that is
            no such number, or a name that no file could have.
    """

    generator: Generator = field(repr=False)
    feature_block: int | tuple[int, ...]
    name: str = "stylegan2"
    space: Literal["w+", "w"] = "w+"
    rows: int = 6
    truncation: float = 0.7

    def __post_init__(self) -> None:
        check_name(self.name)
        if self.space not in ("w+", "w"):
            raise ValueError(f'unknown space {shown(self.space)}; choose "w+" or "w"')
        if not (is_real(self.truncation) and abs(self.truncation) <= FARTHEST):
            raise ValueError(
                f"truncation is {shown(self.truncation)}; give a number, from 0 (the mean"
                f" image) to 1 (as learned), at most {FARTHEST} in either direction"
            )

        num_ws = self.generator.synthesis.num_ws
        if not is_whole(self.rows, 1, num_ws):
            raise ValueError(
                f"rows is {shown(self.rows)}; this generator's w+ has {num_ws} rows, so give a"
                f" whole number from 1 to {num_ws}"
            )

        if isinstance(self.feature_block, list):  # a card is JSON, which has no tuples
            object.__setattr__(self, "feature_block", tuple(self.feature_block))
        known = self.generator.synthesis.resolutions
        if not self._blocks:
            raise ValueError(
                f"feature_block is empty; name at least one block of this generator: {known}"
            )
        for block in self._blocks:
            if not is_whole(block) or block not in known:
                raise ValueError(f"no block of {shown(block)} px; this generator has {known}")
        if len(set(self._blocks)) < len(self._blocks):
            raise ValueError(f"feature_block is {self.feature_block}; name each block once")

    @property
    def _blocks(self) -> tuple[int, ...]:
        """The blocks that are read."""
        if isinstance(self.feature_block, tuple):
            return self.feature_block
        return (self.feature_block,)

    @property
    def size(self) -> Size:
        """(height, width) of the images."""
        return self.generator.synthesis.size

    @property
    def device(self) -> torch.device:
        """Where its weights are."""
        return self.generator.mapping.w_avg.device

    @property
    def latent_shape(self) -> tuple[int, int]:
        """(num_ws w_dim) of a latent w+."""
        return self.generator.synthesis.num_ws, self.generator.mapping.w_dim

    @property
    def average_latent(self) -> Tensor:
        """w̄ as a latent (num_ws w_dim), from which some encoders count."""
        return self.generator.mapping.w_avg.expand(self.latent_shape)

    @property
    def blocks(self) -> tuple[int, ...]:
        """The blocks that can be read, by their resolutions."""
        return tuple(self.generator.synthesis.resolutions)

    def with_block(self, block: int | tuple[int, ...]) -> StyleGAN2:
        """This generator with another block, or several, to be read."""
        return replace(self, feature_block=block)

    @cached_property
    def workload(self) -> Hashable:
        """Equal for generators whose views take equally long (:mod:`dragkit.threads`)."""
        shapes = [tuple(weight.shape) for weight in self.generator.synthesis.parameters()]
        kernels = self.generator.synthesis.block(self._blocks[0]).conv1.weight
        return tuple(shapes), self._blocks, kernels.dtype

    @cached_property
    def fingerprint(self) -> str:
        """What tells its weights from another generator's."""
        return fingerprint(self.generator.state_dict())

    @property
    def metadata(self) -> dict[str, Any]:
        """What a saved run remembers of the model."""
        return {"model": self.name, "fingerprint": self.fingerprint}

    def sample_z(self, seed: int) -> np.ndarray:
        """z (z_dim) ~ N(0, 1), drawn by NumPy's RandomState(seed), as the public code does."""
        seed = whole("seed", seed, 0, MAX_SEED)
        return np.random.RandomState(seed).randn(1, self.generator.mapping.z_dim)[0]

    def sample(self, seed: int) -> Tensor:
        """The latent w+ (num_ws w_dim) of :meth:`sample_z`, truncated; all its rows are equal."""
        return self.of_z(self.sample_z(seed))

    @torch.no_grad()
    def of_z(self, z: np.ndarray) -> Tensor:
        """The latent w+ (num_ws w_dim) of z (z_dim), truncated."""
        batch = torch.tensor(z, dtype=torch.float32, device=self.device)[None]
        w = self.generator.mapping(batch, self.truncation)
        return w.expand(self.generator.synthesis.num_ws, -1).clone()

    def view(self, latent: Tensor) -> View:
        """Features of the block or blocks, differentiable in the moving rows.

        Nothing behind the largest of the blocks is computed until the image is asked for. The
        anchor is the features themselves. They can be differentiated once; for second derivatives
        and for ``torch.func`` use ``generator.synthesis.activations``.
        """
        ws = self._rows(fitting_latent(self, latent))
        resolutions = self.generator.synthesis.resolutions
        activations = self._activations(ws)
        blocks = zip(resolutions, activations, strict=False)  # up to the largest
        maps = [x for resolution, x in blocks if resolution in self._blocks]

        detached = [x.detach() for x in activations]
        fixed_ws = ws.detach()
        return View(
            _concatenated(maps),
            self.size,
            lambda: self._image(detached, fixed_ws),
            redraw=partial(self._redrawn, self._weights_as_counted()),
        )

    def finish(self, latent: Tensor) -> Tensor:
        """The image (3 H W) in 0..1."""
        with torch.no_grad():
            ws = self._rows(checked_latent(self, latent))
            return self._image(self._activations(ws), ws)

    @property
    def inversion_settings(self) -> Mapping[str, Any]:
        """The settings of :meth:`iter_inversion` and their defaults."""
        return {"steps": inversion.STEPS, "lr": inversion.LR, "loss": None}

    def iter_inversion(self, target: Tensor, **settings: Any) -> Iterator[Inversion]:
        """The best latent so far of an image: :func:`dragkit.models.gan.inversion.search`."""
        return inversion.search(self, target, **settings)

    def iter_tuning(self, found: Inversion, **settings: Any) -> Iterator[Inversion]:
        """The best copy so far for an image: :func:`dragkit.models.gan.tuning.tuning`."""
        return tuning.tuning(self, found, **settings)

    @cached_property
    def _synthesis(self) -> FastSynthesis:
        return FastSynthesis(self.generator.synthesis)

    def _activations(self, ws: Tensor) -> list[Tensor]:
        """The output of every block up to the largest that is read."""
        return self._synthesis.activations(ws, max(self._blocks))

    def _weights_as_counted(self) -> list[tuple[int, int]]:
        synthesis = self.generator.synthesis
        return counted([*synthesis.parameters(), *synthesis.buffers()])

    def _redrawn(self, then: list[tuple[int, int]], latent: Tensor) -> Tensor:
        """The image (3 H W) in 0..1 of :meth:`view`, which is that of :meth:`finish`.

        Warns if the weights are not as they were counted `then`.
        """
        if self._weights_as_counted() != then:
            warnings.warn(
                f"the weights of {self.name} have changed since this step was made, so its image"
                " is made by the changed ones; save a trace, or look at its images, before you"
                " change weights",
                stacklevel=2,
            )
        return self.finish(latent)

    def _rows(self, latent: Tensor) -> Tensor:
        """(1 num_ws w_dim): only the moving rows get a gradient; in w they all are the first.

        There each of them gets the gradient of that one, so that rows which begin as one stay so,
        and what was dragged in w is the same image in w+.
        """
        moving = latent[: self.rows]
        if self.space == "w":
            others = moving[1:]
            shared = moving[:1] + (others - others.detach()).sum(0, keepdim=True)
            moving = shared.expand(self.rows, -1)
        return torch.cat([moving, latent[self.rows :].detach()])[None]

    def _image(self, xs: list[Tensor], ws: Tensor) -> Tensor:
        return self.generator.synthesis.image(xs, ws)[0].add(1).div(2).clamp(0, 1)


def _concatenated(maps: list[Tensor]) -> Tensor:
    """Maps (1 c h w), coarse to fine, as one (Σc h w) on the grid of the last.

    A single one is returned itself, not a copy.
    """
    finest = maps[-1]
    if len(maps) == 1:
        return finest[0]
    coarser = [
        F.interpolate(x, finest.shape[2:], mode="bilinear", align_corners=False) for x in maps[:-1]
    ]
    return torch.cat([*coarser, finest], 1)[0]
