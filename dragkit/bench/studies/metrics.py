r"""What the scores of drag editing are worth: ``python -m dragkit.bench metrics``.

LionBench's samples are renders, so the truth is known (:mod:`dragkit.tasks.world_benchmarks`).

*Known images.* A perfect editor that stops after 0, 1/4, 1/2, 3/4 or all of a change: the render
there, whose landmarks the world knows exactly. A score that prefers an image farther from the
target to a nearer one is wrong. Two more images show what scores can be made to like: the original
itself, moved nowhere, and the original with the patch at each handle pasted on its target.

*Drags.* The three methods' results, scored by every variant of the mean distance with the bundled
diffusion model's features, and by the landmark network, whose own error on the known images is in
the first table. m-MD is left out: these masks hold the whole lion, and no match was outside.
"""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from collections.abc import Mapping
from concurrent.futures import Executor
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np
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
from ..matching import distances
from ..metrics import bootstrap, mean_distance
from ..opening import Opening
from ..results_file import Result
from ..scoring import image_scores, landmarks_seen, matcher_of
from ..study import Study, published_file, sections
from ..tables import compare, markdown
from .dragbench import BASE, as_records, methods

SIZE = 64  # px
BUDGETS = (10, 20, 40, 80)  # steps of a drag,
REPORTED = (80,)  # and those whose scores are published
MODEL = Opening("lion-diffusion", {"device": "cpu", "dtype": "float32"})
STOPS = (0.0, 0.25, 0.5, 0.75, 1.0)  # fractions of a change
PASTED = "pasted"
STABLE = "StableDrag-Diff"
PATCH = 4  # px around a handle that are pasted
CLEAR = 1.0  # px by which one image must be farther from the target to be the worse one
RESULTS = published_file("metrics")
LOWER = {  # scores that say how far the content is from the target, and their titles
    "md": "MD, whole image",
    "md_discs": "MD, in discs",
    "mean_distance": "landmark network",
    "dai_1": "DAI 1",
    "dai_5": "DAI 5",
    "dai_10": "DAI 10",
}
HIGHER = {"psnr": "PSNR to the target", "ssim": "SSIM to the target"}
PIXELS = ("md", "md_discs", "mean_distance")  # which of them are in px
KEPT = [
    "part", "task", "method", "budget", "stop", "truth", "seen_error", *LOWER, *HIGHER, "error",
]  # fmt: skip


def add_options(parser: ArgumentParser) -> None:
    """How many samples."""
    parser.add_argument("--count", type=int, default=COUNT, help="samples of LionBench")


def measure(options: Namespace, out: Path, executor: Executor) -> pd.DataFrame:
    """The scores of the known images, and of the drags."""
    folder = write_benchmark(out.parent / "lionbench", "lion", SIZE, options.count)
    tasks = {task.name: task for task in read(folder)}

    jobs = []
    for category, seed, sample in samples("lion", options.count):
        task = tasks[f"{category}/lion_{seed}"]
        jobs.append(Job({"task": task.name}, {"size": str(SIZE)}, known_images, (task, sample)))
    known = run_jobs(jobs, out, executor, unit="lion")

    plan = Plan(list(tasks.values()), methods(small=True), MODEL, BUDGETS, 0, MODEL)
    dragged = run_plan(plan, out.parent / "drags", executor)
    rows = [{**row, "part": "known"} for result in known for row in result["rows"]]
    reported = dragged[dragged["budget"].isin(REPORTED)].assign(part="drags")
    return pd.concat([pd.DataFrame(rows), reported], ignore_index=True)[KEPT]


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
            f"Each score's verdict: its value over {BASE}'s, all drags of {max(REPORTED)} steps": (
                markdown(verdicts(drags))
            ),
            "How often two methods' drags of a task are ranked otherwise than by the landmark"
            " network (%)": markdown(disagreements(drags)),
        }
    )


def errors(stopped: pd.DataFrame) -> pd.DataFrame:
    """How each score in px errs: its mean at the target itself, and its mean error overall."""
    rows = []
    for name in PIXELS:
        off = stopped[name] - stopped["truth"]
        there = stopped.loc[stopped["stop"] == 1, name]
        low, high = bootstrap(there)
        rows.append(
            {
                "score": LOWER[name],
                "of the true target itself": there.mean(),
                "low": low,
                "high": high,
                "mean error": off.abs().mean(),
                "bias": off.mean(),
                "rank correlation": stopped[[name, "truth"]].corr("spearman").iloc[0, 1],
            }
        )
    return pd.DataFrame(rows).set_index("score")


def floors(stopped: pd.DataFrame, drags: pd.DataFrame) -> pd.DataFrame:
    """The MD of the true target and of a method's drags, by category, and how much lower that is.

    The interval is that of the mean difference, task by task.
    """
    dragged = drags[drags["method"] == STABLE].set_index("task")["md"]
    target = stopped[stopped["stop"] == 1].set_index("task")["md"]
    both = pd.DataFrame({"target": target, "dragged": dragged}).dropna()
    groups = {"all": both, **dict(list(both.groupby(both.index.str.split("/").str[0])))}
    rows = []
    for category, group in groups.items():
        lower = group["target"] - group["dragged"]
        low, high = bootstrap(lower)
        means = {"the target": group["target"].mean(), STABLE: group["dragged"].mean()}
        rows.append(
            {"category": category, **means, "lower by": lower.mean(), "low": low, "high": high}
        )
    return pd.DataFrame(rows).set_index("category")


def wrong_preferences(stopped: pd.DataFrame) -> pd.DataFrame:
    """How often each score prefers the worse of two images of a sample."""
    rows = []
    for name, title in (LOWER | HIGHER).items():
        by_task = [_wrong(group, name) for _, group in stopped.groupby("task")]
        shares = pd.Series(
            [100 * float(np.mean(wrong)) for wrong in by_task if wrong], dtype=float
        )
        low, high = bootstrap(shares)
        rows.append({"score": title, "wrong": shares.mean(), "low": low, "high": high})
    return pd.DataFrame(rows).set_index("score")


def wrong_by_category(stopped: pd.DataFrame) -> pd.DataFrame:
    """The same for each category, a column each."""
    columns = {}
    for category, rows in stopped.groupby(stopped["task"].str.partition("/")[0]):
        columns[category] = wrong_preferences(rows)["wrong"]
    return pd.DataFrame(columns)


def _wrong(group: pd.DataFrame, name: str) -> list[bool]:
    """Of each pair of a sample's images that differ clearly, whether the worse is preferred."""
    sign = -1 if name in HIGHER else 1
    found = []
    for (_, one), (_, other) in combinations(group.iterrows(), 2):
        farther = one["truth"] - other["truth"]
        if abs(farther) >= CLEAR:
            found.append(bool(sign * (one[name] - other[name]) * farther < 0))
    return found


def liking_paste(known: pd.DataFrame) -> pd.DataFrame:
    """How often a pasted patch scores better than the true target image."""
    fake = known[known["method"] == PASTED].set_index("task")
    true = known[known["stop"] == 1].set_index("task")
    rows = []
    for name, title in (LOWER | HIGHER).items():
        sign = -1 if name in HIGHER else 1
        better = 100.0 * (sign * (fake[name] - true[name]) < 0)
        low, high = bootstrap(better)
        rows.append({"score": title, "prefers it": better.mean(), "low": low, "high": high})
    return pd.DataFrame(rows).set_index("score")


def verdicts(drags: pd.DataFrame) -> pd.DataFrame:
    """By each score, every method's mean over the baseline's with its interval."""
    last = drags[drags["budget"] == max(REPORTED)]
    rows: dict[str, dict[str, str]] = {}
    for name, title in LOWER.items():
        ratios = compare(as_records(last), BASE, by=(), value=name)
        for method, row in ratios.iterrows():
            said = f"{row['ratio']:.2f} ({row['low']:.2f} to {row['high']:.2f})"
            rows.setdefault(title, {})[str(method)] = said
    return pd.DataFrame(rows).T.rename_axis("score")


def disagreements(drags: pd.DataFrame) -> pd.DataFrame:
    """How often each score ranks two methods' drags otherwise than the landmark network."""
    known = drags[drags["error"].isna()]
    rows = []
    for name, title in LOWER.items():
        if name == "mean_distance":
            continue
        shares = []
        for _, group in known.groupby(["task", "budget"]):
            pairs = combinations(group[[name, "mean_distance"]].to_numpy(), 2)
            differ = [(a - b) for a, b in pairs if abs(a[1] - b[1]) >= CLEAR]
            shares += [100.0 * bool(score * truth < 0) for score, truth in differ]
        low, high = bootstrap(shares)
        rows.append({"score": title, "otherwise": np.mean(shares), "low": low, "high": high})
    return pd.DataFrame(rows).set_index("score")


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
    measure,
    report,
    RESULTS,
    figures={"metrics": draw},
)
