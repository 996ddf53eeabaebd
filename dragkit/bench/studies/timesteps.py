r"""Which timestep and which block of the UNet track best: ``python -m dragkit.bench timesteps``.

DragDiffusion reads the third of four decoder blocks at strength 0.7. Here a lion walks from one
pose to another in rendered images, so where its landmarks are is known exactly; each image is
inverted to a timestep, the trackers follow the landmarks through the features there, and nobody
drags. Images are inverted by DDIM inversion, as before a drag, or, for comparison, by adding the
same noise to all of them.
"""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from collections.abc import Iterator
from concurrent.futures import Executor
from dataclasses import replace
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from torch import Tensor

from ...methods import dragdiffusion, stabledrag
from ...models.diffusion.model import Diffusion
from ...records import Edit, View
from ...tasks import renders
from ...trackers import follow
from ..jobs import Job, run_jobs
from ..metrics import bootstrap
from ..settings import describe, shorten
from ..study import Study, published_file
from .diffusion_drags import painter

FRAMES = 12
TIMESTEPS = (5, 10, 15, 20, 25, 30, 35, 40, 45)
TRACKERS = {
    "nearest": dragdiffusion()["tracker"],
    "learned": stabledrag(base=dragdiffusion)["tracker"],
}
NOISE = ("inverted", "added")  # how the images come to their timestep
RESULTS = published_file("timesteps")
COLOURS = ("#d55e00", "#0072b2", "#009e73", "#cc79a7")  # by block
Row = dict[str, Any]


def rendered_walk(seed: int, size: int) -> tuple[Tensor, Tensor, Tensor]:
    """Lion `seed` on its way to another pose.

    Returns:
        images (f 3 h h), the landmarks that are visible at its start (f n 2), and whether they
        still are (f n).
    """
    walk = [renders.posed(seed, t) for t in np.linspace(0, 1, FRAMES)]
    marks = [lion.landmarks(size) for lion in walk]
    first = marks[0]
    chosen = first.visible & (first.points >= 0).all(1) & (first.points <= size - 1).all(1)

    images = torch.stack([renders.image(lion, size) for lion in walk])
    points = torch.tensor(np.stack([m.points[chosen] for m in marks]), dtype=torch.float32)
    visible = torch.tensor(np.stack([m.visible[chosen] for m in marks]))
    return images, points, visible


@torch.no_grad()
def invert_all(model: Diffusion, images: Tensor) -> dict[int, Tensor]:
    """The images (f 3 h h) at each of `TIMESTEPS` (f c h w), by DDIM inversion."""
    latents = model.encode(images)
    found = {}
    for below, timestep in zip((0, *TIMESTEPS), TIMESTEPS):
        latents = model.follow_trajectory(latents, below, timestep)
        found[timestep] = latents
    return found


@torch.no_grad()
def add_noise(model: Diffusion, images: Tensor) -> dict[int, Tensor]:
    """The images (f 3 h h) at each of `TIMESTEPS` (f c h w), all with the same noise added."""
    clean = model.encode(images)
    noise = torch.randn(clean.shape[1:], generator=torch.Generator().manual_seed(0))
    noise = noise.expand_as(clean)
    return {timestep: model.schedule.add_noise(clean, noise, timestep) for timestep in TIMESTEPS}


@torch.no_grad()
def measure_walk(seed: int) -> dict[str, list[Row]]:
    """The trackers' mean errors on one walk (px), for each timestep and block; runs in a worker.

    Each mean is over the landmarks that are still visible, in all frames but the first.
    """
    model = painter()
    images, truth, visible = rendered_walk(seed, model.size[0])
    edit = Edit(truth[0], truth[0])
    rows = []
    for noise, timestep, block, views in _features(model, images):
        for name, tracker in TRACKERS.items():
            points = torch.stack([track.points for track in follow(tracker, views, edit)])
            errors = (points - truth).norm(dim=-1)
            row = {
                "sequence": seed,
                "noise": noise,
                "level": timestep,
                "block": block,
                "tracker": name,
                "error": errors[1:][visible[1:]].mean().item(),
            }
            rows.append(row)
    return {"rows": rows}


def _features(model: Diffusion, images: Tensor) -> Iterator[tuple[str, int, int, list[View]]]:
    """The views of the images for each kind of noise, timestep and block."""
    blocks = range(len(model.unet.up_blocks) + 1)
    for noise, invert in zip(NOISE, (invert_all, add_noise)):
        latents = invert(model, images)
        for timestep, block in product(TIMESTEPS, blocks):
            strength = timestep / model.schedule.steps
            reader = replace(model, strength=strength, feature_block=block)
            yield noise, timestep, block, [reader.view(latent) for latent in latents[timestep]]


def add_options(parser: ArgumentParser) -> None:
    """How many walks."""
    parser.add_argument("--count", type=int, default=16, help="walks")


def measure(options: Namespace, out: Path, executor: Executor) -> pd.DataFrame:
    """The errors on all walks."""
    settings = {
        "trackers": shorten(describe(TRACKERS, "trackers")),
        "timesteps": str(TIMESTEPS),
    }
    seeds = range(renders.FIRST, renders.FIRST + options.count)
    jobs = [Job({"sequence": seed}, settings, measure_walk, (seed,)) for seed in seeds]
    found = run_jobs(jobs, out, executor, unit="walk")
    return pd.DataFrame([row for result in found for row in result["rows"]])


def report(results: pd.DataFrame) -> str:
    """Mean error in px by block and timestep, for each tracker and kind of noise.

    Beside the best its 95 % interval, walks resampled.
    """
    parts = []
    for (noise, tracker), group in results.groupby(["noise", "tracker"], sort=False):
        means = group.groupby(["block", "level"])["error"].mean().unstack()
        block, timestep = means.stack().idxmin()
        best = group[(group["block"] == block) & (group["level"] == timestep)]["error"]
        low, high = bootstrap(best)
        title = (
            f"{tracker}, noise {noise}; best: block {block}, timestep {timestep} of 50:"
            f" {means.min().min():.2f} px ({low:.2f} to {high:.2f})"
        )
        parts.append(f"### {title}\n\n{means.round(2).to_markdown()}")
    return "\n\n".join(parts)


def figure(results: pd.DataFrame) -> Figure:
    """Error over strength: a line for each block, a panel for each tracker, added noise dotted."""
    drawn = Figure(figsize=(9, 3.9), layout="constrained")
    trackers = list(dict.fromkeys(results["tracker"]))
    panels = drawn.subplots(1, len(trackers), sharey=True)
    for axes, tracker in zip(panels, trackers):
        _draw_errors(axes, results[results["tracker"] == tracker])
        axes.set(title=f"{tracker} tracker", xlabel="strength", ylim=(0, None))

    panels[0].set_ylabel("tracking error (px of 64)")
    lines, labels = panels[0].get_legend_handles_labels()
    drawn.legend(
        lines,
        labels,
        title="solid: inverted; dotted: noise added; bars: standard error; grey: the papers'"
        " strength",
        loc="outside lower center",
        ncols=len(lines),
        frameon=False,
        fontsize=9,
        title_fontsize=8,
    )
    return drawn


def _draw_errors(axes: Axes, results: pd.DataFrame) -> None:
    for (noise, block), group in results.groupby(["noise", "block"]):
        means = group.groupby("level")["error"].agg(["mean", "sem"])
        inverted = noise == "inverted"
        label = "middle" if block == 0 else f"decoder block {block}"
        axes.errorbar(
            means.index / 50,
            means["mean"],
            means["sem"],
            color=COLOURS[block],
            ls="-" if inverted else ":",
            marker=".",
            label=label if inverted else None,
        )
    axes.axvline(0.7, color="#80868b", lw=1, zorder=0)
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(alpha=0.3)


STUDY = Study(
    "which timestep and which block of the UNet track best",
    add_options,
    measure,
    report,
    RESULTS,
    figures={"timesteps": figure},
)
