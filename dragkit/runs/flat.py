"""Records as flat values by name, "latent" or "track/points", and back again.

A tensor that has the same shape at every step is one array over the steps; else each step has its
own, such as "track/scores@3".
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import fields, is_dataclass
from typing import Any
from urllib.parse import unquote

import numpy as np
import torch
from torch import Tensor

from ..records import Edit, Frame, Goals, Step, TrackResult

ELSEWHERE = ("edit", "tracker")  # fields of a step that are stored in their own way

# "/" and "@" have a meaning in names; a loss or a map may be called as it likes.
ESCAPED = str.maketrans({"%": "%25", "/": "%2F", "@": "%40"})

Values = dict[str, Any]


def flatten(value: Any, name: str = "") -> Values:
    """The parts of a record that can be stored, by name: "latent", "track/points", …"""
    if is_dataclass(value):
        parts = {
            field.name: getattr(value, field.name)
            for field in fields(value)
            if "stays" not in field.metadata and field.name not in ELSEWHERE
        }
        return flatten(parts, name)
    if isinstance(value, Mapping) and value:
        flat: Values = {}
        for key, part in value.items():
            key = str(key).translate(ESCAPED)
            flat |= flatten(part, f"{name}/{key}" if name else key)
        return flat
    if value is None:
        return {}
    return {name: _as_array(value) if isinstance(value, Tensor) else value}


def plain(flat: Values) -> Values:
    """What goes into the JSON."""
    return {name: value for name, value in flat.items() if not isinstance(value, np.ndarray)}


def stack(values: Sequence[Values]) -> dict[str, np.ndarray]:
    """The arrays by name: over the steps, if all have the same shape, else one by one."""
    arrays: dict[str, np.ndarray] = {}
    names = {name: None for flat in values for name in flat}
    for name in names:
        column = [flat.get(name) for flat in values]
        present = {i: value for i, value in enumerate(column) if isinstance(value, np.ndarray)}
        same_shape = len({array.shape for array in present.values()}) == 1
        if same_shape and len(present) == len(column):
            arrays[name] = np.stack(list(present.values()))
        else:
            arrays |= {f"{name}@{i}": array for i, array in present.items()}
    return arrays


def unstack(arrays: Mapping[str, np.ndarray], count: int) -> list[Values]:
    """The opposite of :func:`stack`."""
    values: list[Values] = [{} for _ in range(count)]
    for name, array in arrays.items():
        name, _, step = name.partition("@")
        if step:
            values[int(step)][name] = array
            continue
        for flat, part in zip(values, array, strict=True):
            flat[name] = part
    return values


def frame_of(edit: Edit, flat: Values) -> Frame:
    """The frame whose parts are in `flat`, see :func:`flatten`."""
    nested = _nest(flat)
    image = nested.pop("image")
    track = nested.pop("track")
    if "goals" in track:
        goals = track.pop("goals")
        track["goals"] = Goals(**_tensors(goals | {"cases": tuple(goals["cases"])}))
    state = nested.pop("optimizer_state", {})
    moments = {int(number): _tensors(part) for number, part in state.items()}

    known = {field.name for field in fields(Step)}
    step = Step(
        edit=edit,
        view=None,
        track=TrackResult(memory=None, **_tensors(track)),
        optimizer_state=moments,
        **{key: value for key, value in _tensors(nested).items() if key in known},
    )
    return Frame(step, image)


def _nest(flat: Values) -> Values:
    """``{"track/points": p}`` → ``{"track": {"points": p}}``."""
    nested: Values = {}
    for name, value in flat.items():
        *folders, leaf = map(unquote, name.split("/"))
        inner = nested
        for folder in folders:
            inner = inner.setdefault(folder, {})
        inner[leaf] = value
    return nested


def _tensors(values: Values) -> Values:
    """The same with arrays as tensors, also one level down."""
    return {name: _as_tensor(value) for name, value in values.items()}


def _as_array(tensor: Tensor) -> np.ndarray:
    """The same numbers in NumPy, which has no bfloat16."""
    if tensor.dtype == torch.bfloat16:
        tensor = tensor.float()
    array: np.ndarray = tensor.detach().numpy()
    return array


def _as_tensor(value: Any) -> Any:
    if isinstance(value, np.ndarray | np.generic):
        return torch.from_numpy(np.array(value))
    if isinstance(value, dict):
        return _tensors(value)
    return value
