"""Masks as files have them: rows of 0 and 1, or run lengths."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor

from ..arguments import shown
from ..mask_files import check_mask_shape


def mask_of_rows(rows: Any) -> Tensor:
    """The mask (H W) of its rows, each of the characters 0 and 1, or a list of them.

    Raises:
        ValueError: it is something else, the rows have different lengths, or it is too large.
    """
    if not (isinstance(rows, list) and rows and all(isinstance(row, str | list) for row in rows)):
        raise ValueError(f'mask is {shown(rows)}; give its rows, such as ["0110", "0110"]')
    widths = [len(row) for row in rows]
    check_mask_shape((len(rows), max(widths)))
    if min(widths) < max(widths):
        raise ValueError(
            f"the mask's rows have {min(widths)} to {max(widths)} pixels; they need one length"
        )
    return torch.from_numpy(np.stack([_values(row) for row in rows]))


def mask_of_runs(size: Any, runs: Any) -> Tensor:
    """The mask (H W) of its size [H, W] and its run lengths, of 0s and 1s in turn, 0s first.

    Raises:
        ValueError: the runs do not make as many pixels as the size needs, or it is too large.
    """
    height, width = size
    check_mask_shape((height, width))
    count = sum(runs)
    if count != height * width:
        raise ValueError(
            f"the mask's runs make {count} pixels, its size {height}×{width} needs"
            f" {height * width}"
        )
    values = np.repeat(np.arange(len(runs), dtype=np.int64) % 2 == 1, runs)
    return torch.from_numpy(values.reshape(height, width))


def _values(row: str | list[Any]) -> np.ndarray:
    """A row of 0s and 1s (W) as uint8."""
    try:
        text = row if isinstance(row, str) else "".join(str(int(value)) for value in row)
    except (TypeError, ValueError, OverflowError):  # it holds something else than numbers
        text = ""
    values = np.frombuffer(text.encode("ascii", "replace"), np.uint8) - ord("0")
    if len(values) != len(row) or (values > 1).any():
        raise ValueError(f"the mask has the row {shown(row)}; a row is made of 0 and 1")
    return values
