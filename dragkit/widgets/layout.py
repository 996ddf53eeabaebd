"""The style sheet, and the few ways in which parts are put together."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import ipywidgets as W

from .lifetime import weakly
from .markup import style_sheet

CSS = """
.dk canvas, .dk img {border-radius: 6px}
.dk-pick, .dk-look {cursor: crosshair}
.dk-seek {cursor: pointer}
.dk .widget-button, .dk .widget-toggle-button {border-radius: 4px}
.dk .dk-line .widget-html-content {line-height: 18px; font-size: 13px; overflow-wrap: anywhere}
.dk .dk-line [role=status] {max-height: 54px; overflow: auto}
.dk .dk-line .bad {color: #c5221f; font-weight: 600}
.dk .dk-line pre {max-height: 160px; overflow: auto; font-size: 11px; line-height: 1.3}
.dk .widget-readout {min-width: 32px}
.dk .dk-form .widget-readout {min-width: 56px}
.dk-code pre {white-space: pre-wrap; line-height: 1.4; padding: 6px 8px}
.dk-rows :is(select, pre) {font-family: monospace; font-size: 13px}
.dk-rows pre {margin: 0 0 -4px; padding-left: 5px}
.dk-slides {--jp-widgets-font-size: 24px; --jp-widgets-inline-height: 44px;
  --jp-widgets-slider-handle-size: 28px; --jp-widgets-slider-track-thickness: 8px}
.dk-slides .widget-label {font-size: 26px; height: auto; line-height: 34px}
.dk-slides.dk .dk-line .widget-html-content {font-size: 26px; line-height: 34px}
.dk-slides.dk .dk-line [role=status] {max-height: 102px}
.dk-slides :is(button, canvas, [role=slider]):focus-visible
  {outline: 4px solid #0072b2; outline-offset: 2px}
"""


def button(
    text: str, icon: str, tooltip: str, clicked: Callable[[], None], **settings: Any
) -> W.Button:
    """A push button as wide as its text needs; a click calls ``clicked()``."""
    clicked = weakly(clicked)

    def on_click(_: W.Button) -> None:
        clicked()

    layout = W.Layout(width="auto", flex="1 1 auto")
    new = W.Button(description=text, icon=icon, tooltip=tooltip, layout=layout, **settings)
    new.on_click(on_click)
    return new


def on_change(part: W.Widget, callback: Callable[[], None]) -> None:
    """Call ``callback()`` whenever the value of `part` changes."""
    callback = weakly(callback)

    def changed(_: Any) -> None:
        callback()

    part.observe(changed, "value")


def set_visible(part: W.Widget, visible: bool, display: str = "") -> None:
    """Show or hide a part; `display` is how CSS shows it."""
    part.layout.display = display if visible else "none"


def row(*parts: W.Widget, width: int) -> W.HBox:
    """Parts side by side, wrapped where they do not fit."""
    layout = W.Layout(
        width=f"{width}px",
        max_width="100%",
        min_height="34px",
        align_items="center",
        flex_flow="row wrap",
    )
    return W.HBox(parts, layout=layout)


def side_by_side(*parts: W.Widget, gap: int = 12) -> W.HBox:
    """Images or columns next to each other, `gap` CSS pixels apart; narrow pages stack them."""
    return W.HBox(parts, layout=W.Layout(flex_flow="row wrap", grid_gap=f"{gap}px"))


def column(*parts: W.Widget) -> W.VBox:
    """Parts below each other."""
    return W.VBox(parts, layout=W.Layout(overflow="visible"))


def card(*parts: W.Widget, slides: bool = False) -> W.VBox:
    """A whole widget: parts below each other, with the style sheet.

    Args:
        parts: from top to bottom.
        slides: large enough to be read from the last row of a lecture hall.
    """
    box = column(style_sheet(CSS), *parts)
    box.add_class("dk")
    if slides:
        box.add_class("dk-slides")
    return box
