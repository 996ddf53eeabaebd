"""A frame as an image, with everything that happened drawn in."""

from __future__ import annotations

from typing import Any

import numpy as np
from PIL import Image

from ..compose import ScoreWindow, draw_overlay
from ..records import Frame


def draw_frame(
    frame: Frame, path: np.ndarray | None = None, handle: int | None = None, **style: Any
) -> Image.Image:
    """The frame's image with handles, targets and mask drawn in.

    Args:
        path: (steps n 2) the handles' path so far: ``trace.path(i)``.
        handle: the number of a handle whose score window should be drawn, too.
        style: `size` in pixels and more, as in :func:`dragkit.compose.draw_overlay`.
    """
    if handle is not None:
        style["window"] = score_window(frame, handle)
    return draw_overlay(
        frame.image,
        frame.points.numpy(),
        frame.edit.targets.numpy(),
        path=path,
        mask=None if frame.edit.mask is None else frame.edit.mask.numpy(),
        **style,
    )


def score_window(frame: Frame, handle: int) -> ScoreWindow:
    """The score window of a handle, for :func:`dragkit.compose.draw_overlay`."""
    track = frame.step.track
    scores = track.scores[handle].numpy()
    centre = frame.step.window_centre[handle].numpy()
    candidates = None
    if track.goals is not None:
        candidates = track.goals.candidates[handle].numpy()
    return ScoreWindow(scores, centre, track.stride, candidates)
