"""Lesson 11: from a noisy latent to the image that is in it, and one step of DDIM."""

from __future__ import annotations

import torch
from matplotlib.axes import Axes
from torch import Tensor

from .cases import Case, Cases, integer, uniform
from .comparison import Values
from .drawings import heat
from .exercise import Exercise
from .mistakes import Answer, mistakes_of


def _predicted(z: Tensor, noise: Tensor, alpha: float) -> Tensor:
    signal = alpha**0.5
    rest = (1 - alpha) ** 0.5
    left = z - rest * noise
    return left / signal


def _draw_noisy(random: torch.Generator) -> Case:
    """A disc under noise (1 h w), the noise, and alpha."""
    height = integer(random, 10, 13)
    width = integer(random, 10, 13)
    rows, columns = torch.meshgrid(torch.arange(height), torch.arange(width), indexing="ij")
    x, y = uniform(random, 3, 7, 2)
    disc = (columns - x) ** 2 + (rows - y) ** 2 < 9
    clean = 3 * disc[None].float() - 1.5

    noise = torch.randn(1, height, width, generator=random)
    alpha = float(uniform(random, 0.05, 0.95))
    return alpha**0.5 * clean + (1 - alpha) ** 0.5 * noise, noise, alpha


def _properties_of_noisy(case: Case) -> dict[str, bool]:
    z, _, alpha = case
    return {
        "the latent is not square": z.shape[1] != z.shape[2],
        "it is mostly signal": alpha > 0.7,
        "it is mostly noise": alpha < 0.3,
    }


def _first_channel(axes: Axes, case: Case, value: Tensor) -> None:
    heat(axes, case, value[0])


CLEAN = "return left / signal"
LEFT = "left = z - rest * noise"

predicted = Exercise(
    "predicted",
    "predicted(z, noise, alpha): the clean latent x0 in z = sqrt(alpha) x0 + sqrt(1 - alpha)"
    " noise; alpha is the signal's fraction of the variance.",
    _predicted,
    Cases(
        _draw_noisy,
        _properties_of_noisy,
        count=6,
    ),
    mistakes_of(
        _predicted,
        {
            "The roots are missing: alpha is a fraction of the variance, and z is mixed with"
            " its root.": (CLEAN, "return (z - (1 - alpha) * noise) / alpha"),
            "Signal and noise are swapped: alpha is the signal's.": (
                CLEAN,
                "return (z - signal * noise) / rest",
            ),
            "The division is missing: what is left is sqrt(alpha) x0.": (CLEAN, "return left"),
            "The noise should be subtracted, not added.": (LEFT, "left = z + rest * noise"),
            "The bracket is missing: z, too, is divided by sqrt(alpha).": (
                CLEAN,
                "return z - rest * noise / signal",
            ),
            "sqrt(alpha) multiplies x0 in the mixture; to get x0 back, divide by it.": (
                CLEAN,
                "return left * signal",
            ),
            "The noise is in z with the factor sqrt(1 - alpha), not whole.": (
                LEFT,
                "left = z - noise",
            ),
            "It is sqrt(1 - alpha), the root of the noise's fraction, not 1 - sqrt(alpha).": (
                "rest = (1 - alpha) ** 0.5",
                "rest = 1 - alpha**0.5",
            ),
            "That mixes noise in once more, as when z was made; solve that equation for x0.": (
                CLEAN,
                "return signal * z + rest * noise",
            ),
            "It is cut off to -1 ... 1; a latent is not an image and may lie outside.": (
                CLEAN,
                "return (left / signal).clamp(-1, 1)",
            ),
            "That divides by alpha; x0 is mixed in with its root.": (
                "signal = alpha**0.5",
                "signal = alpha",
            ),
        },
    ),
    draw=_first_channel,
)


def _ddim_step(z: Tensor, noise: Tensor, now: float, then: float) -> Tensor:
    clean = (z - (1 - now) ** 0.5 * noise) / now**0.5
    signal = then**0.5
    rest = (1 - then) ** 0.5
    return signal * clean + rest * noise


def _draw_step(random: torch.Generator) -> Case:
    """A noisy latent, its noise, and alpha now and then."""
    return *_draw_noisy(random), float(uniform(random, 0.05, 0.95))


def _properties_of_step(case: Case) -> dict[str, bool]:
    z, _, now, then = case
    return {
        "the latent is not square": z.shape[1] != z.shape[2],
        "it becomes noisier": then < now - 0.2,
        "it becomes cleaner": then > now + 0.2,
    }


def _seeded(function: Answer, case: Case) -> Values:
    """What the answer returns if chance always begins alike: so fresh noise is recognised."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        return {"": function(*case)}


MIXTURE = "return signal * clean + rest * noise"
REST = "rest = (1 - then) ** 0.5"

ddim_step = Exercise(
    "ddim_step",
    "ddim_step(z, noise, now, then): the latent at the timestep with alpha `then`, from the one"
    " with alpha `now`: the same x0 and the same noise, mixed again, whichever is the noisier.",
    _ddim_step,
    Cases(
        _draw_step,
        _properties_of_step,
        count=6,
    ),
    mistakes_of(
        _ddim_step,
        {
            "Then nothing moves: x0 belongs to `now`, the new mixture to `then`.": (
                MIXTURE,
                "return now**0.5 * clean + (1 - now) ** 0.5 * noise",
            ),
            "now and then are swapped.": (
                "clean = (z - (1 - now) ** 0.5 * noise) / now**0.5",
                "now, then = then, now\nclean = (z - (1 - now) ** 0.5 * noise) / now**0.5",
            ),
            "The roots are missing in the new mixture.": (
                MIXTURE,
                "return then * clean + (1 - then) * noise",
            ),
            "x0 must be mixed with noise again, or the latent is clean at once.": (
                MIXTURE,
                "return signal * clean",
            ),
            "That is x0 alone, without the new mixture: at `then` there is noise in it again.": (
                MIXTURE,
                "return clean",
            ),
            "The noise is mixed in as at `now`; both factors of the new mixture come from"
            " `then`.": (REST, "rest = (1 - now) ** 0.5"),
            "z itself is mixed; there is noise in it already. Take x0 out of it first.": (
                MIXTURE,
                "return signal * z + rest * noise",
            ),
            "The noise is added in the new mixture, not subtracted.": (
                MIXTURE,
                "return signal * clean - rest * noise",
            ),
            "The root is missing in the factor of the new noise: sqrt(1 - then).": (
                REST,
                "rest = 1 - then",
            ),
            "x0 goes in with the root of `then`, not whole.": (
                MIXTURE,
                "return clean + rest * noise",
            ),
            "The roots of the new mixture are swapped: sqrt(then) belongs to x0.": (
                MIXTURE,
                "return rest * clean + signal * noise",
            ),
            "Fresh noise makes another image (that is DDPM); DDIM keeps the noise it found.": (
                MIXTURE,
                "return signal * clean + rest * torch.randn_like(z)",
            ),
        },
    ),
    draw=_first_channel,
    run=_seeded,
)
