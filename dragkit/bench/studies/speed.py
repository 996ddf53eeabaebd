"""How fast a drag is on this machine, and what it needs: ``python -m dragkit.bench speed``.

Every row is measured in a process of its own, whose peak memory stands behind it. What is compared
is taken in turns within one run, so that both meet the same machine: ratios can be compared
between machines, milliseconds cannot. On a machine with a GPU the rows of models run there, too.
"""

from __future__ import annotations

import os
import statistics
from argparse import ArgumentParser, Namespace
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from itertools import islice
from typing import Literal

import torch
from tqdm.auto import tqdm

from ...loop import drag
from ...methods import dragdiffusion, draggan, freedrag, stabledrag
from ...models import load
from ...models.diffusion.inversion import invert
from ...models.diffusion.lora import LORA_STEPS, Lora
from ...models.diffusion.model import Diffusion
from ...models.gan.model import StyleGAN2
from ...models.precision import DTYPES, available_dtype
from ...records import Edit
from ...runs.trace import Trace
from ...tasks.poses import LIONS
from ...threads import at_most, fastest_threads
from ...trackers import Discriminative
from ...worlds.lion import Lion
from ..peak import peak_memory
from ..study import Script, processes
from . import growth, speed_of_tools
from .timing import (
    config_f,
    count,
    endless_drag,
    finish,
    in_turns,
    ratios,
    repeat,
    seconds,
    spread,
    spread_edit,
    step_and_pass,
)

Lines = Iterator[str]
HANDLES = (1, 10)
PROFILES: tuple[Literal["official", "paper"], ...] = ("official", "paper")


def generator(name: str, device: str, dtype: str = "float32") -> StyleGAN2:
    """A bundled generator, or "config-f": as large as public ones, with random weights."""
    if name == "config-f":
        return config_f(device, available_dtype(dtype, device))
    model = load(name, device=device, dtype=dtype)
    assert isinstance(model, StyleGAN2)
    return model


def passes(name: str, repeats: int, device: str) -> Lines:
    """A pass to the features and back, over that of the code that lessons show."""
    plain = generator(name, device)
    latent = plain.sample(0).requires_grad_()

    def by_lessons() -> None:
        block = plain.generator.synthesis.activations(latent[None], largest(plain))[-1]
        block.mean().backward()
        finish(plain.device)

    by_lessons()
    for dtype in usable(device):
        by_view = partial(whole_pass, generator(name, device, dtype), latent)
        by_view()
        times = in_turns(by_view, by_lessons, repeats)
        yield f"{dtype}: {spread(times[0])}, over the plain code in float32 {ratios(*times)}"


def whole_pass(model: StyleGAN2, latent: torch.Tensor) -> None:
    """To the features and back, as a drag does it."""
    with at_most(fastest_threads(model, latent)):
        model.view(latent).features.mean().backward()
    finish(model.device)


def steps(name: str, repeats: int, device: str) -> Lines:
    """A drag step over a bare pass to the features and back."""
    model = generator(name, device)
    for handles in HANDLES:
        for mask in (False, True):
            times = step_and_pass(model, handles, draggan(), repeats, mask=mask)
            yield (
                f"{count(handles)}, {'a mask' if mask else 'no mask'}: step {spread(times[0])},"
                f" over the pass {ratios(*times)}, {1 / statistics.median(times[0]):.1f} steps/s"
            )


def methods(name: str, repeats: int, device: str) -> Lines:
    """A step of StableDrag and of FreeDrag over DragGAN's, and what learning filters costs."""
    model = generator(name, device)
    for other, method in (("StableDrag", stabledrag()), ("FreeDrag", freedrag())):
        for handles in HANDLES:
            theirs = endless_drag(model, handles, method)
            draggans = endless_drag(model, handles, draggan())
            times = in_turns(theirs.__next__, draggans.__next__, repeats)
            yield f"{other}'s step over DragGAN's, {count(handles)}: {ratios(*times)}"

    edit = spread_edit(model, 10)
    view = model.view(model.sample(0))
    for tracker in (Discriminative(solver="adam"), Discriminative(solver="ridge")):
        tracker.start(view, edit)
        learning = repeat(repeats, tracker.start, view, edit)
        yield f"learning ten handles' filters, {tracker.solver}: {spread(learning)}"


def kept(name: str, repeats: int, device: str) -> Lines:
    """A step that a trace keeps, over a bare one."""
    model = generator(name, device)
    trace = Trace()
    one = endless_drag(model, 10, draggan())
    other = endless_drag(model, 10, draggan())

    def keep() -> None:
        trace.append(next(one))

    times = in_turns(keep, other.__next__, repeats)
    yield f"step kept in a trace over a bare step, 10 handles: {ratios(*times)}"


def diffusion(repeats: int, device: str) -> Lines:
    """The bundled diffusion model, from the inversion to a whole edit."""
    model = load("lion-diffusion", device=device)
    assert isinstance(model, Diffusion)
    image = model.finish(model.sample(0))
    yield f"inversion and back {spread(repeat(5, invert, model, image), 's', 1)}"

    found = invert(model, image)
    for mask, words in ((False, "no mask"), (True, "a mask")):
        for handles in HANDLES:
            times = step_and_pass(
                found.model, handles, dragdiffusion(), repeats, found.latent, mask
            )
            over = ratios(*times)
            yield f"{count(handles)}, {words}: step {spread(times[0])}, over the pass {over}"
    finishing = repeat(5, found.model.finish, found.latent)
    yield f"finish with reference control {spread(finishing, 's', 1)}"

    yield f"a whole edit, 80 steps, without LoRA {seconds(whole_edit, model, image):.1f} s"
    learner = Lora(model, image)
    step = statistics.median(repeat(10, learner.step))
    yield f"LoRA, {LORA_STEPS} times the median of ten steps: {LORA_STEPS * step:.1f} s"


def whole_edit(model: Diffusion, image: torch.Tensor) -> None:
    """Invert, drag 80 steps, finish."""
    found = invert(model, image)
    run = endless_drag(found.model, 1, dragdiffusion(), found.latent)
    *_, last = islice(run, 77)  # three steps are made already
    found.model.finish(last.latent)


def arrival(seeds: int = 50) -> Lines:
    """How many drags of the lion's chin, a tenth of the image down, arrive within 200 steps."""
    model = LIONS.generator()
    for profile in PROFILES:
        steps = [
            chin_steps(model, seed, profile)
            for seed in tqdm(range(seeds), f"chin, {profile}", unit="drag", leave=False)
        ]
        arrived = [made for made in steps if made is not None]
        when = spread(arrived, "steps", 1) if len(arrived) > 1 else "too few to say"
        share = 100 * len(arrived) / seeds
        yield f"{profile} profile: {len(arrived)} of {seeds} arrive ({share:.0f} %), after {when}"


def chin_steps(model: StyleGAN2, seed: int, profile: Literal["official", "paper"]) -> int | None:
    """After how many steps the chin of lion `seed` arrives; None if it does not."""
    marks = Lion.of_latent(model.sample_z(seed), model.truncation).landmarks(model.size[0])
    x, y = marks["chin"]
    edit = Edit([(x, y)], [(x, y + model.size[0] / 10)])
    *_, last = drag(model, model.sample(seed), edit, **draggan(profile) | {"steps": 200})
    return last.index if last.arrived.all() else None


def largest(model: StyleGAN2) -> int:
    """The resolution of the largest block that is read."""
    blocks = model.feature_block
    return max(blocks) if isinstance(blocks, tuple) else blocks


def usable(device: str) -> list[str]:
    """The precisions that this device has."""
    found = []
    for dtype in DTYPES:
        try:
            available_dtype(dtype, device)
        except ValueError:
            continue
        found.append(dtype)
    return found


def rows(repeats: int, device: str) -> Mapping[str, Callable[[], Lines]]:
    """What is measured, by its title."""
    few = max(4, repeats // 4)
    named: dict[str, Callable[[], Lines]] = {}
    for name, times in (("lion", repeats), ("lion-256", repeats), ("config-f", few)):
        named[f"{name}, pass"] = partial(passes, name, times, device)
        named[f"{name}, step"] = partial(steps, name, times, device)
        named[f"{name}, kept"] = partial(kept, name, times, device)
    named["lion, methods"] = partial(methods, "lion", repeats, device)
    named["lion-diffusion"] = partial(diffusion, repeats, device)
    named["lion, chins that arrive"] = arrival
    return named


def measured(row: Callable[[], Lines], device: str) -> tuple[list[str], float]:
    """A row's lines, and the process's peak memory in GB; NaN where the system does not say."""
    return list(row()), peak_memory(device)


def add_options(parser: ArgumentParser) -> None:
    """How much to repeat, and what to leave out."""
    parser.add_argument("--repeats", type=int, default=30, help="timed pairs for each figure")
    parser.add_argument("--only", default="", help="rows whose title has this text in it")


def report_all(options: Namespace) -> None:
    """Print every row."""
    devices = ["cpu", *(["cuda"] if torch.cuda.is_available() else [])]
    print(f"torch {torch.__version__}, {torch.get_num_threads()} threads, {os.cpu_count()} cores")
    print("times and ratios are medians (quartiles)")
    for device in devices:
        chosen = dict(rows(options.repeats, device))
        if device == "cpu":
            chosen |= {**speed_of_tools.rows(options.repeats), **growth.rows()}
        else:
            print(f"\n{torch.cuda.get_device_name()}")
        for title, row in chosen.items():
            if options.only in title:
                with processes(1) as pool:
                    lines, peak = pool.submit(measured, row, device).result()
                print(f"\n{title} (peak memory {peak:.2f} GB)", *lines, sep="\n  ", flush=True)


SCRIPT = Script("how fast a drag is on this machine, and what it needs", add_options, report_all)
