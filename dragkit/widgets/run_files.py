"""What is saved of a run: the run itself, to be opened again, and what can be made of it."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path

from PIL import Image

from ..records import Frame
from ..runs.session import Session
from ..runs.trace import Trace
from .background import Task
from .export_menu import ExportMenu, Writer
from .file_name import FileName
from .layout import button, row
from .player_state import PlayerState
from .result_files import (
    curves_of_run,
    write_curves,
    write_film,
    write_image,
    write_latent,
    write_page,
    write_still,
)
from .status import StatusLine, shows_errors

DEFAULT = "runs/session"
IMAGE, STILL, CURVES = "image (PNG)", "all of this (PNG)", "curves (SVG)"
GIF, MP4, PAGE, LATENT = "film (GIF)", "film (MP4)", "page (HTML)", "latent (NPY)"
ENDINGS = {
    GIF: ".gif",
    MP4: ".mp4",
    PAGE: ".html",
    CURVES: ".svg",
    IMAGE: ".png",
    STILL: "-all.png",
    LATENT: ".npy",
}
OF_A_STEP = (IMAGE, STILL, LATENT)


class FileControls:
    """A name, and buttons: for the run, and for what can be exported of it.

    Args:
        state: the run.
        status: where results and errors are reported.
        opened: called with the run that was opened.
        writer: writes in the background.
        still: makes an image of all that the widget shows.

    Attributes:
        name: the box for the file's name.
        save: the button that writes the run.
        open: the button that reads it.
        menu: what else can be written.
        row: all of it.
    """

    def __init__(
        self,
        state: PlayerState,
        status: StatusLine,
        opened: Callable[[Session | Trace], None],
        writer: Writer,
        still: Callable[[], Image.Image],
    ) -> None:
        self.state = state
        self.status = status
        self.opened = opened
        self.still = still
        # a run is known by its first step
        self._file = FileName(DEFAULT, lambda: state.trace[0])
        self.name = self._file.box
        self.save = button(
            "Save", "save", "Write the session: .json to read, .npz beside it", self._save
        )
        self.open = button(
            "Open", "folder-open", "Open a saved session and continue from there", self._open
        )
        self.menu = ExportMenu(ENDINGS, self._ending, self._task, self._file, writer, status)
        self.row = row(self.name, self.save, self.open, self.menu.what, self.menu.button)

    def fill(self) -> None:
        """Enable what makes sense."""
        busy = self.state.running
        there = bool(len(self.state.trace))
        self.save.disabled = busy or not there
        self.menu.fill(there and not busy, self.state.task == "file")
        self.open.disabled = self.name.disabled = busy

    @shows_errors
    def _save(self) -> None:
        path, why = self._file.free_path(".json")
        self.status.say(f"Saved {self.state.save(path)}{why}")

    @shows_errors
    def _open(self) -> None:
        path = self._file.path(".json")
        self.opened(self.state.load(path))
        self._file.claim(path)
        self.status.say(f"Opened {path}. {self.state.summary()}")

    def _ending(self, what: str) -> str:
        """Of the file's name; a step's have its number."""
        if what in OF_A_STEP:
            return f"-step-{self._frame().index}{ENDINGS[what]}"
        return ENDINGS[what]

    def _task(self, what: str, path: Path) -> Task:
        """What writes a file, in the background, and says what it has written."""
        trace, session = self.state.trace, self.state.session
        if what == IMAGE:
            model = None if session is None else session.model
            return partial(write_image, self._frame(), model, path)
        if what == LATENT:
            return partial(write_latent, self._frame(), path)
        if what == STILL:
            return partial(write_still, self.still(), path)
        if what == CURVES:
            return partial(write_curves, partial(curves_of_run, trace), path)
        if what == PAGE:
            method = None if session is None else session.method
            return partial(write_page, partial(trace.to_html, method=method), path)
        return partial(write_film, trace.film(), path, self.status.say)

    def _frame(self) -> Frame:
        """The step that is shown."""
        if self.state.frame is None:
            raise ValueError("there is no step yet; press Run or Step first")
        return self.state.frame
