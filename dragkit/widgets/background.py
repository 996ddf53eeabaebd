"""Tasks in the background: one at a time in a kernel, ended by an event, never by force."""

from __future__ import annotations

import atexit
import os
import threading
import time
import weakref
from collections.abc import Callable
from dataclasses import dataclass, field

import torch

# It looks at the event now and then, and returns when it is set; what it returns is shown.
Task = Callable[[threading.Event], str | None]
Ended = Callable[[BaseException | None, str | None], None]

NAME = "dragkit"  # of every thread of the widgets
PATIENCE = 3.0  # s that a task has to end once it was asked to
PATIENCE_AT_EXIT = 10.0  # s for all of them when the interpreter ends

_latest: weakref.WeakSet[BackgroundRunner] = weakref.WeakSet()


class GivenUp(RuntimeError):
    """A task did not end when it was asked to, and is not waited for any longer."""


@dataclass
class _Work:
    """One task; it is over when it has ended or was given up, whichever is first."""

    task: Task
    stop: threading.Event = field(default_factory=threading.Event)
    thread: threading.Thread | None = None
    over: bool = False
    _deciding: threading.Lock = field(default_factory=threading.Lock)

    def end(self) -> bool:
        """Whether the caller is the first to say that it is over."""
        with self._deciding:
            first = not self.over
            self.over = True
            return first


class BackgroundRunner:
    """Does tasks in a daemon thread, or waits for them.

    Args:
        ended: called as ``ended(error, result)`` after each task. An interrupt is not an error; a
            task that hangs ends as :class:`GivenUp`, and whatever it does later is not looked at.
    """

    def __init__(self, ended: Ended) -> None:
        self.ended = ended
        self._work: _Work | None = None

    @property
    def busy(self) -> bool:
        """Whether a task is being done."""
        return self._work is not None and not self._work.over

    def start(self, task: Task) -> None:
        """Do `task` in the background; whatever else runs in this kernel is stopped first."""
        stop_all()
        self.stop()
        _latest.add(self)
        work = self._work = _Work(task)
        work.thread = threading.Thread(
            target=self._do, args=(work,), daemon=True, name=f"{NAME} run"
        )
        work.thread.start()

    def wait(self, task: Task) -> None:
        """Do `task` here and now.

        An interrupt ends it quietly; its errors are passed on.
        """
        stop_all()
        self.stop()
        work = self._work = _Work(task)
        error = self._do(work)
        if error and not isinstance(error, KeyboardInterrupt):
            raise error

    def ask_to_stop(self) -> None:
        """Ask the task to end, without waiting for it."""
        if self._work:
            self._work.stop.set()

    def stop(self) -> None:
        """Ask the task to end, and wait until it has; after three seconds, give it up."""
        work = self._work
        if work is None or work.thread is threading.current_thread():
            return
        work.stop.set()
        if work.thread is None:  # somebody waits for it already
            return
        work.thread.join(PATIENCE)
        if work.end():
            self._report_given_up()

    def _report_given_up(self) -> None:
        error = GivenUp(
            f"it did not stop within {PATIENCE:g} s, so it is not waited for any longer: a piece"
            " may hang, or a step takes longer than that. What was made before is kept"
        )
        self.ended(error, None)

    def _do(self, work: _Work) -> BaseException | None:
        error: BaseException | None = None
        result = None
        threads = torch.get_num_threads()
        cores = os.cpu_count() or 2
        torch.set_num_threads(max(1, min(threads, cores - 1)))  # one core is the browser's
        try:
            result = work.task(work.stop)
        except BaseException as caught:
            error = caught
        torch.set_num_threads(threads)

        if work.end():
            self.ended(None if isinstance(error, KeyboardInterrupt) else error, result)
        return error


def stop_all() -> None:
    """Stop whatever runs in the background of this kernel.

    So a set-up cell that is run again ends the old one's run.
    """
    while _latest:
        _latest.pop().stop()


@atexit.register
def _end_all() -> None:
    """Wait for the widgets' threads: one that is inside torch would abort a dying interpreter."""
    for runner in _latest:
        if runner._work:
            runner._work.end()  # nobody is there to be told
            runner.ask_to_stop()
    until = time.monotonic() + PATIENCE_AT_EXIT
    for thread in threading.enumerate():
        if thread.name.startswith(NAME):
            if isinstance(thread, threading.Timer):
                thread.cancel()
            thread.join(max(0.0, until - time.monotonic()))
