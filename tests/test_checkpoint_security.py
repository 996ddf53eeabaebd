"""Hostile checkpoints: nothing in them runs, nothing outside them is touched, memory stays
bounded, and the answer is a CheckpointError.
"""

import contextlib
import encodings.cp437  # noqa: F401  # zipfile imports it for file names of old archives
import os
import pickle
import random
import struct
import subprocess
import sys
import zipfile
from collections import OrderedDict

import numpy as np
import pytest
import torch

import dragkit as dk
from dragkit.models import zoo
from dragkit.models.gan import checkpoint
from dragkit.models.gan.checkpoint import CheckpointError
from dragkit.models.gan.state_dict import blank
from tests.checkpoint_files import (
    EasyDict,
    Network,
    Persistent,
    arguments,
    network,
    persistent,
    rosinality,
    write,
    write_nvidia,
    write_tensorflow,
)

SEEN: list[str] = []  # what the interpreter did while `watched`
WATCHING: list[str] = []


def _audit(event: str, details: tuple) -> None:
    if WATCHING and event != "object.__getattr__":
        reading = (
            event == "open"
            and str(details[0]) in (WATCHING[0], str(zoo.PUBLIC))
            and details[1] in ("r", "rb")
        )
        if not reading and event not in ("mmap.__new__", "os.fspath"):
            SEEN.append(f"{event} {details}"[:200])


sys.addaudithook(_audit)  # for the rest of the process; idle unless a file is being watched


@contextlib.contextmanager
def watched(path):
    """Fails where anything but reading `path` (and the list of public files) happens: no exec, no
    import, no other file, no process.
    """
    SEEN.clear()
    WATCHING.append(str(path))
    try:
        yield
    finally:
        WATCHING.clear()
    assert not SEEN


class Call:
    """Pickles as a call of `function`."""

    def __init__(self, function, *args) -> None:
        self.reduced = function, args

    def __reduce__(self):
        return self.reduced


def refused(path, message: str) -> None:
    dk.load("toy")
    with contextlib.suppress(CheckpointError):
        # once unwatched: modules that are imported where they are used
        checkpoint.generator(checkpoint.read(path))
    with watched(path), pytest.raises(CheckpointError, match=message) as caught:
        checkpoint.generator(checkpoint.read(path))
    assert str(path) in str(caught.value)


def with_state(path, **state):
    """A pickle whose generator has these attributes beside its own."""
    return write(
        path, {"G_ema": persistent(network(8), _init_kwargs=arguments(network(8)), **state)}
    )


def with_weight(path, tensor):
    """A pickle whose generator has `tensor` as its first weight."""
    made = persistent(network(8), _init_kwargs=arguments(network(8)))
    made.meta["state"]["_modules"]["mapping"].meta["state"]["_modules"]["fc0"].meta["state"][
        "_parameters"
    ]["weight"] = tensor
    return write(path, {"G_ema": made})


@pytest.mark.parametrize("protocol", [2, 4])
def test_a_call_of_os_system_is_refused_by_name(tmp_path, protocol):
    evil = Call(os.system, f"touch {tmp_path / 'owned'}")
    for name, data in {
        "top": evil,
        "deep": {"G_ema": persistent(network(8), evil=[evil])},
        "key": {"G_ema": {"a": evil}},
    }.items():
        path = tmp_path / name
        if name == "deep" and protocol == 2:
            continue
        refused(
            write(path, data, protocol),
            f"it names '{os.system.__module__}.system', which is not on the closed list",
        )
    assert not (tmp_path / "owned").exists()


@pytest.mark.parametrize(
    "name",
    [
        "builtins eval",
        "builtins getattr",
        "torch load",
        "torch.serialization _load",
        "functools partial",
        "collections deque",
        "dragkit.models.gan.checkpoint.contents Node",
        "torch.storage _load_from_bytes.__globals__",
    ],
)
def test_names_outside_the_closed_list_are_refused(tmp_path, name):
    path = tmp_path / "a.pkl"
    path.write_bytes(b"\x80\x02c" + name.replace(" ", "\n").encode() + b"\nq\x00.")
    refused(path, "closed list")


def test_the_source_in_a_file_is_never_run(tmp_path):
    made = network(8)
    path = write_nvidia(tmp_path / "a.pkl", made)
    evil = Persistent(
        "Generator",
        persistent(made, _init_kwargs=arguments(made)).meta["state"],
        f"open({str(tmp_path / 'owned')!r}, 'w')",
    )
    write(path, {"G_ema": evil})
    checkpoint.generator(checkpoint.read(path))
    with watched(path):
        state, _ = checkpoint.generator(checkpoint.read(path))
    assert not (tmp_path / "owned").exists() and torch.equal(
        state["mapping.w_avg"], made.mapping.w_avg
    )


def test_a_pickle_nested_in_a_storage_is_read_as_a_storage_or_refused(tmp_path):
    import io

    def saved(data) -> bytes:
        out = io.BytesIO()
        torch.save(data, out, _use_new_zipfile_serialization=False)
        return out.getvalue()

    load, rebuild = torch.storage._load_from_bytes, torch._utils._rebuild_tensor_v2
    evil = Call(os.system, f"touch {tmp_path / 'owned'}")
    for k, (payload, message) in enumerate(
        [
            (pickle.dumps(evil), "'posix.system', which is not on the closed list|'nt.system'"),
            (saved(evil), "system', which is not on the closed list"),
            (saved([1, 2]), "found list where Storage was expected"),
            (saved(torch.zeros(2)), "_rebuild_tensor_v2', which is not on the closed list"),
            (pickle.dumps(5), "magic number"),
            (b"", "a pickle without an end"),
        ]
    ):
        refused(
            with_weight(
                tmp_path / f"{k}.pkl",
                Call(rebuild, Call(load, payload), 0, (2,), (1,), False, OrderedDict()),
            ),
            message,
        )
    assert not (tmp_path / "owned").exists()


@pytest.mark.parametrize(
    "offset, size, stride, message",
    [
        (0, (3, 3), (3, 1), r"reaches number 8 of a storage of 6"),
        (5, (2,), (1,), "reaches number 6"),
        (0, (10**9, 10**9), (0, 0), "share their numbers"),
        (0, (2, 3), (1, 1), "overlap"),
        (-1, (2,), (1,), "whole numbers from 0"),
        (0, (-2,), (1,), "whole numbers from 0"),
        (0, (2,), (-1,), "whole numbers from 0"),
        (0, (2, 3), (1,), "whole numbers from 0"),
        (0, (2.0,), (1,), "whole numbers from 0"),
        (0, (2**70,), (1,), "whole numbers from 0"),
        (0, ("2",), (1,), "whole numbers from 0"),
    ],
)
def test_tensors_that_leave_their_storage_or_overlap_are_refused(
    tmp_path, offset, size, stride, message
):
    storage = torch.storage.TypedStorage(
        wrap_storage=torch.zeros(6).untyped_storage(), dtype=torch.float32, _internal=True
    )
    refused(
        with_weight(
            tmp_path / "a.pkl",
            Call(
                torch._utils._rebuild_tensor_v2,
                storage,
                offset,
                size,
                stride,
                False,
                OrderedDict(),
            ),
        ),
        message,
    )


def test_tensors_that_share_numbers_cannot_fill_the_memory(tmp_path):
    shared = torch.zeros(64, 64, 3, 3)
    state = network(16).state_dict() | {f"synthesis.b{r}.conv1.weight": shared for r in (4, 8, 16)}
    torch.save(state | {f"synthesis.extra{i}": shared for i in range(50)}, tmp_path / "a.pt")
    refused(tmp_path / "a.pt", "share their numbers")


def test_arrays_of_objects_or_records_are_refused(tmp_path):
    for k, (value, message) in enumerate(
        [
            (np.array([Call(os.system, "true")], dtype=object), "it names '(posix|nt).system'"),
            (np.zeros(2, dtype=[("a", "f4")]), "array of type 'V"),
            (np.zeros(2, "S4"), "array of type 'S4'"),
            (np.zeros(2, ">f4"), "big-endian"),
            (np.zeros(2, "M8[s]"), "array of type 'M8"),
        ]
    ):
        made = Network()
        made.__dict__ = {"variables": [("x", value)], "components": {}, "static_kwargs": {}}
        refused(write(tmp_path / f"{k}.pkl", (made, made, made)), message)
    for k, (value, message) in enumerate(
        [(np.void(b"abcd"), "array of type 'V4'"), (np.str_("ab"), "array of type 'U2'")]
    ):
        refused(with_state(tmp_path / f"s{k}.pkl", weight_gain=value), message)


def test_scalars_and_arrays_must_have_exactly_their_bytes(tmp_path):
    scalar, dtype = np.float64(1).__reduce__()[0], np.dtype("f8")
    refused(
        with_state(tmp_path / "a.pkl", gain=Call(scalar, dtype, b"1234567")),
        "storage of 8 bytes has 7",
    )
    path = write_tensorflow(tmp_path / "b.pkl", network(8))
    whole = path.read_bytes()
    shape = whole.index(b"K\x08\x85")  # the shape (8,) of some array becomes (9,)
    path.write_bytes(whole[:shape] + b"K\x09\x85" + whole[shape + 3 :])
    refused(path, "storage of 36 bytes has 32")


def test_persistent_ids_belong_to_torch_files_only(tmp_path):
    path = tmp_path / "a.pkl"
    path.write_bytes(b"\x80\x02K\x01Q.")
    refused(path, "persistent id")
    torch.save({"a": torch.zeros(2)}, tmp_path / "b.pt")
    with zipfile.ZipFile(tmp_path / "b.pt") as archive:
        names = {info.filename: archive.read(info) for info in archive.infolist()}
    data = next(name for name in names if name.endswith("data.pkl"))
    for k, (old, new, message) in enumerate(
        [
            (b"storage", b"mod_ule", "not a plain storage"),
            (b"FloatStorage", b"EvilStor_age", "closed list"),
            (b"K\x02", b"K\x7f", "storage of 508 bytes has 8"),
        ]
    ):
        with zipfile.ZipFile(tmp_path / f"c{k}.pt", "w") as archive:
            for name, content in names.items():
                archive.writestr(name, content.replace(old, new, 1) if name == data else content)
        refused(tmp_path / f"c{k}.pt", message)


def test_compressed_archives_are_refused_unread(tmp_path):
    with zipfile.ZipFile(tmp_path / "bomb.pt", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("a/data.pkl", bytes(50_000_000))
    refused(tmp_path / "bomb.pt", "compressed")


@pytest.mark.parametrize(
    "body, message",
    [
        (b"]" * 100_000 + b"a" * 99_999, "a list of 1, and no network"),
        (b")" + b"\x85" * 400_000, "no StyleGAN2|damaged|and no network"),
        (b"}" + b")" + b"\x85" * 200_000 + b"K\x01s", "tuple as a key"),
        (b"(" * 1_000_100, "500001 opcodes and items; one file may ask for 500000"),
        (b"K\x01r\xff\xff\xff\xff", "it holds one int, and no network"),
        (b"\x8e" + struct.pack("<Q", 2**62) + b"abc", "a piece of 4611686018427387904 bytes"),
        (b"\x96" + struct.pack("<Q", 2**40) + b"abc", "a piece of 1099511627776 bytes"),
        (b"X" + struct.pack("<I", 2**31) + b"abc", "a piece of 2147483648 bytes"),
        (b"B" + struct.pack("<I", 2**24) + b"abc", "16777216 bytes"),
        (b"\x82\x01", "opcode EXT1"),
        (b"(ios\nsystem\n", "opcode INST"),
        (b"(cos\nsystem\nX\x01\x00\x00\x00ao", "closed list"),
        (b"\x97", "opcode NEXT_BUFFER"),
        (b"K\x01K\x01R", "found int where tuple"),
        (b"ctorch\nFloatStorage\n)R", "FloatStorage called"),
        (b"cnumpy\nndarray\n)R", "ndarray called"),
        (b"ccollections\nOrderedDict\n}b", "and no network|found"),
        (b"h\x05", "damaged"),
        (b"K\x000", "opcode POP"),
        (b"t", "damaged"),
    ],
)
def test_hostile_opcodes(tmp_path, body, message):
    path = tmp_path / "a.pkl"
    path.write_bytes(b"\x80\x04" + body + b".")
    refused(path, message)


def test_objects_nested_too_deep_or_laughing_a_billion_times_are_refused(tmp_path):
    deep = Persistent("Layer", {"_parameters": {"weight": torch.zeros(2)}})
    laugh = Persistent("Layer", {"_parameters": {"weight": torch.zeros(2)}})
    for _ in range(40):
        deep = Persistent("Layer", {"_modules": {"a": deep}})
    for _ in range(14):  # each holds the one before ten times: 10^14 tensors in a few kilobytes
        laugh = Persistent("Layer", {"_modules": {str(i): laugh for i in range(10)}})
    refused(write(tmp_path / "deep.pkl", {"G_ema": deep}), "nested 17 deep; at most 16")
    refused(
        write(tmp_path / "laugh.pkl", {"G_ema": laugh}),
        "opcodes and items; one file may ask for 500000",
    )
    empty = Persistent("Layer", {})
    for _ in range(14):
        empty = Persistent("Layer", {"_modules": {str(i): empty for i in range(10)}})
    refused(
        write(tmp_path / "empty.pkl", {"G_ema": empty}),
        "opcodes and items; one file may ask for 500000",
    )
    kwargs = EasyDict(a=1)
    for _ in range(30):
        kwargs = EasyDict({str(i): kwargs for i in range(10)})
    made = network(8)
    kwargs["evil \x1b[2J"] = "\x1b[31m"
    path = write(tmp_path / "kwargs.pkl", {"G_ema": persistent(made, _init_kwargs=kwargs)})
    # once unwatched, for what is imported where it is used
    checkpoint.generator(checkpoint.read(path))
    with watched(path):
        checkpoint.generator(checkpoint.read(path))
    printed = subprocess.run(
        [sys.executable, "-m", "dragkit.models.gan.checkpoint", path],
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    ).stdout
    assert "evil ?[2J" in printed and "\x1b" not in printed and len(printed) < 20_000


def test_w_cannot_be_made_wide_without_the_numbers_for_it(tmp_path):
    """No w_avg, so the mapping network would be built to find it: but not before its shapes are
    those of the tensors.
    """
    theirs = rosinality(network(8))
    for k, (shape, message) in enumerate(
        [((60_000, 0), "empty tensor"), ((0, 60_000), "empty tensor"), ((60_000, 1), "has shape")]
    ):
        theirs |= {"style.1.weight": torch.zeros(shape), "style.1.bias": torch.zeros(shape[0])}
        torch.save({"g_ema": theirs}, tmp_path / f"{k}.pt")
        refused(tmp_path / f"{k}.pt", message)


def test_a_network_is_compared_before_a_number_of_it_is_made():
    """A file of a few bytes may name a network of many gigabytes."""
    found = blank(network(8).state_dict())
    assert all(value.is_meta for value in found.state_dict().values())


TEXT = lambda text: b"X" + struct.pack("<I", len(text)) + text


@pytest.mark.parametrize(
    "body, message",
    [  # the same thing, asked for again and again
        (
            TEXT(b"x" * 500_000)
            + TEXT(b"latin1")
            + b"\x86q\x00(h\x00"
            + b"c_codecs\nencode\nh\x00R" * 2000
            + b"t",
            "bytes of text; one file may ask for 33554432",
        ),
        (
            b"]("
            + b"K\x01K\x02\x86" * 20_000
            + b"e\x85q\x00("
            + b"ccollections\nOrderedDict\nh\x00R" * 1000
            + b"t",
            "opcodes and items; one file may ask for 500000",
        ),
        (
            b"](" + b"K\x01" * 20_000 + b"e\x85q\x00(" + b"cbuiltins\nset\nh\x00R" * 1000 + b"t",
            "opcodes and items; one file may ask for 500000",
        ),
        (
            b"}("
            + b"".join(
                b"\x8a\x0a" + ((2**61 - 1) * k).to_bytes(10, "little") + b"N"
                for k in range(1, 200)
            )
            + b"u",
            "int as a key",
        ),
        (b"}G" + struct.pack(">d", 2.0**61) + b"Ns", "float as a key"),
        (b"c_codecs\nencode\n" + TEXT(b"a") + b"](K\x01e" + b"\x86R", "found list where str"),
    ],
)
def test_a_few_bytes_cannot_ask_for_much(tmp_path, body, message):
    path = tmp_path / "a.pkl"
    path.write_bytes(b"\x80\x04" + body + b".")
    refused(path, message)


def test_shapes_have_few_axes(tmp_path):
    rebuild, storage = torch._utils._rebuild_tensor_v2, torch.zeros(6)
    for k, (shape, strides) in enumerate(
        [((1,) * 50_000, (0,) * 50_000), (b"\x01" * 9, b"\x00" * 9)]
    ):
        typed = torch.storage.TypedStorage(
            wrap_storage=storage.untyped_storage(), dtype=torch.float32, _internal=True
        )
        refused(
            with_weight(
                tmp_path / f"{k}.pkl",
                Call(rebuild, typed, 0, shape, strides, False, OrderedDict()),
            ),
            "at most 8|expected",
        )
    made = Network()
    reconstruct = np.zeros(2).__reduce__()[0]
    array = Call(reconstruct, np.ndarray, (0,), b"b")
    array.reduced = (*array.reduced, (1, (2**39,) * 50_000, np.dtype("f4"), False, b""))
    made.__dict__ = {"variables": [("x", array)], "components": {}, "static_kwargs": {}}
    refused(write(tmp_path / "c.pkl", (made, made, made)), "at most 8")


def test_shared_objects_under_many_or_long_names_are_refused(tmp_path):
    leaf = Persistent("Layer", {"_parameters": {f"w{i}": torch.zeros(1) for i in range(2000)}})
    many = Persistent("Layer", {"_modules": {str(i): leaf for i in range(2000)}})
    refused(
        write(tmp_path / "many.pkl", {"G_ema": many}),
        "opcodes and items; one file may ask for 500000",
    )
    refused(
        write(tmp_path / "roots.pkl", {str(i): leaf for i in range(2000)}),
        "101 networks; one file may ask for 100",
    )
    refused(
        write(
            tmp_path / "long.pkl", {"G_ema": Persistent("Layer", {"_modules": {"x" * 5000: leaf}})}
        ),
        "5000 characters; names have at most 300",
    )
    torch.save(
        {f"mapping.fc{i}.weight": torch.zeros(1) for i in range(3000)}
        | {"synthesis.b4.const": torch.zeros(2, 4, 4)},
        tmp_path / "layers.pt",
    )
    refused(tmp_path / "layers.pt", "fewer than 1000")


def test_arguments_nested_without_end_are_named_briefly(tmp_path):
    nested = [1, 1]
    for _ in range(40):
        nested = [nested] * 4
    made = network(8)
    for k, value in enumerate((nested, "x" * 3_000_000, 10**6000)):
        kwargs = arguments(made) | {"c_dim": value}
        refused(
            write(
                tmp_path / f"{k}.pkl", {"G_ema": persistent(made, _init_kwargs=EasyDict(kwargs))}
            ),
            "c_dim|opcode LONG4",
        )


@pytest.mark.parametrize("clamp", [float("nan"), -5.0, float("inf"), "big", 0.0])
def test_a_clamp_is_a_number_above_zero(tmp_path, clamp):
    refused(write_nvidia(tmp_path / "a.pkl", network(8), clamp=clamp), "clamp of activations")


def test_an_object_that_holds_itself_is_refused(tmp_path):
    inner = Persistent("Layer", {})
    inner.meta["state"]["_modules"] = {"a": inner}
    path = tmp_path / "a.pkl"
    name = b"ctorch_utils.persistence\n_reconstruct_persistent_obj\n"
    # modules = {}; node = reconstruct({class_name, state: {_modules: modules}}); modules["a"] =
    # node; {"G_ema": node}
    path.write_bytes(
        b"\x80\x04}q\x00"
        + name
        + b"}(X\x0a\x00\x00\x00class_nameX\x01\x00\x00\x00LX\x05\x00\x00\x00state}"
        b"X\x08\x00\x00\x00_modulesh\x00su\x85R"
        b"q\x01h\x00X\x01\x00\x00\x00ah\x01s}X\x05\x00\x00\x00G_emah\x01s."
    )
    refused(path, "nested 17 deep; at most 16")


def test_every_truncation_of_a_file_is_refused(tmp_path):
    whole = write_nvidia(tmp_path / "whole.pkl", network(8)).read_bytes()
    path = tmp_path / "part.pkl"
    for length in [*range(200), *range(200, len(whole), 997), len(whole) - 1]:
        path.write_bytes(whole[:length])
        with pytest.raises(CheckpointError, match="part.pkl"):
            checkpoint.generator(checkpoint.read(path))


def mutated(whole: bytes, chance: random.Random) -> bytes:
    """One to four small damages: flipped bits, other opcodes, extreme numbers, pieces cut, doubled
    or moved.
    """
    data = bytearray(whole)
    for _ in range(chance.randint(1, 4)):
        at, length = chance.randrange(len(data)), chance.randint(1, 12)
        kind = chance.randrange(7)
        if kind == 0:
            data[at] ^= 1 << chance.randrange(8)
        elif kind == 1:
            data[at] = chance.choice(b"().0NtRbacq}]h\x81\x85\x86\x87\x8c\x8f\x93\x94\x95QPiojB")
        elif kind == 2:
            data[at : at + 4] = chance.choice(
                [b"\xff" * 4, b"\x00" * 4, b"\xff\xff\xff\x7f", b"\x00\x00\x00\x80"]
            )
        elif kind == 3:
            del data[at : at + length]
        elif kind == 4:
            data[at:at] = data[at : at + length]
        elif kind == 5:
            other = chance.randrange(len(data))
            data[at : at + length] = data[other : other + length]
        else:
            del data[max(1, at) :]
    return bytes(data)


def seeds(folder):
    """A small sound file of every format; its structure, not its numbers, makes most of it."""
    made = network(8, z_dim=2, w_dim=2, layers=1)
    for protocol in (2, 4):
        alone = {"G_ema": persistent(made, clamp=256, _init_kwargs=arguments(made))}
        yield write(folder / f"nvidia{protocol}.pkl", alone, protocol)
    yield write_tensorflow(folder / "tensorflow.pkl", made)
    for newer in (True, False):
        torch.save(
            {"g_ema": rosinality(made), "latent_avg": made.mapping.w_avg},
            folder / f"{newer}.pt",
            _use_new_zipfile_serialization=newer,
        )
        yield folder / f"{newer}.pt"
    theirs = {name: t for name, t in rosinality(made).items() if not name.startswith("noises.")}
    behind = {f"decoder.{name}": tensor for name, tensor in theirs.items()}
    average = made.mapping.w_avg.expand(4, -1).contiguous()
    torch.save({"net": {"state_dict": behind, "latent_avg": average}}, folder / "behind.pt")
    yield folder / "behind.pt"
    torch.save(made, folder / "module.pt")
    yield folder / "module.pt"
    yield dk.convert(folder / "nvidia4.pkl")


@pytest.mark.slow
# from decoding damaged text, in the standard library
@pytest.mark.filterwarnings("ignore:invalid escape sequence", "ignore:.*noise maps")
def test_fuzz_five_thousand_checkpoints(tmp_path):
    """For any damage: a generator or a CheckpointError; nothing else happens, and memory does not
    grow. DRAGKIT_FUZZ=20000 tries forty times as many.
    """
    count = 10 * int(os.environ.get("DRAGKIT_FUZZ", "500")) + 100
    resource = pytest.importorskip("resource")  # Windows cannot tell its peak this way
    peak = lambda: (
        resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        / (1024 if sys.platform != "darwin" else 1024**2)
    )
    chance, path, refusals = random.Random(0), tmp_path / "damaged", 0
    files = [(file.name, file.read_bytes()) for file in seeds(tmp_path)]
    for _, whole in files:
        path.write_bytes(whole)
        checkpoint.generator(checkpoint.read(path))
    before = peak()
    for k in range(count):
        path.write_bytes(mutated(files[k % len(files)][1], chance))
        try:
            with watched(path):
                checkpoint.generator(checkpoint.read(path))
        except CheckpointError:
            refusals += 1
    assert count / 2 < refusals < count
    assert peak() - before < 300
