"""Lesson 4: the direction of a pull, and the shifted-patch loss with its stop-gradient."""

from __future__ import annotations

from collections.abc import Callable

import torch
from matplotlib.axes import Axes
from torch import Tensor

from ..geometry import disc, sample
from ..plot.figures import ORANGE
from .drawings import heat
from .exercise import Exercise, Values

Read = Callable[[Tensor, Tensor], Tensor]  # features (c h w), points (q 2) in cells → (q c)


def _direction(point: Tensor, target: Tensor) -> Tensor:
    way = target - point
    return way / way.norm().clamp_min(1e-8)


def _pairs() -> list[tuple[Tensor, Tensor]]:
    """Ways of many lengths, straight across, straight down, and none at all."""
    generator = torch.Generator().manual_seed(6)
    ways = torch.tensor([20.0] * 7 + [0.3] * 3)[:, None] * torch.randn(10, 2, generator=generator)
    point = torch.tensor([30.0, 50.0])
    straight = torch.tensor([[9.0, 0], [0, -9], [-0.5, 0]])
    return [(point, point + way) for way in (*ways, *straight, torch.zeros(2))]


def _arrow(axes: Axes, case: tuple, value: Tensor) -> None:
    axes.plot([0, float(value[0])], [0, float(value[1])], "-o", color=ORANGE, markevery=[1])
    reach = 1.3 * max(1, *(abs(float(v)) for v in value))
    axes.set(
        xlabel="x", ylabel="y (down)", xlim=(-reach, reach), ylim=(reach, -reach), aspect="equal"
    )


direction = Exercise(
    "direction",
    "direction(point, target): the unit vector (2) from the point to the target; zeros where they"
    " are the same.",
    _direction,
    _pairs,
    {
        "It is not of length 1: divide by its length.": lambda p, t: t - p,
        "Only a point equal to the target in x and in y is there already (all, not any).": (
            lambda p, t: _direction(p, t) * (p != t).all()
        ),
        "It is divided by the square of its length; the root is missing.": (
            lambda p, t: (t - p) / (t - p).square().sum().clamp_min(1e-8)
        ),
        "That is the larger of |x| and |y|; a unit vector has the L2 length 1.": (
            lambda p, t: (t - p) / (t - p).abs().max().clamp_min(1e-8)
        ),
        "Those are signs alone; a unit vector points straight to the target.": (
            lambda p, t: (t - p).sign()
        ),
        "That is an angle; a direction is a vector (x, y) of length 1.": lambda p, t: torch.atan2(
            *(t - p).flip(0)
        ),
        "It points away from the target.": lambda p, t: _direction(t, p),
        "x and y are swapped.": lambda p, t: _direction(p, t).flip(0),
        "Nearer than 1 px it is shorter than 1: only a length of 0 needs a guard.": (
            lambda p, t: (t - p) / (t - p).norm().clamp_min(1)
        ),
        "Nearer than 1 px there is a direction, too: zeros only where point and target are the same.": lambda p, t: (
            _direction(p, t) * ((t - p).norm() >= 1)
        ),
        "At the target there is no direction, and 0/0 is no number: guard the division.": (
            lambda p, t: (t - p) / (t - p).norm()
        ),
        "That is the L1 length, |x| + |y|; a unit vector has the L2 length 1.": (
            lambda p, t: (t - p) / (t - p).abs().sum().clamp_min(1e-8)
        ),
    },
    draw=_arrow,
    told=lambda case: "point ({:.1f}, {:.1f}), target ({:.1f}, {:.1f})".format(
        *case[0].tolist(), *case[1].tolist()
    ),
)


def _pull(features: Tensor, patch: Tensor, d: Tensor, read: Read) -> Tensor:
    return (read(features, patch + d) - read(features, patch).detach()).abs().mean()


def _read(features: Tensor, points: Tensor) -> Tensor:
    return sample(features, points, tuple(features.shape[1:]))


def _patches() -> list[tuple[Tensor, Tensor, Tensor, Read]]:
    """Maps (3 16 20), a small disc around some cell, and a direction."""
    generator = torch.Generator().manual_seed(7)
    maps, angles = (
        torch.rand(6, 3, 16, 20, generator=generator),
        6.28 * torch.rand(6, generator=generator),
    )
    return [
        (
            features,
            disc(2) + torch.tensor([8.0 + k, 7.0]),
            torch.stack([angle.cos(), angle.sin()]),
            _read,
        )
        for k, (features, angle) in enumerate(zip(maps, angles))
    ]


def _graded(function: Callable[..., Tensor], case: tuple) -> Values:
    """The loss, and its gradient with respect to the features (c h w)."""
    features = case[0].clone().requires_grad_()
    value = function(features, *case[1:])
    if not isinstance(value, Tensor) or not value.requires_grad or value.numel() != 1:
        return {"value": value, "gradient": torch.zeros_like(features)}
    return {"value": value.detach(), "gradient": torch.autograd.grad(value, features)[0]}


def _blame(axes: Axes, case: tuple, values: Values) -> None:
    heat(axes, case, values["gradient"].abs().sum(0))
    axes.set(xlabel="x (cells), |gradient|", ylabel="y (cells)")


pull = Exercise(
    "pull",
    "pull(features, patch, d, read): the mean of |F(q + d) - sg F(q)| over the patch's points q (n"
    " 2) and the channels; read(features, points) gives (n c), sg is the stop-gradient.",
    _pull,
    _patches,
    {
        "The stop-gradient is missing: F(q) is what the patch shall look like, so no gradient may reach it (detach).": (
            lambda f, q, d, read: (read(f, q + d) - read(f, q)).abs().mean()
        ),
        "The stop-gradient is on the wrong side: the shifted patch must feel the pull.": (
            lambda f, q, d, read: (read(f, q + d).detach() - read(f, q)).abs().mean()
        ),
        "No gradient reaches the features, so nothing is pulled: both sides are detached, or the loss is a plain number (item).": (
            lambda f, q, d, read: (read(f, q + d) - read(f, q)).abs().mean().detach()
        ),
        "The patch is shifted away from the target: q + d.": lambda f, q, d, read: _pull(
            f, q, -d, read
        ),
        "That is the official code's form, |F(q) - sg F(q - d)|; eq. 1 moves F(q + d) and holds F(q).": (
            lambda f, q, d, read: (read(f, q) - read(f, q - d).detach()).abs().mean()
        ),
        "The value is always 0, for nothing is shifted: the loss compares the patch at q + d with that at q.": (
            lambda f, q, d, read: _pull(f, q, 0 * d, read) + 0 * f.sum()
        ),
        "It is shifted by more than d.": lambda f, q, d, read: _pull(f, q, 2 * d, read),
        "d is turned around: it is (x, y), like the points.": lambda f, q, d, read: _pull(
            f, q, d.flip(0), read
        ),
        "That is the sum; the official code takes the mean over patch and channels.": (
            lambda f, q, d, read: _pull(f, q, d, read) * len(q) * len(f)
        ),
        "That is the square; the loss is L1, the absolute value.": (
            lambda f, q, d, read: (read(f, q + d) - read(f, q).detach()).square().mean()
        ),
        "That is each point's L2 length; the loss is L1, the absolute value of every channel.": (
            lambda f, q, d, read: (read(f, q + d) - read(f, q).detach()).norm(dim=1).mean()
        ),
        "The channels are summed; the mean is over patch and channels.": (
            lambda f, q, d, read: _pull(f, q, d, read) * len(f)
        ),
        "The sign is turned: the loss is to be made small, so it is no negative number.": (
            lambda f, q, d, read: -_pull(f, q, d, read)
        ),
        "That is one number for each point and channel; a loss is one number, so take their mean.": lambda f, q, d, read: (
            (read(f, q + d) - read(f, q).detach()).abs()
        ),
        "The absolute value is missing: differences of both signs cancel.": (
            lambda f, q, d, read: (read(f, q + d) - read(f, q).detach()).mean()
        ),
    },
    draw=_blame,
    run=_graded,
    whole=True,
)
