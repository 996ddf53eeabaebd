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
from .drawings import way
from .exercise import Exercise, Values
from .lesson05_scene import Point, edits

Pairs = Iterator[tuple[Any, Point]]
Loss = Callable[[Tensor, Point, Point], Tensor]
# pairs beyond the last that are waited for: a loop without an end must not hang the notebook
SPARE = 5


def _drag(
    look,
    read,
    find,
    loss: Loss,
    latent: Tensor,
    handle: Point,
    target: Point,
    steps: int,
    lr: float,
) -> Pairs:
    w = latent.clone().requires_grad_()
    adam = torch.optim.Adam([w], lr)
    template, point = read(look(latent), handle), handle
    for step in range(steps + 1):
        features = look(w)
        point = find(features, template, point)
        yield w.detach().clone(), point
        if step == steps or math.dist(point, target) <= 1:
            return
        adam.zero_grad()
        loss(features, point, target).backward()
        adam.step()


def _spoilt(
    look,
    read,
    find,
    loss: Loss,
    latent: Tensor,
    handle: Point,
    target: Point,
    steps: int,
    lr: float,
    **wrong: float,
) -> Pairs:
    """The same with one line changed, or missing."""
    w = latent.clone().requires_grad_()
    adam = (torch.optim.SGD if wrong.get("plain") else torch.optim.Adam)([w], lr)
    template, point = read(look(latent), handle), handle
    for step in range(steps + 1 - wrong.get("short", False)):
        features = look(w)
        found = find(features, template, handle if wrong.get("home") else point)
        point = handle if wrong.get("thrown") else found
        if wrong.get("anew"):
            template = read(features, point)
        if wrong.get("leaves") and math.dist(point, target) <= 1:
            return
        if not wrong.get("late"):
            yield w.detach() if wrong.get("same") else w.detach().clone(), point
        if (step == steps and not (wrong.get("late") or wrong.get("over"))) or (
            math.dist(point, target) <= wrong.get("search_centre", 1) and not wrong.get("deaf")
        ):
            return
        if not wrong.get("adds"):
            adam.zero_grad()
        if wrong.get("forgets"):
            adam = torch.optim.Adam([w], lr)
        loss(
            look(w.detach().clone().requires_grad_()) if wrong.get("copy") else features,
            handle if wrong.get("pulls") else point,
            target,
        ).backward()
        adam.step()
        if wrong.get("late"):
            yield w.detach().clone(), point


def _wrong(**what: float) -> Callable[..., Pairs]:
    return lambda *case: _spoilt(*case, **what)


def _not_at_once(
    look,
    read,
    find,
    loss: Loss,
    latent: Tensor,
    handle: Point,
    target: Point,
    steps: int,
    lr: float,
) -> Pairs:
    if math.dist(handle, target) > 1:
        yield from _drag(look, read, find, loss, latent, handle, target, steps, lr)


def _first_lost(
    look,
    read,
    find,
    loss: Loss,
    latent: Tensor,
    handle: Point,
    target: Point,
    steps: int,
    lr: float,
) -> Pairs:
    pairs = _drag(look, read, find, loss, latent, handle, target, steps, lr)
    next(pairs)
    return pairs


def _leafless(
    look,
    read,
    find,
    loss: Loss,
    latent: Tensor,
    handle: Point,
    target: Point,
    steps: int,
    lr: float,
) -> Pairs:
    template = read(look(latent), handle)
    features = look(latent)
    point = find(features, template, handle)
    yield latent, point
    loss(features, point, target).backward()


def _run(function: Callable[..., Any], case: tuple) -> Values:
    """The points and latents of a whole run, whether they came one by one, and what became of the
    latent that was given.
    """
    look, read, find, loss, *pieces = case
    looks, updates = [], []
    found = function(
        lambda w: (looks.append(1), look(w))[1],
        read,
        find,
        lambda *given: (updates.append(1), loss(*given))[1],
        *pieces,
    )
    if not isinstance(found, Iterator):
        return {
            "result": (
                LISTED
                if isinstance(found, list)
                else (
                    f"It returns a {type(found).__name__}; hand out pairs (latent, point) with"
                    " yield."
                )
            )
        }
    try:
        pairs = list(islice(found, 1))
        lazy = len(looks) <= 3
        pairs += islice(found, pieces[-2] + SPARE)
    except RuntimeError as error:
        if "does not require grad" not in str(error):
            raise
        return {"result": LEAFLESS}
    if not pairs:
        return {
            "result": "It ends without a pair: look, find and yield come before the first update."
        }
    if not all(
        isinstance(pair, tuple | list) and len(pair) == 2 and isinstance(pair[0], Tensor)
        for pair in pairs
    ):
        return {"result": "Yield pairs (latent, point), the latent first."}
    latents, points = ([pair[i] for pair in pairs] for i in (0, 1))
    return {
        "list of points": _stacked(points),
        "list of latents": _stacked(latents),
        "latent that was given": pieces[0].detach(),
        "number of updates": len(updates),
        "result": (
            AT_ONCE if not lazy else STALE if _stale(latents, points, case) else "a generator"
        ),
    }


def _stale(latents: list[Tensor], points: list[Point], case: tuple) -> bool:
    """Whether each point is what is found on the latent one before its own."""
    look, read, find, _, start, handle, *_ = case
    template, search_centre = read(look(start), handle), [handle, *points]
    seen = [
        [find(look(w), template, p) for w in (before, now)]
        for before, now, p in zip(latents, latents[1:], search_centre[1:])
    ]
    told = [tuple(int(v) for v in p) for p in points[1:]]
    return any(a != b for a, b in seen) and [a for a, _ in seen] == told


def _stacked(values: list[Any]) -> Tensor:
    return torch.stack([torch.as_tensor(value).detach().float() for value in values])


def _way(axes: Axes, case: tuple, values: Values) -> None:
    """The ways of the points and of the blobs (the latents) on the image of the start, and the
    target.
    """
    axes.imshow(case[0](case[4]).norm(dim=0).numpy(), cmap="gray")
    axes.plot(*case[6], "o", ms=12, mfc="none", mec=AMBER, mew=2)
    for blob in values["list of latents"].numpy().swapaxes(0, 1):
        axes.plot(*blob.T, "-", lw=4, color=YELLOW)
    way(axes, case, values["list of points"])
    axes.set_xlabel("x (px); points blue, blobs yellow")


def _listed(*case: Any) -> list:
    return list(_drag(*case))


def _at_once(*case: Any) -> Pairs:
    yield from _listed(*case)


def _moved(look, read, find, loss: Loss, latent: Tensor, *rest: Any) -> Pairs:
    for w, point in _drag(look, read, find, loss, latent, *rest):
        latent.data = w
        yield w.clone(), point


LISTED = (
    "It returns a list: whoever asks has to wait for the whole run and cannot stop it. Hand out"
    " each pair where it is made, with yield."
)
AT_ONCE = "It yields, but only after the whole run is done: put the yield into the loop."
LEAFLESS = (
    "Nothing asks for a gradient: the latent that you look at must be a leaf of your own,"
    " latent.clone().requires_grad_(), and Adam must have that one."
)
STALE = (
    "The point is stale: it was found on the look before the update. Yield before the update, or"
    " look again first."
)


drag = Exercise(
    "drag",
    "drag(look, read, find, loss, latent, handle, target, steps, lr): a generator of pairs"
    " (latent, point): look, find, yield, compare, update with Adam. It ends when the point is at"
    " most 1 px from the target, or after `steps` updates, so that the last update is looked at,"
    " too.",
    _drag,
    edits,
    {
        LISTED: _listed,
        AT_ONCE: _at_once,
        LEAFLESS: _leafless,
        "The latent never moves: Adam has another tensor than the one that is looked at, or step() is missing, or zero_grad() comes between backward() and step().": _wrong(
            copy=True
        ),
        "It hardly moves: `lr` is not passed on to Adam, whose own is 0.001.": lambda *case: _drag(
            *case[:8], 1e-3
        ),
        "It updates once more after the last pair, and nobody looks at that: leave after `steps` updates.": _wrong(
            over=True
        ),
        "Where the handle is at its target from the start there is one pair, too: look, find and yield before you ask for the distance.": (
            _not_at_once
        ),
        STALE: _wrong(late=True),
        "Every latent is one and the same tensor, which Adam goes on changing: yield a copy, w.detach().clone().": _wrong(
            same=True
        ),
        "The point that `find` returns is thrown away: keep it, it is where to look next.": _wrong(
            thrown=True
        ),
        "The pair that arrives is lost: yield first, then leave.": _wrong(leaves=True),
        "The pair before the first update is missing: yield before you update.": _first_lost,
        "It stops too early: 2 px from the target is not there yet; at most 1 px is.": _wrong(
            search_centre=2
        ),
        "It does not stop after `steps` updates.": lambda *case: _drag(*case[:7], 10**6, case[8]),
        "The target is turned around: it is (x, y), as every point.": lambda *case: _drag(
            *case[:6], case[6][::-1], *case[7:]
        ),
        "That is plain gradient descent (SGD); the update here is Adam's.": _wrong(plain=True),
        "At exactly 1 px it should stop: at most 1 px is <= 1.": _wrong(search_centre=0.999),
        "The loss pulls at the handle; the content is at the point by now.": _wrong(pulls=True),
        "The gradients add up from step to step: zero them before backward.": _wrong(adds=True),
        "The template is taken anew at every step, so small errors add up to a drift: read it once, before the loop.": _wrong(
            anew=True
        ),
        "Every search is around the handle: search around the last point.": _wrong(home=True),
        "Adam is made anew at every step and forgets its moments: make it once, before the loop.": _wrong(
            forgets=True
        ),
        "It does not stop on arrival: at most 1 px from the target is enough.": _wrong(deaf=True),
        "It is one pair too short: `steps` updates have steps + 1 looks, and the last update is looked at, too.": _wrong(
            short=True
        ),
        "It changes the latent that it was given: work on a copy, so that the drag can be done again.": (
            _moved
        ),
    },
    draw=_way,
    run=_run,
    forbidden=(package_drag,),
    whole=True,
)
