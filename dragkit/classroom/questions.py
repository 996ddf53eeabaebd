"""An exercise of a lesson, as a class-room tool sees it."""

from __future__ import annotations

import re
from dataclasses import dataclass

from nbformat import NotebookNode
from nbformat.v4 import new_code_cell

CHECK = re.compile(r"check\.(\w+)\((.+)\)")
DOT = "●"


@dataclass(frozen=True, eq=False)
class Question:
    """An exercise with its solution and its points.

    Attributes:
        stub: the cell that students fill in.
        check: the lesson's own check, which draws the answer and names the mistake.
        solution: the Python of our answer.
        points: as many as its difficulty has dots.
    """

    stub: NotebookNode
    check: NotebookNode
    solution: str
    points: int

    @property
    def name(self) -> str:
        """What its check is called, such as "sample" for ``check.sample(sample)``."""
        return self._asked[1]

    @property
    def answer(self) -> str:
        """What the check is given, as Python, such as "sample" or "MyTracker()"."""
        return self._asked[2]

    @property
    def earned(self) -> str:
        """The line of Python that gives the points of an answer, or raises."""
        return f"check.earned(check.{self.name}, {self.answer}, points={self.points})"

    @property
    def _asked(self) -> re.Match[str]:
        asked = CHECK.fullmatch(self.check.source.strip())
        if asked is None:
            raise ValueError(
                f"after a stub comes one call of its check, not {self.check.source[:60]!r}"
            )
        return asked


def question(card: str, stub: NotebookNode, check: NotebookNode, solution: str) -> Question:
    """An exercise, whose points stand on its card as the dots of its difficulty.

    Raises:
        ValueError: the card has no difficulty.
    """
    difficulty = re.search(rf"Difficulty ({DOT}+)", card)
    if difficulty is None:
        raise ValueError(f"the card of an exercise has no difficulty: {card[:60]!r}")
    return Question(stub, check, solution, len(difficulty[1]))


def code_cell(name: str, source: str) -> NotebookNode:
    """A cell with an id of its own, so that two exports are the same file."""
    cell: NotebookNode = new_code_cell(source, id=name)
    return cell
