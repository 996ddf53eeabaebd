"""What must be true of a run that comes from a file, so that it can be shown and continued.

The steps are those that `drag` could have made (:mod:`dragkit.contract`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from torch import Tensor

from ..arguments import shown
from ..contract import (
    FAR,
    STEP,
    check_names,
    check_parts,
    check_places,
    check_track,
)
from ..numeric import is_positive, is_whole
from ..pieces import MOST_TEXT
from ..records import Frame

MOST_SIDE = 16_384  # px of an image
MOMENTS = {"step", "exp_avg", "exp_avg_sq"}  # that Adam goes on with


def check_frames(frames: Sequence[Frame]) -> None:
    """Raise an error unless every frame is what `drag` could have made, each after the one before.

    What is checked: the shapes and kinds of all its parts, that the places are near the image,
    that what a run goes on with are numbers, and that the latent and the image keep their shapes
    from step to step, whose index rises. Whether the numbers make sense is left to those who look.

    Raises:
        TypeError, ValueError, FloatingPointError: one is not.
    """
    if not frames:
        raise ValueError("it has no steps")
    before = -1
    for frame in frames:
        _check_frame(frame)
        check_follows(frame, frames[0])
        if frame.index <= before:
            raise ValueError(
                f"step {frame.index} comes after step {before}; the steps of a run are in order,"
                " each there once"
            )
        before = frame.index
    first = frames[0]
    first.edit.fit(first.image.shape[:2])


def check_follows(frame: Frame, first: Frame) -> None:
    """Raise ValueError unless `frame` can be in a run that begins with `first`."""
    for what, now, then in (
        ("an image", frame.size, first.size),
        ("a latent", tuple(frame.latent.shape), tuple(first.latent.shape)),
        ("points", tuple(frame.points.shape), tuple(first.points.shape)),
    ):
        if now != then:
            raise ValueError(
                f"step {frame.index} has {what} of shape {now}, and the run began with {then}; a"
                " run keeps to one model and one number of handles"
            )


def _check_frame(frame: Frame) -> None:
    step, n = frame.step, len(frame.step.edit.handles)
    if not is_whole(step.index, 0):
        raise ValueError(f"a step's index is {shown(step.index)}")
    who = f"step {step.index} has"
    if not (step.arrive is None or is_positive(step.arrive)):
        raise ValueError(f"what {who} as arrive is {shown(step.arrive)}, no distance above 0")
    _check_image(frame.image)
    _check_floats(who, "latent", step.latent)
    if not step.latent.isfinite().all():
        raise FloatingPointError(f"what {who} as latent is not finite")
    size = frame.image.shape[:2]
    check_track(who, step.track, n, size, FAR)
    check_parts(who, step, STEP, n)
    check_places(who, step, STEP, size, FAR)
    _check_texts(step.losses, step.tracker)
    _check_moments(who, step.optimizer_state, step.latent)


def _check_image(image: Any) -> None:
    fits = isinstance(image, np.ndarray) and image.dtype == np.uint8
    if not fits or image.ndim != 3 or image.shape[2] != 3 or not image.size:
        raise ValueError("an image is not uint8 (H W 3)")
    if max(image.shape) > MOST_SIDE:
        raise ValueError(f"an image has shape {image.shape}; its sides are at most {MOST_SIDE} px")


def _check_floats(who: str, name: str, part: Any) -> None:
    if not isinstance(part, Tensor) or not part.is_floating_point():
        raise ValueError(f"what {who} as {name} is {shown(part)}, no array of floats")


def _check_texts(losses: Any, tracker: Any) -> None:
    check_names("of its losses", losses)
    for name, value in losses.items():
        if not isinstance(value, float | int):
            raise ValueError(f"the loss {name!r} is {shown(value)}, not a number")
    if isinstance(tracker, str) and len(tracker) > MOST_TEXT:
        raise ValueError(f"its tracker is a text of more than {MOST_TEXT} characters")


def _check_moments(who: str, state: Mapping[int, Mapping[str, Tensor]], latent: Tensor) -> None:
    for moments in state.values():
        check_names("of the moments of Adam", moments)
        if missing := MOMENTS - moments.keys():
            raise ValueError(f"the moments of Adam that {who} lack {', '.join(sorted(missing))}")
        for name, moment in moments.items():
            _check_floats(who, name, moment)
            if moment.shape != (() if name == "step" else latent.shape):
                raise ValueError(f"what {who} as {name} has shape {tuple(moment.shape)}")
            if moment.isnan().any():
                raise FloatingPointError(f"what {who} as {name} holds NaN")
