"""What is seen of a student's function while it runs.

What it raises, which functions it calls, and which of its arguments it changes.
"""

from __future__ import annotations

import inspect
import sys
import traceback
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from copy import deepcopy
from types import FrameType
from typing import Any

import numpy as np
from torch import Tensor

from .mistakes import Answer

# what PyTorch and NumPy say of an `if` that is given several answers
MANY_ANSWERS = ("Boolean value of Tensor with more than one", "The truth value of an array")


class Unanswered(Exception):
    """A function that is still open: it returned nothing."""


class Effort:
    """Whether a function does anything: what it returns may be an argument, or always the same."""

    def __init__(self) -> None:
        self._first: Any = None
        self._calls = 0
        self._constant = True
        self._echoed: set[int] = set()

    def note(self, value: Any, passed: tuple[Any, ...], before: list[Any]) -> None:
        """Take in one call: what came back, the arguments, and copies of them from before."""
        is_loss = isinstance(value, Tensor) and value.requires_grad  # its gradient counts, too
        now = None if is_loss else copied(value)
        if self._calls == 0:
            self._first = now
            self._echoed = set(range(len(passed)))
        self._constant = self._constant and _equal(now, self._first)
        self._echoed = {
            i
            for i in self._echoed
            if _equal(now, before[i]) or (value is passed[i] and alike(before[i], copied(value)))
        }
        self._calls += 1

    @property
    def missing(self) -> bool:
        """Whether every call returned the same argument, or all of them the same numbers."""
        return self._calls > 0 and (self._constant or bool(self._echoed))


def _equal(a: Any, b: Any) -> bool:
    """Whether two copies hold the same numbers; what could not be copied equals nothing."""
    is_known = a is not None and not isinstance(a, dict)
    return is_known and alike(a, b) and alike(b, a)


def noting(function: Answer, changed: list[str], effort: Effort) -> Answer:
    """The same function, which reports the arguments that it changes in place.

    A sentence on each is appended to `changed`; `effort` takes in what it returns. It raises
    Unanswered if it returns nothing.
    """

    def noted(*passed: Any) -> Any:
        before = copied(passed)
        value = function(*passed)
        if value is None:
            raise Unanswered
        effort.note(value, passed, before)
        names = _names(function, len(passed))
        for name, given, old, now in zip(names, passed, before, copied(passed), strict=True):
            if not alike(old, now):
                copying = "clone" if isinstance(given, Tensor) else "copy"
                changed.append(
                    f"It changes `{name}`, which was passed in; make a new one, or change a copy:"
                    f" {name}.{copying}()."
                )
        return value

    return noted


def copied(value: Any, depth: int = 5) -> Any:
    """A copy that later changes do not reach; None for what cannot be copied."""
    if isinstance(value, Tensor):
        return value.detach().cpu().double().numpy().copy()
    if isinstance(value, np.ndarray | int | float | str):
        return deepcopy(value)
    if depth == 0:
        return None
    if isinstance(value, list | tuple):
        return [copied(part, depth - 1) for part in value]
    if isinstance(value, dict) or hasattr(value, "__dict__"):
        parts = value if isinstance(value, dict) else vars(value)
        return {name: copied(part, depth - 1) for name, part in parts.items()}
    return None


def alike(a: Any, b: Any) -> bool:
    """Whether copy b is the same as the earlier copy a; NaN equals NaN.

    An object may know more than before: what it made when asked, and cached.
    """
    if type(a) is not type(b):
        return False
    if isinstance(a, np.ndarray | float):
        return np.array_equal(a, b, equal_nan=True)
    if isinstance(a, list):
        return len(a) <= len(b) and all(map(alike, a, b))
    if isinstance(a, dict):
        return all(name in b and alike(part, b[name]) for name, part in a.items())
    return bool(a == b)


def _names(function: Answer, count: int) -> list[str]:
    """What a function calls its arguments."""
    named: list[str] = []
    with suppress(TypeError, ValueError):  # a function written in C may not say
        parameters = inspect.signature(function).parameters.values()
        named = [p.name for p in parameters if p.kind is not p.VAR_POSITIONAL]
    return named[:count] + [f"argument {k + 1}" for k in range(len(named), count)]


def raised(error: Exception, function: Answer) -> str:
    """What a student's function raised, and in which of its lines."""
    where = ""
    code = getattr(function, "__code__", None)
    if code is not None:
        frames = traceback.walk_tb(error.__traceback__)
        lines = [line for frame, line in frames if frame.f_code is code]
        if lines:
            where = f" in line {lines[-1] - code.co_firstlineno + 1} of the function"
    words = f"It raises {type(error).__name__}{where}: {error}"
    if any(phrase in words for phrase in MANY_ANSWERS):
        words += ". An `if` needs one answer: ask for all() or any(), or use torch.where."
    return words


@contextmanager
def watched(codes: Mapping[Any, str], called: set[str]) -> Iterator[None]:
    """Note which functions run meanwhile: their names are added to `called`.

    Functions are known by their code; those that are written in C have none, and are known by
    themselves.

    Args:
        codes: code or function → name.
        called: the names of those that ran.
    """

    def note(frame: FrameType, event: str, function: Any) -> None:
        running: Any = None
        if event == "call":
            running = frame.f_code
        elif event == "c_call" and type(function) is type(len):
            running = function
        if running in codes:
            called.add(codes[running])

    before = sys.getprofile()
    sys.setprofile(note)
    try:
        yield
    finally:
        sys.setprofile(before)
