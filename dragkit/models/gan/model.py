"""StyleGAN2 as dragkit sees it: latents, views, and generators built from state dicts."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from ...records import Size, View
from .network import Generator


@dataclass(frozen=True, eq=False)
class StyleGAN2:
    """A generator as dragkit sees it: a latent is w+ (num_ws w_dim), its view the features of one
    block, or of several.

    What drags is the choice of two ends of the generator: the rows that move are where a drag
    acts, and the block whose features are read is where it looks. DragGAN counts its blocks from
    1, so block k has 2^(k + 1) px, and finds 6 (128 px) the best of 4 to 7, 5+6 and 6+7. Here a
    block is named by its resolution; :func:`dragkit.plot.ablation` shows what another one does.

    Args:
        generator: frozen weights, in evaluation mode.
        feature_block: resolution r of the block whose output (c r r) is read (DragGAN: 128), or
            several, such as (64, 128): then the others are bilinearly upsampled to the largest
            one's grid and all are joined over channels, coarse to fine: (Σc r r). Joining is
            DragGAN's ("5+6"). How it scales the maps to each other we do not know, its code has no
            pairs: that each stays as it is, is our choice. So the loudest counts most: a lion's
            block is twice as loud as the next finer one, and a pair drags much like its coarser
            block.
        space: "w+" moves the first `rows` rows, each for itself; "w" moves one row that they
            share.
        rows: how many rows of w+ move, from the first on (DragGAN: 6); the rest stay. Row 0 styles
            the block of 4 px, rows 1 and 2 that of 8 px, 3 and 4 that of 16 px, and so on: six end
            in the middle of the 32-px block. Coarse rows carry pose and shape, fine ones texture
            and colour. A row behind the block that is read gets no gradient, so in w+ it stays
            even if it may move.
        truncation: ψ of :meth:`sample`.

    Raises:
        ValueError: no such block, no such number of rows, or an unknown space.
    """

    generator: Generator = field(repr=False)
    feature_block: int | tuple[int, ...]
    name: str = "stylegan2"
    space: Literal["w+", "w"] = "w+"
    rows: int = 6
    truncation: float = 0.7

    def __post_init__(self) -> None:
        if self.space not in ("w+", "w"):
            raise ValueError(f'unknown space {self.space!r}; choose "w+" or "w"')
        known, num_ws = self.generator.synthesis.resolutions, self.generator.synthesis.num_ws
        if not (isinstance(self.rows, int) and 1 <= self.rows <= num_ws):
            raise ValueError(
                f"rows is {self.rows!r}; this generator's w+ has {num_ws} rows, so give a whole"
                f" number from 1 to {num_ws}"
            )
        if isinstance(self.feature_block, list):  # of a card
            object.__setattr__(self, "feature_block", tuple(self.feature_block))
        if self.feature_block == ():
            raise ValueError(
                f"feature_block is empty; name at least one block of this generator: {known}"
            )
        for block in self._chosen:
            if block not in known:
                raise ValueError(f"no block of {block} px; this generator has {known}")

    @property
    def _chosen(self) -> tuple[int, ...]:
        """The blocks that are read."""
        return (
            self.feature_block if isinstance(self.feature_block, tuple) else (self.feature_block,)
        )

    @property
    def size(self) -> Size:
        """(height, width) of the images."""
        return (self.generator.synthesis.resolutions[-1],) * 2

    @property
    def device(self) -> torch.device:
        return self.generator.mapping.w_avg.device

    def sample_z(self, seed: int) -> np.ndarray:
        """z (z_dim) ~ N(0, 1), drawn by NumPy's RandomState(seed), as the public code does."""
        return np.random.RandomState(seed).randn(1, self.generator.mapping.z_dim)[0]

    def sample(self, seed: int) -> Tensor:
        """The latent w+ (num_ws w_dim) of :meth:`sample_z`, truncated; the same row
        num_ws times.
        """
        return self.of_z(self.sample_z(seed))

    @torch.no_grad()
    def of_z(self, z: np.ndarray) -> Tensor:
        """The latent w+ (num_ws w_dim) of z (z_dim), truncated."""
        w = self.generator.mapping(
            torch.tensor(z, dtype=torch.float32, device=self.device)[None], self.truncation
        )
        return w.expand(self.generator.synthesis.num_ws, -1).clone()

    def view(self, latent: Tensor) -> View:
        """Features of the block or blocks, differentiable in the moving rows; the image is
        painted when asked for.

        Nothing behind the largest of the blocks is computed for them. The anchor is the features
        themselves.
        """
        ws = self._rows(latent)
        xs = self.generator.synthesis.activations(ws, max(self._chosen))
        features = _joined([x for x in xs if x.shape[-1] in self._chosen])
        done, rows = [x.detach() for x in xs], ws.detach()
        return View(features, self.size, lambda: self._image(done, rows))

    def finish(self, latent: Tensor) -> Tensor:
        """The image (3 H W) in 0..1."""
        with torch.no_grad():
            return self._image([], self._rows(latent))

    def _rows(self, latent: Tensor) -> Tensor:
        """(1 num_ws w_dim): gradients reach the moving rows alone; in w they all are the first."""
        moving = latent[: self.rows] if self.space == "w+" else latent[:1].expand(self.rows, -1)
        return torch.cat([moving, latent[self.rows :].detach()])[None]

    def _image(self, xs: list[Tensor], ws: Tensor) -> Tensor:
        return self.generator.synthesis.image(xs, ws)[0].add(1).div(2).clamp(0, 1)


def _joined(maps: list[Tensor]) -> Tensor:
    """Maps (1 c r r), coarse to fine, as one (Σc r r) on the grid of the last; a single one is
    itself, not a copy.
    """
    if len(maps) == 1:
        return maps[0][0]
    wide = [
        F.interpolate(x, maps[-1].shape[2:], mode="bilinear", align_corners=False)
        for x in maps[:-1]
    ]
    return torch.cat([*wide, maps[-1]], 1)[0]


def from_state_dict(
    state: Mapping[str, Tensor],
    *,
    clamp: float | None = None,
    feature_block: int | tuple[int, ...] | None = None,
    rows: int | None = None,
    device: str = "cpu",
    **settings,
) -> StyleGAN2:
    """Build the model that a state dict belongs to; resolution and channels come from the tensors'
    shapes.

    Args:
        state: names and tensors as in NVIDIA's ``G_ema.state_dict()``.
        clamp: bound of the activations, where the weights were trained with one: it is no tensor
            (NVIDIA's `conv_clamp`; 256 or none).
        feature_block: default the 128-px block, or the last one of smaller generators.
        rows: default DragGAN's six, or all of smaller generators.
        settings: `name`, `space` and `truncation` of :class:`StyleGAN2`.

    Raises:
        ValueError: names or shapes that no unconditional StyleGAN2 has, each named.
    """
    generator = blank(state, clamp)
    generator.to_empty(device="cpu").load_state_dict(state)
    generator.to(device, memory_format=torch.channels_last).eval().requires_grad_(False)
    block = (
        min(128, generator.synthesis.resolutions[-1]) if feature_block is None else feature_block
    )
    moving = min(StyleGAN2.rows, generator.synthesis.num_ws) if rows is None else rows
    return StyleGAN2(generator, block, rows=moving, **settings)


def blank(state: Mapping[str, Tensor], clamp: float | None = None) -> Generator:
    """The generator that a state dict belongs to, without its numbers or any memory for them.

    Raises:
        ValueError: names or shapes that no unconditional StyleGAN2 has, each named.
    """
    with torch.device("meta"):  # names and shapes only
        generator = Generator(**_architecture(state), clamp=clamp)
    expected = generator.state_dict()
    missing, unknown = expected.keys() - state.keys(), state.keys() - expected.keys()
    if missing or unknown:
        raise ValueError(
            f"the state dict does not fit StyleGAN2: missing {sorted(missing)[:3]}, unknown"
            f" {sorted(unknown)[:3]}"
        )
    for name, tensor in state.items():
        if tensor.shape != expected[name].shape:
            raise ValueError(
                f"{name} has shape {tuple(tensor.shape)}, expected {tuple(expected[name].shape)}"
            )
    return generator


def _architecture(state: Mapping[str, Tensor]) -> dict:
    """The generator's arguments, read from its tensors."""
    convolutions = {
        int(m[1]): t
        for n, t in state.items()
        if (m := re.fullmatch(r"synthesis\.b(\d+)\.conv1\.weight", n))
    }
    layers = sum(re.fullmatch(r"mapping\.fc\d+\.weight", name) is not None for name in state)
    if not convolutions or "mapping.fc0.weight" not in state:
        raise ValueError(
            "this is not a StyleGAN2 generator: it has no synthesis.b….conv1.weight or no"
            f" mapping.fc0.weight; the first of its {len(state)} names:"
            f" {', '.join(sorted(state)[:4])}"
        )
    if "mapping.embed.weight" in state:
        raise ValueError(
            "this generator is class-conditional (mapping.embed.weight); only unconditional ones"
            " can be dragged"
        )
    if sorted(convolutions) != [4 << k for k in range(len(convolutions))]:
        raise ValueError(
            f"there are synthesis.b… blocks of {sorted(convolutions)} px; a StyleGAN2's double"
            " from 4 px on"
        )
    if state["mapping.fc0.weight"].ndim != 2:
        raise ValueError(
            f"mapping.fc0.weight has shape {tuple(state['mapping.fc0.weight'].shape)}, expected"
            " (w_dim, z_dim)"
        )
    w_dim, z_dim = state["mapping.fc0.weight"].shape
    channels = {r: len(t) for r, t in convolutions.items()}
    return {"channels": channels, "z_dim": z_dim, "w_dim": w_dim, "layers": layers}
