"""What the rules for trackers share: their image sequence, their runner and a few words."""

from __future__ import annotations

import traceback
from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor

from ..models.toy import Toy
from ..pieces import Tracker
from ..tasks.sequences import ImageSequence, steady, toy_sequence

FRAMES = 16

# A rule returns how it is broken, in words, or None.
Rule = Callable[[Tracker, ImageSequence], str | None]


def three_blobs(seed: int = 0) -> ImageSequence:
    """Three blobs that move by up to 1.2 px per image; as in a drag, the views carry gradients."""
    start = torch.tensor([[36.0, 84], [90, 48], [60, 30]])
    velocity = torch.tensor([[1.0, 0.5], [-0.5, 1.0], [0.8, 0.9]])
    paths = steady(start, velocity, FRAMES)
    return toy_sequence("contract", Toy(width=4, seed=seed), paths, handles=3, gradients=True)


def begin(tracker: Tracker, sequence: ImageSequence) -> tuple[Any, Tensor]:
    """What the tracker remembers of the first view, and where to search for it (n 2)."""
    edit = sequence.edit
    memory = tracker.start(sequence.views[0], edit)
    return memory, edit.handles.clone()


def first_broken(rules: Sequence[Rule], tracker: Tracker) -> str | None:
    """In words, the first rule that is broken; what the tracker raises is reported, not raised."""
    for rule in rules:
        try:
            # a new sequence for each rule, because a tracker may spoil what is passed to it
            words = rule(tracker, three_blobs())
        except Exception as error:
            words = reported(error)
        if words:
            return words
    return None


def reported(error: Exception) -> str:
    """What a tracker raised, and in which line of its `start` or `find`."""
    frames = traceback.extract_tb(error.__traceback__)
    own = [frame for frame in frames if frame.name in ("start", "find")]
    if not own:
        return f"it raises {type(error).__name__}: {error}."
    return f"`{own[-1].name}` raises {type(error).__name__}: {error} (at `{own[-1].line}`)."


def spot(point: Tensor) -> str:
    """A point (2) in words."""
    return f"({point[0]:.4g}, {point[1]:.4g})"
