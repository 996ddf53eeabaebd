"""A field of motion, as arrows on the image that it moves."""

from __future__ import annotations

import numpy as np
from PIL import Image
from torch import Tensor

from ..arguments import named_arguments, numbers
from .features import images
from .figures import ORANGE, Photo

ARROWS = 24  # along each side at most; more would hide the image


@named_arguments
def field(image: Tensor | np.ndarray | Image.Image, field: Tensor | np.ndarray) -> Photo:
    """Where each place goes, as true arrows: as long in the figure as the motion is.

    Args:
        image: what is moved: (3 H W) in 0..1, uint8 (H W 3), or Pillow's.
        field: (h w 2) in pixels of the image, (x, y), of cells that cover it, such as
            :func:`dragkit.warping.warp_field` makes.

    Raises:
        ValueError: the image or the field has another shape.
    """
    motion = numbers("field", field, "vectors (h w 2) in pixels").cpu().double().numpy()
    if motion.ndim != 3 or motion.shape[2] != 2 or not motion.size:
        raise ValueError(f"field has shape {motion.shape}; give vectors (h w 2) in pixels")
    figure = images({"where each place goes": image})
    width, height = figure.get_size_inches()
    figure.set_size_inches(1.5 * width, 1.5 * height)  # room for the arrows
    axes = figure.axes[0]
    left, right, bottom, top = axes.images[0].get_extent()

    rows, columns = motion.shape[:2]
    every = -(-max(rows, columns) // ARROWS)
    shown = motion[::every, ::every].reshape(-1, 2)
    row, column = np.mgrid[:rows:every, :columns:every].reshape(2, -1)
    x = left + (column + 0.5) * (right - left) / columns
    y = top + (row + 0.5) * (bottom - top) / rows
    moves = np.hypot(*shown.T) > 0
    axes.quiver(
        x[moves],
        y[moves],
        *shown[moves].T,
        facecolor=ORANGE,
        edgecolor="white",  # seen on an image of any colour
        linewidth=0.8,
        angles="xy",
        scale_units="xy",
        scale=1,
        width=0.007,
    )
    return figure
