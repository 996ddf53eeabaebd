"""Score windows: how they are normalised, for trackers that fuse them and images, and in words."""

from __future__ import annotations

import torch
from torch import Tensor

MEANINGS = {  # of scores, by the tracker's class
    "NearestNeighbor": "Scores: −‖F(q) − f‖, how unlike the features are; 0 would be the same.",
    "Discriminative": (
        "learned: z·F(q), the learned filter's answer. difference: −‖F(q) − f‖, 0 would be the"
        " same. fused: the two, each brought to 0…1 in the window, and averaged with λ."
    ),
    "LineSearch": (
        "Scores: −L(q), how unlike the template the features are; 0 would be the same. Dots: the"
        " places that the next goal was chosen from."
    ),
}


def minmax_normalize(scores: Tensor) -> Tensor:
    """Each window of `scores` (n k k) brought to 0..1, worst to best.

    A window whose scores are all the same becomes 0; NaN stays NaN.
    """
    flat = scores.flatten(1)
    low = flat.nan_to_num(torch.inf).amin(1)[:, None, None]
    high = flat.nan_to_num(-torch.inf).amax(1)[:, None, None]
    return (scores - low) / (high - low).clamp_min(1e-12)


def score_meaning(tracker: str) -> str:
    """What the scores of a tracker are, by the name of its class; empty if it is not ours."""
    return MEANINGS.get(tracker, "")
