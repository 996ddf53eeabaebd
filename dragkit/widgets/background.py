"""Tasks in the background: one at a time in a kernel, ended by an event, never by force."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable

import torch

Task = Callable[[], str | None]  # what it returns is shown when it has ended
Ended = Callable[[BaseException | None, str | None], None]

_latest: list[BackgroundRunner] = []


class BackgroundRunner:
    """Does tasks in a daemon thread, or waits for them.

    A task should look at `stopping` now and then, and return when it is set.

    Args:
        ended: called as ``ended(error, result)`` after each task; an interrupt is not an error.

    Attributes:
        busy: whether a task is being done.
    """

    def __init__(self, ended: Ended) -> None:
        self.ended = ended
        self.busy = False
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None

    @property
    def stopping(self) -> bool:
        """Whether the task should end."""
        return self._stop.is_set()

    def start(self, task: Task) -> None:
        """Do `task` in the background; whatever else runs in this kernel is stopped first."""
        stop_all()
        self.stop()
        _latest.append(self)
        self.busy = True
        self._thread = threading.Thread(
            target=self._do, args=(task,), daemon=True, name="dragkit run"
        )
        self._thread.start()

    def wait(self, task: Task) -> None:
        """Do `task` here and now.

        An interrupt ends it quietly; its errors are passed on.
        """
        stop_all()
        self.stop()
        self.busy = True
        error = self._do(task)
        if error and not isinstance(error, KeyboardInterrupt):
            raise error

    def ask_to_stop(self) -> None:
        """Ask the task to end, without waiting for it."""
        self._stop.set()

    def stop(self) -> None:
        """Ask the task to end, and wait until it has."""
        self.ask_to_stop()
        if self._thread and self._thread is not threading.current_thread():
            self._thread.join()
        self._thread = None
        self._stop.clear()

    def _do(self, task: Task) -> BaseException | None:
        error: BaseException | None = None
        result = None
        threads = torch.get_num_threads()
        cores = os.cpu_count() or 2
        torch.set_num_threads(max(1, min(threads, cores - 1)))  # one core is the browser's
        try:
            result = task()
        except BaseException as caught:
            error = caught
        torch.set_num_threads(threads)

        self.busy = False
        self.ended(None if isinstance(error, KeyboardInterrupt) else error, result)
        return error


def stop_all() -> None:
    """Stop whatever runs in the background of this kernel.

    So a set-up cell that is run again ends the old one's run.
    """
    while _latest:
        _latest.pop().stop()
