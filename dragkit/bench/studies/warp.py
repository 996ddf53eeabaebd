r"""Optimise or warp? ``python -m dragkit.bench warp``.

LionBench's samples (:mod:`dragkit.tasks.world_benchmarks`) are inverted by the bundled diffusion
model, and edited twice: by 80 steps of DragDiffusion, and by moving the latent once
(:func:`dragkit.warp`). The landmark network reads both results, and the true target is known.
"""

from __future__ import annotations

import time
from argparse import ArgumentParser, Namespace
from concurrent.futures import Executor
from pathlib import Path

import pandas as pd

from ...images import read_image
from ...methods import dragdiffusion
from ...tasks.benchmarks import read
from ...tasks.task import Task
from ...tasks.world_benchmarks import COUNT, write_benchmark
from ...warping import warp
from ..dragbench import Plan, run_plan
from ..jobs import Job, run_jobs
from ..opening import opened
from ..results_file import Result
from ..scoring import image_scores
from ..starting import Kept, start_of
from ..study import Study, published_file, sections
from ..tables import compare, markdown, table
from .dragbench import as_records
from .metrics import MODEL, SIZE

STEPS = 80
RESULTS = published_file("warp")
KEPT = [
    "task", "category", "method", "budget", "handles", "arrived", "steps", "mean_distance",
    "change_outside", "psnr", "seconds", "error",
]  # fmt: skip


def add_options(parser: ArgumentParser) -> None:
    """How many samples."""
    parser.add_argument("--count", type=int, default=COUNT, help="samples of LionBench")


def measure(options: Namespace, out: Path, executor: Executor) -> pd.DataFrame:
    """Every sample as it is, dragged and warped."""
    folder = write_benchmark(out.parent / "lionbench", "lion", SIZE, options.count)
    tasks = read(folder)
    plan = Plan(tasks, {"DragDiffusion": dragdiffusion()}, MODEL, (STEPS,), lora=0)
    dragged = run_plan(plan, out.parent / "drags", executor)

    kept = Kept(out.parent / "drags" / "kept")
    jobs = [
        Job({"task": task.name}, {"model": str(MODEL)}, warped, (task, kept)) for task in tasks
    ]
    rows = [row for result in run_jobs(jobs, out, executor, unit="lion") for row in result["rows"]]
    about = dragged.set_index("task")[["category", "handles"]]
    others = pd.DataFrame(rows).join(about, on="task")
    return pd.concat([others, dragged], ignore_index=True)[KEPT]


def warped(task: Task, kept: Kept) -> Result:
    """A sample as it is, and warped; runs in a worker."""
    start = start_of(opened(MODEL), task, kept)
    before = read_image(task.image_file)
    began = time.perf_counter()
    latent = warp(start.latent, start.edit, start.model.size)
    seconds = time.perf_counter() - began
    image = start.at_task(start.model.finish(latent))

    shared = {"task": task.name, "budget": STEPS, "arrived": 0, "steps": 0, "error": None}
    still = image_scores(task, before, before)
    moved = image_scores(task, before, image)
    return {
        "rows": [
            {**shared, "method": "not edited", "seconds": 0.0, **still},
            {**shared, "method": "warped", "seconds": seconds, **moved},
        ]
    }


def report(results: pd.DataFrame) -> str:
    """The tables, as Markdown."""
    rows = as_records(results)
    edited = as_records(results[results["method"] != "not edited"])
    return sections(
        {
            "The landmarks' distance to their targets (px of 64)": _means(rows),
            "PSNR to the true target (dB)": _means(rows, "psnr"),
            "Change outside the mask (grey levels)": _means(rows, "change_outside"),
            "Warped over dragged, by category: distance": markdown(
                compare(edited, "DragDiffusion", by=("category",))
            ),
        }
    )


def _means(rows: list[dict], value: str = "mean_distance") -> str:
    made = table(rows, by=(), value=value)
    return markdown(made[["pairs", "mean", "low", "high", "median", "seconds"]])


STUDY = Study(
    "moving a latent once against 80 steps of a drag", add_options, measure, report, RESULTS
)
