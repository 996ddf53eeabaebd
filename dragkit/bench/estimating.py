"""What a plan will cost, told before it begins: hours, memory and disk.

Each part is timed once on the largest image, with its latent as noise, and counted for every
image by its area. The drags are counted with all their steps; those that arrive early take less.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from itertools import islice
from typing import Any

import torch

from ..loop import drag
from ..models.diffusion.dift import ENSEMBLE
from ..models.diffusion.model import Diffusion
from ..records import Edit
from ..tasks.task import Task
from .dragbench import Plan
from .matching import Dift
from .opening import opened
from .peak import peak_memory
from .starting import fitted

BATCH = 4  # of a LoRA's step, as dk.lora learns
PIXEL = 2.0  # bytes of a PNG for each pixel; photographs take about that


@dataclass(frozen=True)
class Estimate:
    """What a plan will cost.

    Attributes:
        hours: of one worker, for everything.
        gigabytes: of memory, for each worker.
        disk: in GB, for the images.
    """

    hours: float
    gigabytes: float
    disk: float

    def told(self, workers: int) -> str:
        """In words, for so many workers."""
        memory = f"{self.gigabytes:.2g} GB of memory"
        each = memory if workers == 1 else f"{memory} for each of {workers} workers"
        return (
            f"At most about {_duration(self.hours / workers)} once the workers have started,"
            f" {each}, and {self.disk:.2g} GB of images on the disk."
        )


def estimate(plan: Plan) -> Estimate | None:
    """What `plan` will cost; None if its model is not a diffusion model, which is not counted.

    Runs a step of each part, so call it in a process of its own, whose peak memory is told.
    """
    model = opened(plan.model)
    if not isinstance(model, Diffusion):
        return None
    areas = {task.name: _area(task) for task in plan.tasks}
    largest = max(plan.tasks, key=lambda task: areas[task.name])
    seconds = _seconds_of_an_image(model, plan, largest, sum(areas.values()))

    images = sum(areas.values()) / areas[largest.name]
    results = len(plan.methods) * len(plan.budgets) * sum(areas.values())
    gigabytes = peak_memory(str(model.device))
    return Estimate(images * seconds / 3600, gigabytes, PIXEL * results / 1e9)


def _seconds_of_an_image(model: Diffusion, plan: Plan, task: Task, pixels: int) -> float:
    """Of one as large as the task's, of images that have so many pixels together."""
    model = fitted(model, task.prompt, task.image_size)
    noise = torch.randn(model.latent_shape, device=model.device)

    steps = model.timestep_index
    prediction = _seconds(lambda: _predict(model, noise))
    inversion = steps * (1 + model.refine) * prediction + steps * prediction
    learning = plan.lora * 2 * BATCH * prediction if plan.lora else 0.0
    finishing = 2 * steps * prediction  # the original goes along
    dragging = 0.0
    for pieces in plan.methods.values():
        step = _seconds_of_a_step(model, noise, pieces, task)
        dragging += max(plan.budgets) * step + len(plan.budgets) * finishing
    matching = 0.0
    if plan.matcher is not None:
        matching = (1 + len(plan.budgets)) * len(plan.methods) * ENSEMBLE * prediction
        matching *= _matched_pixels(plan, pixels) / pixels
    return inversion + learning + dragging + matching


def _matched_pixels(plan: Plan, pixels: int) -> int:
    """How many pixels a matcher sees of images that have so many together."""
    if isinstance(plan.matcher, Dift) and plan.matcher.size is not None:
        return len(plan.tasks) * math.prod(plan.matcher.size)
    return pixels


def _seconds_of_a_step(
    model: Diffusion, latent: torch.Tensor, pieces: Any, task: Task, steps: int = 3
) -> float:
    """Of a drag with as many handles as the task's, without what a tracker learns at its start."""
    height, width = model.size
    rows = torch.linspace(0, height - 2, len(task.edit.handles))
    handles = torch.stack([torch.zeros_like(rows), rows], 1)
    edit = Edit(handles, handles + torch.tensor([width - 1.0, 0.0]))
    run = drag(model, latent, edit, **{**pieces, "steps": steps})
    next(run)
    return _seconds(lambda: list(islice(run, steps - 1))) / (steps - 1)


@torch.no_grad()
def _predict(model: Diffusion, latent: torch.Tensor) -> None:
    model.denoiser.predict(latent[None], model.schedule.times[-1:])


def _seconds(work: Callable[[], Any]) -> float:
    began = time.perf_counter()
    work()
    if torch.cuda.is_available():
        torch.cuda.synchronize()
    return time.perf_counter() - began


def _area(task: Task) -> int:
    return math.prod(task.image_size)


def _duration(hours: float) -> str:
    if hours < 1:
        return f"{60 * hours:.2g} minutes"
    return f"{hours:.2g} hours"
