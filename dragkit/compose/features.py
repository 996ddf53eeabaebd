r"""Features as colours, and how similar every cell is to one feature.

The colours are their principal components as red, green and blue. Features are (c h w), cells
that cover the image.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch
from PIL import Image, ImageDraw

from ..geometry import sample
from .marks import BLACK, WHITE
from .score_colours import score_colours
from .viewport import Viewport

Measure = Literal["cosine", "distance"]
MEASURES = ("cosine", "distance")


@dataclass(frozen=True, eq=False)
class Palette:
    """Three directions in feature space, from one frame: content keeps its colour along a run.

    Attributes:
        mean: (c) of the frame's features.
        axes: (c 3) the directions in which they vary most: red, green, blue.
        low: (3) the components that become 0.
        high: (3) the components that become 1.
        explained: the fraction of the variance that three numbers can show, 0..1.
    """

    mean: np.ndarray
    axes: np.ndarray
    low: np.ndarray
    high: np.ndarray
    explained: float

    @classmethod
    def of(cls, features: np.ndarray) -> Palette:
        r"""The principal components of `features` (c h w).

        They are the eigenvectors of :math:`\sum_q (F_q - μ)(F_q - μ)^T`, longest first. An axis
        has no sign of its own; it is chosen so that its largest number is positive.
        """
        cells = features.reshape(len(features), -1).T.astype(np.float64)
        mean = cells.mean(0)
        centred = cells - mean
        variances, vectors = np.linalg.eigh(centred.T @ centred)
        variances = np.maximum(variances[::-1], 0)

        missing = max(0, 3 - len(mean))  # with one or two channels some colours stay empty
        axes = np.pad(vectors, ((0, 0), (missing, 0)))[:, :-4:-1]
        largest = axes[abs(axes).argmax(0), range(3)]
        axes = axes * np.where(largest < 0, -1, 1)

        # a few odd cells would make the rest grey
        low, high = np.percentile(centred @ axes, (1, 99), axis=0)
        explained = float(variances[:3].sum() / max(variances.sum(), 1e-12))
        return cls(mean, axes, low, high, explained)

    def colours(self, features: np.ndarray) -> np.ndarray:
        """`features` (c h w) as uint8 (h w 3)."""
        components = (np.moveaxis(features, 0, -1) - self.mean) @ self.axes
        spread = np.maximum(self.high - self.low, 1e-12)
        level = np.clip((components - self.low) / spread, 0, 1)
        return (level * 255).round().astype(np.uint8)


def read_feature(features: np.ndarray, point: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """The feature (c) at `point` (x, y), in pixels of an image of `size` (height, width).

    It is read as the trackers read it, see :func:`dragkit.geometry.sample`.
    """
    values = torch.from_numpy(features)
    place = torch.as_tensor(point, dtype=values.dtype)
    return sample(values, place, size).numpy()


def similarity_map(
    features: np.ndarray, feature: np.ndarray, measure: Measure = "cosine"
) -> np.ndarray:
    """How similar each cell of `features` (c h w) is to `feature` (c).

    Args:
        features: of all cells.
        feature: the one that they are compared with.
        measure: "cosine" (1 at best), or "distance": -‖F - f‖ (0 at best).

    Raises:
        ValueError: an unknown measure.
    """
    if measure not in MEASURES:
        raise ValueError(f"unknown measure {measure!r}; choose from {', '.join(MEASURES)}")
    if measure == "distance":
        return -np.linalg.norm(features - feature[:, None, None], axis=0)
    lengths = np.linalg.norm(features, axis=0) * np.linalg.norm(feature)
    return np.einsum("chw,c->hw", features, feature) / np.maximum(lengths, 1e-12)


def map_image(
    cells: np.ndarray, size: int, point: np.ndarray | None = None, shape: tuple[int, int] = (1, 1)
) -> Image.Image:
    """A map, enlarged to `size` pixels high, with a cross at a point.

    Args:
        cells: colours, uint8 (h w 3), or scores (h w).
        size: height in pixels.
        point: (x, y) in pixels of an image of `shape`; None for no cross.
        shape: (height, width) of the image that the map covers.
    """
    if cells.ndim == 2:
        cells = score_colours(cells)[..., :3]
    width = round(size * shape[1] / shape[0])
    image = Image.fromarray(cells).resize((width, size), Image.Resampling.NEAREST)
    return image if point is None else with_cross(image, point, Viewport(shape))


def with_cross(
    image: Image.Image, point: np.ndarray | tuple[float, float], viewport: Viewport
) -> Image.Image:
    """A copy of `image`, which shows a part of another, with a cross at a point (x, y) of that."""
    marked = image.copy()
    centre = viewport.to_canvas(point, image.height)
    _draw_cross(ImageDraw.Draw(marked), centre, image.height / 384)
    return marked


def _draw_cross(draw: ImageDraw.ImageDraw, centre: np.ndarray, unit: float) -> None:
    """A white cross with black rims, open in the middle."""
    x, y = centre
    outer = 9 * unit
    inner = outer / 3
    for colour, width in ((BLACK, 4.2), (WHITE, 2)):
        thickness = max(round(width * unit), 1)
        for sign in (1, -1):
            near = sign * inner
            far = sign * outer
            draw.line([x + near, y, x + far, y], colour, thickness)
            draw.line([x, y + near, x, y + far], colour, thickness)
