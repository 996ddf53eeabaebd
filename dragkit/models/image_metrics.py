"""How similar two images (3 H W) in 0..1 are: losses to minimise, and the PSNR."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path

import torch
from torch import Tensor
from torch.nn import functional as F

Loss = Callable[[Tensor, Tensor], Tensor]  # two images (3 H W) → their distance, a scalar


def psnr(a: Tensor, b: Tensor) -> float:
    """10 log₁₀ (1 / mean (a - b)²), in dB.

    At 20 dB the errors are a tenth of the image's range, at 30 dB a thirtieth.
    """
    return -10 * math.log10(max((a - b).square().mean().item(), 1e-12))


def multiscale_l1(a: Tensor, b: Tensor) -> Tensor:
    r"""The distance of two images (3 H W) at all scales.

    .. math:: \text{mean}_s\ \text{mean}\, |D_s(a) - D_s(b)|, \qquad s = 0, 1, …

    D_s averages 2^s × 2^s pixels, down to a side of 8. Coarse scales notice a part in the wrong
    place long before its pixels overlap with the right one. Our choice; Laplacian pyramids have
    served as losses since Ling and Okada (2006).
    """
    difference = (a - b)[None]
    terms = []
    while True:
        terms.append(difference.abs().mean())
        if min(difference.shape[-2:]) < 16:
            return torch.stack(terms).mean()
        difference = F.avg_pool2d(difference, 2)


def perceptual(device: str = "cpu") -> Loss | None:
    """`multiscale_l1` plus LPIPS with equal weights, as in PTI; None if there is no LPIPS."""
    distance = lpips_distance(device)
    if distance is None:
        return None

    def loss(a: Tensor, b: Tensor) -> Tensor:
        return multiscale_l1(a, b) + distance(a, b)

    return loss


def lpips_distance(device: str = "cpu") -> Loss | None:
    """LPIPS (Zhang et al. 2018, AlexNet) of two images (3 H W) in 0..1, or None.

    It needs the package `lpips`, and its backbone's weights in torch.hub's folder of checkpoints.
    If either is missing, there is none: nothing is downloaded.
    """
    try:
        import lpips
        from torchvision.models import AlexNet_Weights
    except ImportError:
        return None
    file = Path(AlexNet_Weights.IMAGENET1K_V1.url).name
    if not Path(torch.hub.get_dir(), "checkpoints", file).is_file():
        return None

    network = lpips.LPIPS(net="alex", verbose=False).to(device).requires_grad_(False)

    def distance(a: Tensor, b: Tensor) -> Tensor:
        return network(a[None], b[None], normalize=True).mean()

    return distance


def default_loss(device: str) -> Loss:
    """The best loss that needs no download: :func:`perceptual`, or else :func:`multiscale_l1`."""
    return perceptual(device) or multiscale_l1
