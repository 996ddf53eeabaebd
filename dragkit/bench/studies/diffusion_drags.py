"""Dragging one rendered lion with the bundled diffusion model, and judging the result.

The target image is known, so a result is compared with it. The landmarks are read off the result
by the landmark network; the trackers are not asked.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from dataclasses import replace
from functools import lru_cache
from itertools import product
from typing import Any, cast

from torch import Tensor

from ...loop import drag
from ...methods import dragdiffusion, stabledrag
from ...models import load
from ...models.diffusion.inversion import invert
from ...models.diffusion.lora import LORA_STEPS, Lora
from ...models.diffusion.model import Diffusion
from ...models.image_metrics import lpips_distance, psnr
from ...models.inversion import Inversion
from ...pieces import Method
from ...records import Step
from ...tasks import renders
from ..metrics import change_outside, mean_distance, ssim

BUDGETS = (20, 40, 80)
MOST = 5  # landmarks that every lion is dragged by
METHODS: dict[str, Method] = {
    "DragDiffusion": dragdiffusion(),
    "StableDrag-Diff": stabledrag(base=dragdiffusion),
}
Row = dict[str, Any]


@lru_cache(maxsize=1)
def painter() -> Diffusion:
    """The bundled diffusion model on the CPU, opened once."""
    return cast(Diffusion, load("lion-diffusion", device="cpu"))


def judge(pair: renders.Pair, image: Tensor) -> dict[str, float]:
    """How near an image comes to what was asked for.

    `mean_distance` of the landmarks to their targets (px), `psnr`, `ssim` and, if it is installed,
    `lpips` to the true target, and `change_outside` the mask.
    """
    image = image.cpu()
    seen = renders.read_landmarks(image, pair.landmarks)
    measured = {
        "mean_distance": mean_distance(seen, pair.edit.targets),
        "psnr": psnr(image, pair.after),
        "ssim": ssim(image, pair.after),
    }
    distance = lpips_distance()
    if distance:
        measured["lpips"] = distance(image, pair.after).item()
    measured["change_outside"] = change_outside(pair.before, image, pair.edit.mask)
    return measured


def measure_lion(seed: int, counts: tuple[int, ...], lora: bool) -> dict[str, list[Row]]:
    """The rows of one lion; runs in a worker.

    Whatever is raised ends them with a row of its error, so that the other lions are still
    dragged.
    """
    rows = []
    try:
        for row in lion_rows(seed, counts, lora):
            rows.append(row)  # noqa: PERF402  # those before an error count
    except Exception as raised:
        about = {"count": MOST, "handles": MOST}
        error = {"error": f"{type(raised).__name__}: {raised}"}
        rows.append(make_row(seed, "failed", 0, about, error))
    return {"rows": rows}


def lion_rows(seed: int, counts: tuple[int, ...], lora: bool) -> Iterator[Row]:
    """The lion as it is, all its drags, and those of five landmarks with LoRA."""
    model = painter()
    pairs = {count: renders.pair(seed, count, model.size[0]) for count in counts}
    for count, pair in pairs.items():
        about = {"count": count, **_asked(pair)}
        yield make_row(seed, "not dragged", 0, about, judge(pair, pair.before))
        yield make_row(seed, "the target itself", 0, about, judge(pair, pair.after))

    yield from _drag_rows(seed, model, pairs)
    if lora:
        learned = learned_by_lora(model, pairs[MOST].before)
        yield from _drag_rows(seed, learned, {MOST: pairs[MOST]}, " + LoRA")


def _drag_rows(
    seed: int, model: Diffusion, pairs: Mapping[int, renders.Pair], suffix: str = ""
) -> Iterator[Row]:
    """Every edit of one lion by every method, from one inversion."""
    found = invert(model, pairs[MOST].before)
    for (count, pair), (name, method) in product(pairs.items(), METHODS.items()):
        about = {"count": count, "inversion_psnr": found.psnr, **_asked(pair)}
        yield from _budget_rows(seed, name + suffix, found, pair, method, about)


def _budget_rows(
    seed: int, name: str, found: Inversion, pair: renders.Pair, method: Method, about: Row
) -> Iterator[Row]:
    """One drag: a row for each budget, and one for its end without reference-latent control."""
    for budget, step, seconds in drag_with_budgets(found, pair, method):
        end = {
            **about,
            "steps": step.index,
            "arrived": int(step.arrived.sum()),
            "seconds": seconds,
            "claimed_distance": mean_distance(step.points, pair.edit.targets),
        }
        yield make_row(seed, name, budget, end, judge(pair, found.model.finish(step.latent)))

    without = replace(cast(Diffusion, found.model), reference=None).finish(step.latent)
    yield make_row(seed, f"{name}, no control", max(BUDGETS), end, judge(pair, without))


def drag_with_budgets(
    found: Inversion, pair: renders.Pair, method: Method
) -> Iterator[tuple[int, Step, float]]:
    """The step at which each budget ends, and the seconds so far; one drag serves all budgets."""
    began = time.perf_counter()
    budgets = list(BUDGETS)
    pieces: dict[str, Any] = {**method, "steps": max(BUDGETS)}
    for step in drag(found.model, found.latent, pair.edit, **pieces):
        ended = bool(step.arrived.all())
        while budgets and (ended or step.index == budgets[0]):
            yield budgets.pop(0), step, time.perf_counter() - began


def _asked(pair: renders.Pair) -> Row:
    """How many handles an edit has, and how far it asks them to go (px)."""
    return {
        "handles": len(pair.edit.handles),
        "length": mean_distance(pair.edit.handles, pair.edit.targets),
    }


def learned_by_lora(model: Diffusion, image: Tensor) -> Diffusion:
    """The model after LoRA has learned the image, with the default settings."""
    learner = Lora(model, image)
    for _ in range(LORA_STEPS):
        learner.step()
    return learner.model()


def make_row(seed: int, method: str, budget: int, about: Row, measured: Row) -> Row:
    """One row of the results; `about` says what was asked and how a drag ended."""
    return {
        "task": f"lion {seed}, {about['count']}, {budget}",
        "method": method,
        "seed": seed,
        "budget": budget,
        "steps": 0,
        "arrived": 0,
        "seconds": float("nan"),
        **about,
        "error": None,
        **measured,
    }
