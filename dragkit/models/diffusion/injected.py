r"""What takes part in a UNet's computation beside its input: a middle, or a low-rank correction.

A method may leave z as it is and change something inside the network. It then gives a tensor, and
says where that comes in. The network itself is not changed: while it computes, hooks put the
tensor in, for the latent that is dragged alone, so a reference that goes along stays the original.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any, Protocol

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from .lora import LAYERS


class Into(Protocol):
    """Where a tensor comes in."""

    def __call__(self, unet: Any, value: Tensor, rows: slice, /) -> AbstractContextManager[None]:
        """While this lasts, the network computes with the value, in these rows of its batch."""
        ...


@dataclass(frozen=True, eq=False)
class Injected:
    """A tensor that takes part in what a UNet computes, for the last of the latents it is given.

    Attributes:
        value: the tensor.
        into: where it comes in: :func:`middle` or :func:`low_rank_factors`.
        least: the timestep t below which it takes no part.
    """

    value: Tensor
    into: Into
    least: int = 0


@contextmanager
def middle(unet: Any, h: Tensor, rows: slice) -> Iterator[None]:
    """While this lasts, the middle block's output is `h` in these rows.

    With guidance h (2c h w) holds one output for each prompt.
    """

    def replaced(_module: nn.Module, _inputs: Any, out: Tensor) -> Tensor:
        out = out.clone()
        out[rows] = h.reshape(out[rows].shape)
        return out

    hook = unet.mid_block.register_forward_hook(replaced)
    try:
        yield
    finally:
        hook.remove()


@contextmanager
def low_rank_factors(unet: Any, factors: Tensor, rows: slice) -> Iterator[None]:
    r"""While this lasts, each projection of the attention computes W x + B A x, in these rows.

    The factors are those of :func:`random_factors`.
    """
    layers = projections(unet)
    rank = len(factors) // sum(sum(layer.weight.shape) for layer in layers)
    hooks = []
    for layer in layers:
        outputs, inputs = layer.weight.shape
        a, b, factors = factors.split(
            [rank * inputs, outputs * rank, len(factors) - rank * (inputs + outputs)]
        )
        corrected = partial(_corrected, rows, a.view(rank, inputs), b.view(outputs, rank))
        # before the hooks that share the reference's attention, which have the last word
        hooks.append(layer.register_forward_hook(corrected, prepend=True))
    try:
        yield
    finally:
        for hook in hooks:
            hook.remove()


def random_factors(unet: Any, rank: int, seed: int) -> Tensor:
    """A ~ N(0, 1/rank²) and B = 0 of every layer, one after the other; W is not corrected yet."""
    random = torch.Generator().manual_seed(seed)
    parts = []
    for layer in projections(unet):
        outputs, inputs = layer.weight.shape
        parts += [torch.randn(rank * inputs, generator=random) / rank, torch.zeros(outputs * rank)]
    return torch.cat(parts).to(unet.conv_in.weight.device)


def _corrected(
    rows: slice, a: Tensor, b: Tensor, _module: nn.Module, inputs: tuple[Any, ...], out: Tensor
) -> Tensor:
    x = inputs[0][rows]
    out = out.clone()
    out[rows] += F.linear(F.linear(x, a), b)
    return out


def projections(unet: Any) -> list[Any]:
    """The linear layers q, k, v and out of every attention, which a LoRA corrects."""
    endings = tuple(f".{layer}" for layer in LAYERS)
    return [module for name, module in unet.named_modules() if name.endswith(endings)]
