"""The READMEs' images, from the bundled models: ``python -m dragkit.bench figures``."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from typing import Any, cast

import numpy as np
import torch

from ...arguments import option_path
from ...atomic import write_file
from ...compose import hstack
from ...compose.encoding import encode, png
from ...loop import drag
from ...methods import draggan
from ...models import load, zoo
from ...models.gan.model import StyleGAN2
from ...models.protocols import Model
from ...pixels import to_uint8
from ...records import Edit
from ...runs.drawing import draw_frame
from ...runs.trace import Trace
from ...tasks.poses import CARS, LIONS
from ...worlds.lion import Lion
from ...worlds.world import WORLDS
from ..study import Script
from .diffusion_drags import painter

SEED = 8  # the README's lion,
CHIN_DOWN = 0.1  # and how far its chin is dragged, in images


def grid(images: list[np.ndarray], columns: int) -> np.ndarray:
    """Images of one size as one image, row by row."""
    rows = [np.concatenate(images[i : i + columns], 1) for i in range(0, len(images), columns)]
    return np.concatenate(rows)


def samples_and_renders(
    model: Model, world: str = "lion", count: int = 64, columns: int = 8, gap: int = 12
) -> np.ndarray:
    """`count` seeds and, to their right, as many renders: a GAN's are of the same latents."""
    kind: Any = WORLDS[world].kind
    samples = [to_uint8(model.finish(model.sample(seed))) for seed in range(count)]
    if isinstance(model, StyleGAN2):
        latents = [model.sample_z(seed) for seed in range(count)]
        things = [kind.of_latent(z, model.truncation) for z in latents]
    else:
        things = [kind.sample(seed) for seed in range(count)]
    scenes = [thing.render(model.size[0]) for thing in things]
    renders = [to_uint8(torch.from_numpy(scene.image)) for scene in scenes]
    left = grid(samples, columns)
    right = grid(renders, columns)
    white = np.full((len(left), gap, 3), 255, np.uint8)
    return np.concatenate([left, white, right], 1)


def before_during_after(
    model: StyleGAN2, seed: int = SEED, size: int = 320, gap: int = 8
) -> np.ndarray:
    """The start with its handle and target, halfway with the score window, and the end."""
    marks = Lion.of_latent(model.sample_z(seed), model.truncation).landmarks(model.size[0])
    x, y = marks["chin"]
    edit = Edit([(x, y)], [(x, y + CHIN_DOWN * model.size[0])])
    trace = Trace(drag(model, model.sample(seed), edit, **draggan()))

    middle = len(trace) // 2
    last = len(trace) - 1
    start = draw_frame(trace[0], trace.path(0), None, size=size)
    halfway = draw_frame(trace[middle], trace.path(middle), 0, size=size)
    end = draw_frame(trace[last], trace.path(last), None, size=size)
    return np.asarray(hstack(start, halfway, end, gap=gap))


def add_options(parser: ArgumentParser) -> None:
    """Where to."""
    parser.add_argument(
        "--out", type=option_path, default=zoo.DATA / "images", help="folder for the images"
    )


def draw(options: Namespace) -> None:
    """Write the images."""
    out = options.out
    large_lion = cast(StyleGAN2, load("lion-256", device="cpu"))
    write_file(out / "drag.png", png(before_during_after(large_lion)))
    write_file(out / "lions.jpg", encode(samples_and_renders(LIONS.generator(), count=32)))
    large = samples_and_renders(large_lion, count=12, columns=3)
    write_file(out / "lions-256.jpg", encode(large))
    write_file(out / "cars.jpg", encode(samples_and_renders(CARS.generator(), "car", count=32)))
    write_file(out / "diffusion.jpg", encode(samples_and_renders(painter())))


SCRIPT = Script("the READMEs' images, from the bundled models", add_options, draw)
