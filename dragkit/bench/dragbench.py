"""Drags of images, from a folder of a benchmark to a table of scores, resumed after any kill.

Three rounds, each a file of results in the folder `out`:

- ``prepared.jsonl``: the LoRA and the inversion of every image, which lie in ``kept/`` and are
  shared by all methods;
- ``drags.jsonl``: every method on every image, one drag for all budgets of steps; the image at
  each budget is in ``images/``;
- ``scores.jsonl``: what these images are worth (:mod:`.scoring`).

Whoever wants other scores deletes the last file, and no drag is made again.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from .. import arguments
from ..arguments import named_arguments, shown, whole
from ..numeric import is_whole
from ..tasks.edits import checked_tasks
from ..tasks.task import Task
from .budgets import drag_with_budgets, prepare
from .jobs import Job, run_jobs
from .matching import Matcher, matcher_name
from .metrics import mean_distance
from .opening import AnyModel, describe_model
from .results_file import Result
from .runner import check_methods
from .scoring import score_images
from .settings import describe, shorten
from .starting import Kept

BUDGETS = (10, 20, 40, 80)  # steps
MOST_STEPS = 10_000
LORA = 80  # steps, as DragDiffusion's code learns


@dataclass(frozen=True)
class Plan:
    """What is dragged how, and scored with what.

    Args:
        tasks: of :func:`dragkit.bench.read`.
        methods: by name, the pieces for :func:`dragkit.drag`; their numbers of steps do not count.
        model: a name, a path, an :class:`.opening.Opening` or a model.
        budgets: numbers of steps at which a drag is looked at.
        lora: steps of each image's LoRA; 0 learns none.
        matcher: whose features MD is made from: a diffusion model, given like `model`, with a size
            of its own ``Dift(model, (768, 768))``, or a :class:`.matching.Matcher` of your own;
            None leaves MD out.
        lpips: the file of LPIPS's backbone; None looks in torch.hub's folder.
    """

    tasks: Sequence[Task]
    methods: Mapping[str, Mapping[str, Any]]
    model: AnyModel
    budgets: Sequence[int] = BUDGETS
    lora: int = LORA
    matcher: AnyModel | Matcher | None = None
    lpips: Path | None = None

    def __post_init__(self) -> None:
        if not checked_tasks(self.tasks):
            raise ValueError("tasks is empty; give those of dragkit.bench.read(folder)")
        for task in self.tasks:
            task.image_file  # noqa: B018  # scores compare a result with it
        check_methods(self.methods)
        budgets = list(self.budgets)
        plain = all(is_whole(budget, 1, MOST_STEPS) for budget in budgets)
        if not (budgets and plain and budgets == sorted(set(budgets))):
            raise ValueError(
                f"budgets is {shown(budgets)}; give different numbers of steps, rising, such as"
                " (10, 20, 40, 80)"
            )
        whole("lora", self.lora, 0, MOST_STEPS)


@named_arguments
def run_plan(plan: Plan, out: str | Path, executor: Executor | None = None) -> pd.DataFrame:
    """Make what is missing in the folder `out`; returns a row for each task, method and budget.

    Args:
        plan: what to drag, how, and what to score it with.
        out: the folder for results and images. A run that was stopped goes on there.
        executor: who does the work: :func:`dragkit.bench.study.processes`, dask's
            ``Client(…).get_executor()`` (its workers must see the same folders), or None for this
            process.

    Raises:
        ValueError: `out` holds results of other settings.
        OSError: it cannot be written.
    """
    out = arguments.at_home("out", arguments.path("out", out)).absolute()
    kept = Kept(out / "kept", plan.lora)
    prepared = run_jobs(_preparing(plan, kept), out / "prepared.jsonl", executor, unit="image")
    dragged = run_jobs(_dragging(plan, kept, out), out / "drags.jsonl", executor, unit="drag")
    scored = run_jobs(_scoring(plan, dragged, out), out / "scores.jsonl", executor, unit="score")
    frame = _frame(plan.tasks, prepared, dragged, scored)
    return frame if plan.matcher is None else frame.assign(matcher=matcher_name(plan.matcher))


def _preparing(plan: Plan, kept: Kept) -> list[Job]:
    return [
        Job({"task": task.name}, _settings(plan, task), prepare, (task, plan.model, kept))
        for task in plan.tasks
    ]


def _dragging(plan: Plan, kept: Kept, out: Path) -> list[Job]:
    """Method by method, so that two workers seldom wait for one image."""
    jobs = []
    for name, pieces in plan.methods.items():
        how = {
            "pieces": shorten(describe(pieces, f"method {name!r}: pieces")),
            "budgets": str(list(plan.budgets)),
        }
        for task in plan.tasks:
            given = (task, name, pieces, plan.model, kept, tuple(plan.budgets), out / "images")
            key = {"task": task.name, "method": name}
            jobs.append(Job(key, _settings(plan, task) | how, drag_with_budgets, given))
    return jobs


def _scoring(plan: Plan, dragged: Sequence[Result], out: Path) -> list[Job]:
    tasks = {task.name: task for task in plan.tasks}
    with_what = {
        "matcher": shorten(describe_model(plan.matcher)) if plan.matcher else "none",
        "lpips": str(plan.lpips),
    }
    jobs = []
    for result in dragged:
        found = {row["budget"]: row["image"] for row in result["budgets"] if row["image"]}
        files = {budget: out / "images" / name for budget, name in found.items()}
        key = {"task": result["task"], "method": result["method"]}
        given = (tasks[result["task"]], files, plan.matcher, plan.lpips)
        settings = with_what | {"images": str(sorted(found.values()))}
        jobs.append(Job(key, settings, score_images, given))
    return jobs


def _settings(plan: Plan, task: Task) -> dict[str, str]:
    return {
        "model": shorten(describe_model(plan.model)),
        "task": shorten(json.dumps(task.contents())),
        "lora": str(plan.lora),
    }


def _frame(
    tasks: Sequence[Task],
    prepared: Sequence[Result],
    dragged: Sequence[Result],
    scored: Sequence[Result],
) -> pd.DataFrame:
    """A row for each task, method and budget."""
    about = {task.name: _about(task) for task in tasks}
    for result in prepared:
        about[result["task"]] |= {"inversion_psnr": result["psnr"]}
    rows = []
    for drag, score in zip(dragged, scored, strict=True):
        scores = {row["budget"]: row for row in score["scores"]}
        for row in drag["budgets"]:
            key = {"task": drag["task"], "method": drag["method"]}
            found = scores.get(row["budget"], {})
            rows.append({**key, **about[drag["task"]], **row, **found})
    return pd.DataFrame(rows)


def _about(task: Task) -> dict[str, Any]:
    """What is known of a task before it is dragged; `length` is the mean over its handles."""
    edit = task.edit
    _, width = task.image_size
    return {
        "category": task.category,
        "width": width,
        "handles": len(edit.handles),
        "length": mean_distance(edit.handles, edit.targets),
    }


def over_pairs(rows: pd.DataFrame) -> float:
    """The mean distance over all pairs, as DragDiffusion's code has it; not over samples."""
    pairs: Iterable[list[float]] = rows["pairs"].dropna()
    distances = [distance for of_one in pairs for distance in of_one]
    return sum(distances) / len(distances) if distances else float("nan")
