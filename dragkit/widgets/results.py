"""The widget that opens a benchmark's rows: from a number to the run that it stands for."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import ipywidgets as W
from PIL import Image

from ..runs.trace import Trace
from .base import Notice, Shown, button, card, guard, row
from .player import Player


class Results(Shown):
    """A table of drags, sorted by any column, whose rows open their runs:
    ``Results(table, open)``.

    By mouse, or by the buttons of the row above and below: in a list JupyterLab takes the arrow
    keys for itself. A run is made when its row is first chosen, and kept.

    Args:
        table: a pandas DataFrame, one drag a row.
        open: ``open(row)`` → the row's `Trace`, recorded or dragged anew; `row` is a dict, column
            → value.
        size: height of the player's picture, in CSS pixels.
        falling: the largest of the first column comes first, and is opened; else the least.

    Raises:
        ValueError: there are no rows.
    """

    def __init__(
        self,
        table: Any,
        open: Callable[[dict[str, Any]], Trace],
        size: int = 320,
        falling: bool = False,
    ) -> None:
        if not len(table):
            raise ValueError("the table is empty; run some drags first")
        self.table, self.open, self.runs, self.shown = table.reset_index(drop=True), open, {}, None
        self.notice, wide = Notice(2 * size), f"{2 * size}px"
        self.order = W.Dropdown(
            options=list(self.table),
            description="Sort by",
            tooltip="The column that orders the rows",
            layout=W.Layout(width="260px"),
        )
        self.falling = W.Checkbox(
            falling, description="largest first", indent=False, layout=W.Layout(width="130px")
        )
        self.head = W.HTML()
        self.rows = W.Select(
            rows=min(len(table), 9),
            tooltip="Choose a row: its run opens below",
            layout=W.Layout(width=wide),
        )
        for part in (self.head, self.rows):
            part.add_class("dk-rows")
        above, below = (
            button("", f"chevron-{way}", f"The row {name}", partial(self._by, by))
            for way, name, by in (("up", "above", -1), ("down", "below", 1))
        )
        self.player = Player(None, size)
        self._sort()
        for part, callback in (
            (self.order, self._sort),
            (self.falling, self._sort),
            (self.rows, self._chosen),
        ):
            part.observe(lambda _, callback=callback: callback(), "value")
        self.box = card(
            row(self.order, self.falling, above, below, width=2 * size),
            self.head,
            self.rows,
            self.notice.line,
            self.player.box,
        )
        self._chosen()

    @property
    def last_error(self) -> BaseException | None:
        """The last error of a callback; ``None`` while all is well."""
        return self.notice.last_error or self.player.last_error

    def still(self) -> Image.Image:
        """The player's picture."""
        return self.player.still()

    def __repr__(self) -> str:
        return f"Results({len(self.table)} drags by {', '.join(map(str, self.table))})"

    @guard
    def _sort(self) -> None:
        ordered = self.table.sort_values(
            self.order.value, ascending=not self.falling.value, kind="stable"
        )
        head, *lines = ordered.to_string(
            index=False, float_format="{:.2f}".format, justify="right"
        ).splitlines()
        spaced = lambda text: text.replace(" ", "\u00a0")  # a list swallows plain spaces
        self.head.value = f"<pre>{spaced(head)}</pre>"
        chosen, self._sorting = self.rows.value, True
        self.rows.options = [(spaced(line), i) for line, i in zip(lines, ordered.index.tolist())]
        self._sorting = False  # the list chose its first row by itself meanwhile
        self.rows.value = self.rows.options[0][1] if chosen is None else chosen

    @guard
    def _by(self, rows: int) -> None:
        order = [i for _, i in self.rows.options]
        self.rows.value = order[min(max(order.index(self.rows.value) + rows, 0), len(order) - 1)]

    @guard
    def _chosen(self) -> None:
        i = self.rows.value
        if self._sorting or i is None or i == self.shown:
            return
        if i not in self.runs:
            self.notice.say("Dragging …")
            self.runs[i] = self.open(self._row(i))
        self.player.show(self.runs[i])
        self.shown = i
        self.notice.say(
            " · ".join(
                f"{name} {value:.2f}" if isinstance(value, float) else f"{name} {value}"
                for name, value in self._row(i).items()
            )
        )

    def _row(self, i: int) -> dict[str, Any]:
        return self.table.to_dict("records")[i]  # plain numbers, as models take them
