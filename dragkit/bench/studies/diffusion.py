r"""DragDiffusion against StableDrag-Diff on images whose target image is known:
``python -m dragkit.bench.studies.diffusion``.

Rendered lions (:mod:`dragkit.tasks.renders`) are inverted by the bundled diffusion model, one
landmark or five are dragged to where they are in another pose, and the result is compared with the
render of that pose: as in StableDrag's Table 1 at three budgets of steps, with and without LoRA
and reference-latent control. No lion shares its numbers with a training image. The landmarks are
read off the result by the landmark network; the trackers are not asked. ``--report`` prints the
tables from the results that are kept in ``data/results``.
"""

from __future__ import annotations

import os

# before torch: three times faster on few cores
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

import argparse
import json
import multiprocessing
import time
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import replace
from itertools import product
from pathlib import Path
from typing import Any

import pandas as pd
import torch
from torch import Tensor
from tqdm.auto import tqdm

from ...loop import drag
from ...methods import dragdiffusion, stabledrag
from ...models import load
from ...models.diffusion.inversion import inverted
from ...models.diffusion.lora import STEPS, Lora
from ...models.diffusion.model import Diffusion
from ...models.gan.inversion import Inversion
from ...models.image_metrics import lpips_distance, psnr
from ...models.zoo import DATA
from ...records import Step
from ...tasks import renders
from ..metrics import change_outside, mean_distance, ssim
from ..tables import compare, markdown, table

BUDGETS = (20, 40, 80)
MOST = 5  # landmarks that every lion is dragged by
# how many lions, from the first on, are dragged by one landmark too, and with LoRA
ONE, LEARNT = 16, 50
METHODS = {"DragDiffusion": dragdiffusion(), "StableDrag-Diff": stabledrag(base=dragdiffusion)}
RESULTS = DATA / "results" / "diffusion.csv"
# one landmark, 80 steps, lions 0 to 15, which share poses with training images: `--first 0
# --pairs 16`
SIXTEEN = DATA / "results" / "sixteen.csv"
Row = dict[str, Any]


def drags(
    found: Inversion, pair: renders.Pair, pieces: dict[str, Any]
) -> Iterator[tuple[int, Step, float]]:
    """The step at which each budget ends, and the seconds so far; one drag serves all budgets."""
    began, budgets = time.perf_counter(), list(BUDGETS)
    for step in drag(found.model, found.latent, pair.edit, **pieces | {"steps": max(BUDGETS)}):
        ended = bool(step.arrived.all())
        while budgets and (ended or step.index == budgets[0]):
            yield budgets.pop(0), step, time.perf_counter() - began


def judge(pair: renders.Pair, image: Tensor) -> dict[str, float]:
    """How near an image comes to what was asked for: landmarks (px), PSNR, SSIM and, where it is
    at hand, LPIPS to the true target, change outside the mask.
    """
    image = image.cpu()
    seen = renders.read(image, pair.landmarks)
    measured = {
        "mean_distance": mean_distance(seen, pair.edit.targets),
        "psnr": psnr(image, pair.after),
        "ssim": ssim(image, pair.after),
    }
    if distance := lpips_distance():
        measured["lpips"] = distance(image, pair.after).item()
    return measured | {"change_outside": change_outside(pair.before, image, pair.edit.mask)}


def measure(seed: int, counts: tuple[int, ...] = (MOST,), lora: bool = True) -> list[Row]:
    """The rows of one lion; what raises ends them with a row of its error, and the other lions go
    on. Runs in a worker.
    """
    torch.set_num_threads(1)
    rows = []
    try:
        for row in _rows(seed, counts, lora):
            rows.append(row)
    except Exception as raised:
        rows.append(
            _row(
                seed,
                "failed",
                0,
                {"count": MOST, "handles": MOST},
                {"error": f"{type(raised).__name__}: {raised}"},
            )
        )
    return rows


def _rows(seed: int, counts: tuple[int, ...], lora: bool) -> Iterator[Row]:
    """The lion as it is, all its drags, and those of five landmarks with LoRA."""
    model = load("lion-diffusion", device="cpu")
    pairs = {count: renders.pair(seed, count, model.size[0]) for count in counts}
    for count, pair in pairs.items():
        about = {"count": count} | _asked(pair)
        yield _row(seed, "not dragged", 0, about, judge(pair, pair.before))
        yield _row(seed, "the target itself", 0, about, judge(pair, pair.after))
    yield from _dragged(seed, model, pairs)
    if lora:
        yield from _dragged(
            seed, _learnt(model, pairs[MOST].before), {MOST: pairs[MOST]}, " + LoRA"
        )


def _dragged(
    seed: int, model: Diffusion, pairs: dict[int, renders.Pair], suffix: str = ""
) -> Iterator[Row]:
    """Every edit of one lion by every method, from one inversion."""
    found = inverted(model, pairs[MOST].before)
    for (count, pair), (name, pieces) in product(pairs.items(), METHODS.items()):
        about = {"count": count, "inversion_psnr": found.psnr} | _asked(pair)
        yield from _budgets(seed, name + suffix, found, pair, pieces, about)


def _budgets(
    seed: int,
    method: str,
    found: Inversion,
    pair: renders.Pair,
    pieces: dict[str, Any],
    about: Row,
) -> Iterator[Row]:
    """One drag: a row for each budget, and one for its end without reference-latent control."""
    for budget, step, seconds in drags(found, pair, pieces):
        claimed = mean_distance(step.points, pair.edit.targets)
        end = about | {
            "steps": step.index,
            "arrived": int(step.arrived.sum()),
            "seconds": seconds,
            "claimed_distance": claimed,
        }
        yield _row(seed, method, budget, end, judge(pair, found.model.finish(step.latent)))
    alone = replace(found.model, reference=None).finish(step.latent)
    yield _row(seed, f"{method}, no control", max(BUDGETS), end, judge(pair, alone))


def _asked(pair: renders.Pair) -> Row:
    """How many handles an edit has, and how far it asks them to go (px)."""
    return {
        "handles": len(pair.edit.handles),
        "length": mean_distance(pair.edit.handles, pair.edit.targets),
    }


def _learnt(model: Diffusion, image: Tensor) -> Diffusion:
    learner = Lora(model, image)
    for _ in range(STEPS):
        learner.step()
    return learner.model()


def _row(seed: int, method: str, budget: int, about: Row, measured: Row) -> Row:
    base = {
        "task": f"lion {seed}, {about['count']}, {budget}",
        "method": method,
        "seed": seed,
        "budget": budget,
        "steps": 0,
        "arrived": 0,
        "seconds": float("nan"),
    }
    return base | about | {"error": None} | measured


def run(seeds: range, out: Path, workers: int) -> pd.DataFrame:
    """Drag every lion that is not in `out` (.jsonl, a line a lion) yet, and return all results of
    `seeds`.

    The first `ONE` of them are dragged by one landmark, too, and the first `LEARNT` with LoRA.
    """
    out.parent.mkdir(parents=True, exist_ok=True)
    out.touch()
    # the last one may be torn
    kept = [json.loads(line) for line in out.read_text().splitlines() if line.endswith("]")]
    out.write_text("".join(json.dumps(rows) + "\n" for rows in kept))
    missing = [seed for seed in seeds if seed not in [rows[0]["seed"] for rows in kept]]
    with (
        ProcessPoolExecutor(workers, mp_context=multiprocessing.get_context("spawn")) as pool,
        out.open("a") as file,
    ):
        futures = [
            pool.submit(
                measure,
                seed,
                (MOST, 1) if seed in seeds[:ONE] else (MOST,),
                seed in seeds[:LEARNT],
            )
            for seed in missing
        ]
        for future in tqdm(as_completed(futures), "lions", len(futures), unit="lion"):
            kept.append(future.result())
            file.write(json.dumps(kept[-1]) + "\n")
            file.flush()
    return pd.DataFrame([row for rows in kept for row in rows if row["seed"] in seeds])


def report(results: pd.DataFrame) -> str:
    """The tables, as Markdown."""
    full = results[results["count"] == MOST]
    dragged = full[(full["budget"] == 0) | full["method"].isin(METHODS)]
    learnt = full.loc[full["method"].str.contains("LoRA"), "seed"].unique()
    last = full[(full["budget"] == max(BUDGETS)) & full["seed"].isin(learnt)]
    parts = {
        "Five landmarks: their distance to the targets (px of 64)": _table(dragged),
        "One landmark": _table(
            results[(results["count"] == 1) & ~results["method"].str.contains("control")]
        ),
        "Five landmarks: PSNR to the true target (dB)": _table(dragged, "psnr"),
        "Five landmarks: SSIM to the true target": _table(dragged, "ssim"),
        "Five landmarks: change outside the mask (grey levels)": _table(dragged, "change_outside"),
        "Lions with LoRA, with and without reference-latent control, 80 steps: distance": _table(
            last
        ),
        "… change outside the mask": _table(last, "change_outside"),
        "… PSNR to the true target": _table(last, "psnr"),
        "Distance over DragDiffusion's": _over(full, "DragDiffusion"),
        "One landmark: distance over DragDiffusion's": _over(
            results[results["count"] == 1], "DragDiffusion"
        ),
    }
    return "\n\n".join(f"### {title}\n\n{text}" for title, text in parts.items() if text)


def _table(results: pd.DataFrame, value: str = "mean_distance") -> str:
    if results.empty:
        return ""
    means = table(results.to_dict("records"), by=("budget",), value=value)
    return markdown(means if means["failed"].any() else means.drop(columns=["failed"]))


def _over(results: pd.DataFrame, baseline: str) -> str:
    if results.empty:
        return ""
    return markdown(
        compare(results[results["budget"] > 0].to_dict("records"), baseline, by=("budget",))
    )


def main(arguments: list[str] | None = None) -> None:
    """The command line; `--help` lists the parts."""
    parser = argparse.ArgumentParser(
        prog="python -m dragkit.bench.studies.diffusion", description=__doc__.split("\n\n")[0]
    )
    parser.add_argument(
        "--out",
        type=Path,
        default=Path("runs/diffusion"),
        help="folder for the results; a run goes on in it",
    )
    parser.add_argument("--first", type=int, default=renders.FIRST, help="seed of the first lion")
    parser.add_argument("--pairs", type=int, default=50, help="lions to drag")
    parser.add_argument("--workers", type=int, default=os.cpu_count(), help="processes")
    parser.add_argument(
        "--report",
        action="store_true",
        help="print the tables of the kept results, without dragging",
    )
    options = parser.parse_args(arguments)
    if options.report:
        results = pd.read_csv(RESULTS)
    else:
        results = run(
            range(options.first, options.first + options.pairs),
            options.out / "drags.jsonl",
            options.workers,
        )
        results.to_csv(options.out / "diffusion.csv", index=False, float_format="%.4g")
    print(report(results))


if __name__ == "__main__":
    main()
