"""Lesson 13: a tracker of one's own, against the contract that every tracker keeps."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from ..arguments import named_arguments
from ..geometry import inside, sample, square, window
from ..pieces import Tracker
from ..records import Edit, TrackResult, View
from ..tasks.sequences import ImageSequence
from ..trackers import follow
from .drawings import paths
from .lesson13_answer import answers_in_full, changes_nothing, has_methods, keeps_nothing
from .lesson13_contract import first_broken, reported, three_blobs
from .lesson13_following import (
    confidence_measures,
    drags,
    finds_the_start,
    scores_fit,
    stays_inside,
    where_lost,
)
from .verdicts import Verdict, not_yet, right, stand_in

# The rules in the order in which they are asked; between the two the tracker follows a sequence.
BEFORE = (
    has_methods,
    answers_in_full,
    changes_nothing,
    keeps_nothing,
    finds_the_start,
    stays_inside,
    drags,
)
AFTER = (scores_fit, confidence_measures)


@dataclass(frozen=True)
class Patch:
    """Nearest neighbour of a patch of 3 × 3 places instead of one.

    Args:
        radius: of the window, in pixels.
    """

    radius: int = 4

    def read(self, view: View, points: Tensor) -> Tensor:
        """The features of nine places around each point (… 2), as one vector (… 9c).

        Neighbouring places are two pixels apart.
        """
        around = points[..., None, :] + 2 * square(1).reshape(9, 2).to(points)
        return sample(view.features.detach(), around, view.size).flatten(-2)

    def start(self, view: View, edit: Edit) -> Tensor:
        """The patches at the handles of the first view."""
        return self.read(view, edit.handles)

    def find(self, view: View, memory: Tensor, search_centre: Tensor) -> TrackResult:
        """The place in each window whose patch is most like the remembered one."""
        pixels = window(search_centre, self.radius)
        scores = -(self.read(view, pixels) - memory[:, None, None]).norm(dim=-1)
        scores = scores.masked_fill(~inside(pixels, view.size), torch.nan)

        best = scores.nan_to_num(nan=-torch.inf).flatten(1).argmax(1)
        points = pixels.flatten(1, 2)[torch.arange(len(search_centre)), best]
        confidence = torch.full_like(search_centre[:, 0], torch.nan)
        return TrackResult(points, confidence, scores, memory)


@dataclass(frozen=True, eq=False)
class Contract:
    """What every tracker keeps to; ask with one of yours: ``check.tracker(MyTracker())``.

    ``start(view, edit)`` returns a memory. ``find(view, memory, search_centre)`` returns a
    `TrackResult` with points (n 2), (x, y) inside the image; confidence (n), NaN if none is
    measured; scores (n k k) around `search_centre`, row = y, the highest is the best, NaN where
    nothing was compared; and a memory. Nothing that is passed in is changed, nothing is kept in
    the tracker, it follows three blobs of the toy to within 2 px, and `drag` runs with it.
    """

    name: str = "tracker"

    @named_arguments
    def __call__(self, tracker: Tracker) -> Verdict:
        """The verdict: the first rule that is broken, or how far off the tracker is.

        What the tracker raises is reported, not raised.
        """
        words = first_broken(BEFORE, tracker)
        if words:
            return not_yet(self.name, words)
        return self._followed(tracker, three_blobs())

    @named_arguments
    def or_ours(self, tracker: Tracker) -> Tracker:
        """Your tracker if it keeps the contract, else one of ours, with a line that says so."""
        if self(tracker).passed:
            return tracker
        ours: Tracker = stand_in(self.name, Patch())
        return ours

    def _followed(self, tracker: Tracker, sequence: ImageSequence) -> Verdict:
        """The verdict on a tracker that has kept the first rules: let it follow `sequence`."""
        found: list[Tensor] = []
        try:
            for track in follow(tracker, sequence.views, sequence.edit):
                points = track.points.clone()  # the tracker may change its own later
                found.append(points)
        except Exception as error:
            words = f"In image {len(found) + 1} of the sequence {reported(error)}"
            return not_yet(self.name, words)

        path = torch.stack(found)
        image = paths(sequence.views[-1], {"target": sequence.truth, "yours": path})
        lost = where_lost(path, sequence.truth)
        if lost:
            return not_yet(self.name, lost, image)
        broken = first_broken(AFTER, tracker)
        if broken:
            return not_yet(self.name, broken, image, mistake=broken)

        distance = (path - sequence.truth).norm(dim=-1).mean()
        return right(
            self.name,
            f". It keeps the contract, and on the toy it is {distance:.2f} px off on average.",
            image,
        )


tracker = Contract()
