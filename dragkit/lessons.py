"""What a lesson's notebook holds: exercises and their solutions.

One file is both versions of a lesson. A code cell tagged ``exercise`` holds the stub; a Markdown
cell after it folds the solution away, ``<details><summary>Solution</summary>``, as a block of
Python. :func:`solved` puts each solution where its stub was.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from copy import deepcopy

from nbformat import NotebookNode

FOLD = re.compile(r"<details>\s*<summary>(.*?)</summary>(.*?)</details>", re.DOTALL)
BLOCK = re.compile(r"```python\n(.*?)\n```", re.DOTALL)


def solved(notebook: NotebookNode) -> NotebookNode:
    """A copy with each solution in the place of its stub, and without outputs.

    Raises:
        ValueError: an exercise has no solution, or a solution no exercise.
    """
    notebook = without_outputs(notebook)  # what the stubs brought about is no longer true
    for stub, answer in exercises(notebook):
        stub.source = answer
    return notebook


def without_outputs(notebook: NotebookNode) -> NotebookNode:
    """A copy that looks as if it had never run."""
    notebook = deepcopy(notebook)
    for cell in notebook.cells:
        if cell.cell_type == "code":
            cell.update(outputs=[], execution_count=None)
    return notebook


def exercises(notebook: NotebookNode) -> Iterator[tuple[NotebookNode, str]]:
    """Each stub's cell and its solution.

    Raises:
        ValueError: an exercise has no solution, or a solution no exercise.
    """
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


def lines_to_write(stub: NotebookNode, answer: str) -> int:
    """How many lines our solution has that the stub has not; blank ones do not count."""
    given = {line.strip() for line in stub.source.splitlines()}
    return sum(line.strip() not in given for line in answer.splitlines() if line.strip())


def without_solution(text: str) -> str:
    """A cell's text without the fold of the solution; hints and help stay."""

    def kept(fold: re.Match[str]) -> str:
        return "" if fold[1] == "Solution" else fold[0]

    return FOLD.sub(kept, text).strip()


def _check_solved(stub: NotebookNode | None) -> None:
    if stub is not None:
        raise ValueError(f"an exercise has no solution: {stub.source[:60]!r}")
