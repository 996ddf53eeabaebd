r"""Interventions: what one may do to a run in its middle, to see what follows from it.

A run reads one block of its network, moves rows of its latent, and searches for a template. Change
one of the three at a step and nothing else; what differs afterwards shows what that part did.

.. code-block:: python

    session = dk.Session(model, latent, edit, **dk.methods.draggan())
    session.run(12)
    session.intervene(FreezeRows(rows=[0, 1]))
    session.run()

``session.rewind(12)`` goes back to the step as it was before, so that the run can also go on
without. An intervention is a frozen dataclass of settings; :meth:`dragkit.Session.intervene`
calls it with what the run would go on with.

Source: our choice; the question is that of activation patching in language models (Vig et al.,
NeurIPS 2020).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Protocol

import torch
from torch import Tensor

from .answers import checked_track, checked_view
from .arguments import finite_array, shown
from .asking import asked
from .geometry import inside
from .latents import checked_rows
from .models.protocols import BlockReader, Model
from .numeric import is_whole, plain
from .pieces import Tracker, Viewer
from .records import Edit, Step, View
from .trackers.template import patched_by
from .tracking import PointTracking


@dataclass(frozen=True, eq=False)
class Continuation:
    """What a run goes on with from a step.

    Attributes:
        model: what is asked for views.
        start: the latent of step 0.
        edit: what should move where.
        method: the other pieces.
        step: where it goes on.
        frozen: the rows of the latent that stay.
    """

    model: Model
    start: Tensor
    edit: Edit
    method: Mapping[str, Any]
    step: Step
    frozen: tuple[int, ...] = ()


class Intervention(Protocol):
    """What one does to a run at a step."""

    def __call__(self, run: Continuation, here: bool, /) -> Continuation:
        """The run as it goes on.

        Args:
            run: as it would go on without.
            here: whether it is at the very step of the intervention, not at a later one.

        Raises:
            ValueError: this cannot be done to it.
        """
        ...


@dataclass(frozen=True)
class SwapBlock:
    r"""Read another feature block from this step on.

    Features of another block have other channels and another grid, so what a tracker remembers of
    the old ones cannot be compared with them. Its templates are made anew, of the new block's
    features at step 0 and at the handles, :math:`f_i = F_0(p_i^0)`: still what the user pointed
    at. The search goes on around the points where they stand, the gate begins anew with the
    confidence of this step, the losses compare with the new block at step 0, and the latent and
    Adam's moments stay. An earlier patch is lost.

    Args:
        block: as the model's ``feature_block``: the resolution in a StyleGAN2, such as 64, or
            several, such as (32, 64); the UNet's stage in a diffusion model.
    """

    block: int | tuple[int, ...]

    def __post_init__(self) -> None:
        _keep_plain(self, "block")

    def __call__(self, run: Continuation, here: bool, /) -> Continuation:
        """The run with the other block.

        Raises:
            ValueError: the model has no blocks to choose from, or not this one.
        """
        if not isinstance(run.model, BlockReader):
            name = getattr(run.model, "name", shown(run.model))
            raise ValueError(
                f"{name} has no feature blocks to choose from; take a model that has, such as"
                ' dragkit.load("lion")'
            )
        run = replace(run, model=run.model.with_block(self.block))
        if here:  # nobody's memory, so that the tracker takes none over
            run = replace(run, step=replace(run.step, tracker=None, memory=None))
        return run


@dataclass(frozen=True)
class FreezeRows:
    r"""Let rows of the latent stay exactly as they are from this step on.

    .. math:: w_r^{t'} = w_r^t \quad\text{for } r ∈ \text{rows},\; t' ≥ t

    Coarse rows of w+ carry pose and shape, fine ones texture and colour: a drag that cannot do
    without a row shows what it needed it for. The rows get no gradient and lose their momentum;
    what was frozen before stays so.

    Args:
        rows: their numbers, from 0 on, such as [0, 1].
    """

    rows: Sequence[int]

    def __post_init__(self) -> None:
        _keep_plain(self, "rows")

    def __call__(self, run: Continuation, here: bool, /) -> Continuation:
        """The run with these rows held.

        Raises:
            ValueError: the latent has no such rows, they move as one, or none would move.
        """
        if not checked_rows("rows", self.rows, run.model, run.start):
            raise ValueError("rows is empty; give numbers of rows that move, such as [0, 1]")
        together = (*run.frozen, *self.rows)
        return replace(run, frozen=tuple(checked_rows("rows", together, run.model, run.start)))


@dataclass(frozen=True)
class PatchTemplate:
    r"""Put the features at a place of this step where a handle's template was.

    .. math:: f_i ← F_t(p)

    From this step on the tracker searches for what is at p now, not for what the user pointed at
    in step 0: content that has drifted is accepted as the handle's own. A learned filter is
    learned anew around p, on this step alone. Where the search goes on stays: a place outside of
    the search window is looked for, not gone to. The gate takes the handle's confidence of this
    step to begin with. The losses' patch of step 0 (`first_patch`) is not the tracker's, and
    stays.

    Args:
        handle: the number of the handle, from 0 on.
        place: p, (x, y) in pixels of the image; None: where the handle stands.
    """

    handle: int
    place: tuple[float, float] | None = None

    def __post_init__(self) -> None:
        _keep_plain(self, "handle", "place")

    def __call__(self, run: Continuation, here: bool, /) -> Continuation:
        """The run with another template.

        Raises:
            ValueError: there is no such handle or place, or the tracker has no template.
        """
        if not here:  # later steps have it in their memory
            return run
        count = len(run.edit.handles)
        if not is_whole(self.handle, 0, count - 1):
            numbers = "0" if count == 1 else f"a number from 0 to {count - 1}"
            raise ValueError(
                f"handle is {shown(self.handle)}; the edit has {count}, so give {numbers}"
            )
        return replace(run, step=_patched(run, self.handle, self._place(run)))

    def _place(self, run: Continuation) -> Tensor:
        """(2) in pixels."""
        if self.place is None:
            return run.step.points[self.handle]
        given = finite_array("place", self.place, (2,), "(x, y) in pixels, such as (60, 80)")
        place = torch.from_numpy(given).float()
        if not inside(place, run.model.size):
            height, width = run.model.size
            raise ValueError(
                f"place is {tuple(given.tolist())}, outside of the image of {width}×{height} px"
            )
        return place


def continued(
    run: Continuation, interventions: Sequence[tuple[int, Intervention]]
) -> Continuation:
    """A run after the interventions, each of which has the index of its step.

    Templates are patched last: they are read in the block that counts.

    Raises:
        TypeError: one is no intervention, or does not return a run.
        ValueError: one cannot be done to this run, or changes what stays.
    """
    for index, intervention in sorted(interventions, key=_is_patch):
        if isinstance(intervention, type) or not callable(intervention):
            raise TypeError(
                f"{shown(intervention)} is no intervention; give one such as FreezeRows([0, 1])"
            )
        run = _checked(intervention(run, index == run.step.index), run)
    return run


def _checked(changed: Any, run: Continuation) -> Continuation:
    """What an intervention made of a run."""
    if not isinstance(changed, Continuation):
        raise TypeError(
            f"an intervention returned {shown(changed)}; return the run as it goes on:"
            " dataclasses.replace(run, …)"
        )
    same = [getattr(changed, name) is getattr(run, name) for name in ("start", "edit", "method")]
    shown_already = ("index", "latent")  # by the trace
    same += [
        getattr(changed.step, name, None) is getattr(run.step, name) for name in shown_already
    ]
    if not all(same):
        raise ValueError(
            "an intervention may change the model, the frozen rows and what is remembered of the"
            " step, and nothing else; session.swap changes pieces, session.restart latent and edit"
        )
    return changed


def _keep_plain(intervention: Any, *names: str) -> None:
    """Make settings plain numbers and tuples: nobody can change them, and they can be typed."""
    for name in names:
        object.__setattr__(intervention, name, plain(getattr(intervention, name)))


def _is_patch(done: tuple[int, Intervention]) -> bool:
    return isinstance(done[1], PatchTemplate)


@torch.no_grad()
def _patched(run: Continuation, handle: int, place: Tensor) -> Step:
    """The step with the tracker's memory of it patched."""
    tracker: Tracker = run.method["tracker"]
    tracking = _tracking_at(run)
    view = _view(run.model, run.step.latent.to(run.start.device))
    own = place.to(view.features)
    memory = patched_by(tracker, view.copy(), tracking.memory, handle, own)

    answer = asked("the tracker's find", tracker.find, view.copy(), memory, tracking.search_centre)
    track = checked_track(answer, tracking.search_centre, run.model.size, run.step.index)
    initial = track.confidence
    if tracking.initial_confidence is not None:
        initial = tracking.initial_confidence.clone()
        initial[handle] = track.confidence[handle]
    return replace(run.step, tracker=tracker, memory=memory, initial_confidence=initial)


def _tracking_at(run: Continuation) -> PointTracking:
    """The tracking stage as the run would go on with it."""
    method, edit = run.method, run.edit.to(run.start.device)
    arrive = edit.arrive or method.get("arrive", 1.0)
    start = _view(run.model, run.start)
    tracking = PointTracking.begin(method["tracker"], method.get("trust"), start, edit, arrive)
    tracking.resume(run.step, edit)
    return tracking


def _view(model: Viewer, latent: Tensor) -> View:
    return checked_view(asked("the model's view", model.view, latent), model.size, latent)
