"""A tracker by itself, without a drag: what it says of images in a row."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from ..records import Edit, TrackResult, View


def follow(tracker: Any, views: Sequence[View], edit: Edit) -> Iterator[TrackResult]:
    """What `tracker` says of each of the `views`: it learns on the first, each search is around
    its last answer.

    Args:
        tracker: has ``start(view, edit)`` and ``find(view, memory, search_centre)``.
        edit: its handles (n 2) are where the search begins; of its targets only some trackers take
            notice.
    """
    memory, search_centre = tracker.start(views[0], edit), edit.handles
    for view in views:
        found = tracker.find(view, memory, search_centre)
        memory, search_centre = found.memory, found.points
        yield found
