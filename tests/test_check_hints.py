"""Answers as students write them: what is nearly right gets a hint that leads to the mistake."""

import math
from dataclasses import replace

import numpy as np
import pytest
import torch
from torch.nn import functional as F

import dragkit as dk
from dragkit import check


def words(exercise, answer):
    """What is said of a wrong answer."""
    verdict = exercise(answer)
    assert not verdict.passed, verdict.words
    return verdict.words


def pulled(features, patch, d, read):
    return F.l1_loss(read(features, patch + d), read(features, patch).detach())


def held(features, first, mask):
    return ((features - first.detach()) * (1 - mask)).abs().mean()


@pytest.mark.parametrize(("exercise", "loss"), [(check.pull, pulled), (check.hold, held)])
@pytest.mark.parametrize("retain", [False, True])
def test_a_loss_that_goes_backward_by_itself_is_told(exercise, loss, retain):
    def eager(*case):
        value = loss(*case)
        value.backward(retain_graph=retain)
        return value

    assert "calls backward itself" in words(exercise, eager)


def test_a_guard_that_reaches_far_is_seen():
    def guarded(least):
        return lambda p, t: (t - p) / (t - p).norm().clamp_min(least)

    assert "shorter than 1" in words(check.direction, guarded(0.1))
    assert check.direction(guarded(1e-5)).passed


def test_a_few_numbers_are_told_beside_the_right_ones():
    def from_the_origin(point, target):
        return F.normalize(target, dim=0)

    point, target = check.direction.cases()[0]
    right = F.normalize(target - point, dim=0)
    said = words(check.direction, from_the_origin)
    assert "({:.4g}, {:.4g}), but".format(*from_the_origin(point, target)) in said
    assert "be ({:.4g}, {:.4g}).".format(*right) in said


def test_the_case_in_which_it_raises_is_told():
    def divided(point, target):
        (x, y), (u, v) = point.tolist(), target.tolist()
        length = math.hypot(u - x, v - y)
        return torch.tensor([(u - x) / length, (v - y) / length])

    said = words(check.direction, divided)
    same = next(f"({x:.2f}, {y:.2f})" for (x, y), t in check.direction.cases() if (x, y) == (*t,))
    assert "ZeroDivisionError" in said and f"(for point {same}, target {same})" in said


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


def test_read_says_what_it_takes():
    def swapped(features, patch, d, read):
        return (read(patch + d, features) - read(patch, features)).abs().mean()

    assert "features (c h w) first, then the points" in words(check.pull, swapped)


def test_patches_in_another_order_are_told():
    def sorted_by_trust(now, first, confidence, threshold):
        trusted = confidence >= threshold
        return torch.cat([now[trusted], first[~trusted]])

    assert "in another order" in words(check.reference, sorted_by_trust)


def test_a_gate_that_is_shut_at_zero_is_told_for_which_confidence():
    def positive(now, first, confidence, threshold):
        return torch.where((confidence > 0)[:, None, None], now, first)

    assert "For confidence (" in words(check.reference, positive)


def test_patches_that_no_loss_can_take_are_told():
    def chosen(now, first, confidence, threshold):
        return np.where((confidence >= threshold)[:, None, None], now, first)

    assert "array of NumPy" in words(check.reference, chosen)


@pytest.mark.parametrize(
    ("said", "gate"),
    [
        ("It does not go by each handle's own", lambda first: first - 0.3 * first.mean()),
        ("It does not go by each handle's own", lambda first: first - first.std(correction=0)),
        ("It does not go by each handle's own", lambda s: s - 0.1 if len(s) == 3 else None),
        ("nan is no number", lambda first: first - (-first).sqrt()),
        ("in line 1 of the function", lambda first: first - 0.1 * unknown),  # noqa: F821
    ],
)
def test_what_else_a_gate_breaks_is_named(said, gate):
    assert said in words(check.gate, gate)


def test_a_gate_may_return_what_a_drag_takes():
    for gate in (
        lambda first: first.numpy() - 0.1,
        lambda first: [s - 0.1 for s in first.tolist()],
        lambda first: [s - 0.1 for s in first],
        lambda first: first.double() - 0.1,
    ):
        assert check.gate(gate).passed, check.gate(gate).words


def changed(method, **more):
    motion, mask = method["losses"]
    changes = {
        "losses": (replace(motion, first_patch=1), mask),
        "tracker": dk.TrackEvery(method["tracker"], updates=3),
        "lr": 0.02,
    }
    return changes | more


def in_place(method):
    method.update(changed(method))
    return method


@pytest.mark.parametrize(
    ("said", "answer"),
    [
        ("It changes `method`, which was passed in", in_place),
        ("a copy: method.copy().", in_place),
        ("It has no steps, arrive, trust", changed),
        ("does not know 'updates'", lambda m: m | changed(m, updates=3)),
        ("does not know 'learning_rate'", lambda m: m | changed(m, learning_rate=0.02)),
        ("`losses` is one loss", lambda m: m | changed(m, losses=changed(m)["losses"][0])),
        ("The mask term comes first", lambda m: m | changed(m, losses=changed(m)["losses"][::-1])),
        ("refuse it: lr is '0.02'", lambda m: m | changed(m, lr="0.02")),
        ("refuse it: tracker is the class", lambda m: m | changed(m, tracker=dk.TrackEvery)),
        ("It returns a tuple; a method is a dict", lambda m: (m, changed(m))),
    ],
)
def test_what_is_no_method_is_told(said, answer):
    assert said in words(check.gooddrag, answer)


def test_a_direction_in_doubles_is_right_and_can_be_read_with():
    def from_numpy(point, target):
        displacement = np.asarray(target, dtype=float) - np.asarray(point, dtype=float)
        return torch.from_numpy(displacement / max(np.linalg.norm(displacement), 1e-8))

    assert check.direction(from_numpy).passed
    features, points = torch.rand(2, 8, 8), torch.tensor([[3.25, 4.5]])
    moved = points + from_numpy(torch.zeros(2), torch.tensor([3.0, 4.0]))
    read = dk.geometry.sample(features, moved, (8, 8))
    torch.testing.assert_close(read, dk.geometry.sample(features, moved.float(), (8, 8)))
