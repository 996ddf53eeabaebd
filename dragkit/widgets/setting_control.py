"""The control of one setting: an ipywidget, and what its value means."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any, Literal, get_args, get_origin

import ipywidgets as W

from ..trackers import Cone, Nearer
from ..trackers.candidates import Candidates

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


def same(value: Any) -> Any:
    """Most widgets have the setting itself as their value."""
    return value


@dataclass(frozen=True, eq=False)
class Control:
    """Shows a setting and lets people change it.

    Attributes:
        widget: what is shown.
        read: from the widget's value to the setting; raises ValueError if it is none.
        write: from the setting to the widget's value.
    """

    widget: W.ValueWidget
    read: Callable[[Any], Any] = same
    write: Callable[[Any], Any] = same

    @property
    def setting(self) -> Any:
        """What it is set to.

        Raises:
            ValueError: what was typed is no such setting.
        """
        return self.read(self.widget.value)

    def show(self, setting: Any) -> None:
        """Show a setting."""
        self.widget.value = self.write(setting)


def control_for(name: str, hint: Any, value: Any) -> Control | None:
    """A control for a value of the type that `hint` says; None if there is no simple one."""
    style = {"description_width": LABEL}
    layout = W.Layout(width="300px")
    common: dict[str, Any] = {"description": name, "style": style, "layout": layout}
    if name == "candidates":
        return _rule_menu(value, common)
    if get_origin(hint) is Literal:
        return Control(W.Dropdown(options=list(get_args(hint)), value=value, **common))
    if hint is bool:
        return Control(W.Checkbox(value=value, **common))
    if hint in (float, int):
        return Control(_number_box(name, hint, value, common))
    if float in get_args(hint):
        box = W.Text(_number_as_text(value), continuous_update=False, **common)
        return Control(box, partial(_number_in_text, name), _number_as_text)
    return None


def _rule_menu(rule: Candidates | None, common: dict[str, Any]) -> Control:
    """A menu of rules for candidates, by name: a menu shows nothing for a value of None."""
    rules = dict(CANDIDATES)
    if rule not in rules.values():
        rules["own"] = rule

    def name_of(rule: Candidates | None) -> str:
        return next(name for name, known in rules.items() if known == rule)

    menu = W.Dropdown(options=list(rules), value=name_of(rule), **common)
    return Control(menu, rules.__getitem__, name_of)


def _number_as_text(number: float | None) -> str:
    return NO_NUMBER if number is None else f"{number:g}"


def _number_in_text(name: str, text: str) -> float | None:
    """The number that was typed, or none; raises ValueError if it is neither."""
    text = text.strip()
    if text in ("", NO_NUMBER):
        return None
    try:
        return float(text)
    except ValueError:
        raise ValueError(f"{name} is {text!r}; give a number, or {NO_NUMBER!r} for none") from None


def _number_box(name: str, kind: type, value: float, common: dict[str, Any]) -> W.ValueWidget:
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
