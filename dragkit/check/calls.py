"""What is seen of a student's function while it runs: what it raises, which functions it calls, which arguments it changes."""

from __future__ import annotations

import inspect
import sys
import traceback
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import numpy as np
from torch import Tensor

Answer = Callable[..., Any]


def noting(function: Answer, changed: list[str]) -> Answer:
    """The same function; the names of arguments that it changes in place are put into `changed`."""

    def noted(*passed: Any) -> Any:
        before = [_copied(value) for value in passed]
        value = function(*passed)
        changed.extend(name for name, old, now in zip(_names(function, len(passed)), before, map(_copied, passed)) if not _equal(old, now))
        return value

    return noted


def _copied(value: Any) -> np.ndarray | None:
    """The numbers of what can be changed in place."""
    value = value.detach().cpu().numpy() if isinstance(value, Tensor) else value
    return value.copy() if isinstance(value, np.ndarray) else None


def _equal(old: np.ndarray | None, now: np.ndarray | None) -> bool:
    return old is None or np.array_equal(old, now, equal_nan=True)


def _names(function: Answer, count: int) -> list[str]:
    """What a function calls its arguments."""
    try:
        named = [p.name for p in inspect.signature(function).parameters.values() if p.kind is not p.VAR_POSITIONAL]
    except (TypeError, ValueError):
        named = []
    return named[:count] + [f"argument {k + 1}" for k in range(len(named), count)]


def raised(error: Exception, function: Answer) -> str:
    """What a student's function raised, and in which of its lines."""
    code = getattr(function, "__code__", None)
    lines = [line for frame, line in traceback.walk_tb(error.__traceback__) if frame.f_code is code]
    where = f" in line {lines[-1] - code.co_firstlineno + 1} of the function" if lines else ""
    return f"it raises {type(error).__name__}{where}: {error}"


@contextmanager
def watched(codes: Mapping[Any, str], called: set[str]) -> Iterator[None]:
    """Note in `called` which functions run meanwhile, by their code."""

    def note(frame, event: str, _: Any) -> None:
        if event == "call" and frame.f_code in codes:
            called.add(codes[frame.f_code])

    before = sys.getprofile()
    sys.setprofile(note)
    try:
        yield
    finally:
        sys.setprofile(before)
