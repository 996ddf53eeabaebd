"""The recorded runs of ``data/traces``, made again: ``python -m dragkit.bench recorded``.

A lecture opens them at once, without computing: ``Trace.load(zoo.bundled("twins"))``. Each has
some of its steps and no moments of Adam, to stay below 1 MB.
"""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
from tqdm.auto import tqdm

from ...arguments import option_path
from ...gates import above
from ...images import read_image
from ...loop import drag
from ...methods import dragdiffusion, draggan, stabledrag
from ...models import load
from ...models.diffusion.inversion import invert
from ...models.toy import Toy
from ...pieces import Tracker
from ...records import Edit
from ...runs.retrack import retrack
from ...runs.trace import Trace
from ...tasks.poses import LIONS
from ...trackers import Discriminative, NearestNeighbor
from ..study import Script
from . import families
from .diffusion_drags import painter

CHIN = Edit([(123, 152)], [(123, 178)])  # of seed 8 of lion-256, down
EYE = Edit([(83, 55)], [(60, 50)])  # of seed 205: its right eye's outer corner, out of sight
PACE = {"lr": 2e-3}


def lion_run(seed: int, edit: Edit, **method: Any) -> Trace:
    """A drag of the bundled lion."""
    model = LIONS.generator()
    return Trace(drag(model, model.sample(seed), edit, **method))


def landmark_run(seed: int, method: str) -> Trace:
    """One landmark of lion `seed`, as :mod:`dragkit.bench.studies.families` drags it."""
    (task,) = LIONS.pairs_of(seed, (1,))
    return lion_run(seed, task.edit, **families.methods()[method])


def chin_run(edit: Edit, steps: int) -> Trace:
    """A drag of the large lion's chin, as in lessons 4 to 6."""
    model = load("lion-256", device="cpu")
    method: dict[str, Any] = draggan() | PACE | {"steps": steps}
    return Trace(drag(model, model.sample(8), edit, **method))


def tour() -> Trace:
    """The chin of a lion, down."""
    return chin_run(CHIN, steps=200)


def held() -> Trace:
    """The chin with a mask around the face."""
    y, x = torch.meshgrid(torch.arange(256), torch.arange(256), indexing="ij")
    face = ((x - 115) ** 2 + (y - 118) ** 2 <= 68**2).float()
    return chin_run(replace(CHIN, mask=face), steps=80)


def twins(tracker: Tracker) -> Trace:
    """What `tracker` reports of two blobs, 95 % alike, that move right while the light fades."""
    toy = Toy(lookalike=0.95, light=-0.6, blobs=2, width=4)
    start = torch.tensor([[50.0, 64], [38, 64]])
    edit = Edit(start, start + torch.tensor([24.0, 0]))
    sequence = Trace(drag(toy, start, edit, **draggan() | {"lr": 1.0}))
    return retrack(toy, sequence, tracker)


def hidden() -> Trace:
    """An eye's corner that DragGAN turns out of sight."""
    return lion_run(205, EYE, **families.METHODS["DragGAN"])


def eye() -> Trace:
    """The same with StableDrag."""
    return lion_run(205, EYE, **stabledrag() | {"trust": above(0.8), "lr": 3e-3, "arrive": 1.0})


def chin() -> Trace:
    """StableDrag-Diff on an image of the GAN."""
    gan = LIONS.generator()
    model = painter()
    found = invert(model, read_image(gan.finish(gan.sample(5)), model.size[0]))
    edit = Edit([(30, 40)], [(30, 46)])
    return Trace(drag(found.model, found.latent, edit, **stabledrag(base=dragdiffusion)))


@dataclass(frozen=True)
class Recording:
    """How a run is made, and of which steps every how many-th is saved."""

    make: Callable[..., Trace]
    every: int = 1
    arguments: tuple[Any, ...] = ()


RUNS = {
    "tour": Recording(tour, 4),
    "held": Recording(held, 16),
    "twins": Recording(twins, 1, (NearestNeighbor(64),)),
    "twins-learned": Recording(twins, 1, (Discriminative(64),)),
    "hidden": Recording(hidden, 4),
    "drift": Recording(landmark_run, 4, (11, "DIS, frame")),
    "hasty": Recording(landmark_run, 1, (0, "FreeDrag, official l")),
    "eye": Recording(eye, 3),
    "claimed": Recording(landmark_run, 4, (0, "StableDrag")),
    "chin": Recording(chin, 5),
}


def add_options(parser: ArgumentParser) -> None:
    """Which runs, and where to."""
    parser.add_argument(
        "--out", type=option_path, default=Path("runs/recorded"), help="folder for the runs"
    )
    parser.add_argument("names", nargs="*", metavar="RUN", help=f"only these of {', '.join(RUNS)}")


def record(options: Namespace) -> None:
    """Make the runs and save them."""
    for name in tqdm(options.names or RUNS, unit="run"):
        recording = RUNS[name]
        trace = recording.make(*recording.arguments)
        thin(trace, recording.every).save(options.out / f"{name}.json")


def thin(trace: Trace, every: int) -> Trace:
    """The trace with every `every`-th step and the last, without the moments of Adam."""
    last = len(trace) - 1
    chosen = sorted({*range(0, last, every), last})
    trace.frames = [
        replace(trace[i], step=replace(trace[i].step, optimizer_state={})) for i in chosen
    ]
    return trace


SCRIPT = Script("the recorded runs of data/traces, made again", add_options, record)
