"""The course's notebooks: run them, put the solutions in, keep the files small.

One file is both versions of a lesson. A code cell tagged ``exercise`` holds the stub; a Markdown
cell after it folds the solution away, ``<details><summary>Solution</summary>``, as a block of
Python. :func:`solved` puts each solution where its stub was.

::

    python -m dragkit.course run                 # run every notebook, write the outputs back
    python -m dragkit.course run 03 05           # only those whose names begin so
    python -m dragkit.course solve runs/teacher  # the teacher's versions, with the answers
"""

from __future__ import annotations

import argparse
import os
import re
from collections.abc import Iterator, Sequence
from copy import deepcopy
from pathlib import Path
from typing import Any

import nbformat
from nbclient import NotebookClient
from nbformat import NotebookNode
from tqdm.auto import tqdm

from .arguments import option_path
from .atomic import write_file

ROOT = Path(__file__).parent.parent
FOLDER = ROOT / "notebooks"
ENVIRONMENT = {"OMP_WAIT_POLICY": "PASSIVE", "PYTHONPATH": str(ROOT)}
LIVE = "application/vnd.jupyter.widget-view+json"
FOLD = re.compile(r"<details>\s*<summary>(.*?)</summary>(.*?)</details>", re.DOTALL)
BLOCK = re.compile(r"```python\n(.*?)\n```", re.DOTALL)


def paths(prefixes: Sequence[str] = ()) -> list[Path]:
    """The notebooks whose names begin with one of `prefixes`, in order; all if there are none."""
    notebooks = sorted(FOLDER.glob("*.ipynb"))
    if not prefixes:
        return notebooks
    return [path for path in notebooks if path.stem.startswith(tuple(prefixes))]


def execute(path: Path, folder: Path, solve: bool = False) -> NotebookNode:
    """The notebook as it runs in `folder`; if a cell raises an error, this raises it, too.

    Progress bars leave nothing behind.

    Args:
        path: of the notebook.
        folder: the working directory of its kernel.
        solve: put the solutions in first.
    """
    notebook = nbformat.read(path, as_version=4)
    if solve:
        notebook = solved(notebook)
    client = NotebookClient(
        notebook,
        timeout=300,
        store_widget_state=False,
        record_timing=False,
        resources={"metadata": {"path": str(folder)}},
    )
    client.execute(env=os.environ | ENVIRONMENT)

    for cell in notebook.cells:
        if cell.cell_type == "code":
            cell.outputs = [o for o in cell.outputs if not is_bar(o.get("data", {}))]
    return notebook


def write_notebook(notebook: NotebookNode, path: Path) -> None:
    """Write a notebook as Jupyter does."""
    write_file(path, nbformat.writes(notebook) + "\n")


def is_bar(data: dict[str, Any]) -> bool:
    """Whether an output is a progress bar."""
    return LIVE in data and "%|" in data.get("text/plain", "")


def solved(notebook: NotebookNode) -> NotebookNode:
    """A copy with each solution in the place of its stub, and without outputs.

    Raises:
        ValueError: an exercise has no solution, or a solution no exercise.
    """
    notebook = deepcopy(notebook)
    for stub, answer in exercises(notebook):
        stub.source = answer
    for cell in notebook.cells:
        if cell.cell_type == "code":  # what the stubs brought about is no longer true
            cell.update(outputs=[], execution_count=None)
    return notebook


def exercises(notebook: NotebookNode) -> Iterator[tuple[NotebookNode, str]]:
    """Each stub's cell and its solution."""
    stub = None
    for cell in notebook.cells:
        if "exercise" in cell.metadata.get("tags", []):
            _check_solved(stub)
            stub = cell
            continue

        answer = solution(cell)
        if answer is not None:
            if stub is None:
                raise ValueError(f"a solution has no exercise before it: {answer[:60]!r}")
            yield stub, answer
            stub = None
    _check_solved(stub)


def solution(cell: NotebookNode) -> str | None:
    """The Python that a cell folds away as the solution."""
    if cell.cell_type != "markdown":
        return None
    folds = dict(FOLD.findall(cell.source))
    found = BLOCK.search(folds.get("Solution", ""))
    return None if found is None else found[1]


def _check_solved(stub: NotebookNode | None) -> None:
    if stub is not None:
        raise ValueError(f"an exercise has no solution: {stub.source[:60]!r}")


def main(arguments: list[str] | None = None) -> None:
    """The command line; `--help` lists the parts."""
    parser = _parser()
    options = parser.parse_args(arguments)
    notebooks = paths(options.prefixes)
    if not notebooks:
        parser.error(
            f"no notebook begins with {' or '.join(options.prefixes)};"
            f" there are {', '.join(path.stem for path in paths())}"
        )

    for path in tqdm(notebooks, unit="notebook"):
        if options.part == "run":
            write_notebook(execute(path, path.parent), path)
        else:
            notebook = solved(nbformat.read(path, as_version=4))
            write_notebook(notebook, options.out / path.name)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m dragkit.course", description="Run or solve the course's notebooks."
    )
    parts = parser.add_subparsers(dest="part", required=True)
    run = parts.add_parser("run", help="run notebooks and write their outputs back")
    solve = parts.add_parser("solve", help="write the teacher's versions to a folder")
    solve.add_argument("out", type=option_path)
    for part in (run, solve):
        part.add_argument("prefixes", nargs="*", help="only notebooks whose names begin so")
    return parser


if __name__ == "__main__":
    main()
