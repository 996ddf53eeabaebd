r"""A generator and its two teachers, one update at a time; :mod:`dragkit.training.stylegan2` runs
it.
"""

from __future__ import annotations

import copy

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ..models.gan.network import Generator
from ..worlds.lion import FACTORS

CHANNELS = {4: 160, 8: 160, 16: 128, 32: 64, 64: 32, 128: 16}
JUDGE_CHANNELS, PATCH = (16, 32, 64, 96, 96), 64  # the discriminator's, from 64 px down to 4
W_DIM, MAPPING_LAYERS = 128, 2
COARSE = 6  # rows of w+ that carry the geometry: those that a drag moves
R1_EVERY = 16


class Discriminator(nn.Module):
    """Patch (b 3 64 64) → logit (b): convolutions and halvings to 4 px, the batch's spread, two
    layers.

    Random patches are enough, since the pair teacher knows where everything belongs, and four
    times cheaper.
    """

    def __init__(self) -> None:
        super().__init__()
        layers: list[nn.Module] = [nn.Conv2d(3, JUDGE_CHANNELS[0], 1), nn.LeakyReLU(0.2)]
        for fine, coarse in zip(JUDGE_CHANNELS, JUDGE_CHANNELS[1:]):
            layers += [nn.Conv2d(fine, coarse, 3, padding=1), nn.LeakyReLU(0.2), nn.AvgPool2d(2)]
        self.body = nn.Sequential(*layers)
        last = JUDGE_CHANNELS[-1]
        self.head = nn.Sequential(
            nn.Conv2d(last + 1, last, 3, padding=1),
            nn.LeakyReLU(0.2),
            nn.Flatten(),
            nn.Linear(16 * last, last),
            nn.LeakyReLU(0.2),
            nn.Linear(last, 1),
        )

    def forward(self, patch: Tensor) -> Tensor:
        x = self.body(patch)
        spread = (x.var(0, unbiased=False) + 1e-8).sqrt().mean().expand(len(x), 1, *x.shape[2:])
        return self.head(torch.cat([x, spread], 1)).squeeze(1)


def patches(*images: Tensor) -> list[Tensor]:
    """The same random 64-px square of each of `images` (b 3 r r)."""
    top, left = (int(torch.randint(images[0].shape[-1] - PATCH + 1, ())) for _ in range(2))
    return [image[..., top : top + PATCH, left : left + PATCH] for image in images]


def fake(g: Generator, z: Tensor, truncation: Tensor) -> Tensor:
    """Images of latent pairs z (b 2 z_dim): coarse rows of w+ from the first, the rest from the
    second.
    """
    w = g.mapping(z.flatten(0, 1)).view(*z.shape[:2], -1)
    if g.training:
        g.mapping.w_avg.lerp_(w.detach().mean((0, 1)), 0.005)
    w = g.mapping.w_avg + truncation[:, None, None] * (w - g.mapping.w_avg)
    rows = g.synthesis.num_ws
    return g.synthesis(
        torch.cat([w[:, :1].expand(-1, COARSE, -1), w[:, 1:].expand(-1, rows - COARSE, -1)], 1)
    )


def pair_loss(image: Tensor, real: Tensor) -> Tensor:
    """mean c|Δ| + mean |∇Δ|: small things of high contrast c count (eyes, nose), and edges stay
    sharp.
    """
    difference = image - real
    around = F.avg_pool2d(real, 9, stride=1, padding=4, count_include_pad=False)
    contrast = 1 + 4 * (real - around).abs().mean(1, keepdim=True)
    return (contrast * difference.abs()).mean() + sum(
        difference.diff(dim=d).abs().mean() for d in (2, 3)
    )


class Trainer:
    """Everything a run owns at one size; `step` sees one batch, `save` keeps it all."""

    def __init__(self, size: int, lr: float, device: str) -> None:
        self.size, self.images, self.seconds, self.history = size, 0, 0.0, []
        channels = {r: c for r, c in CHANNELS.items() if r <= size}
        make = lambda net: net.to(device, memory_format=torch.channels_last)  # noqa: E731
        self.g = make(Generator(channels, len(FACTORS), W_DIM, MAPPING_LAYERS))
        self.d = make(Discriminator())
        self.ema = copy.deepcopy(self.g).eval().requires_grad_(False)
        # The mapping's weights are stored 100 times larger than used: at the common rate it would
        # hardly move.
        groups = [
            {"params": self.g.mapping.parameters(), "lr": 30 * lr},
            {"params": self.g.synthesis.parameters()},
        ]
        self.g_optimiser = torch.optim.Adam(groups, lr, betas=(0.9, 0.99))
        self.d_optimiser = torch.optim.Adam(self.d.parameters(), lr / 2, betas=(0.0, 0.99))

    def grow_from(self, smaller: Trainer) -> None:
        """Take over a smaller generator; the new block starts by adding nothing to its image."""
        nn.init.zeros_(getattr(self.g.synthesis, f"b{self.size}").torgb.weight)
        self.ema.load_state_dict(self.g.state_dict())
        self.g.load_state_dict(smaller.g.state_dict(), strict=False)
        self.ema.load_state_dict(smaller.ema.state_dict(), strict=False)
        self.images, self.seconds, self.history = smaller.images, smaller.seconds, smaller.history

    def step(
        self, z: Tensor, truncation: Tensor, real: Tensor, adversarial: float
    ) -> dict[str, float]:
        """One update of G and, where `adversarial` (λ) is not 0, one of D."""
        image = fake(self.g, z, truncation)
        loss = pair_loss(image, real)
        losses = {"pair": loss.item()}
        if adversarial:
            self.d.requires_grad_(False)
            made, rendered = patches(image, real)
            loss = loss + adversarial * F.softplus(-self.d(made)).mean()
        _descend(self.g_optimiser, loss)
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
        _descend(self.d_optimiser, loss)
        return value

    def _average(self, batch: int, half_life: float = 2000.0) -> None:
        keep = 0.5 ** (batch / min(half_life, 1 + self.images / 10))
        for mean, now in zip(self.ema.parameters(), self.g.parameters()):
            mean.lerp_(now.detach(), 1 - keep)
        self.ema.mapping.w_avg.copy_(self.g.mapping.w_avg)

    def state(self) -> dict:
        nets = {
            name: getattr(self, name).state_dict()
            for name in ("g", "d", "ema", "g_optimiser", "d_optimiser")
        }
        return nets | {
            "size": self.size,
            "images": self.images,
            "seconds": self.seconds,
            "history": self.history,
        }

    def restore(self, state: dict) -> None:
        """Go on from what `state` returned."""
        rates = [group["lr"] for group in self.g_optimiser.param_groups]
        for name in ("g", "d", "ema", "g_optimiser", "d_optimiser"):
            getattr(self, name).load_state_dict(state[name])
        for group, rate in zip(self.g_optimiser.param_groups, rates):
            group["lr"] = rate  # that of this call, which may go on more slowly
        self.images, self.seconds, self.history = (
            state["images"],
            state["seconds"],
            state["history"],
        )


def _descend(optimizer: torch.optim.Optimizer, loss: Tensor) -> None:
    optimizer.zero_grad(set_to_none=True)
    loss.backward()
    optimizer.step()
