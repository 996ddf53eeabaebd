"""The axes of a live chart: from steps and values to pixels, and back to a step."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeVar

import numpy as np

from .chart_legend import legend_height
from .panels import Line, Panel

Number = TypeVar("Number", float, np.ndarray)


@dataclass(frozen=True, eq=False)
class Axes:
    """A frame on a sheet, with round numbers on both axes.

    Attributes:
        left, top, right, bottom: the frame, in pixels of the sheet.
        steps: the numbers on the horizontal axis, from its beginning to its end.
        values: the numbers on the vertical axis.
    """

    left: int
    top: int
    right: int
    bottom: int
    steps: list[float]
    values: list[float]

    def x(self, step: Number) -> Number:
        """Where a step is, or where many are."""
        first = self.steps[0]
        last = self.steps[-1]
        return self.left + (step - first) / (last - first) * (self.right - self.left)

    def y(self, value: Number) -> Number:
        """Where a value is, or where many are; the larger, the higher up."""
        low = self.values[0]
        high = self.values[-1]
        return self.bottom - (value - low) / (high - low) * (self.bottom - self.top)

    def points(self, line: Line) -> list[tuple[float, float]]:
        """Where the finite values of a line are."""
        steps, values = (np.asarray(numbers, float) for numbers in line)
        known = np.isfinite(values)
        return [*zip(self.x(steps[known]).tolist(), self.y(values[known]).tolist())]


def lay_out(panels: Sequence[Panel], size: tuple[int, int]) -> list[Axes]:
    """Axes for each panel: side by side if `size` is wide, else below each other.

    Args:
        panels: all get the same horizontal axis.
        size: (width, height) of the sheet in CSS pixels; it is twice as fine.
    """
    steps = _shared_steps(panels)
    axes = []
    for panel, (left, top, right, bottom) in zip(panels, _frames(len(panels), size)):
        below_legend = min(top + legend_height(panel, right - left), bottom - 1)
        values = _values(panel, count=4 if bottom - below_legend > 180 else 3)
        axes.append(Axes(left, below_legend, right, bottom, steps, values))
    return axes


def step_at(x: float, y: float, panels: Sequence[Panel], size: tuple[int, int]) -> float | None:
    """The step (not rounded) under (x, y), in CSS pixels, of the image that `chart` made.

    It is ``None`` between the panels.
    """
    for axes in lay_out(panels, size):
        left, right, steps = axes.left, axes.right, axes.steps
        if left - 12 <= 2 * x <= right + 12 and axes.top - 12 <= 2 * y <= axes.bottom + 40:
            return float(steps[0] + (2 * x - left) / (right - left) * (steps[-1] - steps[0]))
    return None


def ticks(
    low: float, high: float, rounds: Sequence[float] = (1, 2, 2.5, 5, 10), count: int = 4
) -> list[float]:
    """About `count` round numbers, from at most `low` to at least `high`.

    Args:
        low: the smallest value.
        high: the largest value, above `low`.
        rounds: what a step between two numbers may be, apart from a power of ten.
        count: how many are wanted.
    """
    rough = (high - low) / count
    power = 10 ** np.floor(np.log10(rough))
    step = next(power * m for m in rounds if power * m >= rough * 0.999)
    first = int(np.floor(low / step + 1e-6))
    last = int(np.ceil(high / step - 1e-6))
    return [float(i * step) for i in range(first, last + 1)]


def _shared_steps(panels: Sequence[Panel]) -> list[float]:
    """Round numbers from the first step to the last of all lines."""
    lines = [line for panel in panels for line in (*panel.lines.values(), *panel.past)]
    ends = [end(steps) for steps, _ in lines if len(steps) for end in (min, max)]
    first = min(ends, default=0)
    return ticks(first, max([first + 10, *ends]), (1, 2, 5, 10))


def _values(panel: Panel, count: int) -> list[float]:
    """Round numbers from the lowest to the highest value of a panel."""
    lines = [*panel.lines.values(), *panel.thresholds.values(), *panel.past]
    values = np.concatenate([np.zeros(0), *(np.asarray(values, float) for _, values in lines)])
    known = [*values[np.isfinite(values)].tolist(), *panel.span]
    low = min(known, default=0.0)
    high = max(known, default=1.0)
    if high <= low:
        high = low + 1
    return ticks(low, high, count=count)


def _frames(count: int, size: tuple[int, int]) -> list[tuple[int, int, int, int]]:
    """The frames (left, top, right, bottom) of the panels' axes, in pixels of the sheet."""
    width = 2 * size[0]
    height = 2 * size[1]
    if width > 1.5 * height:
        width = width // count
        corners = [(i * width, 0) for i in range(count)]
    else:
        height = height // count
        corners = [(0, i * height) for i in range(count)]
    across = max(width - 112, 1)  # the smallest players have no room for more
    down = max(height - 118, 1)
    return [(x + 84, y + 56, x + 84 + across, y + 56 + down) for x, y in corners]
