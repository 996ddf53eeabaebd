"""The legend of a panel: names right of its title, each after a sample of what it names."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from PIL import ImageDraw

from .lines import dashes
from .marks import GREY, INK, Colour, font
from .panels import GREEN, PAST, SHADE, Panel


class Entry(NamedTuple):
    """One thing that the legend explains, and of what kind its sample is."""

    name: str
    kind: str
    colour: Colour


def draw_legend(
    draw: ImageDraw.ImageDraw, panel: Panel, left: float, right: float, top: float, below: float
) -> None:
    """Draw the names that fit between `left` and `right` at `top`, and the rest at `below`."""
    beside = _entries(panel)
    rest: list[Entry] = []
    while beside and _width(draw, beside) > right - left + 20:
        rest.insert(0, beside.pop())
    _draw_row(draw, beside, right, top)
    _draw_row(draw, rest, right, below)


def _entries(panel: Panel) -> list[Entry]:
    """The lines' names, then what the other marks mean that the panel has."""
    entries = []
    if panel.named:
        entries = [Entry(name, "line", colour) for name, colour in panel.colours.items() if name]
    others = (
        ("band", "arrived", panel.band),
        ("past", "before", panel.past),
        ("dashes", "threshold", panel.thresholds),
        ("shade", panel.shaded_name, panel.shaded),
        ("triangle", "switch", panel.switched),
    )
    return entries + [Entry(name, kind, GREY) for kind, name, present in others if present]


def _width(draw: ImageDraw.ImageDraw, entries: Sequence[Entry]) -> float:
    """How wide the entries are in a row."""
    return sum(draw.textlength(entry.name, font(20)) + 52 for entry in entries)


def _draw_row(
    draw: ImageDraw.ImageDraw, entries: Sequence[Entry], right: float, top: float
) -> None:
    """The entries in a row that ends at `right`."""
    for entry in reversed(entries):
        draw.text((right, top + 2), entry.name, INK, font(20), anchor="ra")
        right -= draw.textlength(entry.name, font(20)) + 8
        _draw_sample(draw, entry, right, top + 14)
        right -= 44


def _draw_sample(draw: ImageDraw.ImageDraw, entry: Entry, right: float, y: float) -> None:
    """A piece of what the entry names, left of `right`."""
    box = [right - 24, y - 9, right, y + 9]
    match entry.kind:
        case "line":
            draw.line([right - 24, y, right, y], entry.colour, 6)
        case "past":
            draw.line([right - 24, y, right, y], PAST, 4)
        case "dashes":
            dashes(draw, [(right - 26, y), (right, y)], entry.colour)
        case "shade":
            draw.rectangle(box, SHADE, PAST)
        case "band":
            draw.rectangle(box, GREEN, PAST)
        case "triangle":
            draw.polygon([(right - 18, y - 7), (right - 2, y - 7), (right - 10, y + 7)], INK)
