"""How many of torch's threads a drag takes: measured for the model in hand, not assumed.

A network of small maps is often fastest on one thread, because sharing its work costs more than
doing it; how much more depends on the machine and on how threads wait. So the first drag of a
model times a few passes with 1, 2, 4 … threads, never more than torch was set to, and the process
remembers the fastest for all models of the same workload. The setting holds while a step is
computed; the user's own work keeps what the user has set. With ``torch.set_num_threads(1)``
nothing is measured.

Another number of threads adds up in another order, so the last bits of a run may differ from one
process to the next.
"""

from __future__ import annotations

import time
from collections.abc import Hashable, Iterator
from contextlib import contextmanager
from typing import Any, Protocol, runtime_checkable

import torch
from torch import Tensor

LONG = 0.1  # s; a pass that takes longer has work for all threads
TRIALS = 3

_fastest: dict[tuple[Hashable, int], int] = {}  # by workload and torch's number of threads


@runtime_checkable
class Workload(Protocol):
    """A model that may be called for a trial, and says which others are as much work."""

    @property
    def workload(self) -> Hashable:
        """Equal for models whose views take equally long."""
        ...

    @property
    def device(self) -> torch.device:
        """Where its weights are."""
        ...


def fastest_threads(model: Any, latent: Tensor) -> int:
    """With how many threads a view of `latent` and its gradient are computed fastest.

    At most as many as torch is set to; just these for a GPU, and for a model that is no
    :class:`Workload`.
    """
    most = torch.get_num_threads()
    if most == 1 or not isinstance(model, Workload) or model.device.type != "cpu":
        return most
    key = (model.workload, most)
    if key not in _fastest:
        _fastest[key] = _measured(model, latent, most)
    return _fastest[key]


@contextmanager
def at_most(threads: int) -> Iterator[None]:
    """While this lasts, torch computes with at most so many threads."""
    before = torch.get_num_threads()
    if threads >= before:
        yield
        return
    torch.set_num_threads(threads)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def _measured(model: Any, latent: Tensor, most: int) -> int:
    _seconds(model, latent)  # what is made once
    if _seconds(model, latent) > LONG:
        return most
    candidates = [2**i for i in range(most.bit_length()) if 2**i < most]
    seconds = {}
    for threads in [most, *candidates]:
        with at_most(threads):
            seconds[threads] = min(_seconds(model, latent) for _ in range(TRIALS))
    return min(seconds, key=seconds.__getitem__)


def _seconds(model: Any, latent: Tensor) -> float:
    """Seconds of one pass to the features and back."""
    start = time.perf_counter()
    leaf = latent.detach().clone().requires_grad_()
    torch.autograd.grad(model.view(leaf).features.mean(), leaf)  # leaves the weights' .grad alone
    return time.perf_counter() - start
