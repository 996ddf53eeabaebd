"""The import rule keeps the pieces apart: what does not know of widgets can run without them."""

import ast
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

import dragkit

PACKAGE = Path(dragkit.__file__).parent
# they know nothing of the others
FOR_ALL = {"numeric", "atomic", "locking", "arguments", "latents", "reading", "npz", "file_signs"}
FOR_ALL |= {"asking", "gradients", "leaving", "threads"}
MAY_IMPORT = {  # from the bottom up; a part may also import its own files
    "numeric": "",
    "atomic": "",
    "locking": "",
    "arguments": "",
    "asking": "",
    "threads": "",
    "gradients": "",
    "leaving": "",
    "latents": "",
    "file_signs": "",
    "reading": "",
    "npz": "",
    "geometry": "",
    "pixels": "",
    "scores": "",
    "image_files": "",
    "placement": "",
    "colour_profiles": "",
    "planes": "colour_profiles image_files",
    "mask_files": "planes image_files",
    "records": "pixels mask_files",
    "pieces": "records",
    "gates": "",
    "losses": "records geometry",
    "trackers": "records pieces geometry scores",
    "contract": "records pieces geometry",
    "answers": "records pieces contract",
    "validation": "records pieces contract pixels",
    "masks": "mask_files records pieces losses answers validation",
    "tracking": "records pieces answers",
    "progress": "records pieces tracking contract answers",
    "loop": "records pieces progress validation",
    "methods": "pieces gates losses trackers",
    "interventions": "records pieces geometry answers tracking trackers models",
    "warping": "records geometry",
    "models": "records pixels placement",
    "leaves": "records pieces loop models",
    "worlds": "",
    "compose": "geometry pixels scores",
    "page": "records pieces compose scores",
    "images": "planes placement",
    "carrying": "geometry images planes placement records",
    "preview": "models compose pixels",
    "inversion": "images placement models preview",
    "runs": "records pieces contract answers validation tracking interventions loop models"
    " compose page pixels",
    "tasks": "records mask_files planes geometry pieces trackers loop methods models worlds pixels"
    " compose",
    "training": "models worlds tasks compose pixels",
    "maps": "records pieces answers validation geometry trackers runs",
    "plot": "maps records runs models compose pixels scores",
    "widgets": "records pieces gates trackers methods interventions maps plot scores validation"
    " loop runs models inversion placement compose page pixels",
    "check": "records geometry gates pieces validation trackers loop methods models tasks plot",
    "bench": "records geometry gates pieces losses trackers validation loop methods models images"
    " carrying placement inversion warping compose page runs tasks worlds pixels widgets",
    "lessons": "",
    "classroom": "lessons",
    "course": "classroom lessons",
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
    forbidden = found - FOR_ALL - {part, *MAY_IMPORT[part].split()}
    assert not forbidden, f"{path.name} imports {sorted(forbidden)}; {part} may not"


def test_the_rule_has_no_circle():
    graph = {part: set(others.split()) for part, others in MAY_IMPORT.items()}
    assert len(list(TopologicalSorter(graph).static_order())) == len(MAY_IMPORT)


def test_gan_and_diffusion_do_not_know_each_other():
    for part, other in (("gan", "diffusion"), ("diffusion", "gan")):
        for path in (PACKAGE / "models" / part).rglob("*.py"):
            assert f".{other}" not in path.read_text(encoding="utf-8"), path


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
