"""The header of a safetensors file, read before the file is opened with the library.

A file begins with the header's length (8 bytes) and the header, a JSON object of the tensors'
types, shapes and places. The library reads headers of up to 100 MB, and a million empty tensors
fit into that; so the header's size, names and shapes are checked here.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from torch import Tensor

from ..file_signs import head_of, kind_by_head
from ..reading import parse_json

HEADER = 4 << 20  # bytes; Stable Diffusion XL in a single file has half a megabyte
TENSORS = 10_000  # of a file; the same one has 2,500
AXES = 16
BEFORE = 8  # bytes before the header: its length


@dataclass(frozen=True)
class Header:
    """What a file of safetensors says that it holds."""

    shapes: dict[str, tuple[int, ...]]  # of each tensor, by its name
    dtypes: dict[str, str]  # such as "F32"
    metadata: dict[str, str]
    end: int = 0  # bytes of the tensors' numbers, which follow the header


def read_header(path: Path) -> Header:
    """The header of a safetensors file.

    Raises:
        ValueError: it is none, or holds too much. The message does not name the file, because it
            is part of the caller's.
        OSError: the file cannot be read.
    """
    head = head_of(path)
    length = int.from_bytes(head[:8], "little")
    if head[8:9] != b"{":
        raise ValueError(f"not safetensors, but {kind_by_head(head)}")
    if length > HEADER:
        raise ValueError(f"a header of {length} bytes; at most {HEADER} are read")
    with path.open("rb") as file:
        text = file.read(BEFORE + length)[BEFORE:]
    header = _parsed(text)
    _check_whole(path.stat().st_size, BEFORE + length, header)
    return header


def check_fits(header: Header, expected: Mapping[str, Tensor]) -> None:
    """Raise ValueError if a file does not hold exactly these tensors; none of them is read."""
    unknown = sorted(header.shapes.keys() - expected.keys())
    missing = sorted(expected.keys() - header.shapes.keys())
    if unknown or missing:
        raise ValueError(f"missing tensors {missing[:3]}, unknown ones {_cut(unknown[:3])}")
    for name, tensor in expected.items():
        if header.shapes[name] != tensor.shape:
            raise ValueError(
                f"tensor {name[:60]!r} has shape {header.shapes[name]}, expected"
                f" {tuple(tensor.shape)}"
            )


def _parsed(text: bytes) -> Header:
    try:
        found = parse_json(text)
    except ValueError as error:
        raise ValueError(f"a header of safetensors that is damaged ({error})") from error
    if not isinstance(found, dict):
        raise ValueError("a header of safetensors that is not a JSON object")
    metadata = found.pop("__metadata__", {})
    if len(found) > TENSORS:
        raise ValueError(f"{len(found)} tensors in one file; at most {TENSORS} are read")
    if not isinstance(metadata, dict):
        raise ValueError("metadata of safetensors that is not a JSON object")
    return Header(
        shapes={name: _shape(name, entry) for name, entry in found.items()},
        dtypes={name: str(entry.get("dtype")) for name, entry in found.items()},
        metadata=metadata,
        end=max(map(_end, found.values()), default=0),
    )


def _end(entry: Any) -> int:
    """Where a tensor's numbers end; whether they may is checked by the library."""
    match entry.get("data_offsets"):
        case [_, int(end)]:
            return end
    return 0


def _check_whole(size: int, start: int, header: Header) -> None:
    """Raise ValueError if a file of `size` bytes has not the length that its header says."""
    promised = start + header.end
    if size != promised:
        how = "cut short" if size < promised else "too long"
        raise ValueError(
            f"it is {how}: it has {size:,} bytes, and its header promises {promised:,}"
        )


def _shape(name: str, entry: Any) -> tuple[int, ...]:
    shape = entry.get("shape") if isinstance(entry, dict) else None
    if not isinstance(shape, list) or len(shape) > AXES:
        raise ValueError(
            f"tensor {name[:60]!r} without a shape, or with one of more than {AXES} numbers"
        )
    if not all(type(size) is int and size >= 0 for size in shape):
        raise ValueError(f"tensor {name[:60]!r} with a shape that is not of whole numbers")
    return tuple(shape)


def _cut(names: list[str]) -> list[str]:
    return [name[:60] for name in names]
