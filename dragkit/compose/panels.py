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
        band: values from 0 to this one count as arrived, green.
        shaded: (first, last) steps of spans that are shaded.
        shaded_name: what the shade means.
        switched: steps that get a small triangle, because trust switched there.
        from_zero: whether the value axis must contain 0.
        named: whether the legend names the lines; not if another panel does.
        palette: the lines' colours, from the first again if there are more lines.
    """

    title: str
    lines: Mapping[str, Line]
    thresholds: Mapping[str, Line] = field(default_factory=dict)
    past: Sequence[Line] = ()
    band: float | None = None
    shaded: Sequence[tuple[float, float]] = ()
    shaded_name: str = "not trusted"
    switched: Sequence[int] = ()
    from_zero: bool = True
    named: bool = True
    palette: Sequence[Colour] = SERIES

    @property
    def colours(self) -> dict[str, Colour]:
        """Each line's colour."""
        return dict(zip(self.lines, cycle(self.palette)))
