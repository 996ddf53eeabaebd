r"""DragGAN's landmark protocol, on lions: drag 1, 5 and all landmarks of one lion to where they
are in another pose.

The pose is that of another seed: turn, place, size and mouth, the first `POSE` factors of the
world. The lion stays itself, so the generator has an image with every landmark on its target. As
DragGAN does with dlib, one network reads all images: where the landmarks are at the start, in
the pose to reach, and after the drag. So what it and the generator both misplace cancels. The
world says which landmarks are visible, and where the lions are.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F
from tqdm.auto import tqdm

from ..bench.metrics import has_lookalike, images, mean_distance
from ..models import Model, load
from ..records import Edit, Step
from ..worlds.lion import FACTORS, Lion
from .edits import Task
from .landmarks import landmark_network

POSE = 7  # yaw, pitch, roll, x, y, size, mouth
COUNTS = (1, 5, 17)  # handles of a pair's edits, as far as so many are visible
SIZE = 128
MARGIN = 4  # px around the two lions that may change too
APART = 1.5  # px; landmarks nearer to each other than this are one handle


def z_of(seed: int) -> np.ndarray:
    """z (22,) of the bundled lion's `seed`: ``load("lion").sample_z(seed)``, without
    loading it.
    """
    return np.random.RandomState(seed).randn(1, len(FACTORS))[0]


def in_pose_of(z: np.ndarray, other: np.ndarray) -> np.ndarray:
    """z (22,) of the same lion in the pose of `other` (22,).

    Both are brought to unit mean square first, for that is what their factors are made of, and so
    is the result.
    """
    z, other = (v / np.sqrt(np.square(v).mean()) for v in (z, other))
    return np.concatenate([other[:POSE], z[POSE:]])


def pairs(count: int = 100, counts: tuple[int, ...] = COUNTS) -> list[Task]:
    """The edits of `count` pairs: seed s takes the pose of seed 10000 + s, with 1, 5 and all
    landmarks as handles.

    The handles are drawn from the landmarks that are visible in both poses, nested: the one is
    among the five.
    """
    return [
        task
        for seed in tqdm(range(count), "pairs", unit="pair", delay=2)
        for task in pairs_of(seed, counts)
    ]


def pairs_of(seed: int, counts: tuple[int, ...] = COUNTS) -> list[Task]:
    """The edits of one pair, one for each of `counts`."""
    model = _lion()
    z = z_of(seed), in_pose_of(z_of(seed), z_of(10_000 + seed))
    before, after = (Lion.of_latent(v, model.truncation) for v in z)
    start, end = (read(model, model.of_z(v)) for v in z)
    names, visible = (
        before.landmarks(SIZE).names,
        before.landmarks(SIZE).visible & after.landmarks(SIZE).visible,
    )
    usable = _apart(
        [i for i in np.random.RandomState(seed).permutation(len(names)) if visible[i]],
        start.numpy(),
    )
    mask, edits = free(before, after), []
    for count in counts:
        chosen = usable[:count]
        edit = Edit(start[chosen], end[chosen], mask)
        edits.append(
            Task(
                seed,
                edit,
                f"lion {seed}, {'all' if count == max(COUNTS) else count}",
                tuple(names[i] for i in chosen),
            )
        )
    return edits


@torch.no_grad()
def read(model: Model, latent: Tensor) -> Tensor:
    """Where the landmark network sees the landmarks (17 2) in the image of `latent`, in pixels,
    within the image.
    """
    return (
        landmark_network(str(model.device))(model.finish(latent))
        .clamp(0, SIZE - 1)
        .cpu()
        .round(decimals=2)
    )


_lion = lru_cache(maxsize=1)(lambda: load("lion", device="cpu"))


def free(before: Lion, after: Lion) -> Tensor:
    """(128 128) what may move: where one of the two lions is, and a margin of 4 px."""
    lions = np.stack([lion.render(SIZE).index >= 0 for lion in (before, after)]).any(0)
    grown = F.max_pool2d(torch.from_numpy(lions)[None].float(), 2 * MARGIN + 1, 1, MARGIN)
    return grown[0]


def truth(model: Model, task: Task, start: Tensor, last: Step) -> dict[str, float]:
    """The measure of these edits: in px `mean_distance`, from the landmarks to their targets, and
    `tracker_error`, to the claimed points.

    Both are means over the handles, with the landmarks where the landmark network sees them. Also
    `length`, how far the edit asks to go (px), `lookalike`, the share of handles that have one,
    and those of :func:`metrics.images`.
    """
    network = landmark_network(str(model.device))
    seen = read(model, last.latent)[[network.names.index(name) for name in task.landmarks]]
    errors = {
        "mean_distance": mean_distance(seen, task.edit.targets),
        "tracker_error": mean_distance(seen, last.points.cpu()),
    }
    with torch.no_grad():
        lookalike = (
            has_lookalike(model.view(start), task.edit.handles.to(model.device))
            .float()
            .mean()
            .item()
        )
    length = mean_distance(task.edit.handles, task.edit.targets)
    return errors | {"length": length, "lookalike": lookalike} | images(model, task, start, last)


def _apart(order: list[int], points: np.ndarray) -> list[int]:
    """The landmarks of `order` without those that lie on an earlier one."""
    kept: list[int] = []
    for i in order:
        if all(np.hypot(*(points[i] - points[j])) >= APART for j in kept):
            kept.append(i)
    return kept
