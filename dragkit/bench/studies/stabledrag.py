r"""What StableDrag's two ideas are worth: ``python -m dragkit.bench.studies.stabledrag --out
runs/stabledrag``.

Drags 100 lions by 1, 5 and all landmarks (see :mod:`dragkit.tasks.lions`) with DragGAN, with each
of StableDrag's ideas alone and with both, turns the gate's dial from always to never, and prints
the tables. It can be stopped and called again. ``--report`` prints the tables from the results
that are kept in ``data/results``.
"""

from __future__ import annotations

import os

# before torch: three times faster on few cores
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

import argparse
import multiprocessing
from collections.abc import Iterable
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import pandas as pd
from matplotlib.figure import Figure

from ...gates import above, always, never
from ...losses import MaskLoss, ShiftedPatchLoss
from ...methods import draggan, stabledrag
from ...models.zoo import DATA
from ...tasks import lions
from .. import runner
from ..tables import compare, markdown, table

# What all methods share. The learning rate is the DragGAN paper's. The patch has nine pixels:
# measured in cells
# of the feature map it is DragGAN's at 512 px, where the radius in pixels alone would leave a
# single one.
PROTOCOL = {
    "lr": 2e-3,
    "steps": 150,
    "arrive": 1.0,
    "losses": (ShiftedPatchLoss(6, strict=True), MaskLoss(20)),
}
METHODS = {
    "DragGAN": draggan() | PROTOCOL,
    "learned tracker alone": draggan() | PROTOCOL | {"tracker": stabledrag()["tracker"]},
    "gate alone": draggan() | PROTOCOL | {"trust": stabledrag()["trust"]},
    "StableDrag": stabledrag() | PROTOCOL,
}
GATES = {
    "always": always,
    **{f"{r:g}": above(r) for r in (0.5, 0.7, 0.8, 0.9, 1.0)},
    "never": never,
}
DIAL = {
    f"StableDrag, {name}": METHODS["StableDrag"] | {"trust": gate}
    for name, gate in GATES.items()
    if gate != stabledrag()["trust"]
}
DIAL |= {"DragGAN, never": METHODS["DragGAN"] | {"trust": never}}
CHECKS = {  # does what is found depend on the budget, or on the protocol?
    **{f"{name}, 400 steps": METHODS[name] | {"steps": 400} for name in ("DragGAN", "StableDrag")},
    "DragGAN, as shipped": draggan(),
    "StableDrag, as shipped": stabledrag(),
}
KEPT = (
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
RESULTS = DATA / "results" / "stabledrag.csv"


def measure(out: Path, pairs: int, few: int, workers: int) -> pd.DataFrame:
    """Make every drag that is not in `out` yet; returns all results, one a row."""
    jobs = [(lions.pairs(pairs), METHODS), (lions.pairs(min(few, pairs)), DIAL | CHECKS)]
    with ProcessPoolExecutor(workers, mp_context=multiprocessing.get_context("spawn")) as pool:
        results = [
            r
            for tasks, methods in jobs
            for r in runner.run(tasks, methods, out, measure=lions.truth, executor=pool)
        ]
    frame = pd.DataFrame(results).assign(count=lambda f: f["task"].str.split(", ").str[1])
    return frame.reindex(columns=KEPT)


def kept(methods: Iterable[str] = METHODS) -> list[runner.Result]:
    """The results of `methods` in ``data/results``, one a drag: what the README's tables are made
    of.
    """
    results = pd.read_csv(RESULTS, dtype={"count": str})
    return results[results["method"].isin(list(methods))].to_dict("records")


def report(results: pd.DataFrame) -> str:
    """The tables, as Markdown."""
    main = results[results["method"].isin(METHODS)]
    few = results[results["task"].isin(results.loc[results["method"].isin(DIAL), "task"])]
    middle = main["length"].median()
    parts = {
        "The landmarks' distance to their targets, by the landmark network (px); arrived is the tracker's claim": markdown(
            _table(main)
        ),
        "Over DragGAN's": _over(main),
        "Over DragGAN's: change outside the mask": _over(main, "change_outside"),
        "The landmarks' distance to the tracker's points (px)": markdown(
            _table(main, "tracker_error")
        ),
        f"Over DragGAN's: moves up to {middle:.1f} px": _over(main[main["length"] <= middle]),
        f"Over DragGAN's: moves above {middle:.1f} px": _over(main[main["length"] > middle]),
        "Over DragGAN's: a handle has a look-alike 5 to 12 px away": _over(
            main[main["lookalike"] > 0]
        ),
        "Over DragGAN's: none has": _over(main[main["lookalike"] == 0]),
        "The gate's dial, other budgets, and the methods as shipped": markdown(_table(few)),
        "What learning the filters takes of a drag's time (%)": cost(main).to_markdown(),
    }
    return "\n\n".join(f"### {title}\n\n{text}" for title, text in parts.items() if text)


def cost(results: pd.DataFrame) -> pd.Series:
    """The tracker's start over the whole drag, in percent, median by number of handles; times were
    taken with all workers busy.
    """
    learned = results[results["method"] == "StableDrag"]
    return (
        (100 * learned["start_seconds"] / learned["seconds"])
        .groupby(learned["count"])
        .median()
        .round(1)
    )


def _table(results: pd.DataFrame, value: str = "mean_distance") -> pd.DataFrame:
    return table(results.to_dict("records"), by=("count",), value=value).drop(
        columns=["seconds", "failed"]
    )


def _over(results: pd.DataFrame, value: str = "mean_distance") -> str:
    """Ratios to DragGAN, on the tasks that both have; nothing where there are none."""
    return (
        markdown(compare(results.to_dict("records"), "DragGAN", by=("count",), value=value))
        if len(results)
        else ""
    )


def threshold_sweep(results: pd.DataFrame) -> Figure:
    """Mean distance and change outside the mask over the gate's ratio, for 1, 5 and all landmarks;
    DragGAN dashed.
    """
    names = {f"StableDrag, {name}": name for name in GATES} | {
        "StableDrag": f"{stabledrag()['trust'].ratio:g}"
    }
    order = list(GATES)
    if not results["method"].isin(DIAL).any():
        raise ValueError(
            "these results have no drags with another gate, so there is no dial to draw; run them"
            " first"
        )
    seen = set(results.loc[results["method"] == "StableDrag, never", "task"])
    part = results[results["task"].isin(seen)]
    figure = Figure(figsize=(9, 3.4), layout="constrained")
    for axes, value, label in zip(
        figure.subplots(1, 2),
        ("mean_distance", "change_outside"),
        ("mean distance (px)", "change outside the mask (grey levels)"),
    ):
        for count, colour in zip(("1", "5", "all"), ("#d55e00", "#0072b2", "#009e73")):
            group = part[part["count"] == count]
            means = (
                group.assign(gate=group["method"].map(names))
                .groupby("gate")[value]
                .agg(["mean", "sem"])
                .reindex(order)
            )
            axes.errorbar(
                order,
                means["mean"],
                means["sem"],
                color=colour,
                marker="o",
                capsize=3,
                label=f"{count} landmark{'s' * (count != '1')}",
            )
            axes.axhline(
                group.loc[group["method"] == "DragGAN", value].mean(), color=colour, ls="--", lw=1
            )
        axes.set(
            xlabel="gate: least trusted share of step 1's confidence", ylabel=label, ylim=(0, None)
        )
        axes.spines[["top", "right"]].set_visible(False)
        axes.grid(alpha=0.3)
        axes.legend(
            frameon=False,
            title="dashed: DragGAN; bars: standard error",
            fontsize=8,
            title_fontsize=8,
        )
    return figure


def main(arguments: list[str] | None = None) -> None:
    """The command line; `--help` lists the parts."""
    parser = argparse.ArgumentParser(
        prog="python -m dragkit.bench.studies.stabledrag", description=__doc__.split("\n\n")[0]
    )
    parser.add_argument(
        "--out",
        type=Path,
        default=Path("runs/stabledrag"),
        help="folder for the results; a run goes on in it",
    )
    parser.add_argument("--pairs", type=int, default=100, help="lions to drag by every method")
    parser.add_argument(
        "--few", type=int, default=12, help="how many of them to drag at every setting of the gate"
    )
    parser.add_argument("--workers", type=int, default=os.cpu_count(), help="processes")
    parser.add_argument(
        "--report",
        action="store_true",
        help="print the tables of the kept results, without dragging",
    )
    options = parser.parse_args(arguments)
    if options.report:
        results = pd.DataFrame(kept([*METHODS, *DIAL, *CHECKS]))
    else:
        options.out.mkdir(parents=True, exist_ok=True)
        results = measure(options.out / "drags.jsonl", options.pairs, options.few, options.workers)
        results.to_csv(options.out / "stabledrag.csv", index=False, float_format="%.4g")
    print(report(results))
    options.out.mkdir(parents=True, exist_ok=True)
    threshold_sweep(results).savefig(options.out / "dial.png", dpi=110)
    print(f"\nThe dial: {options.out / 'dial.png'}")


if __name__ == "__main__":
    main()
