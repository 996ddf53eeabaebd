"""Numbers as JSON has them: in six digits, and null for what is not finite."""

from __future__ import annotations

from typing import Any

import numpy as np

DIGITS = 6  # of a number; a float32 has seven


def plain(values: Any) -> Any:
    """A number, tensor or array as numbers and lists of them."""
    array = np.asarray(values)
    if array.ndim:
        return [plain(part) for part in array]
    if array.dtype.kind in "bi":
        return array.item()
    return float(f"{array.item():.{DIGITS}g}") if np.isfinite(array) else None
