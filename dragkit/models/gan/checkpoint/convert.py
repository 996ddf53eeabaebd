"""A checkpoint as safetensors: the generator alone, which any tool can open without danger."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

from torch import Tensor

from .... import arguments
from ....arguments import shown
from ... import zoo
from ...weights import write_model
from ..model import StyleGAN2
from . import generator, read


def convert(
    source: str | Path, target: str | Path | None = None, *, which: str | None = None
) -> Path:
    """Write the generator of a checkpoint as safetensors, in float32.

    A card (.json) beside it says where it came from. The file has about a third of the size.

    Args:
        source: any file that :func:`dragkit.load` reads.
        target: the new file; default: `source` with the ending .safetensors.
        which: of several generators one, as of :func:`dragkit.load`, such as "G".

    Returns:
        The new file's path; ``dragkit.load`` takes it.

    Raises:
        ValueError: `target` is `source`, or does not end in .safetensors; nothing is written.
        CheckpointError: `source` holds no StyleGAN2 that can be dragged, or several; nothing is
            written.
    """
    source = arguments.path("source", source)
    if target is None:
        target = source.with_suffix(".safetensors")
    target = arguments.path("target", target)
    if target.resolve() == source.resolve():
        raise ValueError(f"cannot write {target} over itself: name another file")
    contents = read(source)
    state, clamp = generator(contents, which)
    digest = _sha256(source)
    origin = {
        "source": source.name,
        "format": contents.format,
        "sha256 of the source": digest,
        "licence": _licence(source, digest),
    }
    return _write(target, state, clamp, zoo.card(source) | origin, source.with_suffix(".json"))


def save(model: StyleGAN2, target: str | Path) -> Path:
    """Write a model, such as a tuned one, as safetensors with its card.

    ``dragkit.load(target)`` makes the same images.

    Raises:
        ValueError: `target` does not end in .safetensors, or the model is not a StyleGAN2.
    """
    if not isinstance(model, StyleGAN2):
        raise ValueError(f"only a StyleGAN2 can be saved, and model is {shown(model)}")
    card = {name: getattr(model, name) for name in zoo.SETTINGS}
    weights = model.generator.state_dict()
    # float32 holds what half precision does, and every program reads it
    state = {name: tensor.detach().cpu().float().contiguous() for name, tensor in weights.items()}
    return _write(arguments.path("target", target), state, model.generator.clamp, card)


def _write(
    target: Path,
    state: dict[str, Tensor],
    clamp: float | None,
    card: dict[str, Any],
    source_card: Path | None = None,
) -> Path:
    if target.suffix != ".safetensors":
        raise ValueError(f"cannot write {target}: name a file that ends in .safetensors")
    beside = target.with_suffix(".json")
    if beside.exists() and beside != source_card and not _is_card(target):
        raise ValueError(
            f"{beside} exists already, and is not the card of a model; name another file than"
            f" {target}"
        )

    return write_model(target, state, card, {"clamp": str(clamp)} if clamp else None)


def _is_card(path: Path) -> bool:
    """Whether the JSON beside a file is a model's card."""
    return bool(zoo.card_beside(path).keys() & {"source", "feature_block"})


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _licence(source: Path, sha256: str) -> str:
    entry = zoo.listed(source.name)
    if entry is None:
        return "that of the file it was made from"
    if sha256 == entry["sha256"]:
        return entry["licence"]
    return (
        f"if it is the public {entry['name']}, which its sha256 does not prove: {entry['licence']}"
    )
