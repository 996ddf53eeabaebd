"""Lesson 12: how often a score prefers the worse of two images whose truth is known."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import combinations

import numpy as np
import torch
from matplotlib.axes import Axes

from ..plot.figures import BLUE, ORANGE
from .cases import Case, Cases, integer, uniform
from .comparison import Values
from .exercise import Exercise
from .mistakes import Answer, mistakes_of

FAR = 8.0  # px, the largest distance in a case


def _misled(scores: np.ndarray, truths: np.ndarray) -> float:
    misled = []
    for i, j in combinations(range(len(truths)), 2):
        farther = truths[i] - truths[j]
        higher = scores[i] - scores[j]
        if abs(farther) >= 1:
            misled.append(farther * higher < 0)
    return sum(misled) / len(misled)


def _draw_scores(random: torch.Generator) -> Case:
    """Scores (k) and true distances (k) of a few images, in any order; two scores are equal.

    The distances are in quarters of a pixel, so that some differ by exactly 1 px.
    """
    count = integer(random, 5, 8)
    truths = (4 * uniform(random, 0, FAR, count)).round().double() / 4
    scores = (truths + 3 * torch.randn(count, generator=random)).abs().double()
    scores[0] = scores[-1]
    return scores.numpy(), truths.numpy()


def _properties(case: Case) -> dict[str, bool]:
    scores, truths = case
    pairs = list(combinations(range(len(truths)), 2))
    clear = [abs(truths[i] - truths[j]) >= 1 for i, j in pairs]
    alike = [abs(scores[i] - scores[j]) < 1 for i, j in pairs]
    just = [abs(truths[i] - truths[j]) == 1 for i, j in pairs]
    share = _misled(scores, truths)
    return {
        "some pairs are too near to be judged": not all(clear),
        "a score differs little where the truth differs": any(map(np.logical_and, alike, clear)),
        "two truths are just 1 px apart": any(just),
        "of two images of one score the first is nearer": bool(truths[-1] - truths[0] >= 1),
        "of two images of one score the last is nearer": bool(truths[0] - truths[-1] >= 1),
        "the score is wrong sometimes, not as often as right": 0 < share < 0.5,
    }


def _plain(function: Answer, case: Case) -> Values:
    """What an answer returns; a number of NumPy as one of Python."""
    value = function(*case)
    return {"": value.item() if isinstance(value, np.generic) else value}


def _pairs(axes: Axes, case: Case, values: Mapping[str, float]) -> None:
    """Each image's score over its truth, the pairs that mislead, and both fractions."""
    scores, truths = case
    for i, j in combinations(range(len(truths)), 2):
        wrong = (truths[i] - truths[j]) * (scores[i] - scores[j]) < 0
        if wrong and abs(truths[i] - truths[j]) >= 1:
            axes.plot(truths[[i, j]], scores[[i, j]], color=ORANGE, lw=1)
    axes.plot(truths, scores, "o", color=BLUE)
    axes.set(xlabel="true distance (px)", ylabel="score, lower = better")
    fractions = [f"{name}: {float(value):.3g}" for name, value in values.items()]
    title = "\n".join(["orange: the pairs that mislead", ", ".join(fractions)])
    axes.set_title(title, fontsize=10)


PAIRS = "for i, j in combinations(range(len(truths)), 2):"
CLEAR = "if abs(farther) >= 1:"
WRONG = "misled.append(farther * higher < 0)"
RESULT = "return sum(misled) / len(misled)"

misled = Exercise(
    "misled",
    "misled(scores, truths): of all pairs of images whose truths (k), distances in px, differ by 1"
    " or more, the fraction in which the lower of the scores (k) belongs to the farther image.",
    _misled,
    Cases(_draw_scores, _properties),
    mistakes_of(
        _misled,
        {
            "That is how often the score is right.": (
                WRONG,
                "misled.append(farther * higher > 0)",
            ),
            "Two images whose truths differ by less than 1 px are as good as each other: leave"
            " such pairs out.": (CLEAR, "if True:"),
            "That leaves out pairs whose scores are alike; it is the truths that must differ by"
            " 1 px.": (CLEAR, "if abs(higher) >= 1:"),
            "Two truths that are just 1 px apart count as well: 1 px or more, >=.": (
                CLEAR,
                "if abs(farther) > 1:",
            ),
            "Two truths differ whichever of them is larger: take abs.": (
                CLEAR,
                "if farther >= 1:",
            ),
            "Of two equal scores, neither is lower; such a pair misleads nobody, whichever image"
            " comes first.": (
                WRONG,
                "misled.append((truths[i] < truths[j]) != (scores[i] < scores[j]))",
            ),
            "That is 1 minus the fraction, the pairs that do not mislead.": (
                RESULT,
                "return 1 - sum(misled) / len(misled)",
            ),
            "Divide by the pairs that count, not by all pairs.": (
                RESULT,
                "return sum(misled) / (len(truths) * (len(truths) - 1) / 2)",
            ),
            "That is a number of pairs; divide it by how many count.": (
                RESULT,
                "return sum(misled)",
            ),
            "That is in per cent; a fraction is from 0 to 1.": (
                RESULT,
                "return 100 * sum(misled) / len(misled)",
            ),
            "Two equal scores prefer neither image.": (
                WRONG,
                "misled.append(farther * higher <= 0)",
            ),
            "That compares each image with the next one alone; take every pair.": (
                PAIRS,
                "for i, j in zip(range(len(truths) - 1), range(1, len(truths))):",
            ),
            "That compares each image with the best one alone; take every pair.": (
                PAIRS,
                "j = int(np.argmin(truths))\nfor i in range(len(truths)):",
            ),
            "That compares every image with the first one alone; take every pair.": (
                PAIRS,
                "for i, j in [(i, 0) for i in range(1, len(truths))]:",
            ),
        },
    ),
    draw=_pairs,
    together=True,
    run=_plain,
)
