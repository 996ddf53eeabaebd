"""What settings a model has, and what counts as a number among them."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any


def is_whole(value: Any, least: float = -math.inf, most: float = math.inf) -> bool:
    """A whole number in least..most; True is none, though Python counts with it."""
    return isinstance(value, int) and not isinstance(value, bool) and least <= value <= most


def is_real(value: Any) -> bool:
    """A finite number; True is none."""
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def check_settings(model: str, given: Iterable[str], settings: Iterable[str]) -> None:
    """Raise ValueError where one of the `given` names is none of the model's `settings`."""
    settings = list(settings)
    for name in given:
        if name not in settings:
            raise ValueError(f"{model} has no setting {name!r}; it has: {', '.join(settings)}")
