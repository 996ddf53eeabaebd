"""A tracker by itself, without a drag: what it reports for a sequence of images."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from ..pieces import Tracker
from ..records import Edit, TrackResult, View


def follow(tracker: Tracker, views: Sequence[View], edit: Edit) -> Iterator[TrackResult]:
    """What `tracker` reports for each of the `views`.

    It learns on the first view, and searches each view around its previous answer.

    Args:
        tracker: with ``start(view, edit)`` and ``find(view, memory, search_centre)``.
        views: of one image sequence.
        edit: the search begins at its handles (n 2); only some trackers use its targets.
    """
    memory = tracker.start(views[0], edit)
    search_centre = edit.handles
    for view in views:
        track = tracker.find(view, memory, search_centre)
        yield track
        memory = track.memory
        search_centre = track.points
