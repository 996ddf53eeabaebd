r"""What StableDrag's two ideas are worth: ``python -m dragkit.bench stabledrag``.

Drags 100 lions by 1, 5 and all landmarks (see :mod:`dragkit.tasks.poses`) with DragGAN, with each
of StableDrag's ideas alone and with both, and sweeps the gate's threshold from always to never.
"""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from collections.abc import Iterable
from concurrent.futures import Executor
from pathlib import Path
from typing import Any

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from ...gates import above, always, never
from ...losses import MaskLoss, ShiftedPatchLoss
from ...methods import draggan, stabledrag
from ...tasks.poses import LIONS
from .. import runner
from ..jobs import Result
from ..measures import landmarks
from ..study import Study, published_file, sections
from ..tables import compare, markdown, table

Pieces = dict[str, Any]

# What all methods share. The learning rate is the DragGAN paper's. The patch has nine pixels:
# measured in cells of the feature map it is DragGAN's at 512 px, where the radius in pixels alone
# would leave a single one.
PROTOCOL: Pieces = {
    "lr": 2e-3,
    "steps": 150,
    "arrive": 1.0,
    "losses": (ShiftedPatchLoss(6, strict=True), MaskLoss(20)),
}
DRAGGAN: Pieces = {**draggan(), **PROTOCOL}
# The gate's ratio is what was shipped when the tables were made; the sweep says what it is worth.
STABLEDRAG: Pieces = {**stabledrag(), **PROTOCOL, "trust": above(0.8)}
METHODS = {
    "DragGAN": DRAGGAN,
    "learned tracker alone": DRAGGAN | {"tracker": STABLEDRAG["tracker"]},
    "gate alone": DRAGGAN | {"trust": STABLEDRAG["trust"]},
    "StableDrag": STABLEDRAG,
}
GATES = {
    "always": always,
    **{f"{ratio:g}": above(ratio) for ratio in (0.5, 0.7, 0.8, 0.9, 1.0)},
    "never": never,
}
# The methods' names in the results, by gate; StableDrag as it is stands among them.
SWEPT = {
    name: "StableDrag" if gate == STABLEDRAG["trust"] else f"StableDrag, {name}"
    for name, gate in GATES.items()
}
SWEEP = {
    method: STABLEDRAG | {"trust": GATES[name]}
    for name, method in SWEPT.items()
    if method != "StableDrag"
}
SWEEP["DragGAN, never"] = DRAGGAN | {"trust": never}
# Does what is found depend on the budget, or on the protocol?
CHECKS: dict[str, Pieces] = {
    "DragGAN, 400 steps": DRAGGAN | {"steps": 400},
    "StableDrag, 400 steps": STABLEDRAG | {"steps": 400},
    "DragGAN, as shipped": {**draggan()},
    "StableDrag, as shipped": {**stabledrag()},
}
COLUMNS = (
    "task",
    "method",
    "count",
    "mean_distance",
    "tracker_error",
    "claimed_distance",
    "change_outside",
    "dai",
    "length",
    "lookalike",
    "handles",
    "arrived",
    "steps",
    "seconds",
    "start_seconds",
    "error",
)
RESULTS = published_file("stabledrag")
COLOURS = {"1": "#d55e00", "5": "#0072b2", "all": "#009e73"}  # by number of landmarks


def add_options(parser: ArgumentParser) -> None:
    """How many lions."""
    parser.add_argument("--pairs", type=int, default=100, help="lions to drag by every method")
    parser.add_argument(
        "--few", type=int, default=12, help="how many of them to drag at every setting of the gate"
    )


def measure(options: Namespace, out: Path, executor: Executor) -> pd.DataFrame:
    """The drags of every lion by every method, and of a few at every setting of the gate."""
    every = LIONS.pairs(options.pairs)
    few = LIONS.pairs(min(options.few, options.pairs))
    results = [
        *runner.run(every, METHODS, out, measure=landmarks, executor=executor),
        *runner.run(few, SWEEP | CHECKS, out, measure=landmarks, executor=executor),
    ]
    return as_table(results)


def as_table(results: Iterable[Result]) -> pd.DataFrame:
    """The columns that are published, with the `count` of landmarks, "1", "5" or "all"."""
    frame = pd.DataFrame(results)
    frame["count"] = frame["task"].str.split(", ").str[1]
    return frame.reindex(columns=COLUMNS)


def published(methods: Iterable[str] = METHODS) -> list[Result]:
    """The results of `methods` in ``data/results``, one a drag: what the tables are made of."""
    results = STUDY.published()
    return results[results["method"].isin(list(methods))].to_dict("records")


def report(results: pd.DataFrame) -> str:
    """The tables, as Markdown."""
    main = results[results["method"].isin(METHODS)]
    few = results[results["task"].isin(results.loc[results["method"].isin(SWEEP), "task"])]
    middle = main["length"].median()
    return sections(
        {
            "The landmarks' distance to their targets, by the landmark network (px); arrived is"
            " the tracker's claim": means(main),
            "Over DragGAN's": _ratios(main),
            "Over DragGAN's: change outside the mask": _ratios(main, "change_outside"),
            "The landmarks' distance to the tracker's points (px)": means(main, "tracker_error"),
            f"Over DragGAN's: moves up to {middle:.1f} px": _ratios(
                main[main["length"] <= middle]
            ),
            f"Over DragGAN's: moves above {middle:.1f} px": _ratios(main[main["length"] > middle]),
            "Over DragGAN's: a handle has a look-alike 5 to 12 px away": _ratios(
                main[main["lookalike"] > 0]
            ),
            "Over DragGAN's: none has": _ratios(main[main["lookalike"] == 0]),
            "The gate's threshold, other budgets, and the methods as shipped": means(few),
            "What learning the filters takes of a drag's time (%)": start_cost(main).to_markdown(),
        }
    )


def start_cost(results: pd.DataFrame) -> pd.Series:
    """The tracker's start over the whole drag, in percent, median by number of landmarks.

    Times were taken with all workers busy.
    """
    learned = results[results["method"] == "StableDrag"]
    percent = 100 * learned["start_seconds"] / learned["seconds"]
    return percent.groupby(learned["count"]).median().round(1)


def means(results: pd.DataFrame, value: str = "mean_distance") -> str:
    """Means by method and number of landmarks, as Markdown."""
    means = table(results.to_dict("records"), by=("count",), value=value)
    return markdown(means.drop(columns=["seconds", "failed"]))


def _ratios(results: pd.DataFrame, value: str = "mean_distance") -> str:
    """Ratios to DragGAN, on the tasks that both have; nothing where there are none."""
    if results.empty:
        return ""
    return markdown(compare(results.to_dict("records"), "DragGAN", by=("count",), value=value))


def threshold_sweep(results: pd.DataFrame) -> Figure:
    """Mean distance and change outside the mask over the gate's ratio; DragGAN dashed.

    A line each for 1, 5 and all landmarks.

    Raises:
        ValueError: no drags with another gate in the results.
    """
    if not results["method"].isin(SWEEP).any():
        raise ValueError(
            "these results have no drags with another gate, so there is no threshold sweep to"
            " draw; run them first"
        )
    few = set(results.loc[results["method"] == "StableDrag, never", "task"])
    swept = results[results["task"].isin(few)]
    figure = Figure(figsize=(9, 3.4), layout="constrained")
    distance, change = figure.subplots(1, 2)
    _draw_sweep(distance, swept, "mean_distance", "mean distance (px)")
    _draw_sweep(change, swept, "change_outside", "change outside the mask (grey levels)")
    return figure


def _draw_sweep(axes: Axes, results: pd.DataFrame, value: str, label: str) -> None:
    for count, colour in COLOURS.items():
        group = results[results["count"] == count].groupby("method")[value]
        means = group.agg(["mean", "sem"])
        along = means.reindex(SWEPT.values())
        axes.errorbar(
            list(SWEPT),
            along["mean"],
            along["sem"],
            color=colour,
            marker="o",
            capsize=3,
            label="1 landmark" if count == "1" else f"{count} landmarks",
        )
        axes.axhline(means.loc["DragGAN", "mean"], color=colour, ls="--", lw=1)

    axes.set(
        xlabel="gate: least trusted fraction of step 1's confidence",
        ylabel=label,
        ylim=(0, None),
    )
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(alpha=0.3)
    axes.legend(
        frameon=False,
        title="dashed: DragGAN; bars: standard error",
        fontsize=8,
        title_fontsize=8,
    )


STUDY = Study(
    "what StableDrag's learned tracker and its gate are worth, alone and together",
    add_options,
    measure,
    report,
    RESULTS,
    types={"count": str},
    figures={"threshold_sweep": threshold_sweep},
)
