"""Small files that would fill the memory, and files that lie, are refused at once."""

import contextlib
import json
import os
import struct
import time
import tracemalloc
import zipfile
import zlib
from io import BytesIO

import numpy as np
import pytest

import dragkit as dk
from dragkit.bench.results_file import read_results
from dragkit.models.zoo import DATA
from dragkit.npz import read_npz
from dragkit.reading import check_text, parse_json
from dragkit.runs.files import MOST_BYTES


def entry(shape, dtype="<f4"):
    """The contents of an .npy that declares this shape."""
    out = BytesIO()
    np.lib.format.write_array_header_2_0(
        out, {"descr": dtype, "fortran_order": False, "shape": shape}
    )
    return out.getvalue()


def written(path, entries, method=zipfile.ZIP_DEFLATED):
    with zipfile.ZipFile(path, "w", method) as file:
        for name, contents in entries:
            file.writestr(name, contents)
    return path


def refused(path, words):
    """Trace-like reading is refused, quickly."""
    began = time.monotonic()
    with pytest.raises(ValueError, match=words):
        read_npz(path)
    assert time.monotonic() - began < 1


def test_a_bomb_is_refused_before_it_is_inflated(tmp_path):
    zeros = entry((600 << 20,), "|u1") + bytes(600 << 20)
    path = written(tmp_path / "a.npz", [("image.npy", zeros)])
    assert path.stat().st_size < 1 << 20
    del zeros
    refused(path, r"would take 6291\d+ bytes in memory, and a file of its size may take")


@pytest.mark.parametrize("shape", [(10**6, 10**6), (2**62, 4), (3,), (0,), (-1, -4)])
def test_a_shape_that_the_entry_does_not_hold_is_refused(tmp_path, shape):
    path = written(tmp_path / "a.npz", [("image.npy", entry(shape) + bytes(16))])
    refused(path, "its size says otherwise|header|shape")


def test_a_million_entries_are_not_listed(tmp_path):
    name = b"%08x"
    one = struct.pack("<4s4B4HL2L5H2L", b"PK\1\2", *[20, 0] * 2, *[0] * 7, 8, *[0] * 6)
    directory = b"".join(one + name % i for i in range(1_000_000))
    for count in (0xFFFF, 10):
        end = struct.pack("<4s4H2LH", b"PK\5\6", 0, 0, count, count, len(directory), 64, 0)
        (tmp_path / "a.npz").write_bytes(b"PK\3\4" + bytes(60) + directory + end)
        refused(tmp_path / "a.npz", "entries or more, described in 54000000 bytes")
    (tmp_path / "a.npz").write_bytes(b"PK\3")
    refused(tmp_path / "a.npz", "is not an .npz, or is cut short")


def test_an_entry_that_inflates_to_more_than_it_says_is_cut_off(tmp_path):
    """The headers are honest; the stream goes on after what they promise."""
    honest = entry((4,)) + bytes(16)
    path = written(tmp_path / "a.npz", [("image.npy", honest)])
    with zipfile.ZipFile(path) as file:
        (found,) = file.infolist()
    contents = path.read_bytes()
    begin = found.header_offset + 30 + len(found.filename)
    end = contents[begin + found.compress_size :]

    deflate = zlib.compressobj(9, zlib.DEFLATED, -15)
    longer = deflate.compress(honest) + deflate.compress(bytes(50 << 20)) + deflate.flush()
    size = struct.pack("<L", len(longer))
    place = struct.pack("<L", begin + len(longer))  # of the directory, as its end says
    head = contents[:18] + size + contents[22:begin]
    path.write_bytes(head + longer + end[:20] + size + end[24:-6] + place + end[-2:])

    tracemalloc.start()
    with contextlib.suppress(ValueError):  # or it is the sixteen bytes that it says
        read_npz(path)
    assert tracemalloc.get_traced_memory()[1] < 10 << 20
    tracemalloc.stop()


@pytest.mark.skipif(os.name == "nt", reason="Windows has no pipes among its files")
def test_arrays_in_a_pipe_or_a_device_are_not_read(tmp_path):
    os.mkfifo(tmp_path / "a.npz")
    refused(tmp_path / "a.npz", "is not a file")
    (tmp_path / "b.npz").symlink_to("/dev/zero")
    refused(tmp_path / "b.npz", "is not a file")


@pytest.mark.parametrize("again", ["'shape': (0,), " * 700, "'shape': (0L,), " * 700])
def test_a_long_header_is_not_parsed(tmp_path, again):
    text = f"{{'descr': '<f4', 'fortran_order': False, {again}'shape': (0,)}}".encode()
    header = b"\x93NUMPY\x01\x00" + struct.pack("<H", len(text)) + text
    path = written(tmp_path / "a.npz", [(f"{i}.npy", header) for i in range(100)])
    refused(path, "does not begin with the type and the shape of an array, in at most 512 bytes")


def test_objects_and_two_entries_of_one_name_are_refused(tmp_path):
    refused(
        written(tmp_path / "a.npz", [("a.npy", entry((1,), "|O") + bytes(8))]),
        "as a pickle, which is not opened",
    )
    twice = [("a.npy", entry((1,)) + bytes(4))] * 2
    with pytest.warns(UserWarning, match="Duplicate"):
        path = written(tmp_path / "b.npz", twice)
    refused(path, "two entries of one name")


def test_an_encrypted_or_lying_entry_is_refused(tmp_path):
    path = written(tmp_path / "a.npz", [("a.npy", entry((64,)) + bytes(256))])
    contents = path.read_bytes()
    central = contents.rindex(b"PK\1\2")

    encrypted = bytearray(contents)
    encrypted[central + 8] |= 1
    path.write_bytes(encrypted)
    refused(path, "is encrypted")

    for size in (10, 10**9):
        lying = bytearray(contents)
        lying[central + 24 : central + 28] = struct.pack("<I", size)
        path.write_bytes(lying)
        with pytest.raises((ValueError, zipfile.BadZipFile)):
            read_npz(path)


def run_with(tmp_path, **changes):
    path = dk.Trace.load(DATA / "traces/eye").until(1).save(tmp_path / "run")
    text = json.loads(path.read_text()) | changes
    path.write_text(json.dumps(text))
    return path


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (b"[" * 100_000, "more than 32 lists"),
        (b"[" + b"1," * 3_000_000 + b"1]", "has some 3,000,001 values; at most 2,000,000"),
        (b'{"a": ' + b"9" * 10_000 + b"}", "at most 64 bits"),
        (b"\xff\xfe", "codec"),
    ],
    ids=["deep", "many", "digits", "not UTF-8"],
)
def test_a_json_has_limits(text, words):
    began = time.monotonic()
    with pytest.raises(ValueError, match=words):
        parse_json(text)
    assert time.monotonic() - began < 1


def test_a_large_file_is_not_read(tmp_path):
    path = tmp_path / "run.json"
    with path.open("wb") as file:
        file.truncate(10 * MOST_BYTES)  # sparse: it takes no room
    with pytest.raises(ValueError, match="has more than 33,554,432 bytes"):
        dk.Trace.load(path)
    (tmp_path / "run.jsonl").symlink_to("run.json")
    with pytest.raises(ValueError, match="has more than 67,108,864 bytes"):
        read_results(tmp_path / "run.jsonl")


def test_names_and_notes_from_files_are_checked(tmp_path):
    for name in ("", "a" * 201, "a\nb", "a\x1bb", 5, None):
        with pytest.raises(ValueError, match="^a name is .*; give"):
            check_text(name, "a name")
    with pytest.raises(ValueError, match="metadata"):
        dk.Trace.load(run_with(tmp_path, metadata={"model": "a" * 20_000}))
    with pytest.raises(ValueError, match="printed"):
        dk.Trace.load(run_with(tmp_path, metadata={"a\nb": 1}))
    path = tmp_path / "r.jsonl"
    path.write_text(json.dumps({"task": 1, "method": 2, "settings": {}, "a" * 300: 1}) + "\n")
    with pytest.raises(ValueError, match="name of a column"):
        read_results(path)


OTHER = ["[]", "3", "null", '{"steps": []}', '{"dragkit": 3, "steps": [1]}']


@pytest.mark.parametrize("text", OTHER)
def test_a_json_of_something_else_is_told_in_our_words(tmp_path, text):
    (tmp_path / "a.json").write_text(text)
    written(tmp_path / "a.npz", [("image.npy", entry((0,)))])
    with pytest.raises(ValueError, match="of something else|no list of objects"):
        dk.Trace.load(tmp_path / "a")
