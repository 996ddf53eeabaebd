"""The generator among the networks of a file: which it is, and what lies beside it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from heapq import nsmallest

from .budget import CheckpointError
from .contents import Contents
from .layouts import layout_of
from .networks import LATENT, Network
from .prefixes import without_prefix
from .tensors import Stored

AVERAGED = ("G_ema", "Gs", "g_ema")  # the names of averaged generators
# the average latent's names, beside a generator or among its tensors, and its name in each layout
AVERAGE_LATENTS = ("latent_avg", "w_avg", "dlatent_avg", "mean_latent")
IMAGE_AXES = 3  # of a latent at most; a convolution has four
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
        other: a second generator in the file, which differs from this one in its synthesis alone,
            "" if there is none.
    """

    name: str
    prefix: str
    layout: str
    network: Network
    other: str = ""


def find_generator(contents: Contents, which: str | None = None) -> Found:
    """The generator to be dragged: the averaged one, or the one that is named.

    Args:
        which: the name of a network in the file, such as "G"; None for the averaged one.

    Raises:
        CheckpointError: there is none; the message lists what there is.
    """
    networks = contents.networks
    if which is not None and which not in networks:
        raise CheckpointError(f"which is {which!r:.100}; it holds {_listed(networks)}")
    averaged = [name for last in AVERAGED for name in networks if name.split(".")[-1] == last]
    candidates = averaged or list(networks)
    for name in candidates if which is None else [which]:
        if found := _generator_in(name, networks[name]):
            return replace(found, other=_tuned_twin(contents, found))
    axes = {len(t.shape) for network in networks.values() for t in network.tensors.values()}
    way_out = "" if max(axes, default=0) > IMAGE_AXES else f"; {LATENT}"
    raise CheckpointError(f"no StyleGAN2 generator in it; it holds {_listed(networks)}{way_out}")


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


def _tuned_twin(contents: Contents, found: Found) -> str:
    """The name of the other one of the pair "G" and "G_ema", where PTI tuned one of them; or "".

    PTI tunes the synthesis network alone, so their mapping networks are the same. NVIDIA's
    training writes both, too, and there these differ. The scripts that export PTI's generators do
    not agree on which of the two is the tuned one: most write it as G_ema, some as G.
    """
    other = {"G_ema": "G", "G": "G_ema"}.get(found.name, "")
    trained = "training_set_kwargs" not in contents.empty
    if trained or other not in contents.networks:
        return ""
    twin = _generator_in(other, contents.networks[other])
    if twin is None or twin.network.tensors.keys() != found.network.tensors.keys():
        return ""
    differing = _differing(found.network.tensors, twin.network.tensors)
    first = next(differing, "")
    only_synthesis = first and not any(name.startswith("mapping.") for name in (first, *differing))
    return other if only_synthesis else ""


def _differing(a: Mapping[str, Stored], b: Mapping[str, Stored]) -> Iterator[str]:
    """The names of the tensors that differ."""
    for name, tensor in a.items():
        if tensor.shape != b[name].shape or not tensor.tensor().equal(b[name].tensor()):
            yield name


def _listed(networks: Mapping[str, Network]) -> str:
    """The networks of a file with their kinds and some names of their tensors."""
    found = []
    for name, network in networks.items():
        some = ", ".join(nsmallest(3, network.tensors))
        kind = f"{network.kind} of {len(network.tensors)} tensors"
        found.append(f"{name or 'the file'}: {kind} ({some}, …)")
    return "; ".join(found)
