"""The values of a pickle, and the checks that each passes before it is used."""

from __future__ import annotations

import reprlib
from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from types import NoneType
from typing import Any

from .budget import CheckpointError

NAME = 300  # characters of a name or key; the longest in public files have about 60
SHOWN = 8  # members of a list in a message
FIELDS = 16  # arguments of a call, or parts of a state; NumPy's and torch's have at most 9


@dataclass(frozen=True)
class Known:
    """A name of the closed list, and what stands in for it."""

    name: str
    stand_in: Callable[..., Any]


class Inert(ABC):
    """What a stand-in may return if the pickle sets the object's state later (opcode BUILD)."""

    @abstractmethod
    def build(self, state: Any) -> None:
        """Take the state."""


def expect(value: Any, kind: type) -> Any:
    """`value`, if it is of `kind`; otherwise a CheckpointError that names both."""
    if not isinstance(value, kind):
        raise CheckpointError(f"found {describe(value)} where {kind.__name__} was expected")
    return value


def short(name: Any) -> str:
    """`name`, if it is text that is short enough for one: long ones cost time at every use."""
    if len(expect(name, str)) > NAME:
        raise CheckpointError(
            f"the name {name[:20]!r}… of {len(name)} characters; names have at most {NAME}"
        )
    return name


def fields(value: Any) -> tuple[Any, ...]:
    """`value`, if it is a tuple of few things: it is unpacked at every use."""
    if len(expect(value, tuple)) > FIELDS:
        raise CheckpointError(
            f"a call or a state of {len(value)} parts; those of checkpoints have at most {FIELDS}"
        )
    return value


def plain(key: Any) -> Any:
    """`key`, if it is a name, a small whole number or None: others can be made to collide."""
    if isinstance(key, str):
        return short(key)
    if not (key is None or (isinstance(key, int) and abs(key) < 2**31)):
        raise CheckpointError(f"{describe(key)} as a key")
    return key


def describe(value: Any) -> str:
    """What a value is, never what it holds."""
    if isinstance(value, Known):
        return f"the name {value.name}"
    return type(value).__name__


def brief(value: Any) -> str:
    """A stored argument in a few words; what is long or nested by its kind alone."""
    if isinstance(value, str | int | float | NoneType):
        return reprlib.repr(value)
    if isinstance(value, list | tuple) and len(value) <= SHOWN:
        return f"[{', '.join(map(_kind_of_nested, value))}]"
    return describe(value)


def _kind_of_nested(value: Any) -> str:
    return describe(value) if isinstance(value, list | tuple) else brief(value)
