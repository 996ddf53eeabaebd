"""What a benchmark measures of a finished drag: functions for :func:`dragkit.bench.runner.run`.

A measure is ``measure(model, task, start, last)`` → named numbers, from the latent at the start
and the last step of the drag.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import torch
from torch import Tensor

from ..models.protocols import Model
from ..records import Step
from ..tasks.edits import Task
from ..tasks.lookalikes import has_lookalike
from ..tasks.poses import CARS, LIONS
from .metrics import change_outside, dai, mean_distance

Measure = Callable[[Model, Task, Tensor, Step], Mapping[str, float]]

GAMMA = 10  # radius of the drag accuracy index, for a 512-px image


def images(model: Model, task: Task, start: Tensor, last: Step) -> dict[str, float]:
    """The default measure, which needs only the two images: `change_outside` and `dai`."""
    before = model.finish(start).cpu()
    after = model.finish(last.latent).cpu()
    radius = max(1, round(GAMMA * model.size[0] / 512))
    return {
        "change_outside": change_outside(before, after, task.edit.mask),
        "dai": dai(before, after, task.edit.handles, task.edit.targets, radius),
    }


def landmarks(model: Model, task: Task, start: Tensor, last: Step) -> dict[str, float]:
    """The measure of :mod:`dragkit.tasks.poses`, whose landmarks a network reads off the image.

    In px `mean_distance`, from the landmarks to their targets, and `tracker_error`, from the
    landmarks to the tracker's points; both are means over the handles. Also `length`, how far the
    edit asks to go (px), `lookalike`, the fraction of handles that have one, and those of
    `images`.
    """
    seen = landmarks_seen(model, task, last.latent)
    with torch.no_grad():
        lookalike = has_lookalike(model.view(start), task.edit.handles.to(model.device))
    return {
        "mean_distance": mean_distance(seen, task.edit.targets),
        "tracker_error": mean_distance(seen, last.points.cpu()),
        "length": mean_distance(task.edit.handles, task.edit.targets),
        "lookalike": lookalike.float().mean().item(),
        **images(model, task, start, last),
    }


def landmarks_seen(model: Model, task: Task, latent: Tensor) -> Tensor:
    """Where the landmark network of the task's world sees its landmarks (n 2) in an image.

    Raises:
        ValueError: the task names no landmarks, or not those of one world.
    """
    for poses in (LIONS, CARS):
        names = poses.world.landmarks
        if task.landmarks and set(task.landmarks) <= set(names):
            return poses.read_landmarks(model, latent)[[names.index(n) for n in task.landmarks]]
    raise ValueError(
        f"the task {task.name!r} has the landmarks {list(task.landmarks)}, which are those of no"
        " world; this measure reads those of a lion or a car"
    )
