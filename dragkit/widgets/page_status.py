"""What a page in a cell says: what to do, what went wrong."""

from __future__ import annotations

from collections.abc import Callable

from .status import in_words


class PageStatus:
    """The same for a page as a `StatusLine` is for a widget.

    Args:
        changed: called when there is something else to say.

    Attributes:
        words: what is said.
        trail: where an error happened; empty if none is shown.
        last_error: the last error that was shown; None if all is well.
    """

    def __init__(self, changed: Callable[[], None]) -> None:
        self.changed = changed
        self.words = self.trail = ""
        self.last_error: BaseException | None = None

    def say(self, text: str) -> None:
        """Show a text; `last_error` stays as it is."""
        self.words, self.trail = text, ""
        self.changed()

    def fail(self, error: BaseException) -> None:
        """Show an error: its message, and its traceback to fold out."""
        self.last_error = error
        self.words, self.trail = in_words(error)
        self.changed()
