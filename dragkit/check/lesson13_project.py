"""Lesson 13: a tracker of one's own, against the contract that every tracker keeps."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from ..geometry import inside, sample, square, window
from ..records import Edit, TrackResult, View
from ..trackers import follow
from .drawings import ways
from .lesson13_contract import AFTER, BEFORE, CLOSE, ImageSequence, broken, sequence_of, spot, told
from .verdicts import Verdict, not_yet, right, stand_in


@dataclass(frozen=True)
class Patch:
    """Nearest neighbour of a patch of 3 × 3 cells in place of one; `radius` of the window in
    pixels.
    """

    radius: int = 4

    def read(self, view: View, points: Tensor) -> Tensor:
        """The features of nine places around each point (… 2), two pixels apart, as one vector (…
        9c).
        """
        around = points[..., None, :] + 2 * square(1).reshape(9, 2).to(points)
        return sample(view.features.detach(), around, view.size).flatten(-2)

    def start(self, view: View, edit: Edit) -> Tensor:
        """The handles' patches on the first view."""
        return self.read(view, edit.handles)

    def find(self, view: View, memory: Tensor, search_centre: Tensor) -> TrackResult:
        """The place in each window whose patch is most alike."""
        pixels = window(search_centre, self.radius)
        scores = -(self.read(view, pixels) - memory[:, None, None]).norm(dim=-1)
        scores = scores.masked_fill(~inside(pixels, view.size), torch.nan)
        best = scores.nan_to_num(nan=-torch.inf).flatten(1).argmax(1)
        points = pixels.flatten(1, 2)[torch.arange(len(search_centre)), best]
        return TrackResult(points, torch.full_like(search_centre[:, 0], torch.nan), scores, memory)


@dataclass(frozen=True, eq=False)
class Contract:
    """What every tracker keeps to; ask with one of yours: ``check.tracker(MyTracker())``.

    ``start(view, edit)`` returns a memory; ``find(view, memory, search_centre)`` a `TrackResult` with
    points (n 2), (x, y) inside the image, confidence (n), NaN where none is measured, scores (n
    k k) around `search_centre`, row = y, best is highest, NaN where nothing was compared, and a memory.
    Nothing that is passed in is changed, nothing is kept in the tracker, it follows three blobs of
    the toy to within 2 px, and `drag` runs with it.
    """

    name: str = "tracker"

    def __call__(self, tracker: Any) -> Verdict:
        """The verdict: the first rule that is broken, or how far off the tracker is; what it
        raises is told, not raised.
        """
        words = broken(BEFORE, tracker)
        return not_yet(self.name, words) if words else self._followed(tracker, sequence_of())

    def or_ours(self, tracker: Any) -> Any:
        """Your tracker where it keeps the contract, else one of ours, which is said: the lesson
        goes on either way.
        """
        return tracker if self(tracker).passed else stand_in(self.name, Patch())

    def _followed(self, tracker: Any, sequence: ImageSequence) -> Verdict:
        found = []
        try:
            for answer in follow(tracker, sequence[0], sequence[2]):
                found.append(answer.points.clone())
        except Exception as error:
            return not_yet(self.name, f"In image {len(found) + 1} of the film {told(error)}")
        truth, points = sequence[1], torch.stack(found)
        image = ways(sequence[0][-1], {"target": truth, "yours": points})
        if words := _lost(points, truth) or broken(AFTER, tracker):
            return not_yet(self.name, words, image)
        return right(
            self.name,
            ". It keeps the contract, and on the toy it is"
            f" {(points - truth).norm(dim=-1).mean():.2f} px off on average.",
            image,
        )


tracker = Contract()


def _lost(points: Tensor, truth: Tensor) -> str | None:
    """In words, where the film's truth (frames n 2) and the points part."""
    if (points == points[0]).all():
        return (
            f"It stays where it was told to look (`search_centre`), and in {len(truth)} images the blobs"
            f" go on by {(truth[-1] - truth[0]).norm(dim=1).max():.0f} px."
        )
    off = ((points - truth).norm(dim=-1) > CLOSE).nonzero()
    if not len(off):
        return None
    frame, handle = off[0].tolist()
    return (
        f"It loses handle {handle} in image {frame} of {len(truth)}: it says"
        f" {spot(points[frame, handle])}, and the blob is at {spot(truth[frame, handle])}."
    )
