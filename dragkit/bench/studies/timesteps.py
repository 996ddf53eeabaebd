r"""Which noise level and which block of the UNet track best: ``python -m dragkit.bench.studies.timesteps``.

DragDiffusion reads the third of four decoder blocks at 0.7 of the way to noise. Here a lion walks
from one pose to another in rendered images, so where its landmarks are is known exactly; each
image is led up the road to a level, the trackers follow the landmarks through the features
there, nobody drags. Images are led up by DDIM inversion, as before a drag, or, for comparison,
by adding the same noise to all of them.
"""

from __future__ import annotations

import os

# before torch: three times faster on few cores
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

import argparse
import multiprocessing
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from matplotlib.figure import Figure
from tqdm.auto import tqdm

from ...methods import dragdiffusion, stabledrag
from ...models import load
from ...models.diffusion.model import Diffusion
from ...models.zoo import DATA
from ...records import Edit
from ...tasks import renders
from ..metrics import bootstrap

FRAMES = 12
LEVELS = (5, 10, 15, 20, 25, 30, 35, 40, 45)
TRACKERS = {
    "nearest": dragdiffusion()["tracker"],
    "learned": stabledrag(base=dragdiffusion)["tracker"],
}
RESULTS = DATA / "results" / "levels.csv"


def sequence(seed: int, size: int) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Lion `seed` on its way: images (f 3 h h), the landmarks that are visible at its start (f n
    2), and whether they still are (f n).
    """
    walk = [renders.posed(seed, t) for t in np.linspace(0, 1, FRAMES)]
    marks = [lion.landmarks(size) for lion in walk]
    chosen = (
        marks[0].visible & (marks[0].points >= 0).all(1) & (marks[0].points <= size - 1).all(1)
    )
    images = torch.stack([renders.image(lion, size) for lion in walk])
    points = torch.tensor(np.stack([m.points[chosen] for m in marks]), dtype=torch.float32)
    return images, points, torch.tensor(np.stack([m.visible[chosen] for m in marks]))


@torch.no_grad()
def latents(model: Diffusion, images: torch.Tensor, noisy: bool) -> dict[int, torch.Tensor]:
    """The images (f 3 h h) at each of `LEVELS` (f c h w): by DDIM inversion, or with one and the
    same noise added.
    """
    z = clean = model.encode(images)
    noise = torch.randn(clean.shape[1:], generator=torch.Generator().manual_seed(0)).expand_as(
        clean
    )
    if noisy:
        return {level: model.schedule.add_noise(clean, noise, level) for level in LEVELS}
    found = {}
    for below, level in zip((0, *LEVELS), LEVELS):
        z = found[level] = model.walk(z, below, level)
    return found


@torch.no_grad()
def measure(seed: int) -> list[dict[str, Any]]:
    """The trackers' mean error on one film, in pixels, at each level and block; runs
    in a worker.
    """
    torch.set_num_threads(1)
    model = load("lion-diffusion", device="cpu")
    images, truth, visible = sequence(seed, model.size[0])
    rows = []
    for noisy in (False, True):
        for level, z in latents(model, images, noisy).items():
            for block in range(len(model.unet.up_blocks) + 1):
                at = replace(model, strength=level / model.schedule.steps, feature_block=block)
                views = [at.view(latent) for latent in z]
                for name, tracker in TRACKERS.items():
                    memory, search_centre, errors = (
                        tracker.start(views[0], Edit(truth[0], truth[0])),
                        truth[0],
                        [],
                    )
                    for view, true in zip(views, truth):
                        search_centre = tracker.find(view, memory, search_centre).points
                        errors.append((search_centre - true).norm(dim=1))
                    error = torch.stack(errors)[1:][visible[1:]].mean().item()
                    rows.append(
                        {
                            "sequence": seed,
                            "noise": "added" if noisy else "inverted",
                            "level": level,
                            "block": block,
                            "tracker": name,
                            "error": error,
                        }
                    )
    return rows


def table(results: pd.DataFrame) -> str:
    """Mean error in px by block and level, for each tracker and kind of noise; beside the best its
    95 % interval, films resampled.
    """
    parts = []
    for (noise, tracker), group in results.groupby(["noise", "tracker"], sort=False):
        means = group.groupby(["block", "level"])["error"].mean().unstack()
        block, timestep_index = means.stack().idxmin()
        low, high = bootstrap(
            group[(group["block"] == block) & (group["level"] == timestep_index)]["error"]
        )
        best = (
            f"best: block {block}, timestep {timestep_index} of 50: {means.min().min():.2f} px ({low:.2f} to"
            f" {high:.2f})"
        )
        parts.append(f"### {tracker}, noise {noise}; {best}\n\n{means.round(2).to_markdown()}")
    return "\n\n".join(parts)


def figure(results: pd.DataFrame) -> Figure:
    """Error over the level, a line a block, a panel a tracker; dotted where noise was added
    instead of inverted.
    """
    colours = ("#d55e00", "#0072b2", "#009e73", "#cc79a7")
    page = Figure(figsize=(9, 3.9), layout="constrained")
    names = list(dict.fromkeys(results["tracker"]))
    for axes, name in zip(page.subplots(1, len(names), sharey=True), names):
        for (noise, block), group in results[results["tracker"] == name].groupby(
            ["noise", "block"]
        ):
            means = group.groupby("level")["error"].agg(["mean", "sem"])
            label = (
                ("middle" if block == 0 else f"decoder block {block}")
                if noise == "inverted"
                else None
            )
            axes.errorbar(
                means.index / 50,
                means["mean"],
                means["sem"],
                color=colours[block],
                ls="-" if noise == "inverted" else ":",
                marker=".",
                label=label,
            )
        axes.set(
            title=f"{name} tracker",
            xlabel="strength: how far up the road to noise",
            ylim=(0, None),
        )
        axes.axvline(0.7, color="#80868b", lw=1, zorder=0)
        axes.spines[["top", "right"]].set_visible(False)
        axes.grid(alpha=0.3)
    page.axes[0].set_ylabel("tracking error (px of 64)")
    lines, labels = page.axes[0].get_legend_handles_labels()
    words = {
        "loc": "outside lower center",
        "ncols": len(lines),
        "frameon": False,
        "fontsize": 9,
        "title_fontsize": 8,
    }
    page.legend(
        lines,
        labels,
        title=(
            "solid: inverted; dotted: noise added; bars: standard error; grey: the papers'"
            " strength"
        ),
        **words,
    )
    return page


def main(arguments: list[str] | None = None) -> None:
    """The command line; `--help` lists the parts."""
    parser = argparse.ArgumentParser(
        prog="python -m dragkit.bench.studies.timesteps", description=__doc__.split("\n\n")[0]
    )
    parser.add_argument("--count", type=int, default=16, help="walks")
    parser.add_argument(
        "--out",
        type=Path,
        default=Path("runs/levels"),
        help="folder for the errors and the figure",
    )
    parser.add_argument("--workers", type=int, default=os.cpu_count(), help="processes")
    parser.add_argument(
        "--report",
        action="store_true",
        help="print the tables of the kept results, without tracking",
    )
    options = parser.parse_args(arguments)
    options.out.mkdir(parents=True, exist_ok=True)
    if not options.report:
        with ProcessPoolExecutor(
            options.workers, mp_context=multiprocessing.get_context("spawn")
        ) as pool:
            sequences = list(
                tqdm(
                    pool.map(measure, range(renders.FIRST, renders.FIRST + options.count)),
                    "walks",
                    options.count,
                    unit="sequence",
                )
            )
        pd.DataFrame([row for sequence in sequences for row in sequence]).to_csv(
            options.out / "levels.csv", index=False, float_format="%.4g"
        )
    results = pd.read_csv(RESULTS if options.report else options.out / "levels.csv")
    print(table(results))
    figure(results).savefig(options.out / "levels.png", dpi=110)
    print(f"\nThe figure: {options.out / 'levels.png'}")


if __name__ == "__main__":
    main()
