"""Lesson 5: a loop that gives up on a run that makes no progress."""

from __future__ import annotations

import math
from collections.abc import Iterator
from itertools import islice, pairwise
from typing import Any

import torch
from matplotlib.axes import Axes

from ..plot.figures import BLUE
from .cases import Case, Cases, chance, integer
from .comparison import Values
from .exercise import Exercise
from .lesson05_loop import SPARE, Counted, Pairs
from .mistakes import Answer, changed, mistakes_of

Place = tuple[float, float]

LISTED = (
    "It collects the run and returns a list: pass each pair on with yield as soon as it comes."
)
GREEDY = "It reads more of the run than it has passed on: pass each pair on as soon as it comes."


def _patient(
    run: Iterator[tuple[Any, Place]], target: Place, patience: int
) -> Iterator[tuple[Any, Place]]:
    best = math.inf
    idle = 0
    for latent, point in run:
        yield latent, point
        distance = math.dist(point, target)
        closer = distance < best
        best = min(best, distance)
        idle = 0 if closer else idle + 1
        if idle >= patience:
            return


def _listed(run: Pairs, target: Place, patience: int) -> list[Any]:
    return list(_patient(run, target, patience))


def _judged_first(run: Pairs, target: Place, patience: int) -> Pairs:
    best = math.inf
    idle = 0
    for latent, point in run:
        distance = math.dist(point, target)
        closer = distance < best
        best = min(best, distance)
        idle = 0 if closer else idle + 1
        if idle >= patience:
            return
        yield latent, point


def _draw_run(random: torch.Generator) -> Case:
    """A run by its points, which wander toward a target or away from it, and a patience."""
    target = (integer(random, 3, 12), integer(random, 3, 12))
    x, y = integer(random, 0, 15), integer(random, 0, 15)
    straight = chance(random, 0.4)
    points = []
    for number in range(integer(random, 6, 14)):
        points.append((number, (x, y)))
        x += integer(random, -1, 2)
        y += 0 if straight else integer(random, -2, 2)
    return points, target, integer(random, 2, 4)


def _properties_of_run(case: Case) -> dict[str, bool]:
    points, target, patience = case
    distances = [math.dist(point, target) for _, point in points]
    l1_distances = [abs(x - target[0]) + abs(y - target[1]) for _, (x, y) in points]
    passed = _length(distances, patience)
    idle = [i > 0 and distance >= min(distances[:i]) for i, distance in enumerate(distances)]
    return {
        "it is given up": passed < len(points) - 1,
        "it is given up late": 8 < passed < len(points),
        "it is followed to its end": passed == len(points) > 8,
        "it comes to its target, and continues": min(distances[:-2]) <= 1,
        "the L1 distance would end it elsewhere": _length(l1_distances, patience) != passed,
        "its idle steps are not in a row": passed == len(points) and sum(idle) > patience,
        "it is as close as ever, and no closer": any(a == b for a, b in pairwise(distances)),
    }


def _length(distances: list[float], patience: int) -> int:
    """How many pairs are passed on of a run with these distances."""
    on_a_line: Iterator[tuple[int, Place]] = ((0, (distance, 0)) for distance in distances)
    return len(list(_patient(on_a_line, (0, 0), patience)))


def _run(function: Answer, case: Case) -> Values:
    """Which pairs were passed on, and whether each was as soon as it came."""
    pairs, target, patience = case
    read = Counted(tuple)  # a pair is a tuple already, so this only counts
    found = function(map(read, pairs), target, patience)
    if not isinstance(found, Iterator):
        return {"result": _not_a_generator(found)}

    first = list(islice(found, 1))
    lazy = read.calls <= 1
    passed = [*first, *islice(found, len(pairs) + SPARE)]
    read_to_the_end = len(passed) == len(pairs)
    lazy = lazy and (read.calls <= len(passed) or read_to_the_end)
    if not all(map(_is_pair, passed)):
        return {"result": "Pass whole pairs (latent, point) on, as they came."}
    return {
        "list of pairs (latent, x, y)": [(latent, *point) for latent, point in passed],
        "result": "a generator" if lazy else GREEDY,
    }


def _not_a_generator(found: Any) -> str:
    if isinstance(found, list):
        return LISTED
    return f"It returns a {type(found).__name__}; pass pairs (latent, point) on with yield."


def _is_pair(pair: Any) -> bool:
    return isinstance(pair, tuple | list) and len(pair) == 2 and isinstance(pair[1], tuple | list)


def _draw_distances(axes: Axes, case: Case, value: Any) -> None:
    """Distance to the target: the whole run in grey, what was passed on in blue."""
    pairs, target, _ = case
    axes.plot([math.dist(point, target) for _, point in pairs], color="0.75")
    axes.plot([math.dist(point, target) for _, *point in value], color=BLUE, marker="o")
    axes.set(xlabel="step", ylabel="distance to target (px)")
    axes.locator_params(axis="x", integer=True)


DISTANCE = "distance = math.dist(point, target)"
BEST = "best = min(best, distance)"
IDLE = "idle = 0 if closer else idle + 1"
GIVE_UP = "if idle >= patience:"

patient = Exercise(
    "patient",
    "patient(run, target, patience): passes the pairs (latent, point) of a run on, and ends after"
    " the pair with which the point has not been closer to the target than ever before for"
    " `patience` steps in a row.",
    _patient,
    Cases(_draw_run, _properties_of_run, count=8),
    mistakes_of(
        _patient,
        {
            LISTED: _listed,
            "It never gives up: end it once `patience` pairs in a row were no closer.": (
                GIVE_UP,
                "if idle >= 10**6:",
            ),
            "It ends one pair early: `patience` is counted one short, or the pair is judged before"
            " it is passed on.": _judged_first,
            "It judges a pair before it is passed on, and so reads one more than it hands out.": (
                changed(_judged_first, (GIVE_UP, "if idle >= patience + 1:"))
            ),
            "It ends on arrival; that is the loop's own business: only idle pairs count here.": (
                GIVE_UP,
                "if idle >= patience or distance <= 1:",
            ),
            "Only x counts in it; a distance has both, math.dist(point, target).": (
                DISTANCE,
                "distance = abs(point[0] - target[0])",
            ),
            "That is the L1 distance, |x| + |y|; a distance in the image is L2, math.dist.": (
                DISTANCE,
                "distance = abs(point[0] - target[0]) + abs(point[1] - target[1])",
            ),
            "The target is reversed: points are (x, y).": (
                DISTANCE,
                "distance = math.dist(point, target[::-1])",
            ),
            "It waits one step too long.": (GIVE_UP, "if idle > patience:"),
            "It compares with the step before; a point that goes to and fro gets closer every"
            " other time. Compare with the smallest distance so far.": (BEST, "best = distance"),
            "It counts all idle steps of the run; only those in a row count: a step that is closer"
            " sets the count to 0.": (IDLE, "idle = idle if closer else idle + 1"),
            "It takes standing still for progress: no closer means that the distance is not less"
            " than the smallest so far.": (
                "closer = distance < best",
                "closer = distance <= best",
            ),
        },
    ),
    draw=_draw_distances,
    run=_run,
)
