"""Cases that are drawn at random until each stated property has occurred."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import torch

Case = tuple[Any, ...]
ENOUGH = 2000  # cases drawn in search of a property, before it counts as impossible


@dataclass(frozen=True)
class Cases:
    """The arguments that an answer is called with, always the same.

    A wrong answer passes if no case tells it from the right one, usually because the cases share
    a symmetry: all points on one row, all maps square, all numbers positive. So the cases are
    random, and what must occur among them is stated and enforced.

    Args:
        draw: makes one case from a random generator.
        properties: sentence → whether a case has this property. Each is true of at least one of
            the cases.
        count: how many cases there are at least.
        seed: of the generator.

    Raises:
        ValueError: when called, if no case has one of the properties.
    """

    draw: Callable[[torch.Generator], Case]
    properties: Callable[[Case], Mapping[str, bool]]
    count: int = 10
    seed: int = 0

    def __call__(self) -> list[Case]:
        """At least `count` cases, with further ones for the properties that they lack."""
        random = torch.Generator().manual_seed(self.seed)
        cases: list[Case] = []
        missing: set[str] | None = None
        for _ in range(ENOUGH):
            case = self.draw(random)
            properties = self.properties(case)
            if missing is None:
                missing = set(properties)

            found = {sentence for sentence in missing if properties[sentence]}
            missing -= found
            if found or len(cases) < self.count:
                cases.append(case)
            if len(cases) >= self.count and not missing:
                return cases
        raise ValueError(f"no case of {ENOUGH} has the property: {', '.join(missing or ())}")


def uniform(random: torch.Generator, low: float, high: float, *shape: int) -> torch.Tensor:
    """Random numbers (shape) between `low` and `high`."""
    return low + (high - low) * torch.rand(shape, generator=random)


def integer(random: torch.Generator, low: int, high: int) -> int:
    """A random whole number in low..high."""
    return int(torch.randint(low, high + 1, (), generator=random))


def chance(random: torch.Generator, probability: float) -> bool:
    """True, with this probability."""
    return float(torch.rand((), generator=random)) < probability
