"""StyleGAN2 as dragkit sees it: latents, views, and generators built from state dicts."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch
from torch import Tensor

from ..records import Size, View
from .stylegan2_network import Generator

MOVING_ROWS = 6  # of w+; DragGAN moves these and keeps the rest


@dataclass(frozen=True, eq=False)
class StyleGAN2:
    """A generator as dragkit sees it: a latent is w+ (num_ws w_dim), its view the features of one block.

    Args:
        generator: frozen weights, in evaluation mode.
        feature_block: resolution of the block whose output is read (DragGAN: 128).
        space: "w+" moves the first six rows, each for itself; "w" moves one row that they share.
        truncation: ψ of :meth:`sample`.
    """

    generator: Generator
    feature_block: int
    name: str = "stylegan2"
    space: Literal["w+", "w"] = "w+"
    truncation: float = 0.7

    def __post_init__(self) -> None:
        if self.space not in ("w+", "w"):
            raise ValueError(f'unknown space {self.space!r}; choose "w+" or "w"')
        if self.feature_block not in self.generator.synthesis.resolutions:
            raise ValueError(
                f"no block of {self.feature_block} px; this generator has {self.generator.synthesis.resolutions}"
            )

    @property
    def size(self) -> Size:
        """(height, width) of the pictures."""
        return (self.generator.synthesis.resolutions[-1],) * 2

    @property
    def device(self) -> torch.device:
        return self.generator.mapping.w_avg.device

    def sample_z(self, seed: int) -> np.ndarray:
        """z (z_dim) ~ N(0, 1), drawn by NumPy's RandomState(seed), as the public code does."""
        return np.random.RandomState(seed).randn(1, self.generator.mapping.z_dim)[0]

    def sample(self, seed: int) -> Tensor:
        """The latent w+ (num_ws w_dim) of :meth:`sample_z`, truncated; the same row num_ws times."""
        return self.of_z(self.sample_z(seed))

    @torch.no_grad()
    def of_z(self, z: np.ndarray) -> Tensor:
        """The latent w+ (num_ws w_dim) of z (z_dim), truncated."""
        w = self.generator.mapping(torch.tensor(z, dtype=torch.float32, device=self.device)[None], self.truncation)
        return w.expand(self.generator.synthesis.num_ws, -1).clone()

    def view(self, latent: Tensor) -> View:
        """Features of the block, differentiable in the moving rows; the picture is painted when asked for."""
        ws = self._rows(latent)
        xs = self.generator.synthesis.activations(ws, self.feature_block)
        done, rows = [x.detach() for x in xs], ws.detach()
        return View(xs[-1][0], xs[-1][0], self.size, lambda: self._picture(done, rows))

    def finish(self, latent: Tensor) -> Tensor:
        """The picture (3 H W) in 0..1."""
        with torch.no_grad():
            return self._picture([], self._rows(latent))

    def _rows(self, latent: Tensor) -> Tensor:
        """(1 num_ws w_dim): gradients reach the moving rows alone; in w they all are the first."""
        moving = latent[:MOVING_ROWS] if self.space == "w+" else latent[:1].expand(MOVING_ROWS, -1)
        return torch.cat([moving, latent[MOVING_ROWS:].detach()])[None]

    def _picture(self, xs: list[Tensor], ws: Tensor) -> Tensor:
        return self.generator.synthesis.picture(xs, ws)[0].add(1).div(2).clamp(0, 1)


def from_state_dict(
    state: Mapping[str, Tensor], *, feature_block: int | None = None, device: str = "cpu", **settings
) -> StyleGAN2:
    """Build the model that a state dict belongs to; resolution and channels come from the tensors' shapes.

    Args:
        state: names and tensors as in NVIDIA's ``G_ema.state_dict()``.
        feature_block: default the 128-px block, or the last one of smaller generators.
        settings: `name`, `space` and `truncation` of :class:`StyleGAN2`.

    Raises:
        ValueError: names or shapes that no unconditional StyleGAN2 has, each named.
    """
    with torch.device("meta"):  # names and shapes only: no memory, no random numbers
        generator = Generator(**_architecture(state))
    _load(generator, state)
    generator.to(device, memory_format=torch.channels_last).eval().requires_grad_(False)
    block = feature_block or min(128, generator.synthesis.resolutions[-1])
    return StyleGAN2(generator, block, **settings)


def _architecture(state: Mapping[str, Tensor]) -> dict:
    """The generator's arguments, read from its tensors."""
    convolutions = {int(m[1]): t for n, t in state.items() if (m := re.fullmatch(r"synthesis\.b(\d+)\.conv1\.weight", n))}
    layers = sum(re.fullmatch(r"mapping\.fc\d+\.weight", name) is not None for name in state)
    if not convolutions or "mapping.fc0.weight" not in state:
        raise ValueError(
            "this is not a StyleGAN2 generator: it has no synthesis.b….conv1.weight or no mapping.fc0.weight; "
            f"the first of its {len(state)} names: {', '.join(sorted(state)[:4])}"
        )
    if "mapping.embed.weight" in state:
        raise ValueError("this generator is class-conditional (mapping.embed.weight); only unconditional ones can be dragged")
    w_dim, z_dim = state["mapping.fc0.weight"].shape
    channels = {r: len(t) for r, t in convolutions.items()}
    return {"channels": channels, "z_dim": z_dim, "w_dim": w_dim, "layers": layers}


def _load(generator: Generator, state: Mapping[str, Tensor]) -> None:
    expected = generator.state_dict()
    missing, unknown = expected.keys() - state.keys(), state.keys() - expected.keys()
    if missing or unknown:
        raise ValueError(
            f"the state dict does not fit StyleGAN2: missing {sorted(missing)[:3]}, unknown {sorted(unknown)[:3]}"
        )
    for name, tensor in state.items():
        if tensor.shape != expected[name].shape:
            raise ValueError(f"{name} has shape {tuple(tensor.shape)}, expected {tuple(expected[name].shape)}")
    generator.to_empty(device="cpu").load_state_dict(state)
