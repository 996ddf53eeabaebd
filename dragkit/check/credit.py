"""What an answer earns where a class-room tool grades it.

A known mistake has understood more than nothing: it earns half. `dragkit.classroom` writes the
cells that ask.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from contextlib import redirect_stderr
from typing import Any

from .verdicts import Verdict


class Unearned(AssertionError):
    """An answer that earns nothing; its words are the verdict's."""


def earned(exercise: Callable[[Any], Verdict], answer: Any, points: float) -> float:
    """All `points` if the answer is right, half of them if its mistake is a known one.

    A mistake that the stub itself makes, because the task is to find it, earns nothing.

    Args:
        exercise: one of the checks: ``check.sample``.
        answer: what the check takes: your function.
        points: of the exercise.

    Raises:
        Unearned: the answer is neither right nor a known mistake.
    """
    with redirect_stderr(sys.stdout):  # nbgrader takes a warning there for a failure
        verdict = exercise(answer)

    if verdict.passed:
        return points
    if verdict.mistake is not None:
        return points / 2
    raise Unearned(verdict.words)
