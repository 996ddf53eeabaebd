"""A generator and its two losses, one update at a time, for :mod:`dragkit.training.stylegan2`."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ..models.gan.network import Generator
from .loop import COUNTS, average, restore_state, state_of

PATCH = 64  # px, the side of what the discriminator sees
DISCRIMINATOR_CHANNELS = (16, 32, 64, 96, 96)  # from 64 px down to 4
W_DIM = 128
MAPPING_LAYERS = 2
NETWORKS = ("g", "d", "ema", "g_optimizer", "d_optimizer")
COARSE = 6  # rows of w+ that carry the geometry: those that a drag moves
SMALLEST = 16  # px, of a generator with so many rows
R1_EVERY = 16


class Discriminator(nn.Module):
    """Patch (b 3 64 64) → logit (b): convolutions down to 4 px, the batch's deviation, two layers.

    Random patches are enough, because the pair loss knows where everything belongs, and they cost
    a quarter.
    """

    def __init__(self) -> None:
        super().__init__()
        first = DISCRIMINATOR_CHANNELS[0]
        layers: list[nn.Module] = [nn.Conv2d(3, first, 1), nn.LeakyReLU(0.2)]
        for fine, coarse in pairwise(DISCRIMINATOR_CHANNELS):
            layers += [nn.Conv2d(fine, coarse, 3, padding=1), nn.LeakyReLU(0.2), nn.AvgPool2d(2)]
        self.body = nn.Sequential(*layers)
        last = DISCRIMINATOR_CHANNELS[-1]
        self.head = nn.Sequential(
            nn.Conv2d(last + 1, last, 3, padding=1),
            nn.LeakyReLU(0.2),
            nn.Flatten(),
            nn.Linear(16 * last, last),
            nn.LeakyReLU(0.2),
            nn.Linear(last, 1),
        )

    def forward(self, patch: Tensor) -> Tensor:
        """The logit (b) of being a render."""
        x = self.body(patch)
        deviation = (x.var(0, unbiased=False) + 1e-8).sqrt().mean()
        deviation = deviation.expand(len(x), 1, *x.shape[2:])
        return self.head(torch.cat([x, deviation], 1)).squeeze(1)


def patches(seed: int, *images: Tensor) -> list[Tensor]:
    """The same random 64-px square of each of `images` (b 3 r r); the same for the same seed."""
    random = torch.Generator().manual_seed(seed)
    last = images[0].shape[-1] - PATCH
    top, left = torch.randint(last + 1, (2,), generator=random).tolist()
    return [image[..., top : top + PATCH, left : left + PATCH] for image in images]


def fake(g: Generator, z: Tensor, truncation: Tensor) -> Tensor:
    """Images of latent pairs z (b 2 z_dim): the coarse rows of w+ are the first's."""
    w = g.mapping(z.flatten(0, 1)).view(*z.shape[:2], -1)
    if g.training:
        g.mapping.w_avg.lerp_(w.detach().mean((0, 1)), 0.005)
    w = g.mapping.w_avg + truncation[:, None, None] * (w - g.mapping.w_avg)

    fine_rows = g.synthesis.num_ws - COARSE
    coarse = w[:, :1].expand(-1, COARSE, -1)
    fine = w[:, 1:].expand(-1, fine_rows, -1)
    return g.synthesis(torch.cat([coarse, fine], 1))


def pair_loss(image: Tensor, real: Tensor) -> Tensor:
    """mean c|Δ| + mean |∇Δ| of the difference Δ.

    The contrast c gives weight to small things such as eyes and nose; the gradient keeps edges
    sharp.
    """
    difference = image - real
    surroundings = F.avg_pool2d(real, 9, stride=1, padding=4, count_include_pad=False)
    contrast = 1 + 4 * (real - surroundings).abs().mean(1, keepdim=True)
    contrasted = (contrast * difference.abs()).mean()
    gradient = sum(difference.diff(dim=d).abs().mean() for d in (2, 3))
    return contrasted + gradient


class Trainer:
    """Everything a run owns at one size: `step` learns from one batch, `state` returns it all.

    Args:
        size: side of the images.
        z_dim: factors of the world.
        channels: of the blocks of 4, 8, … px; those above `size` are not used.
        device: that trains.
        half_life: of the averaged weights, in images.
    """

    def __init__(
        self, size: int, z_dim: int, channels: Sequence[int], device: str, half_life: float
    ) -> None:
        self.size = size
        self.half_life = half_life
        self.steps = 0
        self.images = 0
        self.seconds = 0.0
        self.history: list[dict[str, Any]] = []

        blocks = {4 << k: c for k, c in enumerate(channels) if 4 << k <= size}
        self.g = _on(device, Generator(blocks, z_dim, W_DIM, MAPPING_LAYERS))
        self.d = _on(device, Discriminator())
        self.ema = copy.deepcopy(self.g).eval().requires_grad_(False)

        fused = device.startswith("cuda")
        groups = [{"params": net.parameters()} for net in (self.g.mapping, self.g.synthesis)]
        self.g_optimizer = torch.optim.Adam(groups, betas=(0.9, 0.99), fused=fused)
        self.d_optimizer = torch.optim.Adam(self.d.parameters(), betas=(0.0, 0.99), fused=fused)

    def set_rate(self, lr: float) -> None:
        """The learning rate of the next steps; the discriminator's is half of it.

        The mapping's weights are stored 100 times larger than used, so at the common rate it would
        hardly move.
        """
        mapping, synthesis = self.g_optimizer.param_groups
        mapping["lr"] = 30 * lr
        synthesis["lr"] = lr
        self.d_optimizer.param_groups[0]["lr"] = lr / 2

    def grow_from(self, smaller: Trainer) -> None:
        """Take over a smaller generator; the new block starts by adding nothing to its image."""
        nn.init.zeros_(getattr(self.g.synthesis, f"b{self.size}").torgb.weight)
        self.ema.load_state_dict(self.g.state_dict())
        self.g.load_state_dict(smaller.g.state_dict(), strict=False)
        self.ema.load_state_dict(smaller.ema.state_dict(), strict=False)
        for name in COUNTS:
            setattr(self, name, getattr(smaller, name))

    def step(
        self, z: Tensor, truncation: Tensor, real: Tensor, adversarial: float
    ) -> dict[str, Tensor]:
        """One update of G and, if `adversarial` (λ) is not 0, one of D; returns the losses."""
        image = fake(self.g, z, truncation)
        loss = pair_loss(image, real)
        losses = {"pair": loss.detach()}
        if adversarial:
            self.d.requires_grad_(False)
            made, rendered = patches(self.steps, image, real)  # a resumed run draws the same
            loss = loss + adversarial * F.softplus(-self.d(made)).mean()
        _descend(self.g_optimizer, loss)
        if adversarial:
            losses["D"] = self.teach(made.detach(), rendered)
        self.steps += 1
        self.images += len(z)
        average(self.ema, self.g, self, self.half_life, len(z))
        self.ema.mapping.w_avg.copy_(self.g.mapping.w_avg)
        return losses

    def teach(self, made: Tensor, real: Tensor, gamma: float = 1.0) -> Tensor:
        """One update of the discriminator on patches; returns its loss."""
        self.d.requires_grad_(True)
        regularise = self.steps % R1_EVERY == 0
        real = real.detach().requires_grad_(regularise)
        judged = self.d(real)
        loss = F.softplus(self.d(made)).mean() + F.softplus(-judged).mean()
        value = loss.detach()
        if regularise:
            (slope,) = torch.autograd.grad(judged.sum(), real, create_graph=True)
            loss = loss + R1_EVERY * gamma / 2 * slope.square().sum((1, 2, 3)).mean()
        _descend(self.d_optimizer, loss)
        return value

    def state(self) -> dict[str, Any]:
        """Everything that is needed to continue."""
        return state_of(self, NETWORKS) | {"size": self.size}

    def restore(self, state: dict[str, Any]) -> None:
        """Continue from what `state` returned."""
        restore_state(self, NETWORKS, state)


def _on(device: str, network: Any) -> Any:
    return network.to(device, memory_format=torch.channels_last)


def _descend(optimizer: torch.optim.Optimizer, loss: Tensor) -> None:
    optimizer.zero_grad(set_to_none=True)
    loss.backward()
    optimizer.step()
