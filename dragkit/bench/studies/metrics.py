r"""What the scores of drag editing are worth: ``python -m dragkit.bench metrics``.

LionBench's samples are renders, so the truth is known (:mod:`dragkit.tasks.world_benchmarks`).
``python -m dragkit.bench metrics_cars`` asks the same of CarBench's, which the bundled diffusion
model has never seen: it learned from lions.

*Known images.* A perfect editor that stops after 0, 1/4, 1/2, 3/4 or all of a change: the render
there, whose landmarks the world knows exactly. A score that prefers an image farther from the
target to a nearer one is wrong. One more image shows what scores can be made to like: the original
with the patch at each handle pasted on its target.

*Drags.* The three methods' results, scored by every variant of the mean distance with the bundled
diffusion model's features, and by the landmark network, whose own error on the known images is in
the first table. m-MD is left out: these masks hold the whole lion or car, and hardly a match was
outside.
"""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from collections.abc import Mapping
from concurrent.futures import Executor
from functools import partial
from pathlib import Path
from typing import Any

import pandas as pd
import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from torch import Tensor

from ...geometry import clamp_inside, inside, square
from ...records import Edit
from ...tasks import renders
from ...tasks.benchmarks import read
from ...tasks.task import Task
from ...tasks.world_benchmarks import COUNT, Sample, samples, write_benchmark
from ..dragbench import Plan, run_plan
from ..jobs import Job, run_jobs
from ..matching import distances, matcher_of
from ..metrics import mean_distance
from ..opening import Opening
from ..results_file import Result
from ..scoring import image_scores, landmarks_seen
from ..study import Study, published_file, sections
from ..tables import markdown
from .dragbench import BASE, THREE, methods
from .metric_tables import (
    HIGHER,
    LOWER,
    PASTED,
    PIXELS,
    disagreements,
    errors,
    floors,
    liking_paste,
    verdicts,
    wrong_by_category,
    wrong_preferences,
)

SIZE = 64  # px
STEPS = 80  # of a drag
MODEL = Opening("lion-diffusion", {"device": "cpu", "dtype": "float32"})
STOPS = (0.0, 0.25, 0.5, 0.75, 1.0)  # fractions of a change
PATCH = 4  # px around a handle that are pasted
RESULTS = published_file("metrics")
CARS = published_file("metrics_cars")
KEPT = [
    "part", "task", "method", "budget", "stop", "truth", "seen_error", *LOWER, *HIGHER, "error",
]  # fmt: skip


def add_options(parser: ArgumentParser) -> None:
    """How many samples."""
    parser.add_argument("--count", type=int, default=COUNT, help="samples of the benchmark")


def measure(world: str, options: Namespace, out: Path, executor: Executor) -> pd.DataFrame:
    """The scores of a world's known images, and of the drags."""
    folder = write_benchmark(out.parent / f"{world}bench", world, SIZE, options.count)
    tasks = {task.name: task for task in read(folder)}

    jobs = []
    for category, seed, sample in samples(world, options.count):
        task = tasks[f"{category}/{world}_{seed}"]
        jobs.append(Job({"task": task.name}, {"size": str(SIZE)}, known_images, (task, sample)))
    known = run_jobs(jobs, out, executor, unit=world)

    three = {name: method for name, method in methods(small=True).items() if name in THREE}
    plan = Plan(list(tasks.values()), three, MODEL, (STEPS,), 0, MODEL)
    dragged = run_plan(plan, out.parent / "drags", executor)
    rows = [{**row, "part": "known"} for result in known for row in result["rows"]]
    return pd.concat([pd.DataFrame(rows), dragged.assign(part="drags")], ignore_index=True)[KEPT]


def known_images(task: Task, sample: Sample) -> Result:
    """Every score of every known image of a sample; runs in a worker."""
    before = renders.image(sample.before, SIZE)
    match = matcher_of(MODEL)
    features = match(before, task.prompt)

    def all_scores(after: Tensor) -> dict[str, float]:
        found = distances(features, match(after, task.prompt), task.edit, (SIZE, SIZE))
        found |= image_scores(task, before, after)
        return {name: value for name, value in found.items() if name != "pairs"}

    targets = sample.points(sample.after, SIZE)
    rows: list[dict[str, Any]] = []
    for stop in STOPS:
        thing = sample.between(stop)
        image = renders.image(thing, SIZE)
        places = torch.from_numpy(sample.points(thing, SIZE))
        truth = mean_distance(places, torch.from_numpy(targets))
        seen = landmarks_seen(image, sample.names)
        error = mean_distance(seen, places.float())
        rows.append({"stop": stop, "truth": truth, "seen_error": error, **all_scores(image)})
    rows.append({"method": PASTED, **all_scores(pasted(before, task.edit))})
    return {"rows": [{"task": task.name, **row} for row in rows]}


def pasted(image: Tensor, edit: Edit) -> Tensor:
    """The image (3 H W) with the patch around each handle pasted on its target."""
    made = image.clone()
    _, height, width = image.shape
    patch = square(PATCH).flatten(0, 1)  # (k 2) pixels
    for handle, target in zip(edit.handles.round(), edit.targets.round(), strict=True):
        seen = inside(target + patch, (height, width))
        to_x, to_y = (target + patch)[seen].long().unbind(1)
        places = clamp_inside(handle + patch, (height, width))[seen]
        from_x, from_y = places.long().unbind(1)
        made[:, to_y, to_x] = image[:, from_y, from_x]
    return made


def report(results: pd.DataFrame) -> str:
    """The tables, as Markdown."""
    known = results[results["part"] == "known"]
    stopped = known[known["truth"].notna()]
    drags = results[results["part"] == "drags"]
    return sections(
        {
            "How far a score is from the truth (px of 64), on images whose truth is known": (
                markdown(errors(stopped))
            ),
            "MD of the true target itself, and of StableDrag's drags of 80 steps (px of 64)": (
                markdown(floors(stopped, drags))
            ),
            "How often a score prefers the image that is farther from the target (%)": markdown(
                wrong_preferences(stopped)
            ),
            "… by category (%)": markdown(wrong_by_category(stopped)),
            "How often a score prefers a pasted patch to the true target (%)": markdown(
                liking_paste(known)
            ),
            f"Each score's verdict: its value over {BASE}'s, all drags of {STEPS} steps": (
                markdown(verdicts(drags))
            ),
            "How often two methods' drags of a task are ranked otherwise than by the landmark"
            " network (%)": markdown(disagreements(drags)),
        }
    )


def draw(results: pd.DataFrame) -> Figure:
    """What a score says over what is true, for the known images."""
    return draw_on(Figure(figsize=(9, 3.4), layout="constrained"), results)


def draw_on(figure: Figure, results: pd.DataFrame) -> Figure:
    """The same on a figure of yours, such as one that shows itself in a notebook."""
    known = results[(results["part"] == "known") & results["truth"].notna()]
    axes: Mapping[str, Axes] = figure.subplot_mosaic([list(PIXELS)], sharex=True, sharey=True)
    most = float(known["truth"].max())
    for name, panel in axes.items():
        panel.plot([0, most], [0, most], color="0.6", linewidth=1, label="the truth")
        panel.plot(known["truth"], known[name], ".", color="#0072b2", markersize=3, alpha=0.4)
        panel.set_title(LOWER[name], fontsize=10)
        panel.set_xlabel("true distance [px of 64]")
    axes["md"].set_ylabel("score [px of 64], lower = better")
    axes["md"].legend(loc="upper left", fontsize=8, frameon=False)
    return figure


STUDY = Study(
    "what the scores of drag editing are worth, where the truth is known",
    add_options,
    partial(measure, "lion"),
    report,
    RESULTS,
    figures={"metrics": draw},
)
CAR_STUDY = Study(
    "the same on cars, which the dragged model has never seen",
    add_options,
    partial(measure, "car"),
    report,
    CARS,
    figures={"metrics_cars": draw},
)
