"""One of the runs that a comparison shows: its name, its image and a line of text."""

from __future__ import annotations

from collections.abc import Callable, Iterable

import ipywidgets as W
from PIL import Image, ImageDraw

from ..compose import font, hstack, vstack
from ..runs.trace import Trace
from .canvas import ImageCanvas, Touch
from .layout import column
from .run_images import step_image, step_text
from .score_maps import ScoreMapControls
from .score_readings import reading_on_image
from .sizes import Sizes
from .status import StatusLine, shows_errors


class ComparedRun:
    """Draws the step of a run that has a given number, or the last one before.

    Args:
        name: of the run.
        trace: the run.
        sizes: of the image and its title.
        beside: how many runs stand beside each other.
        score_maps: which score window is drawn.
        touched: called when the mouse or a finger is on the image, before its values are read.
        key: called with the name of a key that was pressed on the image.

    Attributes:
        frame: the step that is shown.
        canvas: the image.
        status: the text under it.
        box: all of it.
    """

    def __init__(
        self,
        name: str,
        trace: Trace,
        sizes: Sizes,
        beside: int,
        score_maps: ScoreMapControls,
        touched: Callable[[], None],
        key: Callable[[str], None],
    ) -> None:
        self.name = name
        self.trace = trace
        self.sizes = sizes
        self.score_maps = score_maps
        self.touched = touched
        self.frame = trace[0]
        self.step = 0  # of all runs
        self._mouse: tuple[float, float] | None = None

        height, width = trace[0].image.shape[:2]
        label = W.Label(name, layout=W.Layout(width="100%"), style={"font_weight": "bold"})
        self.canvas = ImageCanvas((height, width), sizes.image, self._touch, key)
        self.status = StatusLine()
        layout = sizes.image_layout(width / height, beside)
        self.box = column(label, self.canvas.canvas, self.status.line, **layout)

    def show(self, step: int) -> None:
        """Draw the step with that number, or the last one before; else the first."""
        self.step = step
        until = [frame for frame in self.trace if frame.index <= step]
        self.frame = [self.trace[0], *until][-1]
        self.canvas.show(self.image)
        self.say()

    def image(self, size: int = 384) -> Image.Image:
        """The step, `size` pixels high."""
        position = self.trace.frames.index(self.frame)
        handle = self.score_maps.handle_in(self.frame)
        path = self.trace.path(position)
        return step_image(self.frame, path, handle, self.score_maps.map.value, size)

    def titled_image(self, size: int) -> Image.Image:
        """The step, `size` pixels high, below the run's name."""
        image = self.image(size)
        times = self.sizes.times
        title = Image.new("RGB", (image.width, 24 * times), "white")
        ImageDraw.Draw(title).text((2, 3), self.name, (32, 33, 36), font(15 * times))
        return vstack(title, image, gap=0)

    def say(self) -> None:
        """Report the values under the mouse, or else which step is shown."""
        self.status.say(self._reading() or step_text(self.frame) + self._remark())

    def leave(self) -> None:
        """Report the step until the mouse moves on the image again."""
        self._mouse = None
        self.say()

    def _reading(self) -> str:
        if self._mouse is None:
            return ""
        handle = self.score_maps.chosen
        x, y = self._mouse
        size = 2 * self.sizes.image
        return reading_on_image(self.frame, handle, x, y, size, self.canvas.viewport)

    def _remark(self) -> str:
        if self.trace[-1].index < self.step:
            return " (ended)"
        if self.frame.index > self.step:
            return " (begins here)"
        return ""

    @shows_errors
    def _touch(self, kind: Touch, x: float, y: float) -> None:
        self.touched()
        if kind != "out":
            self._mouse = (x, y)
            self.say()


def titled_images(runs: Iterable[ComparedRun], size: int) -> Image.Image:
    """The steps of several runs beside each other, each `size` pixels high."""
    return hstack(*(run.titled_image(size) for run in runs))
