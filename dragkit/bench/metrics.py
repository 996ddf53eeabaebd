r"""What a drag is judged by: how far from the targets, what else changed, what it cost, and how
sure the average is.

An image is (3 H W) in 0..1, a point (x, y) in pixels. What cannot be measured is NaN.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from ..geometry import sample
from ..models import Model
from ..records import Edit, Step, View
from ..tasks.edits import Task
from ..trackers.search_window import read_window, similarity

# two features are alike that differ by less than this share of their length; our choice
ALIKE = 0.35
NEARBY = (5, 12)  # px; a look-alike is nearer than the second number, and no nearer than the first
GAMMA = 10  # radius of the drag accuracy index, for a 512-px image


def mean_distance(found: Tensor, targets: Tensor) -> float:
    r"""How far from their targets the points are, on average, in pixels: 1/n Σᵢ ‖pᵢ - tᵢ‖₂.

    DragGAN's measure, section 4.2. It is only as true as `found`: a tracker's points give what the
    tracker *claims*; the truth needs somebody else to say where the content is.

    Args:
        found: (n 2) where the content of each handle is.
        targets: (n 2) where it shall be.

    Raises:
        ValueError: shapes that differ.
    """
    found, targets = torch.as_tensor(found), torch.as_tensor(targets)
    if found.shape != targets.shape or found.shape[1:] != (2,):
        raise ValueError(
            f"found is {tuple(found.shape)} and targets {tuple(targets.shape)}; both must be (n,"
            " 2), point by point"
        )
    return (found.cpu() - targets.cpu()).norm(dim=1).mean().item()


def change_outside(before: Tensor, after: Tensor, mask: Tensor | None) -> float:
    r"""What changed where nothing should: mean |after - before| where the mask is 0, in grey
    levels 0..255.

    .. math:: \frac{255}{3\,|\{M = 0\}|} \sum_{q: M(q) = 0} ‖I'(q) - I(q)‖_1

    NaN without a mask, or where the mask leaves nothing outside.
    """
    _alike(before, after)
    if mask is None or bool((mask != 0).all()):
        return float("nan")
    if mask.shape != before.shape[1:]:
        raise ValueError(
            f"mask has shape {tuple(mask.shape)}; the images need {tuple(before.shape[1:])}"
        )
    return 255 * (after - before).abs()[:, mask.to(before.device) == 0].mean().item()


def ssim(a: Tensor, b: Tensor) -> float:
    r"""Structural similarity of two images (3 H W) in 0..1: 1 = the same.

    .. math:: SSIM = \frac{(2 μ_a μ_b + c_1)(2 σ_{ab} + c_2)}{(μ_a² + μ_b² + c_1)(σ_a² + σ_b² + c_2)},\quad c_1 = 0.01²,\ c_2 = 0.03²

    in Gaussian windows of 11 px, σ = 1.5, that lie in the image; the mean over windows and
    colours. Source: Wang et al. 2004.

    Raises:
        ValueError: images whose shapes differ.
    """
    _alike(a, b)
    line = torch.exp(-torch.arange(-5.0, 6.0).square() / (2 * 1.5**2)).to(a)
    kernel = torch.outer(line, line) / line.sum() ** 2
    blur = lambda x: F.conv2d(x[:, None], kernel[None, None])[:, 0]  # noqa: E731
    mean_a, mean_b = blur(a), blur(b)
    spread_a, spread_b, both = (
        blur(a * a) - mean_a**2,
        blur(b * b) - mean_b**2,
        blur(a * b) - mean_a * mean_b,
    )
    top = (2 * mean_a * mean_b + 0.01**2) * (2 * both + 0.03**2)
    return (
        (top / ((mean_a**2 + mean_b**2 + 0.01**2) * (spread_a + spread_b + 0.03**2))).mean().item()
    )


def dai(before: Tensor, after: Tensor, handles: Tensor, targets: Tensor, radius: int) -> float:
    r"""Drag accuracy index: does the image at the target look as it did at the handle?

    .. math:: DAI_γ = \frac1n \sum_i \frac{‖I(Ω(p_i^0, γ)) - I'(Ω(t_i, γ))‖_2^2}{(1 + 2γ)^2}

    with Ω(p, γ) the square |x|, |y| ≤ γ around the pixel nearest to p and colours in 0..1: a
    pixel's squared difference is summed over the three colours and averaged over the patch; 0 =
    the same, 3 = black for white. Source: GoodDrag, which takes γ = 1, 5, 10, 20 at 512 px. Its
    published code divides by n once more and lets a patch wrap at the border; here a pixel that
    lies off either image does not count.

    Raises:
        ValueError: images or points whose shapes differ, a radius that is no whole number from 0
            on.
    """
    _alike(before, after)
    if not isinstance(radius, int) or radius < 0:
        raise ValueError(f"radius is {radius!r}; give a whole number of pixels from 0 on")
    Edit(handles, targets).fit(tuple(before.shape[1:]))
    pairs = zip(handles.tolist(), targets.tolist(), strict=True)
    each = [
        (_patch(before, p, radius) - _patch(after, t, radius)).square().sum(0).nanmean()
        for p, t in pairs
    ]
    return torch.stack(each).mean().item()


def images(model: Model, task: Task, start: Tensor, last: Step) -> dict[str, float]:
    """The default measure, which needs the two images alone: `change_outside` and `dai`."""
    before, after = model.finish(start).cpu(), model.finish(last.latent).cpu()
    radius = max(1, round(GAMMA * model.size[0] / 512))
    index = dai(before, after, task.edit.handles, task.edit.targets, radius)
    return {"change_outside": change_outside(before, after, task.edit.mask), "dai": index}


class Clock:
    """A tracker with a stopwatch at its `start`, where it learns what to look for; in all else the
    tracker itself.
    """

    def __init__(self, tracker: Any) -> None:
        self.tracker, self.seconds = tracker, 0.0

    def start(self, view: View, edit: Edit) -> Any:
        # a GPU works behind one's back
        wait = torch.cuda.synchronize if view.features.is_cuda else lambda: None
        wait()
        began = time.perf_counter()
        memory = self.tracker.start(view, edit)
        wait()
        self.seconds += time.perf_counter() - began
        return memory

    def __getattr__(self, name: str) -> Any:
        return getattr(self.tracker, name)

    def __repr__(self) -> str:
        return repr(self.tracker)


def has_lookalike(view: View, points: Tensor) -> Tensor:
    """(n) bool: whether a pixel 5 to 12 px from the point has a feature that differs from its own
    by less than 0.35 of its length.

    DragGAN's window reaches 3 px at 128 px, so it meets such a pixel only after it has drifted;
    one of 12 px sees it at once.
    """
    least, most = NEARBY
    pixels, features = read_window(view, points, most)
    template = sample(view.features, points, view.size)
    difference = -similarity(features, template) / template.norm(dim=1)[:, None, None]
    away = (pixels - points[:, None, None]).norm(dim=-1)
    return ((difference < ALIKE) & (away >= least) & (away <= most)).flatten(1).any(1)


def bootstrap(
    values: Sequence[float], n: int = 2000, seed: int = 0, level: float = 0.95
) -> tuple[float, float]:
    """Where the mean may lie: the middle `level` of the means of `n` resamplings of `values`,
    drawn with replacement.

    Says how much of a mean is due to *which* pairs were drawn, not whether those pairs are fair.
    The same values and seed give the same interval. One value alone does not tell how others
    scatter: (NaN, NaN).
    """
    values = np.asarray(values, dtype=float)
    if values.size < 2:
        return float("nan"), float("nan")
    return interval(values[resamplings(len(values), n, seed)].mean(1), level)


def resamplings(count: int, n: int = 2000, seed: int = 0) -> np.ndarray:
    """(n count) positions 0..count - 1: which of `count` values each of `n` resamplings holds."""
    return np.random.default_rng(seed).integers(count, size=(n, count))


def interval(means: np.ndarray, level: float = 0.95) -> tuple[float, float]:
    """The middle `level` of `means`."""
    low, high = np.quantile(means, [(1 - level) / 2, (1 + level) / 2])
    return float(low), float(high)


def _patch(image: Tensor, point: Sequence[float], radius: int) -> Tensor:
    """The square (3 k k) around the pixel nearest to (x, y), k = 2 radius + 1; NaN off the
    image.
    """
    left, top = (round(v) for v in point)
    padded = F.pad(image, [radius] * 4, value=float("nan"))
    return padded[:, top : top + 2 * radius + 1, left : left + 2 * radius + 1]


def _alike(before: Tensor, after: Tensor) -> None:
    if before.shape != after.shape or before.ndim != 3:
        raise ValueError(
            f"before is {tuple(before.shape)} and after {tuple(after.shape)}; both must be"
            " images (3, H, W) of one size"
        )
