"""Timed pieces of a drag for :mod:`dragkit.bench.studies.speed`: steps, passes and their ratio."""

from __future__ import annotations

import math
import statistics
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor

from ...loop import drag
from ...losses import ShiftedPatchLoss
from ...models.gan.model import StyleGAN2
from ...models.gan.network import Generator
from ...models.protocols import Model
from ...pieces import Method
from ...records import Edit, Step
from ...threads import at_most, fastest_threads

CHANNEL_BASE = 32768  # of StyleGAN2's config-f
ROW = 10  # handles
NEVER = 1e-3  # a stop distance that no whole-pixel tracker meets, so that a timed run does not end


def config_f(
    device: str = "cpu", dtype: torch.dtype = torch.float32, side: int = 512
) -> StyleGAN2:
    """A generator of the public models' size, with random weights: as slow as they are."""
    torch.manual_seed(0)
    resolutions = [4 << i for i in range(int(math.log2(side)) - 1)]
    channels = {r: min(512, CHANNEL_BASE // r) for r in resolutions}
    generator = Generator(channels, z_dim=512, w_dim=512).eval().requires_grad_(False)
    # torch has it
    generator.to(device).to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    generator.synthesis.store_in(dtype)
    name = f"config-f {side} (random weights)"
    return StyleGAN2(generator, min(128, side), name=name, rows=min(6, generator.synthesis.num_ws))


def spread_edit(model: Model, handles: int, mask: bool = True) -> Edit:
    """`handles` points in rows of ten, each to move a tenth of the image down.

    With a mask, the upper half may move.
    """
    side = model.size[0]
    columns = torch.linspace(0.2, 0.8, min(handles, ROW)) * side
    lines = torch.linspace(0.4, 0.1, math.ceil(handles / ROW)) * side
    points = torch.cartesian_prod(lines, columns).flip(1)[:handles].round()
    targets = points + torch.tensor([0.3, 0.1 * side])
    if not mask:
        return Edit(points, targets, arrive=NEVER)

    upper_half = torch.zeros(side, side)
    upper_half[: side // 2] = 1
    return Edit(points, targets, upper_half, arrive=NEVER)


def endless_drag(
    model: Model, handles: int, method: Method, latent: Tensor | None = None, mask: bool = True
) -> Iterator[Step]:
    """A drag that pulls at any distance and never ends, past its first three steps."""
    if latent is None:
        latent = model.sample(0)
    losses = [
        replace(loss, skip=0.0) if isinstance(loss, ShiftedPatchLoss) else loss
        for loss in method["losses"]
    ]
    endless: dict[str, Any] = {**method, "steps": 10**6, "losses": tuple(losses)}
    run = drag(model, latent, spread_edit(model, handles, mask), **endless)
    for _ in range(3):
        next(run)
    return run


def seconds(work: Callable[..., object], *arguments: Any) -> float:
    """Wall-clock seconds of one call."""
    start = time.perf_counter()
    work(*arguments)
    return time.perf_counter() - start


def repeat(repeats: int, work: Callable[..., object], *arguments: Any) -> list[float]:
    """Seconds of `repeats` calls."""
    return [seconds(work, *arguments) for _ in range(repeats)]


def in_turns(
    first: Callable[[], object], second: Callable[[], object], repeats: int
) -> tuple[list[float], list[float]]:
    """Seconds of `repeats` calls of each, taken in turns, so that both meet the same machine."""
    pairs = [(seconds(first), seconds(second)) for _ in range(repeats)]
    return [a for a, _ in pairs], [b for _, b in pairs]


def step_and_pass(
    model: Model,
    handles: int,
    method: Method,
    repeats: int,
    latent: Tensor | None = None,
    mask: bool = True,
) -> tuple[list[float], list[float]]:
    """Seconds of `repeats` drag steps, and of as many bare passes to the features and back."""
    run = endless_drag(model, handles, method, latent, mask)
    if latent is None:
        latent = model.sample(0)
    bare = latent.clone().requires_grad_()

    threads = fastest_threads(model, latent)

    def one_pass() -> None:
        with at_most(threads):
            model.view(bare).features.mean().backward()
            finish(model.device)

    def one_step() -> None:
        next(run)
        finish(model.device)

    one_pass()
    return in_turns(one_step, one_pass, repeats)


def finish(device: torch.device) -> None:
    """Wait for what a GPU still computes."""
    if device.type == "cuda":
        torch.cuda.synchronize()


def count(handles: int) -> str:
    """As "1 handle" or "10 handles"."""
    return "1 handle" if handles == 1 else f"{handles} handles"


def ratios(first: Sequence[float], second: Sequence[float]) -> str:
    """Median and quartiles of the pairwise ratios."""
    return spread([a / b for a, b in zip(first, second)], "", 1)


def spread(values: Sequence[float], unit: str = "ms", factor: float = 1e3) -> str:
    """Median and quartiles, as ``31.2 ms (30.1 to 33.0)``."""
    low, middle, high = statistics.quantiles([v * factor for v in values], n=4)
    return f"{middle:.4g} {unit} ({low:.4g} to {high:.4g})"
