"""Many drags, tasks by methods: :func:`run` resumes where a killed run stopped.

A result is a plain dict, one JSON object a line of the file `out`::

    task, method, model, seed, handles   what was asked; handles is their number
    steps, arrived, points, why          how it ended: updates made, handles that arrived, and
                                         where the tracker says the content is; "arrived",
                                         "out of steps" or "failed"
    error                                what the drag raised, None if nothing
    seconds, start_seconds               the whole drag, and of it the tracker's start, in which
                                         it learns what to look for
    claimed_distance                     px, from the tracker's own points: not the truth
    settings                             the model, the method's pieces, the measure and the
                                         task, to tell runs apart
    …                                    whatever `measure` returns
"""

from __future__ import annotations

import inspect
import json
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import Executor
from functools import lru_cache
from pathlib import Path
from typing import Any, cast

import torch

from ..arguments import function, instance, named_arguments, shown
from ..loop import drag
from ..models.protocols import check_model
from ..pieces import Method, Tracker
from ..reading import check_text
from ..records import Edit, Step, View
from ..tasks.edits import Task, checked_tasks
from ..validation import check_pieces
from .jobs import Job, Result, run_jobs
from .measures import Measure, images
from .metrics import mean_distance
from .opening import AnyModel, Opening, describe_model, opened
from .settings import describe, describe_measure, shorten
from .starting import Start, start_of


@named_arguments
def run(
    tasks: Sequence[Task],
    methods: Mapping[str, Mapping[str, Any]],
    out: str | Path,
    *,
    model: AnyModel = "lion",
    measure: Measure = images,
    executor: Executor | None = None,
) -> list[Result]:
    """Drag every task by every method; returns the results, task by task, and saves them in `out`.

    Each result is written when it is finished. Called again with the same `out`, `run` makes what
    is missing: nothing is lost when it is killed, and nothing is there twice. A drag that raises
    leaves its error as its result. Ctrl-C saves what is finished and cancels the rest.

    Args:
        tasks: what to drag where.
        methods: by name, the pieces for :func:`dragkit.drag`: ``{"DragGAN": draggan()}``.
        out: the file of results (.jsonl); it may hold those of other tasks and methods too.
        model: a name or path for :func:`dragkit.load`, loaded once in each process, or a model.
        measure: ``measure(model, task, start, last)`` → numbers to save, from the latent at the
            start and the last step.
        executor: who does the work, such as :func:`dragkit.bench.study.processes` or dask's
            ``Client(…).get_executor()``; ``None`` = this process, one by one. With an executor,
            what is passed must be picklable, each worker process uses one thread of torch, and
            seconds are those of a shared machine: measure time without one.

    Raises:
        ValueError: there is no task or no method, two tasks have one name, a piece cannot work,
            or `out` is damaged or holds a result of other settings.
        TypeError: an argument is something else; a method with a piece that `drag` does not know,
            without one that it needs, or with one whose settings cannot be read.
        OSError: `out` cannot be written.
    """
    tasks = checked_tasks(tasks)
    if not tasks:
        raise ValueError("tasks is empty; give at least one, such as those of read_tasks(path)")
    check_methods(methods)
    if not isinstance(model, str | Path | Opening):
        check_model(model)
    function("measure", measure, "a function (model, task, start, last) → dict of numbers")
    return run_jobs(_drag_jobs(tasks, methods, model, measure), out, executor, unit="drag")


def _drag_jobs(
    tasks: Sequence[Task],
    methods: Mapping[str, Mapping[str, Any]],
    model: AnyModel,
    measure: Measure,
) -> list[Job]:
    """A job for each task and method, with the settings that its result depends on."""
    shared = {
        "model": shorten(describe_model(model)),
        "measure": shorten(describe_measure(measure)),
    }
    texts = {
        name: shorten(describe(pieces, f"method {name!r}: pieces"))
        for name, pieces in methods.items()
    }
    jobs = []
    for task in tasks:
        asked = shorten(json.dumps(task.contents()))
        for name, pieces in methods.items():
            key = {"task": task.name, "method": name}
            settings = {**shared, "pieces": texts[name], "task": asked}
            jobs.append(Job(key, settings, drag_task, (task, dict(pieces), model, measure)))
    return jobs


def drag_task(task: Task, pieces: dict[str, Any], model: AnyModel, measure: Measure) -> Result:
    """One drag, from the model's name to a result; runs in the worker.

    Raises:
        TypeError: the measure returns something else than numbers by name.
        ValueError: it returns a name that every result has, or one that cannot be printed.
    """
    model = opened(model)
    _warm_up()
    result: Result = {"model": model.name, "seed": task.seed, "handles": len(task.edit.handles)}

    try:
        start = start_of(model, task)
        start.check_apart(task, pieces)
    except Exception as raised:  # whatever it is, the other drags go on
        return result | _outcome(raised)
    found, last = _drag(start, pieces)
    result |= found
    if last is None or found["error"]:
        return result

    measured = _as_numbers(measure(start.model, start.at_model(task), start.latent, last))
    for name in measured:
        check_text(name, "the name of what is measured")
    taken = measured.keys() & (result.keys() | {"task", "method", "settings"})
    if taken:
        raise ValueError(
            f"the measure returns {min(taken)!r}, which every result has already; call it"
            " something else"
        )
    return result | measured


def _drag(start: Start, pieces: dict[str, Any]) -> tuple[Result, Step | None]:
    """How the drag went, and its last step."""
    clock = Clock(pieces["tracker"])
    last: Step | None = None
    error = None
    began = time.perf_counter()
    try:
        method = pieces | {"tracker": clock}
        for step in drag(start.model, start.latent, start.edit, **method):
            last = step
    except Exception as raised:
        error = raised
    seconds = time.perf_counter() - began

    result = _outcome(error) | {"seconds": seconds, "start_seconds": clock.seconds}
    if last is not None:
        result["steps"] = last.index
        result["arrived"] = int(last.arrived.sum())
        result["points"] = last.points.tolist()
        if error is None:
            result["why"] = "arrived" if last.arrived.all() else "out of steps"
            result["claimed_distance"] = mean_distance(last.points, start.edit.targets)
    return result, last


def _outcome(error: Exception | None) -> Result:
    """How a drag went that has not begun."""
    return {
        "steps": 0,
        "arrived": 0,
        "points": None,
        "why": "failed",
        "error": None if error is None else f"{type(error).__name__}: {error}",
        "claimed_distance": float("nan"),
        "seconds": 0.0,
        "start_seconds": 0.0,
    }


class Clock:
    """A tracker whose `start`, in which it learns what to look for, is timed."""

    def __init__(self, tracker: Tracker) -> None:
        self.tracker = tracker
        self.seconds = 0.0

    def start(self, view: View, edit: Edit) -> Any:
        """The tracker's memory; the time it takes is added to `seconds`."""
        _wait(view)
        began = time.perf_counter()
        memory = self.tracker.start(view, edit)
        _wait(view)
        self.seconds += time.perf_counter() - began
        return memory

    def __getattr__(self, name: str) -> Any:
        return getattr(self.tracker, name)

    def __repr__(self) -> str:
        return repr(self.tracker)


def _wait(view: View) -> None:
    if view.features.is_cuda:  # a GPU's work goes on after the call that asked for it
        torch.cuda.synchronize()


def _as_numbers(measured: Any) -> dict[str, float]:
    """What a measure returned, as numbers by name; NaN is one."""
    try:
        values = {name: float(value) for name, value in measured.items()}
        plain = all(isinstance(name, str) for name in values)
        if plain and not any(isinstance(value, str | bytes) for value in measured.values()):
            return values
    except (AttributeError, TypeError, ValueError, RuntimeError):
        pass
    raise TypeError(
        f"the measure returned {shown(measured)}; it must return a dict of names and numbers,"
        ' such as {"distance": 3.2}'
    )


def check_methods(methods: Mapping[str, Mapping[str, Any]]) -> None:
    """Raise TypeError or ValueError unless `methods` are the pieces of drags, by name."""
    way_out = 'a dict of names and methods, such as {"DragGAN": dragkit.methods.draggan()}'
    instance("methods", methods, Mapping, way_out)
    if not methods:
        raise ValueError(f"methods is empty; give {way_out}")
    for name, pieces in methods.items():
        check_text(name, "a method's name")
        instance(f"method {name!r}", pieces, Mapping, f"its pieces; methods is {way_out}")
        _check_pieces(name, pieces)


def _check_pieces(name: str, pieces: Mapping[str, Any]) -> None:
    try:
        asked = inspect.signature(drag).bind(None, None, None, **pieces)
    except TypeError as error:
        raise TypeError(f"method {name!r} does not fit drag: {error}") from None
    asked.apply_defaults()
    try:
        check_pieces(cast(Method, asked.arguments))
    except ValueError as error:
        raise ValueError(f"method {name!r}: {error}") from error


@lru_cache(maxsize=1)
def _warm_up() -> None:
    """The first Adam of a process imports half of torch: seconds that belong to no drag."""
    torch.optim.Adam([torch.zeros(1, requires_grad=True)])
