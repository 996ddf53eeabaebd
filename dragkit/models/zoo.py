"""The bundled models' files, checked before they are opened, and a list of public models.

``dragkit.models.zoo.public()`` is a table of public StyleGAN2 generators: where to get each file,
its licence, what to drag on its images. Nothing is ever downloaded.
"""

from __future__ import annotations

import hashlib
import json
import os
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .. import arguments
from ..arguments import instance, named_arguments, shown
from ..reading import parse_json, read_json
from .weights import notes_in

if TYPE_CHECKING:
    from pandas import DataFrame

PACKAGE = Path(__file__).parents[1]
# installed, or a clone
DATA = PACKAGE / "data" if (PACKAGE / "data").exists() else PACKAGE.parent / "data"
# settings of a model that its card may have
SETTINGS = ("name", "feature_block", "rows", "space", "truncation")
CARD = 1 << 20  # bytes of a card at most; ours have thousands
PUBLIC = DATA / "public.json"
NO_GENERATOR = {  # for people who try to drag an entry of another "kind"
    "landmarks": (
        "reads landmarks from an image and makes none: open it with"
        " dragkit.tasks.landmarks.landmark_network()"
    ),
    "trace": (
        "is a recorded run: open it with dragkit.Trace.load(dragkit.models.zoo.bundled(name))"
    ),
}


def index() -> dict[str, dict[str, Any]]:
    """What is bundled: name → file, sha256, licence, origin; its kind if it is not a generator."""
    return json.loads((DATA / "index.json").read_text(encoding="utf-8"))


@named_arguments
def bundled(name: str) -> Path:
    """The file of a bundled model.

    Raises:
        TypeError: the name is no text.
        FileNotFoundError: the file is not there.
        ValueError: nothing of that name is bundled; or the file's sha256 is not the index's:
            truncated or altered.
    """
    known = index()
    instance("name", name, str, f"one of {', '.join(known)}")
    if name not in known:
        raise ValueError(f"name is {shown(name)}; give one of {', '.join(known)}")
    entry = known[name]
    path = DATA / entry["file"]
    again = f"restore it with `git checkout -- data/{path.name}` or install dragkit again"
    if not path.exists():
        raise FileNotFoundError(f"the bundled model {name!r} is missing: no file {path}; {again}")
    found = hashlib.sha256(path.read_bytes()).hexdigest()
    if found != entry["sha256"]:
        raise ValueError(
            f"the bundled model {name!r} is damaged: {path} ({path.stat().st_size} bytes) has"
            f" sha256 {found[:12]}…, expected {entry['sha256'][:12]}…; {again}"
        )
    return path


@named_arguments
def card(path: str | Path) -> dict[str, Any]:
    """How a checkpoint was made: the JSON of the same name beside it, or what it says itself.

    A card with another id than the file's own belongs to another save, so it is left out, with a
    warning.

    Raises:
        TypeError: the path is none.
        FileNotFoundError: there is no checkpoint.
        ValueError: there is such a file, and it is not a JSON object, or larger than a megabyte.
    """
    path = arguments.existing_file("path", path)
    held = _card_in(path)
    beside = path.with_suffix(".json")
    found = card_beside(path)
    if not held or found.get("id", held["id"]) == held["id"]:
        return found or held
    warnings.warn(
        f"{beside} is not the card of {path.name}: their ids differ, as when a save was cut short."
        f" What {path.name} holds itself is used; save the model again, or remove the card",
        stacklevel=2,
    )
    return held


def card_beside(path: Path) -> dict[str, Any]:
    """What the JSON of the same name says, whatever the checkpoint is."""
    beside = path.with_suffix(".json")
    if beside == path or not beside.is_file():
        return {}
    try:
        found = read_json(beside, CARD)
    except ValueError as error:
        raise ValueError(
            f"{beside}, the card of {path.name}, cannot be read ({error}); repair it, or move it"
            " away"
        ) from error
    if not isinstance(found, dict):
        raise ValueError(
            f"{beside}, the card of {path.name}, is not a JSON object; repair it, or move it away"
        )
    return found


def _card_in(path: Path) -> dict[str, Any]:
    """The card that a file of weights holds, and its id; empty if it holds none."""
    notes = notes_in(path)
    if "id" not in notes:
        return {}
    held = parse_json(notes.get("card", "{}").encode())
    return (held if isinstance(held, dict) else {}) | {"id": notes["id"]}


def public() -> DataFrame:
    """The public generators by name, as a table.

    Its columns are the file, resolution (px), megabytes, licence, what to drag, origin, and the
    sha256 where it is known. ``dragkit.load("lions-512")`` opens the file if it is in the current
    folder or in :func:`folder`.
    """
    from pandas import DataFrame

    return DataFrame(_public()).set_index("name")


def folder() -> Path:
    """The folder for files of :func:`public`: DRAGKIT_FOLDER, or ``.dragkit`` in your home."""
    return Path(os.environ.get("DRAGKIT_FOLDER", "~/.dragkit")).expanduser()


def listed(name: str) -> dict[str, Any] | None:
    """The entry of :func:`public` with this name or file name, or None."""
    for entry in _public():
        if name == entry["name"] or name in _files(entry):
            return entry
    return None


def find(entry: dict[str, Any]) -> Path:
    """The file of an entry of :func:`public`, or what `dragkit.convert` made of it.

    Raises:
        FileNotFoundError: it is in neither place; the message says where to get it and where to
            put it.
    """
    for place in (Path(), folder()):
        for name in _files(entry):
            path = place / name
            converted = path.with_suffix(".safetensors")
            for found in (converted, path):
                if found.is_file():
                    return found
    size = f", {entry['megabytes']} MB" if entry["megabytes"] else ""
    raise FileNotFoundError(
        f"{entry['name']!r} is not here, and dragkit downloads nothing by itself. Get"
        f" {entry['file']} ({entry['resolution']} px{size}) from {entry['origin']} and put it into"
        f" {folder()} or the current folder. Licence: {entry['licence']}"
    )


def missing_bytes(path: Path) -> str:
    """What to add to an error where a public file is shorter than it is known to be."""
    entry = listed(path.name)
    size = path.stat().st_size
    if entry and entry["bytes"] and size < entry["bytes"]:
        missing = entry["bytes"] - size
        return (
            f". {missing} of its {entry['bytes']} bytes are missing: the download was cut short;"
            f" fetch it again from {entry['origin']}"
        )
    return ""


def _files(entry: dict[str, Any]) -> tuple[str, str]:
    """What the file is called: DragGAN's name for it, and the one under which it is downloaded."""
    return entry["file"], entry["origin"].rsplit("/", 1)[-1]


def _public() -> list[dict[str, Any]]:
    return json.loads(PUBLIC.read_text(encoding="utf-8"))
