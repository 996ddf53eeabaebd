"""Our worlds as benchmarks: ``python -m dragkit.bench lionbench``, ``… carbench``."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from functools import partial
from pathlib import Path

from ...arguments import option_path
from ...tasks.world_benchmarks import COUNT, write_benchmark
from ..study import Script

SIZES = {"lion": 64, "car": 128}  # px; those of the bundled diffusion model, and of the generator


def add_options(world: str, parser: ArgumentParser) -> None:
    """Where to, how many, how large."""
    add = parser.add_argument
    out = Path("runs") / f"{world}bench"
    add("--out", type=option_path, default=out, help="the benchmark's folder")
    add("--count", type=int, default=COUNT, help="samples, the categories in turn")
    add("--size", type=int, default=SIZES[world], help="of the images in pixels")


def write(world: str, options: Namespace) -> None:
    """Write the samples."""
    print(write_benchmark(options.out, world, options.size, options.count))


def script(world: str) -> Script:
    """The command for one world."""
    return Script(
        f"renders of {world}s in DragBench's layout, whose truth is known",
        partial(add_options, world),
        partial(write, world),
    )
