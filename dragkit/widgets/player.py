"""The widget that shows a run: live while it continues, and any of its steps afterwards."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Literal, get_args

import ipywidgets as W
import numpy as np
from PIL import Image

from ..arguments import function, named_arguments, shown
from ..records import Frame
from ..runs.session import Session
from ..runs.trace import Trace
from .background import stop_all
from .layout import card, column, side_by_side
from .playback import PlaybackControls
from .player_controls import PlayerControls, RunButtons
from .player_state import PlayerState
from .player_view import PlayerView
from .run_files import FileControls
from .run_widget import RunWidget
from .session_runner import SessionRunner
from .sizes import checked_height, player_sizes
from .status import StatusLine, shows_errors

Event = Literal["start", "rest", "open", "branch"]
EVENTS: tuple[str, ...] = get_args(Event)


@named_arguments
class Player(RunWidget):
    """Watch a run: ``Player(trace)`` plays it; ``Player(session)`` can also run and branch it.

    The image shows handles (dots), targets (rings), paths and one handle's score window, best
    pixel ringed, runner-up in a diamond; the line below reports the values under the mouse. The
    curves show distance, losses and confidence with the gate's threshold; a click on them shows
    that step. The wheel, + and - magnify the image, which can then be pulled; 0 shows all of it.
    Run works in the background, so that other cells can be run meanwhile; the kernel's interrupt
    does not reach it, Stop does. `run` waits, and is ended by an interrupt.

    Args:
        source: a `Trace` or a `Session`; a session makes its first step at once.
        size: height of the image on the page, in CSS pixels; None: as the page has room for it.
        chart: (width, height) of the curves in CSS pixels; None: what the image leaves.
        blank: uint8 (H W 3), what to show before there is a step.
        slides: for a lecture hall: as large as the window, with only play, step and the slider to
            press (and Run and Stop for a session).

    Attributes:
        state: which run is shown, and which of its steps.
        view: the image, the curves and the score maps.
        controls: what can be pressed.
        runner: runs a session.

    Raises:
        TypeError: the source is neither.
        ValueError: the trace is empty, or a size cannot be shown.
    """

    status: StatusLine

    def __init__(
        self,
        source: Trace | Session | None,
        size: int | None = None,
        *,
        chart: tuple[int, int] | None = None,
        blank: np.ndarray | None = None,
        slides: bool = False,
    ) -> None:
        sizes = player_sizes(size, chart, slides, not isinstance(source, Trace))
        self.state = PlayerState(source, blank)
        stop_all()
        self.state.begin()
        self._callbacks: dict[str, list[Callable[[], None]]] = {name: [] for name in EVENTS}

        self.status = StatusLine()
        self.view = PlayerView(
            self.state,
            sizes,
            self.status,
            drawn=self._fill,
            chosen=self._choose_step,
            key=self._press_key,
        )
        self.runner = SessionRunner(
            self.state, self._prepare, self._fill, self.view.follow, self._ended
        )
        run_one = partial(self._run, 1)
        self.controls = PlayerControls(
            sizes,
            RunButtons(self._run, self.runner.ask_to_stop, run_one, self._branch),
            PlaybackControls(self._seek_soon, self._position, sizes.times),
            self.view,
            FileControls(self.state, self.status, self._opened, self.runner, self.still),
        )
        self.box = self._layout(slides)
        self.view.draw()

    @property
    def frame(self) -> Frame | None:
        """The step that is shown."""
        return self.state.frame

    def show(self, source: Trace | Session | None) -> None:
        """Show another run, from its last step.

        Raises:
            TypeError: it is neither.
        """
        self.stop()
        self.state.show(source)
        self.state.begin()
        self.view.draw()

    def seek(self, position: int) -> None:
        """Show the step at `position` of the trace; negative ones count from the end."""
        self.state.seek(position)
        self.view.draw()

    def branch(self, position: int) -> None:
        """Go back to the step at `position`; the next run continues from there.

        The run so far is kept, and drawn in grey.
        """
        self.stop()
        self.state.branch(position)
        self.view.draw()
        self._call("branch")

    def on(self, event: Event, callback: Callable[[], None]) -> None:
        """Call `callback()` at an event.

        Args:
            event: "start", before a run; "rest", after it; "open", after a file was opened;
                "branch", after the run went back to a step.
            callback: what is called.
        """
        if not isinstance(event, str) or event not in self._callbacks:
            raise ValueError(f"event is {shown(event)}; give one of {', '.join(self._callbacks)}")
        function("callback", callback, "a function without arguments")
        self._callbacks[event].append(callback)

    def wait_for(self, ready: bool) -> None:
        """Say that Run will start again with another edit, which is `ready` or not yet."""
        was_old = self.state.old
        self.state.waiting = ready
        if len(self.trace) < 2 or self.state.old != was_old:
            self.view.draw()
        self._fill()
        if not self.running:
            self.status.say(self.state.what_next())

    def say(self, text: str) -> None:
        """Say something below the image, and enable what makes sense now."""
        self._fill()
        self.status.say(text)

    def still(self) -> Image.Image:
        """The image beside the curves, with the legend and the large maps if they are shown."""
        return self.view.still()

    def caption(self) -> str:
        """What the image and the curves show."""
        return f"The generated image at one step of the run, and its curves. {self.view.marks()}"

    def image(self, size: int = 384) -> Image.Image:
        """The step that is shown, `size` pixels high."""
        return self.view.image(checked_height(size))

    def chart_image(self) -> Image.Image:
        """The curves, twice as large as on the page, or as large as on a slide."""
        return self.view.chart_image()

    def __repr__(self) -> str:
        return f"Player({self.trace!r})"

    def _layout(self, slides: bool) -> W.Widget:
        view, controls = self.view, self.controls
        left = column(
            controls.run.row,
            view.canvas.canvas,
            controls.score_maps.legend,
            self.status.line,
            *controls.rows,
            **view.image_layout,
        )
        right = column(view.score_panel.box, view.chart.box, **view.sizes.chart_layout())
        return card(side_by_side(left, right, gap=24, wrapped=not slides), slides=slides)

    def _draw(self) -> None:
        self.view.draw()

    def _fill(self) -> None:
        self.controls.fill(self.state)

    def _position(self) -> int:
        return self.state.at

    @shows_errors
    def _seek_soon(self, position: int) -> None:
        """Show a step soon; of many in a row, as many as can be drawn, and the last."""
        if position != self.state.at:
            self.state.seek(position)
            self.view.forget_mouse()
            self.view.draw_soon()

    @shows_errors
    def _choose_step(self, step: float) -> None:
        if not self.running and len(self.trace):
            self._seek_soon(self.state.nearest(step))

    @shows_errors
    def _press_key(self, name: str) -> None:
        self.controls.playback.press_key(name)

    @shows_errors
    def _branch(self) -> None:
        self.branch(self.at)
        index = self.trace[self.at].index
        self.status.say(
            f"Back at step {index}: Run continues from here. The run before is grey in the curves."
        )

    def _prepare(self) -> None:
        self.status.last_error = None
        self._call("start")

    @shows_errors
    def _ended(self, error: BaseException | None, message: str | None) -> None:
        self._show_end(error, message)
        self._call("rest")
        self.refresh_still()

    def _opened(self, source: Session | Trace) -> None:
        self.show(source)
        self._call("open")
        self._fill()

    def _call(self, event: str) -> None:
        for callback in self._callbacks[event]:
            callback()
