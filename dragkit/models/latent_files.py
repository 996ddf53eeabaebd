"""The arrays in a file of latents, by name, whoever wrote it; nothing in it is run.

torch's files and pickles, also those that ``np.save`` makes of dicts, are read by the machine for
checkpoints, NumPy's arrays within a budget of their own. Arrays of torch's files stay in the file
until they are asked for.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from torch import Tensor

from ..file_signs import NPY, NPZ, head_of, kind_by_head
from ..npz import objects_at, read_npy, read_npz
from .diffusion.file_kinds import INVERSION
from .gan.checkpoint import CheckpointError, guarded, read_data, read_pickle
from .gan.checkpoint.arrays import Array
from .gan.checkpoint.networks import Network, Node
from .gan.checkpoint.prefixes import prefixes
from .gan.checkpoint.tensors import Stored
from .safetensors_header import read_header

Leaf = Stored | Tensor | np.ndarray
DEPTH = 6  # dicts and lists in each other; rosinality's projector writes three
LEAVES = 20_000  # arrays; a folder's worth of latents
NAME = 300  # characters of an entry's name


@dataclass(frozen=True, eq=False)
class Arrays:
    """The arrays that somebody gave, by name, and the file they are in, if it is one."""

    by_name: Mapping[str, Leaf]
    path: Path = Path()

    def numbers(self, leaf: Leaf) -> Tensor | np.ndarray:
        """The numbers of one of them, which are read only now.

        Raises:
            CheckpointError: a ValueError, too: they are no finite floats, or not in the file.
        """
        if not isinstance(leaf, Stored):
            return leaf
        return guarded(self.path, lambda: _expanded(leaf))


def arrays_in_file(path: Path) -> Arrays:
    """The arrays in a .pt, .pkl, .safetensors, .npy or .npz; its content decides, not its ending.

    Those in dicts and lists have names such as "face.png.latent"; a single array has "".

    Raises:
        CheckpointError: a ValueError, too: it is damaged or dangerous, or a generator.
        ValueError: the same of NumPy's files.
    """
    try:
        return _arrays_in(path)
    except (ValueError, MemoryError):
        raise
    # strange bytes can break any step, each in its own way; to the user they are all one
    except Exception as error:
        raise ValueError(
            f"{path} is damaged, or no file of latents: its parts do not fit together"
        ) from error


def _arrays_in(path: Path) -> Arrays:
    head = head_of(path)
    if head.startswith(NPY):
        at = objects_at(path)
        if at is None:
            return Arrays({"": read_npy(path)}, path)
        return Arrays(dict(leaves(read_pickle(path, at))), path)
    if kind_by_head(head) == NPZ:
        return Arrays(dict(leaves(read_npz(path))), path)

    data = read_data(path)
    found = dict(leaves(data))
    if _holds_object(data) or prefixes(found):
        door = "dragkit.Inversion.load(file)" if _is_inversion(path) else "dragkit.load(file)"
        raise CheckpointError(f"{path} holds a network, not a latent; open it with {door}")
    return Arrays(found, path)


def _is_inversion(path: Path) -> bool:
    """Whether it is one of our own inversions, which holds its tuned generator."""
    try:
        return INVERSION in read_header(path).metadata
    except ValueError:
        return False


def leaves(value: Any, name: str = "", depth: int = 0) -> Iterator[tuple[str, Leaf]]:
    """The arrays in dicts and lists, each with its place in them.

    Raises:
        ValueError: they are nested too deep, or are too many.
    """
    if isinstance(value, Network):
        value = value.tensors
    if isinstance(value, Array) and value.items is not None:
        value = _alone(value.items)
    if isinstance(value, Array):
        value = value.stored
    if isinstance(value, Stored | Tensor | np.ndarray):
        yield name, value
    if isinstance(value, list | tuple):
        value = dict(enumerate(value))
    if not isinstance(value, Mapping):
        return
    if depth >= DEPTH or len(value) > LEAVES:
        raise ValueError(
            f"{name or 'it'} holds {len(value):,} entries, {depth} dicts or lists deep; at most"
            f" {LEAVES:,} and {DEPTH} are read"
        )
    for key, part in value.items():
        full = f"{name}.{key!s:.{NAME}}" if name else f"{key!s:.{NAME}}"
        yield from leaves(part, full[:NAME], depth + 1)


def _alone(items: list[Any]) -> Any:
    """The one object of an array of one, as ``np.save`` writes a dict."""
    return items[0] if len(items) == 1 else items


def shape_of(leaf: Leaf) -> tuple[int, ...]:
    """Its shape, without a look at its numbers."""
    return tuple(leaf.shape)


def part_of(leaf: Leaf, index: int) -> Leaf:
    """Entry `index` of its first axis."""
    if not isinstance(leaf, Stored):
        return leaf[index]
    first = leaf.offset + index * leaf.strides[0]
    return Stored(leaf.storage, first, leaf.shape[1:], leaf.strides[1:])


def _holds_object(data: Any) -> bool:
    """Whether there is an object in it, as whole generators are pickled."""
    parts = [data, *data.values()] if isinstance(data, dict) else [data]
    return any(isinstance(part, Node) for part in parts)


def _expanded(leaf: Stored) -> Tensor:
    """The tensor, also one whose numbers stand for several, as torch saves expanded rows."""
    once = tuple(
        1 if stride == 0 else size for size, stride in zip(leaf.shape, leaf.strides, strict=True)
    )
    return Stored(leaf.storage, leaf.offset, once, leaf.strides).tensor().expand(leaf.shape)
