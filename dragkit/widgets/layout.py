"""The style sheet, and the few ways in which parts are put together."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import ipywidgets as W

from .lifetime import weakly
from .markup import style_sheet

CSS = """
.dk {width: 100%}
.jp-OutputArea-child:has(> .jp-OutputArea-output .dk) + .jp-OutputArea-child:has(img)
  {display: none}
.dk .jupyter-widgets-disconnected::before {content: none}
.dk.jupyter-widgets-disconnected::before {display: block; margin: 0; padding: 2px 0 6px;
  color: inherit; font: 600 14px/1.4 sans-serif;
  content: "The kernel has ended: this is its last image. Run the cell again to make it live."}
.dk.jupyter-widgets-disconnected > * {pointer-events: none}
.dk.jupyter-widgets-disconnected :is(button, select, input, .widget-slider) {opacity: 0.4}
.dk canvas, .dk img {border-radius: 6px; align-self: flex-start}
.dk .dk-charts.jupyter-widgets {display: grid; gap: 8px 12px; align-items: start;
  grid-template-columns: repeat(auto-fit, minmax(min(100%, max(350px, 34%)), 1fr))}
.dk .dk-below.jupyter-widgets
  {grid-template-columns: repeat(auto-fit, minmax(min(100%, max(290px, 34%)), 1fr))}
.dk .dk-across.jupyter-widgets
  {grid-template-columns: repeat(auto-fit, minmax(min(100%, max(290px, 24%)), 1fr))}
.dk-slides.dk .dk-charts.jupyter-widgets {grid-template-columns: 100%}
[data-jp-theme-light=false] .dk-seek {filter: invert(0.9) hue-rotate(180deg)}
.dk-pick, .dk-look {cursor: crosshair}
.dk-seek {cursor: pointer}
.dk .widget-button, .dk .widget-toggle-button {border-radius: 4px}
.dk .dk-line .widget-html-content {line-height: 18px; font-size: 13px; overflow-wrap: anywhere}
.dk .dk-line [role=status] {max-height: 54px; overflow: auto}
.dk .dk-line .bad {color: #c5221f; font-weight: 600}
.dk .dk-line pre {max-height: 160px; overflow: auto; font-size: 11px; line-height: 1.3}
.dk .dk-legend .widget-html-content {display: flex; flex-wrap: wrap; gap: 0 0.5em;
  align-items: center; font-size: 12px; line-height: 22px}
.dk-scale {width: 4em; height: 0.8em; border-radius: 2px; background: linear-gradient(90deg,
  #440154, #414487, #2a788e, #22a884, #7ad151, #fde725)}
.dk-mark {position: relative; padding-left: 1.8em; white-space: nowrap}
.dk-mark::before, .dk-mark::after {content: ""; position: absolute; left: 0.75em; top: 50%;
  box-sizing: border-box; translate: -50% -50%}
.dk-mark::before {width: 1.5em; height: 1.5em; border-radius: 50%; background: #5ec962}
.dk-mark::after {width: 0.8em; height: 0.8em}
.dk-best::after {border: 2px solid black; border-radius: 50%; outline: 1px solid white}
.dk-runner-up::after {border: 1.5px solid white; rotate: 45deg; scale: 0.9;
  outline: 1px solid black}
.dk .widget-readout {min-width: 32px}
.dk .dk-form .widget-readout {min-width: 56px}
.dk-code pre {white-space: pre-wrap; line-height: 1.4; padding: 6px 8px}
.dk .dk-old {opacity: 0.35}
.dk .dk-small {max-width: 640px}
.dk .dk-small :is(.widget-button, .widget-toggle-button) {height: 24px; line-height: 24px;
  padding: 0 6px; font-size: 12px}
.dk .dk-modes .widget-toggle-button {flex: 1 1 auto; width: auto; min-width: 64px}
.dk-rows :is(select, pre) {font-family: monospace; font-size: 13px}
.dk-rows pre {margin: 0 0 -4px; padding-left: 5px}
.dk-slides {--jp-widgets-font-size: 2.2vh; --jp-widgets-inline-height: 4.1vh;
  --jp-widgets-slider-handle-size: 2.6vh; --jp-widgets-slider-track-thickness: 0.7vh}
.dk-slides .widget-label {font-size: 2.4vh; height: auto; line-height: 3.1vh}
.dk-slides.dk .dk-legend .widget-html-content {font-size: 1.9vh; line-height: 4.4vh}
.dk-slides.dk .dk-line .widget-html-content {font-size: 2.4vh; line-height: 3.1vh}
.dk-slides.dk .dk-line [role=status] {max-height: 9.3vh}
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


def row(*parts: W.Widget) -> W.HBox:
    """Parts side by side, as wide as what they are in; those that do not fit go below."""
    layout = W.Layout(
        width="100%",
        min_height="34px",
        align_items="center",
        flex_flow="row wrap",
    )
    return W.HBox(parts, layout=layout)


def small_row(*parts: W.Widget) -> W.HBox:
    """A row of small buttons."""
    box = row(*parts)
    box.add_class("dk-small")
    return box


def side_by_side(*parts: W.Widget, gap: int = 12, wrapped: bool = True) -> W.HBox:
    """Columns next to each other, as high as each is; narrow pages stack them if `wrapped`."""
    layout = W.Layout(
        width="100%",
        flex_flow="row wrap" if wrapped else "row nowrap",
        align_items="flex-start",
        grid_gap=f"{gap}px",
    )
    return W.HBox(parts, layout=layout)


def column(*parts: W.Widget, **layout: str) -> W.VBox:
    """Parts below each other.

    Args:
        parts: from top to bottom.
        layout: how wide it is, as for :class:`ipywidgets.Layout`.
    """
    return W.VBox(parts, layout=W.Layout(overflow="visible", **layout))


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
