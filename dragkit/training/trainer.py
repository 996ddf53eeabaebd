"""A generator and its two losses, one update at a time, for :mod:`dragkit.training.stylegan2`."""

from __future__ import annotations

import copy
from itertools import pairwise
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ..models.gan.network import Generator
from ..worlds.lion import FACTORS
from .loop import restore_state, state_of

CHANNELS = {4: 160, 8: 160, 16: 128, 32: 64, 64: 32, 128: 16}
PATCH = 64  # px, the side of what the discriminator sees
DISCRIMINATOR_CHANNELS = (16, 32, 64, 96, 96)  # from 64 px down to 4
W_DIM = 128
MAPPING_LAYERS = 2
NETWORKS = ("g", "d", "ema", "g_optimizer", "d_optimizer")
COARSE = 6  # rows of w+ that carry the geometry: those that a drag moves
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
    """Everything a run owns at one size: `step` learns from one batch, `state` returns it all."""

    def __init__(self, size: int, lr: float, device: str) -> None:
        self.size = size
        self.images = 0
        self.seconds = 0.0
        self.history: list[dict[str, Any]] = []
        channels = {r: c for r, c in CHANNELS.items() if r <= size}
        self.g = _on(device, Generator(channels, len(FACTORS), W_DIM, MAPPING_LAYERS))
        self.d = _on(device, Discriminator())
        self.ema = copy.deepcopy(self.g).eval().requires_grad_(False)

        # The mapping's weights are stored 100 times larger than used, so at the common rate it
        # would hardly move.
        groups = [
            {"params": self.g.mapping.parameters(), "lr": 30 * lr},
            {"params": self.g.synthesis.parameters()},
        ]
        self.g_optimizer = torch.optim.Adam(groups, lr, betas=(0.9, 0.99))
        self.d_optimizer = torch.optim.Adam(self.d.parameters(), lr / 2, betas=(0.0, 0.99))

    def grow_from(self, smaller: Trainer) -> None:
        """Take over a smaller generator; the new block starts by adding nothing to its image."""
        nn.init.zeros_(getattr(self.g.synthesis, f"b{self.size}").torgb.weight)
        self.ema.load_state_dict(self.g.state_dict())
        self.g.load_state_dict(smaller.g.state_dict(), strict=False)
        self.ema.load_state_dict(smaller.ema.state_dict(), strict=False)
        self.images = smaller.images
        self.seconds = smaller.seconds
        self.history = smaller.history

    def step(
        self, z: Tensor, truncation: Tensor, real: Tensor, adversarial: float
    ) -> dict[str, float]:
        """One update of G and, if `adversarial` (λ) is not 0, one of D."""
        image = fake(self.g, z, truncation)
        loss = pair_loss(image, real)
        losses = {"pair": loss.item()}
        if adversarial:
            self.d.requires_grad_(False)
            made, rendered = patches(self.images, image, real)  # a resumed run draws the same
            loss = loss + adversarial * F.softplus(-self.d(made)).mean()
        _descend(self.g_optimizer, loss)
        if adversarial:
            losses["D"] = self.teach(made.detach(), rendered)
        self.images += len(z)
        self._average(len(z))
        return losses

    def teach(self, made: Tensor, real: Tensor, gamma: float = 1.0) -> float:
        """One update of the discriminator on patches."""
        self.d.requires_grad_(True)
        regularise = self.images // len(real) % R1_EVERY == 0
        real = real.detach().requires_grad_(regularise)
        judged = self.d(real)
        loss = F.softplus(self.d(made)).mean() + F.softplus(-judged).mean()
        value = loss.item()
        if regularise:
            (slope,) = torch.autograd.grad(judged.sum(), real, create_graph=True)
            loss = loss + R1_EVERY * gamma / 2 * slope.square().sum((1, 2, 3)).mean()
        _descend(self.d_optimizer, loss)
        return value

    def _average(self, batch: int, half_life: float = 2000.0) -> None:
        decay = 0.5 ** (batch / min(half_life, 1 + self.images / 10))
        for mean, now in zip(self.ema.parameters(), self.g.parameters(), strict=True):
            mean.lerp_(now.detach(), 1 - decay)
        self.ema.mapping.w_avg.copy_(self.g.mapping.w_avg)

    def state(self) -> dict[str, Any]:
        """Everything that is needed to continue."""
        return state_of(self, NETWORKS) | {"size": self.size}

    def restore(self, state: dict[str, Any]) -> None:
        """Continue from what `state` returned."""
        rates = [group["lr"] for group in self.g_optimizer.param_groups]
        restore_state(self, NETWORKS, state)
        for group, rate in zip(self.g_optimizer.param_groups, rates, strict=True):
            group["lr"] = rate  # of this call, which may continue more slowly


def _on(device: str, network: Any) -> Any:
    return network.to(device, memory_format=torch.channels_last)


def _descend(optimizer: torch.optim.Optimizer, loss: Tensor) -> None:
    optimizer.zero_grad(set_to_none=True)
    loss.backward()
    optimizer.step()
