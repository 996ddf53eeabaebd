"""What the file of a session says about how its run was made."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ..interventions import Intervention
from ..numeric import is_real, is_whole
from ..pieces import printed


def session_notes(
    model: str, method: Mapping[str, Any], interventions: Sequence[tuple[int, Intervention]]
) -> dict[str, Any]:
    """As JSON: the model's name, the method, and what was done on the way, if anything was."""
    notes: dict[str, Any] = {
        "model": model,
        "method": {name: _as_json(piece) for name, piece in method.items()},
    }
    if interventions:
        notes["interventions"] = [[index, printed(done)] for index, done in interventions]
    return notes


def _as_json(piece: Any) -> Any:
    """A piece as JSON: numbers as they are, the rest in its printed form."""
    if isinstance(piece, tuple | list):
        return [_as_json(part) for part in piece]
    if is_whole(piece):
        return int(piece)
    return float(piece) if is_real(piece) else printed(piece)
