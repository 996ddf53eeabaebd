"""Calls of what others wrote, such as a tracker's find: what goes wrong there names the piece."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any


def check_takes(words: str, call: Callable[..., Any], *given: str) -> None:
    """Raise TypeError unless `call` takes as many arguments as it will be `given`.

    Args:
        words: what is called, such as "the tracker's find".
        call: is not called here; what does not say what it takes is not judged.
        given: the arguments' names, in their order.
    """
    try:
        signature = inspect.signature(call)
    except (TypeError, ValueError):  # built into Python or torch
        return
    try:
        signature.bind(*given)
    except TypeError as error:
        raise TypeError(
            f"{words} takes {signature}, and is called with ({', '.join(given)}); give it these"
        ) from error


def asked(words: str, call: Callable[..., Any], *given: Any) -> Any:
    """What `call` answers; what it raises is passed on with a note that says who raised it.

    Raises:
        RuntimeError: it raised StopIteration, which would end the loop that asks without a word.
    """
    try:
        return call(*given)
    except Exception as error:
        if isinstance(error, StopIteration) or isinstance(error.__cause__, StopIteration):
            raise RuntimeError(
                f"{words} raised StopIteration, as next(…) does when there is no more; give"
                " next(…) a second value to return then"
            ) from error
        error.add_note(f"raised by {words}")
        raise
