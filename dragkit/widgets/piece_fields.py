"""The settings of a piece as menus, sliders and boxes, made from the piece's own fields."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable
from dataclasses import fields, is_dataclass, replace
from functools import partial
from typing import Any, get_type_hints

import ipywidgets as W

from .layout import on_change
from .setting_control import Control, control_for
from .status import StatusLine, shows_errors


class PieceFields:
    """Shows what a piece can be set to; each change makes a new piece.

    Pieces inside, such as the tracker of a `TrackEvery`, are shown below it. What has no simple
    form, such as a model, is left out.

    Args:
        piece: a dataclass of settings; anything else has no rows.
        changed: called as ``changed(piece)`` with the new one; raises what is wrong with it.
        status: where that is shown. The control then goes back.

    Attributes:
        piece: as it is set now.
        controls: by the field's name.
        inside: the same for the pieces inside, by the field's name.
        rows: the controls, then those of the pieces inside under their names.
    """

    def __init__(self, piece: Any, changed: Callable[[Any], None], status: StatusLine) -> None:
        self.piece = piece
        self.changed = changed
        self.status = status
        self.controls: dict[str, Control] = {}
        self.inside: dict[str, PieceFields] = {}
        self.rows: list[W.Widget] = []
        self._going_back = False
        if not is_dataclass(piece) or isinstance(piece, type):
            return

        hints = get_type_hints(type(piece))
        for field in fields(piece):
            value = getattr(piece, field.name)
            if is_dataclass(value) and field.name != "candidates":
                taken = partial(self._set, field.name)
                self.inside[field.name] = PieceFields(value, taken, status)
                continue
            control = control_for(field.name, hints[field.name], value)
            if control is not None:
                widget = control.widget
                widget.tooltip = help_of(type(piece), field.name)
                if field.name == "radius" and getattr(piece, "stride", None) is not None:
                    widget.step = 1  # then it counts places
                on_change(widget, partial(self._take, field.name))
                self.controls[field.name] = control
        self.rows += [control.widget for control in self.controls.values()]
        for name, part in self.inside.items():
            self.rows += [W.Label(f"{name}: {type(part.piece).__name__}"), *part.rows]

    @shows_errors
    def _take(self, name: str) -> None:
        if self._going_back:
            return
        try:
            self._set(name, self.controls[name].setting)
        except Exception:
            self._show(name)
            raise

    def _set(self, name: str, value: Any) -> None:
        piece = replace(self.piece, **{name: value})
        self.changed(piece)
        self.piece = piece

    def _show(self, name: str) -> None:
        """Let the control of a field show the value that counts."""
        self._going_back = True
        try:
            self.controls[name].show(getattr(self.piece, name))
        finally:
            self._going_back = False


def help_of(kind: type, name: str) -> str:
    """What the docstring of a class says of an argument; empty if it says nothing."""
    text = inspect.getdoc(kind) or ""
    found = re.search(
        rf"\n    (?:\w+, )*{name}(?:, \w+)*: (.*?)(?=\n    \w|\n\n|\Z)", text, re.DOTALL
    )
    return "" if found is None else " ".join(found[1].split())
