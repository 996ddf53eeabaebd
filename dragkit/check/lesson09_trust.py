"""Lesson 9: the threshold of a gate, and the patch that the loss compares with."""

from __future__ import annotations

import numpy as np
import torch
from matplotlib.axes import Axes
from torch import Tensor

from ..gates import above
from .cases import Case, Cases, chance, integer, uniform
from .comparison import Values
from .drawings import bars_of
from .exercise import Exercise
from .mistakes import Answer, mistakes_of


def _threshold(first: Tensor, ratio: float) -> Tensor:
    size = first.abs()
    allowed = (1 - ratio) * size
    return first - allowed


def _draw_confidence(random: torch.Generator) -> Case:
    """The confidence (n) of step 1, and a ratio."""
    first = uniform(random, -0.8, 1.6, integer(random, 1, 6))
    if chance(random, 0.4):
        first[-1] = 0
    return first, float(uniform(random, 0.3, 0.95))


def _properties_of_confidence(case: Case) -> dict[str, bool]:
    first, _ = case
    return {
        "there is one handle": len(first) == 1,
        "there are numbers of both signs": bool(first.min() < -0.2 and first.max() > 0.2),
        "one of them is 0": bool((first == 0).any()),
    }


def _ratio_in_words(case: Case) -> str:
    return f"ratio = {case[1]:.3g}"


DIFFERENCE = "return first - allowed"
ALLOWED = "allowed = (1 - ratio) * size"
ABOVE = (
    "For a negative confidence the fraction lies above it: 0.8 times -0.3 is -0.24. Then the gate"
    " shuts at once."
)

threshold = Exercise(
    "threshold",
    "threshold(first, ratio): from the confidence (n) of step 1, the smallest confidence (n) that"
    " is trusted: the fraction `ratio` of it, and never more than it, even where it is negative:"
    " s - (1 - ratio) |s|.",
    _threshold,
    Cases(
        _draw_confidence,
        _properties_of_confidence,
        count=6,
    ),
    mistakes_of(
        _threshold,
        {
            ABOVE: (DIFFERENCE, "return ratio * first"),
            "That is the part to take away, not what is left.": (DIFFERENCE, "return allowed"),
            "The ratio is reversed: 1 must leave the confidence as it is.": (
                ALLOWED,
                "allowed = ratio * size",
            ),
            "That is above 0 where the confidence is below it: then the gate shuts at once.": (
                DIFFERENCE,
                "return ratio * size",
            ),
            "Cut off at 0, it lies above every negative confidence: then the gate shuts at"
            " once.": (
                DIFFERENCE,
                "return (ratio * first).clamp_min(0)",
            ),
            "Divided by the ratio, a negative one lies lower, but not by the fraction that the"
            " others lose: subtract (1 - ratio) |s|.": (
                DIFFERENCE,
                "return torch.where(first > 0, ratio * first, first / ratio)",
            ),
            "That subtracts the same from each; what is subtracted is a fraction of the"
            " confidence, (1 - ratio) |s|.": (ALLOWED, "allowed = 1 - ratio"),
            "That is the confidence itself; the ratio is nowhere in it.": (
                DIFFERENCE,
                "return first",
            ),
            "A negative one stays as it is; a fraction of its size goes off there, too.": (
                DIFFERENCE,
                "return torch.minimum(ratio * first, first)",
            ),
            "The 0.8 is written into it; take the `ratio` that is passed in.": (
                ALLOWED,
                "allowed = 0.2 * size",
            ),
            "The fraction is added; the threshold lies below the confidence.": (
                DIFFERENCE,
                "return first + allowed",
            ),
            "Every handle has a threshold of its own; that is the smallest, for all.": (
                DIFFERENCE,
                "return (first - allowed).min().expand(len(first))",
            ),
            "Every handle has a threshold of its own; that is one for all.": (
                DIFFERENCE,
                "return (first - allowed).mean().expand(len(first))",
            ),
            "A fixed number fits no model: the threshold is measured at step 1.": (
                DIFFERENCE,
                "return torch.full_like(first, ratio)",
            ),
        },
    ),
    draw=bars_of("handle", "smallest confidence"),
    forbidden=(above.__call__,),
    describe=_ratio_in_words,
    given=ABOVE,
)


def _reference(now: Tensor, first: Tensor, confidence: Tensor, threshold: Tensor) -> Tensor:
    trusted = confidence >= threshold
    choice = trusted[:, None, None]
    return torch.where(choice, now, first)


def _draw_patches(random: torch.Generator) -> Case:
    """Patches (n q c) now and at the start, the confidence (n) and its threshold (n)."""
    handles = integer(random, 1, 4)
    places = integer(random, 3, 5)
    now = torch.randn(handles, places, 2, generator=random)
    first = torch.randn(handles, places, 2, generator=random)

    confidence = uniform(random, -0.4, 1, handles)
    threshold = uniform(random, -0.4, 1, handles)
    if chance(random, 0.4):
        confidence[0] = threshold[0]
    return now, first, confidence, threshold


def _properties_of_patches(case: Case) -> dict[str, bool]:
    _, _, confidence, threshold = case
    trusted = (confidence >= threshold).tolist()
    return {
        "some handles are trusted and some are not": any(trusted) and not all(trusted),
        "one that is not comes before one that is": trusted != sorted(trusted, reverse=True),
        "one is trusted, but its confidence is negative": bool(
            ((confidence >= threshold) & (confidence < 0)).any()
        ),
        "several are trusted": len(trusted) > 1 and all(trusted),
        "several are not": len(trusted) > 1 and not any(trusted),
        "a confidence just reaches its threshold": bool((confidence == threshold).any()),
        "there is one handle": len(trusted) == 1,
    }


def _first_channel(axes: Axes, case: Case, value: Tensor) -> None:
    draw = bars_of("place, handle by handle", "channel 0")
    draw(axes, case, value[:, :, 0])


def _gate_in_words(case: Case) -> str:
    _, _, confidence, threshold = case
    numbers = (", ".join(f"{s:.2f}" for s in given.tolist()) for given in (confidence, threshold))
    return "confidence ({}), threshold ({})".format(*numbers)


def _patches(function: Answer, case: Case) -> Values:
    """What it returns, and whether a loss that goes backward can calculate with it."""
    value = function(*case)
    return {"": value, "kind": ARRAY if isinstance(value, np.ndarray) else "a tensor"}


ARRAY = (
    "That is an array of NumPy; the loss goes backward, and needs a tensor: torch.where chooses,"
    " too."
)
CHOICE = "return torch.where(choice, now, first)"
TRUSTED = "trusted = confidence >= threshold"

reference = Exercise(
    "reference",
    "reference(now, first, confidence, threshold): for each handle the patch (n q c) that should"
    " be found one step toward the target: the present one if it is trusted, confidence >="
    " threshold, else the first.",
    _reference,
    Cases(
        _draw_patches,
        _properties_of_patches,
        count=8,
    ),
    mistakes_of(
        _reference,
        {
            "It is reversed: a handle that is trusted takes its present patch.": (
                CHOICE,
                "return torch.where(choice, first, now)",
            ),
            "It is reversed: a confidence is trusted from its threshold on, >=.": (
                TRUSTED,
                "trusted = confidence <= threshold",
            ),
            "Every handle decides for itself; that is one decision for all.": (
                TRUSTED,
                "trusted = (confidence >= threshold).all().expand(len(now))",
            ),
            "One trusted handle opens the gate for all; every handle decides for itself.": (
                TRUSTED,
                "trusted = (confidence >= threshold).any().expand(len(now))",
            ),
            "Then the gate never opens: the present patch is nowhere in it.": (
                CHOICE,
                "return first",
            ),
            "A confidence that just reaches the threshold is trusted: >=.": (
                TRUSTED,
                "trusted = confidence > threshold",
            ),
            "The handles are in another order: each patch stays where its handle is.": (
                CHOICE,
                "return torch.cat([now[trusted], first[~trusted]])",
            ),
            "A handle that is not trusted has no patch; it gets its first one.": (
                CHOICE,
                "return now * choice",
            ),
            ARRAY: (CHOICE, "return np.where(choice, now, first)"),
            "That blends the two; the gate chooses one.": (CHOICE, "return (now + first) / 2"),
            "That blends the two by the confidence; the gate chooses one.": (
                CHOICE,
                "return torch.lerp(first, now, confidence[:, None, None])",
            ),
            "Then the gate never shuts: the first patch is nowhere in it.": (CHOICE, "return now"),
        },
    ),
    draw=_first_channel,
    run=_patches,
    describe=_gate_in_words,
)
