"""The line of text under an image, and how errors in callbacks get there."""

from __future__ import annotations

import traceback
from collections.abc import Callable
from functools import wraps
from typing import Any, Protocol, TypeVar

import ipywidgets as W

from .markup import element


class StatusLine:
    """A line of text under an image: what to do, what is going on, what went wrong.

    Attributes:
        line: the ipywidget.
        last_error: the last error that was shown; None if all is well.
    """

    def __init__(self, width: int) -> None:
        layout = W.Layout(
            width=f"{width}px", max_width="100%", min_height="58px", margin="4px 0 0"
        )
        self.line = W.HTML(layout=layout)
        self.line.add_class("dk-line")
        self.last_error: BaseException | None = None

    @property
    def shows_error(self) -> bool:
        """Whether it shows an error at the moment."""
        return 'role="alert"' in self.line.value

    def say(self, text: str) -> None:
        """Show a text; `last_error` stays as it is."""
        self.line.value = element("div", text, role="status")

    def fail(self, error: BaseException) -> None:
        """Show an error: its message, and its traceback to fold out."""
        self.last_error = error
        message = type(error).__name__
        if str(error):
            message += f": {error}"
        trail = element("pre", "".join(traceback.format_exception(error)))
        self.line.value = (
            element("div", message, role="alert", class_="bad")
            + f"<details><summary>where it happened</summary>{trail}</details>"
        )


class HasStatus(Protocol):
    """An object with a status line."""

    @property
    def status(self) -> StatusLine:
        """Where its messages and errors are shown."""
        ...


Owner = TypeVar("Owner", bound=HasStatus)


def shows_errors(method: Callable[..., object]) -> Callable[..., None]:
    """For callbacks: show an error in ``self.status`` instead of losing it."""

    @wraps(method)
    def guarded(self: HasStatus, *arguments: Any) -> None:
        try:
            method(self, *arguments)
        except BaseException as error:  # an interrupt too: nobody else would report it
            self.status.fail(error)

    return guarded
