"""The bundled diffusion model's UNet: diffusers' `UNet2DModel` with its settings, to be read.

It is ours because a fresh process imports diffusers' for longer than everything else takes: with
it come all of its models, and whatever they can be used with. The weights have the same names in
the same order, and the predictions are the same to the bit.

A UNet (Ronneberger et al. 2015) halves the resolution, block by block, and doubles it again; on
the way up each layer also gets what one on the way down made at its resolution (a skip). Every
residual layer is told the timestep, and in all but the finest block places see each other
(attention). So it is in DDPM (Ho et al. 2020).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from .unet import stages

GROUPS = 8  # in which channels are normalised together
PERIOD = 10_000  # of the slowest wave that tells the timestep


@dataclass(frozen=True)
class Config:
    """The sizes of a `SmallUNet`.

    Attributes:
        in_channels: of the latents.
        channels: of each resolution, the finest first.
        head: channels of an attention head.
    """

    in_channels: int = 12
    channels: Sequence[int] = (32, 64, 160)
    head: int = 32


class SmallUNet(nn.Module):
    """Predicts (b c h w) from noisy latents (b c h w) and their timesteps, (1) or (b)."""

    def __init__(self, config: Config) -> None:
        super().__init__()
        self.config = config
        first, *_, last = channels = list(config.channels)
        time = 4 * first
        levels = range(len(channels))

        self.conv_in = nn.Conv2d(config.in_channels, first, 3, padding=1)
        self.time_proj = Waves(first)
        self.time_embedding = TimeEmbedding(first, time)

        finer = [first, *channels[:-1]]
        down = [
            Down(finer[i], channels[i], time, _head(i, config), i < levels[-1]) for i in levels
        ]
        self.down_blocks = nn.ModuleList(down)
        middle = Middle(last, time, config.head)

        coarser = [*channels[1:], last]
        up = [
            Up(coarser[i], channels[i], finer[i], time, _head(i, config), i > 0)
            for i in reversed(levels)
        ]
        self.up_blocks = nn.ModuleList(up)
        self.mid_block = middle
        self.conv_norm_out = nn.GroupNorm(GROUPS, first)
        self.conv_act = nn.SiLU()
        self.conv_out = nn.Conv2d(first, config.in_channels, 3, padding=1)

    def forward(self, z: Tensor, t: Tensor) -> Tensor:
        """The prediction; :func:`dragkit.models.diffusion.unet.stages` calls the parts."""
        *_, predicted = stages(self, z, t)
        return predicted


def _head(level: int, config: Config) -> int:
    """Channels of an attention head at this level; 0 where there is no attention."""
    return config.head if level else 0


class Waves(nn.Module):
    """Timesteps (b) as waves of periods that grow geometrically: cosines, then sines (b c)."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.count = channels // 2

    def forward(self, t: Tensor) -> Tensor:
        """(b c)"""
        steps = torch.arange(self.count, dtype=torch.float32, device=t.device)
        frequencies = torch.exp(-math.log(PERIOD) * steps / self.count)
        phases = t[:, None].float() * frequencies
        return torch.cat([phases.cos(), phases.sin()], -1)


class TimeEmbedding(nn.Module):
    """What the residual layers learn about the timestep: waves (b c) → (b time)."""

    def __init__(self, channels: int, time: int) -> None:
        super().__init__()
        self.linear_1 = nn.Linear(channels, time)
        self.act = nn.SiLU()
        self.linear_2 = nn.Linear(time, time)

    def forward(self, waves: Tensor) -> Tensor:
        """(b time)"""
        return self.linear_2(self.act(self.linear_1(waves)))


class Residual(nn.Module):
    """Adds two convolutions of x (b before h w), told the timestep, to x: (b after h w)."""

    def __init__(self, before: int, after: int, time: int) -> None:
        super().__init__()
        self.norm1 = nn.GroupNorm(GROUPS, before)
        self.conv1 = nn.Conv2d(before, after, 3, padding=1)
        self.time_emb_proj = nn.Linear(time, after)
        self.norm2 = nn.GroupNorm(GROUPS, after)
        self.conv2 = nn.Conv2d(after, after, 3, padding=1)
        self.conv_shortcut = nn.Identity() if before == after else nn.Conv2d(before, after, 1)

    def forward(self, x: Tensor, time: Tensor) -> Tensor:
        """(b after h w)"""
        h = self.conv1(F.silu(self.norm1(x)))
        h = h + self.time_emb_proj(F.silu(time))[:, :, None, None]
        h = self.conv2(F.silu(self.norm2(h)))
        return self.conv_shortcut(x) + h


class Attention(nn.Module):
    r"""Adds to each place what it finds at all places, weighted by softmax(Q Kᵀ / √head) V."""

    is_cross_attention = False

    def __init__(self, channels: int, head: int) -> None:
        super().__init__()
        self.head = head
        self.group_norm = nn.GroupNorm(GROUPS, channels)
        self.to_q = nn.Linear(channels, channels)
        self.to_k = nn.Linear(channels, channels)
        self.to_v = nn.Linear(channels, channels)
        self.to_out = nn.ModuleList([nn.Linear(channels, channels)])

    def forward(self, x: Tensor) -> Tensor:
        """(b c h w) → (b c h w)"""
        places = self.group_norm(x.flatten(2)).transpose(1, 2)
        q, k, v = (
            project(places).unflatten(-1, (-1, self.head)).transpose(1, 2)
            for project in (self.to_q, self.to_k, self.to_v)
        )
        found = F.scaled_dot_product_attention(q, k, v).transpose(1, 2).flatten(2)
        return self.to_out[0](found).transpose(1, 2).reshape(x.shape) + x


class Down(nn.Module):
    """A residual layer, attention if `head` is not 0, and half the resolution if `halves`."""

    def __init__(self, before: int, after: int, time: int, head: int, halves: bool) -> None:
        super().__init__()
        resnets = [Residual(before, after, time)]
        self.attentions = nn.ModuleList([Attention(after, head)] if head else [])
        self.resnets = nn.ModuleList(resnets)
        self.downsamplers = nn.ModuleList([Halve(after)] if halves else [])

    def forward(self, x: Tensor, time: Tensor) -> tuple[Tensor, tuple[Tensor, ...]]:
        """What it made, and what each of its layers made, for the skips."""
        x = self.resnets[0](x, time)
        for attend in self.attentions:
            x = attend(x)
        skips: tuple[Tensor, ...] = (x,)
        for halve in self.downsamplers:
            x = halve(x)
            skips += (x,)
        return x, skips


class Middle(nn.Module):
    """Attention between two residual layers, at the coarsest resolution."""

    def __init__(self, channels: int, time: int, head: int) -> None:
        super().__init__()
        first, attend = Residual(channels, channels, time), Attention(channels, head)
        self.attentions = nn.ModuleList([attend])
        self.resnets = nn.ModuleList([first, Residual(channels, channels, time)])

    def forward(self, x: Tensor, time: Tensor) -> Tensor:
        """(b c h w) → (b c h w)"""
        x = self.attentions[0](self.resnets[0](x, time))
        return self.resnets[1](x, time)


class Up(nn.Module):
    """Two residual layers with a skip each, attention, and twice the resolution if `doubles`.

    Args:
        before: channels of what comes from the coarser block.
        after: channels of what it makes, and of the first skip.
        finer: channels of the second skip.
        time: numbers that tell the timestep.
        head: channels of an attention head; 0 for no attention.
        doubles: whether a finer block follows.
    """

    def __init__(
        self, before: int, after: int, finer: int, time: int, head: int, doubles: bool
    ) -> None:
        super().__init__()
        resnets, attentions = [], []
        for channels in (before + after, after + finer):
            resnets.append(Residual(channels, after, time))
            attentions += [Attention(after, head)] if head else []
        self.attentions = nn.ModuleList(attentions)
        self.resnets = nn.ModuleList(resnets)
        self.upsamplers = nn.ModuleList([Double(after)] if doubles else [])

    def forward(self, x: Tensor, skips: tuple[Tensor, ...], time: Tensor) -> Tensor:
        """(b after h w), from x (b before h w) and the skips, of which the last comes first."""
        for i, residual in enumerate(self.resnets):
            x = residual(torch.cat([x, skips[-1 - i]], 1), time)
            if len(self.attentions):
                x = self.attentions[i](x)
        for double in self.upsamplers:
            x = double(x)
        return x


class Halve(nn.Module):
    """(b c h w) → (b c h/2 w/2)"""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(channels, channels, 3, stride=2, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        """By a convolution that skips every second place."""
        return self.conv(x)


class Double(nn.Module):
    """(b c h w) → (b c 2h 2w)"""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(channels, channels, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        """By repeating each place, then a convolution."""
        return self.conv(F.interpolate(x, scale_factor=2.0, mode="nearest"))
