"""Live curves as a picture: distance to target and loss terms over the steps."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from PIL import Image, ImageDraw

from .picture import INK, WHITE, font

SERIES = ((213, 94, 0), (0, 114, 178), (0, 158, 115), (204, 121, 167), (230, 159, 0), (86, 180, 233))
GREY, PALE, GREEN = (110, 113, 118), (228, 230, 233), (220, 240, 232)


def curves(
    steps: Sequence[int],
    distance: np.ndarray,
    losses: Mapping[str, Sequence[float]],
    *,
    at: int | None = None,
    arrive: float | None = None,
    past: Sequence[tuple[Sequence[int], np.ndarray]] = (),
    size: tuple[int, int] = (384, 384),
) -> Image.Image:
    """Draw distance to target and loss terms; two panels side by side where `size` is wide, else stacked.

    Args:
        steps: (s) the steps' numbers.
        distance: (s n) from each handle to its target, in pixels.
        losses: the values (s) of each term by its name.
        at: position of the step that is marked; default the last.
        arrive: the stop distance in pixels, shown as a band.
        past: steps and distances of earlier runs, drawn in grey.
        size: (width, height) in CSS pixels; the picture is twice as large, for sharp screens.
    """
    width, height = (2 * s for s in size)
    sheet = Image.new("RGB", (width, height), WHITE)
    draw = ImageDraw.Draw(sheet)
    wide = width > 1.5 * height
    first = (0, 0, width // 2, height) if wide else (0, 0, width, height // 2)
    second = (width // 2, 0, width, height) if wide else (0, height // 2, width, height)
    names = [f"handle {i}" if np.shape(distance)[1] > 1 else "" for i in range(np.shape(distance)[1])]
    ways = dict(zip(names, np.asarray(distance, float).T))
    before = [(s, way) for s, ways_before in past for way in np.asarray(ways_before, float).T]
    start = min(steps, default=0)
    xticks = _ticks(start, max([start + 10, *steps, *(s for run, _ in past for s in run)]), (1, 2, 5, 10))
    _panel(draw, first, "distance to target (px)", steps, ways, SERIES, xticks, at, arrive, before)
    _panel(draw, second, "loss", steps, dict(losses), SERIES[1:] + SERIES[:1], xticks, at)
    return sheet


def _panel(draw, box, title, steps, series, palette, xticks, at, band=None, past=()) -> None:
    """One set of axes: y from 0 to a round number."""
    left, top, right, bottom = box[0] + 84, box[1] + 56, box[2] - 28, box[3] - 62
    values = [v for ys in [*series.values(), *(p[1] for p in past)] for v in ys if np.isfinite(v)]
    low = min([0, *values])
    yticks = _ticks(low, max([0, *values]) if max([0, *values]) > low else 1)
    x = lambda s: left + (s - xticks[0]) / (xticks[-1] - xticks[0]) * (right - left)
    y = lambda v: bottom - (v - yticks[0]) / (yticks[-1] - yticks[0]) * (bottom - top)
    draw.text((box[0] + 20, box[1] + 14), title, INK, font(24))
    if band:
        draw.rectangle([left, y(min(band, yticks[-1])), right, bottom], GREEN)
    _axes(draw, xticks, yticks, x, y, (left, top, right, bottom))
    for past_steps, ys in past:
        _line(draw, [(x(s), y(v)) for s, v in zip(past_steps, ys) if np.isfinite(v)], (190, 192, 196), 3)
    for (_, ys), colour in zip(series.items(), _cycle(palette)):
        _line(draw, [(x(s), y(v)) for s, v in zip(steps, ys) if np.isfinite(v)], colour, 5)
    _legend(draw, [n for n in series if n], palette, (right, box[1] + 14))
    if len(steps):
        _mark(draw, x, y, steps, series, palette, at, top, bottom)


def _axes(draw, xticks, yticks, x, y, box) -> None:
    left, _, right, bottom = box
    for v in yticks:
        draw.line([left, y(v), right, y(v)], PALE, 2)
        draw.text((left - 12, y(v)), f"{v:g}", GREY, font(20), anchor="rm")
    for s in xticks:
        draw.line([x(s), bottom, x(s), bottom + 6], GREY, 2)
        draw.text((x(s), bottom + 10), f"{s:g}", GREY, font(20), anchor="ma")
    draw.line([left, bottom, right, bottom], GREY, 2)
    draw.text(((left + right) / 2, bottom + 34), "step", GREY, font(20), anchor="ma")


def _legend(draw, names, palette, corner) -> None:
    """Names from the right, each after a piece of its line."""
    right, top = corner
    for name, colour in reversed(list(zip(names, _cycle(palette)))):
        draw.text((right, top), name, INK, font(20), anchor="ra")
        right -= draw.textlength(name, font(20)) + 8
        draw.line([right - 24, top + 12, right, top + 12], colour, 6)
        right -= 44


def _mark(draw, x, y, steps, series, palette, at, top, bottom) -> None:
    """The step that is shown: a thin line and a dot on every curve."""
    at = len(steps) - 1 if at is None else at % len(steps)
    draw.line([x(steps[at]), top, x(steps[at]), bottom], GREY, 2)
    for ys, colour in zip(series.values(), _cycle(palette)):
        if np.isfinite(ys[at]):
            cx, cy = x(steps[at]), y(ys[at])
            draw.ellipse([cx - 9, cy - 9, cx + 9, cy + 9], WHITE)
            draw.ellipse([cx - 7, cy - 7, cx + 7, cy + 7], colour)


def _line(draw, points, colour, width) -> None:
    if len(points) > 1:
        draw.line(points, colour, width, joint="curve")


def _cycle(palette):
    while True:
        yield from palette


def _ticks(low: float, high: float, rounds: Sequence[float] = (1, 2, 2.5, 5, 10), count: int = 4) -> list[float]:
    """About `count` round numbers from `low` to at least `high`."""
    rough = (high - low) / count
    power = 10 ** np.floor(np.log10(rough))
    step = next(power * m for m in rounds if power * m >= rough * 0.999)
    return [float(low + i * step) for i in range(int(np.ceil((high - low) / step - 1e-6)) + 1)]
