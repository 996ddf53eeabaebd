"""Runs the session of a player, in the background or while the caller waits."""

from __future__ import annotations

import threading
from collections.abc import Callable
from functools import partial
from typing import Literal

from .background import BackgroundRunner, Ended, GivenUp, Task, stop_all
from .player_state import PlayerState


class SessionRunner:
    """Does one thing at a time with the run of a `PlayerState`: run it, or write it to a file.

    Args:
        state: says what is being done.
        prepare: called before a run.
        began: called when something has begun.
        advanced: called after each update, while the run continues.
        ended: called as ``ended(error, message)`` when it has ended; an interrupt is not an error.
    """

    def __init__(
        self,
        state: PlayerState,
        prepare: Callable[[], None],
        began: Callable[[], None],
        advanced: Callable[[], None],
        ended: Ended,
    ) -> None:
        self.state = state
        self.prepare = prepare
        self.began = began
        self.advanced = advanced
        self.ended = ended
        self._background = BackgroundRunner(self._end)

    def start(self, steps: int | None = None) -> None:
        """Run up to `steps` updates in the background, unless something is being done already.

        Raises:
            ValueError: there is nothing to run.
        """
        if self.state.running:
            return
        self._prepare()
        self._begin("run")
        self._background.start(partial(self._advance, steps))

    def run(self, steps: int | None = None) -> None:
        """Run up to `steps` updates and wait for them; an interrupt ends it early.

        Raises:
            ValueError: there is nothing to run.
            Exception: what the run raised.
        """
        self.stop()
        self._prepare()
        self._begin("run")
        self._background.wait(partial(self._advance, steps))

    def write(self, task: Task) -> None:
        """Do a task in the background that writes a file; asked to stop, it writes nothing."""
        self._begin("file")
        self._background.start(task)

    def ask_to_stop(self) -> None:
        """Ask what is being done to end after its present step, without waiting for that."""
        self._background.ask_to_stop()

    def stop(self) -> None:
        """End the run in the background after its present step, and wait for that."""
        self._background.stop()

    def _prepare(self) -> None:
        self.prepare()
        self.state.require_session()

    def _begin(self, task: Literal["run", "file"]) -> None:
        stop_all()  # one thing at a time in a kernel
        self.stop()
        self.state.task = task
        self.began()

    def _advance(self, steps: int | None, stop: threading.Event) -> None:
        with self.state.require_session().alone():
            self.state.begin()
            for _ in self.state.advance(steps):
                if stop.is_set():  # what is shown may be another run by now
                    return
                self.state.seek_end()
                self.advanced()

    def _end(self, error: BaseException | None, message: str | None) -> None:
        ran = self.state.task == "run"
        self.state.task = None
        if isinstance(error, GivenUp):
            self.state.leave_session()
        if ran:  # who has written a step's image looks at that step
            self.state.seek_end()
        self.ended(error, message)
