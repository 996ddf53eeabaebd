"""Image sequences in which it is known where the points are, for judging trackers alone.

Three kinds, by where their truth comes from:

- *toy*: two or three blobs that move; their latent is the truth. Four scenes: nothing special;
  a twin follows in fading light and comes to look as the handle's blob did; the light fades
  alone; another blob passes in front.
- *walk*: the bundled lion moves from one pose to another, latent by latent.
- *drag*: the latents that a DragGAN drag went through.

For lions the truth is read off the images by the landmark network, whose own error is in its
card.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor

from ..arguments import named_arguments, whole
from ..loop import drag
from ..methods import draggan
from ..models.gan.model import StyleGAN2
from ..models.protocols import Model
from ..models.toy import Toy
from ..records import Edit, View
from . import poses
from .edits import LAST_SEED
from .landmarks import landmark_network
from .lookalikes import has_lookalike
from .poses import LIONS

FRAMES = 24
MOST_COUNT = 10_000  # toys
# Radius of a search window that reaches the twin of a toy sequence: 20 px, given at 512 px.
TOY_RADIUS = 80
TWIN = 0.5  # a toy's second blob counts as a look-alike from this similarity on


@dataclass(frozen=True, eq=False)
class ImageSequence:
    """Views in a row and the truth about the points in them.

    Attributes:
        scene: what the results are filed under, ``"toy: light"``.
        views: one per frame.
        truth: where the points are (frames n 2), pixels (x, y).
        lookalike: which of the points have a look-alike (n), bool.
        names: of the points, where they have any.
    """

    scene: str
    views: list[View]
    truth: Tensor
    lookalike: Tensor
    names: tuple[str, ...] = ()

    @property
    def edit(self) -> Edit:
        """From where the points are in the first frame to where they are in the last."""
        return Edit(self.truth[0], self.truth[-1])


def line(start: Tensor, end: Tensor, frames: int = FRAMES) -> Tensor:
    """Points that move from `start` to `end`, each (… 2), in equal steps: (frames … 2)."""
    t = torch.linspace(0, 1, frames).reshape(-1, *[1] * start.ndim)
    return start + (end - start) * t


def steady(start: Tensor, velocity: Tensor, frames: int = FRAMES) -> Tensor:
    """Points that leave `start` at `velocity` px per frame, each (… 2): (frames … 2)."""
    return start + torch.arange(frames).reshape(-1, *[1] * start.ndim) * velocity


def toy_sequence(
    scene: str, toy: Toy, paths: Tensor, handles: int = 1, gradients: bool = False
) -> ImageSequence:
    """Blobs that move along `paths` (frames blobs 2); see `line` and `steady`.

    Args:
        scene: what the results are filed under.
        toy: paints the blobs.
        paths: the blobs' centres in each frame, pixels (x, y).
        handles: how many blobs are tracked, from the first on.
        gradients: whether the views depend on a latent that wants gradients, as in a drag.
    """
    latents = list(paths)
    if gradients:
        latents = [latent.clone().requires_grad_() for latent in paths]

    lookalike = torch.zeros(handles, dtype=torch.bool)
    lookalike[:2] = toy.lookalike >= TWIN  # the first two blobs are each other's twin
    return ImageSequence(
        scene, [toy.view(latent) for latent in latents], paths[:, :handles], lookalike
    )


@named_arguments
def toy_sequences(count: int = 20) -> list[ImageSequence]:
    """`count` sequences of each of the four scenes: `toy_scenes` of the seeds from 0 on."""
    count = whole("count", count, 0, MOST_COUNT)
    return [sequence for seed in range(count) for sequence in toy_scenes(seed)]


@named_arguments
def toy_scenes(seed: int) -> list[ImageSequence]:
    """The four scenes, with the blobs' signatures and direction drawn from `seed`."""
    seed = whole("seed", seed, 0, LAST_SEED)
    angle = 2 * np.pi * np.random.RandomState(seed).rand()
    direction = torch.tensor([np.cos(angle), np.sin(angle)], dtype=torch.float32)
    across = torch.stack([direction[1], -direction[0]])

    middle = torch.tensor([63.5, 63.5])
    handle = middle + torch.linspace(-12, 12, FRAMES)[:, None] * direction
    behind = handle - 12 * direction
    crossing = middle + torch.linspace(-24, 24, FRAMES)[:, None] * across
    outside = torch.full((FRAMES, 2), 500.0)

    toy = Toy(blobs=2, width=4, seed=seed)
    fading = replace(toy, light=-0.9 if direction[0] > 0 else 0.9)  # along the handle's path
    scenes = {
        "plain": (toy, outside),
        "look-alike": (replace(fading, lookalike=0.95), behind),
        "light": (fading, outside),
        "occlusion": (replace(toy, opaque=True), crossing),
    }
    return [
        toy_sequence(f"toy: {name}", model, torch.stack([handle, other], 1))
        for name, (model, other) in scenes.items()
    ]


def lion_walk(model: StyleGAN2, seed: int) -> ImageSequence:
    """Lion `seed` takes the pose of seed 10000 + `seed` in 24 frames, on a straight line in z."""
    z = LIONS.z_of(seed)
    start = poses.unit_mean_square(z)
    end = LIONS.in_pose_of(z, LIONS.z_of(10_000 + seed))
    latents = [model.of_z((1 - t) * start + t * end) for t in np.linspace(0, 1, FRAMES)]
    (task,) = LIONS.pairs_of(seed, (17,))
    return _lion_sequence("walk", model, latents, task.landmarks)


def lion_drag(model: Model, seed: int) -> ImageSequence:
    """What DragGAN's drag of five landmarks of lion `seed` went through, in 24 of its steps."""
    (task,) = LIONS.pairs_of(seed, (5,))
    method = draggan() | {"lr": 2e-3, "steps": 100, "arrive": 1.0}
    latents = [step.latent for step in drag(model, model.sample(seed), task.edit, **method)]
    chosen = np.linspace(0, len(latents) - 1, FRAMES).round().astype(int)
    return _lion_sequence("drag", model, [latents[i] for i in chosen], task.landmarks)


@torch.no_grad()
def _lion_sequence(
    scene: str, model: Model, latents: list[Tensor], names: tuple[str, ...]
) -> ImageSequence:
    """The images of `latents`, with the named landmarks where the network sees them."""
    network = landmark_network(str(model.device))
    rows = [network.names.index(name) for name in names]
    views = [model.view(latent) for latent in latents]

    truth = torch.stack([network(view.image)[rows] for view in views])
    truth = truth.clamp(0, poses.SIZE - 1)  # a guess may lie just beyond the border
    return ImageSequence(scene, views, truth, has_lookalike(views[0], truth[0]), names)
