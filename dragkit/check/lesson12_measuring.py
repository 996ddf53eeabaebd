"""Lesson 12: the interval of a mean, and a ratio of two methods on the same tasks."""

from __future__ import annotations

import numpy as np
from matplotlib.axes import Axes

from ..plot.figures import BLUE, ORANGE
from .exercise import Answer, Exercise, Values


def _interval(values: np.ndarray, resamplings: np.ndarray) -> tuple[float, float]:
    return _middle(values[resamplings].mean(1))


def _middle(means: np.ndarray, level: float = 95) -> tuple[float, float]:
    low, high = np.percentile(means, [(100 - level) / 2, (100 + level) / 2])
    return float(low), float(high)


def _spread(mean: float, by: float) -> tuple[float, float]:
    return mean - 1.96 * by, mean + 1.96 * by


def _samples() -> list[tuple[np.ndarray, np.ndarray]]:
    """Skewed values, as distances are, and which of them each resampling holds.

    Each resampling is there four times, so that the middle 95 % is the same whether one sorts and
    counts or interpolates.
    """
    random = np.random.default_rng(11)
    return [
        (
            random.exponential(2, k),
            random.permutation(np.repeat(random.integers(k, size=(500, k)), 4, axis=0)),
        )
        for k in (5, 12, 30)
    ]


APART = (
    "The two methods are not resampled together: then what makes a task hard for both widens the"
    " interval. Take the same tasks for both."
)
GIVEN = (
    "It does not go by the resamplings that are given: with those of other positions the interval"
    " must be another."
)


def _drawn(function: Answer, case: tuple) -> Values:
    """What it returns, and whether it does so by the resamplings: where all of them hold the first
    value alone, there is no spread.
    """
    values, resamplings = case
    value = function(*case)
    if not isinstance(value, tuple | list | np.ndarray) or len(value) != 2:
        return {"": value}
    low, high = (float(x) for x in function(values.copy(), 0 * resamplings))
    return {"": value, "resamplings": "the given ones" if abs(high - low) < 1e-9 else GIVEN}


def _resampled(function: Answer, case: tuple) -> Values:
    """What it returns, and whether the tasks stay in pairs: where theirs is twice ours, task by
    task, so is the mean of every resampling.
    """
    ours, theirs, resamplings = case
    value = function(*case)
    if isinstance(value, str):  # a mistake that is known by this alone: chance is in its numbers
        return {"resamplings": value}
    if not isinstance(value, tuple | list | np.ndarray) or len(value) != 3:
        return {
            "": value,
            "resamplings": (
                "Three numbers are asked for, one after the other: the ratio, low, high."
            ),
        }
    spread = lambda a, b, r=resamplings: float(
        np.subtract(*function(a.copy(), b.copy(), r.copy())[:0:-1])
    )
    if abs(spread(ours, theirs, 0 * resamplings)) > 1e-9:
        return {"": value, "resamplings": GIVEN}
    middle = float(function(ours.copy(), 2 * ours, resamplings.copy())[0])
    by_itself = abs(middle - 0.5) < 0.05 and spread(ours, 2 * ours) > 0.01
    return {"": value, "resamplings": APART if by_itself else "in pairs"}


def _quotient(axes: Axes, case: tuple, value: tuple[float, float, float]) -> None:
    """The tasks' ratios, that of the means, and its interval."""
    middle, low, high = value
    axes.plot(case[0] / case[1], np.zeros(len(case[0])), "|", ms=14, color="0.5")
    axes.plot([low, high], [1, 1], "-|", lw=3, color=ORANGE)
    axes.plot([middle], [1], "o", color=BLUE)
    axes.set(
        yticks=[0, 1], yticklabels=["task by task", "ratio"], ylim=(-1, 2), xlabel="ours / theirs"
    )


def _bar(axes: Axes, case: tuple, value: tuple[float, ...]) -> None:
    low, high = value[-2:]
    axes.plot(case[0], np.zeros(len(case[0])), "|", ms=14, color="0.5")
    axes.plot([low, high], [1, 1], "-|", lw=3, color=ORANGE)
    axes.set(yticks=[0, 1], yticklabels=["values", "interval"], ylim=(-1, 2), xlabel="px")


interval = Exercise(
    "interval",
    "interval(values, resamplings): (low, high), the middle 95 % of the means of values (k) over"
    " resamplings (n k), each row the positions that one of them holds.",
    _interval,
    _samples,
    {
        "That is the middle 90 %: 2.5 % are to be left out at each end.": lambda v, r: _middle(
            v[r].mean(1), 90
        ),
        "That is where the values lie, not where their mean may lie: take the mean of each resampling first.": lambda v, r: (
            _middle(v)
        ),
        "The means are over the wrong axis: a row is one resampling.": lambda v, r: _middle(
            v[r].mean(0)
        ),
        "That is the mean and twice the values' spread; the interval of the mean is narrower.": (
            lambda v, r: _spread(v.mean(), v.std())
        ),
        "The standard error takes both sides for alike; distances are skewed, so read the resamplings.": lambda v, r: (
            _spread(v.mean(), v.std(ddof=1) / len(v) ** 0.5)
        ),
        "np.percentile counts in per cent: 2.5 and 97.5, not 0.025 and 0.975.": lambda v, r: tuple(
            np.percentile(v[r].mean(1), [0.025, 0.975])
        ),
        "That is the middle of all that was drawn; first the mean of each resampling, over its row alone.": lambda v, r: (
            _middle(v[r])
        ),
        "That is the middle half, 25 and 75; the middle 95 % is from 2.5 to 97.5.": (
            lambda v, r: _middle(v[r].mean(1), 50)
        ),
        "Those are sums; take the mean of each resampling.": lambda v, r: _middle(v[r].sum(1)),
        "The two are swapped: the low end comes first.": lambda v, r: _interval(v, r)[::-1],
        "That is twice the spread of the means, the same to both sides; distances are skewed, so sort the means and cut off the ends.": lambda v, r: (
            _spread(v[r].mean(1).mean(), v[r].mean(1).std())
        ),
        "The resamplings' medians are not asked for, but their means.": lambda v, r: _middle(
            np.median(v[r], 1)
        ),
        "Those are the least and the greatest mean; leave 2.5 % out at each end.": (
            lambda v, r: _middle(v[r].mean(1), 100)
        ),
    },
    draw=_bar,
    run=_drawn,
)


def _ratio(
    ours: np.ndarray, theirs: np.ndarray, resamplings: np.ndarray
) -> tuple[float, float, float]:
    return _ratios(ours, theirs, ours[resamplings].mean(1) / theirs[resamplings].mean(1))


def _ratios(
    ours: np.ndarray, theirs: np.ndarray, ratios: np.ndarray
) -> tuple[float, float, float]:
    return float(ours.mean() / theirs.mean()), *_middle(ratios)


def _pairs() -> list[tuple[np.ndarray, np.ndarray, np.ndarray]]:
    """Two methods on the same tasks: what is hard for one is hard for the other."""
    random, cases = np.random.default_rng(12), []
    for values, resamplings in _samples():
        cases.append((values * random.uniform(0.5, 1.1, len(values)), values, resamplings))
    return cases


ratio = Exercise(
    "ratio",
    "ratio(ours, theirs, resamplings): (ratio of the means, low, high): the middle 95 % of the"
    " ratios, both methods resampled alike, task by task.",
    _ratio,
    _pairs,
    {
        "It is upside down: ours over theirs, below 1 = better.": lambda a, b, r: _ratio(b, a, r),
        "That divides one interval by the other, as if the methods had dragged other lions; divide the means of each resampling first.": lambda a, b, r: (
            _ratios(a, b, a)[0],
            *(x / y for x, y in zip(_interval(a, r), _interval(b, r))),
        ),
        "That sets one method's best against the other's worst; divide the means of each resampling, then take the middle.": lambda a, b, r: (
            _ratios(a, b, a)[0],
            *(x / y for x, y in zip(_interval(a, r), _interval(b, r)[::-1])),
        ),
        "That is the mean of ratios: a task that was easy for them counts most. Take the ratio of the means.": lambda a, b, r: (
            float((a / b).mean()),
            *_middle((a / b)[r].mean(1)),
        ),
        "That is the difference; a ratio has no unit and can be compared between tasks.": (
            lambda a, b, r: (float((a - b).mean()), *_middle((a - b)[r].mean(1)))
        ),
        "That is the middle 90 %.": lambda a, b, r: (
            _ratio(a, b, r)[0],
            *_middle(a[r].mean(1) / b[r].mean(1), 90),
        ),
        "The interval is right; the ratio is that of the tasks' own means, not the mean of the resamplings' ratios.": lambda a, b, r: (
            float((a[r].mean(1) / b[r].mean(1)).mean()),
            *_ratio(a, b, r)[1:],
        ),
        "The interval is right; the ratio is that of the tasks' own means, not the middle of the resamplings' ratios.": lambda a, b, r: (
            float(np.median(a[r].mean(1) / b[r].mean(1))),
            *_ratio(a, b, r)[1:],
        ),
        "Only ours is resampled; what makes a task hard for both cancels only if theirs is, too, by the same tasks.": lambda a, b, r: (
            _ratios(a, b, a[r].mean(1) / b.mean())
        ),
        APART: lambda a, b, r: APART,
        "Low and high are swapped: the low end comes first.": lambda a, b, r: (
            _ratio(a, b, r)[0],
            *_ratio(a, b, r)[:0:-1],
        ),
        "The ratio is right; the interval is that of the tasks' ratios. Divide the means of each resampling.": lambda a, b, r: (
            _ratio(a, b, r)[0],
            *_middle((a / b)[r].mean(1)),
        ),
    },
    draw=_quotient,
    run=_resampled,
)
