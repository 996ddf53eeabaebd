r"""With which gate and patch does StableDrag arrive? ``python -m dragkit.bench gate``.

Pulls the chins of fifty lions down by a tenth of the image, with the methods as shipped but for
two numbers. One is the gate's ratio ρ: a point below ρ times step 1's confidence is pulled by the
first frame's patch. The other is the radius of the patch. At 128 px DragGAN's 3 px of 512 leave a
single pixel, and twice that leaves nine. A tracker may claim to have arrived where the chin is
not, so the landmark network says where it is.
"""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from concurrent.futures import Executor
from pathlib import Path

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from tqdm.auto import tqdm

from ...gates import above, always
from ...losses import MaskLoss, ShiftedPatchLoss
from ...methods import draggan, stabledrag
from ...records import Edit
from ...tasks.edits import Task
from ...tasks.poses import LIONS
from .. import runner
from ..measures import landmarks
from ..study import Study, published_file
from ..tables import markdown
from .chins import FIRST
from .stabledrag import Pieces

PULL = 0.1  # of the image's side
NEAR = 3.0  # px: farther from its target, a chin has not arrived
PATCHES = {"1 pixel": 3, "9 pixels": 6}  # at 128 px, by their radius for a 512-px image
GATES = {"always": always, **{f"{ratio:g}": above(ratio) for ratio in (0.5, 0.6, 0.7, 0.8, 0.9)}}
RESULTS = published_file("gate")
COLUMNS = (
    "task",
    "method",
    "patch",
    "gate",
    "arrived",
    "steps",
    "claimed_distance",
    "mean_distance",
    "error",
)
COLOURS = {"1 pixel": "#d55e00", "9 pixels": "#0072b2"}


def methods() -> dict[str, Pieces]:
    """DragGAN and StableDrag with every gate, each with both patches, by name."""
    found: dict[str, Pieces] = {}
    for patch, radius in PATCHES.items():
        loss = {"losses": (ShiftedPatchLoss(radius, strict=True), MaskLoss(20))}
        found[f"DragGAN; {patch}"] = draggan() | loss
        for gate, trust in GATES.items():
            found[f"{gate}; {patch}"] = stabledrag() | loss | {"trust": trust}
    return found


def chins(count: int) -> list[Task]:
    """The edits: each chin from where the network sees it, straight down."""
    model = LIONS.generator()
    chin = LIONS.world.landmarks.index("chin")
    tasks = []
    for seed in tqdm(range(FIRST, FIRST + count), "chins", unit="lion", delay=2):
        x, y = LIONS.read_landmarks(model, model.sample(seed))[chin].tolist()
        edit = Edit([(x, y)], [(x, y + PULL * model.size[0])])
        tasks.append(Task(seed, edit, f"chin {seed}", ("chin",)))
    return tasks


def add_options(parser: ArgumentParser) -> None:
    """How many lions."""
    parser.add_argument("--lions", type=int, default=50, help="lions whose chins are pulled")


def measure(options: Namespace, out: Path, executor: Executor) -> pd.DataFrame:
    """The drags of every chin."""
    tasks = chins(options.lions)
    frame = pd.DataFrame(runner.run(tasks, methods(), out, measure=landmarks, executor=executor))
    frame[["gate", "patch"]] = frame["method"].str.split("; ", expand=True)
    return frame.reindex(columns=COLUMNS)


def report(results: pd.DataFrame) -> str:
    """A row for each method, as Markdown."""
    rows = [
        {
            "patch": patch,
            "gate": gate,
            "lions": len(group),
            "claimed": int(group["arrived"].sum()),
            f"within {NEAR:g} px": int((group["mean_distance"] <= NEAR).sum()),
            "distance [px]": group["mean_distance"].mean(),
            "farthest [px]": group["mean_distance"].max(),
            "steps": group["steps"].mean(),
        }
        for (patch, gate), group in results.groupby(["patch", "gate"], sort=False)
    ]
    return markdown(pd.DataFrame(rows).set_index("patch"))


def sweep(results: pd.DataFrame) -> Figure:
    """How many chins arrive, by the tracker's claim and in truth, over the gate's ratio."""
    figure = Figure(figsize=(9, 3.2), layout="constrained")
    claimed, true = figure.subplots(1, 2, sharey=True)
    results = results.assign(true=results["mean_distance"] <= NEAR)
    _draw(claimed, results, "arrived", "the tracker says it has arrived")
    _draw(true, results, "true", f"the chin is within {NEAR:g} px of its target")
    claimed.set_ylabel("lions (%)")
    claimed.legend(frameon=False, fontsize=8, title="patch; dashed: DragGAN", title_fontsize=8)
    return figure


def _draw(axes: Axes, results: pd.DataFrame, value: str, title: str) -> None:
    for patch, colour in COLOURS.items():
        percent = 100 * results[results["patch"] == patch].groupby("gate")[value].mean()
        axes.plot(list(GATES), percent.reindex(GATES), color=colour, marker="o", label=patch)
        axes.axhline(percent["DragGAN"], color=colour, ls="--", lw=1)

    axes.set_title(title, loc="left", fontsize=9)
    axes.set(xlabel="gate: least trusted fraction of step 1's confidence", ylim=(0, 103))
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(alpha=0.3)


STUDY = Study(
    "with which gate and which patch StableDrag arrives",
    add_options,
    measure,
    report,
    RESULTS,
    types={"gate": str},
    figures={"gate": sweep},
)
