"""Files that ask for much: each is refused with the thing, the value and the limit, after at most
5 s and with at most 500 MB, which a process of its own measures.
"""

import io
import json
import re
import struct
import subprocess
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from dragkit.models.gan import checkpoint
from dragkit.models.gan.checkpoint import CheckpointError, budget
from dragkit.models.gan.checkpoint.budget import LIMITS, Budget
from dragkit.models.gan.checkpoint.layouts import brief
from dragkit.models.safetensors_header import HEADER, read_header
from tests.checkpoint_files import network, rosinality, write_nvidia

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
        lambda: saved({"style.1.weight": torch.ones(2, 50_000, dtype=torch.float16)}),
        "500020000 random numbers; one file may ask for 25000000",
    ),
    "many layers before w": (
        lambda: many_layers(20, 512),
        "multiplications; one file may ask for 40000000000",
    ),
    "many names in safetensors": (
        lambda: empties(60_000),
        "60000 tensors in one file; at most 10000",
    ),
    "a million names in safetensors": (
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


@pytest.fixture(scope="module")
def costs(tmp_path_factory) -> dict[str, dict]:
    """What each file costs, all measured by one process, which starts one more for each."""
    pytest.importorskip("resource")  # Windows does not tell a process's peak this way
    folder = tmp_path_factory.mktemp("hostile")
    for name, (make, _) in HOSTILE.items():
        made = make()
        if isinstance(made, bytes):
            (folder / name).write_bytes(made)
        else:
            made(folder / name)
    paths = [str(folder / name) for name in HOSTILE]
    command = [sys.executable, "-m", "tests.measured", *paths]
    printed = subprocess.run(command, capture_output=True, text=True, timeout=200, check=True)
    for path in paths:
        Path(path).unlink()
    lines = printed.stdout.splitlines()
    return dict(zip(HOSTILE, map(json.loads, lines), strict=True))


@pytest.mark.parametrize("name", HOSTILE)
def test_a_file_that_asks_for_much_is_refused_soon_and_with_little_memory(costs, name):
    cost = costs[name]
    assert cost["error"] == "CheckpointError", cost
    assert f"hostile0/{name}" in cost["message"].replace("\\", "/")
    _, expected = HOSTILE[name]
    assert re.search(expected, cost["message"]), cost
    assert len(cost["message"]) < 1500
    assert cost["seconds"] < 5 and cost["megabytes"] < 500, cost


def test_whatever_takes_long_is_refused_by_the_clock(monkeypatch, tmp_path):
    path = write_nvidia(tmp_path / "a.pkl", network(8))
    clock = iter(range(10**6))
    monkeypatch.setattr(budget.time, "thread_time", lambda: next(clock))
    with pytest.raises(CheckpointError, match=r"a.pkl: it has taken 3.0 s .*may take 2 s"):
        checkpoint.read(path)


@given(st.sampled_from(sorted(LIMITS)), st.lists(st.integers(0, 10**11), max_size=20))
def test_a_budget_is_what_is_asked_for_in_all(kind, amounts):
    spent, total = Budget(), 0
    for amount in amounts:
        total += amount
        if total > LIMITS[kind]:
            with pytest.raises(CheckpointError, match=f"{total} {kind}; .* {LIMITS[kind]}"):
                spent.spend(kind, amount)
            break
        spent.spend(kind, amount)
        assert spent.spent[kind] == total


def test_a_public_size_takes_a_fraction_of_the_budget(monkeypatch, tmp_path):
    budgets = []

    class Kept(Budget):
        def __init__(self) -> None:
            super().__init__()
            budgets.append(self)

    for module in (checkpoint, checkpoint.contents):
        monkeypatch.setattr(module, "Budget", Kept)
    checkpoint.generator(checkpoint.read(write_nvidia(tmp_path / "a.pkl", network(64))))
    assert len(budgets) == 2
    for kind, limit in LIMITS.items():
        assert max(budget.spent[kind] for budget in budgets) < limit / 20


# archives

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


# headers of safetensors

ENTRY = {"dtype": "F32", "shape": [1], "data_offsets": [0, 4]}


@pytest.mark.parametrize(
    "header, message",
    [
        (b'{"a":1,"a":1}', "the name 'a' twice"),
        (b'{"a":{"shape":[1],"shape":[2]}}', "the name 'shape' twice"),
        (b'{"a":' * 100_000 + b"1" + b"}" * 100_000, "nested without end"),
        (b'{"a":{"shape":[1.' + b"1" * 1_000_000 + b"]}}", "number 1.11"),
        (b'{"a":{"shape":[' + b"1" * 1_000_000 + b"]}}", "4300 digits"),
        (
            {"a": ENTRY | {"shape": [1] * 100_000}},
            "'a' without a shape, or with one of more than 16",
        ),
        ({"a": ENTRY | {"shape": [-1]}}, "not of whole numbers"),
        ({"a": ENTRY | {"shape": [True]}}, "not of whole numbers"),
        ({"a": 5}, "'a' without a shape"),
        ({"a" * 100_000: 5}, "'a{60}' without a shape"),
        ({"__metadata__": 5}, "metadata"),
        (b"[]", "not a JSON object"),
        ({str(i): ENTRY for i in range(10_001)}, "10001 tensors in one file; at most 10000"),
    ],
)
def test_a_header_of_safetensors_is_plain(tmp_path, header, message):
    path = tmp_path / "a.safetensors"
    path.write_bytes(headed(header) + bytes(4))
    with pytest.raises(ValueError, match=message):
        read_header(path)
    if path.read_bytes()[8:9] == b"{":
        with pytest.raises(CheckpointError, match="a.safetensors"):
            checkpoint.read(path)


def test_a_header_says_the_shapes(tmp_path):
    path = tmp_path / "a.safetensors"
    path.write_bytes(headed({"__metadata__": {"clamp": "256"}, "a": ENTRY}) + bytes(4))
    header = read_header(path)
    assert header.shapes == {"a": (1,)} and header.metadata == {"clamp": "256"}


def test_a_clamp_of_many_digits_is_refused(tmp_path):
    path = tmp_path / "a.safetensors"
    header = {"__metadata__": {"clamp": "1" * 100_000}, "a": ENTRY}
    path.write_bytes(headed(header) + bytes(4))
    with pytest.raises(CheckpointError, match="clamp of 100000 digits; at most 30"):
        checkpoint.read(path)


# what is told


def test_stored_arguments_are_told_in_a_few_words():
    tower = [[1, 2], 3]
    for _ in range(40):
        tower = [tower] * 8
    assert brief([1, 3, 3, 1]) == "[1, 3, 3, 1]"
    assert brief((0.5, "ab", None)) == "[0.5, 'ab', None]"
    assert brief(tower) == "[list, list, list, list, list, list, list, list]"
    assert brief(set(range(10**6))) == "set" and brief([0] * 10**6) == "list"
    assert len(brief("x" * 10**7)) < 100


def test_a_generator_has_a_bounded_side(tmp_path):
    state = network(8, **SMALL).state_dict()
    blocks = {f"synthesis.b{4 << k}.conv1.weight": torch.zeros(2, 2, 3, 3) for k in range(40)}
    torch.save(state | blocks, tmp_path / "a.pt")
    with pytest.raises(CheckpointError, match=f"generator of {4 << 39} px; those of at most 4096"):
        opened(tmp_path / "a.pt", (tmp_path / "a.pt").read_bytes())
