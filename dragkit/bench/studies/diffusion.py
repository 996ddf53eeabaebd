r"""DragDiffusion against StableDrag-Diff: ``python -m dragkit.bench diffusion``.

Rendered lions (:mod:`dragkit.tasks.renders`) are inverted by the bundled diffusion model, one
landmark or five are dragged to where they are in another pose, and the result is compared with the
render of that pose: as in StableDrag's Table 1 at three budgets of steps, with and without LoRA
and reference-latent control.
"""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from concurrent.futures import Executor
from pathlib import Path

import pandas as pd

from ...tasks import renders
from ..jobs import Job, run_jobs
from ..settings import describe, shorten
from ..study import Study, published_file, sections
from ..tables import compare, markdown, table
from .diffusion_drags import BUDGETS, METHODS, MOST, measure_lion

ONE_LANDMARK = 16  # how many lions, from the first on, are dragged by one landmark too,
LORA = 50  # and how many with LoRA
RESULTS = published_file("diffusion")
# What lesson 12 tells a story of, with the network that was bundled first: one landmark, 80 steps,
# lions 0 to 15, which share poses with its training images, and sixteen others.
SIXTEEN = published_file("sixteen")


def add_options(parser: ArgumentParser) -> None:
    """Which lions."""
    parser.add_argument("--first", type=int, default=renders.FIRST, help="seed of the first lion")
    parser.add_argument("--pairs", type=int, default=50, help="lions to drag")


def measure(options: Namespace, out: Path, executor: Executor) -> pd.DataFrame:
    """The drags of every lion."""
    seeds = range(options.first, options.first + options.pairs)
    found = run_jobs(lion_jobs(seeds), out, executor, unit="lion")
    return pd.DataFrame([row for result in found for row in result["rows"]])


def lion_jobs(seeds: range) -> list[Job]:
    """One job a lion; the first are dragged by one landmark too, and with LoRA."""
    methods = shorten(describe(METHODS, "methods"))
    jobs = []
    for number, seed in enumerate(seeds):
        counts = (MOST, 1) if number < ONE_LANDMARK else (MOST,)
        lora = number < LORA
        settings = {
            "methods": methods,
            "budgets": str(BUDGETS),
            "landmarks": str(counts),
            "lora": str(lora),
        }
        jobs.append(Job({"seed": seed}, settings, measure_lion, (seed, counts, lora)))
    return jobs


def report(results: pd.DataFrame) -> str:
    """The tables, as Markdown."""
    five = results[results["count"] == MOST]
    one = results[results["count"] == 1]
    dragged = five[(five["budget"] == 0) | five["method"].isin(METHODS)]
    with_lora = five.loc[five["method"].str.contains("LoRA"), "seed"].unique()
    last = five[(five["budget"] == max(BUDGETS)) & five["seed"].isin(with_lora)]
    return sections(
        {
            "Five landmarks: their distance to the targets (px of 64)": _means(dragged),
            "One landmark": _means(one[~one["method"].str.contains("control")]),
            "Five landmarks: PSNR to the true target (dB)": _means(dragged, "psnr"),
            "Five landmarks: SSIM to the true target": _means(dragged, "ssim"),
            "Five landmarks: change outside the mask (grey levels)": _means(
                dragged, "change_outside"
            ),
            "Lions with LoRA, with and without reference-latent control, 80 steps: distance": (
                _means(last)
            ),
            "… change outside the mask": _means(last, "change_outside"),
            "… PSNR to the true target": _means(last, "psnr"),
            "Distance over DragDiffusion's": _ratios(five),
            "One landmark: distance over DragDiffusion's": _ratios(one),
        }
    )


def _means(results: pd.DataFrame, value: str = "mean_distance") -> str:
    if results.empty:
        return ""
    means = table(results.to_dict("records"), by=("budget",), value=value)
    if not means["failed"].any():
        means = means.drop(columns="failed")
    return markdown(means)


def _ratios(results: pd.DataFrame) -> str:
    if results.empty:
        return ""
    dragged = results[results["budget"] > 0]
    return markdown(compare(dragged.to_dict("records"), "DragDiffusion", by=("budget",)))


STUDY = Study(
    "DragDiffusion against StableDrag-Diff on images whose target image is known",
    add_options,
    measure,
    report,
    RESULTS,
)
