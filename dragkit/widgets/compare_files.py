"""What can be exported of a comparison: a page, an image, its curves, a film."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Protocol

from PIL import Image

from ..runs.trace import Trace
from ..runs.video import Film
from .background import Task
from .export_menu import ExportMenu, FileWriter
from .file_name import FileName
from .layout import row
from .result_files import curves_of_runs, write_curves, write_film, write_page, write_still
from .run_files import CURVES, ENDINGS, GIF, MP4, PAGE, STILL
from .status import StatusLine

DEFAULT = "runs/comparison"
KINDS = (PAGE, STILL, CURVES, GIF, MP4)


class Comparison(Protocol):
    """What is exported."""

    @property
    def traces(self) -> Mapping[str, Trace]:
        """The runs by name."""
        ...

    @property
    def step(self) -> int:
        """The number of the step that is shown."""
        ...

    @property
    def handle(self) -> int:
        """The number of the handle whose curves are shown."""
        ...

    def to_html(self, path: Path) -> Path:
        """Write the page."""
        ...

    def still(self) -> Image.Image:
        """All that is shown."""
        ...

    def film(self) -> Film:
        """The images of all runs, step by step."""
        ...


class ComparisonFiles:
    """A name, a menu and a button for what can be exported of a comparison.

    Args:
        comparison: the runs, and what is shown of them.
        status: where results and errors are reported.

    Attributes:
        name: the box for the file's name.
        menu: what can be written.
        writer: writes in the background.
        row: all of it.
    """

    def __init__(self, comparison: Comparison, status: StatusLine) -> None:
        self.comparison = comparison
        self.status = status
        self.writer = FileWriter(status, self._fill)
        name = FileName(DEFAULT, lambda: comparison.traces)
        self.name = name.box
        self.menu = ExportMenu(KINDS, self._ending, self._task, name, self.writer, status)
        self.row = row(self.name, self.menu.what, self.menu.button)
        self.row.layout.max_width = "640px"

    def _fill(self) -> None:
        self.menu.fill(possible=True, writing=self.writer.writing)

    def _ending(self, what: str) -> str:
        """Of the file's name; a step's has its number."""
        if what == STILL:
            return f"-step-{self.comparison.step}{ENDINGS[what]}"
        return ENDINGS[what]

    def _task(self, what: str, path: Path) -> Task:
        """What writes a file, in the background, and says what it has written."""
        comparison = self.comparison
        if what == PAGE:
            return partial(write_page, comparison.to_html, path)
        if what == STILL:
            return partial(write_still, comparison.still(), path)
        if what == CURVES:
            curves = partial(curves_of_runs, comparison.traces, comparison.handle)
            return partial(write_curves, curves, path)
        return partial(write_film, comparison.film(), path, self.status.say)
