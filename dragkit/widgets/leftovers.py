"""Asks what becomes of the points and the mask when another image is shown."""

from __future__ import annotations

from collections.abc import Callable

import ipywidgets as W

from .layout import button, row, set_visible

QUESTION = "Keep the points and the mask?"


class LeftoverQuestion:
    """Points and mask stay until somebody says that they should go; the question stays as long.

    Args:
        clear: called to remove them.

    Attributes:
        row: the question and its two answers; hidden while there is nothing to ask.
    """

    def __init__(self, clear: Callable[[], None]) -> None:
        self.keep = button("Keep", "check", "Keep them where they are", self.settle)
        self.clear = button("Clear", "times", "Remove all points and the mask", clear)
        for answer in (self.keep, self.clear):
            answer.layout.flex = "0 0 auto"
        label = W.Label(QUESTION, layout=W.Layout(flex="1 1 auto"))
        self.row = row(label, self.keep, self.clear)
        self.settle()

    @property
    def open(self) -> bool:
        """Whether it is asked now."""
        return self.row.layout.display != "none"

    def ask(self, is_anything_left: bool) -> None:
        """Ask it, if anything is left."""
        set_visible(self.row, is_anything_left, "flex")

    def settle(self) -> None:
        """It is answered, or need not be."""
        self.ask(False)
