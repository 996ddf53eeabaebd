"""Where runs are kept: save, open, export; never over another run's file."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import ipywidgets as W

from .base import button, row


class Files:
    """A name and three buttons.

    A file that is there already belongs to this run if it was saved or opened here, as this run;
    any other is left alone, and the next free name is taken: ``session``, ``session-2``,
    ``session-3``.

    Args:
        width: in CSS pixels.
        save, open, gif: what the buttons do.
    """

    def __init__(self, width: int, save: Callable, open: Callable, gif: Callable) -> None:
        self.name = W.Text(
            "runs/session",
            tooltip="Name of the file, without its ending",
            layout=W.Layout(width=f"{width - 218}px"),
        )
        self.save = button(
            "Save", "save", "Write the session: .json to read, .npz beside it", save
        )
        self.open = button(
            "Open", "folder-open", "Re-open a saved session and go on from there", open
        )
        self.gif = button("GIF", "film", "Write the run as an animated GIF", gif)
        self.line = row(self.name, self.save, self.open, self.gif, width=width)
        self._owner: dict[Path, object] = {}

    def lock(self, busy: bool, empty: bool) -> None:
        """While a run goes on, or there is none, little can be pressed."""
        self.save.disabled = self.gif.disabled = busy or empty
        self.open.disabled = self.name.disabled = busy

    def path(self, ending: str) -> Path:
        """The file that is named, with its `ending`."""
        return Path((self.name.value.strip().removesuffix(".json") or "runs/session") + ending)

    def mine(self, run: object, ending: str) -> None:
        """The file that is named belongs to `run` from now on."""
        self._owner[self.path(ending)] = run

    def free(self, run: object, ending: str) -> tuple[Path, str]:
        """Where to write `run`, and why there: the named file, or the next free one, which then is
        the name.
        """
        wanted, stem, number = self.path(ending), self.path(""), 1
        while self._taken(self.path(ending), run):
            number += 1
            self.name.value = f"{stem}-{number}"
        self.mine(run, ending)
        return self.path(ending), f" ({wanted} is another run's)" if number > 1 else ""

    def _taken(self, path: Path, run: object) -> bool:
        return path.exists() and self._owner.get(path) is not run
