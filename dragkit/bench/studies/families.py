r"""Four families of answers to "where is the point now":
``python -m dragkit.bench.studies.families --out runs/families``.

Drags lions by 1, 5 and all landmarks (:mod:`dragkit.tasks.lions`) as DragGAN's table 1 does: with
nearest neighbours, StableDrag's learned filter, FreeDrag's line search, and optical flow between
the images by both policies. ``--raft weights.pth`` adds RAFT. It can be stopped and called
again. ``--report`` prints the tables from the results that are kept in ``data/results``.
"""

from __future__ import annotations

import os

# before torch: three times faster on few cores
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

import argparse
import multiprocessing
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from ...methods import draggan, freedrag
from ...models.zoo import DATA
from ...tasks import lions
from ...trackers import LineSearch, OpticalFlow, Raft
from .. import runner
from ..metrics import bootstrap
from ..tables import compare, markdown, table
from . import stabledrag
from .tracking import FLOWS

PAIRS = 30
BUDGET = {"steps": stabledrag.PROTOCOL["steps"]}
METHODS = {name: stabledrag.METHODS[name] for name in ("DragGAN", "StableDrag")} | {
    # its own losses, for its goal is another; the rest is the same
    "FreeDrag": freedrag() | BUDGET,
    # what its table has for lions
    "FreeDrag, official l": (
        freedrag("official") | BUDGET | {"tracker": LineSearch(1, 3, 16, expected=0.4)}
    ),
}
GOALS = [name for name in METHODS if name.startswith("FreeDrag")]  # whose points are no sightings
RESULTS = DATA / "results" / "families.csv"


def methods(raft: Path | None = None) -> dict[str, dict[str, Any]]:
    """By name. All share StableDrag's protocol, except that FreeDrag brings its own losses."""
    flows = FLOWS | (
        {f"RAFT, {policy}": OpticalFlow(Raft(raft), policy) for policy in ("frame", "reference")}
        if raft
        else {}
    )
    return METHODS | {
        name: draggan() | stabledrag.PROTOCOL | {"tracker": flow} for name, flow in flows.items()
    }


def measure(out: Path, pairs: int, workers: int, raft: Path | None) -> pd.DataFrame:
    """Make every drag that is not in `out` yet; returns all results, one a row."""
    with ProcessPoolExecutor(workers, mp_context=multiprocessing.get_context("spawn")) as pool:
        results = runner.run(
            lions.pairs(pairs), methods(raft), out, measure=lions.truth, executor=pool
        )
    return (
        pd.DataFrame(results)
        .assign(count=lambda f: f["task"].str.split(", ").str[1])
        .reindex(columns=stabledrag.KEPT)
    )


def report(results: pd.DataFrame) -> str:
    """The tables, as Markdown."""
    parts = {
        "The landmarks' distance to their targets, by the landmark network (px); arrived is the method's claim": _table(
            results
        ),
        "Over DragGAN's": markdown(compare(results.to_dict("records"), "DragGAN", by=("count",))),
        "The landmarks' distance to the tracker's points (px)": _table(
            results[~results["method"].isin(GOALS)], "tracker_error"
        ),
        "Change outside the mask (grey levels)": _table(results, "change_outside"),
        "Seconds of a drag, with all workers busy": _table(results, "seconds"),
    }
    return "\n\n".join(f"### {title}\n\n{text}" for title, text in parts.items())


def _table(results: pd.DataFrame, value: str = "mean_distance") -> str:
    means = table(results.to_dict("records"), by=("count",), value=value)
    spare = ["seconds"] * (value != "seconds") + ["failed"] * (not means["failed"].any())
    return markdown(means.drop(columns=spare))


def figure(results: pd.DataFrame) -> Figure:
    """Where the content ended, and how far from it the tracker's point, for each method and number
    of landmarks.
    """
    names, counts = (
        list(dict.fromkeys(results["method"])),
        {
            "1": "#d55e00",
            "5": "#0072b2",
            "all": "#009e73",
        },
    )
    drawn = Figure(figsize=(9, 0.42 * len(names) + 1.2), layout="constrained")
    axes = drawn.subplots(1, 2, sharey=True)
    for ax, value, label in zip(
        axes,
        ("mean_distance", "tracker_error"),
        ("landmark to target (px)", "landmark to tracker's point (px)"),
    ):
        for shift, (count, colour) in zip((-0.2, 0, 0.2), counts.items()):
            for row, name in enumerate(names):
                found = results[(results["method"] == name) & (results["count"] == count)][
                    value
                ].dropna()
                if len(found) > 1 and not (value == "tracker_error" and name in GOALS):
                    low, high = bootstrap(found)
                    mean = found.mean()
                    ax.errorbar(
                        mean,
                        row + shift,
                        xerr=[[mean - low], [high - mean]],
                        color=colour,
                        marker="o",
                        ms=4,
                        capsize=2,
                        label=count if row == 0 else None,
                    )
        ax.set(xlabel=label, xlim=(0, None))
        ax.grid(axis="x", alpha=0.3)
        ax.spines[["top", "right"]].set_visible(False)
    axes[0].set_yticks(np.arange(len(names)), names)
    axes[0].invert_yaxis()
    axes[0].legend(title="landmarks", frameon=False, fontsize=8, title_fontsize=8)
    axes[1].set_title(
        "lines: 95 % intervals; a goal is no sighting", fontsize=8, loc="right", color="0.4"
    )
    return drawn


def main(arguments: list[str] | None = None) -> None:
    """The command line; `--help` lists the parts."""
    parser = argparse.ArgumentParser(
        prog="python -m dragkit.bench.studies.families", description=__doc__.split("\n\n")[0]
    )
    parser.add_argument(
        "--out",
        type=Path,
        default=Path("runs/families"),
        help="folder for the results; a run goes on in it",
    )
    parser.add_argument("--pairs", type=int, default=PAIRS, help="lions to drag by every method")
    parser.add_argument("--workers", type=int, default=os.cpu_count(), help="processes")
    parser.add_argument(
        "--raft", type=Path, help="weights of torchvision's raft_large, to add RAFT"
    )
    parser.add_argument(
        "--report",
        action="store_true",
        help="print the tables of the kept results, without dragging",
    )
    options = parser.parse_args(arguments)
    options.out.mkdir(parents=True, exist_ok=True)
    if options.report:
        results = pd.read_csv(RESULTS, dtype={"count": str})
    else:
        results = measure(
            options.out / "drags.jsonl", options.pairs, options.workers, options.raft
        )
        results.to_csv(options.out / "families.csv", index=False, float_format="%.4g")
    print(report(results))
    figure(results).savefig(options.out / "families.png", dpi=110)
    print(f"\nThe figure: {options.out / 'families.png'}")


if __name__ == "__main__":
    main()
