"""The widget that shows a run: live while it goes on, and any of its steps afterwards."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import ipywidgets as W
import numpy as np
from PIL import Image

from ..compose import beside, encode, paint
from ..session import Session
from ..trace import Frame, Trace
from .canvas import Notice, Shown, Surface, button, card, guard, row
from .runner import Runner, stop_all
from .views import chart, picture

SLOWLY = 0.4  # s between updates of curves, slider and text while a run goes on


class Player(Shown):
    """Watch a run: ``Player(trace)`` plays it, ``Player(session)`` can also run, step, stop and branch it.

    The picture shows handles (dots), targets (rings), paths and one handle's score window; the curves show
    distance and losses. Run works in the background, so that other cells can be run meanwhile; the
    kernel's interrupt does not reach it, Stop does. :meth:`run` waits, and is ended by an interrupt.

    Args:
        source: a `Trace` or a `Session`; the session makes its first look at once.
        size: height of the picture on the page, in CSS pixels.
        chart: (width, height) of the curves in CSS pixels; default: as large as the picture.
        blank: uint8 (H W 3), what to show before there is a step.
    """

    def __init__(
        self,
        source: Trace | Session | None,
        size: int = 384,
        *,
        chart: tuple[int, int] | None = None,
        blank: np.ndarray | None = None,
    ) -> None:
        stop_all()
        if isinstance(source, Session) and not len(source.trace):
            source.step()
        self.size, self.chart_size = size, chart or (size, size)
        self.session: Session | None = None
        self._trace, self._at, self.blank = Trace(), 0, np.full((128, 128, 3), 240, np.uint8) if blank is None else blank
        self.runner = Runner(self._rest)
        self.waiting: bool | None = None  # an edit that Run will begin with: ready or not; None = go on
        self._hooks: dict[str, list[Callable[[], None]]] = {"start": [], "rest": [], "open": []}
        self._quiet, self._slow = False, 0.0
        self.notice = Notice(size)
        frames = source.trace if isinstance(source, Session) else source
        self.surface = Surface((frames[0].image if frames else self.blank).shape[:2], size)
        self._build()
        self.show(source)

    # --- what is shown -------------------------------------------------------------------------------

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

    @property
    def last_error(self) -> BaseException | None:
        """The last error of a callback or of a run; ``None`` while all is well."""
        return self.notice.last_error

    def show(self, source: Trace | Session | None) -> None:
        """Show another run, from its last step."""
        self.stop()
        self.session = source if isinstance(source, Session) else None
        self._trace = source if isinstance(source, Trace) else Trace()
        self.runs.layout.display = "none" if isinstance(source, Trace) else "flex"  # a trace cannot go on
        if self.session and not len(self.trace):
            self.session.step()
        self._follow(last=True)

    def seek(self, position: int) -> None:
        """Show the step at `position` of the trace; negative ones count from the end."""
        self._at = range(len(self.trace))[position]
        self._refresh()

    def still(self) -> Image.Image:
        """The picture beside the curves."""
        chart = self.chart_picture()
        return beside(self.picture(), chart.resize((chart.width // 2, chart.height // 2), Image.Resampling.LANCZOS))

    def picture(self, size: int = 384) -> Image.Image:
        """The step that is shown, `size` pixels high."""
        if self.frame is None:
            return paint(self.blank, size=size)
        return picture(self.trace, self.at, self.handle.value, size)

    def __repr__(self) -> str:
        return f"Player({self.trace!r})"

    # --- runs ------------------------------------------------------------------------------------------

    def run(self, steps: int | None = None) -> Trace:
        """Run up to `steps` updates (default: the method's) and wait for them; an interrupt ends it early.

        Raises:
            ValueError: there is nothing to run.
            Exception: what the run raised; it is shown in the widget too, and the steps made so far are kept.
        """
        self.stop()
        self._prepare()
        self.runner.wait(lambda: self._loop(steps))
        return self.trace

    def branch(self, position: int) -> None:
        """Go back to the step at `position`; a run goes on from there, and the one before is kept in grey."""
        self.stop()
        self.session.rewind(position)
        self._follow(last=True)

    def stop(self) -> None:
        """End the run in the background after its present step, and wait for that."""
        self.runner.stop()

    def on(self, event: str, callback: Callable[[], None]) -> None:
        """Call `callback()` at an event: "start" before a run, "rest" after it, "open" after a file was opened."""
        self._hooks[event].append(callback)

    def wait_for(self, ready: bool) -> None:
        """Say that Run will begin anew with another edit, `ready` or not yet."""
        self.waiting = ready
        if not len(self.trace):
            self._refresh()
        self._buttons()
        if not self.running:
            self.notice.say("Run begins anew with the changed edit." if ready else "Waiting for a handle and a target.")

    def _prepare(self) -> None:
        self.notice.last_error = None
        for callback in self._hooks["start"]:
            callback()
        if self.session is None:
            raise ValueError("nothing to run: this shows a finished trace; use Player(Session(model, latent, edit, **method))")

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

    # --- drawing ---------------------------------------------------------------------------------------

    def _follow(self, last: bool = False) -> None:
        """Show the newest step; not each one while a run goes on."""
        self._at = max(len(self.trace) - 1, 0)
        if last:
            return self._refresh()
        self.surface.show(self.picture, last=False)
        if time.monotonic() - self._slow > SLOWLY:
            self._sides()

    def _refresh(self) -> None:
        self._fill_handles()
        self.surface.show(self.picture)
        self._sides()
        self._buttons()

    def _sides(self) -> None:
        """Curves, slider and text."""
        self._slow = time.monotonic()
        self.chart.value = encode(self.chart_picture())
        self._quiet = True
        try:
            self.slider.max = self.play.max = max(len(self.trace) - 1, 0)
            self.slider.value = self.at
        finally:
            self._quiet = False
        self.notice.say(self._words())

    def _words(self) -> str:
        if len(self.trace) < 2:
            return "Press Run and watch." if self.session else ""
        words = " · ".join(str(self.frame).split("  ")).strip(" ·")
        if self.running:
            return f"step {words} · {self.surface.rate:.0f} shown/s"
        return f"step {words}" + (f" — {self.trace.why()}" if self.at == len(self.trace) - 1 else "")

    def chart_picture(self) -> Image.Image:
        """The curves, twice as large as on the page."""
        return chart(self.trace, self.at, self.session, self.chart_size)

    def _fill_handles(self) -> None:
        count = 0 if self.frame is None else len(self.frame.points)
        if len(self.handle.options) != count + 1:
            chosen, self._quiet = self.handle.value, True
            self.handle.options = [("off", None), *((f"handle {i}", i) for i in range(count))]
            self.handle.value = chosen if count and chosen is not None and chosen < count else 0 if count else None
            self._quiet = False

    def _buttons(self) -> None:
        """Only what makes sense can be pressed."""
        busy, empty = self.running, not len(self.trace)
        can_run = self.waiting if self.waiting is not None else self.session is not None and not self.session.done
        self.run_button.disabled = self.step_button.disabled = busy or not can_run
        self.stop_button.disabled = not busy
        changed = self.waiting is not None
        self.branch_button.disabled = busy or changed or self.session is None or self.at >= len(self.trace) - 1
        self.slider.disabled = self.play.disabled = busy or len(self.trace) < 2
        self.save_button.disabled = self.gif_button.disabled = busy or empty
        self.open_button.disabled = self.file.disabled = busy

    # --- controls --------------------------------------------------------------------------------------

    def _build(self) -> None:
        size = self.size
        self.run_button = button("Run", "play", "Run until all handles have arrived, or the steps are used up", self._run, button_style="primary")
        self.stop_button = button("Stop", "stop", "Stop after the present step; nothing is lost", self._halt)
        self.step_button = button("Step", "step-forward", "Make a single step", self._one)
        self.branch_button = button("Branch here", "code-fork", "Go on from the step that is shown; the run so far is kept", self._branch)
        self.play = W.Play(interval=80, show_repeat=False, tooltip="Play the steps", layout=W.Layout(width="auto"))
        self.slider = W.IntSlider(min=0, max=0, description="Step", tooltip="Show any step", layout=W.Layout(width=f"{size - 104}px"))
        self.slider.style.description_width = "34px"
        W.jslink((self.play, "value"), (self.slider, "value"))
        self.slider.observe(self._slid, "value")
        tip = "Where the tracker looked, and how well each pixel matched"
        self.handle = W.Dropdown(options=[("off", None)], description="Score window", tooltip=tip, layout=W.Layout(width="220px"))
        self.handle.style.description_width = "96px"
        self.handle.observe(self._chose, "value")
        self.file = W.Text("runs/session", tooltip="Name of the file, without its ending", layout=W.Layout(width=f"{size - 218}px"))
        self.save_button = button("Save", "save", "Write the session: .json to read, .npz beside it", self._save)
        self.open_button = button("Open", "folder-open", "Re-open a saved session and go on from there", self._open)
        self.gif_button = button("GIF", "film", "Write the run as an animated GIF", self._gif)
        self.chart = W.Image(format="jpeg", layout=W.Layout(width=f"{self.chart_size[0]}px", max_width="100%", object_fit="contain"))
        line = lambda *parts: row(*parts, width=size)
        self.runs = line(self.run_button, self.stop_button, self.step_button, self.branch_button)
        self.column = card(
            self.runs, self.surface.canvas, self.notice.line,
            line(self.play, self.slider), line(self.handle), line(self.file, self.save_button, self.open_button, self.gif_button),
        )  # fmt: skip
        self.box = W.HBox([self.column, self.chart], layout=W.Layout(flex_flow="row wrap", grid_gap="12px"))

    @guard
    def _run(self) -> None:
        if self.running:
            return
        self._prepare()
        self._go(self._loop)

    def _go(self, task: Callable[[], None]) -> None:
        self.runner.start(task)
        self._buttons()

    @guard
    def _halt(self) -> None:
        self.runner.ask()

    @guard
    def _one(self) -> None:
        if self.running:
            return
        self._prepare()
        self._go(lambda: self._loop(1))

    @guard
    def _branch(self) -> None:
        self.branch(self.at)
        self.notice.say(f"Back at step {self.frame.index}: Run goes on from here. The run before is grey in the curves.")

    @guard
    def _slid(self, change) -> None:
        if not self._quiet:
            self.seek(change["new"])

    @guard
    def _chose(self, _) -> None:
        if not self._quiet:
            self._refresh()

    @guard
    def _save(self) -> None:
        self.notice.say(f"Saved {(self.session or self._trace).save(self._path())}")

    @guard
    def _open(self) -> None:
        path, old = self._path(), self.session
        self.show(Session.load(path, old.model, **old.method) if old else Trace.load(path))
        for callback in self._hooks["open"]:
            callback()
        self._buttons()
        self.notice.say(f"Opened {path}.json. {self._words()}")

    @guard
    def _gif(self) -> None:
        path = Path(f"{self._path()}.gif")
        self.notice.say(f"Writing {path} …")
        self._go(lambda: f"Wrote {self.trace.to_gif(path)}")
        self.stop_button.disabled = True

    def _path(self) -> Path:
        return Path(self.file.value.strip().removesuffix(".json") or "runs/session")
