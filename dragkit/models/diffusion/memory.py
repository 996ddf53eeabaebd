"""What a look through a UNet needs of memory, told when there is too little.

The network is built once more from tensors that have a shape and a device, but no numbers (torch's
fake tensors), and run: what it keeps for the gradient is counted as in a real run, and costs
nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from typing import Any

import torch

from .unet import stages

# how CPUs (Windows, Linux) and MPS say it, as RuntimeError
FULL = ("not enough memory", "can't allocate memory", "out of memory")


def kept(
    unet: Any,
    shape: tuple[int, ...],
    words: tuple[int, ...] | None,
    device: torch.device,
    half: torch.dtype | None,
) -> list[int]:
    """Bytes kept for the gradient of latents (b c h w), up to each stage of the UNet; its weights
    are not among them.

    Args:
        words: (b tokens c) of the text, for a conditional network.
        half: the precision of autocast, which keeps copies of the weights, too.
    """
    from torch._subclasses.fake_tensor import FakeTensorMode

    found = []
    with FakeTensorMode(), torch.device(device), torch.enable_grad():
        network = type(unet).from_config(unet.config).requires_grad_(False)
        z, text = (
            torch.empty(shape, requires_grad=True),
            (None if words is None else torch.empty(words)),
        )
        weights = {weight.untyped_storage()._cdata for weight in network.parameters()}
        with _counted() as storages, torch.autocast(device.type, half) if half else nullcontext():
            for _ in stages(network, z, torch.ones(1), text):
                found.append(sum(s.nbytes() for s in storages.values() if s._cdata not in weights))
    return found


@contextmanager
def _counted() -> Iterator[dict[int, torch.UntypedStorage]]:
    """The storages that autograd keeps while this lasts, each once."""
    storages = {}

    def pack(tensor: torch.Tensor) -> torch.Tensor:
        storage = tensor.untyped_storage()
        return storages.setdefault(storage._cdata, storage) and tensor

    with torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor):
        yield storages


@contextmanager
def told(need: Callable[[], str]) -> Iterator[None]:
    """While this lasts, too little memory on any device is an OutOfMemoryError that says what is
    needed.
    """
    try:
        yield
    except RuntimeError as error:
        if not isinstance(error, torch.OutOfMemoryError) and not any(
            words in str(error) for words in FULL
        ):
            raise
        raise torch.OutOfMemoryError(f"{need()} ({error})") from error
