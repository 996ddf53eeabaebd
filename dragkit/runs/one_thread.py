"""One thread at a time works on a session."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .session import Session


class InUse(RuntimeError):
    """Another thread is at work on a session."""


def one_thread(method: Callable[..., Any]) -> Callable[..., Any]:
    """For a method that changes a session: in one thread at a time, see `Session.alone`."""

    @wraps(method)
    def guarded(self: Session, *arguments: Any, **keywords: Any) -> Any:
        with self.alone():
            return method(self, *arguments, **keywords)

    return guarded
