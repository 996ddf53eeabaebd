"""The page of a run inside a cell: the kernel's half of `page/live.js`."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from functools import cache
from itertools import takewhile
from typing import Any

import anywidget

from ..page.contents import image_uri, page_of, run_contents
from ..page.notebook import notebook_module
from ..records import Frame
from ..runs.one_thread import InUse
from ..runs.recording import recording_of
from .lifetime import weakly
from .page_status import PageStatus
from .player_state import PlayerState
from .status import shows_errors

WATCHED = 1 / 25  # s at least between two messages of a run; the browser draws each
TITLE = "A drag run"
RUN = "the run"


class PageView:
    """Shows a `PlayerState` as a page: sends its steps, and an image when somebody looks at it.

    A message is a dict with its `kind`. From the page: "open" asks for everything, "image" for the
    image at a position, "showing" says which step is looked at, "press" which button was pressed
    at which step, "comes" that somebody is there. To the page: "all" is what a page without a
    kernel has as JSON, but for the images; "more" has the frames from a position on, as the run
    went on or was begun anew from there; "image" is one that was asked for; "controls" says which
    buttons can be pressed, and something to read. Each says whether the run is still going on,
    since then nobody asks for images: the newest step comes with a sketch of its image.

    Args:
        state: what is shown.
        pressed: called with the name of a button, as in ``state.can``.

    Attributes:
        status: what the page says.
        widget: the ipywidget.
    """

    def __init__(self, state: PlayerState, pressed: Callable[[str], None]) -> None:
        self.state = state
        self.pressed = pressed
        self.status = PageStatus(self.send_controls)
        self.widget = anywidget.AnyWidget(_esm=_module())
        self.widget.on_msg(weakly(self._hear))
        # a run sends from its own thread, and the last message must say where things stand
        self._lock = threading.RLock()
        self._sent: list[Frame] = []  # that every page has
        self._due = 0.0

    def follow(self) -> None:
        """Send the newest steps while a run continues, if the last ones are not too fresh."""
        now = time.monotonic()
        if now >= self._due:
            self._due = max(self._due + WATCHED, now)
            self.send_newest()

    def send_newest(self) -> None:
        """Send what the pages do not have yet."""
        with self._lock:
            frames = list(self.state.trace)
            same = (a is b for a, b in zip(self._sent, frames, strict=False))
            begin = sum(takewhile(bool, same))
            self._sent = frames
            self._send("more", begin=begin, run=self._run(begin))

    def send_controls(self) -> None:
        """Send which buttons can be pressed now, and what the page says."""
        with self._lock:
            self._send("controls", controls=self._controls())

    def _controls(self) -> dict[str, Any]:
        can = None if self.state.recorded else self.state.can
        return {"can": can, "words": self.status.words, "trail": self.status.trail}

    def _send_all(self, view: str) -> None:
        with self._lock:
            self._sent = self._sent or list(self.state.trace)
            contents = page_of(TITLE, [self._run(0)])
            given = {"contents": contents, "controls": self._controls()}
            self._send("all", view=view, at=self.state.at, **given)

    def _run(self, begin: int) -> dict[str, Any]:
        """The run from a position on, with a sketch of its newest step while it continues."""
        session = self.state.session
        newest = self.state.sketched() if self.state.running else None

        def image(frame: Frame) -> dict[str, str]:
            if newest is None or frame.index != newest.index:
                return {}
            return {"sketch": image_uri(newest)}

        method = {} if session is None else session.method
        return run_contents(recording_of(RUN, self.state.trace, method), image, begin)

    @shows_errors
    def _hear(self, _: Any, message: Mapping[str, Any], __: Any) -> None:
        kind, view = message["kind"], message["view"]
        if not self.state.running:
            self._catch_up()
        if kind == "open":
            self._send_all(view)
        elif kind == "press":
            self._press(message["button"], message["position"])
        elif kind == "comes":
            return  # it has been told what was done meanwhile
        elif message["position"] >= len(self.state.trace):
            return  # the run has been taken back while the message was under way
        elif kind == "image":
            self._send_image(view, message["position"])
        else:
            self.state.seek(message["position"])
            self.send_controls()

    def _press(self, button: str, position: int) -> None:
        if not self.state.running and position < len(self.state.trace):
            self.state.seek(position)
        if self.state.can.get(button):  # it may be a press of a moment ago
            self.pressed(button)

    def _catch_up(self) -> None:
        """Tell the pages what was done to the session in a cell."""
        try:
            self.state.begin()
        except InUse:  # a cell has begun it anew, and is running it
            return
        trace = self.state.trace
        if self._sent and (len(trace) != len(self._sent) or trace[-1] is not self._sent[-1]):
            self.send_newest()
        self.send_controls()

    def _send_image(self, view: str, position: int) -> None:
        frame = self.state.trace[position]
        place = {"position": position, "step": frame.index}
        self._send("image", view=view, **place, image=image_uri(frame))

    def _send(self, kind: str, **content: Any) -> None:
        with self._lock:
            self.widget.send({"kind": kind, "busy": self.state.running} | content)


@cache
def _module() -> str:
    return notebook_module()
