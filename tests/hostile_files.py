"""Writes small files that ask for much time or memory, each in one way."""

import io
import json
import struct
from collections.abc import Callable
from pathlib import Path

import torch

from dragkit.models.safetensors_header import HEADER
from tests.checkpoint_files import network, rosinality

SMALL = {"z_dim": 2, "w_dim": 2, "layers": 1}

# a small assembler of pickles


def text(value: str) -> bytes:
    return b"X" + struct.pack("<I", len(value.encode())) + value.encode()


def whole(value: int) -> bytes:
    return b"J" + struct.pack("<i", value)


def call(name: str, *arguments: bytes) -> bytes:
    return b"c" + name.encode() + b"\n(" + b"".join(arguments) + b"tR"


def put(place: int) -> bytes:
    return b"q" + bytes([place])


def get(place: int) -> bytes:
    return b"h" + bytes([place])


def pickled(body: bytes) -> bytes:
    return b"\x80\x04" + body + b"."


def storage(system: bytes = b"") -> bytes:
    """A file of torch's older format with one number, and more in what it says of its system."""
    parts = [
        b"\x8a\x0a" + (0x1950A86A20F9469CFC6C).to_bytes(10, "little"),
        b"M\xe9\x03",
        b"}(" + text("little_endian") + b"\x88" + system + b"u",
        b"(" + text("storage") + b"ctorch\nFloatStorage\n" + text("0") + text("cpu") + b"K\x01NtQ",
        b"](" + text("0") + b"e",
    ]
    return b"".join(map(pickled, parts)) + (1).to_bytes(8, "little") + bytes(4)


def tensor(axes: int = 1) -> bytes:
    payload = b"B" + struct.pack("<I", len(storage())) + storage()
    loaded = call("torch.storage\n_load_from_bytes", payload)
    ones = b"(" + b"K\x01" * axes + b"t"
    return call("torch._utils\n_rebuild_tensor_v2", loaded, b"K\x00", ones, ones)


def node(kind: str, **state: bytes) -> bytes:
    attributes = b"}(" + b"".join(text(name) + value for name, value in state.items()) + b"u"
    meta = b"}(" + text("class_name") + text(kind) + text("state") + attributes + b"u"
    return call("torch_utils.persistence\n_reconstruct_persistent_obj", meta)


def again(made: bytes, use: bytes, times: int) -> bytes:
    """Something made once and used many times."""
    return pickled(made + put(1) + b"(" + use * times + b"t")


def under_many_names(name: str, names: int, modules: int) -> bytes:
    """A shared object with tensors of these names, which stands under many modules."""
    tensors = b"".join(text(f"{name}{i}") + get(3) for i in range(names))
    leaf = tensor() + put(3) + node("L", _parameters=b"}(" + tensors + b"u") + put(2)
    parts = b"".join(text(str(i)) + get(2) for i in range(modules))
    return pickled(leaf + b"}" + text("G_ema") + node("G", _modules=b"}(" + parts + b"u") + b"s")


def nested_again(system: bytes, times: int) -> bytes:
    payload = storage(text("x") + system)
    load = b"ctorch.storage\n_load_from_bytes\n"
    argument = b"B" + struct.pack("<I", len(payload)) + payload + b"\x85"
    return pickled(
        load + put(1) + argument + put(2) + b"(" + (get(1) + get(2) + b"R") * times + b"t"
    )


# whole files


def saved(changes: dict[str, torch.Tensor]) -> bytes:
    """A torch file of a generator without an average, with these tensors changed."""
    file = io.BytesIO()
    torch.save({"g_ema": dict(rosinality(network(8, **SMALL))) | changes}, file)
    return file.getvalue()


def weights_alone(changes: dict[str, torch.Tensor]) -> bytes:
    """A torch file of a generator's weights without its buffers, with these tensors changed."""
    file = io.BytesIO()
    torch.save(dict(network(8, **SMALL).named_parameters()) | changes, file)
    return file.getvalue()


def many_layers(count: int, width: int) -> bytes:
    """A generator of `count` layers from z to w, each `width` wide."""
    weights = {f"style.{i}.weight": torch.eye(width) for i in range(1, count + 1)}
    biases = {f"style.{i}.bias": torch.zeros(width) for i in range(1, count + 1)}
    styles = {
        name: torch.zeros(len(value), width)
        for name, value in rosinality(network(8, **SMALL)).items()
        if name.endswith("modulation.weight")
    }
    return saved(weights | biases | styles)


def directory(entries: int, said: int) -> bytes:
    """An archive whose 64-bit directory has `entries`, and says that it has `said`."""
    one = struct.pack("<4s42x", b"PK\1\2")
    head = b"PK\3\4"
    end = len(head) + 46 * entries
    numbers = struct.pack("<4sQ2H2L4Q", b"PK\6\6", 44, 45, 45, 0, 0, said, said, end - 4, 4)
    place = struct.pack("<4sLQL", b"PK\6\7", 0, end, 1)
    last = struct.pack("<4s4H2LH", b"PK\5\6", 0, 0, 0xFFFF, 0xFFFF, 2**32 - 1, 2**32 - 1, 0)
    return head + one * entries + numbers + place + last


def headed(header: dict | bytes) -> bytes:
    encoded = header if isinstance(header, bytes) else json.dumps(header).encode()
    return struct.pack("<Q", len(encoded)) + encoded


def empties(count: int) -> bytes:
    entry = b'"%d":{"dtype":"F32","shape":[0],"data_offsets":[0,0]}'
    return headed(b"{" + b",".join(entry % i for i in range(count)) + b"}")


def sparse(path: Path, head: bytes, size: int) -> None:
    """A file with a hole: `size` bytes of which only the head takes any room."""
    path.write_bytes(head)
    with path.open("r+b") as file:
        file.truncate(size)


def sparse_safetensors(path: Path, numbers: int) -> None:
    """A generator of one huge tensor."""
    shape = [numbers // 16, 4, 4]
    entry = {"dtype": "F32", "shape": shape, "data_offsets": [0, 4 * numbers]}
    head = headed({"synthesis.b4.const": entry})
    sparse(path, head, len(head) + 4 * numbers)


LONG = "x" * 1_000_000
MANY = 100_000
Made = bytes | Callable[[Path], None]
HOSTILE: dict[str, tuple[Callable[[], Made], str]] = {
    "one long name under many modules": (
        lambda: under_many_names(LONG, 1, 2000),
        "1000001 characters; names have at most 300",
    ),
    "one name under many modules": (
        lambda: under_many_names("x" * 280, 400, 1000),
        "bytes of text; one file may ask for 33554432",
    ),
    "a long class": (
        lambda: pickled(
            b"}" + text("G") + node(LONG, _parameters=b"}" + text("w") + tensor() + b"s") + b"s"
        ),
        "names have at most 300",
    ),
    "long equal keys": (
        lambda: pickled(text(LONG) + put(1) + b"}(" + (get(1) + b"N") * MANY + b"u"),
        "names have at most 300",
    ),
    "a long type of numbers": (
        lambda: again(
            b"cnumpy\ndtype\n" + put(2) + text("<" * 10**6 + "f4") + b"\x85",
            get(2) + get(1) + b"R",
            MANY,
        ),
        "array of type '<<<",
    ),
    "many arguments": (
        lambda: again(b"(" + b"N" * MANY + b"t", b"ctorch\ndevice\n" + get(1) + b"R", 5_000),
        "100000 parts; those of checkpoints have at most 16",
    ),
    "many axes": (
        lambda: pickled(tensor(axes=MANY)),
        "100000 axes .* at most 8 each",
    ),
    "a long number": (
        lambda: nested_again(b"\x8b" + struct.pack("<i", 1 << 20) + b"\1" * (1 << 20), 40_000),
        "opcode LONG4",
    ),
    "a payload again and again": (
        lambda: nested_again(b"\x96" + struct.pack("<Q", 1 << 20) + b"\1" * (1 << 20), 40_000),
        "500001 opcodes and items; one file may ask for 500000",
    ),
    "many sets": (lambda: pickled(b"(" + b"\x8f" * 999_000 + b"t"), "500001 opcodes and items"),
    "many networks": (
        lambda: pickled(
            tensor()
            + put(3)
            + b"}("
            + b"".join(text(str(i)) + b"}" + text("w") + get(3) + b"s" for i in range(1000))
            + b"u"
        ),
        "101 networks; one file may ask for 100",
    ),
    "sparse text": (
        lambda: lambda path: sparse(path, b"\x80\x04X" + struct.pack("<I", 120 << 20), 130 << 20),
        "125829120 bytes of text; one file may ask for 33554432",
    ),
    "a sparse file": (
        lambda: lambda path: sparse(path, b"\x80\x05", 4 << 30),
        "4294967296 bytes; more than 1400000000",
    ),
    "a wide z": (
        lambda: weights_alone({"mapping.fc0.weight": torch.ones(2, 50_000, dtype=torch.float16)}),
        r"5000\d{5} random numbers; one file may ask for 25000000",
    ),
    "noise maps of huge blocks": (
        lambda: weights_alone(
            {
                f"synthesis.b{4 << k}.conv{n}.weight": torch.ones(2, 2, 3, 3)
                for k in range(1, 11)
                for n in (0, 1)
            }
        ),
        "random numbers; one file may ask for 25000000",
    ),
    "many layers before w": (
        lambda: many_layers(20, 512),
        "multiplications; one file may ask for 40000000000",
    ),
    "many names in safetensors": (
        lambda: empties(60_000),
        "60000 tensors in one file; at most 10000",
    ),
    "half a million names in safetensors": (
        lambda: empties(500_000),
        f"at most {HEADER} are read",
    ),
    "a huge tensor in safetensors": (
        lambda: lambda path: sparse_safetensors(path, 320_000_000),
        "1280000000 bytes of storages; one file may ask for 400000000",
    ),
    "a million files in an archive": (
        lambda: directory(1_000_000, 1_000_000),
        "1000000 entries; one file may ask for 10000",
    ),
    "a directory that hides its size": (
        lambda: directory(1_000_000, 100),
        "directory of 46000000 bytes .*at most 2097152",
    ),
    "a sparse directory": (
        lambda: lambda path: sparse_directory(path, 1_300_000_000),
        "at most 2097152 bytes are read",
    ),
}


def sparse_directory(path: Path, size: int) -> None:
    sparse(path, b"PK\3\4", size - 22)
    with path.open("ab") as file:
        file.write(struct.pack("<4s4H2LH", b"PK\5\6", 0, 0, 1, 1, size - 26, 4, 0))
