"""Runs as animated GIFs and MP4s."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from importlib.util import find_spec
from io import BytesIO
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image
from tqdm.auto import tqdm

from .. import arguments
from ..atomic import new_file, write_file
from ..compose import MARKS
from ..numeric import is_real

SLOWEST, FASTEST = 0.01, 100.0  # frames a second
LOOKED_AT = 9  # frames that a GIF's colours are taken from
MP4 = ("-f", "mp4", "-preset", "fast")  # as good as "medium", its default, in 0.8 of the time
COARSE = 8  # and every so many pixels of them


@dataclass(frozen=True)
class Film:
    """Frames that are drawn one by one while they are written.

    Attributes:
        draw: frame number → image; what it raises ends the film before anything is written.
        count: how many frames there are.
        fps: how many of them a second.
    """

    draw: Callable[[int], Image.Image]
    count: int
    fps: float

    def write_gif(self, path: str | Path) -> Path:
        """Write a GIF, whose 256 colours are shared by all frames; returns the path."""
        path = _checked_path(path, ".gif")
        palette = self._palette()
        frames = (
            image.quantize(palette=palette, dither=Image.Dither.NONE)
            for image in self._images(".gif")
        )
        out = BytesIO()
        next(frames).save(
            out, "GIF", save_all=True, append_images=frames, duration=1000 / self.fps, loop=0
        )
        return write_file(path, out.getvalue())

    def write_mp4(self, path: str | Path) -> Path:
        """Write an MP4, which a process of its own encodes meanwhile; returns the path.

        Raises:
            ModuleNotFoundError: the package imageio-ffmpeg is not there.
        """
        path = _checked_path(path, ".mp4")
        if find_spec("imageio_ffmpeg") is None:
            raise ModuleNotFoundError(
                "an MP4 needs the package imageio-ffmpeg: pip install imageio-ffmpeg; a GIF does"
                " without"
            )
        from imageio_ffmpeg import write_frames

        images = self._images(".mp4")
        first = next(images)
        with new_file(path) as part:
            encoder = write_frames(
                part, first.size, fps=self.fps, quality=None, output_params=[*MP4]
            )
            encoder.send(None)  # it starts
            with closing(encoder):  # and ends, whatever happens
                for image in chain([first], images):
                    encoder.send(image.tobytes())
        return path

    def _images(self, name: str) -> Iterator[Image.Image]:
        numbers = tqdm(range(self.count), name, unit="frame", delay=2)
        return map(self.draw, numbers)

    def _palette(self) -> Image.Image:
        """The colours of some frames, and those of the marks, which are too small to win any."""
        numbers = np.linspace(0, self.count - 1, LOOKED_AT).round().astype(int)
        seen = [np.asarray(self.draw(i))[::COARSE, ::COARSE] for i in np.unique(numbers).tolist()]
        mosaic = Image.fromarray(np.concatenate(seen))
        palette = mosaic.quantize(256 - len(MARKS), Image.Quantize.MEDIANCUT, kmeans=1)
        colours = palette.getpalette() or []
        palette.putpalette([*colours, *(value for colour in MARKS for value in colour)])
        return palette


def frame_rate(fps: Any) -> float:
    """`fps` as a float; raises ValueError if no film plays at that rate."""
    if not (is_real(fps) and SLOWEST <= fps <= FASTEST):
        raise ValueError(
            f"fps is {arguments.shown(fps)}; give frames a second from {SLOWEST:g} to"
            f" {FASTEST:g}, such as fps=15"
        )
    return float(fps)


def _checked_path(path: str | Path, suffix: str) -> Path:
    path = arguments.path("path", path)
    if path.suffix != suffix:
        raise ValueError(f"{path} must end in {suffix}")
    return path
