"""What a run makes, as files for other programs. What is stopped in time writes nothing."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from io import BytesIO
from pathlib import Path
from threading import Event
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image

from ..atomic import write_file
from ..compose import png
from ..models.protocols import Model
from ..pixels import to_uint8
from ..records import Frame
from ..runs.trace import Trace
from ..runs.video import Film

if TYPE_CHECKING:
    from matplotlib.figure import Figure

TOLD = 10  # frames of a film from one report of its progress to the next


def write_image(frame: Frame, model: Model | None, path: Path, stop: Event) -> str:
    """Write the image as PNG, without marks and at its own size; says what was written.

    With a model that is the finished one, not the preview that a diffusion model's run shows;
    a trace has no model, so that is the image it has.
    """
    pixels = frame.image
    if model is not None:
        pixels = to_uint8(model.finish(frame.latent.to(model.device)))
    _unless(stop)
    write_file(path, png(Image.fromarray(pixels)))
    height, width = pixels.shape[:2]
    return f"{path}, {width}×{height} pixels"


def write_still(still: Image.Image, path: Path, stop: Event) -> str:
    """Write what the widget shows as PNG; says what was written."""
    _unless(stop)
    write_file(path, png(still))
    return f"{path}, {still.width}×{still.height} pixels"


def write_latent(frame: Frame, path: Path, stop: Event) -> str:
    """Write the latent as an array of NumPy's (.npy), float32; says what was written."""
    contents = BytesIO()
    np.lib.format.write_array(contents, frame.latent.float().numpy(), allow_pickle=False)
    _unless(stop)
    write_file(path, contents.getvalue())
    return f"{path}, an array {tuple(frame.latent.shape)}"


def curves_of_run(trace: Trace) -> Figure:
    """Distance and losses."""
    from ..plot import losses  # Matplotlib takes half a second: only when curves are written

    return losses(trace)


def curves_of_runs(runs: Mapping[str, Trace], handle: int) -> Figure:
    """Distance and confidence of a handle in several runs, by name."""
    from ..plot import compare

    return compare(list(runs.values()), list(runs), handle)


def write_curves(draw: Callable[[], Figure], path: Path, stop: Event) -> str:
    """Write curves as a drawing of lines (.svg); says what was written."""
    out = BytesIO()
    draw().savefig(out, format="svg")
    _unless(stop)
    write_file(path, out.getvalue())
    return f"{path}, the curves as lines"


def write_film(film: Film, path: Path, say: Callable[[str], None], stop: Event) -> str:
    """Write a film as a GIF or an MP4, and say how far that is; says what was written."""

    def draw(number: int) -> Image.Image:
        _unless(stop)
        if number % TOLD == 0:
            say(f"Writing {path}: frame {number} of {film.count} …")
        return film.draw(number)

    watched = replace(film, draw=draw)
    if path.suffix == ".gif":
        return f"{watched.write_gif(path)}, {film.count} frames"
    return f"{watched.write_mp4(path)}, {film.count} frames"


def write_page(write: Callable[[Path], Path], path: Path, stop: Event) -> str:
    """Let runs be written as a page without a kernel (.html); says what was written."""
    _unless(stop)
    return f"{write(path)}, which any browser opens"


def _unless(stop: Event) -> None:
    """Raise KeyboardInterrupt if somebody has asked to stop."""
    if stop.is_set():
        raise KeyboardInterrupt
