"""Runs in the background: one at a time in a kernel, ended by an event, never by force."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable

import torch

_latest: list[Runner] = []


class Runner:
    """Does tasks in a daemon thread, or waits for them; `rest(error, result)` is called after
    each.

    A task looks at `stopping` now and then, and returns when it is set.
    """

    def __init__(self, rest: Callable[[BaseException | None, str | None], None]) -> None:
        self.rest, self.busy = rest, False
        self._stop, self._thread = threading.Event(), None

    @property
    def stopping(self) -> bool:
        """Whether the task shall end."""
        return self._stop.is_set()

    def start(self, task: Callable[[], str | None]) -> None:
        """Do `task` in the background; whatever else runs in this kernel is stopped first."""
        stop_all()
        self.stop()
        _latest.append(self)
        self.busy = True
        self._thread = threading.Thread(
            target=self._try, args=(task,), daemon=True, name="dragkit run"
        )
        self._thread.start()

    def wait(self, task: Callable[[], str | None]) -> None:
        """Do `task` here and now. An interrupt ends it quietly; its errors are passed on."""
        stop_all()
        self.stop()
        self.busy = True
        error = self._try(task)
        if error and not isinstance(error, KeyboardInterrupt):
            raise error

    def ask(self) -> None:
        """Ask the task to end, and go on."""
        self._stop.set()

    def stop(self) -> None:
        """Ask the task to end, and wait until it has."""
        self.ask()
        if self._thread and self._thread is not threading.current_thread():
            self._thread.join()
        self._thread = None
        self._stop.clear()

    def _try(self, task: Callable[[], str | None]) -> BaseException | None:
        error, result, threads = None, None, torch.get_num_threads()
        # one core is the browser's
        torch.set_num_threads(max(1, min(threads, (os.cpu_count() or 2) - 1)))
        try:
            result = task()
        except BaseException as caught:
            error = caught
        torch.set_num_threads(threads)
        self.busy = False
        self.rest(None if isinstance(error, KeyboardInterrupt) else error, result)
        return error


def stop_all() -> None:
    """Stop the run in the background, whoever's it is: a set-up cell that is run again ends the
    old one's.
    """
    while _latest:
        _latest.pop().stop()
