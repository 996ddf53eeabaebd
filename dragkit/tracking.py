"""The tracking stage of a run: find the points, check them, and let the gate judge them.

The pieces are handed copies: one that writes into them changes neither the user's edit nor a step.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor

from .answers import checked_threshold, checked_track
from .asking import asked
from .pieces import Gate, Tracker, same_piece
from .records import Edit, Step, TrackResult, View
from .records.device import with_parts


@dataclass
class PointTracking:
    """A tracker and its gate, with what they carry from one view to the next.

    Attributes:
        tracker, trust: the pieces.
        memory: what the tracker searches for.
        search_centre: (n 2) where it searches.
        initial_confidence: (n) the confidence at step 1, from which the gate makes its threshold;
            before that, the confidence at step 0.
    """

    tracker: Tracker
    trust: Gate | None
    memory: Any
    search_centre: Tensor
    initial_confidence: Tensor | None = None

    @classmethod
    def begin(
        cls, tracker: Tracker, trust: Gate | None, start: View, edit: Edit, arrive: float
    ) -> PointTracking:
        """Let the tracker remember the content at the handles of the view of step 0."""
        own_edit = replace(edit, arrive=arrive)  # an edit copies what it is made of
        memory = asked("the tracker's start", tracker.start, start.copy(), own_edit)
        return cls(tracker, trust, memory, edit.handles)

    def resume(self, step: Step, edit: Edit) -> None:
        """Search where `step` searched.

        The tracker that made the step also gets back what it remembered and the confidence it
        began with, so it repeats the run exactly. Another tracker starts from what it remembers
        of step 0, and its gate from the confidence at this step, because its confidence has
        another scale. Memory is not taken over if the targets have changed, or if the step was
        read from a file.

        Raises:
            ValueError: the step remembers features of another number of channels, as those of
                another block mostly have.
        """
        self.search_centre = step.search_centre.to(edit.handles)
        if not same_piece(step.tracker, self.tracker):
            return

        self.initial_confidence = step.initial_confidence.to(edit.handles.device)
        same_targets = torch.equal(step.edit.targets.cpu(), edit.targets.cpu())
        if step.memory is not None and same_targets:
            _check_same_block(step, self.memory)
            self.memory = step.memory

    def find(self, view: View, index: int) -> TrackResult:
        """The tracker's answer for the view of step `index`, with the gate's threshold.

        Raises:
            TypeError, ValueError: the answer, or the gate's threshold, is not one for these
                handles (:mod:`dragkit.answers`).
            FloatingPointError: a point is not finite.
        """
        find = f"the tracker's find at step {index}"
        own_centre = self.search_centre.clone()
        answer = asked(find, self.tracker.find, view.copy(), self.memory, own_centre)
        track = checked_track(answer, self.search_centre, view.size, index)

        if self.initial_confidence is None or index <= 1:
            self.initial_confidence = track.confidence.detach()
        if self.trust is None:
            return track
        initial = self.initial_confidence
        threshold = asked(f"the gate at step {index}", self.trust, initial.clone())
        checked = checked_threshold(self.trust, threshold, initial)
        return with_parts(track, {"threshold": checked})

    def advance(self, track: TrackResult) -> None:
        """Search around the points that were found, with what the tracker learned."""
        self.memory = track.memory
        self.search_centre = track.points.detach()


def _check_same_block(step: Step, memory: Any) -> None:
    """Raise ValueError if a step remembers features of other channels than a new memory."""
    before, now = _channels(step.memory), _channels(memory)
    if before != now:
        raise ValueError(
            f"step {step.index} remembers features of {before} channels, and this model's have"
            f" {now}: it was made on another block. Continue on the model that made it, such as"
            " session.model_at(-1) or model.with_block(32)"
        )


def _channels(memory: Any) -> int | None:
    """Of the features in a memory of ours; None for one of somebody's own."""
    for holder in (memory, getattr(memory, "memory", None)):
        patch = getattr(holder, "patch", None)
        if isinstance(patch, Tensor):
            return patch.shape[-1]
    return None
