"""The import rule keeps the pieces apart: what does not know of widgets can run without them."""

import ast
from pathlib import Path

import pytest

import dragkit

PACKAGE = Path(dragkit.__file__).parent
MAY_IMPORT = {  # a part may also import its own files
    "edit": "",
    "records": "edit",
    "geometry": "",
    "compose": "",
    "losses": "records geometry",
    "trackers": "records geometry",
    "loop": "records",
    "frame": "records compose",
    "trace_files": "frame records",
    "trace": "frame trace_files records",
    "session": "records loop trace",
    "methods": "trackers losses",
    "models": "records geometry",
    "worlds": "",
    "images": "",
    "own_image": "images models compose",
    "training": "models worlds",
    "plot": "records trace session compose",
    "widgets": "records trace session plot compose own_image",
    "bench": (
        "loop methods models images records geometry losses trackers trace session compose worlds"
    ),
    "check": "losses trackers geometry records plot loop methods models",
    "course": "",
}


def imported_parts(source: str, module: str) -> set[str]:
    """The parts of dragkit that a module's source imports, wherever in it the import stands.

    `module` is dotted from the package on, and ends in `__init__` for a package's own file.
    """
    parts = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            parent = module.split(".")[: -node.level] if node.level else []
            base = ".".join([*parent, node.module] if node.module else parent)
            names = [f"{base}.{alias.name}" for alias in node.names]
        else:
            continue
        split = [name.split(".") for name in names]
        parts |= {
            name[1] if len(name) > 1 else "__init__" for name in split if name[0] == "dragkit"
        }
    return parts


@pytest.mark.parametrize(
    "path", sorted(PACKAGE.rglob("*.py")), ids=lambda path: str(path.relative_to(PACKAGE))
)
def test_each_file_imports_only_what_its_part_may(path):
    module = ["dragkit", *path.relative_to(PACKAGE).with_suffix("").parts]
    part = module[1]
    if part == "__init__":
        return
    assert part in MAY_IMPORT, f"dragkit/{part} has no import rule: add one to MAY_IMPORT"
    found = imported_parts(path.read_text(encoding="utf-8"), ".".join(module))
    forbidden = found - {part, *MAY_IMPORT[part].split()}
    assert not forbidden, f"{path.name} imports {sorted(forbidden)}; {part} may not"


@pytest.mark.parametrize(
    ("source", "parts"),
    [
        ("import torch", set()),
        ("import dragkit", {"__init__"}),
        ("import dragkit.plot as p", {"plot"}),
        ("from dragkit import records, loop", {"records", "loop"}),
        ("from dragkit.models.toy import Toy", {"models"}),
        ("from . import toy", {"models"}),
        ("from .toy import Toy", {"models"}),
        ("from .. import plot", {"plot"}),
        ("def f():\n    from ..plot import draw", {"plot"}),
    ],
)
def test_the_rule_sees_every_kind_of_import(source, parts):
    assert imported_parts(source, "dragkit.models.zoo") == parts
    assert imported_parts(source, "dragkit.models.__init__") == parts
