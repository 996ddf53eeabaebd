"""What a score window says about a pixel, in words."""

from __future__ import annotations

import numpy as np

from ..compose import Viewport, window_cell_at
from ..records import Frame
from ..runs.drawing import score_window

Cell = tuple[int, int]  # row and column


def reading_on_image(
    frame: Frame, handle: int | None, x: float, y: float, size: int, viewport: Viewport
) -> str:
    """The values under (x, y), in image pixels, of an image `size` high; or that there are none.

    Args:
        frame: the step that the image shows.
        handle: whose score window it shows; None for none.
        x: in pixels of the model's image.
        y: in the same.
        size: height of the image that was drawn.
        viewport: the part of the model's image that it shows.
    """
    if handle is not None and handle < len(frame.points):
        window = score_window(frame, handle)
        cell = window_cell_at(x, y, window, viewport, frame.edit.targets.numpy(), size)
        if cell is not None:
            return reading(frame, handle, cell)
    return f"pixel ({x:.0f}, {y:.0f}): no score here"


def reading(frame: Frame, handle: int, cell: Cell) -> str:
    """The pixel of a cell, and its value in every score map of a handle; the fused one last."""
    maps = frame.score_maps(handle)
    (first, scores), *others = maps.items()
    values = [f"{name} {_number(scores_of[cell])}" for name, scores_of in others]
    values.append(f"{first} {_number(scores[cell])}")

    x, y = pixel_of(frame, handle, cell)
    return f"pixel ({x:g}, {y:g}): {' · '.join(values)}"


def pixel_of(frame: Frame, handle: int, cell: Cell) -> tuple[float, float]:
    """The pixel (x, y) of the model's image that a cell of a handle's score window stands for."""
    row, column = cell
    offset = np.array([column, row]) - frame.scores.shape[-1] // 2
    centre = frame.step.window_centre[handle].numpy()
    x, y = (centre + frame.step.track.stride * offset).tolist()
    return x, y


def _number(value: np.floating) -> str:
    return f"{value:.3g}" if np.isfinite(value) else "off the image"
