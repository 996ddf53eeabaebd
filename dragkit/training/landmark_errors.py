"""The landmark network's errors, on renders and on generated images, for its card."""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Iterable, Sequence
from itertools import islice
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ..models.gan.model import StyleGAN2
from ..tasks.landmarks import SIZE, LandmarkNetwork, resized
from ..worlds.world import World
from .landmark_data import HELD_OUT, Labelled, truth
from .stream import drawn

CHUNK = 50  # images at a time

Labelling = tuple[Tensor, ...]  # images (b 3 h w), and their true points (b k 2) at 128 px


def distances(network: LandmarkNetwork, labelled: Iterable[Labelling]) -> np.ndarray:
    """How far each landmark is from its true point (n k), in pixels of 128; NaN where covered."""
    found = []
    for images, points in labelled:
        at = resized(network(images), SIZE / images.shape[-1])
        found.append((at - points.to(at)).norm(dim=-1).cpu())
    return torch.cat(found).numpy()


def on_renders(
    network: LandmarkNetwork, world: World, size: int, count: int, workers: int
) -> np.ndarray:
    """The distances (count k) on renders of one size that nothing learns from."""
    chunk = min(CHUNK, count)
    source = Labelled(world, chunk, HELD_OUT)
    device = str(network.score.weight.device)
    renders = drawn(source, (size,), device, 0, workers)
    return distances(network, islice(renders, -(-count // chunk)))[:count]


def generated(model: StyleGAN2, world: World, count: int) -> Iterable[Labelling]:
    """A generator's images of seeds 0..count-1, and the landmarks they should have."""
    kind: Any = world.kind
    for first in range(0, count, CHUNK):
        seeds = range(first, min(first + CHUNK, count))
        images = torch.stack([model.finish(model.sample(seed)) for seed in seeds])
        things = [kind.of_latent(model.sample_z(seed), model.truncation) for seed in seeds]
        yield images, torch.from_numpy(np.stack([truth(t) for t in things]))


def summary(distance: np.ndarray, names: Sequence[str]) -> dict[str, dict[str, float]]:
    """Mean and 90th percentile of distances (n k), overall and for each landmark."""
    found = {}
    for name, values in {"all": distance, **dict(zip(names, distance.T, strict=True))}.items():
        seen = values[~np.isnan(values)]
        if len(seen):
            mean = round(float(seen.mean()), 3)
            p90 = round(float(np.quantile(seen, 0.9)), 3)
            found[name] = {"mean": mean, "p90": p90}
    return found


def errors(
    network: LandmarkNetwork, world: World, models: Sequence[StyleGAN2], options: Namespace
) -> dict[str, Any]:
    """The network's errors on held-out renders of each size, and on each model's images."""
    count, seeds = options.held_out, options.generated

    def on_size(size: int) -> dict[str, dict[str, float]]:
        found = on_renders(network, world, size, count, options.workers)
        return summary(found, network.names)

    def on_model(model: StyleGAN2) -> dict[str, dict[str, float]]:
        return summary(distances(network, generated(model, world, seeds)), network.names)

    return {
        "unit": f"pixels of an image of {SIZE} px; only landmarks that are not covered",
        "renders": {
            "of": f"{count} renders that it has not learned from",
            **{f"{size} px": on_size(size) for size in options.sizes},
        },
        "generated": {
            "of": (
                f"each model's seeds 0..{seeds - 1}, against what it was taught to paint: the"
                " network's error and the generator's own together"
            ),
            **{model.name: on_model(model) for model in models},
        },
    }
