"""The generator among the networks of a file: which it is, and what lies beside it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from heapq import nsmallest
from typing import NamedTuple

from .budget import CheckpointError
from .contents import Contents
from .layouts import layout_of
from .networks import LATENT, Network
from .prefixes import behind, is_average, prefixes
from .tensors import Stored

# the average latent's names, beside a generator or among its tensors, and its name in each layout
AVERAGE_LATENTS = ("latent_avg", "w_avg", "dlatent_avg", "mean_latent")
MAPPING = {"NVIDIA": "mapping.", "TensorFlow": "mapping/", "rosinality": "style."}
SHOWN = 4  # generators in a message, and those that are compared
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
        name: that people call it by, "" for the file itself.
        prefix: what stood in front of its tensors' names.
        layout: whose names these are: "NVIDIA", "TensorFlow" or "rosinality".
        network: the generator's tensors alone, under plain names.
        other: the name of a second generator in the file, which differs from this one in its
            synthesis alone, "" if there is none.
    """

    name: str
    prefix: str
    layout: str
    network: Network
    other: str = ""


class Place(NamedTuple):
    """Where a generator is: in which network of the file, and behind which prefix."""

    network: str
    prefix: str
    name: str  # for people: the network's, with the prefix if that holds several generators


def find_generator(contents: Contents, which: str | None = None) -> Found:
    """The generator to be dragged: the averaged one, or the one that is named.

    Args:
        which: the name of a generator in the file, such as "G"; None for the averaged one.

    Raises:
        CheckpointError: there is none, and the message lists what there is; or there are several,
            and no average among them or more than one.
    """
    networks = contents.networks
    places = list(_places(networks))
    meant = [place for place in places if which in (None, place.name, place.network)]
    if meant:
        place = _chosen(meant)
        found = _generator_at(place, networks)
        return replace(found, other=_tuned_twin(contents, found, places))

    if which is not None and which not in networks:
        raise CheckpointError(f"which is {which!r:.100}; it holds {_listed(networks)}")
    for name in networks if which is None else [which]:
        layout_of(networks[name].tensors)  # which tells of other kinds of generators
    axes = {len(t.shape) for network in networks.values() for t in network.tensors.values()}
    way_out = "" if max(axes, default=0) > IMAGE_AXES else f"; {LATENT}"
    raise CheckpointError(f"no StyleGAN2 generator in it; it holds {_listed(networks)}{way_out}")


def _places(networks: Mapping[str, Network]) -> Iterator[Place]:
    """Every StyleGAN2 generator of the file."""
    for name, network in networks.items():
        found = prefixes(network.tensors)
        for prefix in found:
            full = f"{name}.{prefix}".strip("./")
            yield Place(name, prefix, full if len(found) > 1 else name)


def _chosen(places: list[Place]) -> Place:
    averages = [place for place in places if is_average(f"{place.network}.{place.prefix}")]
    best = averages or places
    if len(best) > 1:
        some = ", ".join(repr(place.name[:60]) for place in places[:SHOWN])
        raise CheckpointError(
            f"{len(places)} generators in it, {some}, and not exactly one of them is an average"
            f" (ema); choose one: dragkit.load(file, which={best[0].name[:60]!r})"
        )
    return best[0]


def _generator_at(place: Place, networks: Mapping[str, Network]) -> Found:
    network = networks[place.network]
    own = behind(place.prefix, network.tensors)
    layout = layout_of(own)
    assert layout is not None  # the constant that the prefix stands before is among them
    own = _with_average(own, layout, network)
    return Found(place.name, place.prefix, layout, replace(network, tensors=own))


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


def _tuned_twin(contents: Contents, found: Found, places: list[Place]) -> str:
    """The name of a generator that differs from the one found in its synthesis alone; or "".

    PTI tunes the synthesis network alone, so one mapping network in both says that one of them
    was tuned; training changes both networks. The scripts that export PTI's generators do not
    agree on which is which: most write the tuned one as G_ema, some as G.
    """
    others = [place for place in places if place.name != found.name]
    for place in others[:SHOWN]:
        with suppress(CheckpointError):  # it may be of another kind, or damaged
            twin = _generator_at(place, contents.networks)
            if _share_mapping_alone(found, twin, contents.size):
                return twin.name
    return ""


def _share_mapping_alone(a: Found, b: Found, most: int) -> bool:
    """Whether two generators have one mapping network, and two synthesis networks.

    `most` is the file's size in bytes: tensors that share their numbers are not compared.
    """
    ours, theirs = a.network.tensors, b.network.tensors
    if ours.keys() != theirs.keys() or sum(tensor.bytes for tensor in theirs.values()) > most:
        return False
    mapping = [name for name in ours if name.startswith(MAPPING[a.layout])]
    one_mapping = all(_equal(ours[name], theirs[name]) for name in mapping)
    return one_mapping and not all(_equal(ours[name], theirs[name]) for name in ours)


def _equal(a: Stored, b: Stored) -> bool:
    return a.shape == b.shape and a.tensor().equal(b.tensor())


def _listed(networks: Mapping[str, Network]) -> str:
    """The networks of a file with their kinds and some names of their tensors."""
    found = []
    for name, network in networks.items():
        some = ", ".join(nsmallest(3, network.tensors))
        kind = f"{network.kind} of {len(network.tensors)} tensors"
        found.append(f"{name or 'the file'}: {kind} ({some}, …)")
    return "; ".join(found)
