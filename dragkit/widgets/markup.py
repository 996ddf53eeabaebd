"""Text as HTML: the only place where a widget's text becomes markup.

A `Markup` is made here alone, and only a `Markup` is shown, so that no name from a file can bring
an element of its own.
"""

from __future__ import annotations

import html
from typing import Any, NewType

import ipywidgets as W

Markup = NewType("Markup", str)


def element(tag: str, text: str, **attributes: str) -> Markup:
    """An HTML element that shows `text` as it stands: everything in it is escaped.

    Args:
        tag: such as "div".
        text: any text, such as an error's message or a name from a file.
        attributes: of the element; write ``class_`` for its class.
    """
    pairs = [f' {name.rstrip("_")}="{html.escape(value)}"' for name, value in attributes.items()]
    return Markup(f"<{tag}{''.join(pairs)}>{html.escape(text)}</{tag}>")


def folded(summary: str, inside: Markup) -> Markup:
    """A line to click, `summary`, which shows what is inside."""
    return Markup(f"<details>{element('summary', summary)}{inside}</details>")


def text_box(css_class: str, **layout: Any) -> W.HTML:
    """An empty widget for :func:`show`.

    Args:
        css_class: of the widget.
        layout: its place and size, as for :class:`ipywidgets.Layout`.
    """
    box = W.HTML(layout=W.Layout(**layout))
    box.add_class(css_class)
    return box


def show(box: W.HTML, *parts: Markup) -> None:
    """Show the parts, one below the other, instead of what was shown."""
    box.value = "".join(parts)


def style_sheet(css: str) -> W.HTML:
    """An invisible widget that brings a style sheet of ours to the page."""
    return W.HTML(f"<style>{css}</style>", layout=W.Layout(display="none"))
