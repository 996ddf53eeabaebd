"""The scores of a dragged image: what is known without asking the tracker.

====================  ======================================================  =================
score                 what it is                                              better, range
====================  ======================================================  =================
``fidelity``          IF, 1 - LPIPS (:mod:`.fidelity`), where there is LPIPS  higher, up to 1
``pyramid``           ours in its place                                       higher, 0 to 1
``md`` and others     :mod:`.matching`                                        lower, px from 0
``dai_1`` … ``20``    the drag accuracy index (:func:`.metrics.dai`)          lower, 0 to 3
``change_outside``    the mask (:func:`.metrics.change_outside`)              lower, 0 to 255
``psnr``              to the true target image, where the task has one        higher, dB
``ssim``              the same                                                higher, up to 1
``mean_distance``     of landmarks, by the network of our worlds              lower, px from 0
====================  ======================================================  =================
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from torch import Tensor

from ..images import read_image
from ..models.image_metrics import lpips_distance, psnr
from ..tasks import renders
from ..tasks.landmarks import landmark_network
from ..tasks.task import Task
from ..worlds.world import WORLDS
from .fidelity import fidelity, pyramid
from .matching import Dift, Matcher, distances, matcher_of
from .metrics import change_outside, dai, mean_distance, ssim
from .opening import AnyModel
from .results_file import Result

RADII = (1, 5, 10, 20)  # px of the DAI, as in GoodDrag


def score_images(
    task: Task,
    files: Mapping[int, Path],
    matcher: AnyModel | Matcher | None,
    lpips: Path | None,
) -> Result:
    """The scores of a task's results, one for each budget; runs in a worker.

    Args:
        task: what was asked.
        files: the image at each budget.
        matcher: whose features MD is made from: a diffusion model, or a function of your own;
            None leaves MD out.
        lpips: a file with LPIPS's backbone; None for torch.hub's folder.

    Raises:
        FileNotFoundError: an image is no longer there.
    """
    for file in files.values():
        if not file.is_file():
            raise FileNotFoundError(
                f"{file} is missing, although its drag is recorded; put it back, or delete"
                f" {file.parent.parent / 'drags.jsonl'} to drag again"
            )
    before = read_image(task.image_file)
    match = None if matcher is None else matcher_of(matcher)
    features = None if match is None else match(before, task.prompt)
    rows = []
    for budget, file in files.items():
        after = read_image(file)
        row: Result = dict(image_scores(task, before, after, lpips))
        if match is not None and features is not None:
            row |= distances(features, match(after, task.prompt), task.edit, _size(after))
        rows.append({"budget": budget, **row})
    return {"scores": rows}


def image_scores(
    task: Task, before: Tensor, after: Tensor, lpips: Path | None = None
) -> dict[str, float]:
    """The scores that need nothing but the images (3 H W) in 0..1."""
    edit = task.edit
    height, width = _size(before)
    found = {"pyramid": pyramid(before, after)}
    if distance := lpips_distance(weights=lpips):
        found["fidelity"] = fidelity(before, after, distance)
    for radius in RADII:
        if 2 * radius < min(height, width):
            found[f"dai_{radius}"] = dai(before, after, edit.handles, edit.targets, radius)
    found["change_outside"] = change_outside(before, after, edit.mask)
    if task.target is not None:
        target = read_image(task.target)
        found |= {"psnr": psnr(after, target), "ssim": ssim(after, target)}
    if task.landmarks:
        found["mean_distance"] = mean_distance(landmarks_seen(after, task.landmarks), edit.targets)
    return found


def landmarks_seen(image: Tensor, names: Sequence[str]) -> Tensor:
    """Where the network of the landmarks' world sees them (n 2) in an image (3 h h).

    Raises:
        ValueError: the names are those of no world.
    """
    for world in WORLDS.values():
        if set(names) <= set(world.landmarks):
            network = landmark_network("cpu", world.name)
            return renders.read_landmarks(image, tuple(names), network)
    raise ValueError(f"the landmarks {list(names)} are those of no world")


def check_scores(matcher: AnyModel | Matcher | None, lpips: Path | None) -> None:
    """Raise an error if scores could not be made with these; call it before hours of drags."""
    match = None if matcher is None else matcher_of(matcher)
    if isinstance(match, Dift):
        match.check()
    lpips_distance(weights=lpips)


def _size(image: Tensor) -> tuple[int, int]:
    height, width = image.shape[1:]
    return height, width
