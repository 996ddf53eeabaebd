"""The widget that shows a run: live while it goes on, and any of its steps afterwards."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from ..records import Frame
from ..runs.session import Session
from ..runs.trace import Trace
from .base import Notice, guard
from .canvas import Surface, Throttle
from .runner import Runner, stop_all
from .screen import SLOWLY, START, Screen


class Player(Screen):
    """Watch a run: ``Player(trace)`` plays it, ``Player(session)`` can also run, step, stop and
    branch it.

    The image shows handles (dots), targets (rings), paths and one handle's score window, best
    pixel ringed, runner-up in a diamond; the line below tells the values under the mouse. The
    curves show distance, losses and confidence with the gate's threshold; a click on them shows
    that step. Run works in the background, so that other cells can be run meanwhile; the kernel's
    interrupt does not reach it, Stop does. :meth:`run` waits, and is ended by an interrupt.

    Args:
        source: a `Trace` or a `Session`; the session makes its first look at once.
        size: height of the image on the page, in CSS pixels; default 384, and 640 on slides.
        chart: (width, height) of the curves in CSS pixels; default: as wide as the image and
            half as high again.
        blank: uint8 (H W 3), what to show before there is a step.
        slides: for a lecture hall: all twice as large, and no more to press than play, step and
            slider (for a session Run and Stop, too).

    Raises:
        TypeError: the source is neither.
    """

    def __init__(
        self,
        source: Trace | Session | None,
        size: int | None = None,
        *,
        chart: tuple[int, int] | None = None,
        blank: np.ndarray | None = None,
        slides: bool = False,
    ) -> None:
        _check(source)
        stop_all()
        if isinstance(source, Session) and not len(source.trace):
            source.step()
        self.slides, self.times = slides, 2 if slides else 1
        self.size = size = size or (640 if slides else 384)
        # shown `times` as large
        self.chart_size = chart or (
            (7 * size // 16, size // 2) if slides else (size, 3 * size // 2)
        )
        self.session: Session | None = None
        self._trace, self._at, self.blank = (
            Trace(),
            0,
            np.full((128, 128, 3), 240, np.uint8) if blank is None else blank,
        )
        self.runner = Runner(self._rest)
        # an edit that Run will begin with: ready or not; None = go on
        self.waiting: bool | None = None
        self._hooks: dict[str, list[Callable[[], None]]] = {"start": [], "rest": [], "open": []}
        self._slow, self._pulled, self._kept = 0.0, False, None
        self.notice = Notice(size)
        frames = source.trace if isinstance(source, Session) else source
        shape = (frames[0].image if frames else self.blank).shape[:2]
        self.surface = Surface(shape, size, self._pointed, self._pressed, style="dk-look")
        self.chart = Surface(
            self.chart_size[::-1],
            self.times * self.chart_size[1],
            self._charted,
            self._pressed,
            style="dk-seek",
        )
        self._soon, self._finely = Throttle(self._show_again), Throttle(self._show_finely, SLOWLY)
        self._build(size)
        self.show(source)

    # --- what is shown
    # -------------------------------------------------------------------------------

    @property
    def trace(self) -> Trace:
        """The run that is shown."""
        return self.session.trace if self.session else self._trace

    @property
    def frame(self) -> Frame | None:
        """The step that is shown."""
        return self.trace[self.at] if len(self.trace) else None

    @property
    def at(self) -> int:
        """The position of that step in the trace."""
        return max(min(self._at, len(self.trace) - 1), 0)

    @property
    def running(self) -> bool:
        """Whether a run is going on in the background."""
        return self.runner.busy

    def show(self, source: Trace | Session | None) -> None:
        """Show another run, from its last step. Raises TypeError where it is none."""
        _check(source)
        self.stop()
        self.session = source if isinstance(source, Session) else None
        self._trace = source if isinstance(source, Trace) else Trace()
        # a trace cannot go on
        self.runs.layout.display = "none" if isinstance(source, Trace) else "flex"
        if self.session and not len(self.trace):
            self.session.step()
        self._follow(last=True)

    def seek(self, position: int) -> None:
        """Show the step at `position` of the trace; negative ones count from the end."""
        self._at = range(len(self.trace))[position]
        self._refresh()

    def __repr__(self) -> str:
        return f"Player({self.trace!r})"

    # --- runs
    # ------------------------------------------------------------------------------------------

    def run(self, steps: int | None = None) -> Trace:
        """Run up to `steps` updates (default: the method's) and wait for them; an interrupt ends
        it early.

        Raises:
            ValueError: there is nothing to run.
            Exception: what the run raised; it is shown in the widget too, and the steps made so
                far are kept.
        """
        self.stop()
        self._prepare()
        self.runner.wait(lambda: self._loop(steps))
        return self.trace

    def branch(self, position: int) -> None:
        """Go back to the step at `position`; a run goes on from there, and the one before is kept
        in grey.
        """
        self.stop()
        self.session.rewind(position)
        self._follow(last=True)

    def stop(self) -> None:
        """End the run in the background after its present step, and wait for that."""
        self.runner.stop()

    def on(self, event: str, callback: Callable[[], None]) -> None:
        """Call `callback()` at an event: "start" before a run, "rest" after it, "open" after a
        file was opened.
        """
        self._hooks[event].append(callback)

    def wait_for(self, ready: bool) -> None:
        """Say that Run will begin anew with another edit, `ready` or not yet."""
        self.waiting = ready
        if not len(self.trace):
            self._refresh()
        self._buttons()
        if not self.running:
            ready_words = (
                "Run begins anew with the changed edit." if len(self.trace) > 1 else START
            )
            self.notice.say(ready_words if ready else "Waiting for a handle and a target.")

    def _prepare(self) -> None:
        self.notice.last_error = None
        for callback in self._hooks["start"]:
            callback()
        if self.session is None:
            raise ValueError(
                "nothing to run: this shows a finished trace; use Player(Session(model, latent,"
                " edit, **method))"
            )

    def _loop(self, steps: int | None = None) -> None:
        session = self.session
        self._buttons()
        if not len(session.trace):
            session.step()
        for _ in range(session.steps if steps is None else steps):
            if self.runner.stopping or session.done:
                break
            session.step()
            self._follow()

    @guard
    def _rest(self, error: BaseException | None, words: str | None) -> None:
        """A run has ended: show where it stands, and why."""
        try:
            self._follow(last=True)
        except Exception:
            if error is None:
                raise  # else the run's own error is what people must see
        self._buttons()
        if error:
            self.notice.fail(error)
        elif words:
            self.notice.say(words)
        for callback in self._hooks["rest"]:
            callback()
        self.refresh_still()


def _check(source: Trace | Session | None) -> None:
    if not isinstance(source, Trace | Session | None):
        raise TypeError(
            f"a Player shows a Trace or a Session, not a {type(source).__name__};"
            " dk.Trace(dk.drag(…)) makes one of a run"
        )
