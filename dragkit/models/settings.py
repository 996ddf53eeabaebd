"""The settings of a model, which are given by name."""

from __future__ import annotations

from collections.abc import Iterable


def check_settings(model: str, given: Iterable[str], settings: Iterable[str]) -> None:
    """Raise ValueError if one of the `given` names is not among the model's `settings`."""
    settings = list(settings)
    for name in given:
        if name not in settings:
            raise ValueError(f"{model} has no setting {name!r}; it has: {', '.join(settings)}")
