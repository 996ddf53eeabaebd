"""The settings of a piece as menus, sliders and boxes, made from the piece's own fields."""

from __future__ import annotations

import inspect
import math
import re
from collections.abc import Callable
from dataclasses import fields, is_dataclass, replace
from functools import partial
from typing import Any, Literal, get_args, get_origin, get_type_hints

import ipywidgets as W

from ..trackers import Cone, Nearer
from ..trackers.candidates import Candidates
from .layout import on_change
from .status import StatusLine, shows_errors

# What a slider reaches; other numbers are typed. Twice the value, if that is more.
RANGES = {
    "radius": (1.0, 48.0),
    "fusion": (0.0, 1.0),
    "first_patch": (0.0, 1.0),
    "ratio": (0.05, 1.0),
    "weight": (0.0, 100.0),
    "updates": (1, 20),
}
STEPS = 100  # of a slider's range
NO_NUMBER = "none"
CANDIDATES: dict[str, Candidates | None] = {
    "all": None,
    "nearer the target": Nearer(),
    "in a cone": Cone(),
}
LABEL = "92px"


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
        self.controls: dict[str, W.ValueWidget] = {}
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
                control.tooltip = help_of(type(piece), field.name)
                if field.name == "radius" and getattr(piece, "stride", None) is not None:
                    control.step = 1  # then it counts places
                on_change(control, partial(self._take, field.name))
                self.controls[field.name] = control
        self.rows += self.controls.values()
        for name, part in self.inside.items():
            self.rows += [W.Label(f"{name}: {type(part.piece).__name__}"), *part.rows]

    @shows_errors
    def _take(self, name: str) -> None:
        if self._going_back:
            return
        try:
            self._set(name, setting_of(self.controls[name]))
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
            show_setting(self.controls[name], getattr(self.piece, name))
        finally:
            self._going_back = False


class NumberText(W.Text):
    """A box for a number, or for none."""

    def __init__(self, number: float | None, **settings: Any) -> None:
        super().__init__(continuous_update=False, **settings)
        self.setting = number

    @property
    def setting(self) -> float | None:
        """The number.

        Raises:
            ValueError: the text is none.
        """
        text = self.value.strip()
        if text in ("", NO_NUMBER):
            return None
        try:
            return float(text)
        except ValueError:
            raise ValueError(
                f"{self.description} is {text!r}; give a number, or {NO_NUMBER!r} for none"
            ) from None

    @setting.setter
    def setting(self, number: float | None) -> None:
        self.value = NO_NUMBER if number is None else f"{number:g}"


class RuleMenu(W.Dropdown):
    """A menu of rules for candidates, by name: a menu shows nothing for a value of None."""

    def __init__(self, rule: Candidates | None, **settings: Any) -> None:
        self.rules = dict(CANDIDATES)
        if rule not in self.rules.values():
            self.rules["own"] = rule
        super().__init__(options=list(self.rules), **settings)
        self.setting = rule

    @property
    def setting(self) -> Candidates | None:
        """The rule."""
        return self.rules[self.value]

    @setting.setter
    def setting(self, rule: Candidates | None) -> None:
        self.value = next(name for name, known in self.rules.items() if known == rule)


def control_for(name: str, hint: Any, value: Any) -> W.ValueWidget | None:
    """A control for a value of the type that `hint` says; None if there is no simple one."""
    style = {"description_width": LABEL}
    layout = W.Layout(width="300px")
    common: dict[str, Any] = {"description": name, "style": style, "layout": layout}
    if name == "candidates":
        return RuleMenu(value, **common)
    if get_origin(hint) is Literal:
        return W.Dropdown(options=list(get_args(hint)), value=value, **common)
    if hint is bool:
        return W.Checkbox(value=value, **common)
    if hint in (float, int):
        return number_control(name, hint, value, common)
    if float in get_args(hint):
        return NumberText(value, **common)
    return None


def number_control(name: str, kind: type, value: float, common: dict[str, Any]) -> W.ValueWidget:
    """A slider if the range is known, else a box to type in; a slider of powers for `lr`."""
    if name == "lr":
        power = math.log10(value)
        return W.FloatLogSlider(
            value,
            min=min(-5, math.floor(power)),
            max=max(0, math.ceil(power)),
            step=0.05,
            readout_format=".1e",
            continuous_update=False,
            **common,
        )
    if name not in RANGES:
        box = W.IntText if kind is int else W.FloatText
        return box(value, continuous_update=False, **common)
    low, high = RANGES[name]
    low, high = min(low, value), max(high, 2 * value)
    if kind is int:
        return W.IntSlider(value, min=low, max=high, continuous_update=False, **common)
    step = 0.5 if name == "radius" else (high - low) / STEPS
    return W.FloatSlider(
        value,
        min=low,
        max=high,
        step=step,
        readout_format=".3g",
        continuous_update=False,
        **common,
    )


def setting_of(control: W.ValueWidget) -> Any:
    """What a control is set to: its value, unless it has another form for people."""
    return control.setting if isinstance(control, NumberText | RuleMenu) else control.value


def show_setting(control: W.ValueWidget, setting: Any) -> None:
    """Let a control show a setting."""
    name = "setting" if isinstance(control, NumberText | RuleMenu) else "value"
    setattr(control, name, setting)


def help_of(kind: type, name: str) -> str:
    """What the docstring of a class says of an argument; empty if it says nothing."""
    text = inspect.getdoc(kind) or ""
    found = re.search(
        rf"\n    (?:\w+, )*{name}(?:, \w+)*: (.*?)(?=\n    \w|\n\n|\Z)", text, re.DOTALL
    )
    return "" if found is None else " ".join(found[1].split())
