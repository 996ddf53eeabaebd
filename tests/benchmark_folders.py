"""Folders in the layouts of public benchmarks, with images and points of our own."""

import json
import pickle
from pathlib import Path

import numpy as np
from PIL import Image

SIZE = (24, 32)  # (height, width)
POINTS = [[4, 5], [9, 6], [20, 11], [20, 18]]  # handle, target, handle, target


def pixels(seed: int = 0, size=SIZE) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (*size, 3), dtype=np.uint8)


def mask(size=SIZE) -> np.ndarray:
    free = np.zeros(size, np.uint8)
    free[3:20, 2:25] = 1
    return free


def write_dragbench(
    folder: Path, points=POINTS, free=None, prompt="a photo of a lion", size=SIZE
) -> Path:
    """One sample; `folder` is its own, in the folder of its category."""
    folder.mkdir(parents=True)
    Image.fromarray(pixels(size=size)).save(folder / "original_image.png")
    meta = {"prompt": prompt, "points": points, "mask": mask(size) if free is None else free}
    (folder / "meta_data.pkl").write_bytes(pickle.dumps(meta, protocol=4))
    return folder


def write_drag100(folder: Path, points=POINTS) -> Path:
    folder.mkdir(parents=True)
    Image.fromarray(pixels()).save(folder / "original.jpg")
    Image.fromarray(255 * mask()).save(folder / "mask.png")
    (folder / "points.json").write_text(json.dumps({"points": points}))
    return folder


def write_vfd(folder: Path, points=POINTS) -> Path:
    folder.mkdir(parents=True)
    for name, seed in (("input.png", 0), ("gt.png", 1)):
        Image.fromarray(pixels(seed)).save(folder / name)
    Image.fromarray(255 * mask()).save(folder / "mask.png")
    (folder / "points.json").write_text(json.dumps({"points": points}))
    return folder
