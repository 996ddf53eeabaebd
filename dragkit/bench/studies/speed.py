"""How fast, how large, how often: ``python -m dragkit.bench speed``.

Prints, for this machine: what a drag step costs beside a bare forward and backward pass to the
feature block (medians, quartiles, and the ratio of the two within one run), steps per second, the
cost of ``import dragkit``, peak memory, and how many of 50 chin drags arrive.
"""

from __future__ import annotations

import importlib.util
import statistics
import subprocess
import sys
from argparse import ArgumentParser, Namespace
from itertools import islice
from typing import Literal

import torch
from torch import Tensor
from tqdm.auto import tqdm

from ...loop import drag
from ...methods import dragdiffusion, draggan, stabledrag
from ...models.diffusion.inversion import invert
from ...models.diffusion.lora import LORA_STEPS, Lora
from ...models.diffusion.model import Diffusion
from ...models.gan.model import StyleGAN2
from ...records import Edit
from ...tasks.poses import LIONS
from ...trackers import Discriminative
from ...worlds.lion import Lion
from ..study import Script, processes
from .diffusion_drags import painter
from .timing import (
    config_f,
    endless_drag,
    in_turns,
    ratios,
    repeat,
    seconds,
    spread,
    spread_edit,
    step_and_pass,
)

PROFILES: tuple[Literal["official", "paper"], ...] = ("official", "paper")


def report_steps(model: StyleGAN2, repeats: int) -> None:
    """Print step, bare pass and their ratio for 1 and 10 handles."""
    for handles in (1, 10):
        steps, passes = step_and_pass(model, handles, draggan(), repeats)
        step = statistics.median(steps)
        print(f"{model.name}, {_count(handles)} and a mask")
        print(f"  step {spread(steps)}   bare pass {spread(passes)}")
        print(
            f"  step over bare pass {step / statistics.median(passes):.2f}"
            f" (pairs: {ratios(steps, passes)})   {1 / step:.1f} steps/s"
        )


def report_stabledrag(model: StyleGAN2, repeats: int) -> None:
    """Print StableDrag's step over DragGAN's, and what learning ten handles' filters costs."""
    for handles in (1, 10):
        ours = endless_drag(model, handles, stabledrag())
        theirs = endless_drag(model, handles, draggan())
        times = in_turns(ours.__next__, theirs.__next__, repeats)
        print(
            f"{model.name}, StableDrag's step over DragGAN's, {_count(handles)}: {ratios(*times)}"
        )

    edit = spread_edit(model, 10)
    view = model.view(model.sample(0))
    for tracker in (Discriminative(solver="adam"), Discriminative(solver="ridge")):
        tracker.start(view, edit)
        learning = repeat(repeats, tracker.start, view, edit)
        print(f"learning ten handles' filters, {tracker.solver}: {spread(learning)}")


def report_diffusion(repeats: int) -> None:
    """Print what the bundled diffusion model costs, from the inversion to a whole edit."""
    model = painter()
    image = model.finish(model.sample(0))
    inversion = repeat(5, invert, model, image)
    print(f"{model.name}: inversion and back {spread(inversion, 's', 1)}")

    found = invert(model, image)
    for mask, words in ((False, "no mask"), (True, "a mask")):
        for handles in (1, 10):
            steps, passes = step_and_pass(
                found.model, handles, dragdiffusion(), repeats, found.latent, mask
            )
            print(
                f"  step over bare pass, {_count(handles)}, {words}: {ratios(steps, passes)};"
                f" step {spread(steps)}"
            )
    finish = repeat(5, found.model.finish, found.latent)
    print(f"  finish with reference control {spread(finish, 's', 1)}")

    whole = seconds(_whole_edit, model, image)
    print(f"  a whole edit, 80 steps, without LoRA {whole:.1f} s")
    learner = Lora(model, image)
    step = statistics.median(repeat(10, learner.step))
    total = f"{LORA_STEPS * step:.1f} s"
    print(f"  LoRA, {LORA_STEPS} steps {total} ({LORA_STEPS} times the median of ten steps)")


def _whole_edit(model: Diffusion, image: Tensor) -> None:
    found = invert(model, image)
    run = endless_drag(found.model, 1, dragdiffusion(), found.latent)
    *_, last = islice(run, 77)  # three steps are made already
    found.model.finish(last.latent)


def report_import() -> None:
    """Print what `import dragkit` costs beside `import torch`."""
    ours = import_seconds("dragkit")
    torchs = import_seconds("torch")
    ratio = statistics.median(ours) / statistics.median(torchs)
    print(
        f"import dragkit {spread(ours, 's', 1)}   import torch {spread(torchs, 's', 1)}   ratio"
        f" {ratio:.2f}"
    )


def import_seconds(module: str, repeats: int = 5) -> list[float]:
    """Seconds that a fresh interpreter needs for ``import module``."""
    code = f"import time; t = time.perf_counter(); import {module}; print(time.perf_counter() - t)"
    return [float(_output(code)) for _ in range(repeats)]


def report_memory() -> None:
    """Print the peak memory of a fresh process that makes three 512-px steps, ten handles."""
    if importlib.util.find_spec("resource") is None:
        print("peak memory: not measured, this system has no resource module")
        return
    code = (
        "import resource, sys; from dragkit.bench.studies import timing; timing.large_steps();"
        " peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss;"
        " print(peak / (1e9 if sys.platform == 'darwin' else 1e6 / 1.024))"
    )
    print(f"peak memory of the 512-px step, whole process: {float(_output(code)):.2f} GB")


def _output(code: str) -> str:
    """What a fresh Python prints that runs `code`."""
    command = [sys.executable, "-c", code]
    return subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True).stdout


def report_arrival(model: StyleGAN2, seeds: int) -> None:
    """Print how many drags of the chin, a tenth of the image down, arrive within 200 steps."""
    for profile in PROFILES:
        steps = [
            _chin_steps(model, seed, profile)
            for seed in tqdm(range(seeds), f"chin, {profile}", unit="drag", leave=False)
        ]
        arrived = [count for count in steps if count is not None]
        when = spread(arrived, "steps", 1) if len(arrived) > 1 else "too few to say"
        print(
            f"chin down by a tenth, {profile} profile: {len(arrived)} of {seeds} arrive"
            f" ({100 * len(arrived) / seeds:.0f} %), after {when}"
        )


def _chin_steps(model: StyleGAN2, seed: int, profile: Literal["official", "paper"]) -> int | None:
    """After how many steps the chin of lion `seed` arrives; None if it does not."""
    marks = Lion.of_latent(model.sample_z(seed), model.truncation).landmarks(model.size[0])
    x, y = marks["chin"]
    edit = Edit([(x, y)], [(x, y + model.size[0] / 10)])
    *_, last = drag(model, model.sample(seed), edit, **draggan(profile) | {"steps": 200})
    return last.index if last.arrived.all() else None


def _count(handles: int) -> str:
    return "1 handle" if handles == 1 else f"{handles} handles"


def add_options(parser: ArgumentParser) -> None:
    """How much to repeat."""
    parser.add_argument("--seeds", type=int, default=50, help="chin drags")
    parser.add_argument("--repeats", type=int, default=30, help="timed steps for each figure")


def report_all(options: Namespace) -> None:
    """Print everything."""
    lion = LIONS.generator()
    print(f"torch {torch.__version__}, {torch.get_num_threads()} threads; median (quartiles)")
    report_steps(lion, options.repeats)
    report_steps(config_f(), max(4, options.repeats // 3))
    report_stabledrag(lion, options.repeats)
    report_diffusion(options.repeats)
    report_import()
    report_memory()
    report_arrival(lion, options.seeds)


def in_own_process(options: Namespace) -> None:
    """Print everything from a process that loads torch with the command line's environment."""
    with processes(1) as pool:
        pool.submit(report_all, options).result()


SCRIPT = Script(
    "how fast a drag is on this machine, and what it needs", add_options, in_own_process
)
