r"""StableDrag's Table 1 on your benchmark: ``python -m dragkit.bench dragbench``.

``--data`` is the folder of a benchmark with images: DragBench, Drag100, VFD-Bench, or what
``python -m dragkit.bench lionbench`` and ``carbench`` write; or a file of edits with images
(:mod:`dragkit.tasks.edits`). FreeDragBench has seeds in place of images, and is run by
:func:`dragkit.bench.runner.run`. ``--model`` is a pipeline of Stable Diffusion, or
``lion-diffusion``. A run that was stopped goes on; a drag that fails is a row with its error. The
results are in ``results.csv`` and, with all images, in ``index.html``.
"""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from collections.abc import Iterator
from concurrent.futures import Executor
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import pandas as pd

from ...arguments import option_path, whole
from ...atomic import write_file
from ...methods import (
    anchored,
    clipdrag,
    dragdiffusion,
    easydrag,
    freedrag,
    gooddrag,
    stabledrag,
)
from ...models import available_device
from ...pieces import Method
from ...tasks.benchmarks import read
from ...tasks.task import Task
from ..dragbench import BUDGETS, LORA, Plan, over_pairs, run_plan
from ..estimating import Estimate, estimate
from ..matching import VARIANTS, Dift
from ..metrics import bootstrap
from ..opening import Opening
from ..page import write_page
from ..scoring import check_scores
from ..study import Script, processes, sections
from ..tables import compare, markdown, table

WITH_IMAGES = (
    "It runs benchmarks with images: the folders of DragBench, Drag100 and VFD-Bench, those that"
    " the commands lionbench and carbench write, and files of edits (.jsonl) whose lines have an"
    ' "image". FreeDragBench has seeds of a generator in place of images; run it, and other tasks'
    " with a seed or a latent, by dragkit.bench.runner.run."
)
LARGEST = 4096  # px; the side to which a matcher's images are brought at most
LARGE = 256  # px: images whose shorter side has as many are dragged with the official settings
BASE = "DragDiffusion"
THREE = (BASE, "StableDrag-Diff", "FreeDrag-Diff")  # that a run compares if none are named
WIDTH = 512  # px: drags are grouped by their length in an image as wide
EDGES = (0, 25, 50, 100, float("inf"))
LENGTHS = ("under 25 of 512", "25 to 50 of 512", "50 to 100 of 512", "from 100 of 512")
COUNTS = {1: "1", 2: "2", 3: "3", 4: "4 and more"}


def methods(small: bool) -> dict[str, Method]:
    """What drags a diffusion model's latent, with settings for small or for large images."""
    if small:
        return {
            BASE: dragdiffusion(),
            "StableDrag-Diff": stabledrag(base=dragdiffusion),
            "FreeDrag-Diff": freedrag(base=dragdiffusion),
            "GoodDrag, one level": gooddrag(),
            "CLIPDrag, no text": clipdrag(),
            "EasyDrag": easydrag(),
            "anchored": anchored(base=dragdiffusion),
        }
    return {
        BASE: dragdiffusion("official"),
        "StableDrag-Diff": stabledrag("official", base=dragdiffusion),
        "FreeDrag-Diff": freedrag("official", base=dragdiffusion),
        "GoodDrag, one level": gooddrag("official"),
        "CLIPDrag, no text": clipdrag("official"),
        "EasyDrag": easydrag(),
    }


def add_options(parser: ArgumentParser) -> None:
    """What to drag with what."""
    parser.epilog = WITH_IMAGES
    add = parser.add_argument
    add("--data", type=option_path, required=True, help="the benchmark, with images: see below")
    add("--model", required=True, help="a folder of Stable Diffusion, or lion-diffusion")
    add("--out", type=option_path, default=Path("runs/dragbench"), help="where results go")
    add("--budgets", type=int, nargs="+", default=BUDGETS, help="steps to look at")
    names = "; ".join(methods(small=True))
    add("--methods", nargs="+", default=THREE, help=f"which of them: {names}")
    add("--lora", type=int, default=LORA, help="steps of each image's LoRA; 0 for none")
    add("--matcher", help="whose features find points again (papers: SD 2.1); --model by default")
    add("--matcher-size", type=int, help="its images' side in px: 768 as RegionDrag; else as is")
    add("--lpips", type=option_path, help="torchvision's AlexNet (.pth), for IF")
    add("--limit", type=int, help="only so many of the samples, spread over all")
    add("--device", default="auto", help="cuda, cpu, …")
    add("--dtype", default="float32", help="float16, bfloat16, …")
    add("--workers", type=int, default=1, help="processes, each with a model of its own")
    add("--dask", help="the address of a dask scheduler, in place of processes")
    add("--estimate", action="store_true", help="say what it will cost, and stop")


def run(options: Namespace) -> None:
    """Drag what is missing, and print the tables."""
    tasks = spread(with_images(options.data), options.limit)
    plan = plan_of(options, tasks)
    out = options.out
    workers = workers_of(options)
    with processes(1) as pool:
        pool.submit(check_scores, plan.matcher, plan.lpips).result()
        cost = pool.submit(estimate, plan).result()
    _tell(cost, plan, workers)
    if options.estimate:
        return

    with executor_of(options) as executor:
        rows = run_plan(plan, out, executor)
    write_file(out / "results.csv", rows.drop(columns="points").to_csv(index=False))
    print(report(rows))
    about = f"{options.data}, {options.model}. MD is matched by {rows['matcher'].iloc[0]}."
    page = write_page(out / "index.html", rows, tasks, about)
    print(f"\nAll drags with their images: {page}")


def with_images(data: Path) -> list[Task]:
    """The tasks of a benchmark, all of which start from an image.

    Raises:
        ValueError: some start from something else; or as of :func:`dragkit.bench.read`.
    """
    tasks = read(data)
    others = [task.name for task in tasks if task.image is None]
    if others:
        raise ValueError(
            f"{data} has {len(others)} of {len(tasks)} tasks without an image, such as"
            f" {others[0]!r}. {WITH_IMAGES}"
        )
    return tasks


def spread(tasks: list[Task], limit: int | None) -> list[Task]:
    """`limit` of the tasks, at equal distances; all for None."""
    if limit is None or limit >= len(tasks):
        return tasks
    if limit < 1:
        raise ValueError(f"limit is {limit}; give 1 or more")
    return [tasks[number * len(tasks) // limit] for number in range(limit)]


def plan_of(options: Namespace, tasks: list[Task]) -> Plan:
    """The plan that the command line asks for."""
    known = methods(small=min(min(task.image_size) for task in tasks) < LARGE)
    unknown = [name for name in options.methods if name not in known]
    if unknown:
        raise ValueError(f"no method {unknown[0]!r}; there are {', '.join(known)}")
    opening = partial(
        Opening, settings={"device": available_device(options.device), "dtype": options.dtype}
    )
    matcher = opening(options.matcher or options.model)
    side = options.matcher_size
    if side is not None:
        whole("matcher-size", side, 1, LARGEST)
    return Plan(
        tasks,
        {name: known[name] for name in options.methods},
        opening(options.model),
        tuple(sorted(set(options.budgets))),
        options.lora,
        matcher if side is None else Dift(matcher, (side, side)),
        options.lpips,
    )


def workers_of(options: Namespace) -> int:
    """How many work at once: dask's workers, or processes."""
    if not options.dask:
        return whole("workers", options.workers, 1)
    from distributed import Client

    with Client(options.dask) as client:
        return max(1, len(client.nthreads()))  # it may still wait for its workers


@contextmanager
def executor_of(options: Namespace) -> Iterator[Executor | None]:
    """Who does the work: dask, processes, or this process (None)."""
    if options.dask:
        from distributed import Client

        with Client(options.dask) as client:
            yield client.get_executor()
    elif options.workers > 1:
        with processes(options.workers) as pool:
            yield pool
    else:
        yield None


def _tell(cost: Estimate | None, plan: Plan, workers: int) -> None:
    images = f"{len(plan.tasks)} images × {len(plan.methods)} methods, budgets {plan.budgets}."
    print(images, cost.told(workers) if cost else "What it costs is not known for this model.")


def report(rows: pd.DataFrame) -> str:
    """The tables, as Markdown."""
    last = rows[rows["budget"] == rows["budget"].max()].copy()
    lengths = WIDTH * last["length"] / last["width"]
    last["drag length"] = pd.cut(lengths, EDGES, labels=LENGTHS, right=False)
    last["points"] = last["handles"].clip(upper=len(COUNTS)).map(COUNTS)
    scores = [name for name in ("md", "m_md", "mean_distance", "change_outside") if name in rows]
    parts = {"Image fidelity and mean distance, by budget": table_1(rows)}
    if "matcher" in rows:
        matcher = rows["matcher"].iloc[0]
        parts[f"Every published mean distance, matched by {matcher}"] = variants(rows)
    for score in scores:
        if len(rows["method"].unique()) > 1:
            base = BASE if BASE in set(rows["method"]) else rows["method"].iloc[0]
            parts[f"{score} over {base}'s, the same drags"] = _ratios(rows, score, base)
    for group in ("category", "points", "drag length"):
        parts[f"md by {group}, largest budget"] = _by(last, group)
    return sections(parts)


def table_1(rows: pd.DataFrame) -> str:
    """IF and MD of each method and budget, as StableDrag's Table 1 has them."""
    kept = "fidelity" if "fidelity" in rows else "pyramid"
    made = []
    for (budget, method), group in rows.groupby(["budget", "method"], sort=False):
        known = group[group["error"].isna()]
        line = {"budget": budget, "method": method, "images": len(known)}
        for name in (kept, "md"):
            if name in known:
                low, high = bootstrap(known[name].dropna())
                line |= {name: known[name].mean(), f"{name} low": low, f"{name} high": high}
        if "pairs" in known:
            line["md, all pairs"] = over_pairs(known)
        made.append(line | {"failed": len(group) - len(known)})
    return markdown(pd.DataFrame(made).sort_values("budget", kind="stable").set_index("budget"))


def variants(rows: pd.DataFrame) -> str:
    """The mean over images of each variant of MD (:mod:`dragkit.bench.matching`)."""
    shown = [name for name in VARIANTS if name in rows]
    means = rows.groupby(["budget", "method"], sort=False)[shown].mean()
    return markdown(means.sort_index(level="budget", kind="stable", sort_remaining=False))


def _ratios(rows: pd.DataFrame, value: str, base: str) -> str:
    return markdown(compare(as_records(rows), base, by=("budget",), value=value))


def _by(rows: pd.DataFrame, group: str) -> str:
    if "md" not in rows:
        return ""
    made = table(as_records(rows), by=(group,), value="md")
    return markdown(made[["pairs", "mean", "low", "high", "median"]])


def as_records(rows: pd.DataFrame) -> list[dict]:
    """A record for each drag and budget, whose task is its own at each."""
    named = rows.assign(task=rows["task"] + ", " + rows["budget"].astype(str))
    return named.to_dict("records")


SCRIPT = Script("DragBench and its kind: methods, budgets, scores, and a page", add_options, run)
