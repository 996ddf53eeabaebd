"""How fast, how large, how often: ``python -m dragkit.bench.studies.speed``.

Prints, for this machine: what a drag step costs beside a bare forward and backward pass to the
feature block (medians, quartiles, and the ratio of the two within one run), steps per second, the
cost of ``import dragkit``, peak memory, and how many of 50 chin drags arrive.
"""

from __future__ import annotations

import os

# before torch: three times faster on few cores
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

import argparse
import importlib.util
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from itertools import islice

import torch
from torch import Tensor
from tqdm.auto import tqdm

from ...loop import drag
from ...methods import dragdiffusion, draggan, stabledrag
from ...models import Model, load
from ...models.diffusion.inversion import inverted
from ...models.diffusion.lora import Lora
from ...models.gan.model import StyleGAN2
from ...models.gan.network import Generator
from ...records import Edit, Step
from ...trackers import Discriminative
from ...trackers.discriminative import SOLVERS
from ...worlds.lion import Lion

# channel_base 32768
CONFIG_F = {4: 512, 8: 512, 16: 512, 32: 512, 64: 512, 128: 256, 256: 128, 512: 64}
NEVER = 1e-3  # a stop distance that no whole-pixel tracker meets, so that a timed run does not end


def config_f() -> StyleGAN2:
    """A 512-px generator of the public models' size, with random weights: as slow as they are."""
    torch.manual_seed(0)
    generator = Generator(CONFIG_F, z_dim=512, w_dim=512).eval().requires_grad_(False)
    return StyleGAN2(
        generator.to(memory_format=torch.channels_last), 128, name="config-f 512 (random weights)"
    )


def spread_edit(model: Model, handles: int) -> Edit:
    """`handles` points on a line, each to move a tenth of the image down, and a mask of the
    upper half.
    """
    side = model.size[0]
    x = torch.linspace(0.2, 0.8, handles) * side
    points = torch.stack([x, torch.full_like(x, 0.4 * side)], 1).round()
    mask = torch.zeros(side, side)
    mask[: side // 2] = 1
    return Edit(points, points + torch.tensor([0.3, 0.1 * side]), mask, arrive=NEVER)


def seconds(work: Callable[[], object]) -> float:
    """Wall-clock seconds of one call."""
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def steps_of(
    model: Model, handles: int, method: dict, latent: Tensor | None = None, mask: bool = True
) -> Iterator[Step]:
    """A drag with `method` that pulls at any distance and never ends, past its first
    three steps.
    """
    edit = spread_edit(model, handles) if mask else replace(spread_edit(model, handles), mask=None)
    losses = tuple(
        replace(loss, skip=0.0) if hasattr(loss, "skip") else loss for loss in method["losses"]
    )
    run = drag(
        model,
        model.sample(0) if latent is None else latent,
        edit,
        **method | {"steps": 10**6, "losses": losses},
    )
    for _ in range(3):
        next(run)
    return run


def in_turns(
    first: Callable[[], object], second: Callable[[], object], repeats: int
) -> tuple[list[float], list[float]]:
    """Seconds of `repeats` calls of each, taken in turns, so that both meet the same machine."""
    pairs = [(seconds(first), seconds(second)) for _ in range(repeats)]
    return tuple(map(list, zip(*pairs)))


def step_and_bare(model: StyleGAN2, handles: int, repeats: int) -> tuple[list[float], list[float]]:
    """Seconds of `repeats` drag steps and of as many bare passes."""
    run, bare = steps_of(model, handles, draggan()), model.sample(0).requires_grad_()

    def one_pass() -> None:
        model.view(bare).features.mean().backward()

    one_pass()
    return in_turns(lambda: next(run), one_pass, repeats)


def spread(values: list[float], unit: str = "ms", factor: float = 1e3) -> str:
    """Median and quartiles, as ``31.2 ms (30.1 to 33.0)``."""
    low, middle, high = statistics.quantiles([v * factor for v in values], n=4)
    return f"{middle:.4g} {unit} ({low:.4g} to {high:.4g})"


def report_steps(model: StyleGAN2, repeats: int) -> None:
    """Print step, bare pass and their ratio for 1 and 10 handles."""
    for handles in (1, 10):
        steps, bare = step_and_bare(model, handles, repeats)
        ratio = statistics.median(steps) / statistics.median(bare)
        each = [s / b for s, b in zip(steps, bare)]
        print(f"{model.name}, {handles} handle{'s' * (handles > 1)} and a mask")
        print(f"  step {spread(steps)}   bare pass {spread(bare)}")
        print(
            f"  step over bare pass {ratio:.2f} (pairs: {spread(each, '', 1)})  "
            f" {1 / statistics.median(steps):.1f} steps/s"
        )


def report_stabledrag(model: StyleGAN2, repeats: int) -> None:
    """Print what StableDrag costs: its step over DragGAN's, and learning the filters of ten
    handles.
    """
    for handles in (1, 10):
        ours, theirs = (steps_of(model, handles, method) for method in (stabledrag(), draggan()))
        times = in_turns(lambda: next(ours), lambda: next(theirs), repeats)
        each = [a / b for a, b in zip(*times)]
        print(
            f"{model.name}, StableDrag's step over DragGAN's, {handles}"
            f" handle{'s' * (handles > 1)}: {spread(each, '', 1)}"
        )
    edit = spread_edit(model, 10)
    view = model.view(model.sample(0))
    for solver in SOLVERS:
        tracker = Discriminative(solver=solver)
        tracker.start(view, edit)
        print(
            f"learning ten handles' filters, {solver}:"
            f" {spread([seconds(lambda: tracker.start(view, edit)) for _ in range(repeats)])}"
        )


def report_diffusion(repeats: int) -> None:
    """Print what the bundled diffusion model costs: inversion, a drag step beside a bare pass to
    the feature block, finish, LoRA, a whole edit.
    """
    model = load("lion-diffusion", device="cpu")
    image = model.finish(model.sample(0))
    found = inverted(model, image)
    print(
        f"{model.name}: inversion and back"
        f" {spread([seconds(lambda: inverted(model, image)) for _ in range(5)], 's', 1)}"
    )
    bare = found.latent.clone().requires_grad_()
    for mask in (False, True):
        for handles in (1, 10):
            run = steps_of(found.model, handles, dragdiffusion(), found.latent, mask)
            times = in_turns(
                lambda: next(run), lambda: model.view(bare).features.mean().backward(), repeats
            )
            each = [a / b for a, b in zip(*times)]
            print(
                f"  step over bare pass, {handles} handle{'s' * (handles > 1)},"
                f" {'a' if mask else 'no'} mask: {spread(each, '', 1)}; step {spread(times[0])}"
            )
    print(
        "  finish with reference control"
        f" {spread([seconds(lambda: found.model.finish(found.latent)) for _ in range(5)], 's', 1)}"
    )

    def edit() -> None:
        run = steps_of(found.model, 1, dragdiffusion(), inverted(model, image).latent, True)
        *_, last = islice(run, 77)
        found.model.finish(last.latent)

    print(f"  a whole edit, 80 steps, without LoRA {seconds(edit):.1f} s")
    learner = Lora(model, image)
    print(
        f"  LoRA, 80 steps {80 * statistics.median(seconds(learner.step) for _ in range(10)):.1f}"
        " s (80 times the median of ten steps)"
    )


def import_seconds(module: str, repeats: int = 5) -> list[float]:
    """Seconds that a fresh interpreter needs for ``import module``."""
    command = [
        sys.executable,
        "-c",
        f"import time; t = time.perf_counter(); import {module}; print(time.perf_counter() - t)",
    ]
    return [
        float(subprocess.run(command, capture_output=True, text=True, check=True).stdout)
        for _ in range(repeats)
    ]


def report_import() -> None:
    """Print what `import dragkit` costs beside `import torch`."""
    ours, torchs = import_seconds("dragkit"), import_seconds("torch")
    ratio = statistics.median(ours) / statistics.median(torchs)
    print(
        f"import dragkit {spread(ours, 's', 1)}   import torch {spread(torchs, 's', 1)}   ratio"
        f" {ratio:.2f}"
    )


def report_memory() -> None:
    """Print the peak memory of a fresh process that makes three 512-px steps with ten handles."""
    code = (
        "import resource, sys; from dragkit.bench import speed; model = speed.config_f();"
        " speed.step_and_bare(model, 10, 3); peak ="
        " resource.getrusage(resource.RUSAGE_SELF).ru_maxrss; print(peak / (1e9 if sys.platform =="
        " 'darwin' else 1e6 / 1.024))"
    )
    if importlib.util.find_spec("resource") is None:
        return print("peak memory: not measured, this system has no resource module")
    found = subprocess.run(
        [sys.executable, "-c", code], stdout=subprocess.PIPE, text=True, check=True
    )
    print(f"peak memory of the 512-px step, whole process: {float(found.stdout):.2f} GB")


def report_arrival(model: StyleGAN2, seeds: int) -> None:
    """Print how many drags of the chin, a tenth of the image down, arrive within 200 steps."""
    for profile in ("official", "paper"):
        counts = []
        for seed in tqdm(range(seeds), f"chin, {profile}", unit="drag", leave=False):
            lion = Lion.of_latent(model.sample_z(seed), model.truncation)
            x, y = lion.landmarks(model.size[0])["chin"]
            edit = Edit([(x, y)], [(x, y + model.size[0] / 10)])
            *_, last = drag(model, model.sample(seed), edit, **draggan(profile) | {"steps": 200})
            counts += [last.index] if last.arrived.all() else []
        fraction = 100 * len(counts) / seeds
        steps = spread(counts, "steps", 1) if len(counts) > 1 else "too few to say"
        print(
            f"chin down by a tenth, {profile} profile: {len(counts)} of {seeds} arrive"
            f" ({fraction:.0f} %), after {steps}"
        )


def main(arguments: list[str] | None = None) -> None:
    """The command line; `--help` lists the parts."""
    parser = argparse.ArgumentParser(
        prog="python -m dragkit.bench.studies.speed", description=__doc__.split("\n\n")[0]
    )
    parser.add_argument("--seeds", type=int, default=50, help="chin drags")
    parser.add_argument("--repeats", type=int, default=30, help="timed steps for each figure")
    options = parser.parse_args(arguments)
    lion = load("lion", device="cpu")
    print(f"torch {torch.__version__}, {torch.get_num_threads()} threads; median (quartiles)")
    report_steps(lion, options.repeats)
    report_steps(config_f(), max(4, options.repeats // 3))
    report_stabledrag(lion, options.repeats)
    report_diffusion(options.repeats)
    report_import()
    report_memory()
    report_arrival(lion, options.seeds)


if __name__ == "__main__":
    main()
