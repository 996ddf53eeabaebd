"""Does something to a run in its middle, by a button, and says what to type for it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import ipywidgets as W

from ..interventions import FreezeRows, Intervention, PatchTemplate, SwapBlock
from ..latents import rows_that_move
from ..methods import run_as_code
from ..models.protocols import BlockReader
from ..runs.session import Session
from .layout import button, column, side_by_side
from .markup import element, show, text_box
from .status import StatusLine, shows_errors

BLOCK = (
    "Block {} is read now. In another one the templates are made anew, of its step 0; points and"
    " latent go on from here."
)
ROW = "It stays exactly as it is, and loses its momentum; the other rows go on."
TEMPLATE = (
    "The tracker searches from here on for what is at this place now, no longer for what the"
    " handle was put on."
)
NO_BLOCKS = "This model has no other block to read."
NO_ROWS = "This latent has no rows that move one by one."
LABEL = "56px"
COLUMN = {"flex": "1 1 240px", "max_width": "420px"}


class InterveneForm:
    """Three interventions on the step that is shown, and the code of the run with them.

    Args:
        intervene: called as ``intervene(intervention)``; raises what is wrong with it.
        status: where that is shown.

    Attributes:
        block: the menu of the blocks that are not read now.
        row: the menu of the rows that still move.
        handle: the menu of the handles.
        place: where the handle's template is read; empty: where the handle stands.
        swap: the button of the block.
        freeze: that of the row.
        patch: that of the template.
        code: what to type for the run.
        box: all of it, folded away until it is opened.
    """

    def __init__(self, intervene: Callable[[Intervention], None], status: StatusLine) -> None:
        self.intervene = intervene
        self.status = status
        self.block, self.row, self.handle = (_menu(name) for name in ("block", "row", "handle"))
        self.place = W.Text(
            description="x, y",
            placeholder="where the handle stands",
            style={"description_width": LABEL},
            layout=W.Layout(width="auto"),
        )
        tip = "Read another feature block of the model from the step that is shown"
        self.swap = button("Swap the block read", "exchange", tip, self._swap)
        tip = "Keep this row of the latent from the step that is shown"
        self.freeze = button("Freeze the row", "lock", tip, self._freeze)
        tip = "Search for other features from the step that is shown"
        self.patch = button("Patch the template", "crosshairs", tip, self._patch)

        self._about_block, self._about_row, about_template = (
            text_box("dk-line", width="100%") for _ in range(3)
        )
        show(about_template, element("div", TEMPLATE))
        columns = side_by_side(
            column(self.block, self.swap, self._about_block, **COLUMN),
            column(self.row, self.freeze, self._about_row, **COLUMN),
            column(self.handle, self.place, self.patch, about_template, **COLUMN),
            gap=24,
        )
        self.code = text_box("dk-code", width="100%")
        self.box = W.Accordion([W.VBox([columns, self.code])])
        self.box.set_title(0, "Intervene")
        self.box.add_class("dk-form")
        self.fill(None)

    def fill(self, session: Session | None) -> None:
        """Offer what can be done to the run of a session, and say what to type for it."""
        code, rows, handles = "", [], []
        if session is not None:
            rows, handles = _rows(session), list(range(len(session.edit.handles)))
            code = run_as_code(session.methods, session.interventions)
        self._fill_blocks(session)
        _offer(self.row, self.freeze, rows)
        _offer(self.handle, self.patch, handles)
        show(self._about_row, element("div", ROW if rows else NO_ROWS))
        show(self.code, element("pre", code))

    def _fill_blocks(self, session: Session | None) -> None:
        """Offer the blocks that are not read, the next coarser one first of all."""
        if session is None or not isinstance(session.model, BlockReader):
            _offer(self.block, self.swap, [])
            show(self._about_block, element("div", NO_BLOCKS))
            return
        now, blocks = _block(session, session.model), list(session.model.blocks)
        others = [block for block in blocks if block != now]
        coarser = blocks[: blocks.index(now)] if now in blocks else []
        _offer(self.block, self.swap, others, coarser[-1] if coarser else None)
        show(self._about_block, element("div", BLOCK.format(now)))

    @shows_errors
    def _swap(self) -> None:
        self.intervene(SwapBlock(self.block.value))

    @shows_errors
    def _freeze(self) -> None:
        self.intervene(FreezeRows([self.row.value]))

    @shows_errors
    def _patch(self) -> None:
        self.intervene(PatchTemplate(self.handle.value, _place(self.place.value)))


def _block(session: Session, model: BlockReader) -> Any:
    """The block that the run reads from here on."""
    done = [intervention for _, intervention in session.interventions]
    swapped = [one.block for one in done if isinstance(one, SwapBlock)]
    return swapped[-1] if swapped else model.feature_block


def _rows(session: Session) -> list[int]:
    """The rows that still move, if one of them may be frozen."""
    done = [intervention for _, intervention in session.interventions]
    frozen = {row for one in done if isinstance(one, FreezeRows) for row in one.rows}
    frozen |= set(session.method.get("frozen", ()))
    moving = rows_that_move(session.model, session.latent)
    rows = [row for row in range(moving) if row not in frozen]
    return rows if len(rows) > 1 else []


def _place(text: str) -> tuple[float, float] | None:
    """The place that is typed; None for none.

    Raises:
        ValueError: it is no pair of numbers.
    """
    if not text.strip():
        return None
    try:
        x, y = (float(number) for number in text.split(","))
    except ValueError:
        raise ValueError(
            f"x, y is {text!r}; give two numbers in pixels, such as 64, 80, or nothing for the"
            " place where the handle stands"
        ) from None
    return x, y


def _menu(name: str) -> W.Dropdown:
    return W.Dropdown(
        description=name,
        style={"description_width": LABEL},
        layout=W.Layout(width="auto"),
    )


def _offer(menu: W.Dropdown, press: W.Button, choices: list[Any], first: Any = None) -> None:
    """Offer these; what is chosen stays if it is among them, else `first` is, or the first."""
    if list(menu.options) != choices:
        chosen = menu.value
        menu.options = choices
        wanted = [value for value in (chosen, first) if value in choices]
        menu.value = next(iter([*wanted, *choices]), None)
    menu.disabled = press.disabled = not choices
