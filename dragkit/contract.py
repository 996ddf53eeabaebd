"""What every step of a run holds: one description for those who make it and those who read it.

`drag` checks by it what the pieces answer, and a saved run is checked by it when it is opened, so
a run that can be made can be saved and opened.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from typing import Any

import torch
from torch import Tensor

from .arguments import shown
from .geometry import SMALL
from .numeric import is_real, is_whole
from .pieces import MOST_TEXT, SelfDescribing
from .reading import check_text, parse_json
from .records import Goals, Size, TrackResult

MOST_NAMES = 100  # of losses, maps or notes
FAR = 1e6  # px from the image, where a place can still be drawn

# The shapes of tensors by name; n handles, and whatever k and m are, they are it everywhere.
TRACK = {"points": "n 2", "confidence": "n", "threshold": "n", "window_centre": "n 2"}
SCORES = "n k k"
GOALS = {"candidates": "n m 2", "settled": "n", "drift": "n"}
STEP = {"search_centre": "n 2", "initial_confidence": "n", "arrived": "n"}
OPTIONAL = {"threshold", "window_centre"}
PLACES = {"points", "search_centre", "window_centre"}
TRUTHS = {"settled", "arrived"}


def check_track(
    who: str, track: TrackResult, n: int, size: Size, reach: float | None = None
) -> None:
    """Raise an error unless `track` is about `n` handles on an image of `size`.

    Args:
        who: such as "the tracker gave at step 3"; messages go on with a part's name.
        reach: as for :func:`check_places`.

    Raises:
        TypeError: a part is something else.
        ValueError: a part has another shape, a point is too far from the image, a window is far
            larger than the image, or a name cannot be printed.
        FloatingPointError: a point is not finite.
    """
    check_parts(who, track, TRACK, n)
    check_part(who, "scores", track.scores, SCORES, n)
    side = track.scores.shape[-1]
    check_names(f"of the maps that {who}", track.maps)
    for name, scores in track.maps.items():
        check_part(who, f"the map {name!r}", scores, f"n {side} {side}", n)
    check_places(who, track, TRACK, size, reach)
    _check_stride(who, track.stride, side, size)
    if track.goals is not None:
        check_goals(who, track.goals, n)


def check_goals(who: str, goals: Goals, n: int) -> None:
    """Raise TypeError or ValueError unless `goals` are goals of `n` handles."""
    if not isinstance(goals, Goals):
        raise TypeError(f"what {who} as goals is {shown(goals)}; give dragkit.records.Goals(…)")
    check_parts(who, goals, GOALS, n)
    if not isinstance(goals.cases, tuple) or len(goals.cases) != n:
        raise ValueError(f"what {who} as cases is {shown(goals.cases)}; give {n} texts")
    for case in goals.cases:
        check_text(case, f"one of the cases that {who}")


def check_parts(who: str, record: Any, shapes: Mapping[str, str], n: int) -> None:
    """Raise TypeError or ValueError unless the parts of `record` have these `shapes`."""
    for name, shape in shapes.items():
        part = getattr(record, name)
        if not (part is None and name in OPTIONAL):
            check_part(who, name, part, shape, n)


def check_part(who: str, name: str, part: Any, shape: str, n: int) -> None:
    """Raise TypeError or ValueError unless `part` is a tensor of that shape, such as "n k k"."""
    what = f"what {who} as {name}"
    kind = "True or False" if name in TRUTHS else "floats"
    if not isinstance(part, Tensor):
        raise TypeError(f"{what} is {shown(part)}; give {kind} of shape ({shape})")
    if (part.dtype == torch.bool) != (name in TRUTHS) or not (
        part.dtype == torch.bool or part.is_floating_point()
    ):
        raise TypeError(f"{what} holds {part.dtype}; give {kind} of shape ({shape})")
    if not _fits(tuple(part.shape), shape.split(), n):
        raise ValueError(
            f"what {who} as {name} has shape {tuple(part.shape)}; give ({shape}), where n is the"
            f" number of handles, {n}{_hint(name)}"
        )


def check_places(
    who: str, record: Any, names: Collection[str], size: Size, reach: float | None = None
) -> None:
    """Raise an error unless the places in `record` are near an image of `size`.

    Args:
        reach: how far from the image they may be, in pixels. None: less than the image's own
            sides, because farther away nothing can be read.

    Raises:
        FloatingPointError: one is not finite.
        ValueError: one is too far away.
    """
    height, width = size
    for name in PLACES.intersection(names):
        places = getattr(record, name)
        if places is None:
            continue
        sides = places.new_tensor([width, height])
        margin = sides if reach is None else reach
        if ((places >= -margin) & (places <= sides + margin)).all():  # NaN is neither
            continue
        what = f"what {who} as {name} is {shown(places.tolist())}"
        if not places.isfinite().all():
            raise FloatingPointError(f"{what}, not finite; give (x, y) in pixels of the image")
        raise ValueError(
            f"{what}, far outside the {width}×{height} image; give (x, y) in pixels of the image"
        )


def check_names(of_what: str, named: Any) -> None:
    """Raise TypeError or ValueError unless `named` holds a few things by printable names."""
    if not isinstance(named, Mapping):
        what = of_what.removeprefix("of ")
        raise TypeError(f"{what} are {shown(named)}; give a dict by names, or {{}}")
    if len(named) > MOST_NAMES:
        raise ValueError(f"there are {len(named)} names {of_what}; give at most {MOST_NAMES}")
    for name in named:
        check_text(name, f"a name {of_what}")


def metadata_of(model: Any) -> dict[str, Any]:
    """What `model` says about itself, as a saved run will give it back; {} if it says nothing.

    Raises:
        TypeError, ValueError: as :func:`checked_metadata`.
    """
    if not isinstance(model, SelfDescribing):
        return {}
    return checked_metadata("of the model's metadata", model.metadata)


def checked_metadata(of_what: str, metadata: Any) -> dict[str, Any]:
    """Notes as they come back from a file: by printable names, and what JSON cannot hold as text.

    Args:
        of_what: for messages, such as "of the model's metadata".

    Raises:
        TypeError: they are no dict.
        ValueError: they are too many, too long, too deep, or a name cannot be printed.
    """
    check_names(of_what, metadata)
    try:
        text = json.dumps({"metadata": dict(metadata)}, default=_plain)
        notes: dict[str, Any] = parse_json(text.encode(), finite=False)["metadata"]
    except (TypeError, ValueError, RecursionError) as error:
        raise ValueError(
            f"one {of_what} cannot be saved with a run ({error}); give texts, numbers, lists and"
            " dicts"
        ) from error
    for name, value in notes.items():
        if len(str(value)) > MOST_TEXT:
            raise ValueError(f"{name!r} {of_what} has more than {MOST_TEXT} characters; cut it")
    return notes


def _plain(value: Any) -> Any:
    """What JSON does not know: numbers of NumPy and torch as Python's, the rest as text."""
    if is_whole(value):
        return int(value)
    if is_real(value):
        return float(value)
    return shown(value)


def _fits(found: tuple[int, ...], letters: list[str], n: int) -> bool:
    """Whether a shape has these letters; k is at least 1, m may be 0."""
    known = {"n": n} | {letter: int(letter) for letter in letters if letter.isdigit()}
    if len(found) != len(letters) or (0 in found and "m" not in letters):
        return False
    return all(
        size == known.setdefault(letter, size) for size, letter in zip(found, letters, strict=True)
    )


def _hint(name: str) -> str:
    """What to give of a part that many trackers do not measure."""
    if name == "confidence":
        return "; if you measure none, torch.full((n,), torch.nan)"
    if name == "scores":
        return "; if you compare nothing, torch.full((n, 1, 1), torch.nan)"
    return ""


def _check_stride(who: str, stride: Any, side: int, size: Size) -> None:
    """Raise ValueError unless a window of `side` scores is drawn where the image is."""
    largest = 3 * max(*size, SMALL)
    if not (is_real(stride) and stride > 0 and stride * side <= largest):
        raise ValueError(
            f"what {who} as stride is {shown(stride)}, for windows of {side} scores; give the"
            f" pixels between neighbours, such as 1: windows may be {largest} px wide here"
        )
