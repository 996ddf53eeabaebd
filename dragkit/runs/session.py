"""What buttons call: a drag that can be stepped, stopped, rewound and changed on the way."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from tqdm.auto import tqdm

from ..loop import Gate, Tracker, drag, gated, has_arrived, tracker_name
from ..records import Edit, Step, View
from .trace import Frame, Trace

PIECES = {"tracker", "losses", "lr", "steps", "arrive", "trust"}


class Session:
    """A drag that can be stepped, stopped, rewound and changed on the way.

    ``Session(model, latent, edit, **draggan())``. The current run is ``session.trace``; runs that
    a rewind left behind are kept in ``session.past``.

    Raises:
        ValueError: at once, if the edit does not fit the model's image.
    """

    def __init__(self, model, latent: Tensor, edit: Edit, **method: Any) -> None:
        self.model, self.latent, self.edit = model, latent.detach(), edit
        self.method, self.steps = method, method.get("steps", 200)
        self.trace, self.past = Trace(), []
        self._run, self._swapped = self._drag(method), False

    def _drag(self, method: dict[str, Any]) -> Iterator[Step]:
        resume = self.trace[-1] if len(self.trace) else None
        run = drag(self.model, self.latent, self.edit, **method | {"steps": 10**9}, resume=resume)
        if resume:
            next(run)  # that step is in the trace already
        return run

    @property
    def done(self) -> bool:
        """Whether every handle has arrived; after a swap, the new pieces have yet to say so."""
        return bool(len(self.trace) and self.trace[-1].arrived.all()) and not self._swapped

    def step(self) -> Frame:
        """Make one step (the first one looks at the start) and return its record; when done, the
        last one's.
        """
        if self.done:
            return self.trace[-1]
        # a run that raises is dead; the next step begins another
        run, self._run = self._run or self._drag(self.method), None
        step = next(run, None)  # none, where swapped pieces too say that every handle has arrived
        if step:
            self.trace.append(step)
        self._run, self._swapped = run, False
        return self.trace[-1]

    def run(self, steps: int | None = None) -> Trace:
        """Make up to `steps` updates (default: the method's), with a progress bar, until all have
        arrived.

        An interrupt ends the run and keeps every step made so far.
        """
        steps = self.steps if steps is None else steps
        with tqdm(total=steps, unit="step") as bar:
            try:
                if not len(self.trace):
                    self.step()
                for _ in range(steps):
                    if self.done:
                        break
                    bar.set_postfix_str(str(self.step()), refresh=False)
                    bar.update()
                if self.done:
                    bar.total = bar.n  # else a bar that ends early looks like a failure
            except KeyboardInterrupt:
                pass
        return self.trace

    def rewind(self, index: int) -> Session:
        """Go back to position `index` of the trace; the next step goes on from there."""
        if not -len(self.trace) <= index < len(self.trace):
            raise IndexError(
                f"step {index} is not in the trace; it has steps 0 to {len(self.trace) - 1}"
            )
        self.past.append(self.trace)
        self.trace = self.trace.until(index % len(self.trace))
        self._run = None
        return self

    def swap(self, **pieces: Any) -> Session:
        """Go on with other pieces, such as ``tracker=…`` or ``lr=…``; the past stays as it is."""
        unknown = set(pieces) - PIECES
        if unknown:
            raise ValueError(
                f"{', '.join(sorted(unknown))}: no such piece; choose from"
                f" {', '.join(sorted(PIECES))}"
            )
        method = self.method | pieces
        # refuses what does not fit before anything changes
        self._run, self._swapped = self._drag(method), True
        self.method, self.steps = method, method.get("steps", self.steps)
        return self

    def restart(self, latent: Tensor | None = None, edit: Edit | None = None) -> Session:
        """Begin anew, from another latent or with another edit; the run so far goes to
        ``past``.
        """
        fresh = Session(
            self.model, self.latent if latent is None else latent, edit or self.edit, **self.method
        )
        if len(self.trace):
            self.past.append(self.trace)
        self.latent, self.edit, self.trace, self._run = (
            fresh.latent,
            fresh.edit,
            fresh.trace,
            fresh._run,
        )
        self._swapped = False
        return self

    def save(self, path: str | Path) -> Path:
        """Write the session as readable JSON and, beside it, its arrays (.npz);
        returns the path.
        """
        name = getattr(self.model, "name", type(self.model).__name__)
        return self.trace.save(
            path, model=name, method={k: _words(v) for k, v in self.method.items()}
        )

    @classmethod
    def load(cls, path: str | Path, model, **method: Any) -> Session:
        """Re-open a saved session on `model`, to go on from its last step with the pieces in
        `method`.

        Runs in ``past`` are not saved.

        Raises:
            ValueError: the files hold no run, or one of another model.
        """
        trace = Trace.load(path)
        if trace[0].index:
            raise ValueError(
                f"{path} begins at step {trace[0].index}; a session needs a run from its start,"
                " look at it as a Trace"
            )
        image, latent = trace[0].image.shape[:2], tuple(trace[0].latent.shape)
        expected = tuple(model.sample(0).shape)
        if image != tuple(model.size) or latent != expected:
            raise ValueError(
                f"{path} was made by another model: its images are {image} and its latents"
                f" {latent}, this model's {tuple(model.size)} and {expected}; load the model that"
                " the file names"
            )
        # it has settings that a latent depends on, and the file tells them
        if hasattr(model, "opened"):
            model = model.opened(trace[0].latent, trace.about)
        session = cls(model, trace[0].latent.to(model.device), trace[0].edit, **method)
        session.trace, session._run = trace, None
        return session


@torch.no_grad()
def retrack(
    model, trace: Trace, tracker: Tracker, trust: Gate | None = None, arrive: float = 1.0
) -> Trace:
    """What `tracker` would have said about a recorded run: the same images, its own points.

    It learns on the first frame and follows its points from the handles on, one look at every
    recorded latent; the run's own tracker gives the run's own points. Latents and losses stay
    those of the recorded run, which this tracker did not steer. A progress bar appears after two
    seconds.

    Args:
        model: the one that made the run.
        trust, arrive: the gate and the stop distance in pixels, as in :func:`dragkit.drag`.

    Raises:
        ValueError: the trace does not begin at step 0, or the model is another one.
    """
    if not len(trace) or trace[0].index:
        raise ValueError(
            "retrack needs a run from its start: trackers learn on step 0"
            + (f", this trace begins at step {trace[0].index}" if len(trace) else "")
        )
    device, again, track, first = getattr(model, "device", "cpu"), Trace(), None, None
    again.about = dict(trace.about)
    edit = trace[0].edit.to(device)
    for frame in tqdm(
        trace, f"retrack {type(tracker).__name__}", unit="frame", delay=2, leave=False
    ):
        view = _recorded(model, frame, device)
        if track is None:
            memory, near = (
                tracker.start(view, replace(edit, arrive=edit.arrive or arrive)),
                edit.handles,
            )
        else:
            memory, near = track.memory, track.points
        track = tracker.find(view, memory, near)
        first = track.confidence if first is None or frame.index <= 1 else first
        track = gated(track, trust, first)
        arrived = has_arrived(track, edit, edit.arrive or arrive)
        again.append(
            replace(
                frame,
                points=track.points.cpu(),
                confidence=track.confidence.cpu(),
                scores=track.scores.cpu(),
                near=near.cpu(),
                maps={name: m.cpu() for name, m in track.maps.items()},
                arrived=arrived.cpu(),
                first=first.cpu(),
                threshold=None if trust is None else track.threshold.cpu(),
                tracker=tracker_name(tracker),
                stride=track.stride,
                goals=track.goals and track.goals.to("cpu"),
                memory=memory,
                centre=track.middle(near).cpu(),
            )
        )
    return again


def _recorded(model, frame: Frame, device) -> View:
    """The view of a recorded latent. Raises ValueError where the model is not the one that made
    it.
    """
    try:
        view = model.view(frame.latent.to(device))
    except (RuntimeError, ValueError, IndexError) as error:
        raise ValueError(
            "the run was made by another model: its latents have shape"
            f" {tuple(frame.latent.shape)} ({error})"
        ) from error
    if tuple(view.size) != frame.image.shape[:2]:
        raise ValueError(
            f"the run was made by another model: its images are {frame.image.shape[:2]}, this"
            f" model's {tuple(view.size)}"
        )
    return view


def _words(piece: Any) -> Any:
    """A piece as JSON: numbers as they are, the rest as it prints."""
    if isinstance(piece, tuple | list):
        return [_words(p) for p in piece]
    return piece if isinstance(piece, int | float | str) else repr(piece)
