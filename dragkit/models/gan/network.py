r"""StyleGAN2's generator, written from the equations, with the names of NVIDIA's state dict.

A public generator's ``G_ema`` state dict therefore loads by name. Only what a generator needs is
here: the mapping network with its average and truncation, modulated convolutions, the skip
architecture, the [1, 3, 3, 1] resample filter and constant noise.

Source: Karras et al., "Analyzing and Improving the Image Quality of StyleGAN" (2020), and the
parameter conventions of the public PyTorch release.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from .layers import GAIN, SLOPE, FullyConnected, blur, clamped, normal, resample_filter, upsample

FIRST = (4, 4)  # (height, width) of the first block's maps, where images are square


class Mapping(nn.Module):
    """z (b z_dim) → w (b w_dim): z at unit second moment, through leaky fully connected layers."""

    w_avg: Tensor

    def __init__(self, z_dim: int, w_dim: int, layers: int = 8) -> None:
        super().__init__()
        self.z_dim = z_dim
        self.w_dim = w_dim
        self.layers = layers
        for i in range(layers):
            inputs = z_dim if i == 0 else w_dim
            setattr(self, f"fc{i}", FullyConnected(inputs, w_dim, multiplier=0.01))
        self.register_buffer("w_avg", torch.zeros(w_dim))

    def forward(self, z: Tensor, truncation: float = 1.0) -> Tensor:
        """w (b w_dim), pulled toward its average: w̄ + ψ (w - w̄)."""
        x = z * (z.square().mean(1, keepdim=True) + 1e-8).rsqrt()
        for i in range(self.layers):
            x = F.leaky_relu(getattr(self, f"fc{i}")(x), SLOPE) * GAIN
        return self.w_avg.lerp(x, truncation)


class ModulatedConv(nn.Module):
    r"""y_o = d_o · Σ_i W_oi * (s_i x_i), with the style s = A w and d_o = (Σ_i s_i² ‖W_oi‖²)^-½.

    Scaling the input and the output, not the weights, is exact and needs no grouped convolution,
    which is slow on a CPU. With `up`, a stride-2 transposed convolution and the filter double the
    side.
    """

    noise_const: Tensor
    resample_filter: Tensor

    def __init__(
        self,
        inputs: int,
        outputs: int,
        w_dim: int,
        size: tuple[int, int],
        clamp: float | None,
        up: bool = False,
    ) -> None:
        super().__init__()
        self.up = up
        self.clamp = clamp
        self.affine = FullyConnected(w_dim, inputs, bias=1.0)
        self.weight = nn.Parameter(normal(outputs, inputs, 3, 3))
        self.bias = nn.Parameter(torch.zeros(outputs))
        self.noise_strength = nn.Parameter(torch.zeros([]))
        self.register_buffer("noise_const", normal(*size))
        self.register_buffer("resample_filter", resample_filter())

    @property
    def squared_norms(self) -> Tensor:
        """‖W_oi‖² (outputs inputs) of the kernels."""
        return self.weight.float().square().sum((2, 3))

    def forward(self, x: Tensor, w: Tensor) -> Tensor:
        """x (b inputs h w) and w (b w_dim) → (b outputs h w), or twice the side with `up`."""
        style = self.affine(w)
        demodulation = (style.square() @ self.squared_norms.T + 1e-8).rsqrt()
        x = x.to(self.weight) * style[:, :, None, None].to(self.weight)
        if self.up:
            x = F.conv_transpose2d(x, self.weight.transpose(0, 1), stride=2)
            x = blur(x, self.resample_filter)
        else:
            x = F.conv2d(x, self.weight, padding=1)

        x = x * demodulation[:, :, None, None].to(x)
        # In place: the same numbers, without a new map for each of three steps.
        noise = (self.noise_const * self.noise_strength).to(x)
        x = x.add_(noise).add_(self.bias[:, None, None].to(x))
        return clamped(F.leaky_relu(x, SLOPE, inplace=True) * GAIN, self.clamp)


class ToRGB(nn.Module):
    """A 1x1 modulated convolution to three colours, without demodulation."""

    def __init__(self, inputs: int, w_dim: int, clamp: float | None) -> None:
        super().__init__()
        self.clamp = clamp
        self.affine = FullyConnected(w_dim, inputs, bias=1.0)
        self.weight = nn.Parameter(normal(3, inputs, 1, 1))
        self.bias = nn.Parameter(torch.zeros(3))

    def forward(self, x: Tensor, w: Tensor) -> Tensor:
        """x (b inputs h w) and w (b w_dim) → colours (b 3 h w)."""
        style = self.affine(w) / math.sqrt(self.weight.shape[1])
        return clamped(
            F.conv2d(x.float() * style[:, :, None, None], self.weight, self.bias), self.clamp
        )


class Block(nn.Module):
    """One resolution: an upsampling and a plain modulated convolution, or at 4 px a constant.

    Args:
        resolution: what the block is called, 4 · 2ᵏ.
        size: (height, width) of its maps; both are the resolution where images are square.
    """

    resample_filter: Tensor

    def __init__(
        self,
        inputs: int,
        outputs: int,
        w_dim: int,
        resolution: int,
        size: tuple[int, int],
        clamp: float | None,
    ) -> None:
        super().__init__()
        if resolution == 4:
            self.const = nn.Parameter(normal(outputs, *size))
        else:
            self.conv0 = ModulatedConv(inputs, outputs, w_dim, size, clamp, up=True)
        self.conv1 = ModulatedConv(outputs, outputs, w_dim, size, clamp)
        self.torgb = ToRGB(outputs, w_dim, clamp)
        self.register_buffer("resample_filter", resample_filter())
        self.convolutions = 1 if resolution == 4 else 2
        self.first = max(0, 2 * int(math.log2(resolution)) - 5)  # the block's first row of w+

    def forward(self, x: Tensor | None, ws: Tensor) -> Tensor:
        """The block's activations (b c r r), from those of the block before."""
        row = self.first
        if x is None:
            x = self.const.expand(len(ws), -1, -1, -1)
        else:
            x = self.conv0(x, ws[:, row])
            row += 1
        return self.conv1(x, ws[:, row])

    def colours(self, x: Tensor, ws: Tensor) -> Tensor:
        """What this block adds to the image: its ToRGB, styled by the next row of w+."""
        return self.torgb(x, ws[:, self.first + self.convolutions])


class Synthesis(nn.Module):
    """w+ (b num_ws w_dim) → image (b 3 r r) in -1..1, in two halves that meet at any block.

    A block's r r stands for its (height, width) where images are not square.
    :meth:`activations` computes every block up to a chosen one; :meth:`image` continues from
    there. Dragging needs only the first half; the second runs when the image is asked for.
    """

    def __init__(
        self,
        channels: dict[int, int],
        w_dim: int,
        clamp: float | None = None,
        first: tuple[int, int] = FIRST,
    ) -> None:
        super().__init__()
        self.resolutions = sorted(channels)
        self.num_ws = 2 * int(math.log2(self.resolutions[-1])) - 2
        for r in self.resolutions:
            inputs = channels.get(r // 2, 0)
            self.size = (first[0] * r // 4, first[1] * r // 4)  # at the end, of the images
            setattr(self, f"b{r}", Block(inputs, channels[r], w_dim, r, self.size, clamp))

    def block(self, resolution: int) -> Block:
        """The block of `resolution` px."""
        block: Block = getattr(self, f"b{resolution}")
        return block

    def store_in(self, dtype: torch.dtype) -> None:
        """Keep the kernels in `dtype`, in which the convolutions then compute.

        All that is small stays in float32: styles, demodulations and the colours.
        """
        for module in self.modules():
            if isinstance(module, ModulatedConv):
                module.weight.data = module.weight.data.to(dtype)

    def activations(self, ws: Tensor, until: int | None = None) -> list[Tensor]:
        """The output (b c r r) of every block from 4 px up to `until` px (default: the last)."""
        xs: list[Tensor] = []
        for r in self.resolutions:
            block = self.block(r)
            previous = xs[-1] if xs else None
            xs.append(block(previous, ws))
            if r == until:
                break
        return xs

    def image(self, xs: list[Tensor], ws: Tensor) -> Tensor:
        """The image (b 3 r r) in -1..1, from the activations that are already computed."""
        x: Tensor | None = None
        image = torch.zeros(())
        for i, r in enumerate(self.resolutions):
            block = self.block(r)
            x = xs[i] if i < len(xs) else block(x, ws)
            colours = block.colours(x, ws)
            image = colours if i == 0 else upsample(image, block.resample_filter) + colours
        return image

    def forward(self, ws: Tensor) -> Tensor:
        """The image (b 3 r r) in -1..1."""
        return self.image(self.activations(ws), ws)


class Generator(nn.Module):
    """Mapping and synthesis.

    Args:
        channels: of each resolution, ``{4: 192, 8: 192, …}``.
        z_dim, w_dim: dimensions of z and w.
        layers: of the mapping network.
        clamp: as for :func:`clamped`.
        first: (height, width) of the first block's maps, which every further block doubles. Where
            it is not (4, 4), as (4, 2) in StyleGAN-Human for images of 1024 x 512, the blocks are
            called as if it were.
    """

    def __init__(
        self,
        channels: dict[int, int],
        z_dim: int,
        w_dim: int,
        layers: int = 8,
        clamp: float | None = None,
        first: tuple[int, int] = FIRST,
    ) -> None:
        super().__init__()
        self.clamp = clamp
        self.mapping = Mapping(z_dim, w_dim, layers)
        self.synthesis = Synthesis(channels, w_dim, clamp, first)

    def forward(self, z: Tensor, truncation: float = 1.0) -> Tensor:
        """The images (b 3 r r) in -1..1 of z (b z_dim)."""
        w = self.mapping(z, truncation)
        return self.synthesis(w[:, None].expand(-1, self.synthesis.num_ws, -1))
