"""What to type for a method: the nearest preset, and what differs from it."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator, Mapping
from dataclasses import MISSING, fields, is_dataclass
from functools import lru_cache
from typing import Any, get_args, get_type_hints

from ..pieces import Method, printed, same_piece
from .knobs import LEAVES, PRESETS
from .stable import anchored, stabledrag


@lru_cache(maxsize=1)
def presets() -> Mapping[str, Method]:
    """All presets that need no other leaf, in all their profiles, by what to type for them.

    Such as ``draggan("paper")`` or ``stabledrag(base=dragdiffusion)``.
    """
    return dict(_calls())


def as_code(method: Mapping[str, Any]) -> str:
    """Python that makes `method`: imports, and ``method = preset() | {…}``.

    Pieces of your own are written as they print.
    """
    name = min(presets(), key=lambda name: len(differing(method, presets()[name])))
    pieces = differing(method, presets()[name])
    imports = {f"from dragkit.methods import {word}" for word in _words(name)}
    values = {piece: written(method[piece], imports) for piece in pieces}

    change = ", ".join(f'"{piece}": {text}' for piece, text in values.items())
    line = f"method = {name}"
    if change:
        line += f" | {{{change}}}"
    return "\n".join([*sorted(imports), line])


def same_method(method: Mapping[str, Any], other: Mapping[str, Any]) -> bool:
    """Whether two methods have the same pieces."""
    return method.keys() == other.keys() and not differing(method, other)


def _calls() -> Iterator[tuple[str, Method]]:
    for preset in PRESETS:
        name = preset.__name__
        if name in LEAVES:
            continue
        if preset in (stabledrag, anchored):  # for each base
            yield f"{name}()", preset()
            yield f"{name}(base=dragdiffusion)", preset(base=_preset("dragdiffusion"))
            continue
        for profile in _profiles(preset):
            yield f'{name}("{profile}")', preset(profile)
        if not _profiles(preset):
            yield f"{name}()", preset()


def _preset(name: str) -> Callable[..., Method]:
    return next(preset for preset in PRESETS if preset.__name__ == name)


def _profiles(preset: Callable[..., Method]) -> tuple[str, ...]:
    hint = get_type_hints(preset).get("profile")
    return get_args(hint)


def _words(call: str) -> list[str]:
    """The names of presets in a call."""
    names = [preset.__name__ for preset in PRESETS]
    return [name for name in names if call.startswith(f"{name}(") or f"base={name})" in call]


def differing(method: Mapping[str, Any], other: Mapping[str, Any]) -> list[str]:
    """The names of the pieces of `method` that are not those of the other one."""
    return [name for name, piece in method.items() if not _same(piece, other.get(name))]


def _same(piece: Any, other: Any) -> bool:
    both = (piece, other)
    if all(isinstance(one, tuple | list) for one in both):
        return len(piece) == len(other) and all(map(same_piece, piece, other))
    return same_piece(piece, other)


def written(value: Any, imports: set[str]) -> str:
    """A value as Python; what has to be imported for it goes into `imports`."""
    if isinstance(value, tuple | list):
        inside = ", ".join(written(part, imports) for part in value)
        return f"[{inside}]"
    if is_dataclass(value) and not isinstance(value, type):
        return _piece(value, imports)
    if inspect.isfunction(value):
        _import(value, imports)
        return value.__name__
    return printed(value)


def _piece(piece: Any, imports: set[str]) -> str:
    """A piece with the settings that are not its class's own."""
    _import(type(piece), imports)
    changed = {
        field.name: getattr(piece, field.name)
        for field in fields(piece)
        if field.init and (field.default is MISSING or getattr(piece, field.name) != field.default)
    }
    inside = ", ".join(f"{name}={written(value, imports)}" for name, value in changed.items())
    return f"{type(piece).__name__}({inside})"


def _import(what: Any, imports: set[str]) -> None:
    if what.__module__ != "__main__":
        imports.add(f"from {what.__module__} import {what.__name__}")
