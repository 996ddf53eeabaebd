"""What a comparison is made of, checked before anything is drawn."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from ..arguments import instance
from ..pieces import Tracker
from ..reading import check_text
from ..runs.trace import Trace
from ..validation import check_tracker


def check_runs(traces: Sequence[Trace], names: Sequence[str] | None) -> list[str]:
    """The runs' names, if they fit.

    Raises:
        TypeError: a run is none, or the names are no list of texts.
        ValueError: fewer than two runs, one without steps, or names that do not fit.
    """
    for i, trace in enumerate(traces):
        instance(f"run {i}", trace, Trace, "one Trace after the other: Compare(a, b)")
    if len(traces) < 2 or not all(len(trace) for trace in traces):
        raise ValueError(
            f"Compare needs two runs or more with at least one step each; got {len(traces)}"
            f" with {[len(trace) for trace in traces]} steps"
        )
    if names is None:
        return [f"run {i}" for i in range(len(traces))]
    instance("names", names, (list, tuple), 'a list of texts, such as ("DragGAN", "mine")')
    for name in names:
        instance("a name", name, str, "a text")
        check_text(name, "a name")
    if not len(names) == len(set(names)) == len(traces):
        raise ValueError(
            f"{len(traces)} runs but the names {list(names)}; give each a name of its own"
        )
    return list(names)


def check_trackers(trackers: Mapping[str, Tracker]) -> None:
    """Raise TypeError or ValueError unless they are two or more trackers by name."""
    way_out = 'two or more by name, such as {"small": NearestNeighbor(12), "mine": Mine()}'
    instance("trackers", trackers, Mapping, way_out)
    if len(trackers) < 2:
        raise ValueError(f"there are {len(trackers)} trackers; give {way_out}")
    for name, tracker in trackers.items():
        instance("a tracker's name", name, str, "a text")
        check_text(name, "a tracker's name")
        check_tracker(tracker)
