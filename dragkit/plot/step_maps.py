"""What :mod:`dragkit.maps` finds, as figures: scores of the whole image, the pull, the latent."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.patches import Rectangle
from matplotlib.patheffects import withStroke
from torch import Tensor

from ..arguments import instance, named_arguments, numbers
from ..compose import peaks
from ..maps import Pull, latent_change
from ..records import Frame, Step
from ..runs.trace import Trace
from .figures import ORANGE, Photo, Plot, as_frame, check_trace, more_height, pixel_extent
from .score_windows import BEST, RUNNER_UP

LONGEST = 1 / 8  # of the image's side: the longest arrow
SHORTEST = 1 / 20  # of the longest: shorter ones would be dots
WIDTH = 3.4  # of a map, in inches
WINDOW: dict[str, Any] = {
    "fill": False,
    "ec": "white",
    "lw": 1.2,
    "path_effects": [withStroke(linewidth=3.4, foreground="black")],
}
ROOM = 1 / 12  # of the image's side: around what the pull shows


@named_arguments
def whole_scores(frame: Frame | Step, scores: Mapping[str, Tensor]) -> Photo:
    """Scores of the whole image for every handle: bright = like the handle's content.

    A row for each handle, a column for each map. The white square is the window that the tracker
    searched at this step; the best pixel of the *image* is ringed, the second peak has a diamond.
    Where the ring is outside the square, only the window keeps the tracker from a look-alike.

    Args:
        frame: the step.
        scores: of that step, as :func:`dragkit.maps.scores` returns them.

    Raises:
        TypeError: it is no frame and no step, or the scores are no dict.
        ValueError: the scores are not those of a step with these handles.
    """
    frame = as_frame(frame)
    count = len(frame.points)
    instance("scores", scores, Mapping, "what dragkit.maps.scores returns")
    if not scores:
        raise ValueError("scores is empty; give what dragkit.maps.scores returns")
    maps = {name: _checked_map(name, values, count) for name, values in scores.items()}

    size = (WIDTH * len(maps) + 0.8, count * (WIDTH + more_height(WIDTH, frame.size)) + 0.8)
    figure = Photo(figsize=size, layout="constrained")
    many = figure.subplots(count, len(maps), squeeze=False)
    for handle, row in enumerate(many):
        for axes, (name, values) in zip(row, maps.items()):
            _draw_scores(axes, frame, handle, values[handle])
            axes.set_title(f"handle {handle}: {name}" if count > 1 else name, fontsize=10)
            figure.colorbar(axes.images[0], ax=axes, shrink=0.8, label="score, bright = alike")
    figure.suptitle(f"scores of the whole image, step {frame.index}", fontsize=11)
    _explain(figure)
    return figure


@named_arguments
def pull(frame: Frame | Step, pull: Pull) -> Photo:
    """Where the losses pull the content: arrows on the image, and ‖∂L/∂F‖ beside it.

    The longest arrow is an eighth of the image long whatever its value is, which the title says.

    Args:
        frame: the step.
        pull: of that step, as :func:`dragkit.maps.pull` returns it.

    Raises:
        TypeError: it is no frame and no step, or no pull.
    """
    frame = as_frame(frame)
    instance("pull", pull, Pull, "what dragkit.maps.pull returns")
    figure = Photo(figsize=(2 * WIDTH + 1.2, 4), layout="constrained")
    left, right = figure.subplots(1, 2)
    extent = pixel_extent(frame.size)
    left.imshow(frame.image, extent=extent)
    longest = _draw_arrows(left, pull.field.cpu().numpy(), frame.size)
    left.set_title(f"the longest arrow: {longest:.2g} of loss per pixel", fontsize=10)

    strength = pull.strength.cpu().numpy()
    image = right.imshow(strength, cmap="viridis", extent=extent)
    figure.colorbar(image, ax=right, shrink=0.8, label="‖∂L/∂F‖ of each cell")
    left.set_ylabel("y (px)")
    for axes in (left, right):
        _draw_way(axes, frame)
        axes.set(xlabel="x (px)", **_limits(frame, strength))
    figure.suptitle(f"what the losses ask for at step {frame.index}", fontsize=11)
    _explain(figure)
    return figure


@named_arguments
def latent(trace: Trace) -> Plot:
    """How far each row of a GAN's latent has moved from the start, over the steps.

    The rows go to the generator's layers in order, coarse to fine. Those that the features do not
    depend on never move.

    Raises:
        TypeError: it is no trace.
        ValueError: the trace is empty, or its latents have no rows.
    """
    check_trace(trace)
    change = latent_change(trace).cpu().numpy()
    if change.ndim != 2:
        raise ValueError(
            f"latents of shape {tuple(trace[0].latent.shape)} have no rows; draw the change of the"
            ' last step by dragkit.plot.maps({"change": dragkit.maps.latent_change(trace)[-1]})'
        )
    figure = Plot(figsize=(8, 3), layout="constrained")
    axes = figure.add_subplot(xlabel="step", ylabel="row of the latent, coarse to fine")
    first, last = trace[0].index, trace[-1].index
    extent = (first - 0.5, last + 0.5, change.shape[1] - 0.5, -0.5)
    image = axes.imshow(change.T, cmap="viridis", extent=extent, aspect="auto")
    axes.locator_params(integer=True)
    figure.colorbar(image, ax=axes, label="‖w - w₀‖ of the row")
    return figure


def _checked_map(name: str, values: Tensor, handles: int) -> np.ndarray:
    """The maps (n h w) of `handles` handles."""
    array: np.ndarray = numbers(f"the map {name!r}", values, "maps (n h w)").cpu().numpy()
    if array.ndim != 3 or len(array) != handles or not np.isfinite(array).any():
        raise ValueError(
            f"the map {name!r} has shape {array.shape}; give one map for each of the {handles}"
            " handles of this step, as dragkit.maps.scores returns them"
        )
    return array


def _draw_scores(axes: Axes, frame: Frame, handle: int, scores: np.ndarray) -> None:
    """A map (h w) with its peaks and the window of the step."""
    stride = frame.step.track.stride
    rows, columns = scores.shape
    right, bottom = (stride * (count - 0.5) for count in (columns, rows))
    axes.imshow(scores, cmap="viridis", extent=(-stride / 2, right, bottom, -stride / 2))
    for peak, (label, mark, style) in zip(peaks(scores), (BEST, RUNNER_UP)):
        if peak:
            row, column = peak
            place = ([stride * column], [stride * row])
            axes.plot(*place, mark, mec="black", ls="", label=label, **style)

    side = stride * frame.scores.shape[-1]
    corner = frame.step.window_centre[handle].numpy() - side / 2
    axes.add_patch(Rectangle((corner[0], corner[1]), side, side, label="window", **WINDOW))
    left, right, bottom, top = pixel_extent(frame.size)
    axes.set(xlim=(left, right), ylim=(bottom, top), xlabel="x (px)", ylabel="y (px)")


def _draw_way(axes: Axes, frame: Frame) -> None:
    """Handles and targets, small enough to leave the arrows in sight."""
    style: dict[str, Any] = {"ls": "", "mec": "black", "zorder": 3}
    axes.plot(*frame.points.T.numpy(), "o", mfc=ORANGE, ms=5, label="handle", **style)
    axes.plot(*frame.edit.targets.T.numpy(), "s", mfc="white", ms=5, label="target", **style)


def _limits(frame: Frame, strength: np.ndarray) -> dict[str, tuple[float, float]]:
    """The part of the image with the points, and with all cells (h w) that are pulled much."""
    rows, columns = np.nonzero(strength >= SHORTEST * strength.max())
    scale = np.array(frame.size[::-1]) / strength.shape[::-1]
    pulled = (np.stack([columns, rows], 1) + 0.5) * scale - 0.5
    places = np.concatenate([pulled, frame.points.numpy(), frame.edit.targets.numpy()])
    low, high = places.min(0), places.max(0)

    half = (high - low).max() / 2 + ROOM * max(frame.size)  # a square, so that both axes agree
    middle = (low + high) / 2
    end = np.array(frame.size[::-1]) - 0.5
    (left, top), (right, bottom) = np.maximum(middle - half, -0.5), np.minimum(middle + half, end)
    return {"xlim": (left, right), "ylim": (bottom, top)}


def _explain(figure: Photo) -> None:
    """One legend for all axes, below them."""
    known = figure.axes[0].get_legend_handles_labels()
    figure.legend(*known, loc="outside lower center", ncols=3, frameon=False)


def _draw_arrows(axes: Axes, field: np.ndarray, size: tuple[int, int]) -> float:
    """Arrows where a field (h w 2) is strong; returns the longest vector's length."""
    lengths = np.linalg.norm(field, axis=2)
    longest = float(lengths.max())
    if not longest:
        return longest
    rows, columns = np.nonzero(lengths >= SHORTEST * longest)
    x = (columns + 0.5) * size[1] / field.shape[1] - 0.5
    y = (rows + 0.5) * size[0] / field.shape[0] - 0.5
    shown = field[rows, columns] * LONGEST * max(size) / longest
    unscaled: dict[str, Any] = {"angles": "xy", "scale_units": "xy", "scale": 1}
    axes.quiver(x, y, *shown.T, color="white", ec="black", lw=0.6, width=0.01, **unscaled)
    return longest
