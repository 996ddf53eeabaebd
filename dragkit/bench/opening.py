"""Models as they travel to worker processes: each opens them itself, once."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any

from ..models import load
from ..models.protocols import Model
from .settings import describe


@dataclass(frozen=True)
class Opening:
    """How a process opens a model: ``dragkit.load(name_or_path, **settings)``."""

    name_or_path: str
    settings: Mapping[str, Any] = field(default_factory=dict, hash=False)

    def __str__(self) -> str:
        given = [f"{name}={value!r}" for name, value in self.settings.items()]
        return ", ".join([self.name_or_path, *given])


AnyModel = str | Path | Opening | Model


def opened(model: AnyModel) -> Model:
    """The model itself; one that is named is opened once in each process."""
    if isinstance(model, str | Path):
        model = Opening(str(model))
    return _opened_once(model) if isinstance(model, Opening) else model


def describe_model(model: Any) -> str:
    """What tells results with this model, or matcher, from those with another."""
    if isinstance(model, str | Path | Opening):
        return str(model)
    return describe(model, "the model")


@lru_cache(maxsize=2)  # one that is dragged, and one that finds its points again
def _opened_once(opening: Opening) -> Model:
    return load(opening.name_or_path, **opening.settings)
