r"""The features of a frozen generator in fewer operations; lessons can skip this file.

:mod:`dragkit.models.gan.network` computes the same as the paper writes it. What is saved here:

- What depends on the weights alone is computed once: Σ W² of the demodulation, the gains, the
  noise times its strength.
- The styles and demodulations of all layers come from two batched products.
- A leaky ReLU φ lets positive factors through, φ(d x) = d φ(x). With the layer's input x = f u, a
  map u and a factor f for each channel, the layer

  .. math:: \sqrt2\,φ(d · (W * s x) + n + b) = \sqrt2\,d · φ(W * (s f u) + (n + b) / d)

  is again a map with factors √2 d. Factors and styles are vectors, so they meet before a map is
  touched.
- The gradient of a layer is written by hand: it needs two maps, in place of seven.

On a GPU all of it is captured once as a graph (:mod:`dragkit.models.gan.graphs`). A generator that
somebody watches or trains is computed by the plain code.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable
from torch.nn import functional as F

from ..precision import HALF, GradientScale
from .frozen import counted, frozen_convolutions, tensors_of
from .graphs import Function, captured
from .layers import GAIN, SLOPE
from .network import ModulatedConv, Synthesis


class FastSynthesis:
    """The first half of a :class:`Synthesis`, for one latent at a time.

    Args:
        synthesis: what is computed. Its weights may change at any time; what was kept of them is
            then computed again. Torch does not count changes through ``weight.data``, so these are
            not seen: write ``with torch.no_grad(): weight.mul_(2)``.
    """

    def __init__(self, synthesis: Synthesis) -> None:
        self.synthesis = synthesis
        self._kept: tuple[Any, Function] | None = None

    def __reduce__(self) -> tuple[Any, ...]:
        """A copy, also in another process, makes anew what is kept."""
        return FastSynthesis, (self.synthesis,)

    def activations(self, ws: Tensor, until: int) -> list[Tensor]:
        """As :meth:`Synthesis.activations`, of ws (1 num_ws w_dim)."""
        convs = frozen_convolutions(self.synthesis, until)
        if convs is None:
            return self._plainly(ws, until)

        clamp = convs[0].clamp
        maps_and_factors = self._function(convs)(ws[0])
        maps, factors = maps_and_factors[: len(convs)], maps_and_factors[len(convs) :]
        if clamp is not None and any_beyond(clamp, maps, factors):
            return self._plainly(ws, until)

        ends = [i for i, conv in enumerate(convs) if not conv.up]  # where a block ends
        return [maps[i] * factors[i][:, None, None] for i in ends]

    def _plainly(self, ws: Tensor, until: int) -> list[Tensor]:
        """By the code that lessons show, in float32 outside of it as well."""
        weights = list(self.synthesis.parameters())
        if not any(weight.dtype in HALF for weight in weights):
            return self.synthesis.activations(ws, until)
        if any(weight.requires_grad for weight in weights):  # whose gradients no factor may change
            return [x.float() for x in self.synthesis.activations(ws, until)]

        gradients = GradientScale()
        entered = gradients.entering(ws, torch.float32)
        return list(gradients.leaving(*self.synthesis.activations(entered, until)))

    def _function(self, convs: list[ModulatedConv]) -> Function:
        """What computes these layers, made anew if their weights have changed since."""
        const = self.synthesis.block(4).const
        tensors = [const, *(t for conv in convs for t in tensors_of(conv))]
        state = counted(tensors)
        if self._kept is None or self._kept[0] != state:
            with torch.no_grad():
                self._kept = state, compiled(Constants.of(convs, const), self.synthesis.num_ws)
        return self._kept[1]


def compiled(constants: Constants, num_ws: int) -> Function:
    """The layers as they are computed fastest where their weights are."""
    affine = constants.affine
    if affine.device.type != "cuda":
        return constants
    return captured(constants, affine.new_zeros(num_ws, affine.shape[-1]))


def any_beyond(clamp: float, maps: Sequence[Tensor], factors: Sequence[Tensor]) -> bool:
    """Whether a layer's output is larger than `clamp` somewhere, which is rare in public ones."""
    largest = [
        (torch.linalg.vector_norm(u.detach(), math.inf, dim=(-2, -1)) * factor).amax()
        for u, factor in zip(maps, factors)
    ]
    return bool((torch.stack(largest) > clamp).any())


@dataclass(frozen=True, eq=False)
class Constants:
    """What depends on the weights of L layers alone; i channels in, o out, the most of any layer.

    Attributes:
        affine: (L i w_dim) and `affine_bias` (L i 1): from rows of w+ to styles. They are divided
            by a power of two near √(9 i), which keeps the maps near 1 and the bits as they are.
        epsilon: (L 1 1) the 1e-8 of the demodulation, divided likewise.
        norms: (L o i) Σ W² over each kernel.
        layers: the rest, layer by layer.
        const: (1 c h w) where the first layer begins.
    """

    affine: Tensor
    affine_bias: Tensor
    epsilon: Tensor
    norms: Tensor
    layers: list[Layer]
    const: Tensor

    @classmethod
    def of(cls, convs: list[ModulatedConv], const: Tensor) -> Constants:
        """The constants of these layers, filled with zeros up to the most channels."""
        weights, biases = zip(*(conv.affine.scaled for conv in convs))
        sizes = [2.0 ** round(math.log2(conv.weight[0].numel()) / 2) for conv in convs]
        size = weights[0].new_tensor(sizes)[:, None, None]
        return cls(
            affine=filled(weights) / size,
            affine_bias=filled([bias[:, None] for bias in biases]) / size,
            epsilon=1e-8 / size.square(),
            norms=filled([conv.squared_norms for conv in convs]),
            layers=[Layer.of(conv) for conv in convs],
            const=const[None].to(convs[0].weight),
        )

    def __call__(self, rows: Tensor) -> tuple[Tensor, ...]:
        """Each layer's map u (1 c r r), then each one's factors f (c), of rows (num_ws w_dim)."""
        gradients = GradientScale()
        in_half = self.layers[0].weight.dtype in HALF
        if in_half:
            rows = gradients.entering(rows, torch.float32)

        rows = rows[: len(self.layers), :, None]
        styles = torch.baddbmm(self.affine_bias, self.affine, rows)
        scales = (torch.bmm(self.norms, styles.square()) + self.epsilon).sqrt()  # 1 / d
        styles, scales, factors = (x[..., 0] for x in (styles, scales, GAIN / scales))

        u = self.const
        maps: list[Tensor] = []
        kept: list[Tensor] = []
        for i, layer in enumerate(self.layers):
            style = styles[i, : layer.inputs]
            if kept:
                style = style * kept[-1]
            u = _Modulated.apply(u, style, scales[i, : layer.outputs], layer)
            maps.append(u)
            kept.append(factors[i, : layer.outputs])
        return gradients.leaving(*maps, *kept) if in_half else (*maps, *kept)


@dataclass(frozen=True, eq=False)
class Layer:
    """The constants of one layer.

    Attributes:
        weight: as the network has it, or as a transposed convolution takes it where `up` is set.
        noise: (1 1 h w) with its strength.
        noise_and_ones: (2 h·w), for the gradient.
        bias: (o).
        kernel: (o 1 4 4) of the blur, where `up` is set.
    """

    weight: Tensor
    noise: Tensor
    noise_and_ones: Tensor
    bias: Tensor
    kernel: Tensor
    up: bool

    @classmethod
    def of(cls, conv: ModulatedConv) -> Layer:
        """The constants of this layer, in its precision."""
        weight = conv.weight.transpose(0, 1) if conv.up else conv.weight
        noise = (conv.noise_const * conv.noise_strength).to(weight)
        kernel = (4 * conv.resample_filter).to(weight).expand(len(conv.bias), 1, 4, 4)
        return cls(
            weight=weight.contiguous(memory_format=torch.channels_last),
            noise=noise[None, None],
            noise_and_ones=torch.stack([noise, torch.ones_like(noise)]).flatten(1),
            bias=conv.bias.to(weight),
            kernel=kernel.contiguous(),
            up=conv.up,
        )

    @property
    def inputs(self) -> int:
        """Channels in."""
        return self.weight.shape[0] if self.up else self.weight.shape[1]

    @property
    def outputs(self) -> int:
        """Channels out."""
        return len(self.bias)

    def convolve(self, x: Tensor) -> Tensor:
        """(1 i h w) → (1 o h w), or twice the sides."""
        if not self.up:
            return F.conv2d(x, self.weight, padding=1)
        x = F.conv_transpose2d(x, self.weight, stride=2)
        return F.conv2d(x, self.kernel, padding=1, groups=self.outputs)

    def convolve_back(self, grad: Tensor) -> Tensor:
        """The gradient of :meth:`convolve`; the blur's kernel is its own mirror image."""
        if not self.up:
            return F.conv_transpose2d(grad, self.weight, padding=1)
        grad = F.conv2d(grad, self.kernel, padding=2, groups=self.outputs)
        return F.conv2d(grad, self.weight, stride=2)


class _Modulated(torch.autograd.Function):
    r"""u, style s (i) and scale σ (o) ↦ φ(W * (s u) + σ (n + b)), all of one layer."""

    @staticmethod
    def forward(ctx: Any, u: Tensor, style: Tensor, scale: Tensor, layer: Layer) -> Tensor:
        s = style.to(u)[:, None, None]
        sigma = scale.to(u)
        y = layer.convolve(u * s)
        y.addcmul_(layer.noise, sigma[:, None, None]).add_((layer.bias * sigma)[:, None, None])
        F.leaky_relu_(y, SLOPE)

        ctx.layer = layer
        ctx.save_for_backward(u, s, y)
        return y

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, Tensor, Tensor, None]:
        u, s, y = ctx.saved_tensors
        layer: Layer = ctx.layer
        grad = grads[0].contiguous(memory_format=torch.channels_last)
        grad = torch.ops.aten.leaky_relu_backward(grad, y, SLOPE, True)

        cells = grad.permute(0, 2, 3, 1).flatten(0, 2)
        by_noise, by_ones = (layer.noise_and_ones @ cells).float()
        of_scale = by_noise + by_ones * layer.bias

        of_input = layer.convolve_back(grad)
        of_style = (of_input * u).sum((0, 2, 3), dtype=torch.float32)
        of_u = of_input.mul_(s) if ctx.needs_input_grad[0] else None
        return of_u, of_style, of_scale, None


def filled(tensors: Sequence[Tensor]) -> Tensor:
    """Tensors of the same order as one, with zeros where one is smaller than the largest."""
    shape = [max(sides) for sides in zip(*(t.shape for t in tensors))]
    together = tensors[0].new_zeros(len(tensors), *shape)
    for whole, t in zip(together, tensors):
        whole[tuple(slice(side) for side in t.shape)] = t
    return together
