"""How the cost of a drag grows: with points, resolution, the length of a run, and workers."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from itertools import islice
from pathlib import Path
from tempfile import TemporaryDirectory

from ...methods import draggan
from ...models import load
from ...records import Step
from ...runs.trace import Trace
from ...tasks.poses import LIONS
from ..study import processes
from .speed_of_tools import drag_all
from .timing import config_f, count, endless_drag, repeat, seconds, spread

Lines = Iterator[str]
POINTS = (1, 2, 5, 10, 20, 50, 100, 200)
SIDES = (64, 128, 256, 512, 1024)  # px
LENGTHS = (10, 100, 1000, 2000)  # steps


def points() -> Lines:
    """A step of the lion, by the number of handles."""
    model = load("lion", device="cpu")
    for handles in POINTS:
        run = endless_drag(model, handles, draggan())
        yield f"{count(handles)}: step {spread(repeat(20, run.__next__))}"


def resolution() -> Lines:
    """A step of a generator of the public ones' size, by the side of its images.

    A step reads the 128-px block, so its cost stays as it is behind it; the image's does not.
    """
    for side in SIDES:
        run = endless_drag(config_f("cpu", side=side), 10, draggan())
        bare = repeat(4, run.__next__)
        looked_at = repeat(4, lambda run=run: next(run).view.image)
        yield f"{side} px: step {spread(bare)}, with its image {spread(looked_at)}"


def length() -> Lines:
    """Saving and opening a run of the lion, by its steps."""
    run = endless_drag(load("lion", device="cpu"), 10, draggan())
    trace = Trace()
    with TemporaryDirectory() as folder:
        for steps in LENGTHS:
            made = seconds(keep, trace, islice(run, steps - len(trace)))
            path = Path(folder) / f"run-{steps}"
            saved = seconds(trace.save, path)
            opened = seconds(Trace.load, path)
            size = sum(file.stat().st_size for file in Path(folder).glob(f"{path.name}.*"))
            yield (
                f"{steps} steps: made {made:.1f} s, saved {saved:.2f} s, opened {opened:.2f} s,"
                f" {size / 1e6:.1f} MB"
            )


def keep(trace: Trace, run: Iterator[Step]) -> None:
    """Make these steps."""
    for step in run:
        trace.append(step)


def workers() -> Lines:
    """24 drags of the lion, by the number of processes."""
    tasks = LIONS.pairs(24, (1,))
    cores = os.cpu_count() or 1
    with TemporaryDirectory() as folder:
        for used in sorted({1, 2, cores // 2, cores} - {0}):
            with processes(used) as pool:
                drag_all(tasks[: 2 * used], pool, Path(folder) / f"{used}-first.jsonl")
                taken = seconds(drag_all, tasks, pool, Path(folder) / f"{used}.jsonl")
            yield f"{used} of {cores} cores: {taken:.1f} s"


def rows() -> Mapping[str, Callable[[], Lines]]:
    """What is measured, by its title."""
    return {
        "growth with points": points,
        "growth with resolution": resolution,
        "growth with length": length,
        "growth with workers": workers,
    }
