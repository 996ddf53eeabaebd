"""An image of yours and what a model made of it, as a figure."""

from __future__ import annotations

import numpy as np
from matplotlib.axes import Axes
from torch import Tensor

from .figures import COLOURS, Photo

TIMES = 4  # how much the difference is magnified


def inversion(found, before=None) -> Photo:
    """The target, what was found, four times their difference, and the PSNR and the loss over the
    iterations of both stages.

    Grey in the difference is none; a colour is what the found image has too much of. Axes in
    pixels; the PSNR is in dB, and its dots are the best of each stage.

    Args:
        found: what ``dk.invert`` or ``dk.tune`` returned.
        before: what ``dk.invert`` had found, to be shown too beside the tuned image.

    Raises:
        ValueError: `found` is no inversion, or one that has not begun.
    """
    for one in [found] if before is None else [before, found]:
        if not hasattr(one, "psnrs") or not (one.losses or hasattr(one.model, "road")):
            raise ValueError(
                f"{one!r} holds no inversion; give what dragkit.invert or dragkit.tune returned"
            )
    shown = {"found": found} if before is None else {"found": before, "tuned": found}
    images = {"target": found.target} | {
        f"{name}, {one.quality}": one.image for name, one in shown.items()
    }
    images[f"difference x {TIMES}"] = ((found.image - found.target) * TIMES + 0.5).clamp(0, 1)
    curves = bool(found.losses)  # of a diffusion model there are none
    figure = Photo(
        figsize=(2.2 * len(images) + (3.9 if curves else 0.5), 2.7), layout="constrained"
    )
    many = figure.subplots(
        1, len(images) + curves, width_ratios=[1] * len(images) + [1.3] * curves
    )
    for axes, (name, image) in zip(many, images.items()):
        axes.imshow(_pixels(image))
        axes.set_title(name, fontsize=10)
        axes.set(xlabel="x (px)", ylabel="y (px)" if axes is many[0] else "")
    if curves:
        _curves(many[-1], found)
    return figure


def _curves(left: Axes, found) -> None:
    """PSNR at the left, the loss dashed at the right; a line stands where tuning begins."""
    right, start = left.twinx(), 0
    for stage, losses in found.losses.items():
        quality, steps = np.array(found.psnrs[stage]), start + np.arange(len(losses))
        best = int(np.argmin(losses))
        left.plot(steps, quality, color=COLOURS[1])
        left.plot(steps[best], quality[best], "o", color=COLOURS[1], ms=5)
        right.semilogy(steps, losses, "--", color=COLOURS[0], lw=1.2)
        left.text(start, 1.01, stage, transform=left.get_xaxis_transform(), fontsize=9)
        if start:
            left.axvline(start - 0.5, color="#80868b", lw=1)
        start += len(losses)
    left.set(xlabel="iteration")
    left.set_ylabel("PSNR (dB)", color=COLOURS[1])
    right.set_ylabel("loss (dashed)", color=COLOURS[0])
    left.grid(alpha=0.3)
    for axes in (left, right):
        axes.spines["top"].set_visible(False)


def _pixels(image: Tensor) -> np.ndarray:
    return image.detach().cpu().permute(1, 2, 0).numpy()
