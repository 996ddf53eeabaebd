"""An image of yours and the one that a model found for it, as a figure."""

from __future__ import annotations

import numpy as np
from matplotlib.axes import Axes

from ..arguments import named_arguments, shown
from ..models.inversion import Inversion
from .figures import BLUE, ORANGE, Photo, logarithmic, more_height

CONTRAST = 4  # how much the difference is magnified


@named_arguments
def inversion(found: Inversion, before: Inversion | None = None) -> Photo:
    """The target, what was found, four times their difference, and the PSNR over the iterations.

    In the difference grey means none; a colour is what the found image has too much of. The axes
    are in pixels. The curves show both stages, the PSNR in dB and the loss; a dot marks the best
    of each stage. A diffusion model is inverted without iterations, so it has no curves.

    Args:
        found: what ``dk.invert`` or ``dk.tune`` returned.
        before: what ``dk.invert`` had found, to be shown too beside the tuned image.

    Raises:
        ValueError: what is given is not an inversion.
    """
    both = {"found": found} if before is None else {"found": before, "tuned": found}
    for one in both.values():
        if not isinstance(one, Inversion):
            raise ValueError(
                f"{shown(one)} holds no inversion; give what dragkit.invert or dragkit.tune"
                " returned"
            )
    difference = found.image - found.target
    images = {"target": found.target}
    images |= {f"{name}, {one.quality}": one.image for name, one in both.items()}
    images[f"difference x {CONTRAST}"] = (difference * CONTRAST + 0.5).clamp(0, 1)

    ratios = [1.0] * len(images)
    width = 2.2 * len(images) + 0.5
    if found.losses:
        ratios = [*ratios, 1.3]
        width = 2.2 * len(images) + 3.9
    height = 2.7 + more_height(2.0, found.model.size)
    figure = Photo(figsize=(width, height), layout="constrained")
    many = figure.subplots(1, len(ratios), width_ratios=ratios)
    for axes, (name, image) in zip(many, images.items()):
        axes.imshow(image.detach().cpu().movedim(0, -1).numpy())
        axes.set_title(name, fontsize=10)
        axes.set_xlabel("x (px)")
    many[0].set_ylabel("y (px)")
    if found.losses:
        _draw_curves(many[-1], found)
    return figure


def _draw_curves(left: Axes, found: Inversion) -> None:
    """PSNR at the left, the loss dashed at the right; a line marks where tuning begins."""
    right = left.twinx()
    start = 0
    for stage, losses in found.losses.items():
        psnrs = np.array(found.psnrs[stage])
        steps = start + np.arange(len(losses))
        best = int(np.argmin(losses))
        left.plot(steps, psnrs, color=BLUE)
        left.plot(steps[best], psnrs[best], "o", color=BLUE, ms=5)
        right.plot(steps, losses, "--", color=ORANGE, lw=1.2)
        left.text(start, 1.01, stage, transform=left.get_xaxis_transform(), fontsize=9)
        if start:
            left.axvline(start - 0.5, color="#80868b", lw=1)
        start += len(losses)

    logarithmic(right)
    left.set(xlabel="iteration")
    left.set_ylabel("PSNR (dB)", color=BLUE)
    right.set_ylabel("loss (dashed)", color=ORANGE)
    left.grid(alpha=0.3)
    for axes in (left, right):
        axes.spines["top"].set_visible(False)
