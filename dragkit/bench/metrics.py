"""What a drag is judged by, and how sure an average is.

How far the content is from the targets, what else changed, and how alike two images are. An image
is (3 H W) in 0..1, a point (x, y) in pixels. What cannot be measured is NaN.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from ..records import Edit


def mean_distance(found: Tensor, targets: Tensor) -> float:
    r"""How far from their targets the points are, on average, in pixels: 1/n Σᵢ ‖pᵢ - tᵢ‖₂.

    DragGAN's measure, section 4.2. It is only as true as `found`: a tracker's points give what the
    tracker *claims*; the truth needs somebody else to say where the content is.

    Args:
        found: (n 2) where the content of each handle is.
        targets: (n 2) where it should be.

    Raises:
        ValueError: shapes that differ.
    """
    found = torch.as_tensor(found)
    targets = torch.as_tensor(targets)
    if found.shape != targets.shape or found.shape[1:] != (2,):
        raise ValueError(
            f"found is {tuple(found.shape)} and targets {tuple(targets.shape)}; both must be (n,"
            " 2), point by point"
        )
    return (found.cpu() - targets.cpu()).norm(dim=1).mean().item()


def change_outside(before: Tensor, after: Tensor, mask: Tensor | None) -> float:
    r"""The mean |after - before| where the mask is 0 and nothing should change.

    .. math:: \frac{255}{3\,|\{M = 0\}|} \sum_{q: M(q) = 0} ‖I'(q) - I(q)‖_1

    in grey levels 0..255. NaN without a mask, or if the mask leaves nothing outside.

    Raises:
        ValueError: shapes that differ.
    """
    _check_images(before, after)
    if mask is None or bool((mask != 0).all()):
        return float("nan")
    if mask.shape != before.shape[1:]:
        raise ValueError(
            f"mask has shape {tuple(mask.shape)}; the images need {tuple(before.shape[1:])}"
        )
    outside = mask.to(before.device) == 0
    return 255 * (after - before).abs()[:, outside].mean().item()


def ssim(a: Tensor, b: Tensor) -> float:
    r"""Structural similarity of two images (3 H W) in 0..1: 1 = the same.

    .. math::

        SSIM = \frac{(2 μ_a μ_b + c_1)(2 σ_{ab} + c_2)}{(μ_a² + μ_b² + c_1)(σ_a² + σ_b² + c_2)},
        \quad c_1 = 0.01²,\ c_2 = 0.03²

    in Gaussian windows of 11 px, σ = 1.5, that lie inside the image; the mean over windows and
    colours. Source: Wang et al. 2004.

    Raises:
        ValueError: images whose shapes differ.
    """
    _check_images(a, b)
    line = torch.exp(-torch.arange(-5.0, 6.0).square() / (2 * 1.5**2)).to(a)
    kernel = torch.outer(line, line) / line.sum() ** 2

    def blur(x: Tensor) -> Tensor:
        return F.conv2d(x[:, None], kernel[None, None])[:, 0]

    mean_a = blur(a)
    mean_b = blur(b)
    variance_a = blur(a * a) - mean_a**2
    variance_b = blur(b * b) - mean_b**2
    covariance = blur(a * b) - mean_a * mean_b

    top = (2 * mean_a * mean_b + 0.01**2) * (2 * covariance + 0.03**2)
    bottom = (mean_a**2 + mean_b**2 + 0.01**2) * (variance_a + variance_b + 0.03**2)
    return (top / bottom).mean().item()


def dai(before: Tensor, after: Tensor, handles: Tensor, targets: Tensor, radius: int) -> float:
    r"""Drag accuracy index: does the image at the target look as it did at the handle?

    .. math:: DAI_γ = \frac1n \sum_i \frac{‖I(Ω(p_i^0, γ)) - I'(Ω(t_i, γ))‖_2^2}{(1 + 2γ)^2}

    with Ω(p, γ) the square |x|, |y| ≤ γ around the pixel nearest to p and colours in 0..1: a
    pixel's squared difference is summed over the three colours and averaged over the patch; 0 =
    the same, 3 = black for white. Source: GoodDrag, which takes γ = 1, 5, 10, 20 at 512 px. Its
    published code divides by n once more and lets a patch wrap at the border; here a pixel that
    lies off either image does not count.

    Args:
        before, after: the two images.
        handles, targets: (n 2) points in pixels.
        radius: γ in pixels of these images.

    Raises:
        ValueError: images or points whose shapes differ, a point outside the image, a radius that
            is not a whole number from 0 on.
    """
    _check_images(before, after)
    if not isinstance(radius, int) or radius < 0:
        raise ValueError(f"radius is {radius!r}; give a whole number of pixels from 0 on")
    _, height, width = before.shape
    Edit(handles, targets).fit((height, width))

    differences = []
    for handle, target in zip(handles.tolist(), targets.tolist(), strict=True):
        difference = _patch(before, handle, radius) - _patch(after, target, radius)
        differences.append(difference.square().sum(0).nanmean())
    return torch.stack(differences).mean().item()


def bootstrap(
    values: Iterable[float], n: int = 2000, seed: int = 0, level: float = 0.95
) -> tuple[float, float]:
    """The percentile bootstrap interval of the mean: where it may lie.

    The middle `level` of the means of `n` resamplings of `values`, drawn with replacement. Says
    how much of a mean is due to *which* pairs were drawn, not whether those pairs are fair. The
    same values and seed give the same interval. One value alone does not tell how others scatter:
    (NaN, NaN).
    """
    sample = np.asarray(values, dtype=float)
    if sample.size < 2:
        return float("nan"), float("nan")
    return interval(sample[resamplings(len(sample), n, seed)].mean(1), level)


def resamplings(count: int, n: int = 2000, seed: int = 0) -> np.ndarray:
    """(n count) positions 0..count - 1: which of `count` values each of `n` resamplings holds."""
    return np.random.default_rng(seed).integers(count, size=(n, count))


def interval(means: np.ndarray, level: float = 0.95) -> tuple[float, float]:
    """The middle `level` of `means`."""
    low, high = np.quantile(means, [(1 - level) / 2, (1 + level) / 2])
    return float(low), float(high)


def _patch(image: Tensor, point: Sequence[float], radius: int) -> Tensor:
    """The square (3 k k), k = 2 radius + 1, around the pixel nearest to (x, y); NaN outside."""
    left, top = (round(v) for v in point)
    padded = F.pad(image, [radius] * 4, value=float("nan"))
    return padded[:, top : top + 2 * radius + 1, left : left + 2 * radius + 1]


def _check_images(before: Tensor, after: Tensor) -> None:
    if before.shape != after.shape or before.ndim != 3:
        raise ValueError(
            f"before is {tuple(before.shape)} and after {tuple(after.shape)}; both must be"
            " images (3, H, W) of one size"
        )
