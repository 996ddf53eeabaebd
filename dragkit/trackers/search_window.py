"""What trackers that search a window share: reading it, comparing it with a template, taking its
best pixel.
"""

from __future__ import annotations

import torch
from torch import Tensor

from ..geometry import inside, sample, window
from ..records import View


def read_window(
    view: View, search_centre: Tensor, radius: int, stride: float = 1
) -> tuple[Tensor, Tensor]:
    """The pixels (n k k 2) of the windows around `search_centre` (n 2), k = 2 radius + 1, `stride` apart,
    and their features (n k k c).

    Beyond the image's border the features are NaN, and so is every score made of them.
    """
    pixels = window(search_centre, radius, stride)
    features = sample(view.features.detach(), pixels, view.size)
    return pixels, features.masked_fill(~inside(pixels, view.size)[..., None], torch.nan)


def similarity(features: Tensor, templates: Tensor, norm: int = 2) -> Tensor:
    """-‖F(q) - f_i‖ for the windows' `features` (n k k c) and the `templates` (n c): (n k k), 0 at
    best.
    """
    return -(features - templates[:, None, None]).norm(p=norm, dim=-1)


def best(scores: Tensor, pixels: Tensor) -> tuple[Tensor, Tensor]:
    """Each window's best pixel (n 2) and its place in the flattened window (n); of equals, the
    nearest to the centre.
    """
    known = scores.flatten(1).nan_to_num(-torch.inf)
    middle = pixels.shape[1] // 2
    way = (pixels - pixels[:, None, None, middle, middle]).norm(dim=-1).flatten(1)
    place = way.masked_fill(known < known.amax(1, keepdim=True), torch.inf).argmin(1)
    return pixels.flatten(1, 2)[torch.arange(len(place)), place], place
