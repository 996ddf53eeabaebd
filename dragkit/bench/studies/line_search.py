r"""Does one setting of FreeDrag's line search serve three models? ``python -m
dragkit.bench.studies.line_search --out runs/line_search``.

The official code has its expected loss l by hand, model by model. Ours is measured: a `fraction` of
what the template differs from its surroundings. Both drag the toy (whose latent is the truth),
lions of the bundled GAN and rendered lions in the bundled diffusion model (landmarks are read by
the landmark network), 1 and 5 points each, for at most 300 steps. ``--report`` prints the table
from ``data/results``.
"""

from __future__ import annotations

import os

# before torch: three times faster on few cores
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

import argparse
import multiprocessing
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd
import torch
from torch import Tensor
from tqdm.auto import tqdm

from ...loop import drag
from ...methods import dragdiffusion, draggan, freedrag
from ...models import Model, load
from ...models.diffusion.inversion import inverted
from ...models.zoo import DATA
from ...records import Edit, Step
from ...tasks import lions, renders
from ..metrics import mean_distance
from ..tables import markdown, table
from .diffusion import judge

SHARES = (0.35, 0.5, 0.7, 1.0)
MODELS = ("toy", "lion", "lion-diffusion")
RESULTS = DATA / "results" / "line_search.csv"
Truth = Callable[[Step], float]
Row = dict[str, Any]


def settings(name: str) -> dict[str, dict[str, Any]]:
    """The methods that model `name` is dragged by: four shares, and the official code's l."""
    base = dragdiffusion if name == "lion-diffusion" else draggan
    pace = {"steps": 300} | ({"lr": 1.0} if name == "toy" else {})
    ours, theirs = freedrag(base=base) | pace, freedrag("official", base) | pace
    if base is draggan:
        # their table's line for lions
        theirs["tracker"] = replace(theirs["tracker"], hop=16, expected=0.4)
    shares = {
        f"share {fraction:g}": ours | {"tracker": replace(ours["tracker"], fraction=fraction)}
        for fraction in SHARES
    }
    # the same stop, so that arrivals can be compared
    return shares | {"official l": theirs | {"arrive": ours["arrive"]}}


def edits(name: str, seed: int) -> Iterator[tuple[str, Model, Tensor, Edit, Truth]]:
    """The number of points, what to drag, and who knows how far from its targets it ended (px)."""
    if name == "toy":
        for count in (1, 5):
            model = load("toy", blobs=count, seed=seed)
            start = model.sample(seed)
            angle = torch.rand(count, generator=torch.Generator().manual_seed(seed)) * 2 * torch.pi
            targets = (start + 20 * torch.stack([angle.cos(), angle.sin()], 1)).clamp(8, 119)
            yield (
                str(count),
                model,
                start,
                Edit(start, targets),
                lambda step, targets=targets: mean_distance(step.latent, targets),
            )
    elif name == "lion":
        model = load("lion", device="cpu")
        for task in lions.pairs_of(seed, (1, 5)):
            start = model.sample(seed)
            yield (
                str(len(task.landmarks)),
                model,
                start,
                task.edit,
                lambda step, task=task, start=start: lions.truth(model, task, start, step)[
                    "mean_distance"
                ],
            )
    else:
        model = load("lion-diffusion", device="cpu")
        pairs = {
            count: renders.pair(renders.FIRST + seed, count, model.size[0]) for count in (1, 5)
        }
        found = inverted(model, pairs[5].before)
        for count, pair in pairs.items():
            yield (
                str(count),
                found.model,
                found.latent,
                pair.edit,
                lambda step, pair=pair: judge(pair, found.model.finish(step.latent))[
                    "mean_distance"
                ],
            )


def measure(name: str, seed: int) -> list[Row]:
    """All settings on one seed of one model. Runs in a worker."""
    torch.set_num_threads(1)
    rows = []
    for count, model, start, edit, truth in edits(name, seed):
        for setting, pieces in settings(name).items():
            for step in drag(model, start, edit, **pieces):
                pass
            rows.append(
                {
                    "task": f"{name} {seed}, {count}",
                    "model": name,
                    "count": count,
                    "method": setting,
                    "mean_distance": truth(step),
                    "handles": len(edit.handles),
                    "arrived": int(step.arrived.sum()),
                    "steps": step.index,
                    "seconds": float("nan"),
                    "error": None,
                }
            )
    return rows


def run(count: int, workers: int) -> pd.DataFrame:
    """All results, one a row."""
    with ProcessPoolExecutor(workers, mp_context=multiprocessing.get_context("spawn")) as pool:
        futures = [pool.submit(measure, name, seed) for name in MODELS for seed in range(count)]
        rows = [
            row
            for future in tqdm(as_completed(futures), "seeds", len(futures))
            for row in future.result()
        ]
    return pd.DataFrame(rows).sort_values(["model", "task"], kind="stable")


def report(results: pd.DataFrame) -> str:
    """The table, as Markdown; arrived is the line search's claim."""
    means = table(results.to_dict("records"), by=("model", "count"))
    return markdown(means.drop(columns=["seconds", "failed", "median"]))


def main(arguments: list[str] | None = None) -> None:
    """The command line; `--help` lists the parts."""
    parser = argparse.ArgumentParser(
        prog="python -m dragkit.bench.studies.line_search", description=__doc__.split("\n\n")[0]
    )
    parser.add_argument(
        "--out", type=Path, default=Path("runs/line_search"), help="folder for the results"
    )
    parser.add_argument("--seeds", type=int, default=10, help="of each model")
    parser.add_argument("--workers", type=int, default=os.cpu_count(), help="processes")
    parser.add_argument(
        "--report",
        action="store_true",
        help="print the table of the kept results, without dragging",
    )
    options = parser.parse_args(arguments)
    if options.report:
        results = pd.read_csv(RESULTS, dtype={"count": str})
    else:
        options.out.mkdir(parents=True, exist_ok=True)
        results = run(options.seeds, options.workers)
        results.to_csv(options.out / "line_search.csv", index=False, float_format="%.4g")
    print(report(results))


if __name__ == "__main__":
    main()
