"""How long a widget lives: as long as somebody has it, or its cell shows it.

ipywidgets remembers every widget of a kernel. So a cell that is run twenty times would keep twenty
studios with their runs. Here the widgets of the page know ours only weakly; when nobody else has
one of ours any longer, or its cell shows another one, its widgets are closed.
"""

from __future__ import annotations

import sys
import weakref
from collections.abc import Callable, Iterator
from functools import partial
from types import MethodType
from typing import Any, Protocol

import ipywidgets as W

LATEST = ("_", "__", "___")  # IPython's names of the last three outputs


class Closable(Protocol):
    """One of our widgets."""

    def close(self) -> None:
        """End what it does, and take it off the page."""
        ...


_shown: dict[str, tuple[int, list[Closable]]] = {}  # by cell: its execution's number, and what


def weakly(callback: Callable[..., object]) -> Callable[..., None]:
    """The same callback without keeping its object alive: once that is gone, it does nothing.

    Args:
        callback: a method, or a `partial` of one; functions are passed on as they are.
    """
    if isinstance(callback, partial):
        return partial(weakly(callback.func), *callback.args, **callback.keywords)
    if not isinstance(callback, MethodType):
        return callback  # type: ignore[return-value]  # nobody looks at what it returns
    reference = weakref.WeakMethod(callback)

    def call(*arguments: Any, **keywords: Any) -> None:
        method = reference()
        if method is not None:
            method(*arguments, **keywords)

    return call


def close_with(owner: object) -> weakref.finalize[[list[W.Widget]], object]:
    """Close all widgets that `owner` has made, when nobody has it any longer, or when called."""
    closing = weakref.finalize(owner, _close, list(_widgets_of(owner, set())))
    closing.atexit = False
    return closing


def close_parts(*parts: W.Widget) -> None:
    """Close widgets that are not needed any longer, with what they are made of."""
    _close(list(_widgets_of(list(parts), set())))


def _widgets_of(value: Any, seen: set[int]) -> Iterator[W.Widget]:
    """Every ipywidget in a value, in the parts that it is made of, and in their containers."""
    if id(value) in seen:
        return
    seen.add(id(value))
    if isinstance(value, W.Widget):
        yield value
        for name in ("children", "layout", "style"):
            yield from _widgets_of(getattr(value, name, None), seen)
    elif isinstance(value, dict):
        yield from _widgets_of(list(value.values()), seen)
    elif isinstance(value, list | tuple):
        for part in value:
            yield from _widgets_of(part, seen)
    elif type(value).__module__.startswith(__package__):
        yield from _widgets_of(vars(value), seen)


def _close(widgets: list[W.Widget]) -> None:
    for widget in [*_widgets_of(widgets, set())]:  # containers may have got more since
        widget.close()


def now_shown(widget: Closable) -> None:
    """Keep what a cell shows, and close what the same cell showed when it was last run."""
    shell = sys.modules["IPython"].get_ipython()
    cell = _cell_of(shell)
    if cell is None:
        return
    number, widgets = _shown.get(cell, (-1, []))
    if number != shell.execution_count:
        for old in widgets:
            if old is not widget:
                _forget(shell, old)
                old.close()
        widgets = []
    _shown[cell] = (shell.execution_count, [*widgets, widget])


def _cell_of(shell: Any) -> str | None:
    """The cell that is being run, where the front end tells."""
    kernel = getattr(shell, "kernel", None)
    if kernel is None:
        return None
    return kernel.get_parent().get("metadata", {}).get("cellId")


def _forget(shell: Any, old: Closable) -> None:
    """Take a widget out of the history of outputs: Out[3], _3, _, __ and ___."""
    places = (shell.user_ns, shell.user_ns_hidden, shell.user_ns["Out"], vars(shell.displayhook))
    for names in places:
        for name in [n for n, value in names.items() if value is old]:
            if name in LATEST:
                names[name] = ""  # as IPython itself does where there is none
            elif not isinstance(name, str) or name.startswith("_"):
                del names[name]
