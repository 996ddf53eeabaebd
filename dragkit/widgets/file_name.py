"""Where a file is written: a name to type, and never over another run's file."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import ipywidgets as W

from ..arguments import at_home, shown


class FileName:
    """A box for a file's name without its ending.

    A file that is there already belongs to a run if it was written or opened here, as that run;
    any other is left alone, and the next free name is taken: ``session``, ``session-2``,
    ``session-3``.

    Args:
        default: the name at first, and if none is typed.
        owner: returns what a file belongs to now; the same object for the same run.

    Attributes:
        box: the ipywidget.
    """

    def __init__(self, default: str, owner: Callable[[], object]) -> None:
        self.default = default
        self.owner = owner
        self._owners: dict[Path, object] = {}
        self.box = W.Text(
            default,
            tooltip="Name of the file, without its ending",
            layout=W.Layout(width="auto", flex="1 1 96px", min_width="96px"),
        )

    def path(self, ending: str) -> Path:
        """The file that is named, with its `ending`.

        Raises:
            ValueError: it is a folder's name, or in no home folder.
        """
        name = self.box.value.strip().removesuffix(".json") or self.default
        if re.split(r"[/\\]", name)[-1] in ("", ".", ".."):
            raise ValueError(
                f"the name is {shown(name)}, which is a folder's; name a file, such as"
                f" {self.default}"
            )
        return at_home("the name", Path(name + ending))

    def free_path(self, ending: str) -> tuple[Path, str]:
        """Where to write, and why there.

        That is the named file, or else the next free one, whose name is then shown.
        """
        wanted = self.path(ending)
        stem = self.path("")
        number = 1
        while self._is_taken(self.path(ending)):
            number += 1
            self.box.value = f"{stem}-{number}"
        path = self.path(ending)
        self.claim(path)
        if path == wanted:
            return path, ""
        return path, f" ({wanted} is another run's)"

    def claim(self, path: Path) -> None:
        """The file belongs to the present run from now on."""
        self._owners[path] = self.owner()

    def _is_taken(self, path: Path) -> bool:
        return path.exists() and self._owners.get(path) is not self.owner()
