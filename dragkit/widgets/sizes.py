"""How large the parts of a widget are on the page."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Sizes:
    """How large the parts of a widget are, in CSS pixels.

    Attributes:
        image: height of each image.
        chart: (width, height) of the curves; on slides they are shown twice as large.
        slides: for a lecture hall: everything is large, with little to press.
    """

    image: int
    chart: tuple[int, int]
    slides: bool = False

    @property
    def times(self) -> int:
        """How many times larger than usual text and controls are."""
        return 2 if self.slides else 1


def player_sizes(size: int | None, chart: tuple[int, int] | None, slides: bool) -> Sizes:
    """The sizes of a player; None for the default."""
    if slides:
        size = size or 640
        chart = chart or (7 * size // 16, size // 2)
    else:
        size = size or 384
        chart = chart or (size, 3 * size // 2)
    return Sizes(size, chart, slides)
