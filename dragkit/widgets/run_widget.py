"""What the widgets that show one run have in common: run it, stop it, take it off the page."""

from __future__ import annotations

from abc import abstractmethod

from ..arguments import step_count
from ..runs.session import Session
from ..runs.trace import Trace
from .notebook_widget import NotebookWidget
from .player_state import PlayerState
from .session_runner import SessionRunner
from .status import shows_errors


class RunWidget(NotebookWidget):
    """A widget that shows one step of a run, and can continue the run of a session.

    Attributes:
        state: which run is shown, and which of its steps.
        runner: runs a session.
    """

    state: PlayerState
    runner: SessionRunner

    @property
    def session(self) -> Session | None:
        """The session that is shown; None for a trace."""
        return self.state.session

    @property
    def trace(self) -> Trace:
        """The run that is shown."""
        return self.state.trace

    @property
    def at(self) -> int:
        """The position in the trace of the step that is shown."""
        return self.state.at

    @property
    def running(self) -> bool:
        """Whether a run is going on in the background."""
        return self.state.running

    def run(self, steps: int | None = None) -> Trace:
        """Run up to `steps` updates and wait for them; an interrupt ends it early.

        Args:
            steps: as many as the method has if None.

        Raises:
            ValueError: there is nothing to run, or `steps` is not a whole number.
            Exception: what the run raised; it is shown in the widget too, and the steps made so
                far are kept.
        """
        if steps is not None:
            steps = step_count(steps)
        self.runner.run(steps)
        return self.trace

    def stop(self) -> None:
        """End the run in the background after its present step, and wait for that."""
        self.runner.stop()

    def close(self) -> None:
        """Take it off the page, for good. A run that goes on is ended first."""
        self.stop()
        super().close()

    @abstractmethod
    def _draw(self) -> None:
        """Show where the run stands."""

    @abstractmethod
    def _fill(self) -> None:
        """Enable what makes sense now."""

    @shows_errors
    def _run(self, steps: int | None = None) -> None:
        self.runner.start(steps)

    def _show_end(self, error: BaseException | None, message: str | None) -> None:
        """Show where a run stands that has ended, and why."""
        try:
            self._draw()
        except Exception:
            if error is None:
                raise  # else the run's own error is what people must see
        self._fill()
        if error:
            self.status.fail(error)
        elif message:
            self.status.say(message)
