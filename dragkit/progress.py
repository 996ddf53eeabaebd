"""What a run carries from one iteration to the next."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

from .contract import check_loss
from .pieces import Method, SelfDescribing, Viewer
from .records import Edit, Step, TrackResult, View
from .records.step import OptimizerState
from .tracking import PointTracking


@dataclass
class Progress:
    """Where a run is.

    Attributes:
        latent: a leaf that the optimizer changes.
        optimizer: Adam on the latent.
        edit: what should move where.
        tracking: the tracker and its gate.
        metadata: what the model says about itself.
        index: how many updates were made.
    """

    latent: Tensor
    optimizer: torch.optim.Adam
    edit: Edit
    tracking: PointTracking
    metadata: Mapping[str, Any] = field(default_factory=dict)
    index: int = 0

    @classmethod
    def begin(
        cls, model: Viewer, latent: Tensor, edit: Edit, method: Method, start: View
    ) -> Progress:
        """A run at its start; `start` is the view of `latent`."""
        leaf = latent.detach().clone().requires_grad_()
        optimizer = torch.optim.Adam([leaf], method["lr"])
        tracking = PointTracking.begin(
            method["tracker"], method["trust"], start, edit, method["arrive"]
        )
        metadata = model.metadata if isinstance(model, SelfDescribing) else {}
        return cls(leaf, optimizer, edit, tracking, metadata)

    def resume(self, step: Step) -> None:
        """Continue from a step of an earlier run, with its latent and Adam's moments.

        The tracker continues as :meth:`dragkit.tracking.PointTracking.resume` says. The same
        pieces repeat the run exactly.
        """
        with torch.no_grad():
            self.latent.copy_(step.latent)
        state = self.optimizer.state_dict()
        self.optimizer.load_state_dict(state | {"state": _copy(step.optimizer_state)})
        self.tracking.resume(step, self.edit)
        self.index = step.index

    def record(
        self, view: View, track: TrackResult, losses: Mapping[str, Tensor], arrived: Tensor
    ) -> Step:
        """The step that the run is at, before its update."""
        initial = self.tracking.initial_confidence
        assert initial is not None  # the tracker has just answered
        for name, value in losses.items():
            check_loss(name, value)
        return Step(
            index=self.index,
            latent=self.latent.detach().clone(),
            edit=self.edit,
            view=view,
            track=track,
            losses={name: loss.item() for name, loss in losses.items()},
            arrived=arrived,
            search_centre=self.tracking.search_centre,
            initial_confidence=initial,
            tracker=self.tracking.tracker,
            memory=self.tracking.memory,
            optimizer_state=_copy(dict(enumerate(self.optimizer.state.values()))),
            metadata=self.metadata,
        )

    def update(self, losses: Mapping[str, Tensor], track: TrackResult) -> None:
        """One step of Adam on the sum of the losses; then track from the points found.

        Raises:
            FloatingPointError: the sum is not finite.
            ValueError: it does not depend on the latent.
        """
        loss = sum(losses.values(), torch.zeros(()))
        if not loss.isfinite():
            values = {name: value.item() for name, value in losses.items()}
            raise FloatingPointError(
                f"the loss of step {self.index} ({values}) is not finite; the steps up to it are"
                " kept: look at them, and try a smaller lr"
            )
        if not loss.requires_grad:
            raise ValueError(
                "no loss depends on the latent, so nothing can move; add one that pulls, such as"
                " ShiftedPatchLoss(), and see that the model's view does not detach its features"
            )

        self.optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]  # torch does not type it
        self.optimizer.step()
        self.tracking.advance(track)
        self.index += 1


def _copy(state: OptimizerState) -> dict[int, dict[str, Tensor]]:
    return {
        number: {name: moment.clone() for name, moment in moments.items()}
        for number, moments in state.items()
    }
