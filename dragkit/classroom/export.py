"""Write lessons for a class-room tool: nbgrader or Otter-Grader."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import nbformat
from nbformat import NotebookNode

from ..atomic import write_file
from ..lessons import exercises, without_outputs, without_solution
from . import nbgrader, otter
from .questions import Question, question


def for_nbgrader(lessons: Sequence[Path], folder: Path) -> None:
    """Write an assignment for each lesson into a course's folder, and settings if it has none.

    Raises:
        ValueError: a notebook's exercises are not what :func:`graded` needs.
        OSError: it cannot be written.
    """
    for path in lessons:
        assignment = graded(nbformat.read(path, as_version=4), nbgrader.cells)
        write_notebook(assignment, nbgrader.place(folder, path.stem))

    settings = folder / "nbgrader_config.py"
    if not settings.exists():
        write_file(settings, nbgrader.CONFIG)


def for_otter(lessons: Sequence[Path], folder: Path) -> None:
    """Write a master notebook of Otter Assign for each lesson.

    Raises:
        ValueError: a notebook's exercises are not what :func:`graded` needs.
        OSError: it cannot be written.
    """
    for path in lessons:
        master = graded(nbformat.read(path, as_version=4), otter.cells)
        master.cells.insert(0, otter.settings(path.stem))
        write_notebook(master, otter.place(folder, path.stem))


def graded(
    lesson: NotebookNode, cells_of: Callable[[Question], list[NotebookNode]]
) -> NotebookNode:
    """A copy in which other cells stand for each exercise, without outputs and folded solutions.

    Args:
        lesson: its exercises are a text with the difficulty, a stub, its check, and a text that
            folds the solution.
        cells_of: makes the cells that a tool takes for an exercise, in place of stub and check.

    Raises:
        ValueError: an exercise has no difficulty, check or solution.
    """
    notebook = without_outputs(lesson)
    cells = notebook.cells
    for stub, solution in list(exercises(notebook)):
        at = cells.index(stub)
        card, check = cells[at - 1].source, cells[at + 1]
        cells[at : at + 2] = cells_of(question(card, stub, check, solution))

    for cell in cells:
        if cell.cell_type == "markdown":
            cell.source = without_solution(cell.source)
    return notebook


def write_notebook(notebook: NotebookNode, path: Path) -> None:
    """Write a notebook as Jupyter does."""
    write_file(path, nbformat.writes(notebook) + "\n")
