"""How similar two images (3 H W) in 0..1 are: losses to minimise, and the PSNR."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import lru_cache
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

from ..arguments import existing_file

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


def lpips_distance(device: str = "cpu", weights: Path | None = None) -> Loss | None:
    """LPIPS (Zhang et al. 2018, AlexNet) of two images (3 H W) in 0..1, or None.

    It needs the package `lpips`, and torchvision's AlexNet, whose weights are not shipped. If
    either is missing, there is none: nothing is downloaded.

    Args:
        device: where to compute.
        weights: torchvision's file of AlexNet (.pth); None looks in torch.hub's folder of
            checkpoints.

    Raises:
        FileNotFoundError: `weights` is given, and there is no such file.
        ValueError: it is no AlexNet, or the package is missing.
    """
    try:
        import lpips  # noqa: F401  # whether it is there
        from torchvision.models import AlexNet_Weights
    except ImportError as error:
        if weights is None:
            return None
        raise ValueError(
            f"LPIPS needs the package {error.name}: pip install lpips; or leave the weights out"
        ) from error
    name = Path(AlexNet_Weights.IMAGENET1K_V1.url).name
    file = Path(torch.hub.get_dir(), "checkpoints", name)
    if weights is not None:
        file = existing_file("weights", weights)
    elif not file.is_file():
        return None
    network = _lpips(file).to(device)

    def distance(a: Tensor, b: Tensor) -> Tensor:
        return network(a[None], b[None], normalize=True).mean()

    return distance


@lru_cache(maxsize=1)
def _lpips(file: Path) -> Any:
    """The network, its backbone from `file`."""
    import lpips

    network = lpips.LPIPS(net="alex", pnet_rand=True, verbose=False)
    state = torch.load(file, map_location="cpu", weights_only=True)
    try:
        # its parts are called slice1.0, slice2.3 …, by the numbers of AlexNet's layers
        names = {name: f"features.{name.partition('.')[2]}" for name in network.net.state_dict()}
        network.net.load_state_dict({name: state[theirs] for name, theirs in names.items()})
    except (KeyError, RuntimeError, TypeError) as error:
        raise ValueError(f"{file} is not torchvision's AlexNet ({error!s:.200})") from error
    return network.eval().requires_grad_(False)


def default_loss(device: str) -> Loss:
    """The best loss that needs no download: :func:`perceptual`, or else :func:`multiscale_l1`."""
    return perceptual(device) or multiscale_l1
