"""What checks an answer: the right function beside the student's, on the same cases.

The verdict never raises: a notebook whose exercises are open still runs to its end.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from copy import deepcopy
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from matplotlib.axes import Axes

from ..arguments import named_arguments
from ..plot.figures import Photo
from .calls import Effort, Unanswered, noting, raised, watched
from .cases import Case
from .comparison import (
    Difference,
    Values,
    describe_difference,
    drawable,
    first_difference,
    is_numbers,
    unlike_ours,
)
from .drawings import in_one, side_by_side
from .mistakes import Answer
from .verdicts import Verdict, not_yet, right, stand_in


def call(function: Answer, case: Case) -> Values:
    """What a function returns for a case."""
    return {"": function(*case)}


@dataclass(frozen=True, eq=False)
class Exercise:
    """One question to write a function for; call it with yours: ``check.sample(sample)``.

    Args:
        name: of the function.
        asks: what it must do, in a sentence or two.
        answer: the right function.
        cases: makes the arguments, always the same (:class:`dragkit.check.cases.Cases`); the
            first are the ones that are drawn.
        mistakes: sentence → the wrong function that it explains
            (:func:`dragkit.check.mistakes.mistakes_of`).
        draw: ``draw(axes, case, value)`` for the first of an answer's values, or, if `whole`, for
            all of them by name.
        run: ``run(function, case)`` returns what is compared, by name. A sentence among it may
            be that of a mistake, which is then named.
        forbidden: functions that would answer instead of the student.
        describe: a case in words, if it is a few numbers: "L_end = 0.9, l = 0.3".
        whole: whether `draw` gets all values.
        together: whether `draw` gets both answers, by "target" and "yours", for one panel.
        given: the mistake that the stub itself makes, where the task is to find it.
    """

    name: str
    asks: str
    answer: Answer
    cases: Callable[[], Sequence[Case]]
    mistakes: Mapping[str, Answer]
    draw: Callable[[Axes, Case, Any], None] | None = None
    run: Callable[[Answer, Case], Values] = call
    forbidden: tuple[Answer, ...] = ()
    describe: Callable[[Case], str] | None = None
    whole: bool = False
    together: bool = False
    given: str | None = None
    _cache: dict[tuple[Answer, int], Values] = field(default_factory=dict, init=False, repr=False)

    def __post_init__(self) -> None:
        usage = f"Ask with your function: check.{self.name}({self.name})"
        object.__setattr__(self, "__doc__", f"{self.asks}\n\n{usage}")

    @named_arguments
    def __call__(self, function: Answer) -> Verdict:
        """The verdict on `function`.

        It is called on a dozen small cases. What it raises is reported, not raised.
        """
        if not callable(function):
            return not_yet(
                self.name,
                f"Give the function itself, check.{self.name}({self.name}), not what it returned"
                f" ({type(function).__name__}).",
            )
        found: list[Values] = []
        called: set[str] = set()
        changed: list[str] = []
        effort = Effort()
        for number, case in enumerate(self._drawn):
            try:
                with watched(self._codes(), called):
                    found.append(self._values(noting(function, changed, effort), case))
            except Unanswered:
                return not_yet(self.name, self._unanswered(number, function))
            except Exception as error:
                words = raised(error, function)
                if number > 0:  # the first cases went well, so it is this one's numbers
                    words += f" ({self._where(number)})"
                return not_yet(self.name, words)
        return self._judge(found, called, changed, effort)

    @cached_property
    def _drawn(self) -> list[Case]:
        """The cases, drawn once; answers get copies of them."""
        return list(self.cases())

    @named_arguments
    def or_ours(self, function: Answer) -> Answer:
        """Your function if it is right, else ours, with a line that says so.

        So the lesson continues either way.
        """
        if callable(function) and self(function).passed:
            return function
        ours: Answer = stand_in(self.name, self.answer)
        return ours

    def _codes(self) -> dict[Any, str]:
        """The code of the functions that must not be called, with their names."""
        functions = (*self.forbidden, self.answer)
        return {
            getattr(f, "__code__", f): f.__qualname__.removesuffix(".__call__") for f in functions
        }

    def _unanswered(self, number: int, function: Answer) -> str:
        if number == 0 and not self._answers_any(function):
            return "It returns nothing so far."
        return f"It returns nothing {self._where(number)}; is there a branch without a return?"

    def _answers_any(self, function: Answer) -> bool:
        """Whether a function that returned nothing for the first case does so for another."""
        noted = noting(function, [], Effort())
        for case in self._drawn[1:]:
            with suppress(Exception):
                self._values(noted, case)
                return True
        return False

    def _where(self, number: int) -> str:
        """In which case: in words, if it can be told."""
        if self.describe is None:
            return f"in case {number + 1}"
        return f"for {self.describe(self._drawn[number])}"

    def _judge(
        self, found: list[Values], called: set[str], changed: list[str], effort: Effort
    ) -> Verdict:
        ours = [self._known(self.answer, number) for number in range(len(found))]
        difference = first_difference(ours, found)
        if difference is not None:
            sentence = self._named(difference, found)
            words = sentence or self._describe(difference)
            image = self._image(difference.number, ours, found)
            mistake = None if sentence == self.given or effort.missing else sentence
            return not_yet(self.name, words, image, mistake)
        if called:
            return not_yet(
                self.name,
                f"All numbers are right, but they come from `{called.pop()}`. The point of this"
                " one is to write it yourself.",
            )
        listed = unlike_ours(ours, found)
        if listed is not None:
            return not_yet(self.name, listed, mistake=listed)
        if changed:
            return not_yet(self.name, changed[0], mistake=changed[0])
        words = f", in {len(found)} cases of {len(found)}."
        return right(self.name, words, self._image(0, ours, found))

    def _named(self, difference: Difference, found: list[Values]) -> str | None:
        """The sentence of the mistake that was made, if it is a known one."""
        sentence = self._mistake(found)
        if (
            sentence is None
            and isinstance(difference.found, str)
            and difference.found in self.mistakes
        ):
            return difference.found  # what a `run` saw
        if sentence is None and is_numbers(difference.right):
            sentence = self._mistake(found, only=difference.name)  # two mistakes at once
        return sentence

    def _describe(self, difference: Difference) -> str:
        """How the values differ."""
        words = describe_difference(*difference[1:])
        if self.describe is None:
            return words
        where = self._where(difference.number)
        return f"F{where[1:]}: {words[0].lower()}{words[1:]}"

    def _mistake(self, found: list[Values], only: str | None = None) -> str | None:
        """The sentence of the mistake that gives exactly these values.

        Args:
            found: the student's values, case by case.
            only: compare just the value of this name.
        """
        for sentence, wrong in self.mistakes.items():
            expected = (self._known(wrong, number) for number in range(len(found)))
            if only is not None:
                expected = ({only: values.get(only)} for values in expected)
            if first_difference(expected, found) is None:
                return sentence
        return None

    def _known(self, function: Answer, number: int) -> Values:
        """What our own function returns for a case; it is asked once."""
        if (function, number) not in self._cache:
            self._cache[function, number] = self._values(function, self._drawn[number])
        return self._cache[function, number]

    def _values(self, function: Answer, case: Case) -> Values:
        own = deepcopy(case)  # an answer that changes its arguments must not change ours
        return self.run(function, own)

    def _image(self, number: int, ours: list[Values], found: list[Values]) -> Photo | None:
        """The right values of a case beside the student's."""
        draw = self.draw
        if draw is None:
            return None
        case = self._drawn[number]

        def draw_values(axes: Axes, values: Values) -> None:
            draw(axes, case, values if self.whole else next(iter(values.values())))

        words = all(isinstance(value, str) for value in ours[number].values())
        name = "ours" if words else "target"  # words can be right in many ways
        yours = {key: drawable(value) for key, value in found[number].items()}
        answers = {name: ours[number], "yours": yours}
        if self.together:
            first = {key: next(iter(values.values())) for key, values in answers.items()}
            return in_one(lambda axes: draw(axes, case, first))
        return side_by_side(draw_values, answers)
