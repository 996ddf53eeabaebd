"""Move a record and all its tensors to a device."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields, is_dataclass, replace
from typing import Any, TypeVar

import torch
from torch import Tensor

Device = torch.device | str
Record = TypeVar("Record")

# A field with this metadata stays where it is: `field(metadata=STAYS)`.
STAYS = {"stays": True}


def to_device(record: Record, device: Device) -> Record:
    """A dataclass with every tensor in its fields on `device`; itself if they are there already.

    Records and mappings inside are moved too. Everything else is passed on as it is, and so are
    the fields marked with `STAYS`: a tracker's memory, for example, belongs to the tracker.
    """
    assert is_dataclass(record) and not isinstance(record, type)
    moved = {}
    for field in fields(record):
        value = getattr(record, field.name)
        new = value if "stays" in field.metadata else _moved(value, device)
        if new is not value:
            moved[field.name] = new

    return replace(record, **moved) if moved else record


def _moved(value: Any, device: Device) -> Any:
    if isinstance(value, Tensor):
        return value.to(device)
    if isinstance(value, Mapping):
        moved = {key: _moved(part, device) for key, part in value.items()}
        changed = any(moved[key] is not part for key, part in value.items())
        return moved if changed else value
    if is_dataclass(value) and not isinstance(value, type):
        return to_device(value, device)
    return value
