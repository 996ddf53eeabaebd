r"""The loop that every method shares: look, find, compare, update."""

from __future__ import annotations

import re
import warnings
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import Any, Protocol

import torch
from torch import Tensor

from .records import Edit, Size, Step, TrackResult, View

Gate = Callable[[Tensor], Tensor]  # confidence of step 1 (n) → the least that is trusted (n)


class Viewer(Protocol):
    """What the loop needs of a model."""

    size: Size

    def view(self, latent: Tensor) -> View: ...


class Tracker(Protocol):
    """Says where the content of each handle is; *what* it looks for is passed along as
    its memory.
    """

    def start(self, view: View, edit: Edit) -> Any: ...

    def find(self, view: View, memory: Any, near: Tensor) -> TrackResult: ...


class LossTerm(Protocol):
    """One scalar to make small; `start` is the view of step 0."""

    name: str

    def __call__(self, view: View, track: TrackResult, start: View, edit: Edit) -> Tensor: ...


def drag(
    model: Viewer,
    latent: Tensor,
    edit: Edit,
    *,
    tracker: Tracker,
    losses: Sequence[LossTerm],
    lr: float,
    steps: int = 200,
    arrive: float = 1.0,
    trust: Gate | None = None,
    resume: Step | None = None,
) -> Iterator[Step]:
    r"""Move the content at the handles to the targets; a generator of one `Step` per iteration.

    Each iteration looks at the latent w, finds the points, adds up the losses L, yields, and
    updates w ← w - Adam(∇_w L). It ends when every handle has arrived or after `steps` updates, so
    that the last update is tracked too. Nothing that is passed in is changed; the same call yields
    the same points.

    Args:
        latent: where the drag starts, also with `resume`: templates and the mask term refer to it.
        tracker, losses: the method's pieces; see :mod:`dragkit.methods`.
        lr: Adam's step size.
        steps: the most updates, counted from the start.
        arrive: stop distance in pixels; `edit.arrive` comes first.
        trust: the gate, such as ``above(0.9)``; ``None`` trusts every handle.
        resume: go on from this step of an earlier run, with its moments, whatever pieces made it;
            the tracker looks where it looked then, with what it remembered then, so the same
            pieces repeat the run exactly. Another tracker begins with step 0, as one does whose
            targets are others now or whose run was opened from a file. Its confidence has another
            scale, so with another one the gate takes the confidence at this step for that of step
            1.

    Warns:
        UserWarning: a handle lies where the mask lets nothing move.

    Raises:
        TypeError: the latent is no tensor.
        ValueError: at once, if the edit does not fit the image, if lr, arrive, the tracker or
            the losses cannot work (a loss that stops pulling handles before they can arrive, two
            of one name, none at all), if a radius is below one pixel, or if `resume` is a step of
            another edit or model; at the first step, if the gate's threshold is no number per
            handle; at the first update, if no loss depends on the latent.
        FloatingPointError: a loss is not finite, and every step up to that one has been yielded;
            or the tracker's points are not, and every step before has.
    """
    if not isinstance(latent, Tensor):
        raise TypeError(
            f"latent is {latent!r}; give a tensor, such as model.sample(7), or the .latent of what"
            " dragkit.invert found"
        )
    edit = edit.fit(model.size).to(latent.device)
    _warn_of_held(edit)
    arrive = edit.arrive or arrive
    if not (isinstance(lr, int | float) and 0 < lr < float("inf")):
        raise ValueError(f"lr is {lr!r}; give a learning rate above 0, such as lr=1e-3")
    _check(model.size, tracker, losses, arrive)
    if trust is not None and not callable(trust):
        raise ValueError(
            f"trust is {trust!r}; give a gate, such as above(0.9), or None to trust every handle"
        )
    if resume is not None:
        _check_resume(resume, latent, edit)
    return _steps(model, latent, edit, tracker, losses, lr, steps, arrive, trust, resume)


def _warn_of_held(edit: Edit) -> None:
    for i in edit.held.nonzero()[:, 0].tolist():
        x, y = edit.handles[i].tolist()
        warnings.warn(
            f"handle {i} at ({x:g}, {y:g}) lies where the mask lets nothing move, so it is pulled"
            " and held at once; free it in the mask, or take it away",
            stacklevel=3,
        )


def _check(size: Size, tracker: Tracker, losses: Sequence[LossTerm], arrive: float) -> None:
    """What can be known to go wrong before any work is done; pieces may bring a ``check(size)`` of
    their own.
    """
    if not (
        isinstance(losses, Sequence)
        and all(callable(loss) and hasattr(loss, "name") for loss in losses)
    ):
        raise ValueError(
            f"losses is {losses!r}; give a list of terms with a name, such as [ShiftedPatchLoss()]"
        )
    names = [loss.name for loss in losses]
    if not names:
        raise ValueError(
            "losses is empty, so nothing would pull; give at least one, such as ShiftedPatchLoss()"
        )
    if not 0 < arrive < float("inf"):
        raise ValueError(
            f"arrive is {arrive}; give a stop distance in pixels above 0, such as arrive=1"
        )
    if isinstance(tracker, type):
        raise ValueError(
            f"tracker is the class {tracker.__name__}; give one of it, such as"
            f" {tracker.__name__}()"
        )
    for method in ("start", "find"):
        if not callable(getattr(tracker, method, None)):
            raise ValueError(
                f"tracker is {tracker!r}; it needs start and find, such as NearestNeighbor()"
            )
    for piece in (tracker, *losses):
        if hasattr(piece, "check"):
            piece.check(size)
    for loss in losses:
        if names.count(loss.name) > 1:
            raise ValueError(
                f"two losses are named {loss.name!r}, and a step keeps one value per name;"
                " rename one"
            )
        if getattr(loss, "skip", 0) > arrive:
            raise ValueError(
                f"the stop distance, {arrive:g} px, is below the skip distance of {loss}: handles"
                f" within {loss.skip:g} px are not pulled and would never arrive; use"
                f" arrive={loss.skip:g} or a smaller skip"
            )


def _check_resume(resume: Step, latent: Tensor, edit: Edit) -> None:
    if not hasattr(resume, "optimiser"):
        raise ValueError(f"resume is {resume!r}; give one step of a run, such as resume=trace[10]")
    then, now = resume.edit.handles.cpu(), edit.handles.cpu()
    if then.shape != now.shape or not torch.equal(then, now):
        raise ValueError(
            f"resume is a step of a run with {len(then)} handles at {then.tolist()}, this edit has"
            f" {len(now)} at {now.tolist()}; targets and mask may change on the way, handles may"
            " not: begin anew, without resume"
        )
    if resume.latent.shape != latent.shape:
        raise ValueError(
            "resume is a step of another model: its latent has shape"
            f" {tuple(resume.latent.shape)}, this one {tuple(latent.shape)}"
        )


def _steps(model, latent, edit, tracker, losses, lr, steps, arrive, trust, resume):
    with torch.no_grad():
        start = model.view(latent)
    memory = tracker.start(start, replace(edit, arrive=arrive))
    w, adam, near, index, first, memory = _begin(
        latent, edit, lr, resume, tracker_name(tracker), memory
    )
    about = getattr(model, "about", {})
    while True:
        view = model.view(w)  # look
        track = _found(tracker.find(view, memory, near), index)  # find
        first = track.confidence if first is None or index <= 1 else first
        track = gated(track, trust, first)
        terms = {loss.name: loss(view, track, start, edit) for loss in losses}  # compare
        values = {name: term.item() for name, term in terms.items()}
        moments = _copy(dict(enumerate(adam.state.values())))
        arrived = has_arrived(track, edit, arrive)
        yield Step(
            index,
            w.detach().clone(),
            edit,
            view,
            track,
            values,
            arrived,
            moments,
            near,
            first,
            tracker_name(tracker),
            memory,
            about,
        )
        if arrived.all() or index >= steps:
            return
        _update(adam, sum(terms.values()), f"step {index} ({values})")
        near, memory, index = track.points, track.memory, index + 1
        del view, terms  # a large model's activations need not wait for the next step's


def tracker_name(tracker: Tracker) -> str:
    """How it prints, without the address that a class of one's own prints with."""
    return re.sub(r" at 0x[0-9a-fA-F]+", "", repr(tracker))


def _begin(latent, edit, lr, resume, tracker, memory):
    """The latent, its Adam, where to look first, the index, step 1's confidence and what to look
    for: from the start or from a step.
    """
    w = (resume.latent if resume else latent).detach().to(latent).clone().requires_grad_()
    adam = torch.optim.Adam([w], lr)
    if resume is None:
        return w, adam, edit.handles, 0, None, memory
    adam.load_state_dict(adam.state_dict() | {"state": _copy(resume.optimiser)})
    same = resume.tracker == tracker
    first = resume.first.to(latent.device) if same else None
    if (
        same
        and resume.memory is not None
        and torch.equal(resume.edit.targets.cpu(), edit.targets.cpu())
    ):
        memory = resume.memory
    return w, adam, resume.near.to(latent.device), resume.index, first, memory


def has_arrived(track: TrackResult, edit: Edit, arrive: float) -> Tensor:
    """(n) bool: within `arrive` px of the target; where the points are goals, the content must
    have followed, too.
    """
    near = (edit.targets - track.points).norm(dim=1) <= arrive
    return near if track.goals is None else near & track.goals.settled


def gated(track: TrackResult, trust: Gate | None, first: Tensor) -> TrackResult:
    """The tracker's answer with the gate's threshold."""
    if trust is None:
        return track
    threshold = trust(first)
    if (
        getattr(threshold, "shape", None) != track.confidence.shape
        or threshold.dtype == torch.bool
    ):
        raise ValueError(
            f"the gate {trust!r} gave {threshold!r}; it turns the confidence of step 1, a tensor"
            " (n), into thresholds (n), such as lambda first: 0.9 * first"
        )
    return replace(track, threshold=threshold)


def _found(track: TrackResult, index: int) -> TrackResult:
    if not track.points.isfinite().all():
        raise FloatingPointError(
            f"the tracker's points of step {index} are not finite ({track.points.tolist()}); "
            "the steps before it are kept: look at them, and at the tracker's find"
        )
    return track


def _copy(state: dict[int, dict[str, Tensor]]) -> dict[int, dict[str, Tensor]]:
    return {
        i: {name: moment.clone() for name, moment in moments.items()}
        for i, moments in state.items()
    }


def _update(adam: torch.optim.Optimizer, loss: Tensor, where: str) -> None:
    if not loss.isfinite():
        raise FloatingPointError(
            f"the loss of {where} is not finite; the steps up to it are kept: look at them, and"
            " try a smaller lr"
        )
    if not loss.requires_grad:
        raise ValueError(
            "no loss depends on the latent, so nothing can move; add one that pulls, such as"
            " ShiftedPatchLoss()"
        )
    adam.zero_grad()
    loss.backward()
    adam.step()
