"""Gradients, also where the caller has switched them off, and until the interpreter is left."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch

from .leaving import unless_leaving


@contextmanager
def gradients() -> Iterator[None]:
    """For what learns or drags: ``with gradients():``, or ``@gradients()`` above a function.

    A generator has it inside, never around a yield, where it would reach who takes the next value.
    """
    with unless_leaving(), torch.inference_mode(False), torch.enable_grad():
        yield
