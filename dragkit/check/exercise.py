"""What checks an answer: the right function beside the student's on the same cases, and the wrong
ones that people write.

The verdict never raises: a notebook whose exercises are open still runs to its end.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass, field
from typing import Any

import torch
from matplotlib.axes import Axes
from torch import Tensor

from ..plot.figures import Photo
from .calls import Answer, Unanswered, noting, raised, watched
from .drawings import side_by_side
from .verdicts import Verdict, not_yet, right, stand_in

Values = dict[str, Any]  # what an answer gave, by name: tensors, or words that must be the same
NEAR = 1e-3  # of the right answer's largest number


@dataclass(frozen=True, eq=False)
class Exercise:
    """One question to write a function for; call it with yours: ``check.sample(sample)``.

    Args:
        name: what the function is called.
        asks: what it must do, in a sentence or two.
        answer: the right function.
        cases: makes the arguments, always the same; the first are the ones that are drawn.
        mistakes: sentence → the wrong function that it explains.
        draw: ``draw(axes, case, value)`` for the first of an answer's values, or, if `whole`, for
            all of them by name.
        run: ``run(function, case)`` → what is compared, where it is not just what the function
            returns: a tensor, or several by name.
        forbidden: functions that would answer instead of the student.
        told: a case in words, where it is a few numbers: "L_end = 0.9, l = 0.3".
        whole: whether `draw` gets all values.
    """

    name: str
    asks: str
    answer: Answer
    cases: Callable[[], Sequence[tuple]]
    mistakes: Mapping[str, Answer]
    draw: Callable[[Axes, tuple, Any], None] | None = None
    run: Callable[[Answer, tuple], Any] = field(default=lambda function, case: function(*case))
    forbidden: tuple[Answer, ...] = ()
    told: Callable[[tuple], str] | None = None
    whole: bool = False
    _kept: dict[tuple[Answer, int], Values] = field(default_factory=dict, init=False, repr=False)

    def __post_init__(self) -> None:
        object.__setattr__(
            self,
            "__doc__",
            f"{self.asks}\n\nAsk with your function: check.{self.name}({self.name})",
        )

    def __call__(self, function: Answer) -> Verdict:
        """The verdict on `function`; it is called on a dozen small cases, and what it raises is
        told, not raised.
        """
        if not callable(function):
            return not_yet(
                self.name,
                f"Give the function itself, check.{self.name}({self.name}), not what it returned"
                f" ({type(function).__name__}).",
            )
        found, called, changed = [], set(), []
        for number, case in enumerate(self.cases()):
            with watched(
                {
                    getattr(f, "__code__", f): f.__qualname__.removesuffix(".__call__")
                    for f in (*self.forbidden, self.answer)
                },
                called,
            ):
                try:
                    found.append(self._values(noting(function, changed), case))
                except Unanswered:
                    where = f"for {self.told(case)}" if self.told else f"in case {number + 1}"
                    return not_yet(
                        self.name,
                        (
                            f"It returns nothing {where}; is there a branch without a return?"
                            if number
                            else "It returns nothing so far."
                        ),
                    )
                except Exception as error:
                    return not_yet(self.name, raised(error, function))
        ours = [self._known(self.answer, number) for number in range(len(found))]
        return self._judged(ours, found, called, changed)

    def or_ours(self, function: Answer) -> Answer:
        """Your function where it is right, else ours, which is said: the lesson goes on either
        way.
        """
        return (
            function
            if callable(function) and self(function).passed
            else stand_in(self.name, self.answer)
        )

    def _judged(
        self, ours: list[Values], found: list[Values], called: set[str], changed: list[str]
    ) -> Verdict:
        if (off := _first(ours, found)) is None:
            if called:
                return not_yet(
                    self.name,
                    f"All numbers are right, but they come from `{called.pop()}`. The point of"
                    " this one is to write it yourself.",
                )
            if changed:
                return not_yet(
                    self.name,
                    f"It changes `{changed[0]}`, which was passed in; make a new one, or change a"
                    f" copy: {changed[0]}.clone().",
                )
            return right(
                self.name,
                f", in {len(found)} cases of {len(found)}.",
                self._image(0, ours, found),
            )
        words = (
            self._mistake(found)
            or (_numbers(off[2]) and self._mistake(found, off[1]))
            or self._differs(*off)
        )
        return not_yet(self.name, words, self._image(off[0], ours, found))

    def _differs(self, number: int, *off: Any) -> str:
        words = _difference(*off)
        return (
            words
            if self.told is None
            else f"For {self.told(self.cases()[number])}: {words[0].lower()}{words[1:]}"
        )

    def _mistake(self, found: list[Values], only: str | None = None) -> str | None:
        """The sentence of the mistake that gives just these values; or just the one called `only`,
        where two mistakes were made at once.
        """
        named = lambda values: values if only is None else {only: values.get(only)}
        for words, wrong in self.mistakes.items():
            # only as far as they agree
            if (
                _first((named(self._known(wrong, number)) for number in range(len(found))), found)
                is None
            ):
                return words
        return None

    def _known(self, function: Answer, number: int) -> Values:
        """What our own function gives for a case; it is asked once."""
        if (function, number) not in self._kept:
            self._kept[function, number] = self._values(function, self.cases()[number])
        return self._kept[function, number]

    def _values(self, function: Answer, case: tuple) -> Values:
        # so that an answer that changes its arguments does not change ours
        value = self.run(function, deepcopy(case))
        return dict(value) if isinstance(value, Mapping) else {"": value}

    def _image(self, number: int, right: list[Values], found: list[Values]) -> Photo | None:
        if self.draw is None:
            return None
        first = lambda values: values if self.whole else next(iter(values.values()))
        # words can be right in many ways
        target = (
            "ours" if all(isinstance(value, str) for value in right[number].values()) else "target"
        )
        draw = lambda axes, values: self.draw(axes, self.cases()[number], first(values))
        return side_by_side(
            draw,
            {
                target: right[number],
                "yours": {name: _plain(value) for name, value in found[number].items()},
            },
        )


def _first(right: Iterable[Values], found: list[Values]) -> tuple[int, str, Any, Any] | None:
    """The first case that differs: its number, the value's name, what is right and
    what was found.
    """
    for number, (ours, theirs) in enumerate(zip(right, found)):
        # words, such as of what kind it is, come first
        for name, value in sorted(ours.items(), key=lambda item: _numbers(item[1])):
            if not _same(value, theirs.get(name)):
                return number, name, value, theirs.get(name)
    return None


def _same(right: Any, found: Any) -> bool:
    if not _numbers(right):
        return isinstance(found, str) and right == found
    try:
        right, found = _tensor(right), _tensor(found)
    except (TypeError, ValueError, RuntimeError):
        return False
    scale = max(right.nan_to_num().abs().max().item(), 1e-6)
    fits = right.shape == found.shape or right.numel() == found.numel() == 1
    return fits and bool(torch.allclose(found, right, rtol=0, atol=NEAR * scale, equal_nan=True))


def _difference(name: str, right: Any, found: Any) -> str:
    """In words, how an answer differs."""
    what = f"Its {name}" if name else "What it returns"
    if not _numbers(right):
        if isinstance(found, str) and found.endswith("."):
            return str(found)  # what a `run` saw, in a sentence of its own
        return f"{what} is {found!r} where it should be {right!r}."
    try:
        right, found = _tensor(right), _tensor(found)
    except (TypeError, ValueError, RuntimeError):
        return (
            f"{what} is {type(found).__name__}; it should be numbers of shape"
            f" {tuple(_tensor(right).shape)}."
        )
    if right.shape[1:] == found.shape[1:] and name.startswith("list"):
        return f"{what} ends after {len(found)}; it should have {len(right)}."
    if right.shape != found.shape:
        return f"{what} has shape {tuple(found.shape)}; it should be {tuple(right.shape)}."
    if (nowhere := found.isnan() & ~right.isnan()).any():
        return (
            f"{what} is not a number (NaN) in {100 * nowhere.double().mean().item():.0f} % of its"
            " places."
        )
    off = (found - right).abs()
    if right.numel() == 1:
        return f"{what} is {found.item():.4g} where it should be {right.item():.4g}."
    share = (off > NEAR * right.abs().max()).float().mean().item()
    return (
        f"{what} differs in {max(100 * share, 1):.0f} % of its numbers, by up to"
        f" {off.max().item():.3g}."
    )


def _numbers(value: Any) -> bool:
    return isinstance(value, Tensor | int | float) or (
        isinstance(value, list | tuple) and all(map(_numbers, value))
    )


def _plain(value: Any) -> Any:
    """The same, where it is numbers, in a form that can be drawn."""
    try:
        return value if isinstance(value, Tensor | str) else _tensor(value).squeeze().numpy()
    except (TypeError, ValueError, RuntimeError):
        return value


def _tensor(value: Any) -> Tensor:
    if isinstance(value, list | tuple):
        value = torch.stack([_tensor(part) for part in value]) if value else torch.empty(0)
    return torch.as_tensor(value).detach().cpu().double()
