"""What a checkpoint file holds, recognised by its content; nothing in it is run."""

from __future__ import annotations

import mmap
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import torch
from torch import Tensor

from ....arguments import at_home
from ....file_signs import HEAD, NPZ, kind_by_head, stand_in
from ... import zoo
from ...safetensors_header import read_header
from .archive import Archive
from .budget import Budget, CheckpointError
from .known import known
from .machine import Machine
from .networks import LATENT, Network, bound, networks_of
from .tape import Tape
from .tensors import MAGIC, Storage, Stored, storage_of, torch_file
from .values import short

DIGITS = 30  # of a clamp; converting many to a number takes minutes
EXPECTED = "expected a pickle (which begins with byte 80), a torch file (PK) or safetensors"
WAYS_OUT = {  # for files of other kinds
    "an image": "to find its latent, give it to a model: dragkit.invert(model, image)",
    "an array of NumPy's (.npy)": LATENT,
    NPZ: LATENT,
}
BYTES = 1_400_000_000  # of a file; the largest public ones, with encoders, have 1.2 GB


@dataclass(frozen=True, eq=False)
class Contents:
    """What is in a file: its format, its networks by name, and the names of what else there is."""

    path: Path
    format: str
    size: int  # bytes
    networks: dict[str, Network]
    others: tuple[str, ...]


def read(path: str | Path) -> Contents:
    """Look into a checkpoint, whatever its name.

    It may be one of NVIDIA's pickles (PyTorch or TensorFlow), torch's own files, or safetensors.
    Nothing in the file is run, and tensors stay in it until they are asked for.

    Raises:
        FileNotFoundError, PermissionError: there is no such file, or it may not be read.
        CheckpointError: the file is none of these, cut short, altered, or asks for more than plain
            data. The message names the file, what was found and what was expected.
    """
    path = at_home("path", Path(path))
    return _opened(path, lambda file: _read(path, file))


def read_data(path: str | Path) -> Any:
    """The inert data that a file holds, for those who look for something else than networks.

    Tensors are ``Stored`` and arrays ``Array``, which stay in the file until they are
    asked for.

    Raises:
        FileNotFoundError, PermissionError, CheckpointError: as for :func:`read`.
    """
    path = at_home("path", Path(path))
    return _opened(path, lambda file: _data(path, file, Budget())[1])


def read_pickle(path: Path, at: int) -> Any:
    """The inert data of the pickle that begins at byte `at`, as NumPy puts one into a .npy.

    Raises:
        CheckpointError: as for :func:`read`.
    """

    def task(file: BinaryIO) -> Any:
        budget = Budget()
        return Machine(budget, known(budget)).run(Tape(_view(path, file), at))

    return _opened(path, task)


def _opened(path: Path, task: Callable[[BinaryIO], Any]) -> Any:
    if not path.is_file():
        raise FileNotFoundError(f"no file {path}")
    with path.open("rb") as file:
        return guarded(path, lambda: task(file))


def guarded(path: Path, task: Callable[[], Any]) -> Any:
    """What `task` returns; whatever goes wrong in it is a CheckpointError that names the file."""
    try:
        return task()
    except CheckpointError as error:
        raise CheckpointError(f"{path}: {printable(str(error))}{_cut(path)}") from error
    # strange bytes can break any step, each in its own way; to the user they are all one
    except Exception as error:
        raise CheckpointError(
            f"{path} is damaged, or not a checkpoint: its parts do not fit together{_cut(path)}"
        ) from error


def _cut(path: Path) -> str:
    """What to add if a public file begins like a checkpoint, but is shorter than it should be."""
    with path.open("rb") as file:
        begins_like_one = file.read(1) in (b"\x80", b"P")
    return zoo.missing_bytes(path) if begins_like_one else ""


def printable(text: str) -> str:
    """Text from a file, safe to print: of bounded length, and without control characters."""
    return "".join(c if c.isprintable() else "?" for c in text[:1000])


def _read(path: Path, file: BinaryIO) -> Contents:
    budget = Budget()
    form, root = _data(path, file, budget)
    networks = dict(networks_of(root, budget))
    others: tuple[str, ...] = ()
    if isinstance(root, dict) and networks.keys() != {""}:
        others = tuple(str(name) for name in root if name not in networks)
    return Contents(path, form, path.stat().st_size, networks, others)


def _data(path: Path, file: BinaryIO, budget: Budget) -> tuple[str, Any]:
    """The file's format and its data."""
    return _root(path, _view(path, file), budget)


def _view(path: Path, file: BinaryIO) -> memoryview:
    """The bytes of the file, which stay in it, if it has a size that is read."""
    size = path.stat().st_size
    if size > BYTES:
        raise CheckpointError(f"it has {size} bytes; more than {BYTES} are not read")
    if not size:
        raise CheckpointError("it is empty")
    return memoryview(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ))


def _root(path: Path, view: memoryview, budget: Budget) -> tuple[str, Any]:
    """The file's format and its data."""
    head = bytes(view[:HEAD])
    # the length of its header, which may well begin with byte 80
    if head[8:9] == b"{" and int.from_bytes(head[:8], "little") < 1 << 32:
        return "safetensors", _safetensors(path, budget)
    if head.startswith(b"PK\x03\x04") and kind_by_head(head) != NPZ:
        return "torch file", _zip(path, view, budget)
    if head.startswith(b"\x80"):
        tape = Tape(view)
        root = Machine(budget, known(budget)).run(tape)
        if root == MAGIC:
            return "torch file, older format", torch_file(budget, tape, known(budget))
        if isinstance(root, tuple):
            return "TensorFlow-era pickle", root
        return "PyTorch pickle", root
    raise CheckpointError(_not_a_checkpoint(head))


def _not_a_checkpoint(head: bytes) -> str:
    if found := stand_in(head):
        return f"it is {found.says}; {found.way_out}"
    kind = kind_by_head(head)
    return f"this is {kind}, not a checkpoint; {WAYS_OUT.get(kind, EXPECTED)}"


def _zip(path: Path, view: memoryview, budget: Budget) -> Any:
    """The data of torch's newer format: an uncompressed archive of one pickle and its storages."""
    archive = Archive(path, view, budget)
    pickles = [name for name in archive.pieces if name.endswith("/data.pkl")]
    if len(pickles) != 1:
        raise CheckpointError(
            f"an archive with {len(pickles)} files data.pkl; a torch file has one"
        )
    folder = pickles[0].removesuffix("/data.pkl")
    order = f"{folder}/byteorder"
    if order in archive.pieces and bytes(archive.checked(order)[:10]) != b"little":
        raise CheckpointError("a torch file from a big-endian machine")
    storages: dict[str, Storage] = {}

    def persistent(identity: Any) -> Storage:
        key, storage = storage_of(identity)
        if key not in storages:
            storage.fill(*archive.piece(f"{folder}/data/{key}"))
        return storages.setdefault(key, storage)

    return Machine(budget, known(budget), persistent).run(Tape(archive.checked(pickles[0])))


def _safetensors(path: Path, budget: Budget) -> dict[str, Any]:
    from safetensors import safe_open

    try:
        header = read_header(path)
    except ValueError as error:
        raise CheckpointError(str(error)) from error
    stored = {}
    with safe_open(path, "pt") as file:
        for name in header.shapes:
            budget.spend("entries")
            stored[short(name)] = _stored(file.get_tensor(name))
    return {"": Network("safetensors", stored, clamp=_clamp(header.metadata.get("clamp", "")))}


def _clamp(text: str) -> float | None:
    """The clamp that our own files have as text."""
    if len(text) > DIGITS:
        raise CheckpointError(f"a clamp of {len(text)} digits; at most {DIGITS} are read")
    return bound(float(text)) if text else None


def _stored(tensor: Tensor) -> Stored:
    data: Any = tensor.reshape(-1).view(torch.uint8).numpy()
    storage = Storage(tensor.dtype, tensor.numel(), memoryview(data))
    return Stored(storage, 0, tuple(tensor.shape), tensor.stride())
