"""The course's notebooks: run them, put the solutions in, hand them out for points.

::

    python -m dragkit.course run                 # run every notebook, write the outputs back
    python -m dragkit.course run 03 05           # only those whose names begin so
    python -m dragkit.course solve runs/teacher  # the teacher's versions, with the answers
    python -m dragkit.course export --nbgrader runs/class 03  # assignments for nbgrader
    python -m dragkit.course export --otter runs/class        # for Otter-Grader
"""

from __future__ import annotations

import argparse
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import nbformat
from nbclient import NotebookClient
from nbformat import NotebookNode
from tqdm.auto import tqdm

from .arguments import option_path
from .classroom.export import for_nbgrader, for_otter, write_notebook
from .lessons import exercises, solved

ROOT = Path(__file__).parent.parent
FOLDER = ROOT / "notebooks"
ENVIRONMENT = {"OMP_WAIT_POLICY": "PASSIVE", "PYTHONPATH": str(ROOT)}
LIVE = "application/vnd.jupyter.widget-view+json"


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


def is_bar(data: dict[str, Any]) -> bool:
    """Whether an output is a progress bar."""
    return LIVE in data and "%|" in data.get("text/plain", "")


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

    if options.part == "run":
        for path in tqdm(notebooks, unit="notebook"):
            write_notebook(execute(path, path.parent), path)
    elif options.part == "solve":
        for path in notebooks:
            teachers = solved(nbformat.read(path, as_version=4))
            write_notebook(teachers, options.out / path.name)
    else:
        lessons = [path for path in notebooks if has_exercises(path)]
        if not lessons:
            names = ", ".join(path.stem for path in notebooks)
            parser.error(f"{names}: no exercise, so nothing to give points for")
        if options.nbgrader is not None:
            for_nbgrader(lessons, options.nbgrader)
        else:
            for_otter(lessons, options.otter)


def has_exercises(path: Path) -> bool:
    """Whether there is something to write in a notebook."""
    return any(exercises(nbformat.read(path, as_version=4)))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m dragkit.course", description="Run, solve or export the course's notebooks."
    )
    parts = parser.add_subparsers(dest="part", required=True)
    run = parts.add_parser("run", help="run notebooks and write their outputs back")
    solve = parts.add_parser("solve", help="write the teacher's versions to a folder")
    solve.add_argument("out", type=option_path)
    export = parts.add_parser("export", help="write the lessons for a class-room tool")
    tool = export.add_mutually_exclusive_group(required=True)
    tool.add_argument(
        "--nbgrader", type=option_path, metavar="FOLDER", help="a course's folder of nbgrader's"
    )
    tool.add_argument(
        "--otter", type=option_path, metavar="FOLDER", help="for master notebooks of Otter Assign"
    )
    for part in (run, solve, export):
        part.add_argument("prefixes", nargs="*", help="only notebooks whose names begin so")
    return parser


if __name__ == "__main__":
    main()
