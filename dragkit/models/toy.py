r"""Scenes whose latent *is* the answer: the first oracle for trackers, losses and the loop.

A scene is a handful of soft blobs. The latent (n 2) holds their centres in pixels, so where a blob
is after a drag is known exactly. Blob i has a feature signature s_i, and the feature map
is

.. math:: F(q) = (1 + g\,x_q) \Big( s_0 + \sum_i e^{-‖q - c_i‖² / 2σ²}\, s_i \Big)

with the background's signature s₀ and the light's slope g: with g ≠ 0 a blob changes as it
moves. Blobs shine through each other; opaque ones hide what is behind them, and a later blob is
in front of the earlier ones.

The image is painted in the same way, with colours in place of signatures, so that people can tell
the blobs apart as well as the features can: blobs with one signature have one colour, too.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from ..arguments import positive, whole
from ..latents import checked_latent, fitting_latent
from ..numeric import is_real
from ..records import Size, View

LARGEST = 4096  # of each whole setting
NUMBERS = 1 << 26  # of all blobs and channels on the image; the default has 300,000
PAPER = (0.93, 0.91, 0.86)  # the background's colour, then the blobs', which none of the marks has
PAINTS = ((0.45, 0.22, 0.55), (0.0, 0.55, 0.42), (0.55, 0.36, 0.16), (0.35, 0.35, 0.4))
GREY = 0.6  # what the image pales to where the light fades
LAST_SEED = 2**63 - 1  # that a generator of torch takes


@dataclass(frozen=True)
class Toy:
    """Blobs that can be dragged; runs in a millisecond.

    Args:
        side: of the image in pixels; features have half as many cells.
        blobs: their number, at least 1.
        lookalike: 0..1; how much the second blob's signature is that of the first (1 = twins).
        light: the light's slope, relative change over half the image's width. It multiplies all
            features: where it fades the image pales to grey.
        opaque: whether blobs hide each other instead of adding up.
        width: σ of a blob, in pixels.
        channels: of the features.
        seed: of the signatures.

    Raises:
        ValueError: a setting that makes no image, or more blobs and channels than fit into
            memory on an image of this side.
    """

    side: int = 128
    blobs: int = 3
    lookalike: float = 0.0
    light: float = 0.0
    opaque: bool = False
    width: float = 6.0
    channels: int = 16
    seed: int = 0
    name = "toy"

    def __post_init__(self) -> None:
        whole("side", self.side, 2, LARGEST)
        whole("blobs", self.blobs, 1, LARGEST)
        whole("channels", self.channels, 3, LARGEST)
        whole("seed", self.seed, 0, LAST_SEED)
        positive("width", self.width, 6)
        if not (is_real(self.lookalike) and 0 <= self.lookalike <= 1):
            raise ValueError(f"lookalike is {self.lookalike!r}; give a number from 0 to 1")
        if not is_real(self.light):
            raise ValueError(f"light is {self.light!r}; give a number, such as 0.3")

        numbers = (self.blobs + self.channels) * self.side**2
        if numbers > NUMBERS:
            raise ValueError(
                f"{self.blobs} blobs and {self.channels} channels on {self.side} px are"
                f" {numbers:,} numbers, more than {NUMBERS:,}; take fewer, or a smaller side"
            )

    @property
    def size(self) -> Size:
        """(height, width) of the image in pixels."""
        return self.side, self.side

    @property
    def device(self) -> torch.device:
        """Always the CPU."""
        return torch.device("cpu")

    @property
    def latent_shape(self) -> tuple[int, int]:
        """(blobs 2) of a latent."""
        return self.blobs, 2

    @property
    def metadata(self) -> dict[str, Any]:
        """What a saved run remembers of the model."""
        return {"model": self.name}

    def sample(self, seed: int) -> Tensor:
        """A latent (blobs 2): centres (x, y), well inside the image and apart from each other."""
        random = torch.Generator().manual_seed(whole("seed", seed))
        centres = torch.empty(0, 2, device=self.device)
        for _ in range(1000):
            place = torch.rand(1, 2, generator=random, device=self.device)
            new = (0.2 + 0.6 * place) * self.side
            if not len(centres) or (centres - new).norm(dim=1).min() > 3 * self.width:
                centres = torch.cat([centres, new])
            if len(centres) == self.blobs:
                return centres.round()
        raise ValueError(
            f"{self.blobs} blobs of width {self.width:g} px have no room in an image of"
            f" {self.side} px; take fewer or smaller blobs, or a larger side"
        )

    def view(self, latent: Tensor) -> View:
        """Features (channels side/2 side/2) of the blobs at `latent`, differentiable."""
        latent = fitting_latent(self, latent)
        features = self._field(latent, self.side // 2)
        fixed = latent.detach().clone()
        return View(features, self.size, lambda: self.finish(fixed))

    def finish(self, latent: Tensor) -> Tensor:
        """The image (3 side side) in 0..1."""
        latent = checked_latent(self, latent).detach()
        weights, light = self._weights(latent, self.side)
        paper = torch.tensor(PAPER, device=self.device)[:, None, None]
        painted = self._paints() - paper.flatten()
        image = paper + torch.einsum("nyx,nc->cyx", weights, painted)
        return (GREY + (image.clamp(0, 1) - GREY) * light).clamp(0, 1)

    def signatures(self) -> Tensor:
        """(1 + blobs, channels): the background's signature, then each blob's."""
        random = torch.Generator().manual_seed(self.seed)
        shape = 1 + self.blobs, self.channels
        signatures = torch.randn(shape, generator=random, device=self.device)
        signatures[0] *= 0.3
        if self.blobs > 1:
            _, first, second = signatures[:3]
            signatures[2] = self.lookalike * first + (1 - self.lookalike) * second
        return signatures

    def _paints(self) -> Tensor:
        """The blobs' colours (blobs 3), as alike as their signatures."""
        number = torch.arange(self.blobs, device=self.device) % len(PAINTS)
        paints = torch.tensor(PAINTS, device=self.device)[number]
        if self.blobs > 1:
            paints[1] = self.lookalike * paints[0] + (1 - self.lookalike) * paints[1]
        return paints

    def _field(self, latent: Tensor, cells: int) -> Tensor:
        """F on a grid of `cells` × `cells`: (channels cells cells)."""
        weights, light = self._weights(latent, cells)
        signatures = self.signatures()
        field = torch.einsum("nyx,nc->cyx", weights, signatures[1:]) + signatures[0, :, None, None]
        return field * light

    def _weights(self, latent: Tensor, cells: int) -> tuple[Tensor, Tensor]:
        """How much of each blob is in each cell (blobs cells cells), and the light (cells)."""
        cell = torch.arange(cells, device=self.device)
        x = (cell + 0.5) * self.side / cells - 0.5  # the cells' centres, in pixels
        across = torch.exp(-((x - latent[:, :1]) ** 2) / (2 * self.width**2))  # (n cells)
        down = torch.exp(-((x - latent[:, 1:]) ** 2) / (2 * self.width**2))
        blobs = down[:, :, None] * across[:, None]  # (n cells cells)
        if self.opaque:
            transparency = (1 - blobs).flip(0).cumprod(0).flip(0)  # of a blob and all before it
            nearest = torch.ones_like(blobs[:1])  # nothing is before the last one
            blobs = blobs * torch.cat([transparency[1:], nearest])
        return blobs, 1 + self.light * (2 * x / self.side - 1)
