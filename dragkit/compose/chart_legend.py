"""The legend of a panel: its title and names after it, each behind a sample of what it names.

Names that do not fit beside the title get rows of their own above the axes, which begin below
them: so all are there, and none lies over an axis.
"""

from __future__ import annotations

from typing import NamedTuple

from PIL import ImageDraw

from .lines import dashes, dashes_down, diamond
from .marks import GREY, INK, Colour, font
from .panels import GREEN, PAST, SHADE, STOP, Panel

ROW = 28  # pixels of the sheet from one row of names to the next
TITLE_LEFT = 64  # how far left of the axes the title begins
TITLE_TOP = 42  # how far above the names' last row the axes begin
SAMPLE = 52  # a name's sample, and the gaps around both


class Entry(NamedTuple):
    """One thing that the legend explains, and of what kind its sample is."""

    name: str
    kind: str
    colour: Colour


def legend_height(panel: Panel, width: float) -> int:
    """How much lower the axes of a panel begin, `width` pixels wide, because of its legend."""
    return ROW * (len(_rows(panel, width)) - 1)


def draw_legend(
    draw: ImageDraw.ImageDraw, panel: Panel, left: float, top: float, right: float
) -> None:
    """Draw title and names above axes from `left` to `right` that begin at `top`."""
    rows = _rows(panel, right - left)
    y = top - TITLE_TOP - ROW * (len(rows) - 1)
    draw.text((left - TITLE_LEFT, y), panel.title, INK, font(24))
    for row in rows:
        _draw_row(draw, row, right, y)
        y += ROW


def _rows(panel: Panel, width: float) -> list[list[Entry]]:
    """The names in rows: the first beside the title, or nothing there; then as many as needed."""
    whole = width + TITLE_LEFT
    room = whole - font(24).getlength(panel.title) - 24
    rows: list[list[Entry]] = [[]]
    for entry in _entries(panel):
        fitting = entry._replace(name=_shortened(entry.name, whole - SAMPLE))
        if _width([*rows[-1], fitting]) > room + 20:
            rows.append([])
            room = whole
        rows[-1].append(fitting)
    return rows


def _shortened(name: str, width: float) -> str:
    """A name that fits, if need be without its end."""
    if font(20).getlength(name) <= width:
        return name
    while name and font(20).getlength(f"{name}…") > width:
        name = name[:-1]
    return f"{name}…"


def _entries(panel: Panel) -> list[Entry]:
    """The lines' names, then what the other marks mean that the panel has."""
    entries = [Entry(name, "line", colour) for name, colour in panel.colours.items() if name]
    others = (
        ("band", "arrived", panel.band),
        ("stop", "stop distance", panel.bands),
        ("past", "before", panel.past),
        ("dashes", "threshold", panel.thresholds),
        ("shade", panel.shaded_name, panel.shaded),
        ("triangle", "trust switched", panel.switched),
        ("upright", "tracker swapped", panel.swapped),
        ("diamond", "intervention", panel.intervened),
    )
    return entries + [Entry(name, kind, GREY) for kind, name, present in others if present]


def _width(entries: list[Entry]) -> float:
    """How wide the entries are in a row."""
    return sum(font(20).getlength(entry.name) + SAMPLE for entry in entries)


def _draw_row(draw: ImageDraw.ImageDraw, entries: list[Entry], right: float, top: float) -> None:
    """The entries in a row that ends at `right`."""
    for entry in reversed(entries):
        draw.text((right, top + 2), entry.name, INK, font(20), anchor="ra")
        right -= draw.textlength(entry.name, font(20)) + 8
        _draw_sample(draw, entry, right, top + 14)
        right -= SAMPLE - 8


def _draw_sample(draw: ImageDraw.ImageDraw, entry: Entry, right: float, y: float) -> None:
    """A piece of what the entry names, left of `right`."""
    box = [right - 24, y - 9, right, y + 9]
    match entry.kind:
        case "line":
            draw.line([right - 24, y, right, y], entry.colour, 6)
        case "past":
            draw.line([right - 24, y, right, y], PAST, 4)
        case "stop":
            draw.line([right - 24, y, right, y], entry.colour, 2)
        case "dashes":
            dashes(draw, [(right - 26, y), (right, y)], entry.colour)
        case "shade":
            draw.rectangle(box, SHADE, PAST)
        case "band":
            draw.rectangle(box, GREEN, PAST)
            draw.line([right - 24, y - 9, right, y - 9], STOP, 3)
        case "triangle":
            draw.polygon([(right - 18, y - 7), (right - 2, y - 7), (right - 10, y + 7)], INK)
        case "upright":
            dashes_down(draw, right - 10, y - 12, y + 12, INK)
        case "diamond":
            diamond(draw, right - 10, y)
