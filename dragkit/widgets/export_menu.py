"""What can be exported: a menu, and a button that writes it in the background and stops that."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable
from functools import partial
from pathlib import Path
from typing import Protocol

import ipywidgets as W

from .background import BackgroundRunner, Task
from .file_name import FileName
from .layout import button
from .status import StatusLine, shows_errors

EXPORT = ("Export", "download")
STOP = ("Stop", "stop")


class Writer(Protocol):
    """Does a task in the background that writes a file."""

    def write(self, task: Task) -> None:
        """Begin; asked to stop, it writes nothing."""
        ...

    def ask_to_stop(self) -> None:
        """Ask it to end, without waiting for that."""
        ...


class ExportMenu:
    """Chooses what is written; the button is Stop while it is being written.

    Args:
        kinds: what can be written, in words.
        ending: of the file's name, as ``ending(kind)``.
        task: what writes it, as ``task(kind, path)``.
        name: of the file.
        writer: writes it in the background.
        status: shows the result or the error.

    Attributes:
        what: the menu.
        button: Export, or Stop.
    """

    def __init__(
        self,
        kinds: Iterable[str],
        ending: Callable[[str], str],
        task: Callable[[str, Path], Task],
        name: FileName,
        writer: Writer,
        status: StatusLine,
    ) -> None:
        self.ending = ending
        self.task = task
        self.name = name
        self.writer = writer
        self.status = status
        self._writing = False
        self.what = W.Dropdown(
            options=list(kinds),
            tooltip="What Export writes, of the run or of the step that is shown",
            layout=W.Layout(width="150px", flex="1 1 auto"),
        )
        self.button = button(*EXPORT, "Write that file, or stop writing it", self._press)

    def fill(self, possible: bool, writing: bool) -> None:
        """Enable what makes sense.

        Args:
            possible: whether something can be written now.
            writing: whether it is being written.
        """
        self._writing = writing
        self.button.description, self.button.icon = STOP if writing else EXPORT
        self.button.disabled = not (possible or writing)

    @shows_errors
    def _press(self) -> None:
        if self._writing:
            self.writer.ask_to_stop()
            return
        kind = self.what.value
        path, why = self.name.free_path(self.ending(kind))
        task = self.task(kind, path)
        self.status.say(f"Writing {path} …")
        self.writer.write(partial(_written, task, why))


class FileWriter:
    """A `Writer` for a widget that does nothing else in the background.

    Args:
        status: where it is said what was written, or what went wrong.
        changed: called when it has begun or ended.

    Attributes:
        writing: whether a file is being written.
    """

    def __init__(self, status: StatusLine, changed: Callable[[], None]) -> None:
        self.status = status
        self.changed = changed
        self.writing = False
        self._background = BackgroundRunner(self._ended)

    def write(self, task: Task) -> None:
        """Do a task that writes a file; asked to stop, it writes nothing."""
        self._background.stop()
        self.writing = True
        self.changed()
        self._background.start(task)

    def ask_to_stop(self) -> None:
        """Ask it to end, without waiting for that."""
        self._background.ask_to_stop()

    def stop(self) -> None:
        """Ask it to end, and wait for that."""
        self._background.stop()

    def _ended(self, error: BaseException | None, message: str | None) -> None:
        self.writing = False
        self.changed()
        if error is None:
            self.status.say(message or "Stopped: nothing was written.")
        else:
            self.status.fail(error)


def _written(task: Task, why: str, stop: threading.Event) -> str:
    return f"Wrote {task(stop)}{why}"
