"""Trackers alone, on image sequences with known truth: ``python -m dragkit.bench tracking``.

Nobody drags. The sequences are those of :mod:`dragkit.tasks.sequences`: four toy scenes, lions
that walk from one pose to another, and the images that drags went through.
"""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from collections.abc import Iterable, Mapping
from concurrent.futures import Executor
from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd
import torch
from torch import Tensor

from ...pieces import Tracker
from ...tasks import sequences
from ...tasks.poses import LIONS
from ...tasks.sequences import TOY_RADIUS, ImageSequence
from ...trackers import Discriminative, NearestNeighbor, OpticalFlow
from ...trackers import follow as tracked
from ..jobs import Job, run_jobs
from ..metrics import bootstrap
from ..settings import describe, shorten
from ..study import Study, published_file

LOST = 5  # px; a point that ends farther from the truth is lost
TOYS = 20  # sequences of each toy scene
WIDE = 48  # a window radius of 12 px at 128 px, four times DragGAN's, which look-alikes are in
NEAREST = NearestNeighbor()
LEARNED = Discriminative()
RIDGE = Discriminative(solver="ridge")
FLOWS: dict[str, Tracker] = {
    "DIS, frame": OpticalFlow(),
    "DIS, reference": OpticalFlow(policy="reference"),
    "DIS, frame, refined": OpticalFlow(refine=12),
}
TOY_TRACKERS: dict[str, Tracker] = {
    "nearest": NearestNeighbor(TOY_RADIUS),
    "learned": Discriminative(TOY_RADIUS),
    "learned, alone": Discriminative(TOY_RADIUS, fusion=1),
    **FLOWS,
}
LION_TRACKERS: dict[str, Tracker] = {
    "nearest": NEAREST,
    "learned": LEARNED,
    "learned, ridge": RIDGE,
    "nearest, wide window": replace(NEAREST, radius=WIDE),
    "learned, wide window": replace(LEARNED, radius=WIDE),
    "learned, ridge, wide window": replace(RIDGE, radius=WIDE),
    **FLOWS,
}
TRACKERS = {"toy": TOY_TRACKERS, "walk": LION_TRACKERS, "drag": LION_TRACKERS}
RESULTS = published_file("tracking")


def follow(tracker: Tracker, sequence: ImageSequence) -> Tensor:
    """The tracker's points (frames n 2); it starts on the first view, at the true points."""
    found = tracked(tracker, sequence.views, sequence.edit)
    return torch.stack([track.points for track in found])


def results(sequences: Iterable[ImageSequence], trackers: Mapping[str, Tracker]) -> pd.DataFrame:
    """How far off each tracker is on each point of each sequence, one row each.

    Columns: `error`, in px, the mean over all frames but the first; `end`, in px, in the last
    frame; `lost`, whether that is more than 5 px; and `sequence`, `scene`, `tracker`,
    `lookalike`.
    """
    rows = []
    for number, sequence in enumerate(sequences):
        for name, tracker in trackers.items():
            errors = (follow(tracker, sequence) - sequence.truth).norm(dim=-1)  # (frames n)
            for error, lookalike in zip(errors.T, sequence.lookalike):
                row = {
                    "sequence": number,
                    "scene": sequence.scene,
                    "tracker": name,
                    "lookalike": bool(lookalike),
                    "error": error[1:].mean().item(),
                    "end": error[-1].item(),
                    "lost": error[-1].item() > LOST,
                }
                rows.append(row)
    return pd.DataFrame(rows)


def add_options(parser: ArgumentParser) -> None:
    """How many lions."""
    parser.add_argument("--count", type=int, default=50, help="walks and drags of lions")


def measure(options: Namespace, out: Path, executor: Executor) -> pd.DataFrame:
    """All sequences with all trackers."""
    counts = {"toy": TOYS, "walk": options.count, "drag": options.count}
    jobs = [
        Job(
            {"kind": kind, "seed": seed},
            {"trackers": shorten(describe(TRACKERS[kind], "trackers"))},
            measure_seed,
            (kind, seed),
        )
        for kind, count in counts.items()
        for seed in range(count)
    ]
    found = run_jobs(jobs, out, executor, unit="sequence")
    return pd.DataFrame([row for result in found for row in result["rows"]])


def measure_seed(kind: str, seed: int) -> dict[str, Any]:
    """The rows of one sequence, or of the four toy scenes; runs in a worker."""
    if kind == "toy":
        made = sequences.toy_scenes(seed)
    elif kind == "walk":
        made = [sequences.lion_walk(LIONS.generator(), seed)]
    else:
        made = [sequences.lion_drag(LIONS.generator(), seed)]
    rows = results(made, TRACKERS[kind]).assign(sequence=seed)
    return {"rows": rows.to_dict("records")}


def report(results: pd.DataFrame) -> str:
    """Two tables as Markdown: by scene, and for lions by whether the point has a look-alike."""
    of_lions = results[~results["scene"].str.startswith("toy")]
    by_scene = _table(results, ["scene", "tracker"])
    by_lookalike = _table(of_lions, ["scene", "lookalike", "tracker"])
    return f"{by_scene}\n\n{by_lookalike}"


def _table(results: pd.DataFrame, by: list[str]) -> str:
    """The interval is of the mean error at the end.

    Sequences are resampled whole, because the points of one sequence share their luck.
    """
    rows = []
    for key, group in results.groupby(by, sort=False):
        low, high = bootstrap(group.groupby("sequence")["end"].mean())
        row = {
            **dict(zip(by, key)),
            "points": len(group),
            "error (px)": group["error"].mean(),
            "error at the end (px)": group["end"].mean(),
            "95 %": f"{low:.2f} to {high:.2f}",
            "lost (%)": 100.0 * group["lost"].mean(),
        }
        rows.append(row)
    return pd.DataFrame(rows).round(2).to_markdown(index=False)


STUDY = Study(
    "trackers alone, on toy scenes and lions where the truth is known",
    add_options,
    measure,
    report,
    RESULTS,
)
