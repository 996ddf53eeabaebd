"""What trackers that search a window share: read it, compare it, take its best pixel."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

from ..geometry import inside, sample, window
from ..records import View
from .candidates import Candidates, allowed


def read_window(
    view: View, search_centre: Tensor, radius: int, stride: float = 1
) -> tuple[Tensor, Tensor]:
    """The pixels (n k k 2) of the windows around `search_centre` (n 2), and their features.

    The features are (n k k c), k = 2 radius + 1. Outside the image they are NaN, and so is every
    score made of them.

    Args:
        view: whose features are read, without their gradient.
        search_centre: (n 2) in pixels.
        radius: of the windows, in places.
        stride: pixels between neighbouring places.
    """
    pixels = window(search_centre, radius, stride)
    features = sample(view.features.detach(), pixels, view.size)
    outside = ~inside(pixels, view.size)
    return pixels, features.masked_fill(outside[..., None], torch.nan)


def similarity(features: Tensor, templates: Tensor, norm: int = 2) -> Tensor:
    """-‖F(q) - f_i‖ (n k k) of the windows' `features` (n k k c) and the `templates` (n c).

    0 is the best.
    """
    distance: Tensor = (features - templates[:, None, None]).norm(p=norm, dim=-1)
    return -distance


def restricted(
    scores: Tensor, pixels: Tensor, targets: Tensor | None, candidates: Candidates | None
) -> Tensor:
    """The `scores` (n k k) of the `pixels` that may be taken, the others NaN.

    Args:
        scores: of the windows.
        pixels: (n k k 2).
        targets: (n 2), which a tracker remembers of its start.
        candidates: the rule; None leaves the scores as they are.
    """
    if candidates is None or targets is None:
        return scores
    return scores.masked_fill(~allowed(candidates, pixels, targets), torch.nan)


def best(scores: Tensor, pixels: Tensor) -> tuple[Tensor, Tensor]:
    """Each window's best pixel (n 2), and its index in the flattened window (n).

    If several are equally good, the one closest to the centre is taken; the centre, if there is
    none at all.
    """
    middle = pixels.shape[1] // 2
    centre = pixels[:, None, None, middle, middle]
    distance = (pixels - centre).norm(dim=-1).flatten(1)

    known = scores.flatten(1).nan_to_num(-torch.inf)
    worse = known < known.amax(1, keepdim=True)
    index = distance.masked_fill(worse, torch.inf).argmin(1)
    return pixels.flatten(1, 2)[torch.arange(len(index)), index], index


def between_pixels(points: Tensor, scores: Tensor, index: Tensor, stride: float = 1) -> Tensor:
    r"""The peaks (n 2) between the pixels: a parabola through each peak and its neighbours.

    Along each axis, with the scores s₋, s₀, s₊ of the peak and of the two beside it,

    .. math:: δ = \frac{s_+ - s_-}{2\,(2 s_0 - s_- - s_+)}

    in strides, which is exact for scores that are quadratic along the axes. A peak is at least as
    high as both neighbours, so |δ| ≤ ½. Where it is not one, where both are as high as it is (a
    plateau), or where one of them is not measured (the window's border, or the image's), it stays.

    Args:
        points: (n 2) the best pixels.
        scores: (n k k), NaN where nothing is measured.
        index: (n) of the best pixels in the flattened windows.
        stride: pixels between neighbouring scores.
    """
    side = scores.shape[-1]
    padded = F.pad(scores, (1, 1, 1, 1), value=torch.nan)
    window = torch.arange(len(index))
    row, column = index // side + 1, index % side + 1

    peak = padded[window, row, column]
    across = _vertex(padded[window, row, column - 1], peak, padded[window, row, column + 1])
    down = _vertex(padded[window, row - 1, column], peak, padded[window, row + 1, column])
    return points + stride * torch.stack([across, down], 1)


def _vertex(before: Tensor, peak: Tensor, after: Tensor) -> Tensor:
    """δ (n) of the parabolas through three scores each (n)."""
    bend = (peak - before) + (peak - after)
    is_peak = (peak >= before) & (peak >= after) & (bend > 0) & bend.isfinite()
    offset = ((after - before) / (2 * bend)).clamp(-0.5, 0.5)
    return torch.where(is_peak, offset, 0)
