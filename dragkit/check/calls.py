"""What is seen of a student's function while it runs: what it raises, which functions it calls,
which arguments it changes.
"""

from __future__ import annotations

import inspect
import sys
import traceback
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from copy import deepcopy
from typing import Any

import numpy as np
from torch import Tensor

Answer = Callable[..., Any]


class Unanswered(Exception):
    """A function that is still open: it returned nothing."""


def noting(function: Answer, changed: list[str]) -> Answer:
    """The same function; the names of arguments that it changes in place are put into `changed`.
    Raises Unanswered where it returns nothing.
    """

    def noted(*passed: Any) -> Any:
        before = copied(passed)
        if (value := function(*passed)) is None:
            raise Unanswered
        changed.extend(
            name
            for name, old, now in zip(_names(function, len(passed)), before, copied(passed))
            if not alike(old, now)
        )
        return value

    return noted


def copied(value: Any, depth: int = 5) -> Any:
    """A copy that later changes do not reach; of what cannot be copied, nothing."""
    if isinstance(value, Tensor):
        return value.detach().cpu().double().numpy().copy()
    if isinstance(value, np.ndarray | int | float | str):
        return deepcopy(value)
    if isinstance(value, list | tuple) and depth:
        return [copied(v, depth - 1) for v in value]
    if (isinstance(value, dict) or hasattr(value, "__dict__")) and depth:
        return {
            name: copied(v, depth - 1)
            for name, v in (value if isinstance(value, dict) else vars(value)).items()
        }
    return None


def alike(a: Any, b: Any) -> bool:
    """Whether two copies are the same; NaN is NaN. An object may know more than before: what it
    made when asked, and kept.
    """
    if type(a) is not type(b):
        return False
    if isinstance(a, np.ndarray | float):
        return np.array_equal(a, b, equal_nan=True)
    if isinstance(a, list | dict):
        pairs = zip(a, b) if isinstance(a, list) else ((v, b.get(name)) for name, v in a.items())
        return len(a) <= len(b) and all(alike(x, y) for x, y in pairs)
    return a == b


def _names(function: Answer, count: int) -> list[str]:
    """What a function calls its arguments."""
    try:
        named = [
            p.name
            for p in inspect.signature(function).parameters.values()
            if p.kind is not p.VAR_POSITIONAL
        ]
    except (TypeError, ValueError):
        named = []
    return named[:count] + [f"argument {k + 1}" for k in range(len(named), count)]


def raised(error: Exception, function: Answer) -> str:
    """What a student's function raised, and in which of its lines."""
    code = getattr(function, "__code__", None)
    lines = [
        line for frame, line in traceback.walk_tb(error.__traceback__) if frame.f_code is code
    ]
    where = f" in line {lines[-1] - code.co_firstlineno + 1} of the function" if lines else ""
    return f"It raises {type(error).__name__}{where}: {error}"


@contextmanager
def watched(codes: Mapping[Any, str], called: set[str]) -> Iterator[None]:
    """Note in `called` which functions run meanwhile, by their code; those that are written in C
    have none, and are named by themselves.
    """

    def note(frame, event: str, function: Any) -> None:
        running = (
            frame.f_code
            if event == "call"
            else function
            if event == "c_call" and type(function) is type(len)
            else None
        )
        if running in codes:
            called.add(codes[running])

    before = sys.getprofile()
    sys.setprofile(note)
    try:
        yield
    finally:
        sys.setprofile(before)
