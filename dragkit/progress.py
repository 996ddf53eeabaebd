"""What a run carries from one iteration to the next."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

from .answers import checked_loss, checked_view
from .asking import asked
from .contract import metadata_of
from .pieces import LossTerm, Method, Viewer
from .records import Edit, Step, TrackResult, View
from .records.device import copied, detached
from .records.step import OptimizerState
from .threads import fastest_threads
from .tracking import PointTracking


@dataclass
class Progress:
    """Where a run is.

    Attributes:
        latent: a leaf that the optimizer changes.
        optimizer: Adam on the latent.
        edit: what should move where.
        start: the view of step 0.
        losses: the terms, by name.
        tracking: the tracker and its gate.
        arrive: the stop distance in pixels.
        threads: with how many of torch's threads a step is computed.
        metadata: what the model says about itself.
        frozen: the rows of the latent that stay.
        index: how many updates were made.
    """

    latent: Tensor
    optimizer: torch.optim.Adam
    edit: Edit
    start: View
    losses: Mapping[str, LossTerm]
    tracking: PointTracking
    arrive: float
    threads: int
    metadata: Mapping[str, Any] = field(default_factory=dict)
    frozen: Sequence[int] = ()
    index: int = 0

    @classmethod
    def begin(
        cls,
        model: Viewer,
        latent: Tensor,
        edit: Edit,
        method: Method,
        frozen: Sequence[int] = (),
    ) -> Progress:
        """A run at its start: its view of step 0, and what the tracker remembers of it."""
        with torch.no_grad():
            shown = asked("the model's view", model.view, latent.clone())
        start = checked_view(shown, model.size, latent.detach())
        leaf = latent.detach().clone().requires_grad_()
        optimizer = torch.optim.Adam([leaf], method["lr"])
        losses = {loss.name: loss for loss in method["losses"]}
        arrive = method["arrive"]
        tracking = PointTracking.begin(method["tracker"], method["trust"], start, edit, arrive)
        threads = fastest_threads(model, latent)
        metadata = metadata_of(model)
        return cls(
            leaf, optimizer, edit, start, losses, tracking, arrive, threads, metadata, frozen
        )

    def resume(self, step: Step) -> None:
        """Continue from a step of an earlier run, with its latent and Adam's moments.

        The tracker continues as :meth:`dragkit.tracking.PointTracking.resume` says. The same
        pieces repeat the run exactly. A frozen row loses its momentum, which would carry it on
        without any gradient.
        """
        with torch.no_grad():
            self.latent.copy_(step.latent)
        state = self.optimizer.state_dict()
        self.optimizer.load_state_dict(state | {"state": _copy(step.optimizer_state)})
        if self.frozen:
            for moments in self.optimizer.state.values():
                moments["exp_avg"][self.frozen] = 0
        self.tracking.resume(step, self.edit)
        self.index = step.index

    def look(self, model: Viewer) -> View:
        """What the model makes of the latent now.

        Raises:
            TypeError, ValueError: it is something else than it was at step 0.
        """
        shown = asked(f"the model's view at step {self.index}", model.view, self.latent)
        return checked_view(shown, model.size, self.latent, self.start)

    def supervise(self, view: View, track: TrackResult) -> dict[str, Tensor]:
        """The value of each loss.

        Raises:
            TypeError, ValueError: one returned something else than a number, or wrote into the
                view.
        """
        given = (view, copied(track), self.start, copied(self.edit))
        shared = [view.features, self.start.features, view.latent, self.start.latent]
        versions = _versions(shared)
        values = {}
        for name, loss in self.losses.items():
            value = asked(f"the loss {name!r} at step {self.index}", loss, *given)
            values[name] = checked_loss(name, value)
            if _versions(shared) != versions:
                raise ValueError(
                    f"the loss {name!r} writes into the features or the latent that it was given,"
                    " which the other losses read, too; let it make a copy first, such as"
                    " features.clone()"
                )
        return values

    def record(
        self, view: View, track: TrackResult, losses: Mapping[str, Tensor], arrived: Tensor
    ) -> Step:
        """The step that the run is at, before its update."""
        initial = self.tracking.initial_confidence
        assert initial is not None  # the tracker has just answered
        return Step(
            index=self.index,
            latent=self.latent.detach().clone(),
            edit=self.edit,
            view=view,
            track=detached(track),
            losses={name: loss.item() for name, loss in losses.items()},
            arrived=arrived,
            search_centre=self.tracking.search_centre,
            initial_confidence=initial,
            tracker=self.tracking.tracker,
            memory=self.tracking.memory,
            optimizer_state=_copy(dict(enumerate(self.optimizer.state.values()))),
            metadata=self.metadata,
            arrive=self.arrive,
        )

    def update(self, losses: Mapping[str, Tensor], track: TrackResult) -> None:
        """One step of Adam on the sum of the losses; then track from the points found.

        Raises:
            FloatingPointError: the sum is not finite, or the latent would not be.
            ValueError: it does not depend on the latent.
        """
        loss = sum(losses.values(), torch.zeros(()))
        if not loss.isfinite():
            values = {name: value.item() for name, value in losses.items()}
            raise FloatingPointError(
                f"the loss of step {self.index} ({values}) is not finite; the steps up to it are"
                " kept: look at them, and try a smaller lr"
            )
        self.optimizer.zero_grad()
        if loss.requires_grad:
            # weights that somebody learns get no gradient of ours
            torch.autograd.backward(loss, inputs=[self.latent])
        if self.latent.grad is None:
            raise ValueError(
                "no loss depends on the latent, so nothing can move; add one that pulls, such as"
                " ShiftedPatchLoss(), and see that the model's view does not detach its features"
            )

        if self.frozen:
            self.latent.grad[self.frozen] = 0
        self.optimizer.step()
        if not self.latent.isfinite().all():
            raise FloatingPointError(
                f"the update after step {self.index} makes a latent that is not finite, although"
                " the loss is; the steps up to it are kept: look at them, and try a smaller lr"
            )
        self.tracking.advance(track)
        self.index += 1


def _versions(tensors: Sequence[Tensor | None]) -> list[int]:
    """How often each of `tensors` was written into."""
    return [tensor._version for tensor in tensors if tensor is not None]


def _copy(state: OptimizerState) -> dict[int, dict[str, Tensor]]:
    return {
        number: {name: moment.clone() for name, moment in moments.items()}
        for number, moments in state.items()
    }
