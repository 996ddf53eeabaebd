"""Checkpoints that others made, opened without running a line of what is inside.

NVIDIA's pickles name code to be run and carry their own source; the usual way of opening them
executes both. Here a small machine (:mod:`.machine`) builds inert data from a closed list of
names, tensors are checked against the file (:mod:`.tensors`), networks are found in that data
(:mod:`.contents`), and their names made ours (:mod:`.layouts`). All of it is paid from one budget
(:mod:`.budget`), so that a small file cannot ask for much memory or time.

``python -m dragkit.models.gan.checkpoint FILE`` prints what a file holds.
"""

from __future__ import annotations

from heapq import nsmallest

import torch
from torch import Tensor

from ..network import Mapping
from ..state_dict import blank
from .budget import Budget
from .budget import CheckpointError as CheckpointError
from .contents import Contents as Contents
from .contents import guarded
from .contents import read as read
from .layouts import BUILT, check, layout_of, renamed, sizes
from .networks import Network as Network

AVERAGED = 10_000  # latents, if a file does not have their average
TOGETHER = 2_500  # of them: what is between the layers stays in the cache, and takes little memory


def generator(contents: Contents) -> tuple[dict[str, Tensor], float | None]:
    """The state dict of a file's generator under our names, and the clamp of its activations.

    The averaged generator (``G_ema``, ``Gs``, ``g_ema``) is taken if there is one.

    Raises:
        CheckpointError: no StyleGAN2 that can be dragged is in the file; the message says what is.
    """
    return guarded(contents.path, lambda: _generator(contents))


def _generator(contents: Contents) -> tuple[dict[str, Tensor], float | None]:
    name, layout = which(contents)
    network = contents.networks[name]
    budget = Budget()
    _check_size(network, contents.size, budget)
    check(network.arguments, BUILT)
    state = renamed(network.tensors, layout)
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
    return state, network.clamp


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


def which(contents: Contents) -> tuple[str, str]:
    """Name and layout of the network that is the generator.

    Raises:
        CheckpointError: there is none; the message lists what there is.
    """
    first = [name for name in ("G_ema", "Gs", "g_ema") if name in contents.networks]
    for name in first or contents.networks:
        if layout := layout_of(contents.networks[name].tensors):
            return name, layout
    found = []
    for name, network in contents.networks.items():
        some = ", ".join(nsmallest(3, network.tensors))
        kind = f"{network.kind} of {len(network.tensors)} tensors"
        found.append(f"{name or 'the file'}: {kind} ({some}, …)")
    raise CheckpointError(f"no StyleGAN2 generator in it; it holds {'; '.join(found)}")


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
