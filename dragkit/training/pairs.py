r"""Images of lions with the latents they belong to: what the bundled generator learns from.

A generator usually sees images without their latents, and needs millions of them. This world's
factors are known, so a latent can be tied to its image. With ẑ the latent at unit second moment
(what StyleGAN2's mapping network sees), ψ the truncation and Φ the normal distribution function,

    factor = low + (high - low) · Φ(ψ · ẑ),

so truncation means the same on both sides: w pulled toward w_avg, factors pulled toward their
middle. Each pair has two latents, as in StyleGAN2's style mixing: the first gives the geometry
(pose, mouth, ears, mane …) through the coarse rows of w+, the second the colours and the light
through the rest. Our choice: it is what lets a laptop CPU train a generator in the time of a
lecture.
"""

from __future__ import annotations

from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import numpy as np
from tqdm.auto import tqdm

from ..atomic import new_file
from ..worlds.lion import FACTORS, GEOMETRY, Lion

LEAST_TRUNCATION = 0.5


def latents(index: int) -> tuple[np.ndarray, float]:
    """The `index`-th pair of latents (2 n_factors), at unit second moment, and its ψ in 0.5..1."""
    random = np.random.RandomState(index)
    z = random.randn(2, len(FACTORS))
    return z / np.sqrt((z**2).mean(1, keepdims=True)), random.uniform(LEAST_TRUNCATION, 1)


def lion(z: np.ndarray, truncation: float) -> Lion:
    """The lion of latents z (2 n_factors): geometry of the first row, appearance of the second."""
    geometry, appearance = z
    factors = np.concatenate([geometry[:GEOMETRY], appearance[GEOMETRY:]])
    return Lion.from_normal(truncation * factors)


def render(index: int, size: int = 128) -> np.ndarray:
    """The `index`-th image, uint8 (3 size size)."""
    image = lion(*latents(index)).render(size).image
    return (image * 255).round().clip(0, 255).astype(np.uint8)


def prepare(path: Path, count: int, size: int) -> np.ndarray:
    """Pairs 0..count-1 in `path` (uint8 count 3 size size), rendered if they are not there yet."""
    if path.exists() and np.load(path, mmap_mode="r").shape == (count, 3, size, size):
        return np.load(path, mmap_mode="r")
    with new_file(path) as part:
        images = np.lib.format.open_memmap(part, "w+", np.uint8, (count, 3, size, size))
        with ProcessPoolExecutor() as pool:
            rendered = pool.map(render, range(count), [size] * count, chunksize=64)
            for i, image in enumerate(tqdm(rendered, "rendering", count, unit="image")):
                images[i] = image
        images.flush()
    return np.load(path, mmap_mode="r")
