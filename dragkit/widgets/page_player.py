"""The page of a run, alive: drawn by the browser, in any front end that knows anywidget."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from PIL import Image

from ..arguments import instance, named_arguments
from ..compose import chart, hstack, marks_in_words
from ..runs.session import Session
from ..runs.trace import Trace
from .background import stop_all
from .layout import card
from .page_view import PageView
from .player_state import PlayerState
from .run_images import step_image
from .run_widget import RunWidget
from .session_runner import SessionRunner
from .status import shows_errors

STILL = 384  # height of the image in a still
CHARTS = (2 * STILL, STILL)


@named_arguments
class PagePlayer(RunWidget):
    """Watch a run on the page of :meth:`dragkit.Trace.to_html`, live: ``PagePlayer(session)``.

    It shows what that page shows, drawn by the same code: the image with layers that can be
    switched off, score maps that tell their values, curves, settings; by mouse, finger and keys.
    The browser draws it, so the kernel only sends numbers and, for the steps that are looked at,
    images. Run works in the background, as in `dk.Player`, whose image is drawn by the kernel
    through ipycanvas. In marimo, ``mo.ui.anywidget(player.view.widget)`` shows it.

    Args:
        source: a `Trace` or a `Session`; a session makes its first step at once.

    Attributes:
        state: which run is shown, and which of its steps.
        view: the page.
        runner: runs a session.

    Raises:
        TypeError: the source is neither.
        ValueError: the trace is empty.
    """

    def __init__(self, source: Trace | Session) -> None:
        instance("source", source, (Trace, Session), "a Trace or a Session")
        self.state = PlayerState(source)
        stop_all()
        self.state.begin()

        self.view = PageView(self.state, self._press)
        self.status = self.view.status
        self.runner = SessionRunner(
            self.state, self._prepare, self._fill, self.view.follow, self._ended
        )
        self.box = card(self.view.widget)

    def branch(self, position: int) -> None:
        """Go back to the step at `position`; the next run continues from there."""
        self.stop()
        self.state.branch(position)
        self.view.send_newest()
        self._fill()

    def still(self) -> Image.Image:
        """The image of the step that is shown, beside the curves."""
        self.state.begin()  # a session may have been restarted in a cell
        frame = self.trace[self.at]
        image = step_image(frame, self.state.path(), handle=0, size=STILL)
        return hstack(image, chart(self.state.panels(0), frame.index, CHARTS).reduce(2))

    def caption(self) -> str:
        """What the still shows."""
        marks = marks_in_words(inset=True)
        return f"The generated image at one step of the run, and its curves. {marks}"

    def __repr__(self) -> str:
        return f"PagePlayer({self.trace!r})"

    def _draw(self) -> None:
        self.view.send_newest()

    def _fill(self) -> None:
        self.view.send_controls()

    def _press(self, button: str) -> None:
        presses: dict[str, Callable[[], None]] = {
            "run": self._run,
            "stop": self.runner.ask_to_stop,
            "step": partial(self._run, 1),
            "branch": self._branch,
        }
        presses[button]()

    @shows_errors
    def _branch(self) -> None:
        index = self.trace[self.at].index
        self.branch(self.at)
        self.status.say(f"Back at step {index}: Run continues from here.")

    def _prepare(self) -> None:
        self.status.last_error = None
        self.status.say("")  # the page itself says how the run goes

    @shows_errors
    def _ended(self, error: BaseException | None, message: str | None) -> None:
        self._show_end(error, message)
        self.refresh_still()
