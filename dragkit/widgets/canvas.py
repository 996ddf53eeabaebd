"""What every widget draws on: safe drawing, and a surface for images that hears the mouse."""

from __future__ import annotations

import contextlib
import threading
import time
from collections import deque
from collections.abc import Callable
from functools import partial

import ipycanvas
import ipywidgets as W
from PIL import Image

from ..compose import encode

LOCK = threading.RLock()  # ipycanvas has one queue for all canvases and is not thread safe
# keys, to (x, y)
ARROWS = {"ArrowLeft": (-1, 0), "ArrowRight": (1, 0), "ArrowUp": (0, -1), "ArrowDown": (0, 1)}
PAUSE = 1 / 25  # s; a browser takes no more, so frames in between are dropped here


@contextlib.contextmanager
def batch():
    """Send all drawing inside in one message; use it instead of ipycanvas's ``hold_canvas``.
    Re-entrant.

    It is safe in threads, leaves nothing behind after an exception, and always names its canvas
    first, so that a page that was loaded anew finds it.
    """
    manager = ipycanvas.canvas._CANVAS_MANAGER  # private: pinned, and covered by the browser test
    with LOCK:
        if manager._caching:
            yield
            return
        manager._caching, manager._current_canvas = True, None
        try:
            yield
            manager.flush()
        finally:
            manager._caching, manager._current_canvas = False, None
            manager._commands_cache, manager._buffers_cache = [], []


class Surface:
    """A canvas that shows images and tells where in them the mouse, pen or finger is.

    Args:
        image: (height, width) of the model's images, in pixels.
        size: height on the page in CSS pixels; drawn twice as fine.
        touched: called as ``touched(kind, x, y)`` in image pixels; kind is "press", "move",
            "release" or, where the mouse leaves, "out".
        key: called with the name of a key that was pressed while the canvas has the focus.
        style: of the mouse pointer: "dk-pick", "dk-look" or "dk-seek".

    `finger` tells whether it was a finger that was heard last. A finger cannot scroll the page
    there: ipycanvas keeps its moves.
    """

    def __init__(
        self,
        image: tuple[int, int],
        size: int,
        touched: Callable | None = None,
        key: Callable | None = None,
        style: str = "dk-pick",
    ) -> None:
        self.image, self.size = image, size
        width = round(size * image[1] / image[0])
        # narrow pages shrink it
        layout = W.Layout(width=f"{width}px", max_width="100%", height="auto", margin="0")
        self.canvas = ipycanvas.Canvas(width=2 * width, height=2 * size, layout=layout)
        self.canvas.on_client_ready(self._again)
        self.times: deque[float] = deque(maxlen=60)
        self._bytes, self._height, self._last, self._spot = b"", 1, 0.0, (0.0, 0.0)
        self.finger = False
        if touched:
            self.canvas.add_class(style)
            self._hear_pointer(touched)
            self._hear_keys(key)

    def show(self, make: Callable[[int], Image.Image], last: bool = True) -> bool:
        """Draw ``make(height)``, an image of about that height; says whether it was drawn.

        Where it is not the `last` one for now it is drawn less finely, or not at all when the one
        before is too fresh.
        """
        now = time.monotonic()
        if not last and now - self._last < PAUSE:
            return False
        image = make(2 * self.size if last else self.size)
        with LOCK:
            self._bytes, self._height, self._last = (
                encode(image),
                image.height,
                time.monotonic(),
            )
            self._again()
        self.times.append(self._last)
        return True

    @property
    def rate(self) -> float:
        """Images per second in the last two seconds; 0 where there are too few to tell."""
        times = [t for t in self.times if t > self._last - 2]
        return (
            (len(times) - 1) / (times[-1] - times[0])
            if len(times) > 2 and times[-1] > times[0]
            else 0.0
        )

    def _again(self) -> None:
        """Send the last image; canvases keep none, so every new view asks for it."""
        if not self._bytes:
            return
        with batch():
            self.canvas.save()
            self.canvas.scale(2 * self.size / self._height)
            command = ipycanvas.canvas.COMMANDS["putImageData"]
            self.canvas._canvas_manager.send_draw_command(
                self.canvas, command, [0, 0], [self._bytes]
            )
            self.canvas.restore()

    def _hear_pointer(self, touched: Callable) -> None:
        scale = self.image[0] / (2 * self.size)

        def tell(kind: str, x: float, y: float, finger: bool = False) -> None:
            self.finger = finger
            touched(kind, x * scale - 0.5, y * scale - 0.5)

        def touch(kind: str, touches: list[tuple[float, float]]) -> None:
            # the first finger; the end of a touch has no place
            self._spot = touches[0] if touches else self._spot
            tell(kind, *self._spot, finger=True)

        canvas = self.canvas
        mouse = {
            "press": canvas.on_mouse_down,
            "move": canvas.on_mouse_move,
            "release": canvas.on_mouse_up,
            # a button that is let go outside is never heard of  # fmt: skip
            "out": canvas.on_mouse_out,
        }
        for kind, listen in mouse.items():
            listen(partial(tell, kind))
        for kind, listen in {
            "press": canvas.on_touch_start,
            "move": canvas.on_touch_move,
            "release": canvas.on_touch_end,
        }.items():
            listen(partial(touch, kind))

    def _hear_keys(self, key: Callable[[str], None] | None) -> None:
        def press(name: str, *_) -> None:
            if name == "Tab":
                # a canvas swallows every key, so the focus would never get out: the next Tab goes
                # on
                self.canvas.blur()
            elif key:
                key(name)

        self.canvas.on_key_down(press)


class Throttle:
    """Do `act` at most every `pause` seconds, and once more after the last call: nothing that is
    asked for is missed.
    """

    def __init__(self, act: Callable[[], None], pause: float = PAUSE) -> None:
        self.act, self.pause = act, pause
        self._lock, self._last, self._timer, self._busy = threading.Lock(), 0.0, None, False

    def __call__(self) -> None:
        """Act now, or soon: not while somebody is still at it, nor right after."""
        with self._lock:
            if self._timer is not None:
                return  # that one will see what is asked for now
            rest = self.pause if self._busy else self._last + self.pause - time.monotonic()
            if rest > 0:
                self._timer = threading.Timer(rest, self._late)
                self._timer.daemon = True
                self._timer.start()
                return
            self._busy = True
        try:
            self.act()
        finally:
            with self._lock:
                self._last, self._busy = time.monotonic(), False

    def _late(self) -> None:
        with self._lock:
            self._timer = None
        self()
