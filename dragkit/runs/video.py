"""Runs as animated GIFs and MP4s."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image
from tqdm.auto import tqdm

from .. import arguments
from ..atomic import write_file
from ..numeric import is_real

SLOWEST, FASTEST = 0.01, 100.0  # frames a second


def frame_rate(fps: Any) -> float:
    """`fps` as a float; raises ValueError if no film plays at that rate."""
    if not (is_real(fps) and SLOWEST <= fps <= FASTEST):
        raise ValueError(
            f"fps is {arguments.shown(fps)}; give frames a second from {SLOWEST:g} to"
            f" {FASTEST:g}, such as fps=15"
        )
    return float(fps)


def write_video(
    path: str | Path, suffix: str, images: Iterable[Image.Image], **settings: Any
) -> Path:
    """Write the images to `path`, which must end in `suffix`; returns the path.

    Args:
        settings: for ``imageio.v3.imwrite``, such as `fps`.

    Raises:
        ValueError: the path ends in something else.
    """
    import imageio.v3 as iio

    path = arguments.path("path", path)
    if path.suffix != suffix:
        raise ValueError(f"{path} must end in {suffix}")
    pixels = [np.asarray(image) for image in tqdm(images, suffix, unit="frame")]
    return write_file(path, iio.imwrite("<bytes>", pixels, extension=suffix, **settings))
