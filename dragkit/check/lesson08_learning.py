"""Lesson 8: the filter that is learned from a label, by steps and at once."""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor

from .cases import Case, Cases, chance, integer, uniform
from .comparison import Values, to_tensor
from .drawings import bars_of
from .exercise import Exercise
from .mistakes import Answer, mistakes_of


def _ridge(features: Tensor, label: Tensor, mu: float) -> Tensor:
    count, channels = features.shape
    gram = features.T @ features / count
    right = features.T @ label / count
    penalty = mu * torch.eye(channels)
    return torch.linalg.solve(gram + penalty, right)


NEAR = 0.005  # of the filter's length
STEPS = "These are steps, and they have not arrived; solve the equation."


def _by_steps(features: Tensor, label: Tensor, mu: float) -> Tensor:
    z = torch.zeros(features.shape[1])
    for _ in range(200):
        z = _gradient_step(z, features, label, mu, lr=0.2)
    return z


def _draw_examples(random: torch.Generator) -> Case:
    """Features (K c), the labels (K) of the few that are the point, and mu."""
    count = integer(random, 40, 60)
    channels = integer(random, 4, 6)
    features = torch.randn(count, channels, generator=random)
    noise = 0.3 * torch.randn(count, generator=random)
    labels = (features[:, 0] + noise > 1).float()
    return features, labels, float(uniform(random, 0.05, 0.3))


def _draw_twins(random: torch.Generator) -> Case:
    """Examples as above, or some whose label is the small difference of two channels.

    Along that difference the loss is almost flat: steps go on for long there.
    """
    features, labels, mu = _draw_examples(random)
    if chance(random, 0.5):
        difference = torch.randn(len(features), generator=random)
        features[:, 1] = features[:, 0] + 0.05 * difference
        labels = (difference + 0.3 * torch.randn(len(features), generator=random) > 1).float()
        mu = 0.001
    return features, labels, mu


def _properties_of_examples(case: Case) -> dict[str, bool]:
    features, labels, _ = case
    return {
        "few of the examples are the point": bool(0 < labels.mean() < 0.3),
        "two channels are twins": _has_twins(features),
        "no two are": not _has_twins(features),
    }


def _has_twins(features: Tensor) -> bool:
    return float((features[:, 1] - features[:, 0]).std()) < 0.1


def _solved(function: Answer, case: Case) -> Values:
    """The filter, and whether it was solved for.

    Steps arrive where no direction is flat, and are late along a flat one alone.
    """
    features, labels, _ = case
    value = function(*case)
    if _has_twins(features):
        without = (features[:, 1:], labels, 0.1)
        flat, *steep = _errors(value, *case)
        steep += _errors(function(*without), *without)
        if flat > NEAR > max(steep):
            return {"": value, "way": STEPS}
    return {"": value, "way": "solved"}


def _errors(filter_: Any, features: Tensor, labels: Tensor, mu: float) -> list[float]:
    """How far off a filter (c) is along each direction, in lengths of the right one.

    The directions are the eigenvectors of F'F / K, the flattest first. What is no filter is
    infinitely far off.
    """
    count, channels = features.shape
    try:
        found = to_tensor(filter_).float()
    except (TypeError, ValueError, RuntimeError):
        return [math.inf] * channels
    if found.shape != (channels,):
        return [math.inf] * channels

    curvatures, directions = torch.linalg.eigh(features.T @ features / count)
    right = directions.T @ (features.T @ labels / count) / (curvatures + mu)
    return ((directions.T @ found - right) / right.norm()).abs().tolist()


SOLVE = "return torch.linalg.solve(gram + penalty, right)"
PENALTY = "penalty = mu * torch.eye(channels)"

ridge = Exercise(
    "ridge",
    "ridge(features, label, mu): the filter z (c) that minimises 1/K sum over q of (z.F(q) -"
    " y(q))^2 + mu |z|^2, for features (K c) and label (K).",
    _ridge,
    Cases(_draw_twins, _properties_of_examples, count=8),
    mistakes_of(
        _ridge,
        {
            "The ridge is missing: mu is nowhere in it.": (
                SOLVE,
                "return torch.linalg.solve(gram, right)",
            ),
            STEPS: _by_steps,
            "mu counts K times too little: the mean is missing, or mu is divided by K, too.": (
                "count, channels = features.shape",
                "count, channels = 1, features.shape[1]",
            ),
            "mu belongs on the diagonal alone, mu times the identity.": (PENALTY, "penalty = mu"),
            "1/K is on the left side only: both sides are means.": (
                "right = features.T @ label / count",
                "right = features.T @ label",
            ),
            "1/K is on the right side only, so the filter is far too small: both sides are"
            " means.": ("gram = features.T @ features / count", "gram = features.T @ features"),
            "The 2 of the derivative is in every term, the mean's as well, and cancels: it is"
            " mu, not 2 mu.": (PENALTY, "penalty = 2 * mu * torch.eye(channels)"),
            "The ridge is subtracted; it should be added to the diagonal.": (
                SOLVE,
                "return torch.linalg.solve(gram - penalty, right)",
            ),
            "That is the mean feature of what is labelled; the solution also asks what the"
            " others look like.": (SOLVE, "return right"),
        },
    ),
    draw=bars_of("channel", "weight of the filter"),
    run=_solved,
)


def _gradient_step(z: Tensor, features: Tensor, label: Tensor, mu: float, lr: float) -> Tensor:
    count = len(features)
    error = features @ z - label
    data = 2 * features.T @ error / count
    ridge = 2 * mu * z
    gradient = data + ridge
    return z - lr * gradient


def _draw_step(random: torch.Generator) -> Case:
    """A filter (c) with weights of both signs, examples for it, mu and lr."""
    features, labels, mu = _draw_examples(random)
    z = torch.randn(features.shape[1], generator=random)
    return z, features, labels, mu, float(uniform(random, 0.05, 0.2))


def _properties_of_step(case: Case) -> dict[str, bool]:
    z, *_ = case
    return {"there are weights of both signs": bool(z.min() < -0.5 and z.max() > 0.5)}


STEP = "return z - lr * gradient"
GRADIENT = "gradient = data + ridge"
RIDGE = "ridge = 2 * mu * z"

gradient_step = Exercise(
    "gradient_step",
    "gradient_step(z, features, label, mu, lr): the filter (c) after one step of gradient descent"
    " on the same loss.",
    _gradient_step,
    Cases(_draw_step, _properties_of_step, count=6),
    mistakes_of(
        _gradient_step,
        {
            "That goes uphill: z minus lr times the gradient.": (STEP, "return z + lr * gradient"),
            "The 2 of the square's derivative is missing.": (
                GRADIENT,
                "gradient = (data + ridge) / 2",
            ),
            "The sign of the error is reversed: the ridge pulls downhill, and the examples push"
            " uphill. It is F z - y.": (
                "error = features @ z - label",
                "error = label - features @ z",
            ),
            "The 2 is missing before mu z; it is in both terms.": (RIDGE, "ridge = mu * z"),
            "The 2 is missing in the examples' term; it is in both terms.": (
                "data = 2 * features.T @ error / count",
                "data = features.T @ error / count",
            ),
            "The gradient of mu |z|^2 is 2 mu z, a number for each channel: z is missing.": (
                RIDGE,
                "ridge = 2 * mu",
            ),
            "mu z is divided by K, too; it is not a mean over examples.": (
                RIDGE,
                "ridge = 2 * mu * z / count",
            ),
            "It divides by the number of channels; K is the number of examples, the rows of F.": (
                "count = len(features)",
                "count = features.shape[1]",
            ),
            "mu z^2 is the ridge itself; its gradient is 2 mu z.": (RIDGE, "ridge = mu * z * z"),
            "The ridge pushes z on; its gradient is subtracted like the other: - lr 2 mu z.": (
                GRADIENT,
                "gradient = data - ridge",
            ),
            "The ridge pulls, too: its gradient is 2 mu z.": (GRADIENT, "gradient = data"),
            "The mean over the examples is missing.": (
                "data = 2 * features.T @ error / count",
                "data = 2 * features.T @ error",
            ),
            "lr belongs to both terms: the ridge's gradient is taken whole.": (
                STEP,
                "return z - lr * data - ridge",
            ),
            "The bracket around the gradient is missing: both of its terms are subtracted.": (
                STEP,
                "return z - lr * data + ridge",
            ),
            "That is what is to be subtracted; the step starts from z.": (
                STEP,
                "return lr * gradient",
            ),
            "lr is nowhere in it: that is a step of the whole gradient.": (
                STEP,
                "return z - gradient",
            ),
            "The gradient of mu |z|^2 is 2 mu z, a number for each channel, not the length of"
            " z.": (RIDGE, "ridge = 2 * mu * z.norm()"),
            "It returns z as it was: nothing is learned.": (STEP, "return z.clone()"),
            "That is the gradient; the step starts from z.": (STEP, "return gradient"),
        },
    ),
    draw=bars_of("channel", "weight of the filter"),
)
