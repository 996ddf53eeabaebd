"""How large a file the page may send, and when one was lost on its way.

An upload goes through the page's websocket. One that is larger than the server allows makes it
close the connection, and nobody is told: the kernel gets nothing, and the page connects again.
"""

from __future__ import annotations

import os
import weakref
from collections.abc import Callable
from typing import Any

import comm
import ipywidgets as W

from .lifetime import weakly

LIMIT = "DRAGKIT_UPLOAD_MB"  # environment variable, set by `run.py lab`, which raises the limit
USUAL = 9  # MB; Jupyter's own is 10 MB for a message, which holds more than the file
CONTROL = "jupyter.widget.control"  # what a page opens when it connects to a kernel with widgets

_listeners: weakref.WeakKeyDictionary[Any, Callable[[], None]] = weakref.WeakKeyDictionary()


def upload_limit() -> int:
    """The largest file in MB that gets through, as far as one can know here."""
    text = os.environ.get(LIMIT, "")
    return int(text) if text.isdecimal() else USUAL


def on_connection(owner: Any, callback: Callable[[], None]) -> None:
    """Call `callback()` when the page connects to the kernel again, for as long as `owner` lives.

    It does so after an upload that was too large, and after it was loaded again.
    """
    _listeners[owner] = weakly(callback)
    comm.get_comm_manager().register_target(CONTROL, _connected)


def _connected(opened: Any, message: Any) -> None:
    W.Widget.handle_control_comm_opened(opened, message)  # as if nobody had listened
    for callback in list(_listeners.values()):
        callback()
