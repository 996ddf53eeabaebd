"""What counts as a number in a setting: those of NumPy and torch do, True does not."""

from __future__ import annotations

import math
import operator
from typing import Any

import numpy as np
import torch


def is_whole(value: Any, least: float = -math.inf, most: float = math.inf) -> bool:
    """Whether `value` is a whole number in `least`..`most`."""
    if is_truth(value):
        return False
    try:
        return least <= operator.index(value) <= most
    except (TypeError, ValueError, RuntimeError):  # torch's, for several numbers
        return False


def is_real(value: Any) -> bool:
    """Whether `value` is a finite number."""
    if is_truth(value) or isinstance(value, str | bytes):
        return False
    if isinstance(value, complex | np.complexfloating) or (torch.is_tensor(value) and value.ndim):
        return False
    try:
        return math.isfinite(value)
    except (TypeError, ValueError, RuntimeError, OverflowError):
        return False


def is_positive(value: Any) -> bool:
    """Whether `value` is a finite number above 0."""
    return is_real(value) and value > 0


def is_truth(value: Any) -> bool:
    """Whether it is True or False, of Python, NumPy or torch."""
    return isinstance(value, bool | np.bool_) or getattr(value, "dtype", None) in (
        np.bool_,
        torch.bool,
    )


def size_in_words(count: float) -> str:
    """A number of bytes as people say it, to two or three digits: "6.4 MB", "150 GB"."""
    for unit, name in ((1e9, "GB"), (1e6, "MB"), (1e3, "kB")):
        if count >= 0.9995 * unit:
            amount = count / unit
            return f"{amount:.0f} {name}" if amount >= 99.95 else f"{amount:.3g} {name}"
    return f"{count:.0f} bytes"


def plain(value: Any) -> Any:
    """Numbers of NumPy and torch as Python's, and lists and arrays of them as tuples, copied."""
    if hasattr(value, "tolist"):
        value = value.tolist()
    if isinstance(value, list | tuple | range):
        return tuple(plain(part) for part in value)
    return value
