"""What the pieces answer, as the loop takes it: checked, and made of tensors like the run's.

NumPy arrays, whole numbers, doubles and lists of tensors become floats on the run's device.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor

from .arguments import check_plain, finite_array, numbers, real_numbers, shown
from .contract import GOALS, OPTIONAL, SCORES, TRACK, TRUTHS, check_track
from .numeric import is_real, is_whole
from .pieces import Gate
from .reading import declared_shape
from .records import Goals, Size, TrackResult, View
from .records.device import with_parts
from .records.view import checked_map

MOST_NUMBERS = 1 << 26  # of one part; ten windows of 512 px have 2.6 million


def checked_view(view: Any, size: Size, latent: Tensor, start: View | None = None) -> View:
    """`view` with features in float32 and a copy of its latent, if a model of this size shows it.

    Args:
        latent: what is shown.
        start: the view of step 0, whose features have the same shape; None if this is it.

    Raises:
        TypeError: it is no view.
        ValueError: its features are no map (c h w) or have changed their shape, its size is
            another one, or it cannot render.
    """
    if not isinstance(view, View):
        raise TypeError(f"the model's view returned {shown(view)}; it must return a dragkit.View")
    if not isinstance(view.size, tuple) or view.size != tuple(size):
        _check_size(view.size, size)
    for name in ("render", "compute_anchor"):
        part = getattr(view, name)
        if not (callable(part) or (part is None and name == "compute_anchor")):
            raise TypeError(f"{name} of the model's view is {shown(part)}; give a function")

    features = checked_map("what the model's view has as features", view.features)
    if start is not None and features.shape != start.features.shape:
        raise ValueError(
            f"the features of the model's view have shape {tuple(features.shape)}, those of step 0"
            f" {tuple(start.features.shape)}; give the same at every step"
        )
    if features.dtype != torch.float32:
        view = replace(view, features=features.float())
    return with_parts(view, {"latent": latent.clone()})


def _check_size(found: Any, size: Size) -> None:
    sides = finite_array("the size of the model's view", found, (2,), f"{tuple(size)}").tolist()
    if sides != list(size):
        raise ValueError(
            f"the model's view has size {found}, the model {size}; both are (height, width)"
        )


def checked_track(track: Any, search_centre: Tensor, size: Size, index: int) -> TrackResult:
    """A copy of a tracker's answer for the points (n 2) it was given, in tensors like these.

    Gradients stay, so a loss may pull through the tracker; what the loop records has none.

    Raises:
        TypeError, ValueError, FloatingPointError: it is no `TrackResult`, or as
            :func:`dragkit.contract.check_track`.
    """
    if not isinstance(track, TrackResult):
        raise TypeError(
            f"the tracker's find returned {shown(track)} at step {index}; it must return"
            " dragkit.TrackResult(points, confidence, scores, memory)"
        )
    who = f"the tracker gave at step {index}"
    n = len(search_centre)
    parts: dict[str, Any] = _tensors(who, track, {**TRACK, "scores": SCORES}, search_centre)
    parts["maps"] = _maps(who, track.maps, search_centre)
    parts["goals"] = _goals(who, track.goals, search_centre)
    parts["stride"] = _number(track.stride)
    uniform = with_parts(track, parts)
    check_track(who, uniform, n, size)
    return uniform


def checked_threshold(gate: Gate, threshold: Any, confidence: Tensor) -> Tensor:
    """The gate's thresholds (n) like the `confidence` (n) that it was given.

    Raises:
        ValueError: it returned something else, or NaN for a confidence that is a number.
    """
    way_out = (
        "one for each handle: a gate turns the confidence of step 1, a tensor (n), into thresholds"
        " (n), such as lambda initial: 0.9 * initial"
    )
    what = f"what the gate {shown(gate)} returned"
    found = real_numbers(what, threshold, way_out).to(confidence, copy=True)
    if found.shape != confidence.shape or (found.isnan() & ~confidence.isnan()).any():
        raise ValueError(f"{what} is {shown(threshold)}; give numbers, {way_out}")
    return found


def checked_loss(name: str, value: Any) -> Tensor:
    """What the loss `name` returned as a scalar tensor; a plain number pulls nowhere.

    Raises:
        TypeError: it is no number.
        ValueError: it is several, or one without a value, such as a complex one.
    """
    what = f"what the loss {name!r} returned"
    way_out = "a tensor of one number that depends on view.features or view.anchor"
    if not isinstance(value, Tensor):
        try:
            value = real_numbers(what, value, way_out)
        except ValueError as error:
            raise TypeError(*error.args) from error
    check_plain(what, value, way_out)
    if value.dtype == torch.bool:
        raise TypeError(f"{what} is {shown(value)}, which is no number; give {way_out}")
    if value.numel() != 1:
        raise ValueError(
            f"{what} has shape {tuple(value.shape)}; give one number, such as its .mean()"
        )
    value = value.reshape(())
    return value if value.is_floating_point() else value.float()


def _tensors(who: str, record: Any, shapes: Mapping[str, str], like: Tensor) -> dict[str, Tensor]:
    """The parts of `record` that are there, as tensors of their own."""
    parts = {}
    for name, shape in shapes.items():
        value = getattr(record, name, None)
        if not (value is None and name in OPTIONAL):
            parts[name] = _tensor(who, name, value, shape, like)
    return parts


def _tensor(who: str, name: str, value: Any, shape: str, like: Tensor) -> Tensor:
    what = f"what {who} as {name}"
    if name in TRUTHS:
        truths = numbers(what, value, f"True or False of shape ({shape})")
        return truths.to(like.device, copy=True)
    size = math.prod(declared_shape(value))
    if size > MOST_NUMBERS:
        raise ValueError(f"{what} has {size:,} numbers; give at most {MOST_NUMBERS:,}")
    plain = real_numbers(what, value, f"floats of shape ({shape})")
    if isinstance(value, Tensor):
        plain = value  # with its gradient
    return plain.to(like, copy=True)


def _maps(who: str, maps: Any, like: Tensor) -> Any:
    """Maps by name, which may have been a number; what is no dict is left to the contract."""
    if not isinstance(maps, Mapping):
        return maps
    found = {
        str(name): _tensor(who, f"the map {name!r}", part, SCORES, like)
        for name, part in maps.items()
    }
    if len(found) < len(maps):
        raise ValueError(f"two of the maps that {who} have one name in print; rename one")
    return found


def _goals(who: str, goals: Any, like: Tensor) -> Any:
    """Goals in tensors of their own; what is none is left to the contract."""
    if not isinstance(goals, Goals):
        return goals
    cases: Any = getattr(goals, "cases", None)
    if isinstance(cases, list):
        cases = tuple(cases)
    return with_parts(goals, {**_tensors(who, goals, GOALS, like), "cases": cases})


def _number(value: Any) -> Any:
    """A number as Python's; anything else is left to the contract."""
    if is_whole(value):
        return int(value)
    return float(value) if is_real(value) else value
