"""The page of a run inside a cell: the kernel's half of `page/live.js`."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Any

import anywidget

from ..page.contents import image_uri, page_of, run_contents
from ..page.notebook import notebook_module
from ..records import Frame
from ..runs.recording import recording_of
from .lifetime import weakly
from .player_state import PlayerState
from .status import StatusLine, shows_errors

WATCHED = 1 / 25  # s at least between two messages of a run; the browser draws each
RUN = "the run"


class PageView:
    """Shows a `PlayerState` as a page: sends its steps, and an image when somebody looks at it.

    A message is a dict with its `kind`. From the page: "open" asks for everything, "image" for
    the image at a position, "showing" says which step is looked at. To the page: "all" is what a
    page without a kernel has as JSON, but for the images; "more" continues its run; "image" is one
    that was asked for. Each says whether the run is still going on, since then nobody asks for
    images: the newest step comes with a sketch of its image.

    Args:
        state: what is shown.
        title: of the page.
        method: what the run is made with, by name.
        status: where errors are shown.
        showing: called when another step is looked at.

    Attributes:
        widget: the ipywidget.
    """

    def __init__(
        self,
        state: PlayerState,
        title: str,
        method: Mapping[str, Any],
        status: StatusLine,
        showing: Callable[[], None],
    ) -> None:
        self.state = state
        self.title = title
        self.method = method
        self.status = status
        self.showing = showing
        self.widget = anywidget.AnyWidget(_esm=_module())
        self.widget.on_msg(weakly(self._hear))
        self._lock = threading.Lock()  # a run sends from its own thread
        self._sent = 0  # frames that every page has
        self._due = 0.0

    def show(self, view: str | None = None) -> None:
        """Send everything, to one view or to all."""
        with self._lock:
            self._sent = len(self.state.trace)
            self._send("all", view=view, contents=page_of(self.title, [self._run(0)]))

    def follow(self) -> None:
        """Send the newest steps while a run continues, if the last ones are not too fresh."""
        now = time.monotonic()
        if now >= self._due:
            self._due = max(self._due + WATCHED, now)
            self._send_newest()

    def rest(self) -> None:
        """Send what is new, now that nothing runs any longer."""
        self._send_newest()

    def _send_newest(self) -> None:
        with self._lock:
            begin, self._sent = self._sent, len(self.state.trace)
            self._send("more", begin=begin, run=self._run(begin))

    def _run(self, begin: int) -> dict[str, Any]:
        """The run from a position on, with a sketch of its newest step while it continues."""
        newest = self.state.sketched() if self.state.running else None

        def image(frame: Frame) -> dict[str, str]:
            is_newest = newest is not None and frame.index == newest.index
            return {"sketch": image_uri(newest)} if newest is not None and is_newest else {}

        return run_contents(recording_of(RUN, self.state.trace, self.method), image, begin)

    @shows_errors
    def _hear(self, _: Any, message: Mapping[str, Any], __: Any) -> None:
        kind, view = message["kind"], message["view"]
        if kind == "open":
            self.show(view)
        elif kind == "image":
            self._send_image(view, message["position"])
        else:
            self.state.seek(message["position"])
            self.showing()

    def _send_image(self, view: str, position: int) -> None:
        trace = self.state.trace
        if position < len(trace):  # a branch may have left it behind
            self._send("image", view=view, position=position, image=image_uri(trace[position]))

    def _send(self, kind: str, **content: Any) -> None:
        self.widget.send({"kind": kind, "busy": self.state.running} | content)


@lru_cache
def _module() -> str:
    return notebook_module()
