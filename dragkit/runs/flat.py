"""Records as flat values by name, "latent" or "track/points", and back again.

A tensor that has the same shape at every step is one array over the steps; else each step has its
own, such as "track/scores@3".
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import fields, is_dataclass
from typing import Any
from urllib.parse import unquote

import numpy as np
import torch
from torch import Tensor

from ..arguments import shown
from ..records import Edit, Frame, Goals, Step, TrackResult

ELSEWHERE = ("edit", "tracker")  # fields of a step that are stored in their own way
OF_A_STEP = {field.name for field in fields(Step) if "stays" not in field.metadata} - {"edit"}
NUMBER = "0|[1-9][0-9]{0,8}"

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
    """The opposite of :func:`stack`, for `count` steps.

    Raises:
        ValueError: an array is of another number of steps, of a step that is not there, or of one
            that has it already.
    """
    values: list[Values] = [{} for _ in range(count)]
    for name, array in arrays.items():
        bare, at, step = name.partition("@")
        parts = {_number(step, count, name): array} if at else _by_step(name, array, count)
        for i, part in parts.items():
            _put(values[i], bare, part)
    return values


def _by_step(name: str, array: np.ndarray, count: int) -> dict[int, np.ndarray]:
    if array.shape[:1] != (count,):
        raise ValueError(
            f"the array {shown(name)} has shape {array.shape}; it should begin with {count}, the"
            " number of steps"
        )
    return dict(enumerate(array))


def _number(text: str, count: int, name: str) -> int:
    """The number in a name, from 0 to `count` - 1 and written as we write it."""
    if not re.fullmatch(NUMBER, text) or int(text) >= count:
        raise ValueError(
            f"an array is named {shown(name)}; the number in it should be from 0 to {count - 1}"
        )
    return int(text)


def _put(values: Values, name: str, part: Any) -> None:
    if name in values:
        raise ValueError(f"{shown(name)} is there twice for one step")
    values[name] = part


def frame_of(edit: Edit, flat: Values) -> Frame:
    """The frame whose parts are in `flat`, see :func:`flatten`."""
    nested = _nest(flat)
    image = nested.pop("image")
    track = nested.pop("track")
    if "goals" in track:
        goals = track.pop("goals")
        track["goals"] = Goals(**_tensors(goals | {"cases": tuple(goals["cases"])}))
    state = nested.pop("optimizer_state", {})
    moments = {
        _number(number, len(state), f"optimizer_state/{number}"): _tensors(part)
        for number, part in state.items()
    }
    tracker = nested.pop("tracker")
    if not isinstance(tracker, str):
        raise ValueError(f"the tracker of a step is {shown(tracker)}, not a text")

    step = Step(
        edit=edit,
        view=None,
        track=TrackResult(memory=None, **_tensors(track)),
        optimizer_state=moments,
        tracker=tracker,
        **{key: value for key, value in _tensors(nested).items() if key in OF_A_STEP},
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
        _put(inner, leaf, value)
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
