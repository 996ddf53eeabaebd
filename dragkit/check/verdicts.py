"""What a check says about an answer: in words, and as an image."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from matplotlib.figure import Figure


class Words(str):
    """A line of Markdown."""

    def _repr_markdown_(self) -> str:
        return str(self)


@dataclass(frozen=True, eq=False)
class Verdict:
    """What a check says about an answer.

    Attributes:
        passed: whether it is right.
        words: why, as Markdown.
        image: the right answer beside the student's.
        mistake: the sentence of the known mistake that was made, if it is one and not the stub's.
    """

    passed: bool
    words: str
    image: Figure | None = None
    mistake: str | None = None

    def __repr__(self) -> str:
        return self.words

    def _ipython_display_(self) -> None:
        from IPython.display import display

        display(Words(f"{'✔' if self.passed else '✘'} {self.words}"))
        if self.image is not None:
            display(self.image)


def right(name: str, words: str, image: Figure | None = None) -> Verdict:
    """A verdict that passes."""
    return Verdict(True, f"**{name}**: right{words}", image)


def not_yet(
    name: str, words: str, image: Figure | None = None, mistake: str | None = None
) -> Verdict:
    """A verdict that says what is missing, in a sentence."""
    return Verdict(False, f"**{name}**: not yet. {words}", image, mistake)


def stand_in(name: str, ours: Any) -> Any:
    """Our answer, and a line that says that it stands in for the student's."""
    from IPython.display import display

    display(Words(f"`{name}`: ours stands in until yours is right."))
    return ours
