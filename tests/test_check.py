"""The course's checks: right answers pass, each known mistake is named, and nobody passes without
an answer.
"""

from copy import deepcopy
from dataclasses import replace

import numpy as np
import pytest
import torch
from torch.nn import functional as F

import dragkit as dk
from dragkit import check, gates, geometry
from dragkit.check.exercise import Exercise
from dragkit.check.lesson13_project import Patch

EXERCISES = {name: e for name, e in vars(check).items() if isinstance(e, Exercise)}
every = pytest.mark.parametrize("exercise", EXERCISES.values(), ids=EXERCISES)


EFFORTLESS = {  # mistakes that return an argument as it is
    "It returns z as it was: nothing is learned.",
    "That is the handle itself: take its feature from before, and search in after.",
    "Then nothing moves: x0 belongs to `now`, the new mixture to `then`.",
    "That is the confidence itself; the ratio is nowhere in it.",
    "Then the gate never opens: the present patch is nowhere in it.",
    "Then the gate never shuts: the first patch is nowhere in it.",
}


def renamed(function):
    """The same answer from somebody else's file: not the reference itself."""
    space = dict(function.__globals__)
    return type(function)(
        function.__code__.replace(co_name="mine"),
        space,
        "mine",
        function.__defaults__,
        function.__closure__,
    )


@every
def test_it_is_called_what_it_asks_for(exercise):
    assert getattr(check, exercise.name) is exercise
    assert exercise.asks.startswith(f"{exercise.name}(") and exercise.name in exercise.__doc__


@every
def test_the_right_answer_passes_with_a_image(exercise):
    verdict = exercise(renamed(exercise.answer))
    assert verdict.passed, verdict.words
    assert (verdict.image is None) == (exercise.draw is None)
    said = [text.get_text() for axes in getattr(verdict.image, "axes", []) for text in axes.texts]
    assert "cannot be drawn" not in said


@every
def test_each_mistake_is_named(exercise):
    assert len(exercise.mistakes) >= 3, "name at least three mistakes"
    for words, wrong in exercise.mistakes.items():
        verdict = exercise(wrong)
        assert not verdict.passed and words in verdict.words, (words, verdict.words)
        earns_nothing = words == exercise.given or words in EFFORTLESS
        assert verdict.mistake == (None if earns_nothing else words)


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


class Unprintable:
    def __repr__(self):
        raise RuntimeError


def nothing_in_particular(*_):
    return Unprintable()


@every
def test_no_answer_makes_a_check_raise(exercise):
    values = (10**400, [[1], [2, 3]], {}, {"a": 1}, torch.eye(3).to_sparse(), 1j)
    constant = [lambda *_, v=value: v for value in values]
    for answer in [nothing_in_particular, len, int, torch.sum, 5, "a", None, *constant]:
        verdict = exercise(answer)
        assert not verdict.passed and repr(verdict)


@pytest.mark.parametrize("ask", [check.sample, check.sample.or_ours, check.tracker])
def test_a_check_without_an_answer_says_what_it_takes(ask):
    with pytest.raises(TypeError, match="missing .*; it takes (function|tracker)"):
        ask()


def test_what_a_function_raises_is_told_with_its_line():
    def sample(features, x, y):
        i = int(y)
        return features[99, i]

    words = check.sample(sample).words
    assert "IndexError" in words and "line 3 of the function" in words


def test_a_call_instead_of_the_function_is_told():
    assert "Give the function itself" in check.sample(torch.zeros(3)).words


def test_the_packages_own_function_is_noticed_behind_another_name():
    own = geometry.sample
    words = check.sample(lambda f, x, y: own(f, torch.tensor([x, y]), tuple(f.shape[1:]))).words
    assert "write it yourself" in words


@pytest.mark.parametrize(
    ("exercise", "own"),
    [
        (check.threshold, lambda s, r: gates.above(r)(s)),
        (
            check.follow,
            lambda f, x, y: tuple(
                (
                    torch.tensor([x, y])
                    + geometry.sample(f, torch.tensor([x, y]), tuple(f.shape[1:]))
                ).tolist()
            ),
        ),
    ],
    ids=["threshold", "follow"],
)
def test_so_is_another_piece_of_the_package(exercise, own):
    assert "write it yourself" in exercise(own).words


def test_shapes_and_sizes_of_errors_are_told():
    assert "shape (2,); it should be (3,)" in check.sample(lambda f, x, y: torch.zeros(2)).words
    far_off = check.distances(lambda *case: check.distances.answer(*case) + 9)
    assert "differs in 100 % of its numbers" in far_off.words
    assert "is str; it should be numbers" in check.sample(lambda f, x, y: "no").words


def test_an_answer_that_changes_its_arguments_does_not_change_ours():
    check.sample(lambda features, x, y: features.zero_()[:, 0, 0])
    assert check.sample(renamed(check.sample.answer)).passed


def test_an_answer_that_changes_what_it_was_given_is_told_once_its_numbers_are_right():
    def in_place(z, features, label, mu, lr):
        z -= lr * (2 * features.T @ (features @ z - label) / len(features) + 2 * mu * z)
        return z

    def patches(now, first, confidence, threshold):
        now[confidence < threshold] = first[confidence < threshold]
        return now

    assert (
        "not yet. It changes `z`, which was passed in; make a new one, or change a copy: z.clone()"
        in check.gradient_step(in_place).words
    )
    assert "It changes `now`" in check.reference(patches).words
    assert (
        "goes uphill"
        in check.gradient_step(
            lambda z, f, y, mu, lr: z.add_(z - check.gradient_step.answer(z, f, y, mu, lr))
        ).words
    )


def test_methods_that_are_resampled_by_themselves_are_noticed_whatever_they_draw():
    def drawn(ours, theirs, resamplings):
        others = (
            np.random.default_rng(5).permutation(resamplings.ravel()).reshape(resamplings.shape)
        )
        return (
            ours.mean() / theirs.mean(),
            *np.percentile(ours[resamplings].mean(1) / theirs[others].mean(1), [2.5, 97.5]),
        )

    reversed_ = lambda a, b, r: (
        a.mean() / b.mean(),
        *np.percentile(a[r].mean(1) / b[r[::-1]].mean(1), [2.5, 97.5]),
    )
    for wrong in (drawn, reversed_):
        assert "The two methods are not resampled together" in check.ratio(wrong).words


def test_images_say_whose_answer_they_show():
    titles = lambda verdict: [axes.get_title() for axes in verdict.image.axes]
    assert titles(check.fool(renamed(check.fool.answer))) == ["ours", "yours"]
    assert titles(check.errors(renamed(check.errors.answer))) == ["target", "yours"]
    assert len(check.errors(lambda s, c, t: (s[:, 0, 0], s[:, 0, 0])).image.axes[1].lines) == 2


def test_of_two_mistakes_the_first_is_named():
    both = lambda f, q, d, read: (read(f, q + d) - read(f, q)).abs().sum()
    assert "That is the sum" in check.pull(both).words
    assert (
        "20 is in it already"
        in check.hold(lambda f, s, m: 20 * ((f - s) * (1 - m)).abs().mean()).words
    )


def test_both_images_have_one_scale():
    short = check.distances(lambda *case: check.distances.answer(*case)[:-1, :-1]).image.axes[:2]
    *_, radius = check.distances.cases()[0]
    edge = 2 * radius + 0.5
    assert [axes.get_xlim() for axes in short] == [(-0.5, edge)] * 2
    assert [axes.get_ylim() for axes in short] == [(edge, -0.5)] * 2
    loud = check.pull(lambda f, q, d, read: 99 * check.pull.answer(f, q, d, read)).image.axes[:2]
    assert len({axes.images[0].get_clim() for axes in loud}) == 1
    assert loud[1].images[0].get_array().max() > 90 * loud[0].images[0].get_array().max()


def test_it_is_said_that_ours_stands_in(capsys):
    mine = renamed(check.mix.answer)
    assert check.mix.or_ours(mine) is mine and not capsys.readouterr().out
    assert check.mix.or_ours(lambda a, b, rows: a) is check.mix.answer
    assert capsys.readouterr().out == "`mix`: ours stands in until yours is right.\n"


def test_who_draws_by_himself_is_told_to_take_what_is_given():
    mine = lambda v, r: np.percentile(
        np.random.default_rng(3).choice(v, r.shape).mean(1), [2.5, 97.5]
    )
    assert "does not go by the resamplings that are given" in check.interval(mine).words
    assert "It should return three numbers" in check.ratio(lambda a, b, r: (1.0, (0.9, 1.1))).words


def test_the_case_that_differs_is_told_in_words():
    assert (
        "For x = 1, width = 128, cells = 64: what it returns is 7, but"
        in check.cell(lambda x, w, c: 7).words
    )
    assert (
        "For L_end = 0, l = 0.796: what it returns is 0.5, but it should be 0.6753"
        in check.blend_weight(lambda end, expected: 0.5).words
    )
    assert (
        "For L_begin = 0.211, L_end = 0.332, l = 0.732: what it returns is 'jump', but it should"
        " be 'hop'"
        in check.case(lambda b, e, x: "jump" if e < x / 2 else "stay" if e < b else "back").words
    )


def test_a_branch_without_a_return_is_told():
    assert "It returns nothing so far." in check.case(lambda begin, end, expected: None).words
    found = check.case(
        lambda begin, end, expected: (
            None if begin > end > expected / 2 else check.case.answer(begin, end, expected)
        )
    ).words
    assert "It returns nothing for L_begin = " in found and "a branch without a return" in found


# --- the project's contract
# ------------------------------------------------------------------------------


class Own(Patch):
    """A good tracker whose answer is spoilt by `change(result, view, search_centre)`."""

    def __init__(self, change=lambda found, view, search_centre: found):
        super().__init__()
        object.__setattr__(self, "change", change)

    def find(self, view, memory, search_centre):
        return self.change(super().find(view, memory, search_centre), view, search_centre)


class InItself:
    """Keeps its template in itself."""

    def start(self, view, edit):
        self.template = Patch().start(view, edit)

    def find(self, view, memory, search_centre):
        return replace(Patch().find(view, self.template, search_centre), memory=None)


SHELF = []


class InAList(Own):
    """Keeps its template where nobody sees it change."""

    def start(self, view, edit):
        SHELF[:] = [super().start(view, edit)]
        return SHELF

    def find(self, view, memory, search_centre):
        return replace(super().find(view, memory[0], search_centre), memory=memory)


class Faster(Own):
    """Goes on at the speed it remembers in itself."""

    def find(self, view, memory, search_centre):
        found = super().find(view, memory, search_centre + vars(self).get("speed", 0))
        object.__setattr__(self, "speed", found.points - search_centre)
        return found


class InMemory(Own):
    """Changes what `start` returned."""

    def find(self, view, memory, search_centre):
        found = super().find(view, memory, search_centre)
        memory.copy_(self.read(view, search_centre + 3))
        return found


class Blended(Own):
    """Lets what it remembers change with what it sees, in place."""

    def find(self, view, memory, search_centre):
        found = super().find(view, memory, search_centre)
        memory.mul_(0.9).add_(0.1 * self.read(view, found.points))
        return found


class Attached(Own):
    """Reads the features with their gradient."""

    def read(self, view, points):
        around = points[..., None, :] + 2 * geometry.square(1).reshape(9, 2)
        return geometry.sample(view.features, around, view.size).flatten(-2)


class Soft(Own):
    """Answers between the pixels: the window's mean, weighted by how alike a place is."""

    def find(self, view, memory, search_centre):
        found = super().find(view, memory, search_centre)
        weights = torch.softmax(50 * found.scores.nan_to_num(nan=-1e9).flatten(1), 1)
        points = (
            weights[..., None] * geometry.window(search_centre, self.radius).flatten(1, 2)
        ).sum(1)
        return replace(found, points=points, confidence=weights.amax(1))


class Short(Own):
    """Forgets the confidence."""

    def find(self, view, memory, search_centre):
        return dk.TrackResult(search_centre, scores=torch.zeros(3, 1, 1), memory=memory)


class Far(Own):
    """Reads where there is nothing."""

    def find(self, view, memory, search_centre):
        return memory[99]


def shifted(found, view, search_centre):
    search_centre += 1
    return found


def spoilt(found, view, search_centre):
    view.features.zero_()
    return found


def attached(found, view, search_centre):
    return replace(found, points=found.points + torch.zeros(1, requires_grad=True))


BROKEN = {
    "are (y, x)": Own(lambda f, v, n: replace(f, points=f.points.flip(1))),
    "cells of the feature map": Own(lambda f, v, n: replace(f, points=(f.points - 0.5) / 2)),
    "counted from `search_centre`": Own(lambda f, v, n: replace(f, points=f.points - n)),
    "it finds handle 0 at": Own(lambda f, v, n: replace(f, points=(f.points + 1).clamp_max(127))),
    "it should be a torch tensor of shape (3, 2)": Own(
        lambda f, v, n: replace(f, points=f.points.numpy())
    ),
    "it finds handle": Own(lambda f, v, n: replace(f, points=f.points + 5)),
    "It stays where it was asked to search": Own(lambda f, v, n: replace(f, points=n)),
    "It loses handle": Own(lambda f, v, n: replace(f, points=n + (f.points - n).clamp(-0.3, 0.3))),
    "`self.template` changes": InItself(),
    "`self.speed` changes": Faster(),
    "kept outside the memory": InAList(),
    "`memory`, which was passed in": InMemory(),
    "two answers, in `points`": Own(lambda f, v, n: replace(f, points=f.points + torch.rand(1))),
    "two answers, in `confidence`": Own(lambda f, v, n: replace(f, confidence=torch.rand(3))),
    "`confidence` is 1 where the blobs are": Own(
        lambda f, v, n: replace(f, confidence=torch.ones(3))
    ),
    "Outside the image its `scores` are infinite": Own(
        lambda f, v, n: replace(f, scores=f.scores.nan_to_num(nan=-torch.inf))
    ),
    "`confidence` is lower where the blobs are": Own(
        lambda f, v, n: replace(f, confidence=-f.scores.nan_to_num(nan=-99).amax((1, 2)))
    ),
    "`scores` are transposed": Own(lambda f, v, n: replace(f, scores=f.scores.mT)),
    "`scores` are reversed": Own(lambda f, v, n: replace(f, scores=-f.scores)),
    "`scores` and `points` do not fit": Own(
        lambda f, v, n: replace(f, scores=f.scores.flip(1, 2))
    ),
    "All of its `scores` are the same": Own(
        lambda f, v, n: replace(f, scores=torch.zeros_like(f.scores))
    ),
    "the loss would pull on the tracker": Attached(),
    "`search_centre`, which was passed in": Own(shifted),
    "`view.features`, which was passed in": Own(spoilt),
    "`points` is a tensor of shape (2, 3)": Own(lambda f, v, n: replace(f, points=f.points.T)),
    "`points` is a list": Own(lambda f, v, n: replace(f, points=f.points.tolist())),
    "`confidence` is None": Own(lambda f, v, n: replace(f, confidence=None)),
    "`confidence` is a tensor of shape (1,)": Own(
        lambda f, v, n: replace(f, confidence=f.confidence[:1])
    ),
    "`scores` is a tensor of shape (3, 81)": Own(
        lambda f, v, n: replace(f, scores=f.scores.flatten(1))
    ),
    "`scores` is a tensor of shape (3, 9, 8)": Own(
        lambda f, v, n: replace(f, scores=f.scores[:, :, 1:])
    ),
    "carries gradients": Own(attached),
    "no memory back": Own(lambda f, v, n: replace(f, memory=None)),
    "outside the image": Own(lambda f, v, n: replace(f, points=f.points - 3 * (f.points < 2))),
    "returns a tensor": Own(lambda f, v, n: f.points),
    "`find` raises TypeError": Short(),
    "That is the class": Patch,
    "It has no `find`": type("Half", (), {"start": lambda self, view, edit: None})(),
    "`find` raises IndexError": Far(),
}


@pytest.mark.parametrize("words", BROKEN)
def test_what_a_tracker_breaks_is_named(words):
    said = [check.tracker(deepcopy(BROKEN[words])) for _ in range(2)]
    assert not said[0].passed and "not yet" in said[0].words and words in said[0].words, said[
        0
    ].words
    assert said[0].words == said[1].words


@pytest.mark.parametrize(
    "mine",
    [
        Patch(),
        Patch(1),
        Patch(30),
        dk.NearestNeighbor(),
        dk.Discriminative(),
        Own(),
        Soft(),
        Own(lambda f, v, n: replace(f, scores=torch.full((3, 1, 1), torch.nan))),
    ],
    ids=lambda t: type(t).__name__,
)
def test_trackers_that_keep_the_contract_pass(mine):
    verdict = check.tracker(mine)
    assert verdict.passed and "right" in verdict.words and verdict.image is not None, verdict.words
    assert check.tracker.or_ours(mine) is mine


def test_a_memory_that_changes_a_little_is_seen_before_it_shows_in_the_points():
    assert "It changes `memory`" in check.tracker(Blended()).words


def test_a_tracker_that_does_not_pass_is_stood_in_for():
    assert check.tracker.or_ours(BROKEN["are (y, x)"]) == Patch()
    assert check.tracker.__doc__ and "TrackResult" in check.tracker.__doc__


def test_a_loop_that_never_ends_or_asks_for_no_gradient_is_told():
    def endless(*case):
        while True:
            yield case[4], case[5]

    assert "ends after 46; it should have" in check.drag(endless).words

    def leafless(look, read, find, loss, latent, handle, target, steps, lr):
        yield latent, handle
        loss(look(latent), handle, target).backward()

    assert "Nothing asks for a gradient" in check.drag(leafless).words


def test_a_trap_that_nobody_fell_into_tells_by_how_much():
    words = check.fool(
        lambda start, end: ({"lookalike": 0.9, "light": 0.2}, (start + end) / 2, end)
    ).words
    assert (
        "left to right: its outcome is 'followed to the end, with a twin in light that changes, "
        in words
        and " px off', but it should be 'lost'" in words
    )
    assert "it returns no scene" in check.fool(lambda start, end: {"lookalike": 0.9}).words
    assert (
        "lookalike is None; it is a number"
        in check.fool(lambda start, end: [{"lookalike": None}, start, end]).words
    )
    assert "places in the image" in check.fool(lambda start, end: ({}, ..., ...)).words


def stepped(z, f, y, mu, lr):
    z = z.clone().requires_grad_()
    ((f @ z - y).square().mean() + mu * z.square().sum()).backward()
    return z.detach() - lr * z.grad


def counted(values, resamplings):
    means = np.sort(values[resamplings].mean(1))
    return means[int(0.025 * len(means))], means[int(0.975 * len(means))]


def slow_distances(f, template, p, r):
    cells = range(-r, r + 1)
    return [[float((f[:, p[1] + j, p[0] + i] - template).norm()) for i in cells] for j in cells]


def chosen(now, first, confidence, threshold):
    return [now[i] if confidence[i] >= threshold[i] else first[i] for i in range(len(now))]


STYLES = [  # right answers that are written another way
    ("cell", lambda x, w, c: (np.float64(x) + 0.5) / (w / c) - 0.5),
    ("distances", lambda *case: np.array(slow_distances(*case))),
    (
        "nearest",
        lambda d, p: (
            torch.tensor([p[0], p[1]])
            + torch.tensor(np.unravel_index(d.numpy().argmin(), d.shape)[::-1])
            - len(d) // 2
        ),
    ),
    ("direction", lambda p, t: F.normalize(t - p, dim=0)),
    ("direction", lambda p, t: (t - p) / ((t - p).norm() + 1e-6)),
    ("pull", lambda f, q, d, read: F.l1_loss(read(f, q + d[None]), read(f.detach(), q))),
    ("hold", lambda f, s, m: F.l1_loss(f * (1 - m), s.detach() * (1 - m))),
    ("to_cells", lambda m, n: F.interpolate(m[None, None], size=(n, n), mode="area")[0, 0]),
    (
        "label",
        lambda n, p, w: np.exp(
            -((np.arange(n) - p[0]) ** 2 + (np.arange(n)[:, None] - p[1]) ** 2) / (2 * w * w)
        ),
    ),
    (
        "ridge",
        lambda f, y, mu: (
            torch.inverse(f.T @ f / len(f) + mu * torch.eye(f.shape[1])) @ (f.T @ y / len(f))
        ),
    ),
    ("gradient_step", stepped),
    ("threshold", lambda s, r: np.array([x - (1 - r) * abs(x) for x in s.tolist()])),
    ("reference", lambda *case: torch.stack(chosen(*case))),
    (
        "blend_weight",
        lambda e, x: torch.sigmoid(torch.tensor(-np.log(9) / 0.6 / x * (e - 0.2 * x))),
    ),
    (
        "ddim_step",
        lambda z, e, n, t: (t / n) ** 0.5 * z + ((1 - t) ** 0.5 - (t * (1 - n) / n) ** 0.5) * e,
    ),
    ("interval", lambda v, r: np.quantile(v[r].mean(axis=1), [0.025, 0.975])),
    ("interval", counted),
    ("follow", lambda f, x, y: tuple(np.array(v) for v in renamed(check.follow.answer)(f, x, y))),
    ("blend_weight", lambda e, x: np.array([renamed(check.blend_weight.answer)(e, x)])),
    (
        "ratio",
        lambda a, b, r: (
            np.mean(a) / np.mean(b),
            *np.quantile(a[r].sum(1) / b[r].sum(1), [0.025, 0.975]),
        ),
    ),
    ("truncate", lambda w, m, psi: torch.lerp(m, w, psi)),
    ("errors", lambda s, c, t: [(s - t).norm(dim=2).mean(1), (s - c).norm(dim=2).mean(1)]),
]


@pytest.mark.parametrize(("name", "answer"), STYLES, ids=[name for name, _ in STYLES])
def test_a_right_answer_in_another_style_passes(name, answer):
    verdict = getattr(check, name)(answer)
    assert verdict.passed, verdict.words


@pytest.mark.parametrize(
    ("words", "gate"),
    [
        ("Give the gate itself", None),
        ("It returns 0.3", lambda first: 0.3),
        ("in another order", lambda first: torch.tensor([0.3, 0.3, 0.1])),
        ("For a negative confidence", lambda first: 0.6 * first),
        ("at most half as many", lambda first: first - 0.5 * first.abs()),
        ("It returns tensor([True", lambda first: first > 0.1),
        ("It raises ZeroDivisionError", lambda first: first / 0 + 1 // 0),
        ("It changes `first`", lambda first: first.sub_(0.1)),
        ("It shuts at step 1", lambda first: torch.full_like(first, 0.3)),
        ("it asks for inf", dk.never),
        (
            "at most half as many mistakes as above(0.8) and as no gate at all. It trusts 0 of",
            dk.above(0.8),
        ),
        (
            "at most half as many mistakes as above(0.8) and as no gate at all. It trusts 0 of",
            lambda first: first,
        ),
        ("as above(0.8) and as no gate at all. It trusts 5 of 5", dk.always),
        ("For a negative confidence", lambda first: 0 * first),
    ],
)
def test_what_a_gate_breaks_is_named(words, gate):
    said = check.gate(gate)
    assert not said.passed and words in said.words, said.words
    assert check.gate.or_ours(gate) == dk.above(0.8)


def test_a_gate_with_fewer_mistakes_passes():
    margin = lambda first: first - 0.1
    assert check.gate(margin).passed and check.gate(margin).image is not None
    assert check.gate.or_ours(margin) is margin and "above(0.8)" in check.gate.__doc__


def test_numbers_may_come_in_any_container():
    nearest, errors = renamed(check.nearest.answer), renamed(check.errors.answer)
    assert check.nearest(
        lambda *given: tuple(torch.tensor(v) if i else v for i, v in enumerate(nearest(*given)))
    ).passed
    assert check.errors(lambda *given: torch.stack(errors(*given))).passed


@pytest.mark.parametrize(
    ("exercise", "answer", "way"),
    [
        (check.distances, slow_distances, "torch.tensor"),
        (check.label, lambda *case: renamed(check.label.answer)(*case).tolist(), "torch.tensor"),
        (check.reference, chosen, "torch.stack"),
    ],
    ids=["distances", "label", "reference"],
)
def test_right_numbers_in_a_list_are_told_to_become_a_tensor(exercise, answer, way):
    verdict = exercise(answer)
    assert not verdict.passed
    assert (
        f"All numbers are right, but they are in a list; return a tensor: {way}" in verdict.words
    )


@pytest.mark.parametrize(
    ("exercise", "answer"),
    [
        (check.gradient_step, lambda z, *others: z),
        (check.match, lambda before, after, handle: handle),
        (check.ddim_step, lambda z, *others: z),
        (check.pull, lambda *case: 0),
        (check.hold, lambda *case: torch.tensor(0.0)),
        (check.patient, lambda run, *others: run),
        (check.reference, lambda now, *others: now),
        (check.reference, lambda now, first, *others: first),
        (check.threshold, lambda first, ratio: first.clone()),
    ],
)
def test_an_answer_without_effort_is_named_and_earns_nothing(exercise, answer):
    verdict = exercise(answer)
    assert any(words in verdict.words for words in exercise.mistakes)
    with pytest.raises(check.Unearned):
        check.earned(exercise, answer, 4)


def test_a_dict_is_told_as_a_dict():
    assert "What it returns is dict" in check.misled(lambda *case: {"a": 1}).words
    assert "what it returns is dict" in check.truncate(lambda *case: {}).words


@pytest.mark.parametrize(("steps", "lr"), [(60, 0.2), (200, 0.1), (2000, 0.3)])
def test_steps_do_not_pass_for_a_solution(steps, lr):
    def descent(features, label, mu):
        z = torch.zeros(features.shape[1])
        for _ in range(steps):
            error = features @ z - label
            z = z - lr * 2 * (features.T @ error / len(label) + mu * z)
        return z

    assert "These are steps, and they have not arrived" in check.ridge(descent).words
    assert check.earned(check.ridge, descent, 4) == 2


def test_mu_that_counts_too_little_is_told_in_either_form():
    def divided(features, label, mu):
        gram = (features.T @ features + mu * torch.eye(features.shape[1])) / len(label)
        return torch.linalg.solve(gram, features.T @ label / len(label))

    assert "the mean is missing, or mu is divided by K, too" in check.ridge(divided).words


def test_the_fractions_of_misleading_pairs_are_in_one_panel():
    (axes,) = check.misled(lambda *case: 0.5).image.axes
    assert "orange: the pairs that mislead" in axes.get_title()
    assert "yours: 0.5" in axes.get_title()


def test_what_is_no_number_is_told_as_that():
    assert (
        "not a number (NaN) in 100 %" in check.sample(lambda f, x, y: f[:, 0, 0] * torch.nan).words
    )
    assert "array" in check.case(lambda *given: np.zeros(2)).words


def test_the_line_is_that_of_the_function_not_of_its_helper():
    def helper():
        raise OSError("no disc")

    def mine(*given):
        return helper()

    assert "raises OSError in line 2 of the function: no disc" in check.sample(mine).words


def test_a_run_that_passes_only_points_on_or_never_ends_does_not_pass():
    def pointless(run, target, patience):
        yield from (
            (None, point) for _, point in renamed(check.patient.answer)(run, target, patience)
        )

    def endless(run, target, patience):
        yield from run
        while True:
            yield None, target

    assert not check.patient(pointless).passed and not check.patient(endless).passed


def test_the_packages_own_trackers_keep_the_contract():
    for one in (
        dk.NearestNeighbor(),
        dk.Discriminative(),
        dk.OpticalFlow(),
        dk.OpticalFlow(refine=12),
        dk.NearestNeighbor(subpixel=True),
        dk.Discriminative(subpixel=True),
        dk.TrackEvery(dk.NearestNeighbor(), updates=1),
    ):
        assert check.tracker(one).passed, check.tracker(one).words
    assert "points are goals" in check.tracker(dk.LineSearch()).words
