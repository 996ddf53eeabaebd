r"""Weights in half precision: what `dtype` of :func:`dragkit.load` may be, and how gradients fit.

What is large is stored and computed in `dtype`: the kernels of a generator, the UNet and the
autoencoder of a diffusion model. What is small or is compared stays in float32: the latent that is
optimised, the features as trackers and losses see them, the scores.

float16 has 11 bits of precision, but no number below 6e-8 and none above 65504; bfloat16 has
float32's range and 8 bits.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable

from ..arguments import shown

DTYPES = {"float32": torch.float32, "bfloat16": torch.bfloat16, "float16": torch.float16}
HALF = (torch.bfloat16, torch.float16)
LARGEST = 1 / 8  # of a gradient in half precision: far from 65504 and from 6e-8


def available_dtype(dtype: str | torch.dtype, device: str) -> torch.dtype:
    """`dtype`, if `device` computes in it; for "auto", bfloat16 on a GPU that has it.

    Args:
        dtype: "float32", "bfloat16", "float16" or "auto", or one of torch's. "auto" is float32 on
            a CPU and on MPS.

    Raises:
        ValueError: there is no such precision, or not on this device.
    """
    kind = torch.device(device).type
    if isinstance(dtype, torch.dtype):
        dtype = str(dtype).removeprefix("torch.")
    if isinstance(dtype, str) and dtype == "auto":
        return torch.bfloat16 if kind == "cuda" and _has(torch.bfloat16, kind) else torch.float32
    if not isinstance(dtype, str) or dtype not in DTYPES:
        raise ValueError(
            f'dtype is {shown(dtype)}; choose "float32", "bfloat16", "float16" or "auto"'
        )
    if not _has(DTYPES[dtype], kind):
        raise ValueError(
            f"dtype is {dtype!r}, which this {kind} does not compute in, or only by way of"
            ' float32; choose "float32" or "auto"'
        )
    return DTYPES[dtype]


def _has(dtype: torch.dtype, kind: str) -> bool:
    """Whether a device of this kind computes in `dtype` by itself."""
    if dtype == torch.float32:
        return True
    if kind == "cuda":
        return dtype == torch.float16 or torch.cuda.is_bf16_supported(including_emulation=False)
    if kind == "mps":
        return _adds(dtype, kind)
    backend = torch.ops.mkldnn  # oneDNN, which computes convolutions on CPUs
    name = "_is_mkldnn_bf16_supported" if dtype == torch.bfloat16 else "_is_mkldnn_fp16_supported"
    return torch.backends.mkldnn.is_available() and bool(getattr(backend, name)())


def stored_in(dtype: torch.dtype, network: Any) -> Any:
    """A network with its weights in `dtype`. diffusers' own ``to`` warns whatever it is given."""
    return nn.Module.to(network, dtype=dtype)


def _adds(dtype: torch.dtype, kind: str) -> bool:
    """Whether a sum in `dtype` works: older systems refuse it."""
    try:
        torch.ones(2, dtype=dtype, device=kind).sum().item()
    except (TypeError, RuntimeError):
        return False
    return True


@dataclass
class GradientScale:
    """By what the gradients inside a network in half precision are multiplied.

    Gradients of a mean over a map are far below what float16 can hold. Backward passes are linear,
    so a factor where a gradient comes in, taken back where it leaves, changes nothing else. In
    every backward pass the factor brings the first gradient that is not all zeros to
    `LARGEST`; what comes in later, such as that of an earlier stage of a UNet, may be half a
    million times as large.

    Attributes:
        factor: of the backward pass that is going on; 0 while only zeros have come in, None
            between two passes.
    """

    factor: Tensor | None = None

    def entering(self, x: Tensor, dtype: torch.dtype) -> Tensor:
        """`x` in `dtype`, as the network takes it; once for each network.

        Its gradient is in float32, with the factor taken back.
        """
        entered: Tensor = _Entering.apply(x, dtype, self)
        return entered

    def leaving(self, *maps: Tensor) -> tuple[Tensor, ...]:
        """What leaves the network, in float32; the gradients that come back get the factor."""
        left: tuple[Tensor, ...] = _Leaving.apply(self, *maps)
        return left

    def applied(self, grads: Sequence[Tensor]) -> Tensor:
        """The factor for gradients that come in together."""
        largest = torch.stack([grad.abs().amax() for grad in grads]).amax()
        fresh = torch.where(largest > 0, LARGEST / largest.clamp_min(1e-30), 0)
        if self.factor is not None:
            fresh = torch.where(self.factor > 0, self.factor, fresh)
        self.factor = fresh
        return fresh

    def taken_back(self, grad: Tensor) -> Tensor:
        """A gradient without the factor, at the end of the pass."""
        factor, self.factor = self.factor, None
        return grad if factor is None else grad / torch.where(factor > 0, factor, 1)


class _Entering(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, dtype: torch.dtype, scale: GradientScale) -> Tensor:
        ctx.scale = scale
        return x.to(dtype, copy=True)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor, None, None]:
        return ctx.scale.taken_back(grads[0].float()), None, None


class _Leaving(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, scale: GradientScale, *maps: Tensor) -> tuple[Tensor, ...]:
        ctx.scale = scale
        ctx.dtypes = [x.dtype for x in maps]
        ctx.set_materialize_grads(False)
        return tuple(x.to(torch.float32, copy=True) for x in maps)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *grads: Tensor | None) -> tuple[Tensor | None, ...]:
        given = [(grad, dtype) for grad, dtype in zip(grads, ctx.dtypes) if grad is not None]
        narrow = [grad for grad, dtype in given if dtype in HALF]
        factor = ctx.scale.applied(narrow or [grad for grad, _ in given])
        scaled = [
            None if grad is None else (grad * factor).to(dtype)
            for grad, dtype in zip(grads, ctx.dtypes)
        ]
        return None, *scaled
