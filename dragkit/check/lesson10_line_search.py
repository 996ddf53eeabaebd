"""Lesson 10: FreeDrag's three cases and its adaptive template; and a point that follows a flow."""

from __future__ import annotations

import math

import torch
from matplotlib.axes import Axes
from torch import Tensor
from torch.nn import functional as F

from ..geometry import sample as package_sample
from ..plot.figures import BLUE, ORANGE
from .exercise import Answer, Exercise, Values

LOSSES = torch.linspace(0, 1.3, 14).tolist()


def _case(begin: float, end: float, expected: float) -> str:
    return "hop" if end < expected / 2 else "stay" if end < begin else "back"


def _cases() -> list[tuple[float, float, float]]:
    """Losses at a sub-motion's begin and end and the expected one: before the first; the end as
    high as the begin, and just half of l; forty others.
    """
    generator = torch.Generator().manual_seed(0)
    return [
        (0.0, 0.0, 0.3),
        (0.4, 0.4, 0.3),
        (0.4, 0.15, 0.3),
        *((0.05 + torch.rand(40, 3, generator=generator)).tolist()),
    ]


case = Exercise(
    "case",
    'case(begin, end, expected): "hop", "stay" or "back", from the loss L when a sub-motion began,'
    " when it ended, and the expected loss l.",
    _case,
    _cases,
    {
        "The two losses are swapped: what decides is how the sub-motion ended.": (
            lambda b, e, l: _case(e, b, l)
        ),
        "The bar for a hop is half the expected loss, l/2, not l.": lambda b, e, l: _case(
            b, e, 2 * l
        ),
        '"stay" and "back" are turned around: a loss that has fallen means that the content comes along.': lambda b, e, l: (
            {"stay": "back", "back": "stay"}.get(_case(b, e, l), "hop")
        ),
        '"hop" comes first: with L_end below l/2 it does not matter how the sub-motion began.': (
            lambda b, e, l: "back" if e >= b else "hop" if e < l / 2 else "stay"
        ),
        '"stay" is asked before "hop": with L_end below l/2 it is a hop, also where the loss has fallen.': lambda b, e, l: (
            "stay" if e < b else "hop" if e < l / 2 else "back"
        ),
        '"back" is asked before "hop": a loss that has grown and is still below l/2 is a hop.': (
            lambda b, e, l: "back" if e > b else "hop" if e < l / 2 else "stay"
        ),
        "For a hop L_end must be small beside l; how the sub-motion began does not enter.": (
            lambda b, e, l: "hop" if b < l / 2 else "stay" if e < b else "back"
        ),
        "A hop is not half of how it began, but half of what is expected, l.": lambda b, e, l: (
            "hop" if e < b / 2 else "stay" if e < b else "back"
        ),
        "A loss that is as high as before has not fallen: < and not <=.": lambda b, e, l: (
            "hop" if e < l / 2 else "stay" if e <= b else "back"
        ),
        "At just l/2 it is no hop: L_end must lie below, < and not <=.": lambda b, e, l: (
            "hop" if e <= l / 2 else "stay" if e < b else "back"
        ),
        "There is no way back in it: a loss that has grown is the third case.": lambda b, e, l: (
            "hop" if e < l / 2 else "stay"
        ),
    },
    told=lambda case: f"L_begin = {case[0]:.3g}, L_end = {case[1]:.3g}, l = {case[2]:.3g}",
)


def _weight(end: float, expected: float) -> float:
    return 1 / (1 + math.exp(math.log(9) / (0.6 * expected) * (end - 0.2 * expected)))


def _weights(function: Answer, case: tuple) -> Values:
    """The share of this case, and all those of its l, to be drawn."""
    value = function(*case)
    return (
        {"": value}
        if value is None
        else {
            "": value,
            "curve": [torch.as_tensor(function(case[1] * x, case[1])).item() for x in LOSSES],
        }
    )


def _curve(axes: Axes, case: tuple, values: Values) -> None:
    """The share over L, and this case on it."""
    end, expected = case
    axes.plot([expected * x for x in LOSSES], values["curve"], color=BLUE)
    axes.plot([end], [torch.as_tensor(values[""]).item()], "o", color=ORANGE)
    axes.set(xlabel=f"L at the end (l = {expected:g})", ylabel="share x", ylim=(-0.05, 1.05))


def _wrong(slope: float = 1, centre: float = 0.2, log: float = math.log(9)) -> Answer:
    return lambda end, l: 1 / (1 + math.exp(slope * log / (0.6 * l) * (end - centre * l)))


blend_weight = Exercise(
    "blend_weight",
    "blend_weight(end, expected): how much of what is now at the goal the template takes, x = 1 / (1 +"
    " exp(a (L_end - b))), a = ln 9 / (0.6 l), b = 0.2 l.",
    _weight,
    lambda: [(expected * loss, expected) for expected in (0.3, 1.0) for loss in LOSSES],
    {
        "The sign is turned, or that is the old template's share: the better the match (the smaller L), the more the template takes.": _wrong(
            slope=-1
        ),
        "b is 0.2 l, where the share is one half; yours is zero.": _wrong(centre=0),
        "b is 0.2 l, not half of l: a match must be good to be learned from by half.": _wrong(
            centre=0.5
        ),
        "ln is the natural logarithm, math.log; log10 of 9 makes the curve too flat.": _wrong(
            log=math.log10(9)
        ),
        "ln is the natural logarithm, math.log; log2 of 9 makes the curve too steep.": _wrong(
            log=math.log2(9)
        ),
        "b is 0.2 times l, not 0.2: what is a good match depends on what is expected.": (
            lambda end, l: 1 / (1 + math.exp(math.log(9) / (0.6 * l) * (end - 0.2)))
        ),
        "a and b belong to l: with numbers of their own they would fit one model only.": (
            lambda end, l: _weight(end, 1.0)
        ),
        "a is ln 9 / (0.6 l), so that the share is a tenth at 0.8 l; the logarithm is missing.": (
            _wrong(log=9)
        ),
        "The bracket around 0.6 l is missing: ln 9 is divided by both.": (
            lambda end, l: 1 / (1 + math.exp(math.log(9) / 0.6 * l * (end - 0.2 * l)))
        ),
        "The bracket around L_end - b is missing: a multiplies both.": (
            lambda end, l: 1 / (1 + math.exp(math.log(9) / (0.6 * l) * end - 0.2 * l))
        ),
        "The bracket around the denominator is missing: 1 is divided by all of 1 + exp(...).": (
            lambda end, l: 1 / 1 + math.exp(math.log(9) / (0.6 * l) * (end - 0.2 * l))
        ),
        "That is the exponential alone, which grows with L; the share is 1 over 1 + it.": (
            lambda end, l: math.exp(math.log(9) / (0.6 * l) * (end - 0.2 * l))
        ),
        "The 1 in the denominator is missing: a share lies between 0 and 1.": (
            lambda end, l: 1 / math.exp(math.log(9) / (0.6 * l) * (end - 0.2 * l))
        ),
    },
    draw=_curve,
    run=_weights,
    told=lambda case: f"L_end = {case[0]:.3g}, l = {case[1]:.3g}",
    whole=True,
)


def _follow(flow: Tensor, x: float, y: float) -> tuple[float, float]:
    j, i = int(x), int(y)
    a, b = x - j, y - i
    weights = (
        (i, j, (1 - a) * (1 - b)),
        (i, j + 1, a * (1 - b)),
        (i + 1, j, (1 - a) * b),
        (i + 1, j + 1, a * b),
    )
    dx, dy = (sum(w * flow[k, r, c].item() for r, c, w in weights) for k in (0, 1))
    return x + dx, y + dy


def _at(flow: Tensor, column: float, row: float, x: float, y: float) -> tuple[float, float]:
    """The point (x, y) moved by the flow that is read at another place."""
    u, v = _follow(flow, column, row)
    return x + u - column, y + v - row


def _flows() -> list[tuple[Tensor, float, float]]:
    """Smooth flows (2 12 16) and points between pixels, rounded not by chance."""
    generator = torch.Generator().manual_seed(3)
    flows = 2 * torch.rand(10, 2, 12, 16, generator=generator) - 1
    return [(flow, 2.3 + 0.9 * k, 9.6 - 0.7 * k) for k, flow in enumerate(flows)]


def _arrow(axes: Axes, case: tuple, value: tuple[float, float]) -> None:
    flow, x, y = case
    rows, columns = torch.meshgrid(*(torch.arange(n) for n in flow.shape[1:]), indexing="ij")
    axes.quiver(
        columns, rows, flow[0], flow[1], angles="xy", scale_units="xy", scale=1, color="0.7"
    )
    axes.plot([x, float(value[0])], [y, float(value[1])], "-o", color=ORANGE, markevery=[1])
    axes.set(xlabel="x (px)", ylabel="y (px)", xlim=(-0.5, 15.5), ylim=(11.5, -0.5))


follow = Exercise(
    "follow",
    "follow(flow, x, y): where the point (x, y) goes by flow (2 h w), dx first, then dy, in"
    " pixels; the flow is read between its pixels, bilinear: four pixels and their weights,"
    " written out, without `sample` or `grid_sample`. Returns (x, y).",
    _follow,
    _flows,
    {
        "dx and dy are swapped: flow[0] is dx, which is added to x.": lambda f, x, y: _follow(
            f.flip(0), x, y
        ),
        "The sign is turned: the flow leads from the first image to the second.": (
            lambda f, x, y: _follow(-f, x, y)
        ),
        "The flow is read at (y, x): its second index is the row, y.": lambda f, x, y: _at(
            f, y, x, x, y
        ),
        "The flow is read half a pixel off: pixel centres are at whole numbers.": (
            lambda f, x, y: _at(f, x - 0.5, y - 0.5, x, y)
        ),
        "The flow is read at the nearest pixel; between pixels it is blended (your sample of lesson 1).": lambda f, x, y: (
            _at(f, round(x), round(y), x, y)
        ),
        "int() cuts the point off to the pixel on its upper left; between pixels the flow is blended from four.": lambda f, x, y: (
            _at(f, int(x), int(y), x, y)
        ),
        "The flow is read at one pixel, and that at [x, y]: the row, y, comes first, and between pixels four are blended.": lambda f, x, y: (
            _at(f, int(y), int(x), x, y)
        ),
        "The flow is read at the nearest pixel, and that at [x, y]: the row, y, comes first, and between pixels four are blended.": lambda f, x, y: (
            _at(f, round(y), round(x), x, y)
        ),
        "The weights are swapped: the nearer a pixel, the more it counts.": lambda f, x, y: _at(
            f, 2 * int(x) + 1 - x, 2 * int(y) + 1 - y, x, y
        ),
        "The answer is turned around: a point is (x, y).": lambda f, x, y: _follow(f, x, y)[::-1],
        "The two weights are swapped: a goes with x and the next column, b with y and the next row.": lambda f, x, y: (
            _at(f, int(x) + y - int(y), int(y) + x - int(x), x, y)
        ),
        "That is the plain mean of the four pixels; the nearer a pixel, the more it counts.": (
            lambda f, x, y: _at(f, int(x) + 0.5, int(y) + 0.5, x, y)
        ),
        "That is the motion alone; the point goes to its old place plus the motion.": (
            lambda f, x, y: tuple(n - o for n, o in zip(_follow(f, x, y), (x, y)))
        ),
    },
    draw=_arrow,
    forbidden=(package_sample, F.grid_sample, torch.grid_sampler),
    told=lambda case: f"the point ({case[1]:.3g}, {case[2]:.3g})",
)
