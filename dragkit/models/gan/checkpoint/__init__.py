"""Checkpoints that others made, opened without running a line of what is inside.

NVIDIA's pickles name code to be run and carry their own source; the usual way of opening them
executes both. Here a small machine (:mod:`.machine`) builds inert data from a closed list of
names, tensors are checked against the file (:mod:`.tensors`), networks are found in that data
(:mod:`.contents`), and their names made ours (:mod:`.layouts`).

``python -m dragkit.models.gan.checkpoint FILE`` prints what a file holds.
"""

from __future__ import annotations

import torch
from torch import Tensor

from ..network import Mapping
from ..state_dict import blank
from .contents import Contents as Contents
from .contents import Network as Network
from .contents import guarded
from .contents import read as read
from .layouts import BUILT, check, layout_of, renamed, sizes
from .machine import CheckpointError as CheckpointError

AVERAGED = 10_000  # latents, where a file does not hold their average


def generator(contents: Contents) -> tuple[dict[str, Tensor], float | None]:
    """The state dict of a file's generator under our names, and the clamp of its activations (or
    None).

    The averaged generator (``G_ema``, ``Gs``, ``g_ema``) is taken where there is one.

    Raises:
        CheckpointError: no StyleGAN2 that can be dragged is in the file; the message says what is.
    """
    return guarded(contents.path, lambda: _generator(contents))


def _generator(contents: Contents) -> tuple[dict[str, Tensor], float | None]:
    name, layout = which(contents)
    network = contents.networks[name]
    if sum(tensor.bytes for tensor in network.tensors.values()) > contents.size:
        raise CheckpointError(
            "tensors that share their numbers: together they have more bytes than the file"
        )
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
        state["mapping.w_avg"] = _average(state)
    return state, network.clamp


def which(contents: Contents) -> tuple[str, str]:
    """Name and layout of the network that is the generator.

    Raises:
        CheckpointError: there is none; the message lists what there is.
    """
    first = [name for name in ("G_ema", "Gs", "g_ema") if name in contents.networks]
    for name in first or contents.networks:
        if layout := layout_of(contents.networks[name].tensors):
            return name, layout
    there = "; ".join(
        f"{name or 'the file'}: {n.kind} of {len(n.tensors)} tensors"
        f" ({', '.join(sorted(n.tensors)[:3])}, …)"
        for name, n in contents.networks.items()
    )
    raise CheckpointError(f"no StyleGAN2 generator in it; it holds {there}")


@torch.no_grad()
def _average(state: dict[str, Tensor]) -> Tensor:
    """w_avg: the mean w of many z, from a fixed seed."""
    w_dim, z_dim = state["mapping.fc0.weight"].shape
    mapping = Mapping(z_dim, w_dim, sum(name.startswith("mapping.fc") for name in state) // 2)
    mapping.load_state_dict(
        {n.removeprefix("mapping."): t for n, t in state.items() if n.startswith("mapping.")}
        | {"w_avg": torch.zeros(w_dim)}
    )
    return mapping(torch.randn(AVERAGED, z_dim, generator=torch.Generator().manual_seed(0))).mean(
        0
    )
