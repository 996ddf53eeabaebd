"""Answers as students write them: what is nearly right gets a hint that leads to the mistake."""

from torch.nn import functional as F

from dragkit import check


def words(exercise, answer):
    """What is said of a wrong answer."""
    verdict = exercise(answer)
    assert not verdict.passed, verdict.words
    return verdict.words


def test_a_few_numbers_are_told_beside_the_right_ones():
    def from_the_origin(point, target):
        return F.normalize(target, dim=0)

    point, target = check.direction.cases()[0]
    right = F.normalize(target - point, dim=0)
    said = words(check.direction, from_the_origin)
    assert "({:.4g}, {:.4g}), but".format(*from_the_origin(point, target)) in said
    assert "be ({:.4g}, {:.4g}).".format(*right) in said


def test_an_if_of_several_answers_is_told_what_to_ask():
    def here(point, target):
        return point if point == target else F.normalize(target - point, dim=0)

    def numpy(point, target):
        return here(point.numpy(), target.numpy())

    assert "all() or any()" in words(check.direction, here)
    assert "all() or any()" in words(check.direction, numpy)


def test_a_branch_without_a_return_is_told_in_the_first_case_too():
    def positive_alone(first, ratio):
        if (first >= 0).all():
            return ratio * first
        return None

    assert "is there a branch without a return?" in words(check.threshold, positive_alone)
    assert "It returns nothing so far." in words(check.threshold, lambda first, ratio: None)


def test_truths_in_place_of_numbers_are_told():
    assert "is True or False" in words(check.threshold, lambda s, r: s >= r * s)
    assert "is True or False" in words(check.threshold, lambda s, r: (s >= r * s).numpy())


def test_a_mistake_made_in_place_earns_its_half():
    def divided(point, target):
        target -= point
        target /= target.norm()
        return target

    verdict = check.direction(divided)
    assert verdict.mistake is not None and "0/0" in verdict.mistake
    assert not check.direction(lambda point, target: point).mistake
