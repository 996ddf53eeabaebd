"""Lesson 12: the interval of a mean, and the ratio of two methods on the same tasks."""

from __future__ import annotations

import numpy as np
import torch
from matplotlib.axes import Axes

from ..plot.figures import BLUE, ORANGE
from .cases import Case, Cases, integer, uniform
from .comparison import Values
from .exercise import Exercise
from .mistakes import Answer, mistakes_of

APART = (
    "The two methods are not resampled together: then what makes a task hard for both widens the"
    " interval. Take the same tasks for both."
)
GIVEN = (
    "It does not go by the resamplings that are given: with other positions the interval must"
    " be different."
)


def _interval(values: np.ndarray, resamplings: np.ndarray) -> tuple[float, float]:
    drawn = values[resamplings]
    means = drawn.mean(axis=1)
    low, high = np.percentile(means, [2.5, 97.5])
    return low, high


def _both_sides(middle: float, spread: float) -> tuple[float, float]:
    """What is often taken for an interval: the same to both sides."""
    return middle - 1.96 * spread, middle + 1.96 * spread


def _draw_values(random: torch.Generator) -> Case:
    """Skewed values (k), as distances are, and the positions (n k) that each resampling takes.

    Each resampling is there four times, so that the middle 95 % is the same whether one sorts and
    counts or interpolates.
    """
    count = integer(random, 5, 30)
    values = -2 * torch.rand(count, generator=random, dtype=torch.float64).log()

    resamplings = torch.randint(count, (500, count), generator=random)
    order = torch.randperm(2000, generator=random)
    return values.numpy(), resamplings.repeat(4, 1)[order].numpy()


def _properties_of_values(case: Case) -> dict[str, bool]:
    values = case[0]
    return {"there are few values": len(values) < 8, "there are many": len(values) > 20}


def _with_its_resamplings(function: Answer, case: Case) -> Values:
    """What the answer returns, and whether it goes by the resamplings.

    If all of them take the first value alone, there is no spread.
    """
    values, resamplings = case
    value = function(values, resamplings)
    if not isinstance(value, tuple | list | np.ndarray) or len(value) != 2:
        return {"": value}

    low, high = function(values.copy(), 0 * resamplings)
    if abs(float(high) - float(low)) > 1e-9:
        return {"": value, "resamplings": GIVEN}
    return {"": value, "resamplings": "the given ones"}


def _bar(axes: Axes, case: Case, value: tuple[float, float]) -> None:
    """The values, and the interval of their mean."""
    low, high = value
    axes.plot(case[0], np.zeros(len(case[0])), "|", ms=14, color="0.5")
    axes.plot([low, high], [1, 1], "-|", lw=3, color=ORANGE)
    axes.set(yticks=[0, 1], yticklabels=["values", "interval"], ylim=(-1, 2), xlabel="px")


ENDS = "low, high = np.percentile(means, [2.5, 97.5])"
MEANS = "means = drawn.mean(axis=1)"

interval = Exercise(
    "interval",
    "interval(values, resamplings): (low, high), the middle 95 % of the means of values (k) over"
    " resamplings (n k), whose rows are the positions that each of them takes.",
    _interval,
    Cases(_draw_values, _properties_of_values, count=3),
    mistakes_of(
        _interval,
        {
            "That is the middle 90 %: 2.5 % should be left out at each end.": (
                ENDS,
                "low, high = np.percentile(means, [5, 95])",
            ),
            "That is where the values lie, not where their mean may lie: take the mean of each"
            " resampling first.": (MEANS, "means = values"),
            "The means are over the wrong axis: a row is one resampling.": (
                MEANS,
                "means = drawn.mean(axis=0)",
            ),
            "That is the mean and twice the values' spread; the interval of the mean is"
            " narrower.": (ENDS, "low, high = _both_sides(values.mean(), values.std())"),
            "The standard error assumes that both sides are alike; distances are skewed, so use"
            " the resamplings.": (
                ENDS,
                "low, high = _both_sides(values.mean(), values.std(ddof=1) / len(values) ** 0.5)",
            ),
            "np.percentile counts in per cent: 2.5 and 97.5, not 0.025 and 0.975.": (
                ENDS,
                "low, high = np.percentile(means, [0.025, 0.975])",
            ),
            "That is the middle of all that was drawn; first take the mean of each resampling,"
            " over its row alone.": (MEANS, "means = drawn"),
            "That is the middle half, 25 and 75; the middle 95 % is from 2.5 to 97.5.": (
                ENDS,
                "low, high = np.percentile(means, [25, 75])",
            ),
            "Those are sums; take the mean of each resampling.": (
                MEANS,
                "means = drawn.sum(axis=1)",
            ),
            "The two are swapped: the low end comes first.": (
                "return low, high",
                "return high, low",
            ),
            "That is twice the spread of the means, the same to both sides; distances are"
            " skewed, so sort the means and cut off the ends.": (
                ENDS,
                "low, high = _both_sides(means.mean(), means.std())",
            ),
            "The question is not about the resamplings' medians, but about their means.": (
                MEANS,
                "means = np.median(drawn, axis=1)",
            ),
            "Those are the smallest and the greatest mean; leave 2.5 % out at each end.": (
                ENDS,
                "low, high = np.percentile(means, [0, 100])",
            ),
        },
    ),
    draw=_bar,
    run=_with_its_resamplings,
)


def _ends(means: np.ndarray) -> np.ndarray:
    """Where the middle 95 % of means begins and where it ends (2)."""
    return np.percentile(means, [2.5, 97.5])


def _ratio(
    ours: np.ndarray, theirs: np.ndarray, resamplings: np.ndarray
) -> tuple[float, float, float]:
    our_means = ours[resamplings].mean(axis=1)
    their_means = theirs[resamplings].mean(axis=1)
    ratios = our_means / their_means
    low, high = _ends(ratios)
    middle = ours.mean() / theirs.mean()
    return middle, low, high


def _draw_methods(random: torch.Generator) -> Case:
    """Two methods on the same tasks: what is hard for one is hard for the other."""
    values, resamplings = _draw_values(random)
    better = uniform(random, 0.5, 1.1, len(values)).double().numpy()
    return values * better, values, resamplings


def _in_pairs(function: Answer, case: Case) -> Values:
    """What the answer returns, and whether it resamples both methods by the same positions."""
    value = function(*case)
    if not isinstance(value, tuple | list | np.ndarray) or len(value) != 3:
        words = "It should return three numbers, one after the other: the ratio, low, high."
        return {"": value, "resamplings": words}

    ours, theirs, resamplings = case
    _, spread = _middle_and_spread(function, ours, theirs, 0 * resamplings)
    if abs(spread) > 1e-9:
        return {"": value, "resamplings": GIVEN}

    # if theirs is twice ours in every task, the ratio is 1/2 in every resampling
    middle, spread = _middle_and_spread(function, ours, 2 * ours, resamplings)
    if abs(middle - 0.5) < 0.05 and spread > 0.01:
        return {"": value, "resamplings": APART}
    return {"": value, "resamplings": "in pairs"}


def _middle_and_spread(
    function: Answer, ours: np.ndarray, theirs: np.ndarray, resamplings: np.ndarray
) -> tuple[float, float]:
    """The ratio that an answer returns, and the width of its interval."""
    middle, low, high = function(ours.copy(), theirs.copy(), resamplings.copy())
    return float(middle), float(high - low)


def _quotient(axes: Axes, case: Case, value: tuple[float, float, float]) -> None:
    """The tasks' ratios, that of the means, and its interval."""
    ours, theirs, _ = case
    middle, low, high = value
    axes.plot(ours / theirs, np.zeros(len(ours)), "|", ms=14, color="0.5")
    axes.plot([low, high], [1, 1], "-|", lw=3, color=ORANGE)
    axes.plot([middle], [1], "o", color=BLUE)
    axes.set(
        yticks=[0, 1], yticklabels=["task by task", "ratio"], ylim=(-1, 2), xlabel="ours / theirs"
    )


RATIO_ENDS = "low, high = _ends(ratios)"
RESULT = "return middle, low, high"
MIDDLE = "middle = ours.mean() / theirs.mean()"
THEIR_MEANS = "their_means = theirs[resamplings].mean(axis=1)"

ratio = Exercise(
    "ratio",
    "ratio(ours, theirs, resamplings): (ratio of the means, low, high): the middle 95 % of the"
    " ratios, both methods resampled alike, task by task.",
    _ratio,
    Cases(_draw_methods, _properties_of_values, count=3),
    mistakes_of(
        _ratio,
        {
            "It is upside down: ours over theirs, below 1 = better.": (
                "our_means = ours[resamplings].mean(axis=1)",
                "ours, theirs = theirs, ours\nour_means = ours[resamplings].mean(axis=1)",
            ),
            "That divides one interval by the other, as if the methods had dragged other lions;"
            " divide the means of each resampling first.": (
                RATIO_ENDS,
                "low, high = _ends(our_means) / _ends(their_means)",
            ),
            "That sets one method's best against the other's worst; divide the means of each"
            " resampling, then take the middle.": (
                RATIO_ENDS,
                "low, high = _ends(our_means) / _ends(their_means)[::-1]",
            ),
            "That is the mean of ratios: a task that was easy for them counts most. Take the"
            " ratio of the means.": (
                RESULT,
                "return (ours / theirs).mean(), *_interval(ours / theirs, resamplings)",
            ),
            "That is the difference; a ratio has no unit and can be compared between tasks.": (
                RESULT,
                "return (ours - theirs).mean(), *_interval(ours - theirs, resamplings)",
            ),
            "That is the middle 90 %.": (RATIO_ENDS, "low, high = np.percentile(ratios, [5, 95])"),
            "The interval is right; the ratio is that of the tasks' own means, not the mean of"
            " the resamplings' ratios.": (MIDDLE, "middle = ratios.mean()"),
            "The interval is right; the ratio is that of the tasks' own means, not the middle"
            " of the resamplings' ratios.": (MIDDLE, "middle = np.median(ratios)"),
            "Only ours is resampled; what makes a task hard for both cancels only if theirs is,"
            " too, by the same tasks.": (THEIR_MEANS, "their_means = theirs.mean()"),
            APART: (THEIR_MEANS, "their_means = theirs[resamplings[::-1]].mean(axis=1)"),
            "Low and high are swapped: the low end comes first.": (
                RESULT,
                "return middle, high, low",
            ),
            "The ratio is right; the interval is that of the tasks' ratios. Divide the means of"
            " each resampling.": (
                "ratios = our_means / their_means",
                "ratios = (ours / theirs)[resamplings].mean(axis=1)",
            ),
        },
    ),
    draw=_quotient,
    run=_in_pairs,
)
