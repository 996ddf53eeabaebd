"""What trackers that search a window share: read it, compare it, take its best pixel."""

from __future__ import annotations

import torch
from torch import Tensor

from ..geometry import inside, sample, window
from ..records import View


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


def best(scores: Tensor, pixels: Tensor) -> tuple[Tensor, Tensor]:
    """Each window's best pixel (n 2), and its index in the flattened window (n).

    If several are equally good, the one closest to the centre is taken.
    """
    middle = pixels.shape[1] // 2
    centre = pixels[:, None, None, middle, middle]
    distance = (pixels - centre).norm(dim=-1).flatten(1)

    known = scores.flatten(1).nan_to_num(-torch.inf)
    worse = known < known.amax(1, keepdim=True)
    index = distance.masked_fill(worse, torch.inf).argmin(1)
    return pixels.flatten(1, 2)[torch.arange(len(index)), index], index
