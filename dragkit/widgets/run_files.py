"""Where runs and what they make are saved: save, open, export; never over another run's file."""

from __future__ import annotations

import re
import threading
from collections.abc import Callable
from functools import partial
from pathlib import Path

import ipywidgets as W
from PIL import Image

from ..arguments import at_home, shown
from ..records import Frame
from ..runs.session import Session
from ..runs.trace import Trace
from .background import Task
from .layout import button, row
from .player_state import PlayerState
from .result_files import (
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

    A file that is there already belongs to this run if it was saved or opened here, as this run;
    any other is left alone, and the next free name is taken: ``session``, ``session-2``,
    ``session-3``.

    Args:
        state: the run.
        status: where results and errors are reported.
        opened: called with the run that was opened.
        write: does a task in the background that writes a file.
        still: makes an image of all that the widget shows.
    """

    def __init__(
        self,
        state: PlayerState,
        status: StatusLine,
        opened: Callable[[Session | Trace], None],
        write: Callable[[Task], None],
        still: Callable[[], Image.Image],
    ) -> None:
        self.state = state
        self.status = status
        self.opened = opened
        self.write = write
        self.still = still
        self._owners: dict[Path, object] = {}
        self.name = W.Text(
            DEFAULT,
            tooltip="Name of the file, without its ending",
            layout=W.Layout(width="auto", flex="1 1 100%"),
        )
        self.save = button(
            "Save", "save", "Write the session: .json to read, .npz beside it", self._save
        )
        self.open = button(
            "Open", "folder-open", "Open a saved session and continue from there", self._open
        )
        self.what = W.Dropdown(
            options=list(ENDINGS),
            tooltip="What Export writes, of the run or of the step that is shown",
            layout=W.Layout(width="150px", flex="1 1 auto"),
        )
        self.export = button("Export", "download", "Write that file; Stop ends it", self._export)
        buttons = (self.save, self.open, self.what, self.export)
        self.row = row(self.name, *buttons)

    def fill(self) -> None:
        """Enable what makes sense."""
        busy = self.state.running
        for part in (self.save, self.export):
            part.disabled = busy or not len(self.state.trace)
        self.open.disabled = self.name.disabled = busy

    @shows_errors
    def _save(self) -> None:
        path, why = self._free_path(".json")
        self.status.say(f"Saved {self.state.save(path)}{why}")

    @shows_errors
    def _open(self) -> None:
        path = self._path(".json")
        self.opened(self.state.load(path))
        self._claim(path)
        self.status.say(f"Opened {path}. {self.state.summary()}")

    @shows_errors
    def _export(self) -> None:
        what = self.what.value
        ending = ENDINGS[what]
        if what in OF_A_STEP:
            ending = f"-step-{self._frame().index}{ending}"
        path, why = self._free_path(ending)
        self.status.say(f"Writing {path} …")
        self.write(partial(_written, self._task(what, path), why))

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
            return partial(write_curves, trace, path)
        if what == PAGE:
            method = None if session is None else session.method
            return partial(write_page, trace, method, path)
        return partial(write_film, trace, path, self.status.say)

    def _frame(self) -> Frame:
        """The step that is shown."""
        if self.state.frame is None:
            raise ValueError("there is no step yet; press Run or Step first")
        return self.state.frame

    def _path(self, ending: str) -> Path:
        """The file that is named, with its `ending`.

        Raises:
            ValueError: it is a folder's name, or in no home folder.
        """
        name = self.name.value.strip().removesuffix(".json") or DEFAULT
        if re.split(r"[/\\]", name)[-1] in ("", ".", ".."):
            raise ValueError(
                f"the name is {shown(name)}, which is a folder's; name a file, such as {DEFAULT}"
            )
        return at_home("the name", Path(name + ending))

    def _free_path(self, ending: str) -> tuple[Path, str]:
        """Where to write the run, and why there.

        That is the named file, or else the next free one, whose name is then shown.
        """
        wanted = self._path(ending)
        stem = self._path("")
        number = 1
        while self._is_taken(self._path(ending)):
            number += 1
            self.name.value = f"{stem}-{number}"
        path = self._path(ending)
        self._claim(path)
        if path == wanted:
            return path, ""
        return path, f" ({wanted} is another run's)"

    def _is_taken(self, path: Path) -> bool:
        return path.exists() and self._owners.get(path) is not self.state.trace[0]

    def _claim(self, path: Path) -> None:
        """The file belongs to this run from now on; a run is known by its first step."""
        self._owners[path] = self.state.trace[0]


def _written(task: Task, why: str, stop: threading.Event) -> str:
    return f"Wrote {task(stop)}{why}"
