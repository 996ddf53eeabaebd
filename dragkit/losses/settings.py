"""Checks of the loss terms' settings."""

from __future__ import annotations

from ..numeric import is_real


def check_choice(name: str, value: str, choices: tuple[str, ...]) -> None:
    """Raise ValueError unless `value` is one of the `choices`."""
    if value not in choices:
        raise ValueError(f"unknown {name} {value!r}; choose from {', '.join(choices)}")


def check_from_0(name: str, value: float, example: float) -> None:
    """Raise ValueError unless `value` is a number from 0 on."""
    if not (is_real(value) and value >= 0):
        raise ValueError(f"{name} is {value!r}; give a number from 0 on, such as {example:g}")
