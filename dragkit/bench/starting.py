"""What a task starts from: the model as it needs it, its latent, and the edit in its pixels.

An image is inverted. A pipeline of Stable Diffusion takes it at its own size, rounded to whole
cells of its latents, and is told the task's prompt; any other model has one size, to which the
image is brought with borders, so that no point falls off. What is found on the way, a LoRA and an
inversion, is kept in a folder, where all methods that drag the same image share it.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, cast

from torch import Tensor
from torch.nn import functional as F

from ..carrying import carry
from ..inversion import invert, lora
from ..latents import LatentSpace
from ..models.diffusion.model import Diffusion
from ..models.inversion import Inversion
from ..models.latent import latent as read_latent
from ..models.protocols import Model
from ..placement import Fit, Placement, placement
from ..records import Edit, Size
from ..tasks.task import Task

STOP = 1.0  # px, the stop distance of dragkit.drag for methods without one
NAME = 80  # characters of a file's name that are a task's


@dataclass(frozen=True)
class Kept:
    """Where LoRAs and inversions are kept, and how a LoRA is learned.

    Attributes:
        folder: for the files; None keeps nothing.
        lora: how many steps a LoRA learns before the inversion; 0 leaves it out.
    """

    folder: Path | None = None
    lora: int = 0

    def file(self, task: Task, ending: str) -> Path | None:
        """The file for what belongs to a task."""
        if self.folder is None:
            return None
        return self.folder / f"{file_name(task.name)}{ending}"


@dataclass(frozen=True, eq=False)
class Start:
    """What a drag begins with.

    Attributes:
        model, latent: for :func:`dragkit.drag`.
        edit: the task's, in pixels of the model's images.
        where: how the task's image lies in the model's; None if the model made it itself.
        psnr: of the inversion, in dB; NaN without one.
    """

    model: Model
    latent: Tensor
    edit: Edit
    where: Placement | None = None
    psnr: float = float("nan")

    def at_model(self, task: Task) -> Task:
        """The task with its edit in pixels of the model's images."""
        return replace(task, edit=self.edit)

    def at_task(self, image: Tensor) -> Tensor:
        """An image of the model (3 h w) at the size of the task's (3 H W)."""
        if self.where is None or self.where.source == self.where.size:
            return image.cpu()
        left, top, right, bottom = self.where.place
        inner = image[None, :, top:bottom, left:right].cpu()
        return F.interpolate(inner, self.where.source, mode="bilinear", antialias=True)[0]

    def check_apart(self, task: Task, pieces: Mapping[str, Any]) -> None:
        """Raise ValueError if a handle has a way to go in the task's image, and none here.

        In an image that is made much smaller, handle and target can come so near each other that
        the method would call them arrived before its first step.
        """
        if self.where is None or self.where.source == self.where.size:
            return
        stop = pieces.get("arrive", STOP)
        before = (task.edit.targets - task.edit.handles).norm(dim=1)
        now = (self.edit.targets - self.edit.handles).norm(dim=1)
        same_pixel = (self.edit.targets.round() == self.edit.handles.round()).all(1)
        there = same_pixel | (now <= (self.edit.arrive or stop))
        lost = there & (before > (task.edit.arrive or stop))
        if lost.any():
            i = int(lost.int().argmax())
            (high, wide), (height, width) = self.where.source, self.where.size
            raise ValueError(
                f"handle {i} is {before[i]:.3g} px from its target in the {wide}×{high} image, and"
                f" {now[i]:.2g} px in the model's, {width}×{height}: too near to be dragged; take"
                " a model with larger images, or leave this task out"
            )

    def points_at_task(self, points: Tensor) -> Tensor:
        """Points (n 2) of the model's image in pixels of the task's."""
        points = points.detach().cpu()
        return points if self.where is None else self.where.taken_back(points)


def file_name(name: str) -> str:
    """A name for files that no other task has: readable, and safe on every system."""
    plain = re.sub(r"[^\w.-]+", "_", name, flags=re.ASCII).strip("._")[:NAME]
    return f"{plain}-{hashlib.sha256(name.encode()).hexdigest()[:8]}"


def start_of(model: Model, task: Task, kept: Kept | None = None) -> Start:
    """What dragging `task` with `model` begins with.

    Raises:
        ValueError: the model cannot invert images or has another size, the latent is another
            model's, or two points come to lie on one pixel.
    """
    if task.seed is not None:
        return Start(model, model.sample(task.seed), task.edit)
    if task.latent is not None:
        space = cast(LatentSpace, model)  # read_latent says what it lacks, if it is none
        return Start(model, read_latent(space, task.latent), task.edit)
    return _of_image(model, task, kept or Kept())


def _of_image(model: Model, task: Task, kept: Kept) -> Start:
    own = model
    if isinstance(model, Diffusion):
        own = fitted(model, task.prompt, task.image_size)
    fit: Fit = "pad" if own is model else "resize"
    image, edit = carry(task.image_file, task.edit, own.size, fit)

    learned = own
    if kept.lora:
        learned = lora(own, image, steps=kept.lora, file=kept.file(task, ".lora.safetensors"))
    found = _inverted(learned, image, kept.file(task, ".safetensors"))
    where = placement(task.image_size, own.size, fit)
    return Start(found.model, found.latent, edit, where, found.psnr)


def fitted(model: Diffusion, prompt: str, size: Size) -> Diffusion:
    """The model for an image of this prompt and size, if it takes them; else the model itself.

    A pipeline of Stable Diffusion does: its size is the nearest one in whole cells of its latents.
    """
    if model.tell is None:
        return model
    return model.with_prompt(prompt, whole_cells(size, model.cell))


def whole_cells(size: Size, cell: int) -> Size:
    """The nearest size whose sides are multiples of a cell of the latents."""
    height, width = (max(1, round(side / cell)) * cell for side in size)
    return height, width


def _inverted(model: Model, image: Tensor, file: Path | None) -> Inversion:
    """The inversion in `file`, or a new one, which is written there."""
    if file is not None and file.is_file():
        return Inversion.load(file, model)
    found = invert(model, image, fit="native")
    if file is not None:
        file.parent.mkdir(parents=True, exist_ok=True)
        found.save(file)
    return found
