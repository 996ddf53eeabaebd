"""Lesson 7: what a drag missed, and what its tracker missed."""

from __future__ import annotations

import torch
from matplotlib.axes import Axes
from torch import Tensor

from ..plot.figures import BLUE, ORANGE
from .cases import Case, Cases, integer, uniform
from .comparison import Values
from .exercise import Exercise
from .mistakes import Answer, mistakes_of


def _errors(seen: Tensor, claimed: Tensor, targets: Tensor) -> tuple[Tensor, Tensor]:
    def far(points: Tensor, others: Tensor) -> Tensor:
        offsets = points - others
        lengths = offsets.norm(dim=-1)
        return lengths.mean(dim=-1)

    distance = far(seen, targets)
    error = far(seen, claimed)
    return distance, error


def _draw_tracks(random: torch.Generator) -> Case:
    """Where points are and where a tracker claims them to be (s n 2), and their targets (n 2).

    The run was stopped before the targets.
    """
    points = integer(random, 1, 5)
    steps = integer(random, 8, 14)
    start = uniform(random, 0, 100, points, 2)
    targets = uniform(random, 0, 100, points, 2)

    progress = torch.linspace(0, 0.9, steps)[:, None, None]
    claimed = start + (targets - start) * progress
    seen = claimed + 6 * torch.randn(steps, points, 2, generator=random)
    return seen, claimed, targets


def _properties_of_tracks(case: Case) -> dict[str, bool]:
    _, _, targets = case
    return {"there is one point": len(targets) == 1, "there are several": len(targets) >= 3}


def _pair(function: Answer, case: Case) -> Values:
    """The two curves by name, and whether there are two."""
    value = function(*case)
    if not isinstance(value, tuple | list | Tensor) or len(value) != 2:
        return {"answer": f"a {type(value).__name__}, not a pair"}
    return {"answer": "a pair", "mean distance": value[0], "tracker's error": value[1]}


def _over_steps(axes: Axes, case: Case, values: Values) -> None:
    """Both curves."""
    for name, colour in (("mean distance", BLUE), ("tracker's error", ORANGE)):
        curve = torch.as_tensor(values[name]).detach().numpy()
        axes.plot(curve, color=colour, label=name)
    axes.set(xlabel="step", ylabel="px")
    axes.legend(frameon=False, fontsize=8)


MEAN = "return lengths.mean(dim=-1)"
ERROR = "error = far(seen, claimed)"
CURVES = "return distance, error"
LENGTHS = "lengths = offsets.norm(dim=-1)"
DISTANCE = "distance = far(seen, targets)"

errors = Exercise(
    "errors",
    "errors(seen, claimed, targets): two curves (s), in pixels: the mean distance from where the"
    " points are seen (s n 2) to their targets (n 2), and the mean distance from there to where"
    " the tracker claims them to be (s n 2). Distances are L2, the mean is over the n points.",
    _errors,
    Cases(
        _draw_tracks,
        _properties_of_tracks,
        count=5,
    ),
    mistakes_of(
        _errors,
        {
            "That is the norm of the mean: points that miss to the left and to the right"
            " cancel. Take each point's distance first, then the mean.": (
                MEAN,
                "return offsets.mean(dim=-2).norm(dim=-1)",
            ),
            "The mean is over the steps; it should be over the points, one number per step.": (
                MEAN,
                "return lengths.mean(dim=0)",
            ),
            "That is one number for the whole run; there should be one per step.": (
                MEAN,
                "return lengths.mean()",
            ),
            "That is the mean over x and y as well; combine the two into one distance before"
            " the mean over the points.": (MEAN, "return offsets.abs().mean(dim=(-2, -1))"),
            "That is the root of the mean square over points and coordinates, in which the"
            " worst point counts most; take the mean of the distances.": (
                MEAN,
                "return offsets.square().mean(dim=(-2, -1)).sqrt()",
            ),
            "The tracker's error is from where the points are seen to where it claims them to"
            " be; yours is from the claim to the target.": (
                ERROR,
                "error = far(claimed, targets)",
            ),
            "The mean over the points is missing: one number per step, not one for each point.": (
                MEAN,
                "return lengths",
            ),
            "That is the last step alone; a curve has a number for each step.": (
                CURVES,
                "return distance[-1], error[-1]",
            ),
            "That is the L1 distance, |x| + |y|; a distance in the image is L2.": (
                LENGTHS,
                "lengths = offsets.abs().sum(dim=-1)",
            ),
            "The root is missing: these are squared pixels.": (
                LENGTHS,
                "lengths = offsets.square().sum(dim=-1)",
            ),
            "That is the root of the mean square, in which the worst point counts most; take"
            " the mean of the distances.": (MEAN, "return lengths.square().mean(dim=-1).sqrt()"),
            "The norm is over the points and the mean over x and y; it is the other way round.": (
                LENGTHS,
                "lengths = offsets.norm(dim=-2)",
            ),
            "That is the sum over the points: divide by their number.": (
                MEAN,
                "return lengths.sum(dim=-1)",
            ),
            "The tracker judges itself: the mean distance is from where the points *are*"
            " (seen), not from where it claims them to be.": (
                DISTANCE,
                "distance = far(claimed, targets)",
            ),
            "That is the distance to where the claim ends; the targets are given.": (
                DISTANCE,
                "distance = far(seen, claimed[-1])",
            ),
            "That is the point that is farthest off; take the mean over the points.": (
                MEAN,
                "return lengths.amax(dim=-1)",
            ),
            "That is the median; take the mean over the points.": (
                MEAN,
                "return lengths.median(dim=-1).values",
            ),
            "That is one length for all points together; take each point's distance first, then"
            " their mean.": (MEAN, "return offsets.norm(dim=(-2, -1))"),
            "The two curves are swapped.": (CURVES, "return error, distance"),
            "The tracker's error is a distance between two points, not the difference of their"
            " distances to the target: both can be 3 px away, on two sides.": (
                ERROR,
                "error = (distance - far(claimed, targets)).abs()",
            ),
        },
    ),
    draw=_over_steps,
    run=_pair,
    whole=True,
)
