"""How torch is set where dragkit learns or drags, whatever the caller has set."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext

import torch

from .leaving import unless_leaving


@contextmanager
def gradients() -> Iterator[None]:
    """For what learns or drags: ``with gradients():``, or ``@gradients()`` above a function.

    Gradients are on, tensors are made on the CPU where no device is named, also in the pieces of
    others that are called inside, and the interpreter waits if it is left.

    A generator has it inside, never around a yield, where it would reach who takes the next value.
    """
    with unless_leaving(), torch.inference_mode(False), torch.enable_grad(), _usual_device():
        yield


def _usual_device() -> AbstractContextManager[object]:
    """The CPU as torch's default device; a context costs each call of torch a little."""
    if torch.empty(0).device.type == "cpu":
        return nullcontext()
    return torch.device("cpu")
