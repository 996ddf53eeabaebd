"""What every widget draws on: a canvas for images that reports the mouse, fingers and keys."""

from __future__ import annotations

import contextlib
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import Literal

import ipycanvas
import ipywidgets as W
from PIL import Image

from ..compose import Columns, Viewport, encode
from ..records import Size
from .lifetime import weakly
from .throttle import PAUSE
from .zoom import Zoom

# "out": the mouse has left the canvas.
Touch = Literal["press", "move", "release", "out"]
# Called with what happened and where (x, y), in image pixels.
Touched = Callable[[Touch, float, float], None]

LOCK = threading.RLock()  # ipycanvas has one queue for all canvases and is not thread safe
# What the arrow keys add to (x, y).
ARROWS = {"ArrowLeft": (-1, 0), "ArrowRight": (1, 0), "ArrowUp": (0, -1), "ArrowDown": (0, 1)}


@contextlib.contextmanager
def batch() -> Iterator[None]:
    """Send everything that is drawn inside in one message; may be nested.

    Use it instead of ipycanvas's ``hold_canvas``: it is safe in threads, leaves nothing behind
    after an exception, and always names its canvas first, so that a reloaded page finds it.
    """
    manager = ipycanvas.canvas._CANVAS_MANAGER  # private: pinned, and covered by the browser test
    with LOCK:
        if manager._caching:
            yield
            return
        manager._caching = True
        manager._current_canvas = None
        try:
            yield
            manager.flush()
        finally:
            manager._caching = False
            manager._current_canvas = None
            manager._commands_cache = []
            manager._buffers_cache = []


class ImageCanvas:
    """A canvas that shows images and reports where in them the mouse, pen or finger is.

    A finger cannot scroll the page there: ipycanvas keeps its moves for itself.

    Args:
        image: (height, width) of the model's images, in pixels.
        size: height in CSS pixels for which it is drawn, twice as fine; on the page it is as wide
            as what it is in.
        touched: called as ``touched(kind, x, y)``, in image pixels; kind is "press", "move",
            "release" or, if the mouse leaves, "out".
        key: called with the name of a key that was pressed while the canvas has the focus, such
            as "ArrowLeft" or "Ctrl+z".
        style: of the mouse pointer: "dk-pick", "dk-look" or "dk-seek".
        zoom: which part of the image is shown; None: always all of it.

    Attributes:
        canvas: the ipywidget.
        finger: whether the last touch was a finger's.
    """

    def __init__(
        self,
        image: Size,
        size: int,
        touched: Touched,
        key: Callable[[str], None] | None = None,
        style: str = "dk-look",
        zoom: Zoom | None = None,
    ) -> None:
        self.size = size
        self.zoom = zoom
        self.touched = touched
        self.key = key
        self.finger = False
        self._whole = Viewport(image)
        self._mouse: tuple[float, float] | None = None  # in pixels of the canvas
        self._times: deque[float] = deque(maxlen=60)  # when images were shown
        self._parts: dict[Columns, bytes] = {}  # the last image, and what was drawn over it
        self._height = 1  # of the last image
        self._last = 0.0
        self._finger_at = (0.0, 0.0)

        width = round(size * image[1] / image[0])
        layout = W.Layout(width="100%", height="auto", margin="0")
        self.canvas = ipycanvas.Canvas(width=2 * width, height=2 * size, layout=layout)
        self.canvas.add_class(style)
        self._listen()

    def show(self, make: Callable[[int], Image.Image], last: bool = True) -> bool:
        """Draw ``make(height)``, an image of about that height; says whether it was drawn.

        Args:
            make: makes the image.
            last: whether it is the last one for now; others are drawn less finely, or not at all
                if the one before is too fresh.
        """
        now = time.monotonic()
        if not last and now - self._last < PAUSE:
            return False
        self.show_image(make(2 * self.size if last else self.size))
        return True

    def show_image(self, image: Image.Image) -> None:
        """Draw an image that has been made already, of whatever height."""
        with LOCK:
            self._parts = {}
            self._height = image.height
            self.show_parts({(0, image.width): image})

    def show_parts(self, images: Mapping[Columns, Image.Image]) -> None:
        """Draw over some columns of the last image; a tenth of them take a sixth of the time."""
        with LOCK:
            parts = {columns: encode(image) for columns, image in images.items()}
            for columns in parts:
                self._parts.pop(columns, None)  # what was drawn last comes last
            self._parts |= parts
            self._last = time.monotonic()
            self._send(parts)
        self._times.append(self._last)

    @property
    def viewport(self) -> Viewport:
        """The part of the image that is shown."""
        return self._whole if self.zoom is None else self.zoom.viewport

    @property
    def image(self) -> Size:
        """(height, width) of the model's images, in pixels."""
        return self.viewport.size

    @property
    def rate(self) -> float:
        """Images per second in the last two seconds; 0 if there are too few to say."""
        times = [t for t in self._times if t > self._last - 2]
        if len(times) < 3 or times[-1] <= times[0]:
            return 0.0
        return (len(times) - 1) / (times[-1] - times[0])

    def _send_all(self) -> None:
        """Send the last image; canvases keep none, so every new view asks for it."""
        if self._parts:
            self._send(self._parts)

    def _send(self, parts: Mapping[Columns, bytes]) -> None:
        with batch():
            self.canvas.save()
            self.canvas.scale(2 * self.size / self._height)
            command = ipycanvas.canvas.COMMANDS["putImageData"]
            manager = self.canvas._canvas_manager
            for (left, _), image in parts.items():
                manager.send_draw_command(self.canvas, command, [left, 0], [image])
            self.canvas.restore()

    def _listen(self) -> None:
        canvas = self.canvas
        report = weakly(self._report)
        fingers = weakly(self._report_fingers)
        canvas.on_client_ready(weakly(self._send_all))
        canvas.on_mouse_down(partial(report, "press", False))
        canvas.on_mouse_move(partial(report, "move", False))
        canvas.on_mouse_up(partial(report, "release", False))
        # nobody reports a button that is released outside
        canvas.on_mouse_out(partial(report, "out", False))
        canvas.on_mouse_wheel(weakly(self._report_wheel))
        canvas.on_touch_start(partial(fingers, "press"))
        canvas.on_touch_move(partial(fingers, "move"))
        canvas.on_touch_end(partial(fingers, "release"))
        canvas.on_key_down(weakly(self._report_key))

    def _report(self, kind: Touch, finger: bool, x: float, y: float) -> None:
        self.finger = finger
        self._mouse = None if kind == "out" else (x, y)
        if self.zoom is not None:
            self._pull(self.zoom, kind, *self._place(x, y))
        self.touched(kind, *self._place(x, y))

    def _place(self, x: float, y: float) -> tuple[float, float]:
        """The place (x, y) of the image that is shown at (x, y) of the canvas."""
        return self.viewport.to_image(x, y, 2 * self.size)

    def _place_of_mouse(self) -> tuple[float, float] | None:
        """The same for the mouse, or for where a finger was; None while it is elsewhere."""
        return None if self._mouse is None else self._place(*self._mouse)

    def _pull(self, zoom: Zoom, kind: Touch, x: float, y: float) -> None:
        if kind == "press":
            zoom.hold((x, y))
        elif kind == "move":
            zoom.pull((x, y))
        else:
            zoom.let_go()

    def _report_wheel(self, _: float, down: float) -> None:
        # ipycanvas keeps the wheel from the page whether anybody asks for it or not
        if self.zoom is not None:
            self.zoom.turn(down, self._place_of_mouse())

    def _report_fingers(self, kind: Touch, fingers: list[tuple[float, float]]) -> None:
        if fingers:  # the end of a touch has no place
            self._finger_at = fingers[0]
        self._report(kind, True, *self._finger_at)

    def _report_key(self, name: str, shift: bool, ctrl: bool, meta: bool) -> None:
        if ctrl or meta:
            name = f"Ctrl+{name.lower()}"
        if name == "Tab":
            # A canvas swallows every key, so the focus would never leave. The next Tab moves on.
            self.canvas.blur()
        elif not self._zooms(name, shift) and self.key:
            self.key(name)

    def _zooms(self, name: str, shift: bool) -> bool:
        """Let a key zoom or move what is shown; says whether it did."""
        if self.zoom is None:
            return False
        if shift and name in ARROWS:
            self.zoom.push(*ARROWS[name])
            return True
        return self.zoom.press_key(name, self._place_of_mouse())
