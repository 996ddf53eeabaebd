"""The line of text under an image, and how errors in callbacks get there."""

from __future__ import annotations

import traceback
from collections.abc import Callable
from functools import wraps
from typing import Any, Protocol, TypeVar

from .markup import element, folded, show, text_box


class StatusLine:
    """A line of text under an image: what to do, what is going on, what went wrong.

    Attributes:
        line: the ipywidget.
        last_error: the last error that was shown; None if all is well.
        shows_error: whether it is shown at the moment.
    """

    def __init__(self) -> None:
        self.line = text_box("dk-line", width="100%", min_height="58px", margin="4px 0 0")
        self.last_error: BaseException | None = None
        self.shows_error = False

    def say(self, text: str) -> None:
        """Show a text; `last_error` stays as it is."""
        self.shows_error = False
        show(self.line, element("div", text, role="status"))

    def fail(self, error: BaseException) -> None:
        """Show an error: its message, and its traceback to fold out."""
        self.last_error = error
        message, trail = in_words(error)
        self.shows_error = True
        headline = element("div", message, role="alert", class_="bad")
        show(self.line, headline, folded("where it happened", element("pre", trail)))


def in_words(error: BaseException) -> tuple[str, str]:
    """An error's kind and message, and its traceback."""
    message = type(error).__name__
    if str(error):
        message += f": {error}"
    return message, "".join(traceback.format_exception(error))


class Status(Protocol):
    """Where a widget's messages and errors are shown."""

    last_error: BaseException | None

    def say(self, text: str) -> None:
        """Show a text."""
        ...

    def fail(self, error: BaseException) -> None:
        """Show an error, and remember it."""
        ...


class HasStatus(Protocol):
    """An object with such a place."""

    @property
    def status(self) -> Status:
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
