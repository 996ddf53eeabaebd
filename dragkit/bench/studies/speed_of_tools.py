"""How fast what surrounds a drag is: films, the player, loading, importing, a sweep."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Executor
from contextlib import contextmanager
from functools import partial
from importlib.util import find_spec
from itertools import islice
from pathlib import Path
from tempfile import TemporaryDirectory

from ...methods import draggan
from ...models import load
from ...runs.trace import Trace
from ...tasks.edits import Task
from ...tasks.poses import LIONS
from .. import runner
from ..study import processes
from .timing import endless_drag, repeat, seconds, spread

Lines = Iterator[str]
FRAMES = 97
SIZE = 384  # px
SWEEP = 60  # drags


def films(repeats: int) -> Lines:
    """A GIF, and an MP4 where its package is installed."""
    trace = recorded(FRAMES - 1)
    with TemporaryDirectory() as folder:
        path = Path(folder) / "run.gif"
        first = seconds(trace.to_gif, path, 15, SIZE)
        made = repeat(repeats, trace.to_gif, path, 15, SIZE)
        yield (
            f"GIF of {FRAMES} frames at {SIZE} px: {spread(made, 's', 1)};"
            f" {first:.2g} s if nobody has looked at the images yet"
        )
        try:
            made = repeat(repeats, trace.to_mp4, Path(folder) / "run.mp4", 15, SIZE)
        except ModuleNotFoundError as error:
            yield f"MP4: not measured, {error}"
            return
        yield f"MP4 of the same: {spread(made, 's', 1)}"


def player(repeats: int) -> Lines:
    """A player's drawing of another step, without a browser."""
    from ...widgets import Player

    whole = recorded(200)
    for length in (50, 1000):
        trace = Trace(whole.frames[i % len(whole.frames)] for i in range(length))
        shown = Player(trace)
        places = [(7 * i) % length for i in range(10 * repeats)]
        first = [seconds(shown.seek, place) for place in places[:20]]
        for place in places:
            shown.seek(place)
        again = [seconds(shown.seek, place) for place in places]
        yield f"seek in {length} steps: {spread(again)}; what nobody saw before {spread(first)}"
        shown.close()


def opening(repeats: int) -> Lines:
    """A fresh process: importing torch, dragkit, and loading the bundled models."""
    timed = "import time, {0}; t = time.perf_counter(); {1}; print(time.perf_counter() - t)"
    for words, code in (
        ("import torch", timed.format("sys", "import torch")),
        ("import dragkit, torch imported", timed.format("torch", "import dragkit")),
        *(
            (f"load {name}, dragkit imported", timed.format("dragkit", f"dragkit.load({name!r})"))
            for name in ("lion", "lion-256", "lion-diffusion")
        ),
    ):
        times = [float(output(code)) for _ in range(max(3, repeats // 6))]
        yield f"{words}: {spread(times, 's', 1)}"


def sweep() -> Lines:
    """A sweep's time on one worker over that on two."""
    tasks = LIONS.pairs(SWEEP, (1,))
    with TemporaryDirectory() as folder:
        for name, workers_of in (("processes", processes), ("dask", dask_workers)):
            if name == "dask" and find_spec("distributed") is None:
                yield "dask: not measured, the package distributed is not there"
                continue
            times = []
            for count in (1, 2):
                with workers_of(count) as pool:
                    drag_all(
                        tasks[: 2 * count], pool, Path(folder) / f"{name}-{count}-first.jsonl"
                    )
                    out = Path(folder) / f"{name}-{count}.jsonl"
                    times.append(seconds(drag_all, tasks, pool, out))
            one, two = times
            yield f"{SWEEP} drags, {name}: {one:.1f} s / {two:.1f} s = {one / two:.2f}"


def drag_all(tasks: list[Task], pool: Executor, out: Path) -> None:
    """DragGAN on each of the tasks."""
    runner.run(tasks, {"DragGAN": draggan() | {"steps": 60}}, out, executor=pool)


@contextmanager
def dask_workers(count: int) -> Iterator[Executor]:
    """An executor of dask with `count` worker processes."""
    from distributed import Client

    with Client(
        n_workers=count, threads_per_worker=1, dashboard_address=None, silence_logs=50
    ) as client:
        yield client.get_executor()


def recorded(steps: int) -> Trace:
    """A run of the lion that does not end before `steps`."""
    model = load("lion", device="cpu")
    return Trace(islice(endless_drag(model, 1, draggan(), mask=False), steps + 1))


def output(code: str) -> str:
    """What a fresh Python prints that runs `code`."""
    command = [sys.executable, "-c", code]
    return subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True).stdout


def rows(repeats: int) -> Mapping[str, Callable[[], Lines]]:
    """What is measured, by its title."""
    few = max(3, repeats // 6)
    return {
        "films": partial(films, few),
        "player": partial(player, few),
        "opening": partial(opening, repeats),
        "sweep": sweep,
    }
