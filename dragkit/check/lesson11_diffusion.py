"""Lesson 11: from a noisy latent to the image that is in it, and one step of DDIM's road."""

from __future__ import annotations

import torch
from torch import Tensor

from .drawings import heat
from .exercise import Answer, Exercise


def _predicted(z: Tensor, noise: Tensor, alpha: float) -> Tensor:
    return (z - (1 - alpha) ** 0.5 * noise) / alpha**0.5


def _latents() -> list[tuple[Tensor, Tensor, float]]:
    """Discs under more and more noise (1 12 12)."""
    generator = torch.Generator().manual_seed(13)
    y, x = torch.meshgrid(torch.arange(12.0), torch.arange(12.0), indexing="ij")
    discs = [3.0 * ((x - 7 + k) ** 2 + (y - 4) ** 2 < 9)[None] - 1.5 for k in range(5)]
    noises, alphas = torch.randn(5, 1, 12, 12, generator=generator), (0.9, 0.7, 0.5, 0.25, 0.05)
    return [
        (a**0.5 * clean + (1 - a) ** 0.5 * noise, noise, a)
        for clean, noise, a in zip(discs, noises, alphas)
    ]


predicted = Exercise(
    "predicted",
    "predicted(z, noise, alpha): the clean latent x0 in z = sqrt(alpha) x0 + sqrt(1 - alpha)"
    " noise; alpha is the share of signal in the variance.",
    _predicted,
    _latents,
    {
        "The roots are missing: alpha is a share of the variance, z mixes with its root.": (
            lambda z, e, a: (z - (1 - a) * e) / a
        ),
        "Signal and noise are swapped: alpha is the signal's.": lambda z, e, a: _predicted(
            z, e, 1 - a
        ),
        "The division is missing: what is left is sqrt(alpha) x0.": (
            lambda z, e, a: z - (1 - a) ** 0.5 * e
        ),
        "The noise is to be taken away, not added.": lambda z, e, a: _predicted(z, -e, a),
        "The bracket is missing: z, too, is divided by sqrt(alpha).": (
            lambda z, e, a: z - (1 - a) ** 0.5 * e / a**0.5
        ),
        "sqrt(alpha) multiplies x0 in the mixture; to get x0 back, divide by it.": (
            lambda z, e, a: (z - (1 - a) ** 0.5 * e) * a**0.5
        ),
        "The noise is in z by sqrt(1 - alpha), not whole.": lambda z, e, a: (z - e) / a**0.5,
        "It is sqrt(1 - alpha), the root of the noise's share, not 1 - sqrt(alpha).": (
            lambda z, e, a: (z - (1 - a**0.5) * e) / a**0.5
        ),
        "That mixes noise in once more, as the way to z did; solve that line for x0.": (
            lambda z, e, a: a**0.5 * z + (1 - a) ** 0.5 * e
        ),
        "It is cut off to -1 ... 1; a latent is no image and may lie outside.": (
            lambda z, e, a: _predicted(z, e, a).clamp(-1, 1)
        ),
        "That divides by alpha; x0 is mixed in with its root.": (
            lambda z, e, a: (z - (1 - a) ** 0.5 * e) / a
        ),
    },
    draw=lambda axes, case, value: heat(axes, case, value[0]),
)


def _ddim_step(z: Tensor, noise: Tensor, now: float, then: float) -> Tensor:
    return then**0.5 * _predicted(z, noise, now) + (1 - then) ** 0.5 * noise


def _seeded(function: Answer, case: tuple) -> Tensor:
    """What it returns where chance always begins alike, so that fresh noise is known again."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        return function(*case)


def _steps() -> list[tuple[Tensor, Tensor, float, float]]:
    return [
        (z, noise, a, then) for (z, noise, a), then in zip(_latents(), (0.95, 0.6, 0.8, 0.1, 0.3))
    ]


ddim_step = Exercise(
    "ddim_step",
    "ddim_step(z, noise, now, then): the latent at the level with alpha `then`, from the one at"
    " alpha `now`: the same x0 and the same noise, mixed anew. Up or down.",
    _ddim_step,
    _steps,
    {
        "Then nothing moves: x0 belongs to `now`, the new mixture to `then`.": (
            lambda z, e, now, then: _ddim_step(z, e, now, now)
        ),
        "now and then are swapped.": lambda z, e, now, then: _ddim_step(z, e, then, now),
        "The roots are missing in the new mixture.": (
            lambda z, e, now, then: then * _predicted(z, e, now) + (1 - then) * e
        ),
        "x0 must be mixed with noise again, or the latent is clean at once.": (
            lambda z, e, now, then: then**0.5 * _predicted(z, e, now)
        ),
        "That is x0 alone, without the new mixture: at `then` there is noise in it again.": (
            lambda z, e, now, then: _predicted(z, e, now)
        ),
        "The noise is mixed in as at `now`; the new mixture has both its shares from `then`.": (
            lambda z, e, now, then: then**0.5 * _predicted(z, e, now) + (1 - now) ** 0.5 * e
        ),
        "z itself is mixed; it has noise in it already. Take x0 out of it first.": (
            lambda z, e, now, then: then**0.5 * z + (1 - then) ** 0.5 * e
        ),
        "The noise is added in the new mixture, not taken away.": (
            lambda z, e, now, then: then**0.5 * _predicted(z, e, now) - (1 - then) ** 0.5 * e
        ),
        "The noise of the new level is missing its root: sqrt(1 - then).": (
            lambda z, e, now, then: then**0.5 * _predicted(z, e, now) + (1 - then) * e
        ),
        "x0 goes in with the root of then, not whole.": (
            lambda z, e, now, then: _predicted(z, e, now) + (1 - then) ** 0.5 * e
        ),
        "The roots of the new mixture are swapped: sqrt(then) belongs to x0.": (
            lambda z, e, now, then: (1 - then) ** 0.5 * _predicted(z, e, now) + then**0.5 * e
        ),
        "Fresh noise makes another image (that is DDPM); DDIM keeps the noise it found.": (
            lambda z, e, now, then: (
                then**0.5 * _predicted(z, e, now) + (1 - then) ** 0.5 * torch.randn_like(z)
            )
        ),
    },
    draw=lambda axes, case, value: heat(axes, case, value[0]),
    run=_seeded,
)
