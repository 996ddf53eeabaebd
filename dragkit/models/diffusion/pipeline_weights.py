"""The files that a part's weights are in: one, several (shards), or copies in half precision.

An index (JSON) beside shards says which of them has which tensor. It is believed where the shards'
own headers say the same; the libraries read an index of ours, made from those headers.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path

from ...arguments import shown
from ..safetensors_header import TENSORS, Header, read_header
from .pipeline_config import read_part

VARIANTS = ("", ".fp16", ".bf16", ".non_ema")  # the first that is there is taken
INDEX = 4 << 20  # bytes; an index of 700 tensors has 60,000
SHARDS = 1000  # of a part; public ones have two or three
PLAIN = re.compile(r"[\w.-]{1,200}\.safetensors")  # the name of a file, and no path
AGAIN = "fetch this part of the pipeline again"


def weight_files(folder: Path, stem: str) -> list[Path]:
    """The files of a part's weights, such as ``diffusion_pytorch_model.safetensors``.

    Args:
        folder: of the part.
        stem: what their names begin with.

    Returns:
        One, or the shards in their order; none if there are no weights in safetensors.

    Raises:
        ValueError: some shards are missing, or their index is damaged.
    """
    for variant in VARIANTS:
        whole = folder / f"{stem}{variant}.safetensors"
        if whole.is_file():
            return [whole]
        index = _index(folder, stem, variant)
        shards = _named_in(index) if index else _numbered(folder, stem, variant)
        if shards:
            return shards
    return []


def weight_map(files: Sequence[Path]) -> dict[str, Path]:
    """Which file has which tensor, as their headers say.

    Raises:
        ValueError: two files have one tensor, or all together too many.
    """
    found: dict[str, Path] = {}
    for path in files:
        for name in header_of(path).shapes:
            if name in found:
                raise ValueError(
                    f"{path.parent}: {shown(name)} is in {found[name].name} and in {path.name};"
                    f" {AGAIN}"
                )
            found[name] = path
        if len(found) > TENSORS:
            raise ValueError(f"{path.parent} has over {TENSORS} tensors, which is the most read")
    return found


def header_of(path: Path) -> Header:
    """The header of a file of weights."""
    try:
        return read_header(path)
    except ValueError as error:
        raise ValueError(
            f"{path} is no file of safetensors that dragkit reads: {error}"
        ) from error


def _index(folder: Path, stem: str, variant: str) -> Path | None:
    """The index of shards, which libraries have named in three ways; None if there is none."""
    names = (
        f"{stem}{variant}.safetensors.index.json",
        f"{stem}.safetensors.index{variant}.json",
        f"{stem}.safetensors{variant}.index.json",
    )
    return next((folder / name for name in names if (folder / name).is_file()), None)


def _named_in(index: Path) -> list[Path]:
    """The shards that an index names, if they have what it says."""
    content = read_part(index, INDEX)
    places = content.get("weight_map") if isinstance(content, dict) else None
    if not isinstance(places, dict) or not places:
        raise ValueError(f"{index} has no weight_map; {AGAIN}")
    _check_names(index, places)
    shards = [index.parent / name for name in sorted(set(places.values()))]
    _check_there(index.parent, shards)

    found = weight_map(shards)
    for name, place in places.items():
        if name not in found or found[name].name != place:
            raise ValueError(
                f"{index} says that {shown(name)} is in {place}, and it is not; {AGAIN}"
            )
    return shards


def _check_names(index: Path, places: Mapping[str, object]) -> None:
    for place in places.values():
        if not (isinstance(place, str) and PLAIN.fullmatch(place)):
            raise ValueError(
                f"{index} names the file {shown(place)}; shards are files .safetensors beside it"
            )
    count = len(set(places.values()))
    if count > SHARDS:
        raise ValueError(f"{index} names {count} shards; at most {SHARDS} are read")


def _numbered(folder: Path, stem: str, variant: str) -> list[Path]:
    """The shards of a folder without an index, by their numbers, such as -00001-of-00002."""
    stem, variant = re.escape(stem), re.escape(variant)
    pattern = re.compile(
        rf"{stem}(?:{variant}-\d{{5}}-of-(\d{{5}})|-\d{{5}}-of-(\d{{5}}){variant})\.safetensors"
    )
    matches = filter(None, (pattern.fullmatch(path.name) for path in folder.glob("*.safetensors")))
    names = {match[0]: int(match[1] or match[2]) for match in matches}
    if not names:
        return []

    some, count = next(iter(names.items()))
    if not 0 < count <= SHARDS:
        raise ValueError(f"{folder} has {count} shards; 1 to {SHARDS} are read")
    all_names = [re.sub(r"-\d{5}-of", f"-{k:05}-of", some) for k in range(1, count + 1)]
    shards = [folder / name for name in all_names]
    _check_there(folder, shards)
    return shards


def _check_there(folder: Path, shards: Sequence[Path]) -> None:
    missing = [path.name for path in shards if not path.is_file()]
    if missing:
        raise ValueError(
            f"{folder} has its weights in {len(shards)} files (shards), and lacks"
            f" {', '.join(missing[:4])}; fetch what is missing"
        )
