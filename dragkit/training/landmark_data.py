"""What the landmark network learns from: renders, their landmarks, and how they are varied."""

from __future__ import annotations

from concurrent.futures import ProcessPoolExecutor
from io import BytesIO
from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F
from tqdm.auto import tqdm

from ..atomic import new_file, write_file
from ..tasks.landmarks import SIZE
from ..worlds.lion import LANDMARKS, Lion
from . import pairs
from .landmark_errors import truth

# first seeds of the renders; the generator's own images have small ones
LEARN = 1_000_000
HELD_OUT = 2_000_000

Data = tuple[np.ndarray, np.ndarray]  # images, uint8 (n 3 128 128), and their truth (n k 2)


def lion(seed: int) -> Lion:
    """Even seeds: a uniform random lion; odd ones: a truncated one."""
    return pairs.lion(*pairs.latents(seed)) if seed % 2 else Lion.sample(seed)


def render(seed: int) -> tuple[np.ndarray, np.ndarray]:
    """The image of `lion(seed)`, uint8 (3 128 128), and its `truth`."""
    image = lion(seed).render(SIZE).image
    return (image * 255).round().clip(0, 255).astype(np.uint8), truth(lion(seed))


def prepare(folder: Path, first: int, count: int) -> Data:
    """Seeds first..first+count-1, rendered if they are not there yet."""
    images_path = folder / f"images_{first}_{count}.npy"
    truth_path = folder / f"truth_{first}_{count}.npy"
    if not truth_path.exists():  # it is written last
        with new_file(images_path) as part:
            points = _render_all(part, first, count)
        write_file(truth_path, _as_npy(points))
    return np.load(images_path, mmap_mode="r"), np.load(truth_path)


def _render_all(path: Path, first: int, count: int) -> np.ndarray:
    """Write the images of seeds first..first+count-1 to `path`; returns (count n 2) points."""
    images = np.lib.format.open_memmap(path, "w+", np.uint8, (count, 3, SIZE, SIZE))
    points = np.empty((count, len(LANDMARKS), 2), np.float32)
    with ProcessPoolExecutor() as pool:
        rendered = pool.map(render, range(first, first + count), chunksize=64)
        for i, made in enumerate(tqdm(rendered, "rendering", count, unit="image")):
            images[i], points[i] = made
    images.flush()
    return points


def _as_npy(array: np.ndarray) -> bytes:
    out = BytesIO()
    np.save(out, array)
    return out.getvalue()


def augment(images: Tensor) -> Tensor:
    """Images (b 3 h w) of random brightness, contrast and noise, half of them also blurred.

    The blur has σ in 0.3..1.2 px.
    """
    half = len(images) // 2
    sigma = torch.empty(1).uniform_(0.3, 1.2)
    kernel = torch.exp(-((torch.arange(-3, 4) / sigma) ** 2) / 2)
    kernel = (kernel / kernel.sum()).to(images).expand(3, 1, 1, 7)
    soft = F.pad(images[:half], (3, 3, 3, 3), mode="replicate")
    soft = F.conv2d(F.conv2d(soft, kernel, groups=3), kernel.mT, groups=3)
    images = torch.cat([soft, images[half:]])

    noise = torch.randn_like(images) * _uniform(0, 0.03, images, 1)
    contrast = _uniform(0.8, 1.2, images, 1)
    brightness = _uniform(-0.1, 0.1, images, 3)
    return ((images - 0.5) * contrast + 0.5 + brightness + noise).clamp(0, 1)


def _uniform(low: float, high: float, images: Tensor, channels: int) -> Tensor:
    """A random number for each image and channel (b channels 1 1)."""
    return torch.empty(len(images), channels, 1, 1).uniform_(low, high).to(images)
