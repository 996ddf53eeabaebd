"""The generator among the networks of a file: which it is, and what lies beside it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from heapq import nsmallest

from .budget import CheckpointError
from .contents import Contents
from .layouts import layout_of
from .networks import Network
from .prefixes import without_prefix
from .tensors import Stored

AVERAGED = ("G_ema", "Gs", "g_ema")  # the names of averaged generators
# the average latent's names, beside a generator or among its tensors, and its name in each layout
AVERAGE_LATENTS = ("latent_avg", "w_avg", "dlatent_avg", "mean_latent")
OWN_AVERAGE = {
    "NVIDIA": "mapping.w_avg",
    "TensorFlow": "dlatent_avg",
    "rosinality": "latent_avg",
}


@dataclass(frozen=True, eq=False)
class Found:
    """A generator in a file.

    Attributes:
        name: of its network, "" for the file itself.
        prefix: what stood in front of its tensors' names.
        layout: whose names these are: "NVIDIA", "TensorFlow" or "rosinality".
        network: the generator's tensors alone, under plain names.
        tuned: whether it is PTI's copy, beside the generator that was tuned.
    """

    name: str
    prefix: str
    layout: str
    network: Network
    tuned: bool = False


def find_generator(contents: Contents) -> Found:
    """The generator to be dragged: the averaged one, or PTI's tuned copy of it.

    Raises:
        CheckpointError: there is none; the message lists what there is.
    """
    networks = contents.networks
    averaged = [name for last in AVERAGED for name in networks if name.split(".")[-1] == last]
    for name in averaged or networks:
        found = _generator_in(name, networks[name])
        if found is None:
            continue
        copy = _tuned_copy(contents, found)
        return copy or found
    raise CheckpointError(f"no StyleGAN2 generator in it; it holds {_listed(networks)}")


def _generator_in(name: str, network: Network) -> Found | None:
    prefix, own = without_prefix(network.tensors)
    layout = layout_of(own)
    if layout is None:
        return None
    own = _with_average(own, layout, network)
    return Found(name, prefix, layout, replace(network, tensors=own))


def _with_average(own: dict[str, Stored], layout: str, network: Network) -> dict[str, Stored]:
    """The tensors with the average latent, if it is among them or beside the generator."""
    ours = OWN_AVERAGE[layout]
    if ours in own:
        return own
    for tensors in (own, network.tensors, network.beside):
        for name in AVERAGE_LATENTS:
            if name in tensors:
                kept = {key: tensor for key, tensor in own.items() if key != name}
                return kept | {ours: tensors[name]}
    return own


def _tuned_copy(contents: Contents, averaged: Found) -> Found | None:
    """What PTI's scripts write as "G" beside the "G_ema" that they began with; else None.

    NVIDIA's training writes what it was trained with, too, and there G and G_ema differ in their
    mapping networks. PTI leaves both out: it tunes the synthesis network alone.
    """
    trained = "training_set_kwargs" not in contents.empty
    if trained or averaged.name != "G_ema" or "G" not in contents.networks:
        return None
    copy = _generator_in("G", contents.networks["G"])
    if copy is None or not _same_mapping(copy.network.tensors, averaged.network.tensors):
        return None
    return replace(copy, tuned=True)


def _same_mapping(a: Mapping[str, Stored], b: Mapping[str, Stored]) -> bool:
    first = "mapping.fc0.weight"
    if first not in a or first not in b:
        return False
    return a[first].shape == b[first].shape and a[first].tensor().equal(b[first].tensor())


def _listed(networks: Mapping[str, Network]) -> str:
    """The networks of a file with their kinds and some names of their tensors."""
    found = []
    for name, network in networks.items():
        some = ", ".join(nsmallest(3, network.tensors))
        kind = f"{network.kind} of {len(network.tensors)} tensors"
        found.append(f"{name or 'the file'}: {kind} ({some}, …)")
    return "; ".join(found)
