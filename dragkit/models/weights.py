"""A model's weights as safetensors, with its card, the JSON of the same name beside it."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import safetensors.torch
from torch import Tensor

from ..atomic import write_file
from ..locking import one_writer
from .safetensors_header import read_header


def write_model(
    path: Path,
    state: Mapping[str, Tensor],
    card: Mapping[str, Any],
    metadata: Mapping[str, str] | None = None,
) -> Path:
    """Write the weights and the card; returns the path of the weights.

    Both carry one id, so that :func:`dragkit.models.zoo.card` can tell a card that an interrupted
    save left behind.

    Args:
        state: contiguous tensors on the CPU.
        card: how the model was made.
        metadata: what else the file of the weights should carry.
    """
    known = {**(metadata or {}), "id": _id_of(state, card)}
    weights = safetensors.torch.save(dict(state), known)
    text = json.dumps({**card, "id": known["id"]}, indent=1) + "\n"

    with one_writer(path):
        write_file(path, weights)
        write_file(path.with_suffix(".json"), text)
    return path


def id_in(path: Path) -> str | None:
    """The id in a file of weights; None in a file that :func:`write_model` did not write."""
    try:
        return read_header(path).metadata.get("id")
    except (ValueError, OSError):
        return None


def _id_of(state: Mapping[str, Tensor], card: Mapping[str, Any]) -> str:
    digest = hashlib.sha256(json.dumps(card, sort_keys=True).encode())
    for name in sorted(state):
        digest.update(name.encode())
        digest.update(state[name].contiguous().numpy().data)
    return digest.hexdigest()[:16]
