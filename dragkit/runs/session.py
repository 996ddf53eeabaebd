"""What buttons call: a drag that can be stepped, stopped, rewound and changed on the way."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path
from typing import Any

from torch import Tensor
from tqdm.auto import tqdm

from ..arguments import MOST_STEPS, named_arguments, shown, step_count
from ..interventions import Continuation, Intervention, continued
from ..latents import checked_latent
from ..leaving import unless_leaving
from ..loop import drag
from ..models.protocols import Model
from ..numeric import plain
from ..pieces import Method
from ..records import Edit, Frame, Step
from ..validation import check_model_and_edit
from .made_again import make_again
from .notes import known, session_notes
from .one_thread import InUse, one_thread
from .same_model import model_of_run
from .trace import Trace, position_in

STEPS = 200  # of a method that does not say


@named_arguments
class Session:
    """A drag that can be stepped, stopped, rewound and changed on the way.

    One thread works on it at a time; for another one, everything that changes it is a
    RuntimeError.

    ``Session(model, latent, edit, **draggan())``. The current run is ``session.trace``; runs that
    a rewind left behind are in ``session.past``. What was done to the current run on its way, with
    the index of the step, is in ``session.interventions`` and ``session.methods``.

    Raises:
        ValueError: at once, if the edit does not fit the model's image.
        TypeError: a piece is missing or unknown.
    """

    def __init__(self, model: Model, latent: Tensor, edit: Edit, **method: Any) -> None:
        if "resume" in method:
            raise TypeError(
                f"resume is {shown(method['resume'])}, and a session only continues its own run:"
                " Session.load(path, model, …) opens a saved one, session.rewind(10) goes back"
            )
        if "frozen" in method:
            method["frozen"] = plain(method["frozen"])  # whoever changes a list changes no run
        check_model_and_edit(model, edit)
        self.model = model
        self.latent = checked_latent(model, latent).detach()
        self.edit = edit
        self.method = method
        self.steps = step_count(method.get("steps", STEPS))
        self.trace = Trace()
        self.past: list[Trace] = []
        self.methods: list[tuple[int, dict[str, Any]]] = [(0, method)]
        self.features: Tensor | None = None  # of the last step, if its image is made later
        self._swapped = False  # other pieces, which have not made a step yet
        self._working = threading.RLock()
        self._run: Iterator[Step] | None = self._drag(method)

    def _drag(self, method: dict[str, Any], *now: tuple[int, Intervention]) -> Iterator[Step]:
        endless = method | {"steps": MOST_STEPS}  # a session decides itself when to stop
        if not len(self.trace):
            return drag(self.model, self.latent, self.edit, **endless)
        done = [*self.interventions, *now]
        on = continued(self._at(self.trace[-1], method), done)
        resume = on.step if done else self.trace[-1]
        endless["frozen"] = on.frozen
        run = drag(on.model, self.latent, self.edit, **endless, resume=resume)
        next(run)  # that step is in the trace already
        return run

    def _at(self, frame: Frame, method: dict[str, Any]) -> Continuation:
        """What the run would go on with from a step, had nothing been done to it."""
        frozen = tuple(method.get("frozen", ()))
        return Continuation(self.model, self.latent, self.edit, method, frame.step, frozen)

    @contextmanager
    def alone(self) -> Iterator[None]:
        """For the one thread that works on this session.

        Raises:
            RuntimeError: another one is at work, such as a widget's Run.
        """
        if not self._working.acquire(blocking=False):
            raise InUse(
                "this session is being run already, by a widget or by another thread; stop that"
                " first, with the button Stop or studio.player.stop()"
            )
        try:
            with self.trace.alone():
                yield
        finally:
            self._working.release()

    @property
    def interventions(self) -> tuple[tuple[int, Intervention], ...]:
        """What was done to the current run on its way, with the index of the step."""
        return tuple(known(self.trace.interventions))

    @property
    def done(self) -> bool:
        """Whether every handle has arrived; after a swap, the new pieces have yet to say so."""
        if self._swapped or not len(self.trace):
            return False
        return bool(self.trace[-1].arrived.all())

    @one_thread
    def step(self) -> Frame:
        """Make one step and return its frame; the first one looks at the start.

        When the run is done, the last frame is returned.
        """
        if self.done:
            return self.trace[-1]

        run = self._run or self._drag(self.method)
        self._run = None  # a run that raises is dead; the next step begins another
        step = next(run, None)  # None if the swapped pieces too say that every handle has arrived
        if step is not None:
            self.trace.append(self._frame_of(step))
        self._run = run
        self._swapped = False
        return self.trace[-1]

    def _frame_of(self, step: Step) -> Frame:
        """What the trace keeps: the start with its image, as sketches are fitted on that."""
        view = step.view
        if not len(self.trace) or view is None or view.redraw is None:
            return Frame.of(step)
        self.features = view.features.detach()
        return Frame.kept(step)

    @one_thread
    def run(self, steps: int | None = None) -> Trace:
        """Make up to `steps` updates with a progress bar, until all handles have arrived.

        An interrupt ends the run and keeps every step made so far.

        Args:
            steps: None: as many as the method has.
        """
        steps = self.steps if steps is None else step_count(steps)
        with tqdm(total=steps, unit="step") as bar, suppress(KeyboardInterrupt):
            self._run_steps(steps, bar)
        return self.trace

    def _run_steps(self, steps: int, bar: tqdm) -> None:
        if not len(self.trace):
            self.step()
        for _ in range(steps):
            with unless_leaving():
                if self.done:
                    break
                words = str(self.step())
            bar.set_postfix_str(words, refresh=False)
            bar.update()
        if self.done:
            bar.total = bar.n  # a bar that ends early would look like a failure

    @one_thread
    def rewind(self, index: int) -> Session:
        """Go back to position `index` of the trace; the next step continues from there.

        Interventions from that step on are undone; swapped pieces stay.
        """
        index = position_in(self.trace, index)
        self.past.append(self.trace)
        self.trace = self.trace.until(index)
        self._note(self.method)
        self.features = None
        self._run = None
        return self

    @one_thread
    def swap(self, **pieces: Any) -> Session:
        """Continue with other pieces, such as ``tracker=…`` or ``lr=…``; the past stays as it is.

        Raises:
            ValueError: there is no such piece, or it does not fit; nothing has changed then.
        """
        if "frozen" in pieces:
            raise ValueError(
                "frozen is no piece; session.intervene(FreezeRows([0, 1])) holds rows from now on"
            )
        unknown = pieces.keys() - Method.__annotations__.keys()
        if unknown:
            raise ValueError(
                f"{', '.join(sorted(unknown))}: no such piece; choose from"
                f" {', '.join(sorted(Method.__annotations__))}"
            )
        method = self.method | pieces
        steps = step_count(method.get("steps", self.steps))
        self._run = self._drag(method)
        self.method = method
        self.steps = steps
        self._note(method)
        self._swapped = True
        return self

    def _note(self, method: dict[str, Any]) -> None:
        """Remember which method counts from this step on, and whether another one made it."""
        now = self.trace[-1].index if len(self.trace) else 0
        before = [one for one in self.methods if one[0] < now]
        self._swapped = any(one is not method for _, one in before[-1:])
        self.methods = [*before, (now, method)]

    @one_thread
    def intervene(self, intervention: Intervention) -> Session:
        """Change something else than a piece from this step on, see :mod:`dragkit.interventions`.

        ``session.intervene(FreezeRows([0, 1]))``; ``session.rewind(-1)`` undoes it while no step
        has followed.

        Raises:
            ValueError: this cannot be done to this run; nothing has changed then.
        """
        if not len(self.trace):
            self.step()
        done = (self.trace[-1].index, intervention)
        self._run = self._drag(self.method, done)
        self._swapped = True
        self.trace.interventions.append(done)
        return self

    def model_at(self, index: int) -> Model:
        """The model that made the step at position `index`: it may have read another block."""
        frame = self.trace[index]
        before = [one for one in self.interventions if one[0] < frame.index]
        return continued(self._at(frame, self.method), before).model

    @one_thread
    def restart(self, latent: Tensor | None = None, edit: Edit | None = None) -> Session:
        """Start again, from another latent or with another edit; the run goes to ``past``.

        Interventions belong to a run, so the next one has none.
        """
        latent = self.latent if latent is None else latent
        edit = self.edit if edit is None else edit
        fresh = Session(self.model, latent, edit, **self.method)

        if len(self.trace):
            self.past.append(self.trace)
        self.latent = fresh.latent
        self.edit = fresh.edit
        self.trace = fresh.trace
        self.methods = fresh.methods
        self.features = None
        self._run = fresh._run
        self._swapped = False
        return self

    def copy(self) -> Session:
        """A session that continues from the same step, on its own."""
        copied = Session(self.model, self.latent, self.edit, **self.method)
        copied.trace, copied.past = Trace(self.trace), list(self.past)
        copied.method, copied.methods = self.method, list(self.methods)
        copied._swapped = self._swapped
        copied._run = None
        return copied

    def save(self, path: str | Path) -> Path:
        """Write the session as readable JSON and its arrays (.npz) beside it; returns the path."""
        return self.trace.save(path, **session_notes(self.model.name, self.method))

    @classmethod
    def load(cls, path: str | Path, model: Model, **method: Any) -> Session:
        """Open a saved session on `model`, to continue from its last step with `method`.

        Runs in ``past`` are not saved, nor is what a tracker remembers: a sub-motion of FreeDrag's
        and a pause of `TrackEvery`'s begin anew. Interventions are made again; of somebody's own a
        file has the printed form only, so there is a warning instead.

        Raises:
            ValueError: the files hold no run, or one of another model.
        """
        trace = Trace.load(path)
        if trace[0].index:
            raise ValueError(
                f"{path} begins at step {trace[0].index}; a session needs a run from its start,"
                " look at it as a Trace"
            )
        model = model_of_run(model, trace)
        session = cls(model, trace[0].latent.to(model.device), trace[0].edit, **method)
        session.trace, session.methods = trace, [(trace[-1].index, method)]
        make_again(trace, partial(session._at, method=method))
        session._swapped = trace[-1].index in dict(trace.interventions)
        session._run = None
        return session
