"""The recorded runs of ``data/traces``, made again:
``python -m dragkit.bench.studies.recorded --out runs/recorded``.

A lecture opens them at once, without computing: ``Trace.load(zoo.bundled("twins"))``. Each keeps
some of its steps and no moments of Adam, to stay below 1 MB.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from tqdm.auto import tqdm

from ...images import read_image
from ...loop import drag
from ...methods import dragdiffusion, draggan, stabledrag
from ...models import load
from ...models.diffusion.inversion import inverted
from ...records import Edit
from ...runs.retrack import retrack
from ...runs.trace import Trace
from ...tasks import lions
from ...trackers import Discriminative, NearestNeighbor
from . import families

CHIN = Edit([(74, 74)], [(74, 87)])  # of seed 2, down
# of seed 205: its right eye's outer corner, turned out of sight
EYE = Edit([(83, 55)], [(60, 50)])
PACE = {"lr": 2e-3}


def lion(seed: int, edit: Edit, **method: Any) -> Trace:
    """A drag of the bundled lion."""
    model = load("lion", device="cpu")
    return Trace(drag(model, model.sample(seed), edit, **method))


def landmark(seed: int, method: str) -> Trace:
    """One landmark of lion `seed`, as :mod:`dragkit.bench.studies.families` drags it."""
    (task,) = lions.pairs_of(seed, (1,))
    return lion(seed, task.edit, **families.methods()[method])


def held() -> Trace:
    """The chin with a mask around the face."""
    y, x = torch.meshgrid(torch.arange(128), torch.arange(128), indexing="ij")
    face = ((x - 72) ** 2 + (y - 62) ** 2 <= 32**2).float()
    return lion(2, replace(CHIN, mask=face), **draggan() | PACE | {"steps": 80})


def twins(tracker: Any) -> Trace:
    """Two blobs, 95 % alike, walk to the right while the light fades; what `tracker`
    says of it.
    """
    toy, start = (
        load("toy", lookalike=0.95, light=-0.6, blobs=2, width=4),
        torch.tensor([[50.0, 64], [38, 64]]),
    )
    sequence = Trace(
        drag(toy, start, Edit(start, start + torch.tensor([24.0, 0])), **draggan() | {"lr": 1.0})
    )
    return retrack(toy, sequence, tracker)


def diffusion() -> Trace:
    """StableDrag-Diff on an image of the GAN."""
    gan, model = load("lion", device="cpu"), load("lion-diffusion", device="cpu")
    found = inverted(model, read_image(gan.finish(gan.sample(5)), model.size[0]))
    return Trace(
        drag(
            found.model,
            found.latent,
            Edit([(30, 40)], [(30, 46)]),
            **stabledrag(base=dragdiffusion),
        )
    )


# and of which steps every how many-th is kept
RUNS: dict[str, tuple[Callable[[], Trace], int]] = {
    "tour": (lambda: lion(2, CHIN, **draggan() | PACE), 4),
    "held": (held, 5),
    "twins": (lambda: twins(NearestNeighbor(64)), 1),
    "twins-learned": (lambda: twins(Discriminative(64)), 1),
    "hidden": (lambda: lion(205, EYE, **families.METHODS["DragGAN"]), 4),
    "drift": (lambda: landmark(11, "DIS, frame"), 4),
    "hasty": (lambda: landmark(0, "FreeDrag, official l"), 1),
    "eye": (lambda: lion(205, EYE, **stabledrag() | {"lr": 3e-3, "arrive": 1.0}), 3),
    "claimed": (lambda: landmark(0, "StableDrag"), 4),
    "chin": (diffusion, 5),
}


def main(arguments: list[str] | None = None) -> None:
    """The command line; `--help` lists the parts."""
    parser = argparse.ArgumentParser(
        prog="python -m dragkit.bench.studies.recorded", description=__doc__.split("\n\n")[0]
    )
    parser.add_argument(
        "--out", type=Path, default=Path("runs/recorded"), help="folder for the runs"
    )
    parser.add_argument(
        "names", nargs="*", metavar="NAME", help=f"only these of {', '.join(RUNS)}"
    )
    options = parser.parse_args(arguments)
    for name in tqdm(options.names or RUNS, unit="run"):
        make, every = RUNS[name]
        trace = make()
        last = len(trace) - 1
        trace.frames = [
            replace(trace[i], step=replace(trace[i].step, optimizer_state={}))
            for i in sorted({*range(0, last, every), last})
        ]
        trace.save(options.out / f"{name}.json")


if __name__ == "__main__":
    main()
