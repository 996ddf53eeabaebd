"""Arrays in a .npz or .npy, read with a budget: what a file says of itself is checked first."""

from __future__ import annotations

import math
import struct
from collections.abc import Mapping
from io import BytesIO
from pathlib import Path
from typing import IO
from zipfile import ZIP_DEFLATED, ZIP_STORED, ZipFile, ZipInfo

import numpy as np
from numpy.lib import format as npy

from .file_signs import check_no_stand_in

# Runs of ours take 2 to 6 times as many bytes in memory as on the disk; hostile files 1000 times.
MAX_EXPANSION = 20
FREE_BYTES = 64 << 20
MAX_ENTRIES = 4000  # our runs have about 100
MAX_DIRECTORY = 1 << 20  # bytes; an entry of ours takes about 80
MAX_ARRAY = 400_000_000  # bytes of a .npy, which is not compressed
MAX_HEADER = 512  # bytes of an array's type and shape; those of ours have 118
END = struct.Struct("<4s4H2LH")  # the record at the end of an archive
KINDS = "biufU"  # truths, numbers and words
ENCRYPTED = 1


def as_npz(arrays: Mapping[str, np.ndarray]) -> bytes:
    """The arrays as the contents of a .npz, compressed no more than :func:`read_npz` believes."""
    out = BytesIO()
    np.savez_compressed(out, allow_pickle=False, **arrays)
    if sum(array.nbytes for array in arrays.values()) > _allowed(len(out.getvalue())):
        out = BytesIO()
        np.savez(out, allow_pickle=False, **arrays)
    return out.getvalue()


def read_npz(path: Path) -> dict[str, np.ndarray]:
    """The arrays in a .npz; nothing is made before its size is known to be reasonable.

    Raises:
        ValueError: too many entries, more bytes than a file of this size may hold, or an entry
            that is encrypted, or is not what its header says.
    """
    if path.exists() and not path.is_file():
        raise ValueError(f"{path} is not a file")
    _check_end(path)
    with ZipFile(path) as file:
        entries = file.infolist()
        _check_entries(path, entries)
        return {_name(entry): _read_array(file, entry) for entry in entries}


def read_npy(path: Path) -> np.ndarray:
    """The array in a .npy, whose numbers are as many as the file has room for.

    Raises:
        ValueError: it holds no plain numbers, or not what its header says.
    """
    name = str(path)
    _check_size(path)
    with path.open("rb") as data:
        shape, column_major, dtype = _read_header(data, name)
        size = path.stat().st_size - data.tell()
        _check_holds(shape, dtype, size, name)
        return _as_array(data.read(size), shape, column_major, dtype, name)


def objects_at(path: Path) -> int | None:
    """Where the pickle begins in a .npy of Python's objects; None in one of plain numbers."""
    _check_size(path)
    with path.open("rb") as data:
        _, _, dtype = _read_header(data, str(path))
        return data.tell() if dtype.hasobject else None


def _check_size(path: Path) -> None:
    size = path.stat().st_size
    if size > MAX_ARRAY:
        raise ValueError(f"{path} has {size:,} bytes; at most {MAX_ARRAY:,} are read")


def _check_end(path: Path) -> None:
    """Raise ValueError unless the archive's last bytes promise a directory of reasonable size.

    What the directory says is not read before that.
    """
    with path.open("rb") as file:
        file.seek(max(path.stat().st_size - END.size, 0))
        end = file.read()
    check_no_stand_in(path)
    if len(end) < END.size or not end.startswith(b"PK\5\6"):
        raise ValueError(f"{path} is not an .npz, or is cut short")
    *_, count, size, _, _ = END.unpack(end)
    if count > MAX_ENTRIES or size > MAX_DIRECTORY:
        raise ValueError(
            f"{path} has {count} entries or more, described in {size} bytes; at most"
            f" {MAX_ENTRIES} in {MAX_DIRECTORY} bytes are read"
        )


def _allowed(size: int) -> int:
    """How many bytes a file of this size may take in memory."""
    return FREE_BYTES + MAX_EXPANSION * size


def _check_entries(path: Path, entries: list[ZipInfo]) -> None:
    allowed = _allowed(path.stat().st_size)
    asked = sum(entry.file_size for entry in entries)
    if asked > allowed:
        raise ValueError(
            f"{path} would take {asked} bytes in memory, and a file of its size may take {allowed}"
        )

    names = [entry.filename for entry in entries]
    if len(set(names)) < len(names):
        raise ValueError(f"{path} has two entries of one name")
    for entry in entries:
        if entry.flag_bits & ENCRYPTED:
            raise ValueError(f"{entry.filename[:80]!r} in {path} is encrypted")
        if entry.compress_type not in (ZIP_STORED, ZIP_DEFLATED):
            raise ValueError(f"{entry.filename[:80]!r} in {path} has an unknown compression")


def _name(entry: ZipInfo) -> str:
    return entry.filename.removesuffix(".npy")


def _read_array(file: ZipFile, entry: ZipInfo) -> np.ndarray:
    """One array, whose header must agree with the size of its entry."""
    name = repr(entry.filename[:80])
    with file.open(entry) as data:
        shape, column_major, dtype = _read_header(data, name)
        size = entry.file_size - data.tell()
        _check_holds(shape, dtype, size, name)
        contents = data.read(size)  # without a size, all that it inflates to would be made
        if len(contents) != size or data.read(1):
            raise ValueError(f"{name} holds other contents than it says")
    return _as_array(contents, shape, column_major, dtype, name)


def _check_holds(shape: tuple[int, ...], dtype: np.dtype, size: int, name: str) -> None:
    """Raise ValueError unless `size` bytes are numbers of this type and shape."""
    if dtype.hasobject:
        raise ValueError(
            f"{name} holds Python's objects as a pickle, which is not opened; save the numbers"
            " alone, as an array of floats"
        )
    if dtype.kind not in KINDS or dtype.itemsize == 0:
        raise ValueError(f"{name} holds {dtype}; numbers, truths and words are read")
    if not _fits(shape, dtype, size):
        raise ValueError(f"{name} says that it has shape {shape}, and its size says otherwise")


def _as_array(
    contents: bytes, shape: tuple[int, ...], column_major: bool, dtype: np.dtype, name: str
) -> np.ndarray:
    values = np.frombuffer(bytearray(contents), dtype)
    values = values.astype(dtype.newbyteorder("="), copy=False)  # as this machine counts
    try:
        return values.reshape(shape, order="F" if column_major else "C")
    except ValueError as error:
        raise ValueError(f"{name} says that it has shape {shape}, which no array has") from error


def _read_header(data: IO[bytes], name: str) -> tuple[tuple[int, ...], bool, np.dtype]:
    """The shape of an array, whether it is stored column by column, and its type."""
    try:
        first = npy.read_magic(data) == (1, 0)
        read = npy.read_array_header_1_0 if first else npy.read_array_header_2_0
        shape, column_major, dtype = read(data, max_header_size=MAX_HEADER)
    except ValueError as error:
        raise ValueError(
            f"{name} does not begin with the type and the shape of an array, in at most"
            f" {MAX_HEADER} bytes"
        ) from error
    return shape, column_major, dtype


def _fits(shape: tuple[int, ...], dtype: np.dtype, size: int) -> bool:
    """Whether numbers of this shape and type take `size` bytes."""
    whole = all(type(length) is int and length >= 0 for length in shape)
    return whole and math.prod(shape) * dtype.itemsize == size
