"""What a checkpoint file holds, told by its content and read without running anything in it."""

from __future__ import annotations

import math
import mmap
import re
import struct
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO

import torch
from torch import Tensor

from ... import zoo
from .machine import Budget, CheckpointError, Inert, Machine, Tape, expect, plain
from .tensors import MAGIC, Array, Storage, Stored, names, storage_of, torch_file

BYTES = 4 << 30  # of a file; the largest public one has a tenth
DEPTH, NAME = 16, 300  # objects in objects, and characters of a tensor's full name


class Node(Inert):
    """What stands in for an object: its class's name and its state. The class itself is never
    made, nor asked.
    """

    def __init__(self, kind: str, state: Any = None) -> None:
        self.kind, self.state = kind, {} if state is None else expect(state, dict)

    def build(self, state: Any) -> None:
        """Take the object's attributes."""
        self.state = expect(state, dict)


@dataclass(frozen=True, eq=False)
class Network:
    """One network of a file: its class's name, its tensors by name, the arguments it was built
    with, its activations' clamp.
    """

    kind: str
    tensors: dict[str, Stored]
    arguments: dict[str, Any] = field(default_factory=dict)
    clamp: float | None = None


@dataclass(frozen=True, eq=False)
class Contents:
    """What is in a file: its format, its networks by name, and the names of what else there is."""

    path: Path
    format: str
    size: int  # bytes
    networks: dict[str, Network]
    others: tuple[str, ...]


def read(path: str | Path) -> Contents:
    """Look into a checkpoint: NVIDIA's pickles, PyTorch or TensorFlow, torch's own files, or
    safetensors, whatever its name.

    Nothing in the file is run, and tensors stay in it until they are asked for.

    Raises:
        FileNotFoundError, PermissionError: there is no such file, or it may not be read.
        CheckpointError: the file is none of these, cut short, altered, or asks for more than plain
            data. The message names the file, what was found and what was expected.
    """
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(f"no file {path}")
    with path.open("rb") as file:
        return guarded(path, lambda: _read(path, file))


def guarded(path: Path, task: Callable[[], Any]) -> Any:
    """What `task` returns; whatever goes wrong on the way is a CheckpointError that names the
    file.
    """
    try:
        return task()
    except CheckpointError as error:
        raise CheckpointError(f"{path}: {printable(str(error))}{_cut(path)}") from error
    # strange bytes can break any step, each in its own way; to the user they are all one
    except Exception as error:
        text = printable(str(error) or type(error).__name__)
        raise CheckpointError(
            f"{path} is damaged, or no checkpoint: {text}{_cut(path)}"
        ) from error


def _cut(path: Path) -> str:
    """What to add where a public file is shorter than it is known to be, and does begin like a
    checkpoint.
    """
    with path.open("rb") as file:
        return zoo.missing_bytes(path) if file.read(1) in (b"\x80", b"P") else ""


def printable(text: str) -> str:
    """Text from a file, safe to print: of bounded length, and nothing in it that a
    terminal obeys.
    """
    return "".join(c if c.isprintable() else "?" for c in text[:1000])


def _read(path: Path, file: BinaryIO) -> Contents:
    size = path.stat().st_size
    if size > BYTES:
        raise CheckpointError(f"it has {size} bytes; more than {BYTES} are not read")
    if not size:
        raise CheckpointError("it is empty")
    view = memoryview(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ))
    budget = Budget()
    form, root = _root(path, view, budget)
    networks = dict(_networks(root, budget))
    others = (
        tuple(str(name) for name in root if name not in networks)
        if isinstance(root, dict) and networks.keys() != {""}
        else ()
    )
    return Contents(path, form, size, networks, others)


def _root(path: Path, view: memoryview, budget: Budget) -> tuple[str, Any]:
    """The file's format and its data."""
    head = bytes(view[:512])
    # the length of its header, which may well begin with byte 80
    if head[8:9] == b"{" and int.from_bytes(head[:8], "little") < 1 << 32:
        return "safetensors", _safetensors(path)
    if head.startswith(b"PK\x03\x04"):
        return "torch file", _zip(path, view, budget)
    if head.startswith(b"\x80"):
        tape = Tape(view)
        root = Machine(budget, known(budget)).run(tape)
        if root == MAGIC:
            return "torch file, older format", torch_file(budget, tape, known(budget))
        return "TensorFlow-era pickle" if isinstance(root, tuple) else "PyTorch pickle", root
    raise CheckpointError(_no_checkpoint(head))


def _no_checkpoint(head: bytes) -> str:
    if head.removeprefix(b"\xef\xbb\xbf").lstrip().startswith(b"<"):
        return (
            "this is a web page (HTML), not a checkpoint: the download was answered with a page;"
            " fetch the file again, by hand"
        )
    if head.startswith(b"version https://git-lfs"):
        size = re.search(rb"size (\d+)", head)
        whole = f" of {int(size[1]) / 1e6:.0f} MB" if size else ""
        return (
            f"this is a Git-LFS pointer, not the file{whole} that it points to; run `git lfs"
            " pull`, or download the file itself"
        )
    expected = "a pickle (which begins with byte 80), a torch file (PK) or safetensors"
    return f"this is no checkpoint: it begins with {head[:8].hex(' ')}; expected {expected}"


def _zip(path: Path, view: memoryview, budget: Budget) -> Any:
    """The data of a file of torch's newer format: an uncompressed archive of one pickle and its
    storages.
    """
    with zipfile.ZipFile(path) as archive:
        entries = {entry.filename: entry for entry in archive.infolist()}
    pickles = [name for name in entries if name.endswith("/data.pkl")]
    if len(pickles) != 1:
        raise CheckpointError(
            f"an archive with {len(pickles)} files data.pkl; a torch file has one"
        )
    folder = pickles[0].removesuffix("/data.pkl")
    piece = lambda name: _entry(view, entries, name)
    if f"{folder}/byteorder" in entries and bytes(piece(f"{folder}/byteorder")) != b"little":
        raise CheckpointError("a torch file from a big-endian machine")
    storages: dict[str, Storage] = {}

    def persistent(identity: Any) -> Storage:
        key, storage = storage_of(identity)
        if key not in storages:
            storage.fill(piece(f"{folder}/data/{key}"))
        return storages.setdefault(key, storage)

    return Machine(budget, known(budget), persistent).run(Tape(piece(pickles[0])))


def _entry(view: memoryview, entries: dict[str, zipfile.ZipInfo], name: str) -> memoryview:
    """An archive's file, where it lies: behind a header of 30 bytes, its name and its
    extra field.
    """
    if name not in entries:
        raise CheckpointError(f"the archive lacks {name!r}")
    entry = entries[name]
    if entry.compress_type != zipfile.ZIP_STORED:
        raise CheckpointError(f"{entry.filename!r} is compressed; torch does not compress")
    first = (
        entry.header_offset
        + 30
        + sum(struct.unpack("<HH", view[entry.header_offset + 26 : entry.header_offset + 30]))
    )
    return view[first : first + entry.file_size]


def _safetensors(path: Path) -> dict[str, Any]:
    from safetensors import safe_open

    with safe_open(path, "pt") as file:
        stored = {name: _stored(file.get_tensor(name)) for name in file.keys()}
        clamp = (file.metadata() or {}).get("clamp")
    return {"": Network("safetensors", stored, clamp=_bound(float(clamp)) if clamp else None)}


def _stored(tensor: Tensor) -> Stored:
    data = memoryview(tensor.reshape(-1).view(torch.uint8).numpy())
    return Stored(
        Storage(tensor.dtype, tensor.numel(), data), 0, tuple(tensor.shape), tensor.stride()
    )


def _networks(root: Any, budget: Budget) -> Iterator[tuple[str, Network]]:
    """The networks of a file, each with its name; "" where it is the file itself."""
    if isinstance(root, tuple):  # of the TensorFlow era
        root = dict(zip(("G", "D", "Gs"), root))
    elif isinstance(root, Node):
        root = {"": root}
    if not isinstance(root, dict):
        raise CheckpointError(f"its data is one {type(root).__name__}; expected networks")
    found = {
        str(name): network for name, value in root.items() if (network := _network(value, budget))
    }
    found = found or {"": Network("state dict", _tensors_of(root, budget))}
    # rosinality's average latent lies beside its generator
    if isinstance(root.get("latent_avg"), Stored) and "g_ema" in found:
        found["g_ema"].tensors["latent_avg"] = root["latent_avg"]
    yield from found.items()


def _network(value: Any, budget: Budget) -> Network | None:
    """What a value is as a network: an object with tensors in it, or a state dict; else None."""
    if isinstance(value, Network):
        return value
    if isinstance(value, dict):
        tensors = _tensors_of(value, budget)
        return Network("state dict", tensors) if tensors else None
    if not isinstance(value, Node):
        return None
    tensors = dict(_walk(value, budget))
    arguments = expect(value.state.get("_init_kwargs", value.state.get("static_kwargs", {})), dict)
    return Network(value.kind, tensors, arguments, _clamp(value, arguments)) if tensors else None


def _tensors_of(state: Any, budget: Budget) -> dict[str, Stored]:
    budget.spend(len(expect(state, dict)))
    return {
        name: value
        for name, value in state.items()
        if isinstance(name, str) and isinstance(value, Stored)
    }


def _walk(root: Node, budget: Budget) -> Iterator[tuple[str, Stored]]:
    """Every tensor of an object and of the objects in it, with its full name."""
    pending = [("", root, 0)]
    while pending:
        prefix, node, depth = pending.pop()
        if depth > DEPTH or len(prefix) > NAME:
            raise CheckpointError(
                f"objects nested deeper than {DEPTH}, or with names of more than {NAME} characters"
            )
        for group in ("_parameters", "_buffers"):
            yield from (
                (f"{prefix}{name}", tensor)
                for name, tensor in _tensors_of(node.state.get(group, {}), budget).items()
            )
        variables = node.state.get("variables", ())
        budget.spend(len(variables))
        for name, array in variables:
            if isinstance(array, Array) and array.stored:
                yield f"{prefix}{expect(name, str)}", array.stored
        for group, dot in (("components", "/"), ("_modules", ".")):
            parts = expect(node.state.get(group, {}), dict)
            budget.spend(len(parts))
            pending += [
                (f"{prefix}{name}{dot}", part, depth + 1)
                for name, part in reversed(parts.items())
                if isinstance(part, Node)
            ]


def _clamp(node: Node, arguments: dict) -> float | None:
    """The bound on activations: of a PyTorch generator's first convolution (every layer has the
    same), or a TensorFlow one's argument.
    """
    for name in ("synthesis", "b4", "conv1"):
        node = node.state.get("_modules", {}).get(name)
        if not isinstance(node, Node):
            return _bound(arguments.get("conv_clamp"))
    return _bound(node.state.get("conv_clamp"))


def _bound(clamp: Any) -> float | None:
    if clamp is not None and not (isinstance(clamp, int | float) and 0 < clamp < math.inf):
        raise CheckpointError("a clamp of activations that is not a number above 0")
    return clamp and float(clamp)


def known(budget: Budget) -> dict[str, Callable]:
    """The closed list of names, for one file."""

    def items(given: Any = ()) -> dict:
        budget.spend(len(given))
        return {plain(key): value for key, value in given}

    def members(given: Any = ()) -> set:
        budget.spend(len(given))
        return set(map(plain, given))

    return names(budget) | {
        # persistent classes would execute meta["module_src"]; here it is left unread
        "torch_utils.persistence._reconstruct_persistent_obj": lambda meta: Node(
            expect(meta["class_name"], str), meta["state"]
        ),
        "dnnlib.tflib.network.Network": lambda: Node("Network"),
        "argparse.Namespace": lambda: Node("Namespace"),
        "dnnlib.util.EasyDict": items,
        "collections.OrderedDict": items,
        "builtins.set": members,
        "__builtin__.set": members,
    }
