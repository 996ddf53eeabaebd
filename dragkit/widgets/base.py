"""How widgets appear: one style, errors that are shown, stills that are saved with the
notebook.
"""

from __future__ import annotations

import html
import traceback
from base64 import b64encode
from collections.abc import Callable
from functools import wraps

import ipywidgets as W

from ..compose import encode, png

CSS = """<style>
.dk canvas, .dk img {border-radius: 6px}
.dk-pick, .dk-look {cursor: crosshair}
.dk-seek {cursor: pointer}
.dk .widget-button, .dk .widget-toggle-button {border-radius: 4px}
.dk .dk-line .widget-html-content {line-height: 18px; font-size: 13px; overflow-wrap: anywhere}
.dk .dk-line [role=status] {max-height: 54px; overflow: auto}
.dk .dk-line .bad {color: #c5221f; font-weight: 600}
.dk .dk-line pre {max-height: 160px; overflow: auto; font-size: 11px; line-height: 1.3}
.dk .widget-readout {min-width: 32px}
.dk-rows :is(select, pre) {font-family: monospace; font-size: 13px}
.dk-rows pre {margin: 0 0 -4px; padding-left: 5px}
.dk-slides {--jp-widgets-font-size: 24px; --jp-widgets-inline-height: 44px;
  --jp-widgets-slider-handle-size: 28px; --jp-widgets-slider-track-thickness: 8px}
.dk-slides .widget-label {font-size: 26px; height: auto; line-height: 34px}
.dk-slides.dk .dk-line .widget-html-content {font-size: 26px; line-height: 34px}
.dk-slides.dk .dk-line [role=status] {max-height: 102px}
.dk-slides :is(button, canvas, [role=slider]):focus-visible {outline: 4px solid #0072b2; outline-offset: 2px}
</style>"""


def guard(method: Callable) -> Callable:
    """For callbacks: an error inside is shown by ``self.notice`` and kept as ``last_error``, never
    lost.
    """

    @wraps(method)
    def guarded(self, *arguments):
        try:
            return method(self, *arguments)
        except BaseException as error:  # an interrupt too: nobody else would tell
            self.notice.fail(error)

    return guarded


class Notice:
    """A line of text under an image: what to do, what goes on, what went wrong."""

    def __init__(self, width: int) -> None:
        self.line = W.HTML(
            layout=W.Layout(
                width=f"{width}px", max_width="100%", min_height="58px", margin="4px 0 0"
            )
        )
        self.line.add_class("dk-line")
        self.last_error: BaseException | None = None

    @property
    def alarmed(self) -> bool:
        """Whether it shows an error."""
        return 'role="alert"' in self.line.value

    def say(self, text: str) -> None:
        """Show a line; the error before it stays in `last_error`."""
        self.line.value = f'<div role="status">{html.escape(text)}</div>'

    def fail(self, error: BaseException) -> None:
        """Show an error: its message, and its traceback to fold out."""
        self.last_error = error
        trail = html.escape("".join(traceback.format_exception(error)))
        words = html.escape(
            f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
        )
        self.line.value = (
            f'<div role="alert" class="bad">{words}</div><details><summary>where it'
            f" happened</summary><pre>{trail}</pre></details>"
        )


class Shown:
    """How the widgets appear in a notebook: live, and with a still image that is saved with it.

    A widget has `box` (what is shown live), `still()` (a Pillow image) and a short `repr`. A
    cell gets two outputs: the live one, and the still behind an empty widget, so that a page
    without a kernel shows it and a live page does not. That one alone is updated: to update the
    live one would build its view anew, losing the focus and the place on the page.
    """

    notice: Notice
    _shelf = _nothing = None

    @property
    def last_error(self) -> BaseException | None:
        """The last error of a callback or of a run; ``None`` while all is well."""
        return self.notice.last_error

    def snapshot(self) -> bytes:
        """What the widget shows now, as PNG bytes."""
        return png(self.still())

    def _repr_mimebundle_(self, include=None, exclude=None) -> dict:
        return self._bundle(self.box, repr(self)) | self._image()

    def _ipython_display_(self) -> None:
        from IPython.display import display

        display(
            self._bundle(
                self.box,
                f"{type(self).__name__}: live where a kernel runs; here its last image.",
            ),
            raw=True,
        )
        self._shelf = display(self._still_bundle(), raw=True, display_id=True)

    def refresh_still(self) -> None:
        """Put the present image into the notebook, so that it is what gets saved."""
        if self._shelf is not None:
            self._shelf.update(self._still_bundle(), raw=True)

    def _still_bundle(self) -> dict:
        if self._nothing is None:
            self._nothing = W.Box(layout=W.Layout(display="none"))
        return self._bundle(self._nothing, repr(self)) | self._image()

    def _image(self) -> dict:
        return {"image/jpeg": b64encode(encode(self.still(), fine=True)).decode()}

    def _bundle(self, widget: W.Widget, text: str) -> dict:
        return dict(widget._repr_mimebundle_() or {}) | {"text/plain": text}


def button(text: str, icon: str, tooltip: str, clicked: Callable, **settings) -> W.Button:
    """A push button as wide as its text needs."""
    new = W.Button(
        description=text,
        icon=icon,
        tooltip=tooltip,
        layout=W.Layout(width="auto", flex="1 1 auto"),
        **settings,
    )
    new.on_click(lambda _: clicked())
    return new


def row(*parts: W.Widget, width: int) -> W.HBox:
    """Parts side by side, wrapped where they do not fit."""
    return W.HBox(
        parts,
        layout=W.Layout(
            width=f"{width}px",
            max_width="100%",
            min_height="34px",
            align_items="center",
            flex_flow="row wrap",
        ),
    )


def card(*parts: W.Widget, slides: bool = False) -> W.VBox:
    """Parts below each other, with the style sheet; `slides` are read from the last row."""
    box = W.VBox(
        [W.HTML(CSS, layout=W.Layout(display="none")), *parts], layout=W.Layout(overflow="visible")
    )
    box.add_class("dk")
    if slides:
        box.add_class("dk-slides")
    return box
