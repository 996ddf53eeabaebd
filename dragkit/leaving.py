"""Leaving the interpreter while another thread computes.

A daemon thread that is inside torch when the interpreter goes away takes the process down with
it, as "terminate called without an active exception". So the interpreter waits for what is being
computed, and nothing new begins.
"""

from __future__ import annotations

import atexit
import threading
from collections.abc import Iterator
from contextlib import contextmanager

PATIENCE = 10.0  # s that is waited for

_changed = threading.Condition()
_own = threading.local()  # of each thread: whether it is inside already
_at_work = 0
_leaving = False


@contextmanager
def unless_leaving() -> Iterator[None]:
    """Do what is inside, if the interpreter is not about to go; if it is, this never returns."""
    global _at_work
    if getattr(_own, "inside", False):
        yield
        return

    with _changed:
        _changed.wait_for(lambda: not _leaving)
        _at_work += 1
        _own.inside = True
    try:
        yield
    finally:
        with _changed:
            _at_work -= 1
            _own.inside = False
            _changed.notify_all()


@atexit.register
def _leave() -> None:
    global _leaving
    with _changed:
        _leaving = True
        _changed.wait_for(lambda: not _at_work, PATIENCE)
