"""A clean copy of a pipeline's folder, for the libraries that open it.

They look for more than they are asked for: an adapter_config.json that leads to another folder, an
index of further files, a pickle. In the copy there is nothing but checked configurations and links
to the files of weights, whose sizes are those that the configurations make.
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from .encoders import Encoder, encoders_of
from .pipeline_settings import (
    Settings,
    check_widths,
    networks,
    read_settings,
    write_settings,
)
from .tokens import write_tokenizer
from .weights import check_weights

WEIGHTS = "diffusion_pytorch_model.safetensors"
ENCODER_WEIGHTS = "model.safetensors"


@contextmanager
def staged(folder: Path) -> Iterator[tuple[Path, Settings]]:
    """A folder with what is needed of the pipeline, for as long as this lasts; and its settings.

    Raises:
        ValueError: a configuration is impossible, or does not belong to its weights.
    """
    settings = read_settings(folder)
    encoders = encoders_of(settings["unet"])
    check_widths(folder, settings)
    weights = {"unet": WEIGHTS, "vae": WEIGHTS}
    weights |= {encoder.part: ENCODER_WEIGHTS for encoder in encoders}
    for part, build in networks(settings).items():
        check_weights(folder / part / weights[part], build)

    with clean_folder(settings) as clean:
        for part, name in weights.items():
            link(clean / part / name, folder / part / name)
        for encoder in encoders:
            stage_tokenizer(folder / encoder.tokenizer, clean, encoder, settings)
        yield clean, settings


@contextmanager
def clean_folder(settings: Settings) -> Iterator[Path]:
    """A temporary folder with nothing but a pipeline's configurations."""
    with tempfile.TemporaryDirectory(prefix="dragkit-", ignore_cleanup_errors=True) as name:
        write_settings(Path(name), settings)
        yield Path(name)


def stage_tokenizer(source: Path, clean: Path, encoder: Encoder, settings: Settings) -> None:
    """Write what is needed of a tokenizer's folder into the `clean` one."""
    (clean / encoder.tokenizer).mkdir()
    write_tokenizer(source, clean / encoder.tokenizer, settings[encoder.part]["vocab_size"])


def link(path: Path, target: Path) -> None:
    """Make `path` lead to a file: by a link where that is allowed, else as a copy."""
    with suppress(OSError):  # Windows does not let everybody make one
        path.symlink_to(target.resolve())
        return
    with suppress(OSError):  # the files may be on another disk
        path.hardlink_to(target.resolve())
        return
    shutil.copyfile(target, path)
