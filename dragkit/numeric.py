"""What counts as a number in a setting: True does not, although Python counts with it."""

from __future__ import annotations

import math
from typing import Any


def is_whole(value: Any, least: float = -math.inf, most: float = math.inf) -> bool:
    """Whether `value` is a whole number in `least`..`most`."""
    return isinstance(value, int) and not isinstance(value, bool) and least <= value <= most


def is_real(value: Any) -> bool:
    """Whether `value` is a finite number."""
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def is_positive(value: Any) -> bool:
    """Whether `value` is a finite number above 0."""
    return is_real(value) and value > 0
