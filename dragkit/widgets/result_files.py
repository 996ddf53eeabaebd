"""What a run makes, as files for other programs: the clean image of a step, and its latent."""

from __future__ import annotations

from io import BytesIO
from pathlib import Path
from threading import Event

import numpy as np
from PIL import Image

from ..atomic import write_file
from ..compose import png
from ..models.protocols import Model
from ..pixels import to_uint8
from ..records import Frame


def write_image(frame: Frame, model: Model | None, path: Path, why: str, stop: Event) -> str:
    """Write the image as PNG, without marks and at its own size; says that it was written.

    With a model that is the finished one, not the preview that a diffusion model's run shows;
    a trace has no model, so that is the image it has.
    """
    pixels = frame.image
    if model is not None:
        pixels = to_uint8(model.finish(frame.latent.to(model.device)))
    if stop.is_set():
        raise KeyboardInterrupt  # nothing is written
    write_file(path, png(Image.fromarray(pixels)))
    height, width = pixels.shape[:2]
    return f"Wrote {path}, {width}×{height} pixels{why}"


def write_latent(frame: Frame, path: Path, why: str) -> str:
    """Write the latent as an array of NumPy's (.npy), float32; says that it was written."""
    contents = BytesIO()
    np.lib.format.write_array(contents, frame.latent.float().numpy(), allow_pickle=False)
    write_file(path, contents.getvalue())
    return f"Wrote {path}, an array {tuple(frame.latent.shape)}{why}"
