"""What a model, a tracker and a loss owe to the loop, checked where they hand it over."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from .arguments import shown
from .records import Size, TrackResult, View


def check_view(view: Any, size: Size) -> None:
    """Raise TypeError or ValueError unless `view` is what a model of this size shows."""
    if not isinstance(view, View):
        raise TypeError(f"the model's view returned {shown(view)}; it must return a dragkit.View")
    features = view.features
    if not isinstance(features, Tensor) or features.ndim != 3 or not features.is_floating_point():
        raise ValueError(
            f"the features of the model's view are {_in_short(features)}; they must be a"
            " floating-point tensor (c h w), without a batch axis"
        )
    if tuple(view.size) != tuple(size):
        raise ValueError(
            f"the model's view has size {view.size}, the model {size}; both are (height, width)"
        )


def check_track(track: Any, search_centre: Tensor, size: Size, index: int) -> None:
    """Raise an error unless `track` is a tracker's answer for the points (n 2) it was given.

    Raises:
        TypeError: it is not a `TrackResult`, or a part of it is not a tensor.
        ValueError: a part has another shape, or a point is an image's side or more away from the
            image, where nothing can be read.
        FloatingPointError: a point is not finite.
    """
    if not isinstance(track, TrackResult):
        raise TypeError(
            f"the tracker's find returned {shown(track)} at step {index}; it must return"
            " dragkit.TrackResult(points, confidence, scores, memory)"
        )
    n = len(search_centre)
    _check_part("points", track.points, (n, 2))
    _check_part("confidence", track.confidence, (n,))
    side = track.scores.shape[-1] if isinstance(track.scores, Tensor) and track.scores.ndim else 1
    for name, scores in {"scores": track.scores, **track.maps}.items():
        _check_part(name, scores, (n, side, side))
    _check_places(track.points, size, index)


def check_loss(name: str, value: Any) -> None:
    """Raise TypeError or ValueError unless the term `name` returned a single number, a tensor."""
    if not isinstance(value, Tensor):
        raise TypeError(
            f"the loss {name!r} returned {shown(value)}; it must return a tensor of one number"
            " that depends on view.features or view.anchor"
        )
    if value.numel() != 1:
        raise ValueError(
            f"the loss {name!r} returned a tensor of shape {tuple(value.shape)}; it must return"
            " one number, such as its .mean()"
        )


def _check_part(name: str, part: Any, shape: tuple[int, ...]) -> None:
    if not isinstance(part, Tensor):
        raise TypeError(
            f"the tracker's {name} are {shown(part)}; they must be a tensor of shape {shape}"
        )
    if tuple(part.shape) != shape:
        raise ValueError(
            f"the tracker's {name} have shape {tuple(part.shape)}; for {shape[0]} handles they"
            f" must have {shape}"
        )


def _check_places(points: Tensor, size: Size, index: int) -> None:
    height, width = size
    sides = points.new_tensor([width, height])
    readable = (points >= -sides) & (points <= 2 * sides)  # NaN is neither
    if readable.all():
        return
    places = points.tolist()
    if not points.isfinite().all():
        raise FloatingPointError(
            f"the tracker's points of step {index} are not finite ({places}); the steps before it"
            " are kept: look at them, and at the tracker's find"
        )
    raise ValueError(
        f"the tracker's points of step {index} are far outside the {width}×{height} image"
        f" ({places}); the steps before it are kept. Points are (x, y) in pixels of the image"
    )


def _in_short(value: Any) -> str:
    if isinstance(value, torch.Tensor):
        return f"{value.dtype} of shape {tuple(value.shape)}"
    return shown(value)
