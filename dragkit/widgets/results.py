"""The widget that opens the rows of a benchmark: from a number to the run behind it."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any

import ipywidgets as W
from PIL import Image

from ..arguments import function, instance, named_arguments, shown
from ..runs.trace import Trace
from .layout import button, card, on_change, row
from .markup import element, show, text_box
from .notebook_widget import NotebookWidget
from .player import Player
from .sizes import checked_size
from .status import StatusLine, shows_errors

if TYPE_CHECKING:
    from pandas import DataFrame


@named_arguments
class Results(NotebookWidget):
    """A table of drags, sorted by any column; a row opens its run: ``Results(table, open)``.

    Rows are chosen by mouse, or by the buttons for the row above and below: in a list JupyterLab
    takes the arrow keys for itself. A run is made when its row is first chosen, and cached.

    Args:
        table: one drag a row.
        open: ``open(row)`` → the row's `Trace`, recorded or dragged again; `row` is a dict, column
            → value.
        size: height of the player's image, in CSS pixels.
        falling: whether the largest of the first column comes first, and is opened; else the
            smallest.

    Attributes:
        runs: the traces that were opened, by the number of their row.
        shown: the number of the row that is open.
        rows: the list of rows.
        order: the column that sorts them.
        above: the button for the row above.
        below: the button for the row below.
        player: shows the run.

    Raises:
        TypeError: the table is no DataFrame, or `open` no function.
        ValueError: there are no rows, a column has no name of its own or cannot be sorted, or the
            size cannot be shown.
    """

    def __init__(
        self,
        table: DataFrame,
        open: Callable[[dict[str, Any]], Trace],
        size: int = 320,
        falling: bool = False,
    ) -> None:
        _check_table(table)
        function("open", open, "a function of a row (a dict) that returns the row's Trace")
        instance("falling", falling, bool, "True or False")
        size = checked_size(size)
        self.table = table.reset_index(drop=True)
        self.open = open
        self.runs: dict[int, Trace] = {}
        self.shown: int | None = None
        self._sorting = False
        self.status = StatusLine()
        self.player = Player(None, size)

        self.order = W.Dropdown(
            options=list(self.table),
            description="Sort by",
            tooltip="The column that orders the rows",
            layout=W.Layout(width="260px"),
        )
        self.falling = W.Checkbox(
            falling, description="largest first", indent=False, layout=W.Layout(width="130px")
        )
        self.above = button("", "chevron-up", "The row above", partial(self._move, -1))
        self.below = button("", "chevron-down", "The row below", partial(self._move, 1))
        self.head = text_box("dk-rows")
        self.rows = _list_of_rows(len(table))
        self._sort()

        on_change(self.order, self._sort)
        on_change(self.falling, self._sort)
        on_change(self.rows, self._choose)
        sorting = row(self.order, self.falling, self.above, self.below)
        self.box = card(sorting, self.head, self.rows, self.status.line, self.player.box)
        self._choose()

    @property
    def last_error(self) -> BaseException | None:
        """The last error of a callback; None if all is well."""
        return self.status.last_error or self.player.last_error

    def still(self) -> Image.Image:
        """What the player shows."""
        return self.player.still()

    def caption(self) -> str:
        """What the player's image and curves show."""
        return self.player.caption()

    def __repr__(self) -> str:
        return f"Results({len(self.table)} drags by {', '.join(map(str, self.table))})"

    @shows_errors
    def _sort(self) -> None:
        ascending = not self.falling.value
        ordered = self.table.sort_values(self.order.value, ascending=ascending, kind="stable")
        text = ordered.to_string(index=False, float_format="{:.2f}".format, justify="right")
        head, *lines = text.replace(" ", "\u00a0").split("\n")  # a list swallows plain spaces
        show(self.head, element("pre", head))

        chosen = self.rows.value
        self._sorting = True
        order = ordered.index.tolist()
        self.rows.options = list(zip(lines, order))
        self._sorting = False  # the list chose its first row by itself meanwhile
        if chosen is None:
            chosen = order[0]
        self.rows.value = chosen

    @shows_errors
    def _move(self, rows: int) -> None:
        order = [i for _, i in self.rows.options]
        place = order.index(self.rows.value) + rows
        self.rows.value = order[min(max(place, 0), len(order) - 1)]

    @shows_errors
    def _choose(self) -> None:
        i = self.rows.value
        if self._sorting or i is None or i == self.shown:
            return
        drag = self.table.to_dict("records")[i]  # plain numbers, as models take them
        if i not in self.runs:
            self.status.say("Dragging …")
            self.runs[i] = self.open(drag)
        self.player.show(self.runs[i])
        self.shown = i
        self.status.say(" · ".join(f"{name} {_text(value)}" for name, value in drag.items()))


def _check_table(table: DataFrame) -> None:
    """Raise TypeError or ValueError unless it has rows, and columns that can be sorted."""
    from pandas import DataFrame

    instance("table", table, DataFrame, "a pandas DataFrame with one drag a row")
    if table.empty:
        raise ValueError("the table is empty; run some drags first")
    names = list(table)
    for name in names:
        if not isinstance(name, str) or names.count(name) > 1:
            raise ValueError(
                f"a column is named {shown(name)}; give each a text of its own, as in"
                ' table.columns = ["task", "distance"]'
            )
        try:
            table[name].sort_values()
        except TypeError as error:
            raise ValueError(
                f"column {name!r} cannot be sorted ({error}); make all of it numbers or texts"
            ) from error


def _list_of_rows(count: int) -> W.Select:
    rows = W.Select(
        rows=min(count, 9),
        tooltip="Choose a row: its run opens below",
        layout=W.Layout(width="100%"),
    )
    rows.add_class("dk-rows")
    return rows


def _text(value: object) -> str:
    return f"{value:.2f}" if isinstance(value, float) else str(value)
