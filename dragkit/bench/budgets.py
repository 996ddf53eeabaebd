"""One drag that serves several budgets of steps, and its images on the disk.

A drag of 80 steps goes through those of 10, 20 and 40 steps on its way, so it is made once. The
image at each budget is written as a PNG, at the size of the task's: it is what the scores are made
from, as in the papers' own evaluations, and scores can be added later without another drag.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from ..atomic import write_file
from ..compose.encoding import png
from ..loop import drag
from ..pixels import to_uint8
from ..records import Step
from ..tasks.task import Task
from .metrics import mean_distance
from .opening import AnyModel, opened
from .results_file import Result
from .starting import Kept, Start, file_name, start_of

Pieces = Mapping[str, Any]


def prepare(task: Task, model: AnyModel, kept: Kept) -> Result:
    """Learn the LoRA and find the inversion of a task, for all methods; runs in a worker."""
    began = time.perf_counter()
    try:
        start = start_of(opened(model), task, kept)
    except Exception as raised:  # whatever it is, the other tasks go on
        return {"psnr": float("nan"), "seconds": 0.0, "error": _in_words(raised)}
    return {"psnr": start.psnr, "seconds": time.perf_counter() - began, "error": None}


def drag_with_budgets(
    task: Task,
    method: str,
    pieces: Pieces,
    model: AnyModel,
    kept: Kept,
    budgets: Sequence[int],
    images: Path,
) -> Result:
    """One drag: what it had reached at each of the `budgets`; runs in a worker.

    Whatever is raised ends it: the budgets before are kept, those after it name the error.
    """
    rows: list[Result] = []
    error = None
    try:
        start = start_of(opened(model), task, kept)
        start.check_apart(task, pieces)
        for budget, step, seconds in at_budgets(start, pieces, budgets):
            file = images / f"{file_name(task.name)}-{file_name(method)}-{budget}.png"
            write_file(file, png(to_uint8(start.at_task(start.model.finish(step.latent)))))
            rows.append(_row(budget, task, start, step, seconds, file.name))
    except Exception as raised:
        error = _in_words(raised)
    rows += [_failed(budget, task, error) for budget in budgets[len(rows) :]]
    return {"budgets": rows}


def at_budgets(
    start: Start, pieces: Pieces, budgets: Sequence[int]
) -> Iterator[tuple[int, Step, float]]:
    """The step at which each budget ends, and the seconds of dragging so far.

    A drag that arrives early has used what it needed of all the larger budgets, too.
    """
    left = sorted(budgets)
    spent = 0.0
    began = time.perf_counter()
    for step in drag(start.model, start.latent, start.edit, **{**pieces, "steps": left[-1]}):
        ended = bool(step.arrived.all())
        while left and (ended or step.index == left[0]):
            spent += time.perf_counter() - began
            yield left.pop(0), step, spent
            began = time.perf_counter()


def _row(
    budget: int, task: Task, start: Start, step: Step, seconds: float, image: str
) -> dict[str, Any]:
    points = start.points_at_task(step.points)
    return {
        "budget": budget,
        "steps": step.index,
        "handles": len(points),
        "arrived": int(step.arrived.sum()),
        "points": points.tolist(),
        "claimed_distance": mean_distance(points, task.edit.targets),
        "seconds": seconds,
        "image": image,
        "error": None,
    }


def _failed(budget: int, task: Task, error: str | None) -> dict[str, Any]:
    return {
        "budget": budget,
        "steps": 0,
        "handles": len(task.edit.handles),
        "arrived": 0,
        "points": None,
        "claimed_distance": float("nan"),
        "seconds": float("nan"),
        "image": None,
        "error": error or "the drag ended before this budget",
    }


def _in_words(raised: Exception) -> str:
    return f"{type(raised).__name__}: {raised}"
