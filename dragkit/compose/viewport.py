"""Which part of an image is shown: all of it, or a part that is magnified."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

LEAST = 8  # rows of the image that are shown at the strongest zoom


@dataclass(frozen=True)
class Viewport:
    """The part of an image that a canvas shows: 1 / zoom of its width and of its height.

    On a canvas h pixels high, a pixel of the image is s = zoom h / H pixels wide, and the place
    (x, y) of the image is at ((x + ½ - left) s, (y + ½ - top) s). A viewport never reaches beyond
    the image.

    Attributes:
        size: (height, width) of the image in pixels.
        zoom: 1 shows the whole image; at most `most`.
        corner: (left, top) of the part, counted in pixels from the image's upper left corner.
    """

    size: tuple[int, int]
    zoom: float = 1
    corner: tuple[float, float] = (0, 0)

    @property
    def most(self) -> float:
        """The strongest zoom, which leaves 8 rows of the image."""
        return max(self.size[0] / LEAST, 1)

    @property
    def extent(self) -> tuple[float, float]:
        """(width, height) of the part in pixels of the image."""
        height, width = self.size
        return width / self.zoom, height / self.zoom

    @property
    def box(self) -> tuple[float, float, float, float]:
        """Left, top, right and bottom of the part, as Pillow counts them."""
        (left, top), (across, down) = self.corner, self.extent
        height, width = self.size
        return left, top, min(left + across, width), min(top + down, height)

    @property
    def centre(self) -> tuple[float, float]:
        """The place (x, y) in the middle of the part."""
        (left, top), (across, down) = self.corner, self.extent
        return left + across / 2 - 0.5, top + down / 2 - 0.5

    def scale(self, height: float) -> float:
        """How many pixels of a canvas of that height a pixel of the image takes."""
        return self.zoom * height / self.size[0]

    def to_canvas(self, places: np.ndarray | tuple[float, float], height: float) -> np.ndarray:
        """Where places (… 2) of the image are on a canvas of that height, in its pixels."""
        return (np.asarray(places, float) + 0.5 - self.corner) * self.scale(height)

    def to_image(self, x: float, y: float, height: float) -> tuple[float, float]:
        """The place (x, y) of the image that is shown at (x, y) of a canvas of that height."""
        scale = self.scale(height)
        left, top = self.corner
        return x / scale + left - 0.5, y / scale + top - 0.5

    def zoomed(self, factor: float, at: tuple[float, float]) -> Viewport:
        """Magnified by a factor, or less where that is too much; `at` (x, y) stays in its place.

        What stays is at the border of the image where it would reach beyond.
        """
        zoom = min(max(self.zoom * factor, 1), self.most)
        shrunk = self.zoom / zoom  # of the part
        x, y = at
        left, top = self.corner
        corner = (x + 0.5 - (x + 0.5 - left) * shrunk, y + 0.5 - (y + 0.5 - top) * shrunk)
        return replace(self, zoom=zoom)._at(corner)

    def moved(self, across: float, down: float) -> Viewport:
        """Another part, that many pixels of the image to the right and below."""
        left, top = self.corner
        return self._at((left + across, top + down))

    def showing(self, at: tuple[float, float]) -> Viewport:
        """The same if the place `at` (x, y) is in it, else the part with it in the middle."""
        left, top, right, bottom = self.box
        x, y = at[0] + 0.5, at[1] + 0.5
        if left <= x <= right and top <= y <= bottom:
            return self
        across, down = self.extent
        return self._at((x - across / 2, y - down / 2))

    def _at(self, corner: tuple[float, float]) -> Viewport:
        """The part with that corner, or the nearest one that is inside the image."""
        (left, top), (across, down) = corner, self.extent
        height, width = self.size
        left, top = min(left, width - across), min(top, height - down)
        return replace(self, corner=(max(left, 0.0), max(top, 0.0)))
