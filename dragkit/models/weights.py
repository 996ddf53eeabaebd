"""A model's weights as safetensors, with its card, the JSON of the same name beside it."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import safetensors.torch
from torch import Tensor

from ..atomic import new_file, write_new
from ..locking import one_writer
from .safetensors_header import read_header


def write_model(
    path: Path,
    state: Mapping[str, Tensor],
    card: Mapping[str, Any],
    metadata: Mapping[str, str] | None = None,
) -> Path:
    """Write the weights and the card; returns the path of the weights.

    Both are written before either takes its place. The weights hold the card, too, and both carry
    one id: where a kill comes between the two, :func:`dragkit.models.zoo.card` sees that the JSON
    is of another save, and takes what the weights hold.

    Args:
        state: contiguous tensors on the CPU.
        card: how the model was made.
        metadata: what else the file of the weights should carry.
    """
    number = _id_of(state, card)
    text = json.dumps({**card, "id": number}, indent=1) + "\n"
    known = {**(metadata or {}), "id": number, "card": text}
    weights = safetensors.torch.save(dict(state), known)

    with (
        one_writer(path),
        new_file(path) as new_weights,
        new_file(path.with_suffix(".json")) as new_card,
    ):
        write_new(new_weights, weights)
        write_new(new_card, text)
    return path


def notes_in(path: Path) -> Mapping[str, str]:
    """What a file of weights says of itself: "id" and "card", if :func:`write_model` wrote it."""
    try:
        return read_header(path).metadata
    except (ValueError, OSError):
        return {}


def _id_of(state: Mapping[str, Tensor], card: Mapping[str, Any]) -> str:
    digest = hashlib.sha256(json.dumps(card, sort_keys=True).encode())
    for name in sorted(state):
        digest.update(name.encode())
        digest.update(state[name].contiguous().numpy().data)
    return digest.hexdigest()[:16]
