"""Factors: the numbers that steer a thing, from a latent of standard normal numbers."""

from __future__ import annotations

import math
from collections.abc import Collection

import numpy as np
from numpy.typing import ArrayLike

from ..arguments import finite, finite_array, shown, whole
from ..numeric import is_real

MOST_SEED = 2**32 - 1
SHORTEST = 0.001  # of the lengths; and
FARTHEST = 1000  # how far from 0 any factor may be

Factors = tuple[tuple[str, float, float], ...]  # (name, low, high) of each


def check(thing: object, factors: Factors, lengths: Collection[str]) -> None:
    """Make every factor of a frozen dataclass a float.

    Raises:
        ValueError: a factor is not a number from -1000 to 1000, or a length is below 0.001.
    """
    for name, low, high in factors:
        value = getattr(thing, name)
        least = SHORTEST if name in lengths else -FARTHEST
        if not (is_real(value) and least <= value <= FARTHEST):
            raise ValueError(
                f"{name} is {shown(value)}; give a number such as those from {low:g} to {high:g}"
            )
        object.__setattr__(thing, name, float(value))


def from_normal(factors: Factors, z: ArrayLike) -> list[float]:
    """The values of standard normal numbers z: low + (high - low) Phi(z).

    Raises:
        ValueError: z has another length, or a number in it is not finite.
    """
    phi = [0.5 * (1 + math.erf(value / math.sqrt(2))) for value in _checked_z(factors, z)]
    return [low + (high - low) * p for (_, low, high), p in zip(factors, phi)]


def truncated(factors: Factors, z: ArrayLike, truncation: float) -> np.ndarray:
    """truncation z / sqrt(mean z^2), as a StyleGAN's mapping normalises and truncates.

    Raises:
        ValueError: as `from_normal`; z is 0, which has no direction; or the truncation is not
            finite.
    """
    truncation = finite("truncation", truncation, "a number, such as 0.7")
    z = _checked_z(factors, z)
    if not z.any():
        raise ValueError(
            f"z is 0 everywhere; give {len(factors)} normal numbers (all factors at their default"
            " are z = 0)"
        )
    return truncation * z / np.sqrt(np.square(z).mean())


def draw(factors: Factors, seed: int) -> np.ndarray:
    """Standard normal numbers, one for each factor; the same seed gives the same numbers.

    Raises:
        ValueError: the seed is not a whole number from 0 to 2^32 - 1.
    """
    seed = whole("seed", seed, 0, MOST_SEED)
    return np.random.RandomState(seed).randn(len(factors))


def _checked_z(factors: Factors, z: ArrayLike) -> np.ndarray:
    """z as doubles.

    Raises:
        ValueError: it is anything else, or farther from 0 than a normal number ever is.
    """
    shape = (len(factors),)
    z = finite_array("z", z, shape, f"finite numbers of shape {shape}, one for each factor")
    if np.abs(z).max() > FARTHEST:
        raise ValueError(f"z has numbers up to {np.abs(z).max():g}; give standard normal ones")
    return z
