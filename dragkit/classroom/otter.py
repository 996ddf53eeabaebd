"""A lesson as a master notebook of ``otter assign``.

Raw cells fence what is what: a question, the cell with its solution, tests. Students get neither
the lines between ``# BEGIN SOLUTION`` and ``# END SOLUTION`` nor the tests' cells. A test of
Otter's earns all of its points or none, so each exercise has two (Otter-Grader's documentation,
"Notebook format" and "Exception-based tests").
"""

from __future__ import annotations

import re
from pathlib import Path

from nbformat import NotebookNode
from nbformat.v4 import new_raw_cell

from .questions import Question, code_cell

SETTINGS = """# ASSIGNMENT CONFIG
name: {name}
tests:
  ok_format: false
export_cell:
  pdf: false
"""
BEGIN, END = "# BEGIN SOLUTION NO PROMPT", "# END SOLUTION"  # the prompt is the stub
# Otter passes what the notebook has under an argument's name, or None.
TEST = '''""" # BEGIN TEST CONFIG
points: {points}
""" # END TEST CONFIG
def {sentence}({given}):
    from dragkit import check

    {line}
'''


def settings(name: str) -> NotebookNode:
    """The first cell: the assignment's name, and that a test is a function that may raise."""
    return _raw("assignment", SETTINGS.format(name=name))


def cells(question: Question) -> list[NotebookNode]:
    """What stands for an exercise: the stub with its solution, the check, and two tests."""
    stub, name = question.stub, question.name
    stub.source = "\n".join([stub.source, "", BEGIN, question.solution, END])
    earned = question.earned
    tests = [
        _test(question, "it_is_right_or_a_known_mistake", earned),
        _test(question, "it_is_right", f"assert {earned} == {question.points}"),
    ]
    return [
        _raw(f"{name}-question", f"# BEGIN QUESTION\nname: {name}\npoints: {question.points}"),
        *_fenced(name, "SOLUTION", [stub]),
        question.check,
        *_fenced(name, "TESTS", tests),
        _raw(f"{name}-end", "# END QUESTION"),
    ]


def _test(question: Question, sentence: str, line: str) -> NotebookNode:
    """A test that is worth half of the question's points."""
    given = re.findall(r"\w+", question.answer)[0]
    source = TEST.format(points=question.points / 2, sentence=sentence, given=given, line=line)
    return code_cell(f"{question.name}-{sentence.replace('_', '-')}", source)


def _fenced(name: str, part: str, cells: list[NotebookNode]) -> list[NotebookNode]:
    begin = _raw(f"{name}-begin-{part.lower()}", f"# BEGIN {part}")
    end = _raw(f"{name}-end-{part.lower()}", f"# END {part}")
    return [begin, *cells, end]


def _raw(name: str, source: str) -> NotebookNode:
    cell: NotebookNode = new_raw_cell(source, id=name)
    return cell


def place(folder: Path, name: str) -> Path:
    """Where the master notebook of a name lies; each has a folder, as `otter assign` advises."""
    return folder / name / f"{name}.ipynb"
