"""A clean copy of a pipeline's folder, for the libraries that open it.

They look for more than they are asked for: an adapter_config.json that leads to another folder, an
index of further files, a pickle. In the copy there is nothing but checked configurations and links
to the files of weights, whose sizes are those that the configurations make.
"""

from __future__ import annotations

import json
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path

from ...atomic import write_file
from .encoders import Encoder, encoders_of
from .pipeline_folder import stem_of
from .pipeline_settings import Settings, networks_without_weights, read_settings, write_settings
from .pipeline_weights import weight_map
from .tokens import write_tokenizer
from .weights import check_weights


@contextmanager
def staged(folder: Path, weights: Mapping[str, list[Path]]) -> Iterator[tuple[Path, Settings]]:
    """A folder with what is needed of the pipeline, for as long as this lasts; and its settings.

    Args:
        folder: of the pipeline.
        weights: the files of weights of its parts.

    Raises:
        ValueError: a configuration is impossible, or does not belong to its weights.
    """
    settings = read_settings(folder)
    for part, network in networks_without_weights(folder, settings).items():
        check_weights(weights[part], network)

    with clean_folder(settings) as clean:
        for part, files in weights.items():
            _link_weights(clean / part, stem_of(part), files)
        for encoder in encoders_of(settings["unet"]):
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


def _link_weights(folder: Path, stem: str, files: list[Path]) -> None:
    """Make links to a part's weights, under the names that the libraries look for."""
    if len(files) == 1:
        link(folder / f"{stem}.safetensors", files[0])
        return
    names = {
        path: f"{stem}-{k:05}-of-{len(files):05}.safetensors" for k, path in enumerate(files, 1)
    }
    for path, name in names.items():
        link(folder / name, path)
    places = {tensor: names[path] for tensor, path in weight_map(files).items()}
    total = sum(path.stat().st_size for path in files)
    index = {"metadata": {"total_size": total}, "weight_map": places}
    write_file(folder / f"{stem}.safetensors.index.json", json.dumps(index))


def link(path: Path, target: Path) -> None:
    """Make `path` lead to a file: by a link where that is allowed, else as a copy."""
    with suppress(OSError):  # Windows does not let everybody make one
        path.symlink_to(target.resolve())
        return
    with suppress(OSError):  # the files may be on another disk
        path.hardlink_to(target.resolve())
        return
    shutil.copyfile(target, path)
