"""A lesson as an assignment of nbgrader: ``source/NAME/NAME.ipynb`` in a course's folder.

Each stub is a solution cell, whose solution ``nbgrader generate_assignment`` takes away; after the
lesson's check comes a locked cell of autograder tests. Such a cell earns all its points unless it
raises, and the number it ends with if there is one
(nbgrader's documentation, "Autograder tests cells" and "Partial credit").
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from nbformat import NotebookNode

from .questions import Question, code_cell

SCHEMA = 3  # of nbgrader's metadata
# Jupyter then goes on behind the cell, so an open lesson still runs to its end.
MAY_RAISE = "raises-exception"

CONFIG = """c = get_config()
c.CourseDirectory.course_id = "dragkit"
c.ClearSolutions.code_stub = {"python": "# Write your answer above."}  # each cell has a stub
c.Execute.timeout = 300  # seconds for a cell; some of them drag
"""


def cells(question: Question) -> list[NotebookNode]:
    """What stands for an exercise: the stub with its solution, the check, the points."""
    stub, name = question.stub, question.name
    stub.source = "\n".join(
        [stub.source, "", "### BEGIN SOLUTION", question.solution, "### END SOLUTION"]
    )
    stub.metadata["nbgrader"] = _metadata(name, solution=True)

    graded = code_cell(f"{name}-points", f"from dragkit import check\n\n{question.earned}")
    graded.metadata["tags"] = [MAY_RAISE]
    graded.metadata["nbgrader"] = _metadata(
        f"{name}-points", grade=True, locked=True, points=question.points
    )
    return [stub, question.check, graded]


def _metadata(grade_id: str, **settings: Any) -> dict[str, Any]:
    """What nbgrader keeps with a cell; what is not set is not the case."""
    kinds = {"grade": False, "locked": False, "solution": False, "task": False}
    return {"grade_id": grade_id, "schema_version": SCHEMA} | kinds | settings


def place(folder: Path, name: str) -> Path:
    """Where nbgrader looks for the assignment of a name in its course's folder."""
    return folder / "source" / name / f"{name}.ipynb"
