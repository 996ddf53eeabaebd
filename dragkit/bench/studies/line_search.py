r"""Does one setting of FreeDrag's line search serve three models?

``python -m dragkit.bench line_search``. The official code has its expected loss l by hand, model
by model. Ours is measured: a `fraction` of what the template differs from its surroundings. Both
drag the toy (whose latent is the truth), lions of the bundled GAN and rendered lions in the
bundled diffusion model (landmarks are read by the landmark network), 1 and 5 points each, for at
most 300 steps.
"""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from collections.abc import Callable, Iterator
from concurrent.futures import Executor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
import torch
from torch import Tensor

from ...loop import drag
from ...methods import dragdiffusion, draggan, freedrag
from ...models.diffusion.inversion import invert
from ...models.protocols import Model
from ...models.toy import Toy
from ...pieces import Method
from ...records import Edit, Step
from ...tasks import renders
from ...tasks.poses import LIONS
from ...trackers import LineSearch
from ..jobs import Job, run_jobs
from ..measures import landmarks_seen
from ..metrics import mean_distance
from ..settings import describe, shorten
from ..study import Study, published_file
from ..tables import markdown, table
from .diffusion_drags import judge, painter

FRACTIONS = (0.35, 0.5, 0.7, 1.0)
COUNTS = (1, 5)  # points of an edit
STEPS = 300
RESULTS = published_file("line_search")


@dataclass(frozen=True, eq=False)
class Case:
    """An edit of a model, and a function that says how far from its targets a step is (px)."""

    model: Model
    start: Tensor
    edit: Edit
    distance: Callable[[Step], float]


def methods(name: str) -> dict[str, dict[str, Any]]:
    """The methods that model `name` is dragged by: four fractions, and the official code's l."""
    base: Callable[..., Method] = draggan
    official_tracker = LineSearch(1, 3, 16, expected=0.4)  # the official code's line for lions
    if name == "lion-diffusion":
        base = dragdiffusion
        official_tracker = LineSearch(4, 2, 10, expected=1.0, enough=0.5)
    pace: dict[str, Any] = {"steps": STEPS}
    if name == "toy":
        pace["lr"] = 1.0

    ours = {**freedrag(base=base), **pace}
    measured = {
        f"share {fraction:g}": {**ours, "tracker": LineSearch(fraction=fraction)}
        for fraction in FRACTIONS
    }
    official = {
        **freedrag("official", base),
        **pace,
        "tracker": official_tracker,
        "arrive": ours["arrive"],  # the same stop, so that arrivals can be compared
    }
    return {**measured, "official l": official}


def toy_case(seed: int, count: int) -> Case:
    """`count` blobs, each to move by 20 px in a direction of its own."""
    toy = Toy(blobs=count, seed=seed)
    start = toy.sample(seed)
    angle = torch.rand(count, generator=torch.Generator().manual_seed(seed)) * 2 * torch.pi
    targets = (start + 20 * torch.stack([angle.cos(), angle.sin()], 1)).clamp(8, 119)
    edit = Edit(start, targets)
    return Case(toy, start, edit, lambda step: mean_distance(step.latent, targets))


def lion_case(seed: int, count: int) -> Case:
    """`count` landmarks of a generated lion."""
    model = LIONS.generator()
    (task,) = LIONS.pairs_of(seed, (count,))

    def distance(step: Step) -> float:
        return mean_distance(landmarks_seen(model, task, step.latent), task.edit.targets)

    return Case(model, model.sample(seed), task.edit, distance)


def diffusion_case(seed: int, count: int) -> Case:
    """`count` landmarks of a rendered lion, inverted by the diffusion model."""
    pair = renders.pair(renders.FIRST + seed, count, painter().size[0])
    found = invert(painter(), pair.before)

    def distance(step: Step) -> float:
        return judge(pair, found.model.finish(step.latent))["mean_distance"]

    return Case(found.model, found.latent, pair.edit, distance)


CASES: dict[str, Callable[[int, int], Case]] = {
    "toy": toy_case,
    "lion": lion_case,
    "lion-diffusion": diffusion_case,
}


def measure_seed(name: str, seed: int) -> dict[str, Any]:
    """The rows of all methods on one seed of one model; runs in a worker."""
    return {"rows": [row for count in COUNTS for row in _rows(name, seed, count)]}


def _rows(name: str, seed: int, count: int) -> Iterator[dict[str, Any]]:
    case = CASES[name](seed, count)
    for method, pieces in methods(name).items():
        *_, step = drag(case.model, case.start, case.edit, **pieces)
        yield {
            "task": f"{name} {seed}, {count}",
            "model": name,
            "count": str(count),
            "method": method,
            "mean_distance": case.distance(step),
            "handles": len(case.edit.handles),
            "arrived": int(step.arrived.sum()),
            "steps": step.index,
            "seconds": float("nan"),
            "error": None,
        }


def add_options(parser: ArgumentParser) -> None:
    """How many seeds."""
    parser.add_argument("--seeds", type=int, default=10, help="of each model")


def measure(options: Namespace, out: Path, executor: Executor) -> pd.DataFrame:
    """All methods on all seeds of all models."""
    jobs = [
        Job(
            {"model": name, "seed": seed},
            {"methods": shorten(describe(methods(name), "methods"))},
            measure_seed,
            (name, seed),
        )
        for name in CASES
        for seed in range(options.seeds)
    ]
    found = run_jobs(jobs, out, executor, unit="seed")
    rows = pd.DataFrame([row for result in found for row in result["rows"]])
    return rows.sort_values(["model", "task"], kind="stable")


def report(results: pd.DataFrame) -> str:
    """The table, as Markdown; arrived is the line search's claim."""
    means = table(results.to_dict("records"), by=("model", "count"))
    return markdown(means.drop(columns=["seconds", "failed", "median"]))


STUDY = Study(
    "does one setting of FreeDrag's line search serve three models?",
    add_options,
    measure,
    report,
    RESULTS,
    types={"count": str},
)
