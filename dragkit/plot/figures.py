"""What every figure stands on: it shows itself, without pyplot."""

from __future__ import annotations

from io import BytesIO

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from ..records import Frame, Step
from ..runs.trace import Trace

# Okabe and Ito
COLOURS = ORANGE, BLUE, GREEN, PINK, AMBER, SKY = (
    "#d55e00",
    "#0072b2",
    "#009e73",
    "#cc79a7",
    "#e69f00",
    "#56b4e9",
)
YELLOW, SHADE = "#f0e442", "#eee2d6"


class Plot(Figure):
    """A figure that shows itself in a notebook, whatever backend is in use."""

    def _repr_png_(self) -> bytes:
        out = BytesIO()
        self.savefig(out, format="png", dpi=90)
        return out.getvalue()


class Photo(Figure):
    """The same for figures that are mostly image: JPEG keeps notebooks small."""

    def _repr_jpeg_(self) -> bytes:
        out = BytesIO()
        self.savefig(out, format="jpeg", dpi=90, pil_kwargs={"quality": 90, "subsampling": 0})
        return out.getvalue()


def light(step: Frame | Step) -> Frame:
    """The light record of a step."""
    return step if isinstance(step, Frame) else Frame.of(step)


def need(trace: Trace) -> None:
    """Raise ValueError where there is nothing to draw."""
    if not len(trace):
        raise ValueError("the trace is empty; run a step first")


def handle_of(frame: Frame, handle: int) -> int:
    """`handle`, if the frame has it; else a ValueError."""
    if not 0 <= handle < len(frame.points):
        raise ValueError(f"no handle {handle}; this step has handles 0 to {len(frame.points) - 1}")
    return handle


def tidy(*many: Axes) -> None:
    """No box, a light grid, a legend."""
    for axes in many:
        axes.spines[["top", "right"]].set_visible(False)
        axes.grid(alpha=0.3)
        axes.legend(frameon=False)
