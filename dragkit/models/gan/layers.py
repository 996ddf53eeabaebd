"""What StyleGAN2's networks are made of: resampling, clamping, and the fully connected layer."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional as F

SLOPE = 0.2  # of the leaky ReLU below 0
GAIN = math.sqrt(2)  # keeps the variance of a leaky ReLU's output at that of its input


def blur(x: Tensor, kernel: Tensor) -> Tensor:
    """The [1, 3, 3, 1] ⊗ [1, 3, 3, 1] filter on x (b c 2h+1 2h+1) → (b c 2h 2h), gain 4."""
    return F.conv2d(x, _for_each_channel(kernel, x), padding=1, groups=x.shape[1])


def upsample(image: Tensor, kernel: Tensor) -> Tensor:
    """Double the side of `image` (b c h w): zeros between the pixels, then the same filter."""
    channels = image.shape[1]
    weights = _for_each_channel(kernel, image)
    return F.conv_transpose2d(image, weights, stride=2, padding=1, groups=channels)


def _for_each_channel(kernel: Tensor, x: Tensor) -> Tensor:
    return (4 * kernel).to(x).expand(x.shape[1], 1, 4, 4)


def normal(*shape: int, deviation: float = 1.0) -> Tensor:
    """Random numbers, from which learning begins; on "meta" there are none.

    ``torch.normal`` would make them on the CPU all the same, and ``torch.randn`` import sympy.
    """
    numbers = torch.empty(shape)
    return numbers if numbers.is_meta else numbers.normal_(0.0, deviation)


def clamped(x: Tensor, clamp: float | None) -> Tensor:
    """x (b c h w), clamped to -clamp..clamp if `clamp` is set.

    NVIDIA's later generators bound the output of every convolution for half precision, usually to
    256. Clamped values get no gradient. Like the official code we clamp after the activation and
    its gain, and each ToRGB before it is added to the image.
    """
    if clamp is None:
        return x
    return x.clamp(-clamp, clamp)


class FullyConnected(nn.Module):
    """y = x (W g)ᵀ + b m, with the equalised gain g = m / √in and the learning rate's factor m."""

    def __init__(
        self, inputs: int, outputs: int, multiplier: float = 1.0, bias: float = 0.0
    ) -> None:
        super().__init__()
        self.weight = nn.Parameter(normal(outputs, inputs, deviation=1 / multiplier))
        self.bias = nn.Parameter(torch.full([outputs], float(bias)))
        self.multiplier = multiplier

    @property
    def scaled(self) -> tuple[Tensor, Tensor]:
        """W g (out in) and b m (out)."""
        gain = self.multiplier / math.sqrt(self.weight.shape[1])
        return self.weight * gain, self.bias * self.multiplier

    def forward(self, x: Tensor) -> Tensor:
        """(b in) → (b out)."""
        return F.linear(x, *self.scaled)


def resample_filter() -> Tensor:
    """The resample filter as the public state dicts hold it."""
    row = (1 / 8, 3 / 8, 3 / 8, 1 / 8)
    return torch.tensor([[a * b for b in row] for a in row])
