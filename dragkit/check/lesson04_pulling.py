"""Lesson 4: the direction of a pull, and motion supervision with its stop-gradient."""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from matplotlib.axes import Axes
from torch import Tensor

from ..geometry import disc, sample
from ..plot.figures import ORANGE
from .cases import Case, Cases, chance, integer, uniform
from .comparison import BACKWARD, Values, value_and_gradients
from .drawings import heat
from .exercise import Exercise
from .mistakes import Answer, mistakes_of

Read = Callable[[Tensor, Tensor], Tensor]  # features (c h w), points (q 2) in cells → (q c)


def _direction(point: Tensor, target: Tensor) -> Tensor:
    displacement = target - point
    length = displacement.norm()
    return displacement / length.clamp_min(1e-8)


def _draw_points(random: torch.Generator) -> Case:
    """A point and its target: far away, close, on one row or column, or the same."""
    point = uniform(random, 0, 100, 2)
    displacement = uniform(random, -40, 40, 2)
    if chance(random, 0.3):
        displacement = 0.01 * displacement
    if chance(random, 0.3):
        displacement[integer(random, 0, 1)] = 0
    if chance(random, 0.1):
        displacement = torch.zeros(2)
    return point, point + displacement


def _properties_of_points(case: Case) -> dict[str, bool]:
    x, y = (case[1] - case[0]).tolist()
    distance = math.hypot(x, y)
    return {
        "the target is lower and to the left": x < -1 < 1 < y,
        "they are on one row": y == 0 != x,
        "they are on one column": x == 0 != y,
        "they are closer than a pixel": 0.1 < distance < 0.8,
        "they are closer than a tenth of a pixel": 0 < distance < 0.08,
        "they are the same": distance == 0,
    }


def _arrow(axes: Axes, case: Case, value: Tensor) -> None:
    x, y = float(value[0]), float(value[1])
    reach = 1.3 * max(1, abs(x), abs(y))
    axes.plot([0, x], [0, y], "-o", color=ORANGE, markevery=[1])
    axes.set(
        xlabel="x", ylabel="y (down)", xlim=(-reach, reach), ylim=(reach, -reach), aspect="equal"
    )


def _in_words(case: Case) -> str:
    point, target = (f"({x:.2f}, {y:.2f})" for x, y in (place.tolist() for place in case))
    return f"point {point}, target {target}"


LENGTH = "length = displacement.norm()"
RETURN = "return displacement / length.clamp_min(1e-8)"

direction = Exercise(
    "direction",
    "direction(point, target): the unit vector (2) from the point to the target; zeros if they are"
    " the same.",
    _direction,
    Cases(
        _draw_points,
        _properties_of_points,
    ),
    mistakes_of(
        _direction,
        {
            "It is not of length 1: divide by its length.": (RETURN, "return displacement"),
            "Only a point that equals the target in x and in y is there already (all, not any).": (
                RETURN,
                "return displacement / length.clamp_min(1e-8) * (point != target).all()",
            ),
            "It is divided by the square of its length; the root is missing.": (
                LENGTH,
                "length = displacement.square().sum()",
            ),
            "That is the larger of |x| and |y|; a unit vector has the L2 length 1.": (
                LENGTH,
                "length = displacement.abs().max()",
            ),
            "Those are signs alone; a unit vector points straight to the target.": (
                RETURN,
                "return displacement.sign()",
            ),
            "That is an angle; a direction is a vector (x, y) of length 1.": (
                RETURN,
                "return torch.atan2(displacement[1], displacement[0])",
            ),
            "It points away from the target.": (
                "displacement = target - point",
                "displacement = point - target",
            ),
            "x and y are swapped.": (
                "displacement = target - point",
                "displacement = (target - point).flip(0)",
            ),
            "Closer than 1 px it is shorter than 1: only a length of 0 needs a guard.": (
                RETURN,
                "return displacement / length.clamp_min(1)",
            ),
            "Closer than 1 px there is a direction, too: zeros only if point and target are the"
            " same.": (RETURN, "return displacement / length.clamp_min(1e-8) * (length >= 1)"),
            "Closer than 0.1 px it is shorter than 1: let the guard be tiny, such as 1e-8.": (
                RETURN,
                "return displacement / length.clamp_min(0.1)",
            ),
            "It is a little shorter than 1: only a length of 0 needs a guard; add nothing to the"
            " others.": (RETURN, "return displacement / (length + 1)"),
            "At the target there is no direction, and 0/0 is not a number: guard the division.": (
                RETURN,
                "return displacement / length",
            ),
            "That is the L1 length, |x| + |y|; a unit vector has the L2 length 1.": (
                LENGTH,
                "length = displacement.abs().sum()",
            ),
        },
    ),
    draw=_arrow,
    describe=_in_words,
)


def _pull(features: Tensor, patch: Tensor, d: Tensor, read: Read) -> Tensor:
    shifted = read(features, patch + d)
    here = read(features, patch).detach()
    difference = shifted - here
    return difference.abs().mean()


def _read(features: Tensor, points: Tensor) -> Tensor:
    if features.ndim != 3:
        raise ValueError("read takes the features (c h w) first, then the points (n 2)")
    height, width = features.shape[1:]
    return sample(features, points, (height, width))


def _draw_patch(random: torch.Generator) -> Case:
    """A map that is not square, a small disc around one of its cells, and a direction."""
    channels, height, width = integer(random, 2, 4), 16, 20
    features = uniform(random, 0, 1, channels, height, width)
    centre = torch.tensor([integer(random, 5, width - 6), integer(random, 5, height - 6)])
    angle = uniform(random, 0, 6.28, 1)
    direction = torch.cat([angle.cos(), angle.sin()])
    return features, disc(2) + centre, direction, _read


def _properties_of_patch(case: Case) -> dict[str, bool]:
    features, _, direction, _ = case
    x, y = direction.tolist()
    return {
        "d points to the upper left": x < -0.1 and y < -0.1,
        "d is not along the diagonal": abs(x - y) > 0.3,
        "there are two channels": len(features) == 2,
    }


def _value_and_gradient(function: Answer, case: Case) -> Values:
    """The loss, and its gradient with respect to the features (c h w)."""
    features = case[0].clone().requires_grad_()
    return value_and_gradients(function(features, *case[1:]), gradient=features)


def _draw_gradient(axes: Axes, case: Case, values: Values) -> None:
    heat(axes, case, values["gradient"].abs().sum(0))
    axes.set(xlabel="x (cells), |gradient|", ylabel="y (cells)")


SHIFTED = "shifted = read(features, patch + d)"
HERE = "here = read(features, patch).detach()"
MEAN = "return difference.abs().mean()"

pull = Exercise(
    "pull",
    "pull(features, patch, d, read): the mean of |F(q + d) - sg F(q)| over the patch's points q (n"
    " 2) and the channels; read(features, points) gives (n c), sg is the stop-gradient.",
    _pull,
    Cases(
        _draw_patch,
        _properties_of_patch,
        count=6,
    ),
    mistakes_of(
        _pull,
        {
            "The stop-gradient is missing: F(q) is what the patch should look like, so no gradient"
            " may reach it (detach).": (HERE, "here = read(features, patch)"),
            "The stop-gradient is on the wrong side: the shifted patch must feel the pull.": (
                (SHIFTED, "shifted = read(features, patch + d).detach()"),
                (HERE, "here = read(features, patch)"),
            ),
            "No gradient reaches the features, so nothing is pulled: both sides are detached, or"
            " the loss is no tensor any more (item, numpy, a list).": (
                MEAN,
                "return difference.abs().mean().detach()",
            ),
            "The patch is shifted away from the target: it should be q + d.": (
                SHIFTED,
                "shifted = read(features, patch - d)",
            ),
            "That is the official code's form, |F(q) - sg F(q - d)|; eq. 1 moves F(q + d) and"
            " holds F(q).": (
                (SHIFTED, "shifted = read(features, patch)"),
                (HERE, "here = read(features, patch - d).detach()"),
            ),
            "The value is always 0, because nothing is shifted: the loss compares the patch at"
            " q + d with that at q.": (SHIFTED, "shifted = read(features, patch)"),
            "It is shifted by more than d.": (SHIFTED, "shifted = read(features, patch + 2 * d)"),
            "d is reversed: it is (x, y), like the points.": (
                SHIFTED,
                "shifted = read(features, patch + d.flip(0))",
            ),
            "d is rounded; read can read between the cells, so give it q + d as it is.": (
                SHIFTED,
                "shifted = read(features, (patch + d).round())",
            ),
            BACKWARD: (
                MEAN,
                "loss = difference.abs().mean()\nloss.backward()\nreturn loss",
            ),
            "That is the sum; the official code takes the mean over patch and channels.": (
                MEAN,
                "return difference.abs().sum()",
            ),
            "That is the square; the loss is L1, the absolute value.": (
                MEAN,
                "return difference.square().mean()",
            ),
            "That is each point's L2 length; the loss is L1, the absolute value of every"
            " channel.": (MEAN, "return difference.norm(dim=1).mean()"),
            "That is the L2 length of all differences together; the loss is the mean of their"
            " absolute values.": (MEAN, "return difference.norm()"),
            "The points are summed; the mean is over patch and channels.": (
                MEAN,
                "return difference.abs().sum(0).mean()",
            ),
            "The channels are summed; the mean is over patch and channels.": (
                MEAN,
                "return difference.abs().sum(1).mean()",
            ),
            "The sign is reversed: the loss is to be made small, so it is not negative.": (
                MEAN,
                "return -difference.abs().mean()",
            ),
            "That is one number for each point and channel; a loss is one number, so take their"
            " mean.": (MEAN, "return difference.abs()"),
            "The absolute value comes too late: differences of both signs have cancelled.": (
                MEAN,
                "return difference.mean().abs()",
            ),
            "The absolute value is missing: differences of both signs cancel.": (
                MEAN,
                "return difference.mean()",
            ),
        },
    ),
    draw=_draw_gradient,
    run=_value_and_gradient,
    whole=True,
)
