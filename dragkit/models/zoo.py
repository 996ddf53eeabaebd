"""The index of bundled models, and their files, checked before they are opened."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

PACKAGE = Path(__file__).parents[1]
DATA = PACKAGE / "data" if (PACKAGE / "data").exists() else PACKAGE.parent / "data"  # installed, or a clone
NO_GENERATOR = {  # what an entry of another "kind" is, for who tries to drag it
    "landmarks": "reads landmarks from a picture and paints none: open it with dragkit.models.landmarks.landmark_network()",
    "trace": "is a recorded run: open it with dragkit.Trace.load(dragkit.models.zoo.bundled(name))",
}


def index() -> dict[str, dict[str, Any]]:
    """What is bundled: name → file, sha256, licence, origin; its kind where it is no generator."""
    return json.loads((DATA / "index.json").read_text())


def bundled(name: str) -> Path:
    """The file of a bundled model.

    Raises:
        FileNotFoundError: the file is not there.
        ValueError: its sha256 is not the index's: truncated or altered.
    """
    entry = index()[name]
    path = DATA / entry["file"]
    again = f"restore it with `git checkout -- data/{path.name}` or install dragkit anew"
    if not path.exists():
        raise FileNotFoundError(f"the bundled model {name!r} is missing: no file {path}; {again}")
    found = hashlib.sha256(path.read_bytes()).hexdigest()
    if found != entry["sha256"]:
        raise ValueError(
            f"the bundled model {name!r} is damaged: {path} ({path.stat().st_size} bytes) has sha256 {found[:12]}…, "
            f"expected {entry['sha256'][:12]}…; {again}"
        )
    return path


def card(path: Path) -> dict[str, Any]:
    """How a checkpoint was made: the JSON of the same name beside it, or nothing."""
    beside = path.with_suffix(".json")
    return json.loads(beside.read_text()) if beside.exists() else {}
