"""Lesson 5: the loop of all methods as a generator."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from itertools import islice
from typing import Any

import torch
from matplotlib.axes import Axes
from torch import Tensor

from ..loop import drag as package_drag
from ..plot.figures import AMBER, YELLOW
from .cases import Case
from .comparison import Values
from .drawings import path
from .exercise import Exercise
from .lesson05_scene import Point, edits
from .mistakes import Answer, mistakes_of

Pairs = Iterator[tuple[Any, Point]]

# Pairs beyond the last that are waited for: a loop without an end must not hang the notebook.
SPARE = 5

LISTED = (
    "It returns a list: whoever asks has to wait for the whole run and cannot stop it. Hand out"
    " each pair where it is made, with yield."
)
AT_ONCE = "It yields, but only after the whole run is done: put the yield into the loop."
LEAFLESS = (
    "Nothing asks for a gradient: the latent whose features you extract must be a leaf of your"
    " own, latent.clone().requires_grad_(), and Adam must have that one."
)
STALE = (
    "The point is stale: it was found in the features before the update. Yield before the update,"
    " or extract the features again first."
)


def _drag(
    extract: Callable[[Tensor], Tensor],
    read: Callable[[Tensor, Point], Tensor],
    find: Callable[[Tensor, Tensor, Point], Point],
    loss: Callable[[Tensor, Point, Point], Tensor],
    latent: Tensor,
    handle: Point,
    target: Point,
    steps: int,
    lr: float,
) -> Pairs:
    w = latent.clone().requires_grad_()
    adam = torch.optim.Adam([w], lr)
    template = read(extract(latent), handle)
    point = handle
    for step in range(steps + 1):
        features = extract(w)
        point = find(features, template, point)
        yield w.detach().clone(), point

        arrived = math.dist(point, target) <= 1
        if arrived or step == steps:
            return

        adam.zero_grad()
        loss(features, point, target).backward()
        adam.step()


def _listed(*case: Any) -> list[Any]:
    return list(_drag(*case))


def _at_once(*case: Any) -> Pairs:
    yield from _listed(*case)


class Counted:
    """A function, and how often it was called."""

    def __init__(self, function: Answer) -> None:
        self.function = function
        self.calls = 0

    def __call__(self, *given: Any) -> Any:
        """What the function returns."""
        self.calls += 1
        return self.function(*given)


def _run(function: Answer, case: Case) -> Values:
    """What a whole run yields, and how.

    The points and latents, whether they came one by one, and what became of the latent that was
    passed in.
    """
    extract, read, find, loss, *numbers = case
    latent, steps = numbers[0], numbers[-2]
    extract, loss = Counted(extract), Counted(loss)
    found = function(extract, read, find, loss, *numbers)
    if not isinstance(found, Iterator):
        return {"result": _not_a_generator(found)}

    try:
        pairs = list(islice(found, 1))
        lazy = extract.calls <= 3
        pairs += islice(found, steps + SPARE)
    except RuntimeError as error:
        if "does not require grad" not in str(error):
            raise
        return {"result": LEAFLESS}
    if not pairs:
        return {"result": "It ends without a pair: yield one before the first update."}
    if not all(map(_is_pair, pairs)):
        return {"result": "Yield pairs (latent, point), the latent first."}

    latents, points = [pair[0] for pair in pairs], [pair[1] for pair in pairs]
    return {
        "list of points": _stacked(points),
        "list of latents": _stacked(latents),
        "latent that was given": latent.detach(),
        "number of updates": loss.calls,
        "result": _how_it_yields(lazy, latents, points, case),
    }


def _not_a_generator(found: Any) -> str:
    if isinstance(found, list):
        return LISTED
    return f"It returns a {type(found).__name__}; hand out pairs (latent, point) with yield."


def _is_pair(pair: Any) -> bool:
    return isinstance(pair, tuple | list) and len(pair) == 2 and isinstance(pair[0], Tensor)


def _how_it_yields(lazy: bool, latents: list[Tensor], points: list[Point], case: Case) -> str:
    if not lazy:
        return AT_ONCE
    return STALE if _is_stale(latents, points, case) else "a generator"


def _is_stale(latents: list[Tensor], points: list[Point], case: Case) -> bool:
    """Whether each point is what is found in the features of the latent before its own."""
    extract, read, find, _, start, handle, *_ = case
    template = read(extract(start), handle)
    stale: list[Point] = []
    fresh: list[Point] = []
    for before, now, centre in zip(latents, latents[1:], points, strict=False):
        stale.append(find(extract(before), template, centre))
        fresh.append(find(extract(now), template, centre))

    reported = [tuple(int(v) for v in point) for point in points[1:]]
    return stale != fresh and stale == reported


def _stacked(values: list[Any]) -> Tensor:
    return torch.stack([torch.as_tensor(value).detach().float() for value in values])


def _draw_run(axes: Axes, case: Case, values: Values) -> None:
    """The paths of the points and of the blobs (the latents) on the start, and the target."""
    extract, start, target = case[0], case[4], case[6]
    axes.imshow(extract(start).norm(dim=0).numpy(), cmap="gray")
    axes.plot(*target, "o", ms=12, mfc="none", mec=AMBER, mew=2)
    for blob in values["list of latents"].numpy().swapaxes(0, 1):
        axes.plot(*blob.T, "-", lw=4, color=YELLOW)
    path(axes, case, values["list of points"])
    axes.set_xlabel("x (px); points blue, blobs yellow")


START = "w = latent.clone().requires_grad_()"
ADAM = "adam = torch.optim.Adam([w], lr)"
LOOP = "for step in range(steps + 1):"
FIND = "point = find(features, template, point)"
YIELD = "yield w.detach().clone(), point"
ARRIVED = "arrived = math.dist(point, target) <= 1"
STOP = "if arrived or step == steps:"
ZERO = "adam.zero_grad()"
BACKWARD = "loss(features, point, target).backward()"

drag = Exercise(
    "drag",
    "drag(extract, read, find, loss, latent, handle, target, steps, lr): a generator of pairs"
    " (latent, point): extract the features, find the point, yield, update by the loss with Adam."
    " It ends when the point is at most 1 px from the target, or after `steps` updates, so that"
    " the features after the last update are extracted, too.",
    _drag,
    edits,
    mistakes_of(
        _drag,
        {
            LISTED: _listed,
            AT_ONCE: _at_once,
            LEAFLESS: (START, "w = latent.clone()"),
            "The latent never moves: Adam has a different tensor from the one whose features"
            " are extracted, or step() is missing, or zero_grad() comes between backward() and"
            " step().": ("adam.step()", ""),
            "It hardly moves: `lr` is not passed on to Adam, whose default is 0.001.": (
                ADAM,
                "adam = torch.optim.Adam([w])",
            ),
            "It updates once more after the last pair, and nobody sees that: leave after `steps`"
            " updates.": (STOP, "if arrived:"),
            "If the handle is at its target from the start there is one pair, too: extract, find"
            " and yield before you ask for the distance.": (
                START,
                f"if math.dist(handle, target) <= 1:\n    return\n{START}",
            ),
            STALE: ((YIELD, ""), (STOP, "if arrived:"), ("adam.step()", f"adam.step()\n{YIELD}")),
            "Every latent is one and the same tensor, which Adam keeps changing: yield a copy,"
            " w.detach().clone().": (YIELD, "yield w.detach(), point"),
            "The point that `find` returns is thrown away: keep it, it is the next search"
            " centre.": (FIND, "find(features, template, point)"),
            "The pair that arrives is lost: yield first, then leave.": (
                YIELD,
                f"if math.dist(point, target) <= 1:\n    return\n{YIELD}",
            ),
            "The pair before the first update is missing: yield before you update.": (
                YIELD,
                f"if step:\n    {YIELD}",
            ),
            "It stops too early: 2 px from the target is not there yet; at most 1 px is.": (
                ARRIVED,
                "arrived = math.dist(point, target) <= 2",
            ),
            "It does not stop after `steps` updates.": (
                (LOOP, "for step in range(10**6):"),
                (STOP, "if arrived:"),
            ),
            "The target is reversed: it is (x, y), like every point.": (
                START,
                f"target = target[::-1]\n{START}",
            ),
            "That is plain gradient descent (SGD); the update here is Adam's.": (
                ADAM,
                "adam = torch.optim.SGD([w], lr)",
            ),
            "At exactly 1 px it should stop: at most 1 px is <= 1.": (
                ARRIVED,
                "arrived = math.dist(point, target) < 1",
            ),
            "The loss pulls at the handle; the content is at the point by now.": (
                BACKWARD,
                "loss(features, handle, target).backward()",
            ),
            "The gradients add up from step to step: zero them before backward.": (ZERO, ""),
            "The template is read again at every step, so small errors add up to a drift: read it"
            " once, before the loop.": (FIND, f"{FIND}\ntemplate = read(features, point)"),
            "Every search is around the handle: search around the last point.": (
                FIND,
                "point = find(features, template, handle)",
            ),
            "Adam is created again at every step and forgets its moments: create it once, before"
            " the loop.": (ZERO, f"{ZERO}\n{ADAM}"),
            "It does not stop on arrival: at most 1 px from the target is enough.": (
                STOP,
                "if step == steps:",
            ),
            "It is one pair too short: `steps` updates have steps + 1 pairs, and the last update"
            " is looked at, too.": (LOOP, "for step in range(steps):"),
            "It changes the latent that it was given: work on a copy, so that the drag can be done"
            " again.": (START, "w = latent.requires_grad_()"),
        },
    ),
    draw=_draw_run,
    run=_run,
    forbidden=(package_drag,),
    whole=True,
)
