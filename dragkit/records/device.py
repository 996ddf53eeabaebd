"""All the tensors of a record at once: moved to a device, copied, without their gradients."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from copy import copy
from dataclasses import fields, is_dataclass
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

    def to(tensor: Tensor) -> Tensor:
        return tensor.to(device)

    return _changed(record, to)


def copied(record: Record) -> Record:
    """The same with every tensor of :func:`to_device` copied, for who may write into it."""
    return _changed(record, Tensor.clone)


def detached(record: Record) -> Record:
    """The same with every tensor of :func:`to_device` without its gradient."""
    return _changed(record, Tensor.detach)


def _changed(record: Record, change: Callable[[Tensor], Tensor]) -> Record:
    assert is_dataclass(record) and not isinstance(record, type)
    parts = {}
    for field in fields(record):
        value = getattr(record, field.name)
        new = value if "stays" in field.metadata else _changed_part(value, change)
        if new is not value:
            parts[field.name] = new

    return with_parts(record, parts) if parts else record


def with_parts(record: Record, parts: Mapping[str, Any]) -> Record:
    """The same with other values in some fields, which are known to be good: nothing is checked.

    Whatever else an instance of a subclass holds, its copy holds, too.
    """
    changed = copy(record)
    for name, part in parts.items():
        object.__setattr__(changed, name, part)
    return changed


def _changed_part(value: Any, change: Callable[[Tensor], Tensor]) -> Any:
    if isinstance(value, Tensor):
        return change(value)
    if isinstance(value, Mapping):
        parts = {key: _changed_part(part, change) for key, part in value.items()}
        changed = any(parts[key] is not part for key, part in value.items())
        return parts if changed else value
    if is_dataclass(value) and not isinstance(value, type):
        return _changed(value, change)
    return value
