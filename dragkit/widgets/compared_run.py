"""One of the runs that a comparison shows: its name, its image and a line of text."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import ipywidgets as W
from PIL import Image, ImageDraw

from ..compose import font, vstack
from ..records import Frame
from ..runs.trace import Trace
from .canvas import ImageCanvas, Touch
from .layers import LayerButtons
from .layout import column
from .run_images import step_image, step_text
from .score_maps import ScoreMapControls
from .score_readings import reading_on_image
from .sizes import Sizes
from .status import StatusLine, shows_errors
from .zoom import Zoom


@dataclass(frozen=True)
class Looks:
    """How the runs of a comparison are drawn, which is the same for all.

    Attributes:
        sizes: of the images and their titles.
        beside: how many of them stand beside each other.
        score_maps: which score window is drawn.
        layers: what else is drawn.
        zoom: which part of the images is shown; None: always all, for images of several sizes.
    """

    sizes: Sizes
    beside: int
    score_maps: ScoreMapControls
    layers: LayerButtons
    zoom: Zoom | None


class ComparedRun:
    """Draws the step of a run that has a given number, or the last one before.

    Args:
        name: of the run.
        trace: the run.
        looks: how it is drawn.
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
        looks: Looks,
        touched: Callable[[], None],
        key: Callable[[str], None],
    ) -> None:
        self.name = name
        self.trace = trace
        self.looks = looks
        self.touched = touched
        self.frame = trace[0]
        self.step = 0  # of all runs
        self._mouse: tuple[float, float] | None = None

        height, width = trace[0].image.shape[:2]
        label = W.Label(name, layout=W.Layout(width="100%"), style={"font_weight": "bold"})
        size = looks.sizes.image
        self.canvas = ImageCanvas((height, width), size, self._touch, key, zoom=looks.zoom)
        self.status = StatusLine()
        layout = looks.sizes.image_layout(width / height, looks.beside)
        self.box = column(label, self.canvas.canvas, self.status.line, **layout)

    def show(self, step: int) -> None:
        """Draw the step with that number, or the last one before; else the first."""
        self.step = step
        self.frame = self.frame_at(step)
        self.canvas.show(self.image)
        self.say()

    def frame_at(self, step: int) -> Frame:
        """The step with that number, or the last one before; else the first."""
        until = [frame for frame in self.trace if frame.index <= step]
        return [self.trace[0], *until][-1]

    def image(self, size: int = 384) -> Image.Image:
        """The step that is shown, `size` pixels high."""
        return self.drawing()(self.frame, size)

    def drawing(self) -> Callable[[Frame, int], Image.Image]:
        """Draws a step, so many pixels high, with what is chosen now, whatever is chosen later."""
        chosen, name = self.looks.score_maps.chosen, self.looks.score_maps.map.value
        layers, viewport = set(self.looks.layers.shown), self.canvas.viewport

        def draw(frame: Frame, size: int) -> Image.Image:
            path = self.trace.path(self.trace.frames.index(frame))
            has_it = chosen is not None and chosen < len(frame.points)
            handle = chosen if has_it else None
            return step_image(frame, path, handle, name, size, layers, viewport=viewport)

        return draw

    def titled(self, image: Image.Image) -> Image.Image:
        """An image of this run below its name."""
        times = self.looks.sizes.times
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
        looks = self.looks
        handle = looks.score_maps.chosen if "window" in looks.layers.shown else None
        x, y = self._mouse
        size = 2 * looks.sizes.image
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
