r"""What keeps a dragged face whole: ``python -m dragkit.bench chins``.

DragDiffusion pulls the chins of rendered lions down by 6 px of 64, and some faces are smeared
afterwards. Here the same edits are made with other settings: how z is updated, how near to noise
it is (the strength), whether LoRA learned the image before, and how the noise is removed.

Adam divides each number's gradient by its own size, so in every step all of z moves by the
learning rate, also where the loss asks for almost nothing. The other update is in proportion to
the gradient g (c h w):

.. math:: z ← z - η\, g / \max_p ‖g_p‖_2

over the cells p. The other way back adds fresh noise below a timestep index
(:meth:`dragkit.models.diffusion.ddim.Schedule.refreshed`).

Whole is what the network knows: its training loss on the result over its loss on the start. It is
1.02 for a face that nobody would call smeared, and 1.4 for one that everybody would.
"""

from __future__ import annotations

import base64
from argparse import ArgumentParser, Namespace
from collections.abc import Callable, Iterator
from concurrent.futures import Executor
from dataclasses import replace
from io import BytesIO
from pathlib import Path
from typing import Any, cast

import numpy as np
import pandas as pd
import torch
from matplotlib.figure import Figure
from PIL import Image
from torch import Tensor

from ...compose.encoding import encode
from ...methods import dragdiffusion
from ...models.diffusion.inversion import invert
from ...models.diffusion.model import Diffusion
from ...pixels import to_uint8
from ...records import Edit
from ...tasks import poses, renders
from ...tasks.poses import LIONS
from ...worlds.lion import Lion
from ..jobs import Job, run_jobs
from ..metrics import bootstrap
from ..settings import describe
from ..study import Study, published_file
from ..tables import markdown
from .diffusion_drags import learned_by_lora, painter

FIRST = 210_001  # settings are chosen here, so no table may use these lions
PULL = 6.0  # px
STRENGTHS = (0.5, 0.7, 0.8)
WITH_LORA = 0.7  # at this strength only, and only the first update of each kind
UPDATES = {"Adam, 0.01": 80, "Adam, 0.003": 200, "gradient, 0.3": 150, "gradient, 0.1": 200}
NOISE_BELOW = (0, 20, 30)  # timestep indices; 0 = none is added, as in DDIM
SHOWN = (("Adam, 0.01", 0), ("gradient, 0.3", 0), ("gradient, 0.3", 30))  # in the figure
LEVELS = (3, 6, 10, 15, 20)  # timestep indices at which the network judges,
DRAWS = 6  # and noises at each
RESULTS = published_file("chins")
Row = dict[str, Any]
Update = Callable[[Tensor, Tensor], Tensor]


def chin_edit(seed: int, size: int) -> tuple[Tensor, Edit]:
    """The render (3 size size) of lion `seed`, and the edit that pulls its chin down."""
    lion = Lion.from_normal(renders.TRUNCATION * poses.unit_mean_square(LIONS.z_of(seed)))
    x, y = lion.landmarks(size)["chin"]
    return renders.image(lion, size), Edit([(x, y)], [(x, y + PULL)])


def update_of(name: str, start: Tensor) -> Update:
    """How z and its gradient give the next z."""
    kind, rate = name.split(", ")
    if kind == "gradient":
        return lambda z, gradient: z - float(rate) * gradient / gradient.norm(dim=0).max()

    leaf = start.clone().requires_grad_(True)
    adam = torch.optim.Adam([leaf], float(rate))

    def update(z: Tensor, gradient: Tensor) -> Tensor:
        leaf.grad = gradient
        adam.step()
        return leaf.detach().clone()

    return update


def pull(model: Diffusion, start: Tensor, edit: Edit, name: str) -> tuple[Tensor, Tensor, int]:
    """DragDiffusion's loop with another update: the last z, its points and the number of steps."""
    method = dragdiffusion()
    tracker, (loss, *_) = method["tracker"], method["losses"]
    update = update_of(name, start)
    first = model.view(start)
    memory = tracker.start(first, edit)
    z, points = start, edit.handles

    for step in range(UPDATES[name] + 1):
        z = z.detach().requires_grad_(True)
        view = model.view(z)
        with torch.no_grad():
            track = tracker.find(view, memory, points)
        points = track.points
        if track.arrived(edit.targets, method["arrive"]).all() or step == UPDATES[name]:
            break
        (gradient,) = torch.autograd.grad(loss(view, track, first, edit), z)
        z = update(z.detach(), gradient)
    return z.detach(), points, step


@torch.no_grad()
def network_loss(model: Diffusion, image: Tensor) -> float:
    """The network's training loss on an image (3 h w), always with the same noise."""
    clean = model.encode(image[None]).expand(DRAWS, -1, -1, -1)
    random = torch.Generator().manual_seed(0)
    losses = [
        model.schedule.loss(
            model.denoiser.predict,
            clean,
            torch.randn(clean.shape, generator=random),
            torch.full((DRAWS,), level),
        )
        for level in LEVELS
    ]
    return float(torch.stack(losses).mean())


def measure_lion(seed: int) -> dict[str, list[Row]]:
    """The rows of one lion; runs in a worker."""
    return {"rows": [{"seed": seed, **row} for row in _rows(seed)]}


def _rows(seed: int) -> Iterator[Row]:
    model = painter()
    image, edit = chin_edit(seed, model.size[0])
    usual = network_loss(model, image)
    for strength, lora, opened in _models(model, image):
        found = invert(opened, image)
        names = [name for name in UPDATES if not lora or name in ("Adam, 0.01", "gradient, 0.3")]
        for name in names:
            dragged = cast(Diffusion, found.model)
            z, points, steps = pull(dragged, found.latent, edit, name)
            for noise_below in NOISE_BELOW:
                end = replace(dragged, fresh_noise=noise_below).finish(z)
                chin = renders.read_landmarks(end, ("chin",))
                shown = strength == WITH_LORA and not lora and (name, noise_below) in SHOWN
                yield {
                    "strength": strength,
                    "lora": lora,
                    "update": name,
                    "noise_below": noise_below,
                    "steps": steps,
                    "whole": network_loss(model, end) / usual,
                    "claimed_distance": float((points - edit.targets).norm()),
                    "distance": float((chin - edit.targets).norm()),
                    "image": base64.b64encode(encode(to_uint8(end), 95, fine=True)).decode()
                    if shown
                    else "",
                }


def _models(model: Diffusion, image: Tensor) -> Iterator[tuple[float, bool, Diffusion]]:
    """The strengths, and one of them with LoRA."""
    for strength in STRENGTHS:
        yield strength, False, replace(model, strength=strength)
    yield WITH_LORA, True, learned_by_lora(replace(model, strength=WITH_LORA), image)


def add_options(parser: ArgumentParser) -> None:
    """How many lions."""
    parser.add_argument("--lions", type=int, default=20, help="lions whose chins are pulled")


def measure(options: Namespace, out: Path, executor: Executor) -> pd.DataFrame:
    """The chins of all lions with all settings."""
    settings = {"method": describe(dragdiffusion(), "method"), "updates": str(UPDATES)}
    seeds = range(FIRST, FIRST + options.lions)
    jobs = [Job({"seed": seed}, settings, measure_lion, (seed,)) for seed in seeds]
    found = run_jobs(jobs, out, executor, unit="lion")
    return pd.DataFrame([row for result in found for row in result["rows"]])


def report(results: pd.DataFrame) -> str:
    """A row for each setting, as Markdown."""
    rows = []
    for setting, group in results.groupby(["strength", "lora", "update", "noise_below"]):
        low, high = bootstrap(group["whole"])
        rows.append(
            {
                **dict(zip(("strength", "LoRA", "update", "noise below"), setting, strict=True)),
                "lions": len(group),
                "whole": group["whole"].mean(),
                "low": low,
                "high": high,
                "below 1.2": int((group["whole"] < 1.2).sum()),
                "distance [px]": group["distance"].mean(),
                "claimed [px]": group["claimed_distance"].mean(),
                "steps": group["steps"].mean(),
            }
        )
    return markdown(pd.DataFrame(rows).set_index("strength"))


def faces(results: pd.DataFrame) -> Figure:
    """All lions under three settings."""
    seeds = sorted(results["seed"].unique())
    figure = Figure(figsize=(8.2, 6.2), layout="constrained")
    axes = figure.subplots(len(SHOWN), 1)
    for ax, (update, noise_below) in zip(axes, SHOWN):
        chosen = results[(results["update"] == update) & (results["noise_below"] == noise_below)]
        shown = chosen[chosen["image"].notna() & (chosen["image"] != "")].set_index("seed")
        tiles = [_opened(shown.loc[seed, "image"]) for seed in seeds]
        half = len(tiles) // 2
        ax.imshow(
            np.concatenate([np.concatenate(tiles[:half], 1), np.concatenate(tiles[half:], 1)])
        )
        noise = f"fresh noise below index {noise_below}" if noise_below else "no fresh noise"
        ax.set_title(f"{update}; {noise}", loc="left", fontsize=9)
        ax.set_axis_off()
    return figure


def _packed(image: Tensor) -> str:
    """An image (3 H W) as text: a JPEG in base64."""
    return base64.b64encode(encode(to_uint8(image), 95, fine=True)).decode()


def _opened(text: str) -> np.ndarray:
    return np.asarray(Image.open(BytesIO(base64.b64decode(text))))


STUDY = Study(
    "what keeps a face whole when its chin is dragged in the diffusion model",
    add_options,
    measure,
    report,
    RESULTS,
    figures={"chins": faces},
)
