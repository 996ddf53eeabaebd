"""The player's buttons: what they are called, when they can be pressed, what they do."""

from __future__ import annotations

from collections.abc import Callable

import ipywidgets as W

from ..runs.session import Session
from ..runs.trace import Trace
from .base import Shown, button, card, guard, row
from .files import Files
from .score_maps import Windows
from .transport import Transport


class Controls(Shown):
    """The part of a :class:`Player` that is pressed; the player itself knows the run
    and draws it.
    """

    def _build(self, size: int) -> None:
        self.run_button = button(
            "Run",
            "play",
            "Run until all handles have arrived, or the steps are used up",
            self._run,
            button_style="primary",
        )
        self.stop_button = button(
            "Stop", "stop", "Stop after the present step; nothing is lost", self._halt
        )
        self.step_button = button("Step", "plus", "Make a single step", self._one)
        self.branch_button = button(
            "Branch here",
            "code-fork",
            "Go on from the step that is shown; the run so far is kept",
            self._branch,
        )
        self.transport = Transport(size, self._sought, lambda: self.at, self.times)
        self.windows = Windows(size, size, self._chose, self._say, self.slides)
        self.files = Files(size, self._save, self._open, self._gif)
        line = lambda *parts: row(*parts, width=size)
        t, w = self.transport, self.windows
        self.runs = line(self.run_button, self.stop_button, self.step_button, self.branch_button)
        lines = [
            line(t.play, t.bar),
            line(t.back, t.on, t.speed),
            line(w.handle, w.map, w.beside),
            self.files.line,
        ]
        self.below = [
            self.surface.canvas,
            w.legend,
            self.notice.line,
            *([line(t.play, t.back, t.on, t.bar)] if self.slides else lines),
        ]
        self.column = W.VBox([self.runs, *self.below])
        self.box = card(
            W.HBox(
                [self.column, self.chart.canvas, w.panel],
                layout=W.Layout(flex_flow="row wrap", grid_gap="12px"),
            ),
            slides=self.slides,
        )

    def _buttons(self) -> None:
        """Only what makes sense can be pressed."""
        busy, empty = self.running, not len(self.trace)
        can_run = (
            self.waiting
            if self.waiting is not None
            else self.session is not None and not self.session.done
        )
        self.run_button.disabled = self.step_button.disabled = busy or not can_run
        self.stop_button.disabled = not busy
        changed = self.waiting is not None
        self.branch_button.disabled = (
            busy or changed or self.session is None or self.at >= len(self.trace) - 1
        )
        self.transport.lock(busy or len(self.trace) < 2)
        self.files.lock(busy, empty)

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
        self.notice.say(
            f"Back at step {self.frame.index}: Run goes on from here. The run before is grey in"
            " the curves."
        )

    @guard
    def _sought(self, position: int) -> None:
        self._glide(position)

    @guard
    def _pressed(self, key: str) -> None:
        self.transport.key(key)

    @guard
    def _chose(self) -> None:
        self._refresh()

    @guard
    def _save(self) -> None:
        path, why = self.files.free(self.trace[0], ".json")
        self.notice.say(f"Saved {(self.session or self._trace).save(path)}{why}")

    @guard
    def _open(self) -> None:
        path, old = self.files.path(".json"), self.session
        self.show(Session.load(path, old.model, **old.method) if old else Trace.load(path))
        self.files.mine(self.trace[0], ".json")
        for callback in self._hooks["open"]:
            callback()
        self._buttons()
        self.notice.say(f"Opened {path}. {self._words()}")

    @guard
    def _gif(self) -> None:
        path, why = self.files.free(self.trace[0], ".gif")
        self.notice.say(f"Writing {path} …")
        self._go(lambda: f"Wrote {self.trace.to_gif(path)}{why}")
        self.stop_button.disabled = True
