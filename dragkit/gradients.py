"""How torch is set where dragkit learns or drags, whatever the caller has set."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Any

import torch

from .leaving import unless_leaving


@contextmanager
def gradients() -> Iterator[None]:
    """For what learns or drags: ``with gradients():``, or ``@gradients()`` above a function.

    Gradients are on, tensors are made on the CPU where no device is named, also in the pieces of
    others that are called inside, and the interpreter waits if it is left. float32 is float32 on
    GPUs, too: TF32, which rounds to 11 bits and which torch switches on for convolutions, is off.
    Who wants speed chooses a precision (:mod:`dragkit.models.precision`).

    A generator has it inside, never around a yield, where it would reach who takes the next value.
    """
    with (
        unless_leaving(),
        torch.inference_mode(False),
        torch.enable_grad(),
        _usual_device(),
        _without_tf32(),
    ):
        yield


@contextmanager
def _without_tf32() -> Iterator[None]:
    backends = _float32_backends()
    before = [backend.fp32_precision for backend in backends]
    for backend in backends:
        backend.fp32_precision = "ieee"
    try:
        yield
    finally:
        for backend, precision in zip(backends, before):
            backend.fp32_precision = precision


def _float32_backends() -> list[Any]:
    """What says how a GPU computes float32; before 2.9 torch said it elsewhere: left as it is."""
    if not (torch.backends.cuda.is_built() and hasattr(torch.backends.cudnn, "conv")):
        return []
    return [torch.backends.cudnn.conv, torch.backends.cuda.matmul]


def _usual_device() -> AbstractContextManager[object]:
    """The CPU as torch's default device; a context costs each call of torch a little."""
    if torch.empty(0).device.type == "cpu":
        return nullcontext()
    return torch.device("cpu")
