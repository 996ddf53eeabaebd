"""Gradient descent toward an image: what a search for a latent and tuning have in common."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import Any, NamedTuple

import torch
from torch import Tensor

from ...arguments import positive, shown, step_count
from ..image_metrics import Loss, psnr
from ..inversion import Inversion

MOST_LR = 1000.0  # as of a drag


class Iteration(NamedTuple):
    """One iteration of a descent: its best image."""

    trial: int  # the number of the best one
    loss: float
    psnr: float  # dB


class Images(NamedTuple):
    """What a descent compares with its target."""

    images: Tensor  # (n 3 H W) in -1..1, one for each trial
    penalty: Tensor  # whatever else is to be minimised


# The images of the given trials when the fraction t in 0..1 of the descent is done
Render = Callable[[float, list[int]], Images]


def descend(
    parameters: Sequence[Tensor],
    render: Render,
    target: Tensor,
    steps: int,
    lr: float,
    loss: Loss,
    trials: int = 1,
) -> Iterator[Iteration]:
    """Adam on `parameters`, which still are those of the yielded image while it is looked at.

    All trials run through the first half of the iterations; then only the best one continues.

    Raises:
        FloatingPointError: the loss is not finite.
    """
    adam = torch.optim.Adam(parameters, lr)
    running = list(range(trials))
    best = 0
    for i in range(steps):
        t = i / steps
        adam.param_groups[0]["lr"] = lr * lr_schedule(t)
        if i == steps // 2:
            running = [running[best]]

        with torch.enable_grad():
            rendered, penalty = render(t, running)
            images = rendered.add(1).div(2)
            losses = torch.stack([_number(loss(image, target)) for image in images])
        if not losses.isfinite().all():
            raise FloatingPointError(
                f"the loss is {losses.tolist()} at iteration {i}; take a smaller lr than {lr:g}"
            )
        best = int(losses.argmin())
        quality = psnr(images[best].detach().clamp(0, 1), target)
        yield Iteration(best, losses[best].item(), quality)

        adam.zero_grad()
        (losses.sum() + penalty).backward()
        adam.step()


def _number(value: Any) -> Tensor:
    """What a loss returned, if it is one number."""
    if not isinstance(value, Tensor) or value.numel() != 1:
        shape = tuple(value.shape) if isinstance(value, Tensor) else shown(value)
        raise ValueError(f"the loss returned {shape}; it must return one number, a tensor")
    if not value.requires_grad:
        raise ValueError(
            "the loss does not depend on the image, so nothing can be learned from it; compute it"
            " from the first image that it is given, without .detach() or .item()"
        )
    return value.reshape(())


def lr_schedule(t: float) -> float:
    """Factor of the learning rate at the fraction t in 0..1 of the descent (StyleGAN2).

    It rises through the first 5 %, and falls along a cosine through the last 25 %.
    """
    rise = min(1.0, (t + 1e-3) / 0.05)
    fall = 0.5 - 0.5 * math.cos(math.pi * min(1.0, (1 - t) / 0.25))
    return rise * fall


def keep_best(
    found: Inversion,
    stage: str,
    iterations: Iterator[Iteration],
    changes: Callable[[int], dict[str, Any]],
) -> Iterator[Inversion]:
    """`found` with the curves of this stage, and with the `changes` of its best trial so far."""
    losses: list[float] = []
    psnrs: list[float] = []
    for trial, loss, quality in iterations:
        if loss < min(losses, default=math.inf):
            found = replace(found, psnr=quality, **changes(trial))
        losses.append(loss)
        psnrs.append(quality)
        yield replace(
            found,
            losses={**found.losses, stage: tuple(losses)},
            psnrs={**found.psnrs, stage: tuple(psnrs)},
        )


def checked_descent(steps: Any, lr: Any) -> tuple[int, float]:
    """The two as Python's numbers.

    Raises:
        ValueError: there are no steps, or the learning rate is not above 0 and at most 1000.
    """
    return step_count(steps, 1), positive("lr", lr, 0.2, MOST_LR)
