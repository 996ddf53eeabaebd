"""Where runs and what they make are saved: save, open, export; never over another run's file."""

from __future__ import annotations

import re
import threading
from collections.abc import Callable
from dataclasses import replace
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
from .result_files import write_image, write_latent
from .status import StatusLine, shows_errors

DEFAULT = "runs/session"


class FileControls:
    """A name, and buttons: for the run, its film, and the image and the latent that are shown.

    A file that is there already belongs to this run if it was saved or opened here, as this run;
    any other is left alone, and the next free name is taken: ``session``, ``session-2``,
    ``session-3``.

    Args:
        state: the run.
        status: where results and errors are reported.
        opened: called with the run that was opened.
        write: does a task in the background that writes a file.
    """

    def __init__(
        self,
        state: PlayerState,
        status: StatusLine,
        opened: Callable[[Session | Trace], None],
        write: Callable[[Task], None],
    ) -> None:
        self.state = state
        self.status = status
        self.opened = opened
        self.write = write
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
        self.gif = button("GIF", "film", "Write the run as an animated GIF", self._write_gif)
        self.png = button(
            "PNG",
            "image",
            "Write the clean image of the step that is shown, in full",
            self._write_png,
        )
        self.latent = button(
            "Latent", "th", "Write the latent of the step that is shown (.npy)", self._write_latent
        )
        buttons = (self.save, self.open, self.gif, self.png, self.latent)
        self.row = row(self.name, *buttons)

    def fill(self) -> None:
        """Enable what makes sense."""
        busy = self.state.running
        for part in (self.save, self.gif, self.png, self.latent):
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
    def _write_gif(self) -> None:
        path, why = self._free_path(".gif")
        self.status.say(f"Writing {path} …")
        self.write(partial(_write_gif, self.state.trace, path, why))

    @shows_errors
    def _write_png(self) -> None:
        frame = self._frame()
        session = self.state.session
        path, why = self._free_path(f"-step-{frame.index}.png")
        self.status.say(f"Writing {path} …")
        model = None if session is None else session.model
        self.write(partial(write_image, frame, model, path, why))

    @shows_errors
    def _write_latent(self) -> None:
        frame = self._frame()
        path, why = self._free_path(f"-step-{frame.index}.npy")
        self.status.say(write_latent(frame, path, why))

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


def _write_gif(trace: Trace, path: Path, why: str, stop: threading.Event) -> str:
    film = trace.film()

    def draw(number: int) -> Image.Image:
        if stop.is_set():
            raise KeyboardInterrupt  # nothing is written
        return film.draw(number)

    return f"Wrote {replace(film, draw=draw).write_gif(path)}{why}"
