r"""How many updates follow one tracking: a tracker that is asked every few steps only.

DragGAN looks for its points after each update, when hardly anything has moved, so errors of a
fraction of a pixel are made as often as the latent is changed. GoodDrag gives the content several
updates to reach the same place first.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor

from ..arguments import shown, whole
from ..numeric import is_real
from ..pieces import LossTerm, SizeChecking, Tracker
from ..records import Edit, Size, TrackResult, View
from .template import patched_by

MOST_UPDATES = 10_000


@dataclass(frozen=True, eq=False)
class Pause:
    """What is remembered between two trackings.

    Attributes:
        memory: the tracker's own.
        start: the view of step 0, without its image.
        edit: what should move where.
        answer: the tracker's last answer; None before the first.
        updates: made since.
        loss: at the last step.
    """

    memory: Any
    start: View
    edit: Edit
    answer: TrackResult | None = None
    updates: int = 0
    loss: float = torch.inf


@dataclass(frozen=True)
class TrackEvery:
    """Ask `tracker` only after so many updates, or once the loss is small enough.

    In between, the points and everything else of the answer stay what they were, so each update
    pulls the content to the same place. A step is still one update, and a run that is resumed
    continues within its pause; one that is opened from a file begins with a tracking. A gate, too,
    sees the answer as it was: its confidence of step 1 is that of step 0.

    Source: GoodDrag. Its code tracks on the features before the last update, this on those after
    it.

    Args:
        tracker: any tracker.
        updates: at most so many between two trackings (GoodDrag: 3).
        loss: the term that may end them early, such as the method's motion supervision; None
            always makes all of them.
        enough: an update at a loss of at most `enough` is the last before the next tracking
            (GoodDrag's class: 4 (2 r)² of its loss; its benchmark: 0).

    Raises:
        TypeError: the tracker is none.
        ValueError: `updates` or `enough` is out of its range.
    """

    tracker: Tracker
    updates: int = 3
    loss: LossTerm | None = None
    enough: float = 0.0

    def __post_init__(self) -> None:
        has_both = all(callable(getattr(self.tracker, name, None)) for name in ("start", "find"))
        if isinstance(self.tracker, type) or not has_both:
            raise TypeError(
                f"tracker is {shown(self.tracker)}; it needs start and find, such as"
                " NearestNeighbor()"
            )
        whole("updates", self.updates, 1, MOST_UPDATES)
        if not is_real(self.enough):
            raise ValueError(f"enough is {self.enough!r}; give a value of the loss, such as 0.1")

    def check(self, size: Size) -> None:
        """Let the tracker and the loss say whether they work on images of `size`."""
        for piece in (self.tracker, self.loss):
            if isinstance(piece, SizeChecking):
                piece.check(size)

    def start(self, view: View, edit: Edit) -> Pause:
        """What the tracker remembers of step 0, and the view for the loss."""
        bare = View(view.features, view.size, _no_image, latent=view.latent)
        return Pause(self.tracker.start(view, edit), bare, edit)

    def patched(self, view: View, memory: Pause, handle: int, place: Tensor) -> Pause:
        """The tracker's memory with another template; the next view is tracked at once."""
        own = patched_by(self.tracker, view, memory.memory, handle, place)
        return replace(memory, memory=own, answer=None)

    def find(self, view: View, memory: Pause, search_centre: Tensor) -> TrackResult:
        """The tracker's answer, or its last one again."""
        answer = memory.answer
        if answer is None or memory.updates == self.updates or memory.loss <= self.enough:
            answer = self.tracker.find(view, memory.memory, search_centre)
            centre = answer.window_centre
            answer = replace(answer, window_centre=search_centre if centre is None else centre)
            memory = replace(memory, memory=answer.memory, updates=0)

        loss = self._loss(view, answer, memory)
        kept = replace(memory, answer=answer, updates=memory.updates + 1, loss=loss)
        return replace(answer, memory=kept)

    @torch.no_grad()
    def _loss(self, view: View, answer: TrackResult, memory: Pause) -> float:
        if self.loss is None:
            return torch.inf
        return float(self.loss(view, answer, memory.start, memory.edit))


def _no_image() -> Tensor:
    raise RuntimeError("a view that a tracker remembers has no image any more")
