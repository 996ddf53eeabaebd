"""What a live chart shows: panels of lines over the steps, and their colours."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import cycle

import numpy as np

from .marks import Colour

# The colour-blind-safe colours of Okabe and Ito.
SERIES: tuple[Colour, ...] = (
    (213, 94, 0),
    (0, 114, 178),
    (0, 158, 115),
    (204, 121, 167),
    (230, 159, 0),
    (86, 180, 233),
)
PALE: Colour = (228, 230, 233)  # the grid
GREEN: Colour = (220, 240, 232)  # the band
STOP: Colour = (0, 130, 95)  # the line on top of the band
SHADE: Colour = (238, 226, 214)  # spans that are shaded
PAST: Colour = (190, 192, 196)  # lines of earlier runs

Line = tuple[Sequence[int], Sequence[float] | np.ndarray]  # steps and values


@dataclass(frozen=True, eq=False)
class Panel:
    """One set of axes over the steps.

    Attributes:
        title: what it shows, with its unit.
        lines: by name, in the palette's order; an empty name has no legend.
        thresholds: dashed lines, by the name of the line whose colour they have.
        past: lines of the runs before, grey.
        band: the stop distance: values from 0 to this one count as arrived, green below a line.
        bands: further stop distances, by the name of the line whose colour they have.
        shaded: (first, last) steps of spans that are shaded.
        shaded_name: what the shade means.
        switched: steps that get a small triangle, because trust switched there.
        swapped: steps that get an upright line, because another tracker took over there.
        intervened: steps that get a diamond on the axis, because something was done to the run.
        span: values that the value axis has at least, so that it does not jump while a run
            grows; others make it longer.
        palette: the lines' colours, from the first again if there are more lines.
    """

    title: str
    lines: Mapping[str, Line]
    thresholds: Mapping[str, Line] = field(default_factory=dict)
    past: Sequence[Line] = ()
    band: float | None = None
    bands: Mapping[str, float] = field(default_factory=dict)
    shaded: Sequence[tuple[float, float]] = ()
    shaded_name: str = "not trusted"
    switched: Sequence[int] = ()
    swapped: Sequence[int] = ()
    intervened: Sequence[int] = ()
    span: Sequence[float] = (0,)
    palette: Sequence[Colour] = SERIES

    @property
    def colours(self) -> dict[str, Colour]:
        """Each line's colour."""
        return dict(zip(self.lines, cycle(self.palette)))


def stop_distances(panel: Panel) -> list[tuple[float, Colour]]:
    """The stop distances that are drawn as lines, each with its colour."""
    found = [(distance, panel.colours[name]) for name, distance in panel.bands.items()]
    if panel.band:
        found.append((panel.band, STOP))
    return found
