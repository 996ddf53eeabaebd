"""A function captured once as a CUDA graph, so that the GPU need not wait for Python.

On a GPU a pass of a small network is a few hundred launches, each of which takes Python longer
than the GPU. A graph launches all of them at once. It computes in buffers of its own, which the
next replay writes over; so what leaves it is copied, and a gradient that comes when another pass
has been there has the pass computed again first.
"""

from __future__ import annotations

import threading
import warnings
from collections.abc import Callable
from typing import Any, cast

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

Function = Callable[[Tensor], tuple[Tensor, ...]]


def captured(function: Function, example: Tensor) -> Function:
    """`function`, replayed from a graph; itself if it cannot be captured, with a warning.

    A graph that does not compute what the function does counts as one that cannot be.

    Args:
        function: of one tensor, without branches that depend on its values.
        example: a tensor like those that it will get.
    """
    example = example.detach().clone().requires_grad_()
    replayed = _Captured(function, example)
    try:
        with torch.enable_grad():
            wanted, found = (_with_gradient(f, example) for f in (function, replayed))
    except RuntimeError as error:
        return _left_alone(function, str(error))
    for a, b in zip(wanted, found):
        if (a - b).abs().max() > 1e-2 * a.abs().max():
            return _left_alone(function, "its results differ")
    return replayed


def record(function: Function, example: Tensor) -> Function:
    """torch's graph of the function and its gradient."""
    return cast(Function, torch.cuda.make_graphed_callables(function, (example,)))


def _left_alone(function: Function, why: str) -> Function:
    warnings.warn(
        f"this GPU's passes are not captured as a graph ({why:.200}); they are right, and slower",
        stacklevel=2,
    )
    return function


def _with_gradient(function: Function, x: Tensor) -> list[Tensor]:
    outputs = function(x)
    total = torch.stack([y.float().sum() for y in outputs]).sum()
    (gradient,) = torch.autograd.grad(total, x)
    return [*outputs, gradient]


class _Captured:
    """A graph for each thread that calls, because threads may not share its buffers."""

    def __init__(self, function: Function, example: Tensor) -> None:
        self.function = function
        self.example = example
        self.own = threading.local()

    def __call__(self, x: Tensor) -> tuple[Tensor, ...]:
        if not hasattr(self.own, "buffers"):
            self.own.buffers = _Buffers(record(self.function, self.example))
        buffers: _Buffers = self.own.buffers
        outputs = buffers.replay(x)
        copies: tuple[Tensor, ...] = _Copied.apply(buffers, x.detach().clone(), *outputs)
        return copies


class _Buffers:
    """A graph, and whose pass its buffers hold."""

    def __init__(self, replayed: Function) -> None:
        self.replayed = replayed
        self.passes = 0
        self.held = 0

    def replay(self, x: Tensor) -> tuple[Tensor, ...]:
        self.passes += 1
        self.held = self.passes
        return self.replayed(x)

    def hold(self, number: int, x: Tensor) -> None:
        """Compute pass `number`, of `x`, again, unless the buffers hold it."""
        if self.held != number:
            with torch.no_grad():
                self.replayed(x)
            self.held = number


class _Copied(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, buffers: _Buffers, x: Tensor, *outputs: Tensor) -> tuple[Tensor, ...]:
        ctx.buffers = buffers
        ctx.number = buffers.held
        ctx.x = x
        return tuple(y.clone() for y in outputs)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *grads: Tensor) -> tuple[Any, ...]:
        ctx.buffers.hold(ctx.number, ctx.x)
        return None, None, *grads
