"""Axes for live charts: panels over one time axis, drawn with Pillow, and the step that lies under
the mouse.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from PIL import Image, ImageDraw

from .marks import GREY, INK, WHITE, font

SERIES = (
    (213, 94, 0),
    (0, 114, 178),
    (0, 158, 115),
    (204, 121, 167),
    (230, 159, 0),
    (86, 180, 233),
)
PALE, GREEN, SHADE, PAST = (228, 230, 233), (220, 240, 232), (238, 226, 214), (190, 192, 196)

Line = tuple[Sequence[int], Sequence[float]]  # steps and values


@dataclass(frozen=True, eq=False)
class Panel:
    """One set of axes over the steps.

    Args:
        title: what it shows, with its unit.
        lines: by name, in the palette's order; an empty name has no legend.
        levels: dashed lines, by the name of the line whose colour they have.
        past: lines of earlier runs, grey.
        band: from 0 to this value is green.
        shaded: (first, last) steps of spans that are shaded.
        ticked: steps that get a small triangle.
        words: of the legend, by kind: what "dashes", "shade", "triangle", "band" and "past" mean.
        tight: the value axis need not begin at 0.
        named: whether the legend names the lines; not where another panel does.
    """

    title: str
    lines: Mapping[str, Line]
    levels: Mapping[str, Line] = field(default_factory=dict)
    past: Sequence[Line] = ()
    band: float | None = None
    shaded: Sequence[tuple[float, float]] = ()
    ticked: Sequence[int] = ()
    words: Mapping[str, str] = field(default_factory=dict)
    tight: bool = False
    named: bool = True
    palette: Sequence[tuple] = SERIES

    def colours(self) -> dict[str, tuple]:
        """Each line's colour."""
        return dict(zip(self.lines, _cycle(self.palette)))


def chart(panels: Sequence[Panel], at: int | None, size: tuple[int, int]) -> Image.Image:
    """Draw panels side by side where `size` (width, height in CSS pixels) is wide, else stacked;
    twice as fine.

    Step `at` is marked on every panel.
    """
    sheet = Image.new("RGB", (2 * size[0], 2 * size[1]), WHITE)
    draw, steps = ImageDraw.Draw(sheet), _steps(panels)
    for panel, box in zip(panels, _boxes(len(panels), size)):
        _panel(draw, panel, box, steps)
    return sheet if at is None else marked(sheet, panels, at, size)


def marked(
    sheet: Image.Image, panels: Sequence[Panel], at: int, size: tuple[int, int]
) -> Image.Image:
    """A copy of what `chart` drew without a mark, with step `at` marked: a tenth of the work."""
    sheet, steps = sheet.copy(), _steps(panels)
    draw = ImageDraw.Draw(sheet)
    for panel, box in zip(panels, _boxes(len(panels), size)):
        _, x, y = _scales(panel, box, steps)
        _mark(draw, panel, x, y, at, box[1], box[3])
    return sheet


def step_at(x: float, y: float, panels: Sequence[Panel], size: tuple[int, int]) -> float | None:
    """The step (not rounded) under (x, y), in CSS pixels, of the image that `chart` made;
    ``None`` between the panels.
    """
    steps = _steps(panels)
    for left, top, right, bottom in _boxes(len(panels), size):
        if left - 12 <= 2 * x <= right + 12 and top - 12 <= 2 * y <= bottom + 40:
            return float(steps[0] + (2 * x - left) / (right - left) * (steps[-1] - steps[0]))
    return None


def _steps(panels: Sequence[Panel]) -> list[float]:
    """Round numbers from the first step to the last of all lines."""
    all_steps = [s for p in panels for steps, _ in [*p.lines.values(), *p.past] for s in steps]
    start = min(all_steps, default=0)
    return ticks(start, max([start + 10, *all_steps]), (1, 2, 5, 10))


def _boxes(count: int, size: tuple[int, int]) -> list[tuple[int, int, int, int]]:
    """The frames (left, top, right, bottom) of the panels' axes."""
    width, height = 2 * size[0], 2 * size[1]
    wide = width > 1.5 * height
    w, h = (width // count, height) if wide else (width, height // count)
    corners = [(i * w, 0) if wide else (0, i * h) for i in range(count)]
    return [(x + 84, y + 56, x + w - 28, y + h - 62) for x, y in corners]


def _scales(panel: Panel, box, steps) -> tuple[list[float], Callable, Callable]:
    """The value axis's numbers, and from steps and values to pixels."""
    left, top, right, bottom = box
    values = [
        v
        for _, ys in [*panel.lines.values(), *panel.levels.values(), *panel.past]
        for v in ys
        if np.isfinite(v)
    ]
    low, high = min(values, default=0), max(values, default=1)
    low, high = (low, high) if panel.tight else (min(0, low), max(0, high))
    values = ticks(low, high if high > low else low + 1, count=4 if bottom - top > 180 else 3)
    x = lambda s: left + (s - steps[0]) / (steps[-1] - steps[0]) * (right - left)
    y = lambda v: bottom - (v - values[0]) / (values[-1] - values[0]) * (bottom - top)
    return values, x, y


def _panel(draw, panel: Panel, box, steps) -> None:
    left, top, right, bottom = box
    values, x, y = _scales(panel, box, steps)
    draw.text((left - 64, top - 42), panel.title, INK, font(24))
    if panel.band:
        draw.rectangle([left, y(min(panel.band, values[-1])), right, bottom], GREEN)
    for first, last in panel.shaded:
        draw.rectangle([max(x(first), left), top, min(x(last), right), bottom], SHADE)
    _axes(draw, steps, values, x, y, box)
    _lines(draw, panel, x, y)
    for s in panel.ticked:
        draw.polygon([(x(s) - 8, top - 6), (x(s) + 8, top - 6), (x(s), top + 8)], INK)
    _legend(
        draw,
        panel,
        (left - 64 + draw.textlength(panel.title, font(24)) + 24, right, top - 42, bottom + 31),
    )


def _lines(draw, panel: Panel, x, y) -> None:
    place = lambda line: [(x(s), y(v)) for s, v in zip(*line) if np.isfinite(v)]
    colours = panel.colours()
    for line in panel.past:
        _line(draw, place(line), PAST, 3)
    for name, line in panel.levels.items():
        _dashes(draw, place(line), colours.get(name, GREY))
    for name, line in panel.lines.items():
        _line(draw, place(line), colours[name], 5)


def _axes(draw, steps, values, x, y, box) -> None:
    left, _, right, bottom = box
    for v in values:
        draw.line([left, y(v), right, y(v)], PALE, 2)
        draw.text((left - 12, y(v)), f"{v:.6g}", GREY, font(20), anchor="rm")
    for s in steps:
        draw.line([x(s), bottom, x(s), bottom + 6], GREY, 2)
        draw.text((x(s), bottom + 10), f"{s:g}", GREY, font(20), anchor="ma")
    draw.line([left, bottom, right, bottom], GREY, 2)
    draw.text(((left + right) / 2, bottom + 34), "step", GREY, font(20), anchor="ma")


def _legend(draw, panel: Panel, place) -> None:
    """Names right of the title, each after its mark; what has no room there stands
    below the axes.
    """
    left, right, top, below = place
    entries = [(n, "line", c) for n, c in panel.colours().items() if n and panel.named] + [
        (w, k, GREY) for k, w in panel.words.items()
    ]
    wide = lambda some: sum(draw.textlength(name, font(20)) + 52 for name, _, _ in some)
    rest = []
    while entries and wide(entries) > right - left + 20:
        rest.append(entries.pop())
    _entries(draw, entries, right, top)
    _entries(draw, rest[::-1], right, below)


def _entries(draw, entries, right: float, top: float) -> None:
    for name, kind, colour in reversed(entries):
        draw.text((right, top + 2), name, INK, font(20), anchor="ra")
        right -= draw.textlength(name, font(20)) + 8
        _sample(draw, kind, colour, right, top + 14)
        right -= 44


def _sample(draw, kind: str, colour, right: float, y: float) -> None:
    """A piece of what the legend explains, left of `right`."""
    if kind == "line":
        draw.line([right - 24, y, right, y], colour, 6)
    elif kind == "dashes":
        _dashes(draw, [(right - 26, y), (right, y)], colour)
    elif kind == "past":
        draw.line([right - 24, y, right, y], PAST, 4)
    elif kind in ("shade", "band"):
        draw.rectangle(
            [right - 24, y - 9, right, y + 9], SHADE if kind == "shade" else GREEN, PAST
        )
    else:
        draw.polygon([(right - 18, y - 7), (right - 2, y - 7), (right - 10, y + 7)], INK)


def _mark(draw, panel: Panel, x, y, at: int, top: float, bottom: float) -> None:
    """The step that is shown: a thin line, and a dot on every curve; one that has ended keeps its
    last.
    """
    draw.line([x(at), top, x(at), bottom], GREY, 2)
    colours = panel.colours()
    for name, (steps, values) in panel.lines.items():
        past = [(s, v) for s, v in zip(steps, values) if s <= at]
        if past and np.isfinite(past[-1][1]):
            cx, cy = x(past[-1][0]), y(past[-1][1])
            draw.ellipse([cx - 9, cy - 9, cx + 9, cy + 9], WHITE)
            draw.ellipse([cx - 7, cy - 7, cx + 7, cy + 7], colours[name])


def _line(draw, points, colour, width) -> None:
    if len(points) > 1:
        draw.line(points, colour, width, joint="curve")


def _dashes(draw, points, colour, on: float = 10, off: float = 6) -> None:
    """Dashed along x; the points go from left to right."""
    if len(points) < 2:
        return
    xs, ys = np.array(points).T
    for start in np.arange(xs[0], xs[-1], on + off):
        ends = np.array([start, min(start + on, xs[-1])])
        draw.line([*zip(ends, np.interp(ends, xs, ys))], colour, 3)


def _cycle(palette) -> Iterator[tuple]:
    while True:
        yield from palette


def ticks(
    low: float, high: float, rounds: Sequence[float] = (1, 2, 2.5, 5, 10), count: int = 4
) -> list[float]:
    """About `count` round numbers, from at most `low` to at least `high`."""
    rough = (high - low) / count
    power = 10 ** np.floor(np.log10(rough))
    step = next(power * m for m in rounds if power * m >= rough * 0.999)
    first = int(np.floor(low / step + 1e-6))
    return [float(i * step) for i in range(first, int(np.ceil(high / step - 1e-6)) + 1)]
