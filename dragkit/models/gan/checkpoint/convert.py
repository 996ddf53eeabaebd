"""A checkpoint as safetensors: the generator alone, a third of the file, opened by any tool
without danger.
"""

from __future__ import annotations

import hashlib
import json
import os
from pathlib import Path
from typing import Any

from torch import Tensor

from ... import zoo
from ..model import StyleGAN2
from . import generator, read


def convert(source: str | Path, target: str | Path | None = None) -> Path:
    """Write the generator of a checkpoint as safetensors, in float32, with a card (.json) beside
    it that says where it came from.

    Args:
        source: any file that :func:`dragkit.load` reads.
        target: the new file; default: `source` with the ending .safetensors.

    Returns:
        The new file's path; ``dragkit.load`` takes it.

    Raises:
        ValueError: `target` is `source`, or does not end in .safetensors; nothing is written.
        CheckpointError: `source` holds no StyleGAN2 that can be dragged; nothing is written.
    """
    source = Path(source)
    target = source.with_suffix(".safetensors") if target is None else Path(target)
    if target.resolve() == source.resolve():
        raise ValueError(f"cannot write {target} over itself: name another file")
    contents = read(source)
    state, clamp = generator(contents)
    digest = _sha256(source)
    origin = {
        "source": source.name,
        "format": contents.format,
        "sha256 of the source": digest,
        "licence": _licence(source, digest),
    }
    return _write(target, state, clamp, zoo.card(source) | origin, source.with_suffix(".json"))


def save(model: StyleGAN2, target: str | Path) -> Path:
    """Write a model, such as a tuned one, as safetensors with its card; ``dragkit.load(target)``
    paints the same images.

    Raises:
        ValueError: `target` does not end in .safetensors, or the model is no StyleGAN2.
    """
    if not isinstance(model, StyleGAN2):
        raise ValueError(
            f"only a StyleGAN2 can be saved; {getattr(model, 'name', type(model).__name__)!r} is"
            " none"
        )
    card = {name: getattr(model, name) for name in zoo.SETTINGS}
    state = {
        name: tensor.detach().cpu().contiguous()
        for name, tensor in model.generator.state_dict().items()
    }
    return _write(Path(target), state, model.generator.clamp, card)


def _write(
    target: Path,
    state: dict[str, Tensor],
    clamp: float | None,
    card: dict[str, Any],
    source_card: Path | None = None,
) -> Path:
    from safetensors.torch import save_file

    if target.suffix != ".safetensors":
        raise ValueError(f"cannot write {target}: name a file that ends in .safetensors")
    beside = target.with_suffix(".json")
    if (
        beside.exists()
        and beside != source_card
        and not zoo.card(target).keys() & {"source", "feature_block"}
    ):
        raise ValueError(
            f"{beside} is there already, and is no card of a model; name another file than"
            f" {target}"
        )
    target.parent.mkdir(parents=True, exist_ok=True)
    # so that no half of a file is ever found under its name
    half = target.with_name(f".{target.name}.{os.getpid()}")
    save_file(state, half, {"clamp": str(clamp)} if clamp else None)
    os.replace(half, target)
    beside.write_text(json.dumps(card, indent=1) + "\n", encoding="utf-8")
    return target


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _licence(source: Path, sha256: str) -> str:
    entry = zoo.listed(source.name)
    if entry is None:
        return "that of the file it was made from"
    return (
        ""
        if sha256 == entry["sha256"]
        else f"if it is the public {entry['name']}, which its sha256 does not prove: "
    ) + entry["licence"]
