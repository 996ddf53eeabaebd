"""Lesson 10: FreeDrag's three cases and its adaptive template; and a point that follows a flow."""

from __future__ import annotations

import math

import torch
from matplotlib.axes import Axes
from torch import Tensor

from ..geometry import sample as package_sample
from .exercise import Exercise

LOSSES = torch.linspace(0, 1.3, 14).tolist()


def _case(begin: float, end: float, expected: float) -> str:
    return "hop" if end < expected / 2 else "stay" if end < begin else "back"


def _cases() -> list[tuple[float, float, float]]:
    """Losses at a sub-motion's begin and end and the expected one, no two of them equal."""
    generator = torch.Generator().manual_seed(0)
    return [(0.0, 0.0, 0.3), *((0.05 + torch.rand(40, 3, generator=generator)).tolist())]


case = Exercise(
    "case",
    'case(begin, end, expected): "hop", "stay" or "back", from the loss L when a sub-motion began, when it ended, and the expected loss l.',
    _case,
    _cases,
    {
        "The two losses are swapped: what decides is how the sub-motion ended.": lambda b, e, l: _case(e, b, l),
        "The bar for a hop is half the expected loss, l/2, not l.": lambda b, e, l: _case(b, e, 2 * l),
        '"stay" and "back" are turned around: a loss that has fallen means that the content comes along.': lambda b, e, l: (
            {"stay": "back", "back": "stay"}.get(_case(b, e, l), "hop")),
        '"hop" comes first: with L_end below l/2 it does not matter how the sub-motion began.': lambda b, e, l: (
            "back" if e >= b else "hop" if e < l / 2 else "stay"),
        "There is no way back in it: a loss that has grown is the third case.": lambda b, e, l: "hop" if e < l / 2 else "stay",
    },
)  # fmt: skip


def _share(end: float, expected: float) -> float:
    return 1 / (1 + math.exp(math.log(9) / (0.6 * expected) * (end - 0.2 * expected)))


def _curve(axes: Axes, case: tuple, value: float) -> None:
    """The right curve, and this answer on it."""
    _, expected = case
    axes.plot([expected * x for x in LOSSES], [_share(expected * x, expected) for x in LOSSES], color="0.6")
    axes.plot([case[0]], [float(value)], "o", color="#d55e00")
    axes.set(xlabel="L at the end", ylabel="share x", ylim=(-0.05, 1.05))


def _wrong(slope: float = 1, centre: float = 0.2, width: float = 0.6):
    return lambda end, l: 1 / (1 + math.exp(slope * math.log(9) / (width * l) * (end - centre * l)))


share = Exercise(
    "share",
    "share(end, expected): how much of what is now at the goal the template takes, x = 1 / (1 + exp(a (L_end - b))), a = ln 9 / (0.6 l), b = 0.2 l.",
    _share,
    lambda: [(expected * loss, expected) for expected in (0.3, 1.0) for loss in LOSSES],
    {
        "The sign is turned, or that is the old template's share: the better the match (the smaller L), the more the template takes.": _wrong(slope=-1),
        "b is 0.2 l, where the share is one half; yours is zero.": _wrong(centre=0),
        "a and b belong to l: with numbers of their own they would fit one model only.": lambda end, l: _share(end, 1.0),
        "a is ln 9 / (0.6 l), so that the share is a tenth at 0.8 l; the logarithm is missing.": lambda end, l: 1 / (1 + math.exp(9 / (0.6 * l) * (end - 0.2 * l))),
    },
    draw=_curve,
)


def _follow(flow: Tensor, x: float, y: float) -> tuple[float, float]:
    j, i = int(x), int(y)
    a, b = x - j, y - i
    weights = ((i, j, (1 - a) * (1 - b)), (i, j + 1, a * (1 - b)), (i + 1, j, (1 - a) * b), (i + 1, j + 1, a * b))
    dx, dy = (sum(w * flow[k, r, c].item() for r, c, w in weights) for k in (0, 1))
    return x + dx, y + dy


def _flows() -> list[tuple[Tensor, float, float]]:
    """Smooth flows (2 12 16) and points between pixels, rounded not by chance."""
    generator = torch.Generator().manual_seed(3)
    flows = 2 * torch.rand(10, 2, 12, 16, generator=generator) - 1
    return [(flow, 2.3 + 0.9 * k, 9.6 - 0.7 * k) for k, flow in enumerate(flows)]


def _arrow(axes: Axes, case: tuple, value: tuple[float, float]) -> None:
    flow, x, y = case
    rows, columns = torch.meshgrid(*(torch.arange(n) for n in flow.shape[1:]), indexing="ij")
    axes.quiver(columns, rows, flow[0], flow[1], angles="xy", scale_units="xy", scale=1, color="0.7")
    axes.plot([x, float(value[0])], [y, float(value[1])], "-o", color="#d55e00", markevery=[1])
    axes.set(xlabel="x (px)", ylabel="y (px)", xlim=(-0.5, 15.5), ylim=(11.5, -0.5))


follow = Exercise(
    "follow",
    "follow(flow, x, y): where the point (x, y) goes by flow (2 h w), dx first, then dy, in pixels; the flow is read between its pixels, bilinear. Returns (x, y).",
    _follow,
    _flows,
    {
        "dx and dy are swapped: flow[0] is dx, which is added to x.": lambda f, x, y: _follow(f.flip(0), x, y),
        "The sign is turned: the flow leads from the first picture to the second.": lambda f, x, y: _follow(-f, x, y),
        "The flow is read at (y, x): its second index is the row, y.": lambda f, x, y: tuple(
            n - o + p for n, o, p in zip(_follow(f, min(y, 14), min(x, 10)), (min(y, 14), min(x, 10)), (x, y))),
        "The flow is read at the nearest pixel; between pixels it is blended (your sample of lesson 1).": lambda f, x, y: (
            x + f[0, round(y), round(x)].item(), y + f[1, round(y), round(x)].item()),
        "That is the motion alone; the point goes to its old place plus the motion.": lambda f, x, y: tuple(
            n - o for n, o in zip(_follow(f, x, y), (x, y))),
    },
    draw=_arrow,
    forbidden=(package_sample,),
)  # fmt: skip
