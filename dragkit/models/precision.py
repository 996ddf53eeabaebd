r"""Weights in half precision: what `dtype` of :func:`dragkit.load` may be, and how gradients fit.

What is large is stored and computed in `dtype`: the kernels of a generator, the UNet and the
autoencoder of a diffusion model. What is small or is compared stays in float32: the latent that is
optimised, the features as trackers and losses see them, the scores.

float16 has 11 bits of precision, but no number below 6e-8 and none above 65504; bfloat16 has
float32's range and 8 bits.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable

from ..arguments import shown

DTYPES = {"float32": torch.float32, "bfloat16": torch.bfloat16, "float16": torch.float16}
HALF = (torch.bfloat16, torch.float16)
LARGEST = 1 / 8  # of a gradient in half precision: far from 65504 and from 6e-8


def available_dtype(dtype: str, device: str) -> torch.dtype:
    """`dtype`, if `device` computes in it; for "auto", bfloat16 on a GPU that has it.

    Args:
        dtype: "float32", "bfloat16", "float16" or "auto". "auto" is float32 on a CPU and on MPS.

    Raises:
        ValueError: there is no such precision, or not on this device.
    """
    kind = torch.device(device).type
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
    so a factor on the way in, taken back on the way out, changes nothing else. It brings the
    largest gradient of what leaves the network to `LARGEST`.

    Attributes:
        factor: 1 until a gradient has come in; the first one decides.
    """

    factor: Tensor | float = 1.0

    def entering(self, x: Tensor, dtype: torch.dtype) -> Tensor:
        """`x` in `dtype`, as the network takes it; its gradient is in float32 and unscaled."""
        entered: Tensor = _Entering.apply(x, dtype, self)
        return entered

    def leaving(self, x: Tensor) -> Tensor:
        """`x` in float32, as it leaves the network; its gradient is scaled on the way in."""
        left: Tensor = _Leaving.apply(x, self)
        return left


class _Entering(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, dtype: torch.dtype, scale: GradientScale) -> Tensor:
        ctx.scale = scale
        return x.to(dtype, copy=True)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor, None, None]:
        return grads[0].float() / ctx.scale.factor, None, None


class _Leaving(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, scale: GradientScale) -> Tensor:
        ctx.scale = scale
        ctx.dtype = x.dtype
        return x.to(torch.float32, copy=True)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor, None]:
        if isinstance(ctx.scale.factor, float):
            ctx.scale.factor = LARGEST / grads[0].abs().amax().clamp_min(1e-30)
        return (grads[0] * ctx.scale.factor).to(ctx.dtype), None
