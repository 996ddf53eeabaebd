"""The course's notebooks: run them, solve them, keep them small.

One file is both versions of a lesson. A code cell tagged ``exercise`` holds the stub; a Markdown
cell after it folds the solution away, ``<details><summary>Solution</summary>``, as a block of
Python. :func:`solved` puts each solution where its stub was.

::

    python -m dragkit.course run                 # every notebook anew, outputs written back
    python -m dragkit.course run 03 05           # those whose names begin so
    python -m dragkit.course solve runs/teacher  # the teacher's versions, with the answers in place
"""

from __future__ import annotations

import argparse
import os
import re
from collections.abc import Iterator, Sequence
from copy import deepcopy
from pathlib import Path

import nbformat
from nbclient import NotebookClient
from nbformat import NotebookNode
from tqdm.auto import tqdm

ROOT = Path(__file__).parent.parent
FOLDER = ROOT / "notebooks"
QUIET = {"OMP_WAIT_POLICY": "PASSIVE", "PYTHONPATH": str(ROOT)}
LIVE = "application/vnd.jupyter.widget-view+json"
FOLD = re.compile(r"<details>\s*<summary>(.*?)</summary>(.*?)</details>", re.DOTALL)
BLOCK = re.compile(r"```python\n(.*?)\n```", re.DOTALL)


def paths(begins: Sequence[str] = ()) -> list[Path]:
    """The notebooks whose names begin so, in order; without `begins` all."""
    return [
        path
        for path in sorted(FOLDER.glob("*.ipynb"))
        if path.stem.startswith(tuple(begins) or "")
    ]


def execute(path: Path, folder: Path, solve: bool = False) -> NotebookNode:
    """The notebook as it runs in `folder`, solved if asked for; a cell that raises raises here.
    Progress bars leave nothing behind.
    """
    notebook = nbformat.read(path, as_version=4)
    if solve:
        notebook = solved(notebook)
    resources = {"metadata": {"path": str(folder)}}
    NotebookClient(
        notebook, timeout=300, store_widget_state=False, record_timing=False, resources=resources
    ).execute(env=os.environ | QUIET)
    for cell in notebook.cells:
        if cell.cell_type == "code":
            cell.outputs = [o for o in cell.outputs if not is_bar(o.get("data", {}))]
    return notebook


def is_bar(data: dict) -> bool:
    """Whether an output is a progress bar."""
    return LIVE in data and "%|" in data.get("text/plain", "")


def solved(notebook: NotebookNode) -> NotebookNode:
    """The same with each solution in its stub's place.

    Raises:
        ValueError: an exercise without a solution, or a solution without an exercise.
    """
    notebook = deepcopy(notebook)
    for stub, answer in exercises(notebook):
        stub.source = answer
    return notebook


def exercises(notebook: NotebookNode) -> Iterator[tuple[NotebookNode, str]]:
    """Each stub's cell and its solution."""
    stub = None
    for cell in notebook.cells:
        if "exercise" in cell.metadata.get("tags", []):
            if stub is not None:
                raise ValueError(f"an exercise has no solution: {stub.source[:60]!r}")
            stub = cell
        elif found := solution(cell):
            if stub is None:
                raise ValueError(f"a solution has no exercise before it: {found[:60]!r}")
            yield stub, found
            stub = None
    if stub is not None:
        raise ValueError(f"an exercise has no solution: {stub.source[:60]!r}")


def solution(cell: NotebookNode) -> str | None:
    """The Python that a cell folds away as the solution."""
    folds = dict(FOLD.findall(cell.source)) if cell.cell_type == "markdown" else {}
    found = BLOCK.search(folds.get("Solution", ""))
    return found and found[1]


def main(arguments: list[str] | None = None) -> None:
    """The command line; `--help` lists the parts."""
    parser = argparse.ArgumentParser(
        prog="python -m dragkit.course", description=__doc__.split("\n\n")[0]
    )
    parts = parser.add_subparsers(dest="part", required=True)
    run = parts.add_parser("run", help="run notebooks and write their outputs back")
    solve = parts.add_parser("solve", help="write the teacher's versions to a folder")
    solve.add_argument("out", type=Path)
    for part in (run, solve):
        part.add_argument("begins", nargs="*", help="only notebooks whose names begin so")
    options = parser.parse_args(arguments)
    found = paths(options.begins)
    if not found:
        parser.error(
            f"no notebook begins with {' or '.join(options.begins)}; there are"
            f" {', '.join(path.stem for path in paths())}"
        )
    for path in tqdm(found, unit="notebook"):
        if options.part == "run":
            nbformat.write(execute(path, path.parent), path)
        else:
            options.out.mkdir(parents=True, exist_ok=True)
            nbformat.write(solved(nbformat.read(path, as_version=4)), options.out / path.name)


if __name__ == "__main__":
    main()
