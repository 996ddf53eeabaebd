"""Score windows: how they are normalised, for trackers that fuse them and for images of them."""

from __future__ import annotations

import torch
from torch import Tensor


def minmax_normalize(scores: Tensor) -> Tensor:
    """Each window of `scores` (n k k) brought to 0..1, worst to best.

    A window whose scores are all the same becomes 0; NaN stays NaN.
    """
    flat = scores.flatten(1)
    low = flat.nan_to_num(torch.inf).amin(1)[:, None, None]
    high = flat.nan_to_num(-torch.inf).amax(1)[:, None, None]
    return (scores - low) / (high - low).clamp_min(1e-12)
