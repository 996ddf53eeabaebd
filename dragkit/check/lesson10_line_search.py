"""Lesson 10: FreeDrag's three cases, and its adaptive template."""

from __future__ import annotations

import math

import torch
from matplotlib.axes import Axes

from ..plot.figures import BLUE, ORANGE
from .cases import Case, Cases, chance, uniform
from .comparison import Values
from .exercise import Exercise
from .mistakes import Answer, mistakes_of

# Losses at which the curve of weights is drawn, as fractions of the expected loss.
FRACTIONS = torch.linspace(0, 1.3, 14).tolist()


def _case(begin: float, end: float, expected: float) -> str:
    hop = end < expected / 2
    stay = end < begin
    questions = {"hop": hop, "stay": stay, "back": True}
    return next(name for name, holds in questions.items() if holds)


def _draw_losses(random: torch.Generator) -> Case:
    """The losses at a sub-motion's begin and end, and the expected one."""
    begin, end, expected = uniform(random, 0.05, 1.05, 3).tolist()
    if chance(random, 0.1):
        end = begin
    if chance(random, 0.1):
        end = expected / 2
    if chance(random, 0.1):
        begin = 0.0
        end = 0.0
    return begin, end, expected


def _properties_of_losses(case: Case) -> dict[str, bool]:
    begin, end, expected = case
    return {
        "both are 0, before the first sub-motion": begin == end == 0,
        "the loss is as high as before": end == begin > expected / 2,
        "the loss is just half of what is expected": end == expected / 2 < begin,
        "the loss has grown and is small": begin < end < expected / 2,
        "the loss has grown and is high": begin < end > expected,
    }


def _losses_in_words(case: Case) -> str:
    begin, end, expected = case
    return f"L_begin = {begin:.3g}, L_end = {end:.3g}, l = {expected:.3g}"


HOP = "hop = end < expected / 2"
QUESTIONS = 'questions = {"hop": hop, "stay": stay, "back": True}'

case = Exercise(
    "case",
    'case(begin, end, expected): "hop", "stay" or "back", from the loss L when a sub-motion began,'
    " the loss when it ended, and the expected loss l.",
    _case,
    Cases(
        _draw_losses,
        _properties_of_losses,
        count=40,
    ),
    mistakes_of(
        _case,
        {
            "The two losses are swapped: what decides is how the sub-motion ended.": (
                HOP,
                "begin, end = end, begin\nhop = end < expected / 2",
            ),
            "The threshold for a hop is half the expected loss, l/2, not l.": (
                HOP,
                "hop = end < expected",
            ),
            '"stay" and "back" are swapped: a loss that has fallen means that the content'
            " follows.": (QUESTIONS, 'questions = {"hop": hop, "back": stay, "stay": True}'),
            '"hop" comes first: with L_end below l/2 it does not matter how the sub-motion'
            " began.": (QUESTIONS, 'questions = {"back": not stay, "hop": hop, "stay": True}'),
            '"stay" is asked before "hop": with L_end below l/2 it is a hop, also where the'
            " loss has fallen.": (
                QUESTIONS,
                'questions = {"stay": stay, "hop": hop, "back": True}',
            ),
            '"back" is asked before "hop": a loss that has grown and is still below l/2 is a'
            " hop.": (QUESTIONS, 'questions = {"back": end > begin, "hop": hop, "stay": True}'),
            "For a hop L_end must be small compared with l; how the sub-motion began does not"
            " matter.": (HOP, "hop = begin < expected / 2"),
            "For a hop L_end must be below half of what is expected, l, not half of how it"
            " began.": (HOP, "hop = end < begin / 2"),
            "A loss that is as high as before has not fallen: < and not <=.": (
                "stay = end < begin",
                "stay = end <= begin",
            ),
            "At exactly l/2 it is not a hop: L_end must lie below, < and not <=.": (
                HOP,
                "hop = end <= expected / 2",
            ),
            'It never answers "back": a loss that has grown is the third case.': (
                QUESTIONS,
                'questions = {"hop": hop, "stay": True}',
            ),
        },
    ),
    describe=_losses_in_words,
)


def _blend_weight(end: float, expected: float) -> float:
    a = math.log(9) / (0.6 * expected)
    b = 0.2 * expected
    exponent = a * (end - b)
    return 1 / (1 + math.exp(exponent))


def _draw_end(random: torch.Generator) -> Case:
    """The loss at a sub-motion's end, and the expected one."""
    expected = float(uniform(random, 0.2, 1.4))
    end = expected * float(uniform(random, 0, 1.3))
    if chance(random, 0.1):
        end = 0.0
    return end, expected


def _properties_of_end(case: Case) -> dict[str, bool]:
    end, expected = case
    return {
        "the loss is 0": end == 0,
        "it is a good match": 0 < end < 0.2 * expected,
        "it is a bad match": end > 0.8 * expected,
        "more than 1 is expected": expected > 1,
    }


def _weights(function: Answer, case: Case) -> Values:
    """The weight of this case, and those for other losses, to be drawn."""
    end, expected = case
    value = function(end, expected)
    if value is None:
        return {"": value}
    curve = [torch.as_tensor(function(expected * x, expected)).item() for x in FRACTIONS]
    return {"": value, "curve": curve}


def _curve(axes: Axes, case: Case, values: Values) -> None:
    """The weight over L, with this case on it."""
    end, expected = case
    axes.plot([expected * x for x in FRACTIONS], values["curve"], color=BLUE)
    axes.plot([end], [torch.as_tensor(values[""]).item()], "o", color=ORANGE)
    axes.set(xlabel=f"L at the end (l = {expected:.2g})", ylabel="weight x", ylim=(-0.05, 1.05))


def _end_in_words(case: Case) -> str:
    end, expected = case
    return f"L_end = {end:.3g}, l = {expected:.3g}"


EXPONENT = "exponent = a * (end - b)"
CENTRE = "b = 0.2 * expected"
SLOPE = "a = math.log(9) / (0.6 * expected)"
WEIGHT = "return 1 / (1 + math.exp(exponent))"

blend_weight = Exercise(
    "blend_weight",
    "blend_weight(end, expected): how much of what is now at the goal the template takes,"
    " x = 1 / (1 + exp(a (L_end - b))), a = ln 9 / (0.6 l), b = 0.2 l.",
    _blend_weight,
    Cases(
        _draw_end,
        _properties_of_end,
        count=12,
    ),
    mistakes_of(
        _blend_weight,
        {
            "The sign is reversed, or that is the old template's weight: the better the match"
            " (the smaller L), the more the template takes.": (
                EXPONENT,
                "exponent = -a * (end - b)",
            ),
            "b is 0.2 l, where the weight is one half; yours is zero.": (CENTRE, "b = 0"),
            "b is 0.2 l, not half of l: a match must be good before the template takes half of"
            " it.": (CENTRE, "b = 0.5 * expected"),
            "ln is the natural logarithm, math.log; log10 of 9 makes the curve too flat.": (
                SLOPE,
                "a = math.log10(9) / (0.6 * expected)",
            ),
            "ln is the natural logarithm, math.log; log2 of 9 makes the curve too steep.": (
                SLOPE,
                "a = math.log2(9) / (0.6 * expected)",
            ),
            "b is 0.2 times l, not 0.2: what is a good match depends on what is expected.": (
                CENTRE,
                "b = 0.2",
            ),
            "a and b belong to l: fixed numbers would fit one model only.": (
                EXPONENT,
                "exponent = math.log(9) / 0.6 * (end - 0.2)",
            ),
            "a is ln 9 / (0.6 l), so that the weight is a tenth at 0.8 l; the logarithm is"
            " missing.": (SLOPE, "a = 9 / (0.6 * expected)"),
            "The bracket around 0.6 l is missing: ln 9 is divided by both.": (
                SLOPE,
                "a = math.log(9) / 0.6 * expected",
            ),
            "The bracket around L_end - b is missing: a multiplies both.": (
                EXPONENT,
                "exponent = a * end - b",
            ),
            "The bracket around the denominator is missing: 1 is divided by all of 1 +"
            " exp(...).": (WEIGHT, "return 1 / 1 + math.exp(exponent)"),
            "That is the exponential alone, which grows with L; the weight is 1 / (1 +"
            " exp(...)).": (WEIGHT, "return math.exp(exponent)"),
            "The 1 in the denominator is missing: a weight lies between 0 and 1.": (
                WEIGHT,
                "return 1 / math.exp(exponent)",
            ),
        },
    ),
    draw=_curve,
    run=_weights,
    describe=_end_in_words,
    whole=True,
)
