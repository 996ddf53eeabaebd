"""The course's checks: right answers pass, each known mistake is named, and nobody passes without an answer."""

import pytest
import torch

from dragkit import check, geometry
from dragkit.check.exercise import Exercise

EXERCISES = {name: e for name, e in vars(check).items() if isinstance(e, Exercise)}
every = pytest.mark.parametrize("exercise", EXERCISES.values(), ids=EXERCISES)


def renamed(function):
    """The same answer from somebody else's file: not the reference itself."""
    space = dict(function.__globals__)
    return type(function)(function.__code__.replace(co_name="mine"), space, "mine", function.__defaults__, function.__closure__)


@every
def test_it_is_called_what_it_asks_for(exercise):
    assert getattr(check, exercise.name) is exercise
    assert exercise.asks.startswith(f"{exercise.name}(") and exercise.name in exercise.__doc__


@every
def test_the_right_answer_passes_with_a_picture(exercise):
    verdict = exercise(renamed(exercise.answer))
    assert verdict.passed, verdict.words
    assert (verdict.picture is None) == (exercise.draw is None)


@every
def test_each_mistake_is_named(exercise):
    assert len(exercise.mistakes) >= 3
    for words, wrong in exercise.mistakes.items():
        verdict = exercise(wrong)
        assert not verdict.passed and words in verdict.words, (words, verdict.words)


@every
def test_constants_and_nothing_do_not_pass(exercise):
    first = exercise.answer
    for constant in (None, 0, 1.0, torch.zeros(3), (0, 0), "hop"):
        assert not exercise(lambda *_, c=constant: c).passed
    cases = exercise.cases()
    try:
        held = first(*cases[0])
    except Exception:
        return  # an answer that is no plain function of its case
    assert not exercise(lambda *_: held).passed


@every
def test_the_reference_itself_and_what_is_forbidden_are_told_apart(exercise):
    verdict = exercise(lambda *case: exercise.answer(*case))
    assert not verdict.passed and "write it yourself" in verdict.words


@every
def test_the_verdict_is_the_same_every_time(exercise):
    wrong = next(iter(exercise.mistakes.values()))
    assert exercise(wrong).words == exercise(wrong).words


def test_what_a_function_raises_is_told_with_its_line():
    def sample(features, x, y):
        i = int(y)
        return features[99, i]

    words = check.sample(sample).words
    assert "IndexError" in words and "line 3 of the function" in words


def test_a_call_instead_of_the_function_is_told():
    assert "give the function itself" in check.sample(torch.zeros(3)).words


def test_the_packages_own_function_is_noticed_behind_another_name():
    own = geometry.sample
    words = check.sample(lambda f, x, y: own(f, torch.tensor([x, y]), tuple(f.shape[1:]))).words
    assert "write it yourself" in words


def test_shapes_and_sizes_of_errors_are_told():
    assert "shape (2,); it should be (3,)" in check.sample(lambda f, x, y: torch.zeros(2)).words
    assert "differs in 100 % of its numbers" in check.sample(lambda f, x, y: torch.zeros(3) - 9).words
    assert "is str; it should be numbers" in check.sample(lambda f, x, y: "no").words


def test_an_answer_that_changes_its_arguments_does_not_change_ours():
    check.sample(lambda features, x, y: features.zero_()[:, 0, 0])
    assert check.sample(renamed(check.sample.answer)).passed
