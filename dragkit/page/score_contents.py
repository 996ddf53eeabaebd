"""Score windows as a page holds them: a byte a cell, and the exact values of their peaks."""

from __future__ import annotations

from base64 import b64encode
from typing import Any

import numpy as np

from ..compose import normalize_window, peaks
from ..records import Frame
from .numbers import plain

KNOWN = 254  # the byte of the best score; 0 is that of the worst
NO_SCORE = 255


def score_contents(frame: Frame) -> dict[str, Any] | None:
    """All score maps of a frame, handle by handle; None if nothing was compared."""
    track = frame.step.track
    if not track.scores.isfinite().any():
        return None
    handles = range(len(frame.points))
    maps = [scores for handle in handles for scores in frame.score_maps(handle).values()]
    both = [_peak_values(scores) for scores in maps]
    candidates = None if track.goals is None else plain(track.goals.candidates)
    return {
        "names": list(frame.score_maps(0)),
        "side": track.scores.shape[-1],
        "stride": plain(track.stride),
        "centres": plain(frame.step.window_centre),
        "cells": b64encode(b"".join(map(_bytes, maps))).decode(),
        "low": [_limit(scores, np.min) for scores in maps],
        "high": [_limit(scores, np.max) for scores in maps],
        "best": [best for best, _ in both],
        "second": [second for _, second in both],
        "candidates": candidates,
    }


def _bytes(scores: np.ndarray) -> bytes:
    """A window (k k), stretched from its worst score to its best."""
    level = normalize_window(scores)
    known = np.isfinite(level)
    levels = np.where(known, np.nan_to_num(level) * KNOWN, NO_SCORE)
    return levels.round().astype(np.uint8).tobytes()


def _limit(scores: np.ndarray, choose: Any) -> float | None:
    known = scores[np.isfinite(scores)]
    return plain(choose(known)) if len(known) else None


def _peak_values(scores: np.ndarray) -> list[list[float] | None]:
    """The best cell and the runner-up, each [row, column, score], or None."""
    return [None if cell is None else [*cell, plain(scores[cell])] for cell in peaks(scores)]
