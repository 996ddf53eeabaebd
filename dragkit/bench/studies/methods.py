r"""All methods of :mod:`dragkit.methods` on one generator: ``python -m dragkit.bench methods``.

Drags lions and cars by 1, 5 and all landmarks (:mod:`dragkit.tasks.poses`). The methods of
diffusion models are here by what they change in DragGAN: how far a patch is shifted, its template,
which places a tracker may take, and how many updates follow one tracking. What they optimise is w+
as everywhere. Our own method is measured part by part, too, on a few lions.
"""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from concurrent.futures import Executor
from dataclasses import replace
from pathlib import Path

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, NullLocator

from ...gates import above, always
from ...losses import MaskLoss, ShiftedPatchLoss
from ...methods import anchored, easydrag, freedrag
from ...tasks.poses import CARS, LIONS
from ...trackers import Nearer, NearestNeighbor, TrackEvery
from .. import runner
from ..measures import landmarks
from ..study import Study, published_file, sections
from ..tables import compare, markdown, table
from .stabledrag import DRAGGAN, PROTOCOL, STABLEDRAG, Pieces, as_table

BUDGET: Pieces = {"steps": PROTOCOL["steps"]}
# Four cells of DragDiffusion's grid, which GoodDrag and CLIPDrag pull at most, are 8 px of 512.
FAR = ShiftedPatchLoss(6, strict=True, reach=8, first_patch=1)
NEAR = replace(FAR, reach=None)
MASK = MaskLoss(20)
ANCHORED: Pieces = {**anchored(), **BUDGET}
MOTION, HELD = ANCHORED["losses"]
METHODS: dict[str, Pieces] = {
    "DragGAN": DRAGGAN,
    "StableDrag": STABLEDRAG,
    "FreeDrag": {**freedrag(), **BUDGET},
    "GoodDrag's rules": DRAGGAN
    | {"losses": (FAR, MASK), "tracker": TrackEvery(NearestNeighbor(), updates=3)},
    "CLIPDrag's rules": DRAGGAN
    | {"losses": (FAR, MASK), "tracker": NearestNeighbor(candidates=Nearer(strict=True))},
    "DragLoRA's rules": DRAGGAN
    | {"losses": (NEAR, MASK), "tracker": NearestNeighbor(candidates=Nearer())},
    "EasyDrag": {**easydrag(), **BUDGET, "lr": PROTOCOL["lr"]},
    "anchored": ANCHORED,
}
# Our own without one of its parts each, which is then as in DragGAN or StableDrag.
PARTS: dict[str, Pieces] = {
    "anchored, current patch": ANCHORED | {"losses": (replace(MOTION, first_patch=0), HELD)},
    "anchored, whole pixels": ANCHORED
    | {
        "tracker": replace(ANCHORED["tracker"], subpixel=False),
        "losses": (replace(MOTION, skip=1), HELD),
        "arrive": 1.0,
    },
    "anchored, nearest neighbour": ANCHORED
    | {"tracker": NearestNeighbor(subpixel=True), "trust": always},
    "anchored, no gate": ANCHORED | {"trust": always},
    "anchored, gate 0.6": ANCHORED | {"trust": above(0.6)},
    "anchored, lr 2e-3": ANCHORED | {"lr": PROTOCOL["lr"]},
    "anchored, mask 20": ANCHORED | {"losses": (MOTION, MASK)},
}
GOALS = ("FreeDrag",)  # whose points are no sightings
RESULTS = published_file("methods")
COUNTS = ("1", "5", "all")
# Of the methods after DragGAN: the colour-blind-safe ones of Okabe and Ito, ours in black.
COLOURS = ("#e69f00", "#009e73", "#0072b2", "#cc79a7", "#56b4e9", "#d55e00", "black")
MARKERS = ("s", "^", "D", "v", "P", "X", "o")


def add_options(parser: ArgumentParser) -> None:
    """How many lions and cars."""
    parser.add_argument("--pairs", type=int, default=100, help="lions to drag by every method")
    parser.add_argument("--cars", type=int, default=50, help="cars to drag by every method")
    parser.add_argument(
        "--few", type=int, default=12, help="lions to drag by our method without its parts"
    )


def measure(options: Namespace, out: Path, executor: Executor) -> pd.DataFrame:
    """The drags of every lion and car by every method, and of a few lions by its parts."""
    lions = LIONS.pairs(options.pairs)
    few = LIONS.pairs(min(options.few, options.pairs))
    results = []
    for tasks, methods, model in (
        (lions, METHODS, "lion"),
        (few, PARTS, "lion"),
        (CARS.pairs(options.cars), METHODS, "car"),
    ):
        if tasks:
            results += runner.run(
                tasks, methods, out, model=model, measure=landmarks, executor=executor
            )
    return as_table(results)


def report(results: pd.DataFrame) -> str:
    """The tables, as Markdown."""
    results = _labelled(results)
    main = results[results["method"].isin(METHODS)]
    parts = _with_parts(results)
    sightings = main[~main["method"].isin(GOALS)]
    return sections(
        {
            "The landmarks' distance to their targets, by the landmark network (px); arrived is"
            " the method's claim": _means(main),
            "Over DragGAN's": _over(main),
            "Over DragGAN's: change outside the mask": _over(main, value="change_outside"),
            "Over DragGAN's: the shorter and the longer half of the moves": _over(
                main, ("world", "moves")
            ),
            "Over DragGAN's: whether a handle has a look-alike 5 to 12 px away": _over(
                main, ("world", "look-alikes")
            ),
            "The landmarks' distance to the tracker's points (px)": _means(
                sightings, "tracker_error"
            ),
            "The tracker's points' distance to their targets, which is the method's claim (px)": (
                _means(main, "claimed_distance")
            ),
            "Ours without its parts, over DragGAN's": _over(parts),
            "Ours without its parts, over DragGAN's: change outside the mask": _over(
                parts, value="change_outside"
            ),
            "Seconds of a drag, with all workers busy": _means(main, "seconds"),
        }
    )


def _labelled(results: pd.DataFrame) -> pd.DataFrame:
    """The results with their world, and the subset that each task is in."""
    world = results["task"].str.split().str[0]
    middle = results.groupby(world)["length"].transform("median")
    moves = (results["length"] > middle).map({True: "longer", False: "shorter"})
    lookalikes = (results["lookalike"] > 0).map({True: "some", False: "none"})
    return results.assign(world=world, moves=moves, **{"look-alikes": lookalikes})


def _with_parts(results: pd.DataFrame) -> pd.DataFrame:
    """Our method, its parts and DragGAN on the lions that all of them have."""
    few = results.loc[results["method"].isin(PARTS), "task"]
    named = results["method"].isin(["DragGAN", "anchored", *PARTS])
    return results[results["task"].isin(few) & named]


def _means(results: pd.DataFrame, value: str = "mean_distance") -> str:
    means = table(results.to_dict("records"), by=("world", "count"), value=value)
    if value != "seconds":
        means = means.drop(columns="seconds")
    return markdown(means)


def _over(
    results: pd.DataFrame,
    by: tuple[str, ...] = ("world", "count"),
    value: str = "mean_distance",
) -> str:
    """Ratios to DragGAN, on the tasks that both have; nothing where there are none."""
    if results.empty:
        return ""
    return markdown(compare(results.to_dict("records"), "DragGAN", by=by, value=value))


def figure(results: pd.DataFrame) -> Figure:
    """Truth over change on the lions: a point for each method with its intervals.

    A panel each for 1, 5 and all landmarks; below and left of the cross is better than DragGAN.
    """
    main = _labelled(results)
    main = main[main["method"].isin(METHODS) & (main["world"] == "lion")]
    rows = main.to_dict("records")
    distance = compare(rows, "DragGAN", by=("count",))
    change = compare(rows, "DragGAN", by=("count",), value="change_outside")

    drawn = Figure(figsize=(11, 4.2), layout="constrained")
    panels = drawn.subplots(1, len(COUNTS), sharex=True, sharey=True)
    for panel, count in zip(panels, COUNTS):
        _draw_methods(panel, change, distance, count)
        panel.set(title=f"{count} landmarks" if count != "1" else "1 landmark")
    panels[0].set(ylabel="distance to the target, over DragGAN's")
    panels[1].set(xlabel="change outside the mask, over DragGAN's")
    panels[0].text(0.03, 0.03, "↙ better", transform=panels[0].transAxes)
    handles, names = panels[0].get_legend_handles_labels()
    drawn.legend(handles, names, loc="outside right upper", frameon=False)
    return drawn


def _draw_methods(axes: Axes, change: pd.DataFrame, distance: pd.DataFrame, count: str) -> None:
    """The methods after DragGAN, which is the cross at (1, 1)."""
    axes.set(xscale="log", yscale="log")
    for name, colour, marker in zip(list(METHODS)[1:], COLOURS, MARKERS, strict=True):
        if (name, count) not in distance.index:
            continue
        x, y = change.loc[(name, count)], distance.loc[(name, count)]
        axes.errorbar(
            x["ratio"],
            y["ratio"],
            xerr=[[x["ratio"] - x["low"]], [x["high"] - x["ratio"]]],
            yerr=[[y["ratio"] - y["low"]], [y["high"] - y["ratio"]]],
            color=colour,
            marker=marker,
            ms=6,
            capsize=2,
            label=name,
        )
    axes.axhline(1, color="0.6", lw=1, zorder=0)
    axes.axvline(1, color="0.6", lw=1, zorder=0)
    for axis, ticks in ((axes.xaxis, (0.6, 0.8, 1, 1.5, 2)), (axes.yaxis, (0.5, 0.7, 1, 2, 4))):
        axis.set_major_locator(FixedLocator(ticks))
        axis.set_major_formatter("{x:g}")
        axis.set_minor_locator(NullLocator())
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(alpha=0.3)


STUDY = Study(
    "all methods on the generators of lions and cars, and ours part by part",
    add_options,
    measure,
    report,
    RESULTS,
    types={"count": str},
    figures={"methods": figure},
)
