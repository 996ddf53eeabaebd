"""What a player shows: the step, its curves, its score maps and a line of text."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any, Literal, NamedTuple

from PIL import Image
from PIL.ImageOps import contain

from ..compose import draw_overlay, faded, hstack, marks_in_words, vstack
from ..records import Frame
from .canvas import ImageCanvas, Touch
from .layers import LayerButtons
from .layout import on_change
from .player_state import PlayerState
from .run_images import step_image
from .score_maps import ScoreMapControls
from .score_panel import ScoreMapPanel
from .score_readings import reading_on_image
from .sizes import Css, Sizes
from .status import StatusLine, shows_errors
from .step_chart import StepChart
from .throttle import Throttle
from .whole_scores import WholeScores
from .zoom import Zoom

WATCHED = 1 / 22  # s from one image of a run to the next, on average; the rest is for the run
SLOWLY = 0.4  # s between updates of curves, slider and text while a run continues
ROUGHLY = 2 / 3  # of the height at which a step is drawn while a run continues
OLD = "the run before"
STILL = 384  # height of the image in a still, except on slides


class Mouse(NamedTuple):
    """Where the mouse is: on the image, in its pixels, or on the large maps, in CSS pixels."""

    on: Literal["image", "maps"]
    x: float
    y: float


class PlayerView:
    """Draws a `PlayerState`.

    Args:
        state: what is drawn.
        sizes: of the parts.
        status: where the text goes.
        drawn: called when all but the image has been drawn.
        chosen: called with the step that was pressed on the curves.
        key: called with the name of a key that was pressed on the image or the curves.

    Attributes:
        canvas: the image.
        chart: the curves.
        score_maps: which score window is drawn.
        layers: what is drawn over the image.
        zoom: which part of the image is shown.
        whole: whether the score map is that of the whole image.
        score_panel: the large score maps.
        draw_soon: call it to draw a step among many in a row, which need not all be drawn.
    """

    def __init__(
        self,
        state: PlayerState,
        sizes: Sizes,
        status: StatusLine,
        *,
        drawn: Callable[[], None],
        chosen: Callable[[float], None],
        key: Callable[[str], None],
    ) -> None:
        self.state = state
        self.sizes = sizes
        self.status = status
        self.drawn = drawn
        self.draw_soon = Throttle(self._draw_quickly)
        self._draw_finely = Throttle(self._redraw, SLOWLY)
        self.zoom = Zoom(state.image_size, self.draw_soon, self._chosen_place, pulls=True)
        self.canvas = ImageCanvas(
            state.image_size, sizes.image, self._touch_image, key, zoom=self.zoom
        )
        self.chart = StepChart(sizes, status, chosen, key)
        self.score_maps = ScoreMapControls(sizes.image, self._redraw, bool(sizes.slides))
        self.layers = LayerButtons(self._redraw)
        self.whole = WholeScores(state)
        on_change(self.whole.button, self._redraw)
        self.score_panel = ScoreMapPanel(2 * sizes.image + 12, self.score_maps, self._touch_maps)
        self._mouse: Mouse | None = None
        self._drawn_curves: Any = None  # what the curves on the chart were made of
        self._drawn_at = 0.0  # when all but the image was drawn
        self._due = 0.0  # when the next image of a run should be drawn

    def still(self) -> Image.Image:
        """The image beside the curves, with the legend and the large maps if they are shown."""
        frame = self.state.frame
        times = self.sizes.times
        image = self.image(self.sizes.image if self.sizes.slides else STILL)
        curves = self.chart_image().reduce(2 // times)
        if frame is None or self.score_maps.chosen is None:
            return hstack(image, curves)

        room = (max(image.width, image.height), 22 * times)  # below a narrow image it is wider
        legend = contain(self.score_maps.legend_image, room)
        top = hstack(vstack(image, legend), curves)
        if self.score_maps.large.value:
            return vstack(top, self.score_panel.image(frame).reduce(2))
        return top

    @property
    def step(self) -> int | None:
        """The number of the step that is shown, if there is one."""
        return None if self.state.frame is None else self.state.frame.index

    @property
    def image_layout(self) -> Css:
        """Of a column with the image."""
        height, width = self.state.image_size
        return self.sizes.image_layout(width / height)

    def image(self, size: int = STILL) -> Image.Image:
        """The step that is shown, `size` pixels high."""
        return self._image_of(self.state.frame, size)

    def sketch(self, size: int) -> Image.Image:
        """The newest step, roughly: a run should not have to wait for it."""
        return self._image_of(self.state.sketched(), round(ROUGHLY * size))

    def _image_of(self, frame: Frame | None, size: int) -> Image.Image:
        state, viewport = self.state, self.zoom.viewport
        if frame is None or (state.old and len(state.trace) == 1):
            return draw_overlay(state.blank, size=size, viewport=viewport)
        handle, name = self.score_maps.chosen, self.score_maps.map.value
        frame = self.whole.of(frame, handle, name)
        layers, linked = self.layers.shown, self._linked()
        image = step_image(frame, state.path(), handle, name, size, layers, linked, viewport)
        return faded(image, OLD) if state.old else image

    def marks(self) -> str:
        """What the marks on the image mean, in words."""
        return marks_in_words(inset=self.score_maps.chosen is not None)

    def chart_image(self, wide: bool = False) -> Image.Image:
        """The curves, twice as large as on the page; beside each other if `wide`."""
        self._update_curves()
        curves = self.chart.image(self.step, wide)
        return faded(curves, OLD) if self.state.old else curves

    def draw(self) -> None:
        """Draw everything."""
        self.score_maps.fill(self.state.frame)
        frame = self.state.frame
        self.layers.fill([] if frame is None else [frame])
        self.zoom.begin(self.state.image_size)
        self.canvas.show(self.image)
        self._draw_rest()

    def follow(self) -> None:
        """Draw the newest step while a run continues; not each one, and the rest less often."""
        now = time.monotonic()
        if now >= self._due:
            self._due = max(self._due + WATCHED, now)
            self.canvas.show_image(self.sketch(self.canvas.size))
        if time.monotonic() - self._drawn_at > SLOWLY:
            self._draw_rest()

    @shows_errors
    def say(self) -> None:
        """Report the values under the mouse, or else how the step went."""
        reading = self._reading()
        self.score_panel.say(reading)
        self.status.say(reading or self.state.summary(self.canvas.rate))

    def forget_mouse(self) -> None:
        """Report the step until the mouse moves again."""
        self._mouse = None

    @shows_errors
    def _draw_quickly(self) -> None:
        """Draw the image less finely; everything follows less often, and at rest."""
        if self.state.running:  # a finer one would be rendered beside the run
            self.canvas.show_image(self.sketch(self.canvas.size))
            return
        self.canvas.show(self.image, last=False)
        self._draw_finely()

    @shows_errors
    def _redraw(self) -> None:
        self.draw()

    def _draw_rest(self) -> None:
        """Draw the curves, the large maps and the text."""
        self._drawn_at = time.monotonic()
        self._update_curves()
        self.chart.show(self.step)
        self._show_whether_old()
        self.score_maps.explain(self.whole.values)
        self.score_panel.draw(self.state.frame)
        self.say()
        self.drawn()

    def _show_whether_old(self) -> None:
        if self.state.old:
            self.chart.box.add_class("dk-old")
        else:
            self.chart.box.remove_class("dk-old")

    def _update_curves(self) -> None:
        """Draw the curves again, unless only the step has changed."""
        trace = self.state.trace
        handle = self.score_maps.chosen
        made_of = (trace, len(trace), handle)  # a trace only grows
        if made_of != self._drawn_curves:
            self.chart.update(self.state.panels(handle or 0))
            self._drawn_curves = made_of

    def _reading(self) -> str:
        """The values under the mouse; empty if it is elsewhere."""
        frame = self.state.frame
        if frame is None or self._mouse is None:
            return ""
        on, x, y = self._mouse
        if on == "maps":
            return self.score_panel.reading(frame, x, y)
        handle = self.score_maps.chosen if "window" in self.layers.shown else None
        return reading_on_image(frame, handle, x, y, 2 * self.sizes.image, self.zoom.viewport)

    def _chosen_place(self) -> tuple[float, float] | None:
        """Where the handle is whose score window is chosen, or the first one."""
        if self.state.frame is None:
            return None
        handle = self.score_maps.handle_in(self.state.frame) or 0
        x, y = self.state.frame.points[handle].tolist()
        return x, y

    def _touch_image(self, kind: Touch, x: float, y: float) -> None:
        self._touch(kind, Mouse("image", x, y))

    def _touch_maps(self, kind: Touch, x: float, y: float) -> None:
        self._touch(kind, Mouse("maps", x, y))

    def _touch(self, kind: Touch, mouse: Mouse) -> None:
        if self.status.shows_error:
            return  # an error stays until the next step or press
        before = self._linked()
        self._mouse = None if kind == "out" else mouse
        self.say()
        if self._linked() != before:
            self.draw_soon()

    def _linked(self) -> tuple[float, float] | None:
        """The place on the image, in its pixels, that the mouse shows on the large maps."""
        frame = self.state.frame
        if frame is None or self._mouse is None or self._mouse.on == "image":
            return None
        return self.score_panel.place(frame, self._mouse.x, self._mouse.y)
