"""torch's archives: one that is encrypted, or says two things of an entry, is refused."""

import io
import struct
import zipfile
from pathlib import Path

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from dragkit.models.gan import checkpoint
from dragkit.models.gan.checkpoint import CheckpointError
from tests.hostile_files import saved

WHOLE = saved({})


def archive_parts(whole: bytes) -> dict[str, tuple[int, int]]:
    """Where each entry is in a torch file: its line in the directory, and its header."""
    end = whole.rindex(b"PK\6\6")
    size, at = struct.unpack("<2Q", whole[end + 40 : end + 56])
    parts, last = {}, at + size
    while at < last:
        name, extra, comment = struct.unpack("<3H", whole[at + 28 : at + 34])
        (header,) = struct.unpack("<L", whole[at + 42 : at + 46])
        parts[whole[at + 46 : at + 46 + name].decode().split("/", 1)[1]] = (at, header)
        at += 46 + name + extra + comment
    return parts


def opened(path: Path, whole: bytes) -> dict[str, torch.Tensor]:
    path.write_bytes(whole)
    state, _ = checkpoint.generator(checkpoint.read(path))
    return state


PARTS = archive_parts(WHOLE)
LINE, HEAD = PARTS["data/0"]
OTHER, OTHER_HEAD = PARTS["data/1"]


@pytest.mark.parametrize(
    "at, value, message",
    [
        (LINE + 8, b"\x01", "encrypted"),
        (LINE + 8, b"\x40", "encrypted"),
        (HEAD + 6, b"\x01", "'archive/data/0' is described in two ways"),
        (LINE + 10, b"\x08", "compressed"),
        (HEAD + 8, b"\x08", "described in two ways"),
        (LINE + 16, b"\x77", "checksum"),
        (PARTS["data.pkl"][0] + 16, b"\x77", "checksum"),
        (LINE + 20, b"\x01", "takes .* bytes and says it has"),
        (LINE + 24, b"\xff\xff\xff\x7f", "takes .* bytes and says it has 2147483647"),
        (LINE + 20, b"\x00\x10\x00\x00" * 2, "reaches byte .* begins at"),
        (LINE + 42, struct.pack("<L", OTHER_HEAD), "described in two ways"),
        (
            LINE + 46 + len("archive/data/"),
            b"1",
            f"{len(PARTS)} files with {len(PARTS) - 1} different names",
        ),
        (HEAD + 30 + len("archive/data/"), b"1", "described in two ways"),
        (HEAD, b"PK\5\6", "described in two ways"),
        (HEAD + 28, b"\xff\x7f", "reaches byte .* begins at"),
        (len(WHOLE) - 98 + 32, struct.pack("<Q", 5), f"5 files, and has {len(PARTS)}"),
        (len(WHOLE) - 98 + 48, struct.pack("<Q", 2**62), "it must end at byte"),
        (len(WHOLE) - 42 + 8, struct.pack("<Q", 5), "64-bit record is not where"),
        (len(WHOLE) - 2, b"\x01", "without its end"),
    ],
)
def test_an_archive_that_lies_or_is_encrypted_is_refused(tmp_path, at, value, message):
    lying = WHOLE[:at] + value + WHOLE[at + len(value) :]
    with pytest.raises(CheckpointError, match=f"a.pt.*({message})"):
        opened(tmp_path / "a.pt", lying)


def test_an_archive_without_checksums_is_read(tmp_path):
    """torch writes 0 for all of them if it is told to save quickly."""
    quick = bytearray(WHOLE)
    for line, _ in PARTS.values():
        quick[line + 16 : line + 20] = bytes(4)
    expected = opened(tmp_path / "a.pt", WHOLE)
    found = opened(tmp_path / "a.pt", bytes(quick))
    assert all(torch.equal(found[name], expected[name]) for name in expected)


@settings(max_examples=100, deadline=None)
@given(st.data())
def test_an_archive_is_read_as_it_was_written_or_refused(tmp_path_factory, data):
    """Whichever byte of a header or of the directory is changed."""
    starts = [start for part in PARTS.values() for start in part] + [len(WHOLE) - 98]
    at = data.draw(st.sampled_from(starts)) + data.draw(st.integers(0, 60))
    value = data.draw(st.integers(0, 255))
    path = tmp_path_factory.getbasetemp() / "changed.pt"
    expected = opened(path, WHOLE)
    try:
        found = opened(path, WHOLE[:at] + bytes([value]) + WHOLE[at + 1 :])
    except CheckpointError as error:
        assert "changed.pt" in str(error)
    else:
        assert all(torch.equal(found[name], expected[name]) for name in expected)


def test_two_files_of_one_name_are_refused(tmp_path):
    path = tmp_path / "a.pt"
    with zipfile.ZipFile(io.BytesIO(WHOLE)) as source, zipfile.ZipFile(path, "w") as target:
        for entry in source.infolist():
            target.writestr(entry.filename, source.read(entry))
        with pytest.warns(UserWarning, match="Duplicate name"):
            target.writestr("archive/data/0", b"another")
    with pytest.raises(
        CheckpointError, match=f"{len(PARTS) + 1} files with {len(PARTS)} different"
    ):
        checkpoint.read(path)
