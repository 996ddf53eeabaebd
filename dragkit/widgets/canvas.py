"""What every widget stands on: safe drawing, a surface for pictures, errors that are shown, stills that are saved."""

from __future__ import annotations

import contextlib
import html
import threading
import time
import traceback
from base64 import b64encode
from collections import deque
from collections.abc import Callable
from functools import wraps

import ipycanvas
import ipywidgets as W
from PIL import Image

from ..compose import encode, png

LOCK = threading.RLock()  # ipycanvas has one queue for all canvases and is not thread safe
PAUSE = 1 / 25  # s; a browser takes no more, so frames in between are dropped here
CSS = """<style>
.dk canvas, .dk img {border-radius: 6px}
.dk-pick {cursor: crosshair; touch-action: none}
.dk .widget-button, .dk .widget-toggle-button {border-radius: 4px}
.dk .dk-line .widget-html-content {line-height: 18px; font-size: 13px; overflow-wrap: anywhere}
.dk .dk-line [role=status] {max-height: 54px; overflow: auto}
.dk .dk-line .bad {color: #c5221f; font-weight: 600}
.dk .dk-line pre {max-height: 160px; overflow: auto; font-size: 11px; line-height: 1.3}
.dk .widget-readout {min-width: 32px}
</style>"""


@contextlib.contextmanager
def batch():
    """Send all drawing inside in one message; use it instead of ipycanvas's ``hold_canvas``. Re-entrant.

    It is safe in threads, leaves nothing behind after an exception, and always names its canvas first, so
    that a page that was loaded anew finds it.
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


def guard(method: Callable) -> Callable:
    """For callbacks: an error inside is shown by ``self.notice`` and kept as ``last_error``, never lost."""

    @wraps(method)
    def guarded(self, *arguments):
        try:
            return method(self, *arguments)
        except BaseException as error:  # an interrupt too: nobody else would tell
            self.notice.fail(error)

    return guarded


class Notice:
    """A line of text under a picture: what to do, what goes on, what went wrong."""

    def __init__(self, width: int) -> None:
        self.line = W.HTML(layout=W.Layout(width=f"{width}px", min_height="58px", margin="4px 0 0"))
        self.line.add_class("dk-line")
        self.last_error: BaseException | None = None

    def say(self, text: str) -> None:
        """Show a line; the error before it stays in `last_error`."""
        self.line.value = f'<div role="status">{html.escape(text)}</div>'

    def fail(self, error: BaseException) -> None:
        """Show an error: its message, and its traceback to fold out."""
        self.last_error = error
        trail = html.escape("".join(traceback.format_exception(error)))
        words = html.escape(f"{type(error).__name__}: {error}" if str(error) else type(error).__name__)
        self.line.value = (
            f'<div role="alert" class="bad">{words}</div><details><summary>where it happened</summary>'
            f"<pre>{trail}</pre></details>"
        )


class Surface:
    """A canvas that shows pictures and tells where in them the mouse, pen or finger is.

    Args:
        picture: (height, width) of the model's pictures, in pixels.
        size: height on the page in CSS pixels; drawn twice as fine.
        touched: called as ``touched(kind, x, y)`` in picture pixels; kind is "press", "move" or "release".
        key: called with the name of a key that was pressed after a click on the canvas.
    """

    def __init__(self, picture: tuple[int, int], size: int, touched: Callable | None = None, key: Callable | None = None) -> None:
        self.picture, self.size = picture, size
        width = round(size * picture[1] / picture[0])
        layout = W.Layout(width=f"{width}px", height=f"{size}px", margin="0")
        self.canvas = ipycanvas.Canvas(width=2 * width, height=2 * size, layout=layout)
        self.canvas.on_client_ready(self._again)
        self.times: deque[float] = deque(maxlen=60)
        self._bytes, self._height, self._last, self._finger = b"", 1, 0.0, (0.0, 0.0)
        if touched:
            self._listen(touched, key)

    def show(self, make: Callable[[int], Image.Image], last: bool = True) -> bool:
        """Draw ``make(height)``, a picture of about that height; says whether it was drawn.

        Where it is not the `last` one for now it is drawn less finely, or not at all when the one before is
        too fresh.
        """
        now = time.monotonic()
        if not last and now - self._last < PAUSE:
            return False
        picture = make(2 * self.size if last else self.size)
        with LOCK:
            self._bytes, self._height, self._last = encode(picture), picture.height, time.monotonic()
            self._again()
        self.times.append(self._last)
        return True

    @property
    def rate(self) -> float:
        """Pictures per second in the last two seconds; 0 where there are too few to tell."""
        times = [t for t in self.times if t > self._last - 2]
        return (len(times) - 1) / (times[-1] - times[0]) if len(times) > 2 and times[-1] > times[0] else 0.0

    def _again(self) -> None:
        """Send the last picture; canvases keep none, so every new view asks for it."""
        if not self._bytes:
            return
        with batch():
            self.canvas.save()
            self.canvas.scale(2 * self.size / self._height)
            command = ipycanvas.canvas.COMMANDS["putImageData"]
            self.canvas._canvas_manager.send_draw_command(self.canvas, command, [0, 0], [self._bytes])
            self.canvas.restore()

    def _listen(self, touched: Callable, key: Callable | None) -> None:
        scale = self.picture[0] / (2 * self.size)
        tell = lambda kind: lambda x, y: touched(kind, x * scale - 0.5, y * scale - 0.5)
        canvas, press, move, release = self.canvas, tell("press"), tell("move"), tell("release")
        canvas.add_class("dk-pick")
        canvas.on_mouse_down(press)
        canvas.on_mouse_move(move)
        canvas.on_mouse_up(release)
        canvas.on_mouse_out(release)  # a button that is let go outside is never heard of

        def finger(tell: Callable) -> Callable:
            def hear(touches: list[tuple[float, float]]) -> None:
                self._finger = touches[0] if touches else self._finger  # the end of a touch has no place
                tell(*self._finger)

            return hear

        canvas.on_touch_start(finger(press))
        canvas.on_touch_move(finger(move))
        canvas.on_touch_end(finger(release))
        if key:
            canvas.on_key_down(lambda name, *_: key(name))


class Shown:
    """How the widgets appear in a notebook: live, and with a still picture that is saved with it.

    A widget has `box` (what is shown live), `still()` (a Pillow picture) and a short `repr`. A cell gets two
    outputs: the live one, and the still behind an empty widget, so that a page without a kernel shows it
    and a live page does not. That one alone is updated: to update the live one would build its view anew,
    losing the focus and the place on the page.
    """

    _shelf = _nothing = None

    def snapshot(self) -> bytes:
        """What the widget shows now, as PNG bytes."""
        return png(self.still())

    def _repr_mimebundle_(self, include=None, exclude=None) -> dict:
        return self._bundle(self.box, repr(self)) | self._picture()

    def _ipython_display_(self) -> None:
        from IPython.display import display

        display(self._bundle(self.box, f"{type(self).__name__}: live where a kernel runs; here its last picture."), raw=True)
        self._shelf = display(self._still_bundle(), raw=True, display_id=True)

    def refresh_still(self) -> None:
        """Put the present picture into the notebook, so that it is what gets saved."""
        if self._shelf is not None:
            self._shelf.update(self._still_bundle(), raw=True)

    def _still_bundle(self) -> dict:
        if self._nothing is None:
            self._nothing = W.Box(layout=W.Layout(display="none"))
        return self._bundle(self._nothing, repr(self)) | self._picture()

    def _picture(self) -> dict:
        return {"image/jpeg": b64encode(encode(self.still(), fine=True)).decode()}

    def _bundle(self, widget: W.Widget, text: str) -> dict:
        return dict(widget._repr_mimebundle_() or {}) | {"text/plain": text}


def button(text: str, icon: str, tooltip: str, clicked: Callable, **settings) -> W.Button:
    """A push button as wide as its text needs."""
    new = W.Button(description=text, icon=icon, tooltip=tooltip, layout=W.Layout(width="auto", flex="1 1 auto"), **settings)
    new.on_click(lambda _: clicked())
    return new


def row(*parts: W.Widget, width: int) -> W.HBox:
    """Parts side by side, wrapped where they do not fit."""
    return W.HBox(parts, layout=W.Layout(width=f"{width}px", min_height="34px", align_items="center", flex_flow="row wrap"))


def card(*parts: W.Widget) -> W.VBox:
    """Parts below each other, with the style sheet."""
    box = W.VBox([W.HTML(CSS, layout=W.Layout(display="none")), *parts], layout=W.Layout(overflow="visible"))
    box.add_class("dk")
    return box
