"""What must be true of a run that comes from a file, so that it can be shown and continued."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ..numeric import is_real, is_whole
from ..reading import check_text
from ..records import Frame, Goals

MOST_SIDE = 16_384  # px of an image
MOST_NAMES = 100  # of losses, maps or notes
MOST_TEXT = 10_000  # characters


def check_frames(frames: Sequence[Frame]) -> None:
    """Raise ValueError unless every frame is what `drag` could have made.

    What is checked: the shapes and kinds of all its parts, and that the latent and the image keep
    theirs from step to step. Whether the numbers make sense is left to those who look.
    """
    if not frames:
        raise ValueError("it has no steps")
    first = frames[0]
    for frame in frames:
        _check_frame(frame)
        if frame.image.shape != first.image.shape or frame.latent.shape != first.latent.shape:
            raise ValueError("its images or latents change their size from step to step")
    first.edit.fit(first.image.shape[:2])


def check_metadata(metadata: Any) -> dict[str, Any]:
    """What a model said about itself, as plain values by printable names.

    Raises:
        ValueError: it is something else, or is too long.
    """
    if not isinstance(metadata, Mapping) or len(metadata) > MOST_NAMES:
        raise ValueError(f"its metadata are no dict of at most {MOST_NAMES} entries")
    for name, value in metadata.items():
        check_text(name, "a name in its metadata")
        if len(str(value)) > MOST_TEXT:
            raise ValueError(f"{name!r} in its metadata has more than {MOST_TEXT} characters")
    return dict(metadata)


def _check_frame(frame: Frame) -> None:
    step, track = frame.step, frame.step.track
    n = len(step.edit.handles)
    if not is_whole(step.index, 0):
        raise ValueError(f"a step's index is {step.index!r}")
    _check_image(frame.image)
    _check_part("latent", step.latent, None)
    _check_part("points", track.points, (n, 2))
    _check_part("search_centre", step.search_centre, (n, 2))
    _check_part("confidence", track.confidence, (n,))
    _check_part("initial_confidence", step.initial_confidence, (n,))
    _check_part("arrived", step.arrived, (n,), torch.bool)
    if track.threshold is not None:
        _check_part("threshold", track.threshold, (n,))
    if track.window_centre is not None:
        _check_part("window_centre", track.window_centre, (n, 2))
    if not (is_real(track.stride) and track.stride > 0):
        raise ValueError(f"a step's stride is {track.stride!r}")
    _check_scores(track.scores, track.maps, n)
    _check_goals(track.goals, n)
    _check_texts(step.losses, step.tracker)
    _check_moments(step.optimizer_state, step.latent)


def _check_image(image: Any) -> None:
    fits = isinstance(image, np.ndarray) and image.dtype == np.uint8
    if not fits or image.ndim != 3 or image.shape[2] != 3 or not image.size:
        raise ValueError("an image is not uint8 (H W 3)")
    if max(image.shape) > MOST_SIDE:
        raise ValueError(f"an image has shape {image.shape}; its sides are at most {MOST_SIDE} px")


def _check_part(
    name: str, part: Any, shape: tuple[int, ...] | None, dtype: torch.dtype | None = None
) -> None:
    if not isinstance(part, Tensor):
        raise ValueError(f"{name} is not an array")
    if shape is not None and tuple(part.shape) != shape:
        raise ValueError(f"{name} has shape {tuple(part.shape)}, not {shape}")
    if (dtype is None and not part.is_floating_point()) or (dtype and part.dtype != dtype):
        raise ValueError(f"{name} holds {part.dtype}")


def _check_scores(scores: Any, maps: Any, n: int) -> None:
    _check_part("scores", scores, None)
    side = scores.shape[-1] if scores.ndim else 0
    if not isinstance(maps, Mapping) or len(maps) > MOST_NAMES or not side:
        raise ValueError("its score maps are no maps by name")
    for name, part in {"scores": scores, **maps}.items():
        check_text(name, "the name of a score map")
        _check_part(name, part, (n, side, side))


def _check_goals(goals: Goals | None, n: int) -> None:
    if goals is None:
        return
    _check_part("candidates", goals.candidates, None)
    if goals.candidates.ndim != 3 or goals.candidates.shape[::2] != (n, 2):
        raise ValueError(f"candidates has shape {tuple(goals.candidates.shape)}, not (n m 2)")
    _check_part("settled", goals.settled, (n,), torch.bool)
    _check_part("drift", goals.drift, (n,))
    if len(goals.cases) != n:
        raise ValueError(f"there are {len(goals.cases)} cases of goals for {n} handles")
    for case in goals.cases:
        check_text(case, "the case of a goal")


def _check_texts(losses: Any, tracker: Any) -> None:
    if not isinstance(losses, Mapping) or len(losses) > MOST_NAMES:
        raise ValueError("its losses are no values by name")
    for name, value in losses.items():
        check_text(name, "the name of a loss")
        if not isinstance(value, float | int):
            raise ValueError(f"the loss {name!r} is {str(value)[:40]!r}, not a number")
    if not isinstance(tracker, str) or len(tracker) > MOST_TEXT:
        raise ValueError(f"its tracker is not a text of at most {MOST_TEXT} characters")


def _check_moments(state: Mapping[int, Mapping[str, Tensor]], latent: Tensor) -> None:
    for moments in state.values():
        for name, moment in moments.items():
            shape = () if name == "step" else tuple(latent.shape)
            check_text(name, "the name of a moment of Adam")
            _check_part(name, moment, shape)
