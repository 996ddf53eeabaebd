"""Many drags, each result on disk the moment it is known: `run` goes on where a killed run
stopped.

A result is a plain dict, one JSON object a line of the file `out`::

    task, method, model, seed, handles      what was asked; handles is their number
    steps, arrived, points, why             how it ended: updates made, handles that arrived, and where the
                                            tracker says the content is; "arrived", "out of steps" or "failed"
    error                                   what the drag raised, None if nothing
    seconds, start_seconds                  the whole drag, and of it the tracker's start: learning what to look for
    claimed_distance                        px, from the tracker's own points: not the truth
    settings                                the model, the method's pieces, the measure and the task, to tell runs apart
    …                                       whatever `measure` returns
"""

from __future__ import annotations

import hashlib
import inspect
import json
import os
import re
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Executor, as_completed
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from tqdm.auto import tqdm

from ..loop import drag
from ..models import Model, load
from ..records import Edit, Step
from ..tasks.edits import Task, unique
from .metrics import Clock, images, mean_distance

Result = dict[str, Any]
Measure = Callable[[Model, Task, Tensor, Step], Mapping[str, float]]


@dataclass(frozen=True, eq=False)
class Job:
    """One drag to be made, as it travels to a worker."""

    task: Task
    method: str
    pieces: dict[str, Any]
    model: str | Path | Model
    measure: Measure
    parent: int = field(default_factory=os.getpid)

    @property
    def key(self) -> tuple[str, str]:
        return self.task.name, self.method

    def settings(self) -> dict[str, str]:
        """What its result depends on, as short texts that are the same in every process."""
        measure = getattr(self.measure, "__qualname__", repr(self.measure))
        texts = {
            "model": str(self.model),
            "pieces": repr(self.pieces) + "".join(map(_code, self.pieces.values())),
            "measure": measure,
            "task": json.dumps(self.task.to_dict()),
        }
        return {
            key: _short(re.sub(r" at 0x[0-9a-fA-F]+", "", text)) for key, text in texts.items()
        }


def run(
    tasks: Sequence[Task],
    methods: Mapping[str, Mapping[str, Any]],
    out: str | Path,
    *,
    model: str | Path | Model = "lion",
    measure: Measure = images,
    executor: Executor | None = None,
) -> list[Result]:
    """Drag every task by every method; returns the results, task by task, and keeps them in `out`.

    Each result is written when it is finished. Called again with the same `out`, `run` makes what
    is missing: nothing is lost by a kill and nothing stands there twice. A drag that raises leaves
    its error as its result. Ctrl-C keeps what is finished and cancels the rest.

    Args:
        methods: by name, the pieces for :func:`dragkit.drag`: ``{"DragGAN": draggan()}``.
        out: the file of results (.jsonl); it may hold those of other tasks and methods too.
        model: a name or path for :func:`dragkit.load`, loaded once in each process, or a model.
        measure: ``measure(model, task, start, last)`` → numbers to keep, from the latent at the
            start and the last step.
        executor: who does the work, such as a ProcessPoolExecutor (with the context "spawn":
            torch's threads do not survive a fork) or dask's ``Client(…).get_executor()``; ``None``
            = this process, one by one. What is passed must be picklable then, each worker process
            uses one thread of torch, and seconds are those of a shared machine: measure time
            without one.

    Raises:
        ValueError: two tasks of one name, a damaged `out`, or one that holds a result of other
            settings.
        TypeError: a method with a piece that `drag` does not know, or without one that it needs.
    """
    unique(tasks)
    for name, pieces in methods.items():
        _check(name, pieces)
    out = Path(out)
    jobs = [
        Job(task, name, dict(pieces), model, measure)
        for task in tasks
        for name, pieces in methods.items()
    ]
    kept = _kept(out)
    results = {job.key: _same(out, kept[job.key], job) for job in jobs if job.key in kept}
    missing = [job for job in jobs if job.key not in results]
    with (
        out.open("ab", buffering=0) as file,
        tqdm(total=len(jobs), initial=len(results), desc=out.name, unit="drag") as bar,
    ):

        def keep(result: Result) -> None:
            key = result["task"], result["method"]
            if key not in results:
                results[key] = result
                # in one call, so that Ctrl-C cannot halve it
                file.write(json.dumps(result).encode() + b"\n")
                bar.update()

        _work(missing, executor, keep)
    return [results[job.key] for job in jobs]


def read(out: str | Path) -> list[Result]:
    """The results in `out`, in the order in which they were finished, without a torn last line.

    Raises:
        ValueError: a line that is no result; file, line and reason are named.
    """
    results = []
    for number, line in enumerate(Path(out).read_bytes().split(b"\n")[:-1], 1):
        try:
            results.append(json.loads(line))
            results[-1]["task"], results[-1]["method"], results[-1]["settings"]
        except (ValueError, KeyError, TypeError) as error:
            raise ValueError(
                f"{out}, line {number} is no result of a benchmark ({error}); mend or remove the"
                " line"
            ) from error
    return results


def _check(name: str, pieces: Mapping[str, Any]) -> None:
    try:
        inspect.signature(drag).bind(None, None, None, **pieces)
    except TypeError as error:
        raise TypeError(f"method {name!r} does not fit drag: {error}") from None


def _work(jobs: list[Job], executor: Executor | None, keep: Callable[[Result], None]) -> None:
    """Do the jobs here or elsewhere; when stopped on the way, keep what is finished and cancel the
    rest.
    """
    if executor is None:
        for job in jobs:
            keep(_one(job))
        return
    futures = [executor.submit(_one, job) for job in jobs]
    try:
        for future in as_completed(futures):
            keep(future.result())
    except BaseException:
        for future in futures:
            if not future.cancel() and future.done() and not future.exception():
                keep(future.result())
        raise


def _one(job: Job) -> Result:
    """One drag, from the model's name to a result; runs in the worker."""
    if os.getpid() != job.parent:
        torch.set_num_threads(1)  # the workers share the cores already
    model = _load(job.model) if isinstance(job.model, str | Path) else job.model
    _warm_up()
    task, settings = job.task, job.settings()
    result = {
        "task": task.name,
        "method": job.method,
        "model": model.name,
        "seed": task.seed,
        "handles": len(task.edit.handles),
    }
    try:
        start = model.sample(task.seed)
        found, last = _drag(model, start, task.edit, job.pieces)
        measured = (
            {}
            if found["error"]
            else {k: float(v) for k, v in job.measure(model, task, start, last).items()}
        )
    except Exception as error:
        error.add_note(f"(task {task.name!r}, method {job.method!r})")
        raise
    result |= found | {"settings": settings}
    if taken := measured.keys() & result.keys():
        raise ValueError(
            f"the measure returns {min(taken)!r}, which every result has already; call it"
            " something else"
        )
    return result | measured


def _drag(
    model: Model, start: Tensor, edit: Edit, pieces: dict[str, Any]
) -> tuple[Result, Step | None]:
    """How the drag went, and its last step."""
    last, error, clock = None, None, Clock(pieces["tracker"])
    began = time.perf_counter()
    try:
        for last in drag(model, start, edit, **pieces | {"tracker": clock}):
            pass
    except Exception as raised:  # whatever it is, the other drags go on
        error = f"{type(raised).__name__}: {raised}"
    result = {
        "steps": 0,
        "arrived": 0,
        "points": None,
        "why": "failed",
        "error": error,
        "claimed_distance": float("nan"),
    }
    result |= {"seconds": time.perf_counter() - began, "start_seconds": clock.seconds}
    if last is not None:
        result |= {
            "steps": last.index,
            "arrived": int(last.arrived.sum()),
            "points": last.points.tolist(),
        }
    if error is None:
        result["why"] = "arrived" if last.arrived.all() else "out of steps"
        result["claimed_distance"] = mean_distance(last.points, edit.targets)
    return result, last


_load = lru_cache(maxsize=1)(load)  # once in each process


@lru_cache(maxsize=1)
def _warm_up() -> None:
    """The first Adam of a process imports half of torch: seconds that belong to no drag."""
    torch.optim.Adam([torch.zeros(1, requires_grad=True)])


def _code(piece: Any) -> str:
    """What tells two functions of one name apart, such as two lambdas; nothing for
    other pieces.
    """
    code = getattr(piece, "__code__", None)
    return (
        ""
        if code is None
        else f" {hashlib.sha256(code.co_code + repr(code.co_consts).encode()).hexdigest()[:12]}"
    )


def _short(text: str, most: int = 800) -> str:
    """A long text (the mask of a task, the layers of a model) by its beginning and its hash."""
    return (
        text
        if len(text) <= most
        else f"{text[:200]}… sha256 {hashlib.sha256(text.encode()).hexdigest()}"
    )


def _same(out: Path, result: Result, job: Job) -> Result:
    """The result, if it is of this job; else a ValueError that says what differs."""
    then = result["settings"]
    for what, now in job.settings().items():
        if then.get(what) != now:
            raise ValueError(
                f"{out} holds a result of task {job.task.name!r}, method {job.method!r} with other"
                f" settings: {what} was {then.get(what)}, now it is {now}; choose another file, or"
                " another name for what has changed"
            )
    return result


def _kept(out: Path) -> dict[tuple[str, str], Result]:
    """The results that are there; a torn last line, left by a kill, is cut off the file."""
    out.parent.mkdir(parents=True, exist_ok=True)
    out.touch()
    kept = {(result["task"], result["method"]): result for result in read(out)}
    os.truncate(out, out.read_bytes().rfind(b"\n") + 1)
    return kept
