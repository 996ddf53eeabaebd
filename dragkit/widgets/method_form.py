"""Chooses a method and changes its pieces by menus and sliders, and says what to type for it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import ipywidgets as W

from ..gates import above, always, never
from ..methods import as_code, presets, same_method
from ..pieces import Gate, same_piece
from ..trackers import Discriminative, LineSearch, NearestNeighbor
from .layout import on_change
from .lifetime import close_parts
from .markup import element, show, text_box
from .piece_fields import PieceFields
from .setting_control import LABEL, Control, control_for
from .status import StatusLine, shows_errors

OWN, CHANGED = "as given", "changed"
TRACKERS = {tracker.__name__: tracker for tracker in (NearestNeighbor, Discriminative, LineSearch)}
RATIO = "above a ratio"
GATES: dict[str, Gate | None] = {"always": always, "never": never, RATIO: above(0.6), "none": None}
NUMBERS = {"lr": float, "steps": int, "arrive": float}


class MethodForm:
    """A method's pieces to look at and to change.

    Args:
        method: what the studio was given.
        use: called as ``use(method)`` with another one; raises what is wrong with it, and nothing
            changes then.
        status: where that is shown.

    Attributes:
        method: as it is set now.
        preset: which preset it began as.
        tracker: the menu of its kinds.
        gate: the menu of its kinds.
        numbers: lr, steps and arrive.
        pieces: the fields of the tracker, the losses and the gate, by name.
        code: what to type for the method.
        box: all of it, folded away until it is opened.
    """

    def __init__(
        self, method: Mapping[str, Any], use: Callable[[dict[str, Any]], None], status: StatusLine
    ) -> None:
        self.method = dict(method)
        self.use = use
        self.status = status
        self._given = dict(method)
        self._filling = False
        self.preset = _menu("method", [OWN, *presets(), CHANGED])
        self.tracker = _menu("tracker", [])
        self.gate = _menu("gate", [])
        for part, choose in (
            (self.preset, self._choose_preset),
            (self.tracker, self._choose_tracker),
            (self.gate, self._choose_gate),
        ):
            on_change(part, choose)
        self.numbers = {name: self._number(name, kind) for name, kind in NUMBERS.items()}
        self._number_widgets = [control.widget for control in self.numbers.values()]
        self.pieces: dict[str, PieceFields] = {}
        self.code = text_box("dk-code", width="100%")
        self.columns = W.HBox(layout=W.Layout(flex_flow="row wrap", grid_gap="24px"))
        self.box = W.Accordion([W.VBox([self.columns, self.code])])
        self.box.set_title(0, "Method")
        self.box.add_class("dk-form")
        self._fill()

    def _fill(self) -> None:
        """Show the method that counts now."""
        self._filling = True
        try:
            self._fill_menus()
            for name, control in self.numbers.items():
                control.show(self.method.get(name, control.setting))
        finally:
            self._filling = False
        self._close_fields()
        self.pieces = self._fields()
        self.columns.children = self._columns()
        self._show_code()

    def _close_fields(self) -> None:
        """Close what was made for the method before; menus and numbers stay."""
        columns = self.columns.children
        self.columns.children = ()
        stay = {self.preset, self.tracker, self.gate, *self._number_widgets}
        for column in columns:
            column.children = [part for part in column.children if part not in stay]
            close_parts(column)

    def _fill_menus(self) -> None:
        tracker, gate = self.method["tracker"], self.method.get("trust")
        _offer(self.tracker, TRACKERS | {type(tracker).__name__: tracker}, tracker)
        _offer(self.gate, _gates_with(gate), gate)

    def _fields(self) -> dict[str, PieceFields]:
        """The fields of every piece that has some."""
        pieces = {"tracker": self.method["tracker"], "gate": self.method.get("trust")}
        takes: dict[str, Callable[[Any], None]] = {
            "tracker": partial(self._take, "tracker"),
            "gate": partial(self._take, "trust"),
        }
        for number, loss in enumerate(self.method["losses"]):
            name = f"loss {loss.name}" if loss.name in pieces else loss.name
            pieces[name] = loss
            takes[name] = partial(self._take_loss, number)
        return {
            name: PieceFields(piece, takes[name], self.status) for name, piece in pieces.items()
        }

    def _columns(self) -> list[W.Widget]:
        first = [self.preset, *self._number_widgets, self.gate, *self.pieces["gate"].rows]
        columns = [first, [self.tracker, *self.pieces["tracker"].rows]]
        for name, part in self.pieces.items():
            if name not in ("tracker", "gate"):
                title = W.Label(f"loss {name}: {type(part.piece).__name__}")
                columns.append([title, *part.rows])
        return [W.VBox(column) for column in columns]

    def _number(self, name: str, kind: type) -> Control:
        control = control_for(name, kind, kind(1))
        assert control is not None  # a number has one
        on_change(control.widget, partial(self._choose_number, name))
        return control

    @shows_errors
    def _choose_preset(self) -> None:
        if self._filling:
            return
        name = self.preset.value
        if name != CHANGED:
            self._change(self._given if name == OWN else presets()[name])

    @shows_errors
    def _choose_tracker(self) -> None:
        kind = TRACKERS.get(self.tracker.value)
        if not self._filling and kind is not None:
            self._change({"tracker": kind()})

    @shows_errors
    def _choose_gate(self) -> None:
        if not self._filling and self.gate.value in GATES:
            self._change({"trust": GATES[self.gate.value]})

    @shows_errors
    def _choose_number(self, name: str) -> None:
        if not self._filling:
            self._change({name: self.numbers[name].setting})

    def _change(self, pieces: Mapping[str, Any]) -> None:
        """Use other pieces and show the method anew; what cannot work leaves all as it was."""
        try:
            self._take_all(pieces)
        finally:
            self._fill()

    def _take(self, name: str, piece: Any) -> None:
        self._take_all({name: piece})
        self._show_code()

    def _take_loss(self, number: int, loss: Any) -> None:
        losses = list(self.method["losses"])
        losses[number] = loss
        self._take("losses", losses)

    def _take_all(self, pieces: Mapping[str, Any]) -> None:
        method = {**self.method, **pieces}
        self.use(method)
        self.method = method

    def _show_code(self) -> None:
        """Say what to type, and which preset that is."""
        show(self.code, element("pre", as_code(self.method)))
        known = {OWN: self._given, **presets()}
        same = [name for name, method in known.items() if same_method(self.method, method)]
        self._filling = True
        self.preset.value = same[0] if same else CHANGED
        self._filling = False


def _menu(name: str, options: list[str]) -> W.Dropdown:
    return W.Dropdown(
        options=options,
        description=name,
        style={"description_width": LABEL},
        layout=W.Layout(width="300px"),
    )


def _gates_with(gate: Gate | None) -> dict[str, Gate | None]:
    """The gates to choose from; `gate` is one of them."""
    if isinstance(gate, above):
        return GATES | {RATIO: gate}
    if any(same_piece(gate, known) for known in GATES.values()):
        return GATES
    return GATES | {"own": gate}


def _offer(menu: W.Dropdown, options: Mapping[str, Any], chosen: Any) -> None:
    """Offer names, and show the one of the piece that is chosen."""
    menu.options = list(options)
    menu.value = next(
        name for name, piece in options.items() if piece is chosen or same_piece(piece, chosen)
    )
