r"""Features as colours: their principal components as red, green and blue, and how alike every
cell is to one feature.

Features are (c h w), cells covering the image; they are read at points as
:func:`dragkit.geometry.sample` reads them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from PIL import Image, ImageDraw

from .marks import BLACK, INK, WHITE, font
from .score_windows import colours, viridis

Measure = Literal["cosine", "distance"]
MEASURES = ("cosine", "distance")


@dataclass(frozen=True, eq=False)
class Palette:
    """Three directions in feature space, made of one frame, so that the same content keeps its
    colour along a run.

    Attributes:
        mean: (c) of the frame's features.
        axes: (c 3) the directions in which they vary most: red, green, blue.
        low, high: (3) the range of the components that becomes 0..1.
        explained: the fraction of the variance that three numbers can show, 0..1.
    """

    mean: np.ndarray
    axes: np.ndarray
    low: np.ndarray
    high: np.ndarray
    explained: float

    @classmethod
    def of(cls, features: np.ndarray) -> Palette:
        r"""The principal components of `features` (c h w): eigenvectors of
        :math:`\sum_q (F_q - μ)(F_q - μ)^T`, longest first.

        An axis has no sign of its own; the sign is chosen so that its largest number is positive.
        """
        cells = features.reshape(len(features), -1).T.astype(np.float64)
        mean = cells.mean(0)
        sizes, axes = np.linalg.eigh((cells - mean).T @ (cells - mean))
        axes, sizes = (
            np.pad(axes, ((0, 0), (max(0, 3 - len(mean)), 0)))[:, :-4:-1],
            np.maximum(sizes[::-1], 0),
        )
        axes = axes * np.where(axes[abs(axes).argmax(0), range(3)] < 0, -1, 1)
        # a few odd cells would make the rest grey
        low, high = np.percentile((cells - mean) @ axes, (1, 99), axis=0)
        return cls(mean, axes, low, high, float(sizes[:3].sum() / max(sizes.sum(), 1e-12)))

    def colours(self, features: np.ndarray) -> np.ndarray:
        """`features` (c h w) as uint8 (h w 3)."""
        parts = (np.moveaxis(features, 0, -1) - self.mean) @ self.axes
        return (
            (np.clip((parts - self.low) / np.maximum(self.high - self.low, 1e-12), 0, 1) * 255)
            .round()
            .astype(np.uint8)
        )


def read(features: np.ndarray, point: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """The feature (c) at `point` (x, y), in pixels of an image of `size` (height, width);
    bilinear between the cells.
    """
    h, w = features.shape[1:]
    x = np.clip((point[0] + 0.5) * w / size[1] - 0.5, 0, w - 1)
    y = np.clip((point[1] + 0.5) * h / size[0] - 0.5, 0, h - 1)
    left, top = int(x), int(y)
    right, bottom = min(left + 1, w - 1), min(top + 1, h - 1)
    a, b = x - left, y - top
    upper = (1 - a) * features[:, top, left] + a * features[:, top, right]
    lower = (1 - a) * features[:, bottom, left] + a * features[:, bottom, right]
    return (1 - b) * upper + b * lower


def alike(features: np.ndarray, feature: np.ndarray, measure: Measure = "cosine") -> np.ndarray:
    """How alike each cell of `features` (c h w) is to `feature` (c): the cosine (1 at best), or
    -‖F - f‖ (0 at best).
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
    """A map, uint8 (h w 3) or scores (h w), enlarged to `size` pixels high, with a cross at
    `point` of an image of `shape`.
    """
    if cells.ndim == 2:
        cells = colours(cells)[..., :3]
    wide = round(size * shape[1] / shape[0])
    image = Image.fromarray(cells).resize((wide, size), Image.Resampling.NEAREST)
    if point is not None:
        x, y = (np.asarray(point, float) + 0.5) * size / shape[0]
        draw, unit = ImageDraw.Draw(image), size / 384
        for colour, width in ((BLACK, 4.2), (WHITE, 2)):
            r = 9 * unit
            for a, b in ((r / 3, r), (-r / 3, -r)):  # open in the middle
                draw.line([x + a, y, x + b, y], colour, max(round(width * unit), 1))
                draw.line([x, y + a, x, y + b], colour, max(round(width * unit), 1))
    return image


def scale_bar(scores: np.ndarray, name: str, width: int = 384) -> Image.Image:
    """The colours of a map (h w) with its lowest and highest value; twice as fine as its `width`
    in CSS pixels.
    """
    sheet = Image.new("RGB", (2 * width, 44), WHITE)
    draw, x = ImageDraw.Draw(sheet), 4
    for word in (f"{name}:  {np.nanmin(scores):.3g}", None, f"{np.nanmax(scores):.3g}"):
        if word is None:
            sheet.paste(
                Image.fromarray(np.broadcast_to(viridis()[None, :, :3], (20, 256, 3)).copy()),
                (x, 12),
            )
            x += 268
        else:
            draw.text((x, 22), word, INK, font(22), anchor="lm")
            x += round(draw.textlength(word, font(22)) + 12)
    return sheet
