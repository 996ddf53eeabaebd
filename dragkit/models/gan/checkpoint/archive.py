"""Archives (zip) as torch writes them, whose every word is checked before it is believed.

torch packs one pickle and its storages without compressing or encrypting them, so an entry lies in
the file as it is. A zip file says where and how long an entry is in two places, in front of it and
in a directory at the end; where the two do not agree, different programs would read different
things, and the file is refused.
"""

from __future__ import annotations

import struct
import zipfile
import zlib
from operator import attrgetter
from pathlib import Path

from .budget import Budget, CheckpointError
from .tape import PIECE
from .values import short

DIRECTORY = 2 << 20  # bytes; torch's directory takes about 70 for each entry
SCRIPT = "/constants.pkl"  # how a name ends that only TorchScript's archives have
ENCRYPTED = 0x2041  # the flags of an entry that say so: encrypted, strongly, and its header too
SIZES_FOLLOW = 8  # the flag of an entry whose sizes are written behind it
UTF8 = 0x800
ELSEWHERE = 0xFFFFFFFF  # in place of a size: it needs 64 bits, and is not in this field


class Archive:
    """The entries of an archive by name; each one's bytes stay in the file.

    Raises:
        CheckpointError: it has too many entries, or some that are compressed, encrypted, of one
            name, in each other's place, or described in two ways.
    """

    def __init__(self, path: Path, view: memoryview, budget: Budget) -> None:
        count = _check_end(view, budget)
        with zipfile.ZipFile(path) as archive:
            entries = archive.infolist()
            directory = archive.start_dir
        if any(entry.filename.endswith(SCRIPT) for entry in entries):
            raise CheckpointError(
                "a TorchScript file (torch.jit.save), whose network is code; save its weights"
                " instead: torch.save(network.state_dict(), file)"
            )
        if len(entries) != count:
            raise CheckpointError(
                f"an archive that says it has {count} files, and has {len(entries)}"
            )
        self.checksums = {entry.filename: entry.CRC for entry in entries}
        if len(self.checksums) < count:
            raise CheckpointError(
                f"an archive of {count} files with {len(self.checksums)} different names"
            )
        self.pieces = _pieces(view, entries, directory)

    def piece(self, name: str) -> tuple[memoryview, int]:
        """The bytes of an entry, and their checksum (CRC-32).

        A checksum of 0 means that there is none: torch can be told to save without.
        """
        if name not in self.pieces:
            raise CheckpointError(f"the archive lacks {short(name)!r}")
        return self.pieces[name], self.checksums[name]

    def checked(self, name: str) -> memoryview:
        """The bytes of an entry that describes the others, if they have its checksum."""
        piece, checksum = self.piece(name)
        if len(piece) > PIECE:
            raise CheckpointError(
                f"{name!r} in the archive has {len(piece)} bytes; at most {PIECE} are read"
            )
        check_sum(piece, checksum)
        return piece


def check_sum(data: memoryview, expected: int) -> None:
    """Raise CheckpointError if bytes do not have their checksum, unless that is 0: not known."""
    if expected and zlib.crc32(data) != expected:
        raise CheckpointError(
            f"{len(data)} bytes whose checksum is not {expected:#010x}, which the archive has for"
            " them: they are damaged or altered"
        )


def _check_end(view: memoryview, budget: Budget) -> int:
    """How many entries an archive says it has; its directory is not read before that is known.

    The record of 22 bytes at the end may refer to one with 64-bit numbers, just before it.
    """
    signature, _, _, _, count, size, offset, comment = struct.unpack("<4s4H2LH", view[-22:])
    if signature != b"PK\5\6" or comment:
        raise CheckpointError(
            "an archive without its end: it is cut short, or something follows it"
        )
    end = len(view) - 22
    if view[-42:-38] == b"PK\6\7":
        end = len(view) - 98
        signature, *_, count, size, offset = struct.unpack("<4sQ2H2L4Q", view[end : end + 56])
        _, _, place, _ = struct.unpack("<4sLQL", view[-42:-22])
        if signature != b"PK\6\6" or place != end:
            raise CheckpointError("an archive whose 64-bit record is not where it should be")
    budget.spend("entries", count)
    if size > DIRECTORY or offset + size != end:
        raise CheckpointError(
            f"an archive's directory of {size} bytes from byte {offset} on; it must end at byte"
            f" {end}, and at most {DIRECTORY} bytes are read"
        )
    return count


def _pieces(
    view: memoryview, entries: list[zipfile.ZipInfo], directory: int
) -> dict[str, memoryview]:
    """The bytes of each entry, which must end before the next one begins."""
    ordered = sorted(entries, key=attrgetter("header_offset"))
    ends = [*(entry.header_offset for entry in ordered[1:]), directory]
    return {
        entry.filename: _piece(view, entry, end) for entry, end in zip(ordered, ends, strict=True)
    }


def _piece(view: memoryview, entry: zipfile.ZipInfo, most: int) -> memoryview:
    """The bytes of an entry, behind its header of 30 bytes, its name and an extra field."""
    _check_stored(entry)
    start = entry.header_offset + 30
    header = struct.unpack("<4s5H3L2H", view[start - 30 : start])
    name_length, extra_length = header[-2:]
    own_name = bytes(view[start : start + name_length])

    first = start + name_length + extra_length
    end = first + entry.file_size
    if not _agree(entry, header, own_name):
        raise CheckpointError(f"{entry.filename!r} is described in two ways in the archive")
    if end > most:
        raise CheckpointError(
            f"{entry.filename!r} in the archive reaches byte {end}; what follows it begins at"
            f" byte {most}"
        )
    return view[first:end]


def _check_stored(entry: zipfile.ZipInfo) -> None:
    name = short(entry.filename)
    if entry.flag_bits & ENCRYPTED:
        raise CheckpointError(f"{name!r} in the archive is encrypted; torch does not encrypt")
    if entry.compress_type != zipfile.ZIP_STORED:
        raise CheckpointError(f"{name!r} in the archive is compressed; torch does not compress")
    if entry.compress_size != entry.file_size:
        raise CheckpointError(
            f"{name!r} in the archive takes {entry.compress_size} bytes and says it has"
            f" {entry.file_size}, though it is not compressed"
        )


def _agree(entry: zipfile.ZipInfo, header: tuple, own_name: bytes) -> bool:
    """Whether the header in front of an entry says what the directory does."""
    signature, _, flags, method, _, _, checksum, *sizes, _, _ = header
    encoding = "utf-8" if entry.flag_bits & UTF8 else "cp437"
    same = (
        signature == b"PK\3\4"
        and not flags & ENCRYPTED
        and method == entry.compress_type
        and own_name == entry.orig_filename.encode(encoding)
    )
    unknown = {0} if flags & SIZES_FOLLOW else set()
    return (
        same
        and checksum in {entry.CRC} | unknown
        and all(size in {entry.file_size, ELSEWHERE} | unknown for size in sizes)
    )
