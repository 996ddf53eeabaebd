"""Something that is asked for often and done now and then."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

from .background import NAME

PAUSE = 1 / 25  # s; a browser takes no more, so frames in between are dropped


class Throttle:
    """Do `act` at most every `pause` seconds, and once more after the last call.

    So nothing that is asked for is missed, and no two calls of `act` overlap.
    """

    def __init__(self, act: Callable[[], None], pause: float = PAUSE) -> None:
        self.act = act
        self.pause = pause
        self._lock = threading.Lock()
        self._last = 0.0
        self._timer: threading.Timer | None = None
        self._busy = False

    def __call__(self) -> None:
        """Act now, or soon if it is being done or has just been done."""
        with self._lock:
            if self._timer is not None:
                return  # that one will see what is asked for now
            rest = self._last + self.pause - time.monotonic()
            if self._busy:
                rest = self.pause
            if rest > 0:
                self._timer = threading.Timer(rest, self._act_late)
                self._timer.daemon = True
                self._timer.name = f"{NAME} draw"
                self._timer.start()
                return
            self._busy = True
        self._act_now()

    def _act_now(self) -> None:
        try:
            self.act()
        finally:
            with self._lock:
                self._last = time.monotonic()
                self._busy = False

    def _act_late(self) -> None:
        with self._lock:
            self._timer = None
        self()
