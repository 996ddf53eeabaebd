"""Files that ask for much: each is refused with the thing, the value and the limit, after at most
5 s and with at most 500 MB, which a process of its own measures.
"""

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from dragkit.models.gan import checkpoint
from dragkit.models.gan.checkpoint import CheckpointError, budget
from dragkit.models.gan.checkpoint.budget import LIMITS, Budget
from dragkit.models.gan.checkpoint.layouts import brief
from dragkit.models.safetensors_header import read_header
from tests.checkpoint_files import network, write_nvidia
from tests.hostile_files import HOSTILE, SMALL, headed


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


# headers of safetensors

ENTRY = {"dtype": "F32", "shape": [1], "data_offsets": [0, 4]}


@pytest.mark.parametrize(
    "header, message",
    [
        (b'{"a":1,"a":1}', "the key 'a' is there twice"),
        (b'{"a":{"shape":[1],"shape":[2]}}', "the key 'shape' is there twice"),
        (
            b'{"a":' * 100_000 + b"1" + b"}" * 100_000,
            "more than 32 lists and objects",
        ),
        (b'{"a":{"shape":[1.' + b"1" * 1_000_000 + b"]}}", "not of whole numbers"),
        (b'{"a":{"shape":[' + b"1" * 1_000_000 + b"]}}", "whole numbers have at most 64 bits"),
        (
            {"a": ENTRY | {"shape": [1] * 100_000}},
            "'a' without a shape, or with one of more than 16",
        ),
        ({"a": ENTRY | {"shape": [-1]}}, "not of whole numbers"),
        ({"a": ENTRY | {"shape": [True]}}, "not of whole numbers"),
        ({"a": 5}, "'a' without a shape"),
        ({"a" * 100_000: 5}, "'a{60}' without a shape"),
        ({"__metadata__": 5}, "metadata"),
        (b"[]", "not safetensors"),
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
        checkpoint.generator(checkpoint.read(tmp_path / "a.pt"))
