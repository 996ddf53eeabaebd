"""The landmark network's errors, on renders and on generated images, for its card."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor

from ..tasks.landmarks import SIZE, LandmarkNetwork
from ..tasks.lions import generator
from ..worlds.lion import LANDMARKS, Lion


def truth(lion: Lion) -> np.ndarray:
    """The landmarks (k 2) in pixels, NaN where covered."""
    landmarks = lion.landmarks(SIZE)
    return np.where(landmarks.visible[:, None], landmarks.points, np.nan)


def distances(network: LandmarkNetwork, images: Tensor, points: np.ndarray) -> np.ndarray:
    """The distance of each landmark to its true point (n k), in pixels; NaN where covered."""
    device = next(network.parameters()).device
    found = torch.cat([network(chunk.to(device)).cpu() for chunk in images.split(50)])
    return np.linalg.norm(found.numpy() - points, axis=-1)


def generated(count: int) -> tuple[Tensor, np.ndarray]:
    """The bundled lion's images of seeds 0..count-1, and the landmarks they should have."""
    model = generator()
    images = torch.stack([model.finish(model.sample(seed)) for seed in range(count)])
    lions = [Lion.of_latent(model.sample_z(seed), model.truncation) for seed in range(count)]
    return images, np.stack([truth(lion) for lion in lions])


def summary(distance: np.ndarray) -> dict[str, dict[str, float]]:
    """Mean and 90th percentile of distances (n k), overall and for each landmark."""
    found = {}
    for name, values in {"all": distance, **dict(zip(LANDMARKS, distance.T, strict=True))}.items():
        seen = values[~np.isnan(values)]
        if len(seen):
            mean = round(float(seen.mean()), 3)
            p90 = round(float(np.quantile(seen, 0.9)), 3)
            found[name] = {"mean": mean, "p90": p90}
    return found


def errors(
    network: LandmarkNetwork, held_out: tuple[np.ndarray, np.ndarray], count: int
) -> dict[str, Any]:
    """The network's errors on held-out renders and on `count` generated images."""
    images, points = held_out
    renders = torch.from_numpy(np.array(images)).float() / 255
    return {
        "unit": f"pixels of an image of {SIZE} px; only landmarks that are not covered",
        "renders": {
            "of": f"{len(points)} renders that it has not learned from",
            **summary(distances(network, renders, points)),
        },
        "generated": {
            "of": (
                f"the bundled lion's seeds 0..{count - 1}, against the lion it was taught to"
                " paint: the network's error and the generator's own together"
            ),
            **summary(distances(network, *generated(count))),
        },
    }
