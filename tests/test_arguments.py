"""Arguments are checked at the door, and a call that cannot work is explained."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
import torch

from dragkit.arguments import (
    existing_file,
    finite,
    finite_array,
    instance,
    named_arguments,
    numbers,
    path,
    positive,
    real_numbers,
    shown,
    step_count,
    whole,
)
from dragkit.numeric import is_real, is_whole

ONE = [1, np.int64(1), np.array(1), torch.tensor(1)]
REAL = [0.5, np.float32(0.5), np.array(0.5), torch.tensor(0.5), *ONE]
NEVER = [
    True, np.True_, torch.tensor(True), "1", b"1", None, [1], (1,), {}, 1j, np.complex64(1),
    torch.tensor([1, 2]), np.array([1, 2]), object(), float("nan"), float("inf"), -float("inf"),
    torch.tensor(torch.nan), np.float32("inf"), int,
]  # fmt: skip  # one line each would hide that it is a list


@pytest.mark.parametrize("value", ONE)
def test_whole_numbers_of_any_library_are_whole(value):
    assert is_whole(value) and whole("n", value) == 1
    assert type(whole("n", value)) is int


@pytest.mark.parametrize("value", REAL)
def test_numbers_of_any_library_are_numbers(value):
    assert is_real(value)
    assert type(positive("x", value, 1)) is float


@pytest.mark.parametrize("value", NEVER, ids=lambda value: type(value).__name__)
def test_what_is_no_number_is_told(value):
    assert not is_whole(value) and not is_real(value)
    with pytest.raises(ValueError, match=r"^n is .*; give a whole number from 1 to 3$"):
        whole("n", value, 1, 3)
    with pytest.raises(ValueError, match=r"^x is .*; give a number above 0, such as x=0.5$"):
        positive("x", value, 0.5)


@pytest.mark.parametrize("value", [0, 4, 1.5, -1, 10**30])
def test_a_whole_number_has_limits(value):
    with pytest.raises(ValueError, match="from 1 to 3"):
        whole("n", value, 1, 3)


def test_paths_and_kinds():
    assert path("file", "a") == path("file", Path("a")) == Path("a")
    for value in ("", "a\0b", "a" * 5000):
        with pytest.raises(ValueError, match="give the path of a file"):
            path("file", value)
    for value in (None, 5, b"a", ["a"]):
        with pytest.raises(TypeError, match=r"^file is .*; give the path of a file"):
            path("file", value)
    with pytest.raises(TypeError, match="^model is 5; give a model$"):
        instance("model", 5, str, "a model")


def test_a_file_that_is_there(tmp_path):
    file = tmp_path / "here"
    file.touch()
    assert existing_file("out", str(file)) == file
    with pytest.raises(IsADirectoryError, match="^out is the folder .*; give the path of a file"):
        existing_file("out", tmp_path)
    with pytest.raises(FileNotFoundError, match="^out is .*; there is no such file"):
        existing_file("out", tmp_path / "nope")


def test_finite_numbers():
    assert finite("x", torch.tensor(2.0), "a number") == 2
    array = finite_array("z", [torch.tensor(1), 2], (2,), "two numbers")
    assert array.dtype == float and array.tolist() == [1, 2]
    assert finite_array("z", np.arange(3)[::-1], (3,), "three").tolist() == [2, 1, 0]
    for value in (1, [1], [1, np.nan], [1, np.inf], "ab", [1, 2j], None):
        with pytest.raises(ValueError, match="^z .*; give two numbers$"):
            finite_array("z", value, (2,), "two numbers")
    with pytest.raises(ValueError, match="^x is nan; give a number$"):
        finite("x", np.nan, "a number")


@pytest.mark.parametrize(
    "value",
    [
        np.array([[2, 1]], ">f8")[:, ::-1],
        np.array([[1, 2]], np.longdouble),
        [np.array([1, 2], ">i2")],
        [[torch.tensor(1.0), torch.tensor(2)]],
        ((np.float32(1), np.uint8(2)),),
    ],
)
def test_numbers_come_in_many_ways(value):
    assert real_numbers("x", value, "numbers").tolist() == [[1, 2]]


@pytest.mark.parametrize(
    "value",
    [
        [(True, 2)],
        [[1, np.True_]],
        [[1.0, torch.tensor(True)]],
        np.ones(2, bool),
        [np.ones(2, bool)],
        torch.ones(2) > 0,
    ],
)
def test_a_truth_among_numbers_is_no_number(value):
    with pytest.raises(ValueError, match="^x is .*True.* give two numbers"):
        real_numbers("x", value, "two numbers")
    with pytest.raises(ValueError, match="^x is .*True.* give two numbers"):
        finite_array("x", value, (1, 2), "two numbers")


@pytest.mark.parametrize(
    "value",
    [
        torch.ones(2).to_sparse(),
        torch.ones(2, device="meta"),
        torch.ones(2, dtype=torch.complex64),
        torch.nested.nested_tensor([torch.ones(2)]),
        torch.quantize_per_tensor(torch.ones(2), 1, 0, torch.qint8),
    ],
    ids=["sparse", "meta", "complex", "nested", "quantized"],
)
@pytest.mark.filterwarnings("ignore")  # torch's, of what is not finished or will go
def test_tensors_without_plain_values_are_told(value):
    with pytest.raises(ValueError, match="^x is .*; give two numbers$"):
        numbers("x", value, "two numbers")


def test_steps_have_a_limit():
    assert step_count(np.array(3)) == step_count(torch.tensor(3)) == 3
    for steps in (10**30, -1, True, 1.0):
        with pytest.raises(ValueError, match="steps is .*; give a whole number from 0 to 10000"):
            step_count(steps)


def test_values_are_shown_shortened_and_in_one_line():
    class Broken:
        def __repr__(self):
            raise RuntimeError

    assert shown("a\nb") == r"'a\nb'"
    assert shown(torch.zeros(2, 2)) == "tensor([[0., 0.], [0., 0.]])"
    assert len(shown("a" * 1000)) == 120
    assert shown(Broken()) == "a Broken"


@named_arguments
def area(width, height=1, **others):
    """What ? shows."""
    return width * height


@named_arguments
@dataclass(frozen=True)
class Square:
    side: int
    colour: str = "red"

    @classmethod
    def of(cls, text):
        return cls(int(text))

    def area(self, scale=1):
        return scale * self.side**2

    def _hidden(self):
        return 1


def test_a_call_that_cannot_work_is_explained():
    assert area(2, height=3) == 6 and Square(2) == Square(side=2)
    assert area.__doc__ == "What ? shows."
    with pytest.raises(TypeError, match=r"^area: missing .*'width'.*; it takes width, h"):
        area()
    with pytest.raises(TypeError, match=r"^Square: .*'colr'; did you mean 'colour'\?; it ta"):
        Square(2, colr="red")
    with pytest.raises(TypeError, match="^Square: too many positional arguments"):
        Square(1, 2, 3)


def test_so_are_the_public_methods_of_a_class():
    square = Square.of("4")
    assert square == Square(4) and square.area(scale=2) == 32 and square._hidden() == 1
    with pytest.raises(TypeError, match=r"^Square.of: missing .*'text'; it takes text"):
        Square.of()
    with pytest.raises(TypeError, match=r"^Square.area: .*'sclae'; did you mean 'scale'\?"):
        square.area(sclae=2)
