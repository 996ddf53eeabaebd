"""Lesson 5: a loop that gives up on a run that stands still."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from itertools import islice
from typing import Any

from matplotlib.axes import Axes

from ..plot.figures import BLUE
from .exercise import Exercise, Values
from .lesson05_loop import SPARE, Pairs, Point


def _patient(run: Pairs, target: Point, patience: int) -> Pairs:
    best, since = math.inf, 0
    for latent, point in run:
        yield latent, point
        distance = math.dist(point, target)
        best, since = (distance, 0) if distance < best else (best, since + 1)
        if since >= patience:
            return


def _patience(
    better: Callable[[float, float], bool] = lambda now, best: now < best,
    more: int = 0,
    reset: bool = True,
    before: bool = False,
    last: bool = False,
):
    """The same with one thing changed."""

    def wrong(run: Pairs, target: Point, patience: int) -> Pairs:
        best, since = math.inf, 0
        for latent, point in run:
            if not before:
                yield latent, point
            distance = math.dist(point, target)
            nearer = better(distance, best)
            best, since = (
                distance if nearer or last else best,
                ((0 if reset else since) if nearer else since + 1),
            )
            if since >= patience + more:
                return
            if before:
                yield latent, point

    return wrong


def _measured(far: Callable[[Point, Point], float]) -> Callable[..., Pairs]:
    """The same by another distance."""

    def wrong(run: Pairs, target: Point, patience: int) -> Pairs:
        best, since = math.inf, 0
        for latent, point in run:
            yield latent, point
            best, since = (
                (far(point, target), 0) if far(point, target) < best else (best, since + 1)
            )
            if since >= patience:
                return

    return wrong


def _arrives(run: Pairs, target: Point, patience: int) -> Pairs:
    for latent, point in _patient(run, target, patience):
        yield latent, point
        if math.dist(point, target) <= 1:
            return


def _pathways() -> list[tuple[list[tuple[int, Point]], Point, int]]:
    """Runs by their points: to and fro, on and on, stuck from the start, past the target, and one
    that comes by it and goes on; then all of them aslant.
    """
    x = [
        [0, 2, 4, 3, 4, 3, 4, 5, 4, 4, 4, 4, 4, 9],
        [0, 1, 1, 2, 2, 3, 3, 4, 4, 5],
        [3, 3, 3, 3, 3, 3, 3, 3],
        [2, 4, 6, 8, 10],
        [1, 0, 2, 1, 3, 2, 4, 3, 3, 3, 3, 3, 5],
    ]
    straight = [
        ([(k, (a, 7)) for k, a in enumerate(row)], (10, 7), 4 - i % 2) for i, row in enumerate(x)
    ]
    # of a target at (10, 4)
    around = [
        (15, 4),
        (13, 9),
        (12, 5),
        (10, 4),
        (9, 3),
        (12, 6),
        (10, 3),
        (8, 8),
        (7, 4),
        (6, 3),
        (14, 2),
        (6, 6),
        (5, 9),
    ]
    return [
        *straight,
        *(
            ([(k, p) for k, p in enumerate(around)], target, 3)
            for target in ((10, 4), (3, 12), (12, 1))
        ),
    ]


def _watched(function: Callable[..., Any], case: tuple) -> Values:
    """Which pairs came through, and whether each came as soon as it was there."""
    pairs, target, patience = case
    made: list[int] = []
    found = function((made.append(1) or pair for pair in pairs), target, patience)
    if not isinstance(found, Iterator):
        return {
            "result": (
                LISTED
                if isinstance(found, list)
                else (
                    f"It returns a {type(found).__name__}; pass pairs (latent, point) on with"
                    " yield."
                )
            )
        }
    first = list(islice(found, 1))
    lazy = len(made) <= 1
    passed = [*first, *islice(found, len(pairs) + SPARE)]
    # a run that was given up is not read on
    lazy &= len(made) <= len(passed) or len(passed) == len(pairs)
    if not all(
        isinstance(pair, tuple | list) and len(pair) == 2 and isinstance(pair[1], tuple | list)
        for pair in passed
    ):
        return {"result": "Pass whole pairs (latent, point) on, as they came."}
    return {
        "list of pairs (latent, x, y)": [(latent, *point) for latent, point in passed],
        "result": "a generator" if lazy else GREEDY,
    }


def _distances(axes: Axes, case: tuple, value: Any) -> None:
    """Distance to the target: the whole run in grey, what came through on it."""
    for points, look in (
        ([p for _, p in case[0]], {"color": "0.75"}),
        ([p for _, *p in value], {"color": BLUE, "marker": "o"}),
    ):
        axes.plot([math.dist(p, case[1]) for p in points], **look)
    axes.set(xlabel="step", ylabel="distance to target (px)")
    axes.xaxis.get_major_locator().set_params(integer=True)


LISTED = (
    "It collects the run and returns a list: pass each pair on with yield as soon as it comes."
)
GREEDY = "It reads more of the run than it has passed on: pass each pair on as soon as it comes."

patient = Exercise(
    "patient",
    "patient(run, target, patience): passes the pairs (latent, point) of a run on, and ends after"
    " the pair with which the point has not been nearer to the target than ever before for"
    " `patience` steps in a row.",
    _patient,
    _pathways,
    {
        LISTED: lambda r, t, n: list(_patient(r, t, n)),
        "It never gives up: end it once `patience` pairs in a row were no nearer.": (
            lambda r, t, n: _patient(r, t, 10**6)
        ),
        "It ends one pair early: `patience` is counted one short, or the pair is judged before it is passed on.": _patience(
            before=True
        ),
        "It judges a pair before it is passed on, and so reads one more than it hands out.": (
            _patience(before=True, more=1)
        ),
        "It ends on arrival; that is the loop's own business: only idle pairs count here.": (
            _arrives
        ),
        "Only x counts in it; a distance has both, math.dist(point, target).": _measured(
            lambda p, t: abs(p[0] - t[0])
        ),
        "That is the L1 distance, |x| + |y|; a distance in the image is L2, math.dist.": (
            _measured(lambda p, t: abs(p[0] - t[0]) + abs(p[1] - t[1]))
        ),
        "The target is turned around: points are (x, y).": _measured(
            lambda p, t: math.dist(p, t[::-1])
        ),
        "It waits one step too long.": _patience(more=1),
        "It compares with the step before; a point that goes to and fro gets nearer every other time. Compare with the least distance so far.": _patience(
            last=True
        ),
        "It counts all idle steps of the run; only those in a row count: a step that is nearer sets the count to 0.": _patience(
            reset=False
        ),
        "It takes standing still for progress: no nearer means that the distance is not less than the least so far.": _patience(
            better=lambda now, best: now <= best
        ),
    },
    draw=_distances,
    run=_watched,
)
