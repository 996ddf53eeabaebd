r"""Tracking alone: trackers on films where it is known where the points are, with nobody dragging.

Three kinds of films, by where their truth comes from:

- *toy*: two or three blobs on their way, whose latent is the truth. Four scenes: nothing special;
  a twin walks behind in the fading light and comes to look as the handle's blob did; the light
  fades alone; another blob passes in front.
- *walk*: the bundled lion on its way from one pose to another, latent by latent.
- *drag*: the latents that a DragGAN drag went through.

For lions the truth is read off the images by the landmark network (its own error is in its
card). ``python -m dragkit.bench.studies.tracking`` prints the table.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from torch import Tensor
from tqdm.auto import tqdm

from ...loop import drag
from ...methods import draggan
from ...models import Model, load
from ...models.toy import Toy
from ...models.zoo import DATA
from ...pieces import Tracker
from ...records import Edit, View
from ...tasks import lions
from ...tasks.landmarks import landmark_network
from ...trackers import Discriminative, NearestNeighbor, OpticalFlow
from ...trackers import follow as answers
from ..metrics import bootstrap, has_lookalike

LOST = 5  # px; a point that ends farther from the truth is lost
FRAMES = 24
TRACKERS = {
    "nearest": NearestNeighbor(),
    "learned": Discriminative(),
    "learned, ridge": Discriminative(solver="ridge"),
}
# of the images
FLOWS = {
    "DIS, frame": OpticalFlow(),
    "DIS, reference": OpticalFlow(policy="reference"),
    "DIS, frame, refined": OpticalFlow(refine=12),
}
RESULTS = DATA / "results" / "tracking.csv"
REACH = 80  # of the windows on the toy, for a 512-px image: 20 px, so that the twin is in them


@dataclass(frozen=True, eq=False)
class ImageSequence:
    """Views in a row, where the points are in each of them, truth (frames n 2), which have a
    look-alike (n), and what they are called.
    """

    scene: str
    views: list[View]
    truth: Tensor
    lookalike: Tensor
    names: tuple[str, ...] = ()


def follow(tracker: Tracker, sequence: ImageSequence) -> Tensor:
    """The tracker's points (frames n 2): started on the first view at the true points, then on its
    own.
    """
    return torch.stack(
        [
            found.points
            for found in answers(
                tracker, sequence.views, Edit(sequence.truth[0], sequence.truth[-1])
            )
        ]
    )


def results(sequences: Iterable[ImageSequence], trackers: Mapping[str, Tracker]) -> pd.DataFrame:
    """One row per film, handle and tracker: the error in px on average and at the end, and whether
    it was lost.
    """
    rows: list[dict[str, Any]] = []
    for number, sequence in enumerate(sequences):
        for name, tracker in trackers.items():
            error = (follow(tracker, sequence) - sequence.truth).norm(dim=-1)  # (frames n)
            rows += [
                {
                    "sequence": number,
                    "scene": sequence.scene,
                    "tracker": name,
                    "lookalike": bool(sequence.lookalike[i]),
                    "error": error[1:, i].mean().item(),
                    "end": error[-1, i].item(),
                    "lost": error[-1, i].item() > LOST,
                }
                for i in range(error.shape[1])
            ]
    return pd.DataFrame(rows)


def toy_sequences(count: int = 20) -> Iterator[ImageSequence]:
    """`count` films of each toy scene; directions and signatures are random, the seed is the
    film's number.
    """
    for seed in range(count):
        angle = 2 * np.pi * np.random.RandomState(seed).rand()
        way = torch.tensor([np.cos(angle), np.sin(angle)], dtype=torch.float32)
        across = torch.stack([way[1], -way[0]])
        dark = -0.9 if way[0] > 0 else 0.9  # the light fades along the way
        moves = torch.linspace(-12, 12, FRAMES)[:, None] * way
        middle, alone = torch.tensor([63.5, 63.5]), torch.full((2,), 500.0)
        handle, behind, crossing = (
            middle + moves,
            middle + moves - 12 * way,
            middle + torch.linspace(-24, 24, FRAMES)[:, None] * across,
        )
        scene = lambda name, second, **settings: _toy(
            name, handle, second, Toy(blobs=2, width=4, seed=seed, **settings)
        )
        yield scene("plain", alone.expand(FRAMES, 2))
        yield scene("look-alike", behind, lookalike=0.95, light=dark)
        yield scene("light", alone.expand(FRAMES, 2), light=dark)
        yield scene("occlusion", crossing, opaque=True)


def _toy(name: str, handle: Tensor, second: Tensor, model: Toy) -> ImageSequence:
    views = [model.view(latent) for latent in torch.stack([handle, second], 1)]
    return ImageSequence(
        f"toy: {name}", views, handle[:, None], torch.tensor([name == "look-alike"])
    )


def walks(model: Model, count: int) -> Iterator[ImageSequence]:
    """Lion `seed` takes the pose of seed 10000 + `seed` in 24 frames, along a straight
    line in z.
    """
    for seed in range(count):
        start, end = (
            lions.z_of(seed),
            lions.in_pose_of(lions.z_of(seed), lions.z_of(10_000 + seed)),
        )
        start = start / np.sqrt(np.square(start).mean())
        latents = [model.of_z((1 - t) * start + t * end) for t in np.linspace(0, 1, FRAMES)]
        yield _lion("walk", model, latents, lions.pairs_of(seed, (17,))[0].landmarks)


def drags(model: Model, count: int) -> Iterator[ImageSequence]:
    """What DragGAN's drags of five landmarks went through, `FRAMES` of their steps."""
    for seed in range(count):
        (task,) = lions.pairs_of(seed, (5,))
        method = draggan() | {"lr": 2e-3, "steps": 100, "arrive": 1.0}
        latents = [step.latent for step in drag(model, model.sample(seed), task.edit, **method)]
        kept = np.linspace(0, len(latents) - 1, FRAMES).round().astype(int)
        yield _lion("drag", model, [latents[i] for i in kept], task.landmarks)


@torch.no_grad()
def _lion(
    scene: str, model: Model, latents: list[Tensor], names: tuple[str, ...]
) -> ImageSequence:
    network, views = (
        landmark_network(str(model.device)),
        [model.view(latent) for latent in latents],
    )
    places = [network.names.index(name) for name in names]
    truth = torch.stack([network(view.image)[places] for view in views])
    truth = truth.clamp(0, lions.SIZE - 1)  # a guess may lie just beyond the border
    return ImageSequence(scene, views, truth, has_lookalike(views[0], truth[0]), names)


def measure(count: int) -> pd.DataFrame:
    """All films with all trackers; on lions with DragGAN's window and with one four times as wide,
    which look-alikes are in.
    """
    lion = load("lion", device="cpu")
    toys = {
        "nearest": NearestNeighbor(REACH),
        "learned": Discriminative(REACH),
        "learned, alone": Discriminative(REACH, fusion=1),
    } | FLOWS
    wide = {
        name + ", wide window": replace(tracker, radius=48) for name, tracker in TRACKERS.items()
    }
    sequences = tqdm(
        chain(walks(lion, count), drags(lion, count)), "lions", 2 * count, unit="sequence"
    )
    return pd.concat([results(toy_sequences(), toys), results(sequences, TRACKERS | wide | FLOWS)])


def report(results: pd.DataFrame) -> str:
    """Two tables as Markdown: by scene, and for lions by whether the handle has a look-alike 5 to
    12 px away.

    The interval is of the mean error at the end; films are resampled whole, for the handles of one
    share their luck.
    """
    lions = results[~results["scene"].str.startswith("toy")]
    return "\n\n".join(
        _table(part, by).to_markdown(index=False)
        for part, by in (
            (results, ["scene", "tracker"]),
            (lions, ["scene", "lookalike", "tracker"]),
        )
    )


def _table(results: pd.DataFrame, by: list[str]) -> pd.DataFrame:
    rows = []
    for key, group in results.groupby(by, sort=False):
        low, high = bootstrap(group.groupby("sequence")["end"].mean())
        rows.append(
            dict(zip(by, key))
            | {
                "points": len(group),
                "error (px)": group["error"].mean(),
                "error at the end (px)": group["end"].mean(),
                "95 %": f"{low:.2f} to {high:.2f}",
                "lost (%)": 100.0 * group["lost"].mean(),
            }
        )
    return pd.DataFrame(rows).round(2)


def main(arguments: list[str] | None = None) -> None:
    """The command line; `--help` lists the parts."""
    parser = argparse.ArgumentParser(
        prog="python -m dragkit.bench.studies.tracking", description=__doc__.split("\n\n")[0]
    )
    parser.add_argument("--count", type=int, default=50, help="walks and drags")
    parser.add_argument(
        "--out",
        type=Path,
        default=Path("runs/tracking.csv"),
        help="where to keep the errors, one a point",
    )
    parser.add_argument(
        "--report",
        action="store_true",
        help="print the tables of the kept results, without tracking",
    )
    options = parser.parse_args(arguments)
    if not options.report:
        options.out.parent.mkdir(parents=True, exist_ok=True)
        measure(options.count).to_csv(options.out, index=False, float_format="%.4g")
    print(report(pd.read_csv(RESULTS if options.report else options.out)))


if __name__ == "__main__":
    main()
