"""Wrong answers, each made from the right one by changing a line."""

from __future__ import annotations

import inspect
import sys
import textwrap
from collections.abc import Callable, Mapping
from typing import Any

Answer = Callable[..., Any]
Change = tuple[str, str]  # a line of the right answer, and what stands there instead
Changes = tuple[Change, ...]


def mistakes_of(
    answer: Answer, changes: Mapping[str, Change | Changes | Answer]
) -> dict[str, Answer]:
    """The wrong answers by the sentence that explains each.

    ``mistakes_of(direction, {"x and y are swapped.": ("return d", "return d.flip(0)")})``.

    Args:
        answer: the right function, written in plain stages at the top of a module.
        changes: sentence → the line, without its indentation, and what it is changed to: several
            lines if there are line breaks in it, none if it is empty. Some mistakes need several
            changes; the few that are no change of lines are functions of their own.

    Raises:
        ValueError: the answer does not have such a line, or has it twice.
    """
    wrong: dict[str, Answer] = {}
    for sentence, change in changes.items():
        wrong[sentence] = change if callable(change) else changed(answer, change)
    return wrong


def changed(answer: Answer, change: Change | Changes) -> Answer:
    """The function `answer` with a line of its source changed, or several."""
    changes = (change,) if isinstance(change[0], str) else change
    lines = textwrap.dedent(inspect.getsource(answer)).splitlines()
    for line, new in changes:
        places = [i for i, text in enumerate(lines) if text.strip() == line]
        if len(places) != 1:
            raise ValueError(
                f"{answer.__name__} has {len(places)} lines {line!r}; a mistake changes one"
            )
        (place,) = places
        indentation = lines[place][: -len(line)]
        lines[place : place + 1] = [indentation + text for text in new.splitlines()]

    code = compile("\n".join(lines), f"<{answer.__name__} with a mistake>", "exec")
    namespace = dict(vars(sys.modules[answer.__module__]))
    exec(code, namespace)  # our own source, with a line of ours in it
    wrong: Answer = namespace[answer.__name__]
    return wrong
