"""A frame as an image, with everything that happened drawn in."""

from __future__ import annotations

from collections.abc import Collection, Sized

import numpy as np
from numpy.typing import ArrayLike
from PIL import Image

from ..arguments import finite_array, instance, named_arguments, positive, shown, whole
from ..compose import LAYERS, ScoreWindow, Viewport, draw_overlay
from ..records import Frame

LEAST_SIDE, MOST_SIDE = 16, 4096  # of an image, in pixels
MOST_BOLD = 10


@named_arguments
def draw_frame(
    frame: Frame,
    path: ArrayLike | None = None,
    handle: int | None = None,
    *,
    window: ScoreWindow | None = None,
    size: int = 384,
    bold: float = 1,
    layers: Collection[str] = LAYERS,
    viewport: Viewport | None = None,
) -> Image.Image:
    """The frame's image with handles, targets and mask drawn in.

    Args:
        path: (steps n 2) the handles' path so far: ``trace.path(i)``.
        handle: the number of a handle whose score window should be drawn, too.
        window: another score window to draw.
        size: the image's height in pixels.
        bold: how much larger points and lines are than usual, for images that are shown small.
        layers: which of "points", "trail", "mask", "window" and "heat" are drawn.
        viewport: the part of the image that is shown; None: all of it.

    Raises:
        TypeError: the frame is something else.
        ValueError: there is no such handle, or another argument cannot be drawn.
    """
    instance("frame", frame, Frame, "a frame of a run, such as trace[0]")
    size = whole("size", size, LEAST_SIDE, MOST_SIDE)
    bold = positive("bold", bold, 1.5, MOST_BOLD)
    _check_layers(layers)
    if viewport is not None:
        instance("viewport", viewport, Viewport, "such as dk.compose.Viewport(frame.size)")
        if viewport.size != frame.size:
            raise ValueError(
                f"viewport is one of images of {viewport.size}, and the frame's is {frame.size};"
                " give Viewport(frame.size)"
            )
    if window is not None:
        instance("window", window, ScoreWindow, "what score_window(frame, handle) returns")
    if handle is not None:
        window = score_window(frame, checked_handle(frame, handle))
    return draw_overlay(
        frame.image,
        frame.points.numpy(),
        frame.edit.targets.numpy(),
        path=None if path is None else _checked_path(frame, path),
        mask=None if frame.edit.mask is None else frame.edit.mask.numpy(),
        window=window,
        size=size,
        bold=bold,
        layers=layers,
        viewport=viewport,
    )


def _check_layers(layers: Collection[str]) -> None:
    way_out = f"some of {', '.join(LAYERS)}, such as ('points', 'trail')"
    instance("layers", layers, (tuple, list, set, frozenset), way_out)
    for name in layers:
        if name not in LAYERS:
            raise ValueError(f"there is no layer {shown(name)}; give {way_out}")


def checked_handle(frame: Frame, handle: int) -> int:
    """`handle` as an int; raises ValueError if the frame has no handle of that number."""
    return whole("handle", handle, 0, len(frame.points) - 1)


def _checked_path(frame: Frame, path: ArrayLike) -> np.ndarray:
    count = len(path) if isinstance(path, Sized) else 0
    n = len(frame.points)
    way_out = f"points of shape (steps, {n}, 2), such as trace.path(10)"
    return finite_array("path", path, (count, n, 2), way_out)


def score_window(frame: Frame, handle: int) -> ScoreWindow:
    """The score window of a handle, for :func:`dragkit.compose.draw_overlay`."""
    track = frame.step.track
    scores = track.scores[handle].numpy()
    centre = frame.step.window_centre[handle].numpy()
    candidates = None
    if track.goals is not None:
        candidates = track.goals.candidates[handle].numpy()
    return ScoreWindow(scores, centre, track.stride, candidates)
