"""What a saved run says about how it was made."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from typing import Any

from ..interventions import FreezeRows, Intervention, PatchTemplate, SwapBlock
from ..numeric import is_real, is_whole
from ..pieces import printed

# An intervention on a step, by its index; of somebody's own, a file knows the printed form only.
Done = tuple[int, Intervention | str]
KNOWN = {kind.__name__: kind for kind in (SwapBlock, FreezeRows, PatchTemplate)}


def session_notes(model: str, method: Mapping[str, Any]) -> dict[str, Any]:
    """As JSON: the model's name and the method."""
    return {"model": model, "method": {name: _as_json(piece) for name, piece in method.items()}}


def known(interventions: Iterable[Done]) -> list[tuple[int, Intervention]]:
    """Those of which more than the printed form is known."""
    return [(index, done) for index, done in interventions if not isinstance(done, str)]


def interventions_as_json(interventions: Sequence[Done]) -> list[list[Any]]:
    """Lists of a step and a name with its settings: ``[12, {"FreezeRows": {"rows": [0]}}]``."""
    return [[index, _intervention_as_json(done)] for index, done in interventions]


def interventions_of_json(notes: Any, last: int) -> list[Done]:
    """What :func:`interventions_as_json` wrote, of a run whose last step is `last`.

    Raises:
        ValueError: it is something else.
    """
    try:
        return [(_index(index, last), _intervention_of_json(done)) for index, done in notes]
    except (AttributeError, TypeError, ValueError) as error:
        raise ValueError("its interventions are none that dragkit saves") from error


def _intervention_as_json(done: Intervention | str) -> Any:
    ours = type(done) in KNOWN.values()  # and no subclass, which nobody could find again
    if ours and isinstance(done, SwapBlock | FreezeRows | PatchTemplate):
        return {type(done).__name__: asdict(done)}
    return done if isinstance(done, str) else printed(done)


def _intervention_of_json(note: Any) -> Intervention | str:
    if isinstance(note, str):
        return note
    ((name, settings),) = note.items()
    if name not in KNOWN:
        raise ValueError(f"{name} is no intervention")
    return KNOWN[name](**settings)


def _index(index: Any, last: int) -> int:
    if not is_whole(index, 0, last):
        raise ValueError(f"{index} is no step of the run")
    return int(index)


def _as_json(piece: Any) -> Any:
    """A piece as JSON: numbers as they are, the rest in its printed form."""
    if isinstance(piece, tuple | list):
        return [_as_json(part) for part in piece]
    if is_whole(piece):
        return int(piece)
    return float(piece) if is_real(piece) else printed(piece)
