"""How alike two images (3 H W) in 0..1 are: what a search makes better, and how it is judged."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path

import torch
from torch import Tensor
from torch.nn import functional as F

Loss = Callable[[Tensor, Tensor], Tensor]  # two images → how far apart they are, a scalar


def psnr(a: Tensor, b: Tensor) -> float:
    """10 log₁₀ (1 / mean (a - b)²), in dB: 20 is an image with errors of a tenth of its range, 30
    of a thirtieth.
    """
    return -10 * math.log10(max((a - b).square().mean().item(), 1e-12))


def multiscale_l1(a: Tensor, b: Tensor) -> Tensor:
    r"""How far apart two images (3 H W) are, at all scales: mean over s of mean |D_s(a) -
    D_s(b)|, s = 0, 1, ….

    D_s takes the mean of 2^s × 2^s pixels, down to a side of 8. Coarse scales see a part that is
    in the wrong place long before its pixels overlap with where it belongs. Our choice; Laplacian
    pyramids serve as losses since Ling and Okada (2006).
    """
    difference, terms = (a - b)[None], []
    while True:
        terms.append(difference.abs().mean())
        if min(difference.shape[-2:]) < 16:
            return torch.stack(terms).mean()
        difference = F.avg_pool2d(difference, 2)


def perceptual(device: str = "cpu") -> Loss | None:
    """`multiscale_l1` plus LPIPS, weighed equally as in PTI, if all that LPIPS needs is on this disk;
    else None.
    """
    distance = lpips_distance(device)
    return distance and (lambda a, b: multiscale_l1(a, b) + distance(a, b))


def lpips_distance(device: str = "cpu") -> Loss | None:
    """LPIPS (Zhang et al. 2018, AlexNet) of two images (3 H W) in 0..1, if all it needs is on
    this disk; else None.

    It takes the package `lpips` and its backbone's weights in torch.hub's folder of checkpoints.
    Nothing is downloaded.
    """
    try:
        import lpips
        from torchvision.models import AlexNet_Weights as Weights
    except ImportError:
        return None
    if not Path(
        torch.hub.get_dir(), "checkpoints", Path(Weights.IMAGENET1K_V1.url).name
    ).is_file():
        return None
    network = lpips.LPIPS(net="alex", verbose=False).to(device).requires_grad_(False)
    return lambda a, b: network(a[None], b[None], normalize=True).mean()


def default_loss(device: str) -> Loss:
    """The best loss that needs no download."""
    return perceptual(device) or multiscale_l1
