"""The README's images, from the bundled models: ``python -m dragkit.bench.studies.figures``."""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
from PIL import Image

from ...compose import hstack
from ...loop import drag
from ...methods import draggan
from ...models import load, zoo
from ...records import Edit
from ...runs.drawing import draw_frame
from ...runs.trace import Trace
from ...worlds.lion import Lion

SEED, CHIN_DOWN = 5, 13  # the README's drag: which lion, and how far its chin goes, in pixels


def uint8(image) -> np.ndarray:
    """An image (3 H W) in 0..1 as uint8 (H W 3)."""
    return (np.moveaxis(np.asarray(image), 0, -1) * 255).round().clip(0, 255).astype(np.uint8)


def grid(images: list[np.ndarray], columns: int) -> np.ndarray:
    """Images of one size as one image, row by row."""
    rows = [np.concatenate(images[i : i + columns], 1) for i in range(0, len(images), columns)]
    return np.concatenate(rows)


def page(model, count: int = 64, columns: int = 8, gap: int = 12) -> np.ndarray:
    """`count` seeds (a GAN's at truncation 0.7) on the left, as many renders of the world on the
    right.
    """
    seeds = grid([uint8(model.finish(model.sample(s)).cpu()) for s in range(count)], columns)
    renders = grid(
        [uint8(Lion.sample(s).render(model.size[0]).image) for s in range(count)], columns
    )
    return np.concatenate([seeds, np.full((len(seeds), gap, 3), 255, np.uint8), renders], 1)


def before_during_after(model, seed: int = SEED, size: int = 320, gap: int = 8) -> np.ndarray:
    """The start with its handle and target, halfway with the score window, and the end."""
    x, y = Lion.of_latent(model.sample_z(seed), model.truncation).landmarks(model.size[0])["chin"]
    trace = Trace(
        drag(model, model.sample(seed), Edit([(x, y)], [(x, y + CHIN_DOWN)]), **draggan())
    )
    middle, last = len(trace) // 2, len(trace) - 1
    images = [
        draw_frame(trace[i], trace.path(i), 0 if i == middle else None, size=size)
        for i in (0, middle, last)
    ]
    return np.asarray(hstack(*images, gap=gap))


def main(arguments: list[str] | None = None) -> None:
    """The command line."""
    parser = argparse.ArgumentParser(
        prog="python -m dragkit.bench.studies.figures", description=__doc__
    )
    parser.add_argument("--out", type=Path, default=zoo.DATA / "images")
    out = parser.parse_args(arguments).out
    out.mkdir(parents=True, exist_ok=True)
    lion = load("lion", device="cpu")
    Image.fromarray(before_during_after(lion)).save(out / "drag.png", optimize=True)
    Image.fromarray(page(lion)).save(out / "lions.jpg", quality=90)
    Image.fromarray(page(load("lion-diffusion", device="cpu"))).save(
        out / "diffusion.jpg", quality=90
    )


if __name__ == "__main__":
    main()
