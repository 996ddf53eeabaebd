"""How large the parts of a widget are on the page.

A part is drawn at one size and shown at another: the page makes images as wide as there is room
for, until they would be too high for the window, and everything keeps its shape.
"""

from __future__ import annotations

from dataclasses import dataclass

from ..arguments import instance, shown, whole
from ..numeric import is_whole
from ..runs.drawing import LEAST_SIDE, MOST_SIDE

LEAST_SIZE = 64  # of an image on the page, in CSS pixels: below, its controls have no room
MOST_SIZE = MOST_SIDE // 2  # it is drawn twice as fine
USUAL = 384  # height at which an image is drawn if nobody chose one
PANEL = (384, 192)  # (width, height) at which a panel of curves is drawn
NARROW = 280  # CSS pixels below which an image or a column gets a line of its own
HIGH = 65  # percent of the window's height that an image has at most
CHART_ON_SLIDE = 78  # percent of the window's height that all panels have on a slide
GAP = 8  # CSS pixels between two panels
BLOCK = 8  # a panel's width is a multiple of it: JPEG's blocks are twice as wide

Css = dict[str, str]


@dataclass(frozen=True)
class Sizes:
    """How large the parts of a widget are, in CSS pixels.

    Attributes:
        image: height at which each image is drawn.
        panel: (width, height) at which each panel of curves is drawn.
        wide: whether the panels are meant to be beside each other.
        given: whether somebody has chosen the image's height; else it fills the page.
        chart: width of all panels if somebody has chosen it; else they fill what is left.
        slides: height of an image on a slide, in percent of the window's; 0 for no slide. A slide
            is for a lecture hall: everything is large, with little to press.
    """

    image: int
    panel: tuple[int, int] = PANEL
    wide: bool = False
    given: bool = False
    chart: int | None = None
    slides: int = 0

    @property
    def times(self) -> int:
        """How many times larger than usual text and controls are."""
        return 2 if self.slides else 1

    def image_layout(self, aspect: float, beside: int = 1, least: int = NARROW) -> Css:
        """Of a column with an image.

        Args:
            aspect: width of the image over its height.
            beside: how many such columns stand beside each other, at least two in a row.
            least: its width in CSS pixels below which it gets a line of its own.
        """
        if self.given:
            return {"flex": f"0 1 {round(self.image * aspect)}px", "min_width": "0"}
        if self.slides:
            width = f"calc({self.slides}vh * {aspect:.4f})"
            return {"flex": "0 1 auto", "width": width, "min_width": "0"}
        most = f"calc({HIGH}vh * {aspect:.4f})"
        if beside > 1:
            most = f"min({most}, calc(50% - 6px))"
        return {"flex": f"1 1 {least}px", "max_width": most, "min_width": "0"}

    def chart_layout(self) -> Css:
        """Of the box with all panels."""
        if self.chart is not None:
            return {"flex": f"0 1 {self.chart}px", "min_width": "0"}
        return {"flex": f"1 1 {NARROW}px", "min_width": "0"}

    def panel_width(self, count: int) -> str:
        """How wide each of `count` panels is at most: on a slide, all fit below each other."""
        if not self.slides:
            return "100%"
        width, height = self.panel
        room = f"({CHART_ON_SLIDE}vh - {GAP * (count - 1)}px) / {count}"
        return f"min(100%, calc({room} * {width / height:.4f}))"


def checked_size(size: int) -> int:
    """The height of an image on the page in CSS pixels; raises ValueError if it is none."""
    return whole("size", size, LEAST_SIZE, MOST_SIZE)


def checked_height(size: int) -> int:
    """The height of an image in pixels; raises ValueError if it is none."""
    return whole("size", size, LEAST_SIDE, MOST_SIDE)


def image_size(
    size: int | None, slides: bool = False, usual: int = USUAL, large: int = 640
) -> int:
    """The height at which an image is drawn, where None stands for the `usual` one.

    On slides that is the `large` one.

    Raises:
        TypeError: `slides` is not True or False.
        ValueError: the size is none.
    """
    instance("slides", slides, bool, "True or False")
    if size is None:
        return large if slides else usual
    return checked_size(size)


def player_sizes(
    size: int | None, chart: tuple[int, int] | None, slides: bool, with_buttons: bool
) -> Sizes:
    """The sizes of a player; None for the default.

    Args:
        size: height of the image.
        chart: (width, height) of all curves.
        slides: for a lecture hall.
        with_buttons: whether there is a row of buttons above the image.

    Raises:
        TypeError: `slides` is not True or False.
        ValueError: a size is none.
    """
    height = image_size(size, slides)
    percent = 0
    panel = PANEL
    if slides:
        percent = 57 if with_buttons else 62
        panel = (400, 125)
    if chart is None:
        return Sizes(height, panel, given=size is not None, slides=percent)
    width, wide, panel = _split(_checked_chart(chart))
    return Sizes(height, panel, wide, size is not None, width, percent)


def _split(chart: tuple[int, int]) -> tuple[int, bool, tuple[int, int]]:
    """The curves' width, whether they are wide, and the size of one of three panels."""
    width, height = chart
    wide = width > 1.5 * height
    across, down = (width // 3, height) if wide else (width, height // 3)
    across = max(across // BLOCK, 1) * BLOCK
    return width, wide, (across, min(down, across))


def _checked_chart(chart: tuple[int, int]) -> tuple[int, int]:
    is_pair = isinstance(chart, tuple | list) and len(chart) == 2
    if not (is_pair and all(is_whole(side, LEAST_SIDE, MOST_SIDE) for side in chart)):
        raise ValueError(
            f"chart is {shown(chart)}; give (width, height) in CSS pixels, such as (384, 576)"
        )
    width, height = chart
    return int(width), int(height)
