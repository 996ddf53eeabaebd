"""How large the parts of a widget are on the page."""

from __future__ import annotations

from dataclasses import dataclass

from ..arguments import instance, shown, whole
from ..numeric import is_whole
from ..runs.drawing import LEAST_SIDE, MOST_SIDE

LEAST_SIZE = 64  # of an image on the page, in CSS pixels: below, its controls have no room
MOST_SIZE = MOST_SIDE // 2  # it is drawn twice as fine


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


def checked_size(size: int) -> int:
    """The height of an image on the page in CSS pixels; raises ValueError if it is none."""
    return whole("size", size, LEAST_SIZE, MOST_SIZE)


def checked_height(size: int) -> int:
    """The height of an image in pixels; raises ValueError if it is none."""
    return whole("size", size, LEAST_SIDE, MOST_SIDE)


def image_size(size: int | None, slides: bool, usual: int, large: int) -> int:
    """The height of an image on the page, where None stands for the `usual` one.

    On slides that is the `large` one.

    Raises:
        TypeError: `slides` is not True or False.
        ValueError: the size is none.
    """
    instance("slides", slides, bool, "True or False")
    if size is None:
        return large if slides else usual
    return checked_size(size)


def player_sizes(size: int | None, chart: tuple[int, int] | None, slides: bool) -> Sizes:
    """The sizes of a player; None for the default.

    Raises:
        TypeError: `slides` is not True or False.
        ValueError: a size is none.
    """
    size = image_size(size, slides, usual=384, large=640)
    if chart is not None:
        return Sizes(size, _checked_chart(chart), slides)
    if slides:
        return Sizes(size, (7 * size // 16, size // 2), slides)
    return Sizes(size, (size, 3 * size // 2), slides)


def _checked_chart(chart: tuple[int, int]) -> tuple[int, int]:
    is_pair = isinstance(chart, tuple | list) and len(chart) == 2
    if not (is_pair and all(is_whole(side, LEAST_SIDE, MOST_SIDE) for side in chart)):
        raise ValueError(
            f"chart is {shown(chart)}; give (width, height) in CSS pixels, such as (384, 576)"
        )
    width, height = chart
    return int(width), int(height)
