r"""Four families of answers to "where is the point now?": ``python -m dragkit.bench families``.

Drags lions by 1, 5 and all landmarks (:mod:`dragkit.tasks.poses`) as DragGAN's table 1 does: with
nearest neighbours, StableDrag's learned filter, FreeDrag's line search, and optical flow between
the images by both policies. ``--raft weights.pth`` adds RAFT.
"""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from concurrent.futures import Executor
from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from ...arguments import option_path
from ...methods import freedrag
from ...pieces import Tracker
from ...tasks.poses import LIONS
from ...trackers import LineSearch, OpticalFlow, Raft
from .. import runner
from ..measures import landmarks
from ..metrics import bootstrap
from ..study import Study, published_file, sections
from ..tables import compare, markdown, table
from .stabledrag import COLOURS, DRAGGAN, PROTOCOL, STABLEDRAG, Pieces, as_table
from .tracking import FLOWS

BUDGET: Pieces = {"steps": PROTOCOL["steps"]}
METHODS: dict[str, Pieces] = {
    "DragGAN": DRAGGAN,
    "StableDrag": STABLEDRAG,
    # its own losses, because its goal is another one; the rest is the same
    "FreeDrag": {**freedrag(), **BUDGET},
    # what the official code's table has for lions
    "FreeDrag, official l": {
        **freedrag("official"),
        **BUDGET,
        "tracker": LineSearch(1, 3, 16, expected=0.4),
    },
}
GOALS = [name for name in METHODS if name.startswith("FreeDrag")]  # whose points are no sightings
RESULTS = published_file("families")


def methods(raft: Path | None = None) -> dict[str, Pieces]:
    """By name. All share StableDrag's protocol, except that FreeDrag has its own losses."""
    flows: dict[str, Tracker] = dict(FLOWS)
    if raft:
        flows["RAFT, frame"] = OpticalFlow(Raft(raft), "frame")
        flows["RAFT, reference"] = OpticalFlow(Raft(raft), "reference")
    return METHODS | {name: DRAGGAN | {"tracker": flow} for name, flow in flows.items()}


def add_options(parser: ArgumentParser) -> None:
    """How many lions, and RAFT."""
    parser.add_argument("--pairs", type=int, default=30, help="lions to drag by every method")
    parser.add_argument(
        "--raft", type=option_path, help="weights of torchvision's raft_large, to add RAFT"
    )


def measure(options: Namespace, out: Path, executor: Executor) -> pd.DataFrame:
    """The drags of every lion by every method."""
    tasks = LIONS.pairs(options.pairs)
    pieces = methods(options.raft)
    return as_table(runner.run(tasks, pieces, out, measure=landmarks, executor=executor))


def report(results: pd.DataFrame) -> str:
    """The tables, as Markdown."""
    sightings = results[~results["method"].isin(GOALS)]
    return sections(
        {
            "The landmarks' distance to their targets, by the landmark network (px); arrived is"
            " the method's claim": _means(results),
            "Over DragGAN's": markdown(
                compare(results.to_dict("records"), "DragGAN", by=("count",))
            ),
            "The landmarks' distance to the tracker's points (px)": _means(
                sightings, "tracker_error"
            ),
            "Change outside the mask (grey levels)": _means(results, "change_outside"),
            "Seconds of a drag, with all workers busy": _means(results, "seconds"),
        }
    )


def _means(results: pd.DataFrame, value: str = "mean_distance") -> str:
    means = table(results.to_dict("records"), by=("count",), value=value)
    if value != "seconds":
        means = means.drop(columns="seconds")
    if not means["failed"].any():
        means = means.drop(columns="failed")
    return markdown(means)


def figure(results: pd.DataFrame) -> Figure:
    """Where the content ended, and how far from it the tracker's point was, by method.

    A dot each for 1, 5 and all landmarks.
    """
    names = list(dict.fromkeys(results["method"]))
    drawn = Figure(figsize=(9, 0.42 * len(names) + 1.2), layout="constrained")
    distance, error = drawn.subplots(1, 2, sharey=True)
    sightings = results[~results["method"].isin(GOALS)]
    _draw_means(distance, results, "mean_distance", names)
    _draw_means(error, sightings, "tracker_error", names)

    distance.set(xlabel="landmark to target (px)", xlim=(0, None))
    distance.set_yticks(np.arange(len(names)), names)
    distance.invert_yaxis()
    distance.legend(title="landmarks", frameon=False, fontsize=8, title_fontsize=8)
    error.set(xlabel="landmark to tracker's point (px)", xlim=(0, None))
    error.set_title(
        "lines: 95 % intervals; a goal is not a sighting", fontsize=8, loc="right", color="0.4"
    )
    return drawn


def _draw_means(axes: Axes, results: pd.DataFrame, value: str, names: list[str]) -> None:
    """The mean of `value` and its interval, a row for each method and a colour for each count."""
    values = {key: group.dropna() for key, group in results.groupby(["method", "count"])[value]}
    for (method, count), found in values.items():
        if len(found) < 2:
            continue
        row = names.index(method)
        low, high = bootstrap(found)
        axes.errorbar(
            found.mean(),
            row + 0.2 * (list(COLOURS).index(count) - 1),
            xerr=[[found.mean() - low], [high - found.mean()]],
            color=COLOURS[count],
            marker="o",
            ms=4,
            capsize=2,
            label=count if row == 0 else None,
        )
    axes.grid(axis="x", alpha=0.3)
    axes.spines[["top", "right"]].set_visible(False)


STUDY = Study(
    "nearest neighbours, a learned filter, line search and optical flow on one protocol",
    add_options,
    measure,
    report,
    RESULTS,
    types={"count": str},
    figures={"families": figure},
)
