r"""How much of the image a drag has kept: image fidelity.

``fidelity`` is the papers' IF, 1 - LPIPS (AlexNet) of the images before and after, each brought to
224 × 224 px: 1 = nothing has changed. It needs the package `lpips` and its backbone's weights from
the user's disk. ``pyramid`` is ours, which needs neither:

.. math:: 1 - \text{mean}_s\ \text{mean}\, |D_s(I) - D_s(I')|

(:func:`dragkit.models.image_metrics.multiscale_l1`). The two are different measures on different
scales, and neither can stand in for the other.

Source: DragDiffusion's ``run_eval_similarity.py``; the pyramid is our choice.
"""

from __future__ import annotations

from torch import Tensor
from torch.nn import functional as F

from ..models.image_metrics import Loss, multiscale_l1

SIDE = 224  # px


def pyramid(before: Tensor, after: Tensor) -> float:
    """Our measure of two images (3 H W) in 0..1, in 0..1: 1 = the same."""
    return 1 - multiscale_l1(before, after).item()


def fidelity(before: Tensor, after: Tensor, lpips: Loss) -> float:
    """IF of two images (3 H W) in 0..1: 1 = the same; below 0 is possible.

    Args:
        before, after: the images.
        lpips: from :func:`dragkit.models.image_metrics.lpips_distance`.
    """
    small = [
        F.interpolate(image[None], (SIDE, SIDE), mode="bilinear")[0] for image in (before, after)
    ]
    return 1 - lpips(*small).item()
