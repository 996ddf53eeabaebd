"""What a result depends on, as text: equal in every process, and different for other settings.

A benchmark that is resumed compares these texts, so two pieces of one class must not read alike
if they work differently. Where a text cannot promise that, `describe` raises an error.
"""

from __future__ import annotations

import copyreg
import dataclasses
import enum
import hashlib
import types
from collections.abc import Iterable, Iterator, Mapping
from pathlib import PurePath
from typing import Any

import numpy as np
import torch
from torch import Tensor

PLAIN = (
    type(None), bool, int, float, complex, str, bytes, range, slice, enum.Enum, PurePath,
    np.generic, torch.dtype, torch.device, torch.Size,
)  # fmt: skip
LONGEST = 800  # characters of a text that is stored whole


def describe(value: Any, place: str = "") -> str:
    """A text that says all of `value` that its work may depend on.

    Numbers, words and collections as they print; a tensor or an array by its hash; a function by
    its name, code, defaults and what it closes over; any other object by its class, its methods'
    code, and its fields (of a dataclass) or what would be pickled of it, recursively.

    Args:
        value: a piece of a method, or the method.
        place: what the message calls it: ``"method 'mine'"``.

    Raises:
        TypeError: something in it keeps its state out of sight, such as an open file.
    """
    return _Description().of(value, place)


def describe_measure(measure: Any) -> str:
    """As `describe`, but of what a function closes over only numbers and words count.

    A measure may fill a list that it closes over: it is still the same measure.
    """
    if not isinstance(measure, types.FunctionType):
        return describe(measure, "the measure")
    text = f"{measure.__qualname__} {_hash(_function_code(measure))}"
    plain = [value for value in _enclosed(measure) if isinstance(value, PLAIN)]
    if plain:
        text += f" with {plain}"
    return text


def shorten(text: str) -> str:
    """A long text (the mask of a task, a model's weights) by its beginning and its hash."""
    if len(text) <= LONGEST:
        return text
    return f"{text[:200]}… sha256 {hashlib.sha256(text.encode()).hexdigest()}"


class _Description:
    """One walk through a value; it remembers what it is inside of, in case that comes again."""

    def __init__(self) -> None:
        self.inside: list[int] = []

    def of(self, value: Any, place: str) -> str:
        if isinstance(value, PLAIN):
            return repr(value)
        if id(value) in self.inside:
            return f"<{len(self.inside) - self.inside.index(id(value))} up>"
        self.inside.append(id(value))
        text = self._nested(value, place)
        self.inside.pop()
        return text

    def _nested(self, value: Any, place: str) -> str:
        if isinstance(value, Mapping):
            return self._mapping(value, place)
        if isinstance(value, list | tuple | set | frozenset):
            return self._collection(value, place)
        if isinstance(value, Tensor | np.ndarray):
            return _array(value)
        if isinstance(value, type):
            return _class(value)
        if isinstance(value, types.ModuleType):
            return value.__name__
        if isinstance(value, types.FunctionType):
            return self._function(value, place)
        return self._object(value, place)

    def _mapping(self, value: Mapping[Any, Any], place: str) -> str:
        items = (f"{key!r}: {self.of(item, f'{place}[{key!r}]')}" for key, item in value.items())
        return f"{{{', '.join(items)}}}"

    def _collection(self, value: Iterable[Any], place: str) -> str:
        texts = [self.of(item, f"{place}[{number}]") for number, item in enumerate(value)]
        if isinstance(value, set | frozenset):
            texts.sort()  # a set has no order of its own
        return f"{type(value).__name__}({', '.join(texts)})"

    def _function(self, value: types.FunctionType, place: str) -> str:
        text = f"{value.__qualname__} {_hash(_function_code(value))}"
        given = [*_enclosed(value), *(value.__defaults__ or ())]
        given += (value.__kwdefaults__ or {}).values()
        if given:
            text += f" with {self.of(given, place)}"
        return text

    def _object(self, value: Any, place: str) -> str:
        if dataclasses.is_dataclass(value):
            # not what it may have computed and stored beside them
            state: Any = {f.name: getattr(value, f.name) for f in dataclasses.fields(value)}
        else:
            state = _pickled(value, place)
        if isinstance(state, dict):
            texts = [f"{name}={self.of(item, f'{place}.{name}')}" for name, item in state.items()]
        else:
            texts = [self.of(state, place)]
        return f"{_class(type(value))}({', '.join(texts)})"


def _pickled(value: Any, place: str) -> Any:
    """What pickle would save: the attributes by name, or whatever else the object is made from."""
    registered = copyreg.dispatch_table.get(type(value))
    try:
        reduced = registered(value) if registered else value.__reduce_ex__(2)
    except TypeError as error:
        raise TypeError(
            f"{place} is a {type(value).__name__}, whose state cannot be read ({error}), so a"
            " benchmark that is resumed could not tell it from another; store its settings as"
            " numbers, words or tensors instead"
        ) from None
    if isinstance(reduced, str):
        return reduced  # the name of something in a module
    make, arguments, *state = reduced
    is_plain = make.__name__ == "__newobj__" and arguments == (type(value),)
    if is_plain and not any(state[1:]):
        return (state or [None])[0] or {}
    items = [list(part) if isinstance(part, Iterator) else part for part in state]
    return [make, arguments, *items]


def _class(kind: type) -> str:
    """A class by its name and the code of its methods, so that an edited class is another one."""
    parts = []
    for base in kind.__mro__[:-1]:
        for name, value in sorted(vars(base).items()):
            if isinstance(value, property):
                value = value.fget
            if isinstance(value, staticmethod | classmethod):
                value = value.__func__
            if isinstance(value, types.FunctionType):
                parts.append(f"{name} {_function_code(value)}")
            elif isinstance(value, PLAIN) and not name.startswith("__"):
                parts.append(f"{name} {value!r}")
    if not parts:
        return kind.__qualname__
    return f"{kind.__qualname__} {_hash(' '.join(parts))}"


def _enclosed(function: types.FunctionType) -> list[Any]:
    return [cell.cell_contents for cell in function.__closure__ or ()]


def _function_code(function: types.FunctionType) -> str:
    """What a function does, whatever its docstring says."""
    code = function.__code__
    constants = code.co_consts
    if constants and constants[0] == function.__doc__:
        constants = constants[1:]
    return _code(code, constants)


def _code(code: types.CodeType, constants: Iterable[Any]) -> str:
    """Bytecode, the names it uses and its constants, but not where it stands in a file."""
    texts = [_constant(value) for value in constants]
    return f"{code.co_code!r} {code.co_names} {texts}"


def _constant(value: Any) -> str:
    if isinstance(value, types.CodeType):
        return _code(value, value.co_consts)
    if isinstance(value, frozenset):
        return repr(sorted(map(repr, value)))  # a set of words has another order in each process
    return repr(value)


def _array(value: Tensor | np.ndarray) -> str:
    if isinstance(value, Tensor):
        value = value.detach().cpu().contiguous()
        data = value.flatten().view(torch.uint8).numpy().tobytes()
    else:
        data = value.tobytes()
    return f"{type(value).__name__}({list(value.shape)}, {value.dtype}, {_hash(data)})"


def _hash(data: str | bytes) -> str:
    if isinstance(data, str):
        data = data.encode()
    return hashlib.sha256(data).hexdigest()[:12]
