"""What a player shows: which run, and which of its steps. It knows no widgets."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch

from ..arguments import shown
from ..compose import Panel
from ..records import Frame, Size
from ..runs.session import Session
from ..runs.sketch import Sketch
from ..runs.trace import Trace, position_in
from .run_images import panels_of_run, step_text

START = "Press Run and watch."


class PlayerState:
    """A trace or a session, a position in its run, and what is being done with it.

    Args:
        source: what is shown, from its last step; None for nothing yet.
        blank: uint8 (H W 3), what to show before there is a step; grey if None.

    Attributes:
        session: what can be run; None if a trace is shown, or nothing.
        recorded: whether a trace is shown, which cannot continue.
        blank: as above.
        waiting: whether an edit that the next run will begin with is ready or not; None if there
            is no such edit, so the next run continues.
        task: what is being done in the background: the run, or writing a file; or nothing.

    Raises:
        TypeError: the source is something else.
        ValueError: it is a trace without steps, or `blank` is no such array.
    """

    def __init__(self, source: Trace | Session | None, blank: np.ndarray | None = None) -> None:
        self.blank = np.full((128, 128, 3), 240, np.uint8) if blank is None else _checked(blank)
        self.waiting: bool | None
        self.task: Literal["run", "file"] | None = None
        # the start and the block that it was fitted on, and it
        self._sketch: tuple[Frame, Any, Sketch] | None = None
        self._path: tuple[tuple[Trace, int], np.ndarray] | None = None  # and what it was made of
        self.show(source)

    def show(self, source: Trace | Session | None) -> None:
        """Show another run, from its last step.

        Raises:
            TypeError: the source is something else.
            ValueError: it is a trace without steps.
        """
        if not isinstance(source, Trace | Session | None):
            raise TypeError(
                f"a Player shows a Trace or a Session, not a {type(source).__name__};"
                " dk.Trace(dk.drag(…)) makes one of a run"
            )
        if isinstance(source, Trace) and not len(source):
            raise ValueError("the trace is empty; run a step first")
        self.session = source if isinstance(source, Session) else None
        self._trace = source if isinstance(source, Trace) else Trace()
        self.recorded = isinstance(source, Trace)
        self.waiting = None
        self.seek_end()

    @property
    def trace(self) -> Trace:
        """The run that is shown; empty before there is one."""
        return self.session.trace if self.session else self._trace

    @property
    def at(self) -> int:
        """The position of the step that is shown."""
        return max(min(self._at, len(self.trace) - 1), 0)

    @property
    def frame(self) -> Frame | None:
        """The step that is shown, if there is one."""
        return self.trace[self.at] if len(self.trace) else None

    def path(self) -> np.ndarray:
        """(steps n 2) every handle's path up to the step that is shown."""
        made_of = (self.trace, len(self.trace))  # a trace only grows
        if self._path is None or self._path[0] != made_of:
            self._path = made_of, self.trace.path()
        return self._path[1][: self.at + 1]

    @property
    def image_size(self) -> Size:
        """(height, width) of the images in pixels."""
        image = self.trace[0].image if len(self.trace) else self.blank
        height, width = image.shape[:2]
        return height, width

    @property
    def running(self) -> bool:
        """Whether something is being done in the background."""
        return self.task is not None

    @property
    def can_run(self) -> bool:
        """Whether a run can begin or continue."""
        if self.running:
            return False
        if self.waiting is not None:
            return self.waiting
        return self.session is not None and not self.session.done

    @property
    def can(self) -> dict[str, bool]:
        """What can be done now with the run of a session, by the names of its buttons."""
        return {
            "run": self.can_run,
            "stop": self.task is not None,
            "step": self.can_run,
            "branch": self.can_branch,
        }

    @property
    def old(self) -> bool:
        """Whether the run that is shown is not that of the edit that waits."""
        return self.waiting is not None and not self.running and len(self.trace) > 0

    def what_next(self) -> str:
        """What to do while an edit waits, in words."""
        if not self.waiting:
            return "Waiting for a handle and a target."
        if len(self.trace) > 1:
            return "Run starts again with the changed edit."
        return START

    @property
    def can_branch(self) -> bool:
        """Whether a run can go back to the step that is shown."""
        if self.running or self.waiting is not None or self.session is None:
            return False
        return self.at < len(self.trace) - 1

    def seek(self, position: int) -> None:
        """Show the step at a position; negative ones count from the end.

        Raises:
            IndexError: there is no such step.
            TypeError: the position is not a whole number.
        """
        self._at = position_in(self.trace, position)

    def seek_end(self) -> None:
        """Show the newest step."""
        self._at = max(len(self.trace) - 1, 0)

    def nearest(self, step: float) -> int:
        """The position of the step whose number is nearest to `step`."""
        distances = [abs(frame.index - step) for frame in self.trace]
        return distances.index(min(distances))

    def begin(self) -> None:
        """Make the first step of a session that has none: it shows the start."""
        if self.session and not len(self.session.trace):
            self.session.step()

    def advance(self, steps: int | None = None) -> Iterator[Frame]:
        """Run up to `steps` updates, or as many as the method has; yields after each."""
        session = self.require_session()
        for _ in range(session.steps if steps is None else steps):
            if session.done:
                return
            yield session.step()

    def sketched(self) -> Frame | None:
        """The newest step, with a sketch for its image if that has not been made yet."""
        frame, session = self.frame, self.session
        if frame is None or frame.rendered or session is None or session.features is None:
            return frame
        return replace(frame, shown=self._sketch_of(session).draw(session.features))

    def _sketch_of(self, session: Session) -> Sketch:
        """Fitted on the start of the run, where the image is known, for the block that is read."""
        start = self.trace[0]
        model = session.model_at(-1)
        block = getattr(model, "feature_block", None)
        if self._sketch is None or self._sketch[0] is not start or self._sketch[1] != block:
            with torch.no_grad():
                features = model.view(session.latent).features
            image = torch.from_numpy(start.image).to(features).movedim(-1, 0) / 255
            self._sketch = start, block, Sketch.fit(features, image)
        return self._sketch[2]

    def branch(self, position: int) -> None:
        """Go back to the step at a position; the run so far is kept in the session's past."""
        self.require_session().rewind(position)
        self.seek_end()

    def leave_session(self) -> None:
        """Continue with a copy of the session, because a step of it may never end."""
        if self.session:
            self.session = self.session.copy()

    def require_session(self) -> Session:
        """The session.

        Raises:
            ValueError: there is none.
        """
        if self.session is None:
            raise ValueError(
                "nothing to run: this shows a finished trace; show a Session(model, latent, edit,"
                " **method) instead"
            )
        return self.session

    def save(self, path: Path) -> Path:
        """Write the session or the trace; returns the path."""
        return (self.session or self._trace).save(path)

    def load(self, path: Path) -> Session | Trace:
        """Read a saved run, as what is shown now: a session with the same model, or a trace."""
        if self.session:
            return Session.load(path, self.session.model, **self.session.method)
        return Trace.load(path)

    def panels(self, handle: int) -> list[Panel]:
        """The curves of the run, with one handle's trust."""
        if self.session is None:
            return panels_of_run(self.trace, handle=handle)
        arrive = self.session.method.get("arrive", 1.0)
        return panels_of_run(self.trace, self.session.past, handle, arrive)

    def summary(self, rate: float = 0) -> str:
        """How the step went, and at the end of the run why it ended.

        Args:
            rate: images shown per second, reported while a run continues.
        """
        frame = self.frame
        if frame is None or len(self.trace) < 2:
            return START if self.session else ""
        text = step_text(frame)
        preview = self.trace.metadata.get("image")  # of a diffusion model
        if preview:
            text += f" · shown: {preview}"
        if self.running:
            return f"{text} · {rate:.0f} shown/s"
        if self.at == len(self.trace) - 1:
            text += f" — {self.trace.why()}"
        return text


def _checked(blank: np.ndarray) -> np.ndarray:
    """`blank`, if it is an image: uint8 (H W 3)."""
    is_image = isinstance(blank, np.ndarray) and blank.dtype == np.uint8 and blank.size
    if not (is_image and blank.ndim == 3 and blank.shape[2] == 3):
        raise ValueError(f"blank is {shown(blank)}; give an image, an array uint8 (H W 3)")
    return blank
