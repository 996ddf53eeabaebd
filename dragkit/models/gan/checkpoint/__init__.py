"""Checkpoints that others made, opened without running a line of what is inside.

NVIDIA's pickles name code to be run and carry their own source; the usual way of opening them
executes both. Here a small machine (:mod:`.machine`) builds inert data from a closed list of
names, tensors are checked against the file (:mod:`.tensors`), networks are found in that data
(:mod:`.contents`), and their names made ours (:mod:`.layouts`). All of it is paid from one budget
(:mod:`.budget`), so that a small file cannot ask for much memory or time.

``python -m dragkit.models.gan.checkpoint FILE`` prints what a file holds.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator

import torch
from torch import Tensor

from ..network import Mapping
from ..state_dict import blank
from .budget import Budget
from .budget import CheckpointError as CheckpointError
from .contents import Contents as Contents
from .contents import guarded
from .contents import read as read
from .contents import read_data as read_data
from .contents import read_pickle as read_pickle
from .finding import Found, find_generator
from .layouts import BUILT, check, renamed, sizes
from .networks import Network as Network
from .noise import add_noise_maps

CALLER = 7  # frames from here to who calls dragkit.load
AVERAGED = 10_000  # latents, if a file does not have their average
TOGETHER = 2_500  # of them: what is between the layers stays in the cache, and takes little memory


def generator(
    contents: Contents, which: str | None = None
) -> tuple[dict[str, Tensor], float | None]:
    """The state dict of a file's generator under our names, and the clamp of its activations.

    The averaged generator (``G_ema``, ``Gs``, ``params_ema``) is taken if there is one, unless
    `which` names another one of the file.

    Warns:
        UserWarning: the file lacks noise maps, or holds a generator and its tuned copy.

    Raises:
        CheckpointError: no StyleGAN2 that can be dragged is in the file; the message says what is.
    """
    found = guarded(contents.path, lambda: find_generator(contents, which))
    state, drawn = guarded(contents.path, lambda: _state_dict(found, contents.size))
    for message in _remarks(found, drawn):
        warnings.warn(f"{contents.path}: {message}", stacklevel=CALLER)
    return state, found.network.clamp


def _state_dict(found: Found, most: int) -> tuple[dict[str, Tensor], int]:
    """The state dict, and how many noise maps had to be drawn; `most` is the file's size."""
    network = found.network
    budget = Budget()
    _check_size(network, most, budget)
    check(network.arguments, BUILT)
    state = renamed(network.tensors, found.layout)
    drawn = add_noise_maps(state, budget)

    averaged = "mapping.w_avg" in state
    if not averaged:
        state["mapping.w_avg"] = torch.zeros(len(state.get("mapping.fc0.weight", ())))
    try:
        blank(state)  # names and shapes, before anything is built
    except ValueError as error:
        raise CheckpointError(str(error)) from error
    check(network.arguments, sizes(state))
    if not averaged:
        state["mapping.w_avg"] = _average(state, budget)
    return state, drawn


def _remarks(found: Found, drawn: int) -> Iterator[str]:
    """What whoever opens the file should know."""
    if drawn:
        yield (
            f"it has no noise maps ({drawn} are missing), so they are drawn, from a fixed seed."
            " Fine detail, such as single hairs, will differ from what other programs make of"
            " this file"
        )
    if found.other:
        yield (
            f"it holds two generators that differ in their synthesis network alone, {found.name}"
            f" and {found.other}: one of them was probably tuned (PTI), and the file does not say"
            f" which. {found.name} is taken; which={found.other!r} takes the other one"
        )


def _check_size(network: Network, most: int, budget: Budget) -> None:
    """Raise CheckpointError if the tensors are too big for the file or for this computer.

    `most` is the file's size in bytes.
    """
    tensors = network.tensors.values()
    total = sum(tensor.bytes for tensor in tensors)
    if total > most:
        raise CheckpointError(
            f"tensors that share their numbers: together they have {total} bytes, and the file"
            f" {most}"
        )
    storages = {tensor.storage for tensor in tensors}
    budget.spend("bytes of storages", sum(storage.bytes for storage in storages))
    budget.spend("numbers", sum(tensor.numbers for tensor in tensors))


@torch.no_grad()
def _average(state: dict[str, Tensor], budget: Budget) -> Tensor:
    """w_avg: the mean w of many z, from a fixed seed."""
    w_dim, z_dim = state["mapping.fc0.weight"].shape
    layers = sum(name.startswith("mapping.fc") for name in state) // 2
    own = {n.removeprefix("mapping."): t for n, t in state.items() if n.startswith("mapping.")}
    budget.spend("random numbers", AVERAGED * (z_dim + w_dim))
    budget.spend("multiplications", AVERAGED * sum(tensor.numel() for tensor in own.values()))
    mapping = Mapping(z_dim, w_dim, layers)
    mapping.load_state_dict(own | {"w_avg": torch.zeros(w_dim)})

    z = torch.randn(AVERAGED, z_dim, generator=torch.Generator().manual_seed(0))
    return torch.cat([mapping(some) for some in z.split(TOGETHER)]).mean(0)
