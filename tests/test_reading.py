"""What comes from others is read within limits, and refused with the reason."""

import json

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from dragkit.reading import (
    DEPTH,
    TEXT,
    check_name,
    check_text,
    declared_shape,
    is_file,
    is_folder,
    parse_json,
    read_json,
)

FINITE = st.floats(allow_nan=False, allow_infinity=False)
SCALAR = st.none() | st.booleans() | st.integers(-(2**62), 2**62) | FINITE | st.text()
ANY = st.recursive(
    SCALAR, lambda part: st.lists(part) | st.dictionaries(st.text(), part), max_leaves=20
)


@given(ANY)
def test_what_json_can_say_is_read_as_it_was(value):
    assert parse_json(json.dumps(value).encode()) == value


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "Expecting value"),
        (b"{", "Expecting property name"),
        (b"\xff", "can't decode byte 0xff"),
        (b"[NaN]", "the number NaN; numbers are finite"),
        (b"[-Infinity]", "the number -Infinity"),
        (b"[1e999]", "the number 1e999; numbers are finite"),
        (b"[9223372036854775808]", "9223372036854775808; whole numbers have at most 64 bits"),
        (b"1" * 100_000, "whole numbers have at most 64 bits"),
        (b'{"a": 1, "b": 2, "a": 3}', "the key 'a' is there twice"),
        (b'[{"b": {"a": 1, "a": 1}}]', "the key 'a' is there twice"),
        (b"[" * 200_000, f"more than {DEPTH} lists and objects"),
        (b"[" * (DEPTH + 1) + b"]" * (DEPTH + 1), f"more than {DEPTH} lists and objects"),
        (b'{"a":' * 200 + b"1" + b"}" * 200, f"more than {DEPTH} lists and objects"),
    ],
)
def test_what_is_not_strictly_json_is_told(content, message):
    with pytest.raises(ValueError, match=message) as error:
        parse_json(content)
    assert len(str(error.value)) < 200


def test_as_deep_as_allowed_is_read():
    value = parse_json(b"[" * DEPTH + b"1" + b"]" * DEPTH)
    for _ in range(DEPTH):
        (value,) = value
    assert value == 1


def test_a_file_is_read_up_to_its_limit(tmp_path):
    path = tmp_path / "a.json"
    path.write_bytes(b"[1,   2]")
    assert read_json(path, 8) == [1, 2]
    with pytest.raises(ValueError, match=r"a\.json has more than 7 bytes"):
        read_json(path, 7)
    path.write_bytes(b"[1,]")
    with pytest.raises(ValueError, match=r"a\.json is not JSON that dragkit reads: "):
        read_json(path, 8)


@pytest.mark.parametrize("name", ["lion", "my model (2)", "v1.5", "löwe", "..a", "x" * TEXT])
def test_names_that_files_can_have(name):
    check_name(name)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        (5, "name is 5; give a text"),
        (["x"], r"name is \['x'\]; give a text"),
        ("", "name is ''; give a text"),
        ("  ", "give a text"),
        ("..", "without /"),
        ("../../x", "without /"),
        ("a\\b", "without /"),
        ("\x1b[31mred", "cannot be printed"),
        ("a\nb", "cannot be printed"),
        ("\u202egnp", "cannot be printed"),
        ("\udcff", "cannot be printed"),
        ("x" * 10**6, f"1,000,000 bytes long; give one of at most {TEXT}"),
        ("ö" * (TEXT // 2 + 1), "bytes long"),
    ],
)
def test_names_that_files_cannot_have_are_told(name, message):
    with pytest.raises(ValueError, match=message) as error:
        check_name(name)
    assert len(str(error.value)) < 200


def test_a_text_may_have_slashes():
    check_text("lion 5, 5/17", "name")


@pytest.mark.parametrize(
    ("value", "shape"),
    [
        (5, ()),
        ("text", ()),
        ([], (0,)),
        ([(1, 2), (3, 4), (5, 6)], (3, 2)),
        ([range(10**12)] * 3, (3, 10**12)),
        (np.broadcast_to(0, (10**6, 10**6)), (10**6, 10**6)),
        ([torch.zeros(4, 5)], (1, 4, 5)),
    ],
)
def test_a_shape_is_known_without_a_look_at_the_numbers(value, shape):
    assert declared_shape(value) == shape


def test_a_list_in_itself_has_a_shape():
    endless = []
    endless.append(endless)
    assert set(declared_shape(endless)) == {1}


def test_what_can_be_no_path_is_neither_file_nor_folder(tmp_path):
    assert is_folder(tmp_path) and not is_file(tmp_path)
    for name in ("a" * 5000, "a\0b"):
        assert not is_file(tmp_path / name) and not is_folder(tmp_path / name)
