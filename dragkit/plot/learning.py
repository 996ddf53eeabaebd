"""A filter being learned, as a figure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol, runtime_checkable

import numpy as np
import torch
from matplotlib.axes import Axes
from torch import Tensor

from ..arguments import instance, named_arguments, whole
from ..records import Edit, View
from .figures import BLUE, MOST_ACROSS, ORANGE, Photo, logarithmic, pixel_extent


@runtime_checkable
class LearnedFilters(Protocol):
    """The memory of a tracker that kept its filters while it learned them."""

    @property
    def history(self) -> Tensor:
        """(iterations + 1, n, c) the filters from first to last."""

    @property
    def losses(self) -> Tensor:
        """(iterations + 1, n) the loss of each of them."""


@named_arguments
def learning(view: View, memory: LearnedFilters, edit: Edit, handle: int = 0, n: int = 4) -> Photo:
    """The learned score of every cell at `n` moments, and the loss over the iterations.

    ``memory = Discriminative().start(view, edit)`` has the filter after each iteration. Its label
    is 1 at the handle (the cross) and 0 elsewhere. Each map is shown from 0 to its best score,
    which is written above it, because the best shrinks while the rest vanishes. The dots on the
    curve are the moments shown.

    Raises:
        TypeError: the view or the edit is something else.
        ValueError: the memory holds no learned filters, or those of another model or edit; there
            is no such handle; or n is not a whole number from 1 to 100.
    """
    _check(view, memory, edit)
    handle = whole("handle", handle, 0, len(edit.handles) - 1)
    n = whole("n", n, 1, MOST_ACROSS)
    moments = _moments(len(memory.history) - 1, n)
    losses = memory.losses[:, handle].cpu().numpy()

    figure = Photo(figsize=(2.15 * len(moments) + 3.2, 2.9), layout="constrained")
    ratios = [1] * len(moments) + [1.25]
    *many, curve = figure.subplots(1, len(ratios), width_ratios=ratios)
    for axes, moment in zip(many, moments):
        weights = memory.history[moment, handle]
        scores = torch.einsum("chw,c->hw", view.features.detach(), weights).cpu().numpy()
        level = scores / max(scores.max(), 1e-12)
        extent = pixel_extent(view.size)
        image = axes.imshow(level, cmap="viridis", vmin=0, vmax=1, extent=extent)
        axes.plot(*edit.handles[handle].tolist(), "+", color="white", ms=12, mew=1.5)
        axes.set_title(f"iteration {moment}, best {scores.max():.2g}", fontsize=10)
        axes.set_xlabel("x (px)")
    many[0].set_ylabel("y (px)")

    bar = figure.colorbar(image, ax=many, ticks=[0, 1], extend="min", fraction=0.05)
    bar.ax.set_yticklabels(["0", "best"])
    _draw_losses(curve, losses, moments)
    return figure


def _check(view: View, memory: LearnedFilters, edit: Edit) -> None:
    """Raise TypeError or ValueError if there is nothing to draw."""
    instance("view", view, View, "what a model shows, such as model.view(latent)")
    instance("edit", edit, Edit, "the edit that the filters were learned for")
    if not isinstance(memory, LearnedFilters):
        raise ValueError(
            f"{type(memory).__name__} holds no learned filters; give what"
            " Discriminative().start(view, edit) returns"
        )
    found, needed = tuple(memory.history.shape[1:]), (len(edit.handles), len(view.features))
    if found != needed:
        raise ValueError(
            f"the memory holds filters of shape {found}; this edit and view need {needed}: give"
            " those that the tracker was started with"
        )


def _moments(last: int, n: int) -> np.ndarray:
    """The first iteration, the last, and some between, denser at the beginning."""
    if n == 1:
        return np.array([last])
    second = max(last / 3 ** (n - 2), 1)
    moments = [0, *np.geomspace(second, last, n - 1).round()]
    return np.unique(moments).astype(int)


def _draw_losses(axes: Axes, losses: np.ndarray, moments: Sequence[int] | np.ndarray) -> None:
    """The loss over the iterations, with a dot at each of the moments."""
    axes.plot(losses, color=BLUE)
    logarithmic(axes)
    axes.plot(moments, losses[moments], "o", color=ORANGE)
    axes.set_title("loss", fontsize=10)
    axes.set(xlabel="iteration")
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(alpha=0.3)
