"""What every figure stands on: it shows itself, without pyplot, and says what it cannot draw."""

from __future__ import annotations

from collections.abc import Sequence
from io import BytesIO

from matplotlib.axes import Axes
from matplotlib.backend_bases import RendererBase
from matplotlib.figure import Figure
from matplotlib.text import Text
from matplotlib.ticker import LogFormatter

from ..arguments import instance
from ..compose import SERIES
from ..records import Frame, Step
from ..runs.trace import Trace

MOST_ACROSS = 100  # images in a row
COLOURS = ["#{:02x}{:02x}{:02x}".format(*colour) for colour in SERIES]
ORANGE, BLUE, GREEN, PINK, AMBER, SKY = COLOURS
YELLOW = "#f0e442"
FLATTEST, HIGHEST = 0.4, 2.0  # height of an image by its width, for which a figure makes room
SHADE = "#eee2d6"
STOP = "#00825f"  # the line of the stop distance


class PlainFigure(Figure):
    """A figure whose texts are shown as they are: names from files are no formulas."""

    def draw(self, renderer: RendererBase) -> None:
        """Draw it."""
        for text in self.findobj(Text):
            assert isinstance(text, Text)
            text.set_parse_math(False)
        super().draw(renderer)


class Plot(PlainFigure):
    """A figure that shows itself in a notebook, whatever backend is in use."""

    def _repr_png_(self) -> bytes:
        out = BytesIO()
        self.savefig(out, format="png", dpi=90)
        return out.getvalue()


class Photo(PlainFigure):
    """The same for figures that are mostly image: JPEG keeps notebooks small."""

    def _repr_jpeg_(self) -> bytes:
        out = BytesIO()
        settings = {"quality": 90, "subsampling": 0}
        self.savefig(out, format="jpeg", dpi=90, pil_kwargs=settings)
        return out.getvalue()


def colour_of(number: int) -> str:
    """The colour of the handle, term or run with this number."""
    return COLOURS[number % len(COLOURS)]


def more_height(width: float, *sizes: tuple[int, int]) -> float:
    """How much higher (below 0: lower) than with square images a figure has to be, in inches.

    Args:
        width: of each image, in inches; one that is very high is drawn narrower.
        sizes: (height, width) of the images, in any unit.
    """
    highest = max(height / max(width, 1) for height, width in sizes)
    return width * (min(max(highest, FLATTEST), HIGHEST) - 1)


def pixel_extent(size: tuple[int, int]) -> tuple[float, float, float, float]:
    """Where ``imshow`` puts an image of `size` (height, width), so that axes count its pixels."""
    height, width = size
    return -0.5, width - 0.5, height - 0.5, -0.5


def as_frame(step: Frame | Step) -> Frame:
    """The frame of a step; raises TypeError if it is none."""
    if isinstance(step, Frame):
        return step
    instance("frame", step, Step, "a frame of a run, such as trace[0], or a step of dragkit.drag")
    return Frame.of(step)


def check_trace(trace: Trace, name: str = "trace") -> None:
    """Raise TypeError if it is no trace, and ValueError if there is nothing to draw."""
    instance(name, trace, Trace, "a Trace, such as dragkit.Trace(dragkit.drag(…))")
    if not len(trace):
        raise ValueError(f"the {name} is empty; run a step first")


def check_names(names: Sequence[str], count: int, things: str) -> None:
    """Raise an error unless there is a name for each of `count` things, and one at least."""
    instance("names", names, (list, tuple), 'a list of texts, such as ["DragGAN", "mine"]')
    for name in names:
        instance("a name", name, str, "a text")
    if not count:
        raise ValueError(f"there are no {things} to draw; give at least one")
    if len(names) != count:
        raise ValueError(f"{count} {things} and {len(names)} names; give a name for each, or none")


def check_texts(**texts: str) -> None:
    """Raise TypeError unless all are texts."""
    for name, text in texts.items():
        instance(name, text, str, "a text")


def tidy(*many: Axes) -> None:
    """No box, a light grid, a legend."""
    for axes in many:
        axes.spines[["top", "right"]].set_visible(False)
        axes.grid(alpha=0.3)
        axes.legend(frameon=False)


def logarithmic(axes: Axes) -> None:
    """Count the vertical axis in powers of ten, labelled in plain text such as 4e-02.

    Matplotlib's own labels would be formulas, which a :class:`PlainFigure` does not typeset.
    """
    axes.set_yscale("log")
    axes.yaxis.set_major_formatter(LogFormatter())
    axes.yaxis.set_minor_formatter(LogFormatter(labelOnlyBase=False))


def legend_beside(axes: Axes) -> None:
    """Put the legend beside the curves, never over them."""
    axes.legend(frameon=False, loc="upper left", bbox_to_anchor=(1, 1))
