"""A filter being learned, as a figure."""

from __future__ import annotations

import numpy as np
import torch

from ..records import Edit, View
from .figures import BLUE, ORANGE, Photo


def learning(view: View, memory, edit: Edit, handle: int = 0, n: int = 4) -> Photo:
    """The learned score of every cell at `n` moments of the learning, and the loss over the
    iterations.

    ``memory = Discriminative().start(view, edit)`` keeps the filter after each iteration. Its
    label is 1 at the handle (the cross) and 0 elsewhere; each map is shown from 0 to its best,
    which stands above it, for the best shrinks while the rest goes. The dots on the curve are the
    moments shown.

    Raises:
        ValueError: the memory holds no learned filters, there is no such handle, or n is below 1.
    """
    if not hasattr(memory, "history"):
        raise ValueError(
            f"{type(memory).__name__} holds no learned filters; give what"
            " Discriminative().start(view, edit) returns"
        )
    if not 0 <= handle < len(edit.handles):
        raise ValueError(f"no handle {handle}; this edit has handles 0 to {len(edit.handles) - 1}")
    if n < 1:
        raise ValueError(f"n is {n}; show at least one moment")
    moments, losses = _moments(len(memory.history) - 1, n), memory.losses[:, handle].cpu().numpy()
    figure = Photo(figsize=(2.15 * len(moments) + 3.2, 2.9), layout="constrained")
    *many, curve = figure.subplots(1, len(moments) + 1, width_ratios=[1] * len(moments) + [1.25])
    height, width = view.size
    for axes, moment in zip(many, moments):
        scores = (
            torch.einsum("chw,c->hw", view.features.detach(), memory.history[moment, handle])
            .cpu()
            .numpy()
        )
        image = axes.imshow(
            scores / max(scores.max(), 1e-12),
            cmap="viridis",
            vmin=0,
            vmax=1,
            extent=(-0.5, width - 0.5, height - 0.5, -0.5),
        )
        axes.plot(*edit.handles[handle].tolist(), "+", color="white", ms=12, mew=1.5)
        axes.set_title(f"iteration {moment}, best {scores.max():.2g}", fontsize=10)
        axes.set(xlabel="x (px)", ylabel="y (px)" if axes is many[0] else "")
    bar = figure.colorbar(image, ax=many, ticks=[0, 1], extend="min", fraction=0.05)
    bar.ax.set_yticklabels(["0", "best"])
    curve.semilogy(losses, color=BLUE)
    curve.plot(moments, losses[moments], "o", color=ORANGE)
    curve.set_title("loss", fontsize=10)
    curve.set(xlabel="iteration")
    curve.spines[["top", "right"]].set_visible(False)
    curve.grid(alpha=0.3)
    return figure


def _moments(last: int, n: int) -> np.ndarray:
    """The first and the last iteration and some between, denser at the beginning, where more
    happens.
    """
    return (
        np.unique(np.r_[0, np.geomspace(max(last / 3 ** (n - 2), 1), last, n - 1).round()]).astype(
            int
        )
        if n > 1
        else np.array([last])
    )
