"""What pieces of one's own may answer: it is accepted, saved and opened, or refused by name."""

import re
import traceback
from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

import dragkit as dk
from dragkit.contract import MOST_NAMES, checked_metadata
from dragkit.models.toy import Toy
from dragkit.pieces import same_piece
from dragkit.records import Goals
from dragkit.runs.drawing import draw_frame

TOY = Toy(side=64, width=4)
LATENT = torch.tensor([[20.0, 20.0], [44.0, 20.0], [32.0, 46.0]])
EDIT = dk.Edit([(20, 20)], [(26, 26)])
PULL = dk.ShiftedPatchLoss(8)
METHOD = dk.methods.draggan() | {"losses": (PULL,), "lr": 0.5, "steps": 2}
ONES = torch.ones(1)
NAN = float("nan")


class Tracker:
    """The nearest neighbour, with parts of its answer replaced."""

    def __init__(self, **parts):
        self.parts = parts
        self.tracker = dk.NearestNeighbor()

    def start(self, view, edit):
        return self.tracker.start(view, edit)

    def find(self, view, memory, search_centre):
        return replace(self.tracker.find(view, memory, search_centre), **self.parts)


class Loss:
    """Motion supervision, whose value is changed."""

    def __init__(self, change=None, name="mine"):
        self.change = change
        self.name = name

    def __call__(self, *given):
        value = PULL(*given)
        return self.change(value) if self.change else value


class Model:
    """The toy, with parts of its view replaced."""

    size = TOY.size
    device = TOY.device
    name = "mine"

    def __init__(self, metadata=None, **parts):
        self.metadata = {} if metadata is None else metadata
        self.parts = parts

    def view(self, latent):
        view = TOY.view(latent)
        return replace(view, **{name: part(view) for name, part in self.parts.items()})


def run(model=TOY, edit=EDIT, latent=LATENT, **changes):
    return dk.Trace(dk.drag(model, latent, edit, **METHOD | changes))


def what_is_told(call):
    """The words of an error that dragkit raised itself."""
    with pytest.raises((TypeError, ValueError, FloatingPointError, RuntimeError)) as caught:
        call()
    last = traceback.extract_tb(caught.value.__traceback__)[-1]
    assert "/dragkit/" in last.filename.replace("\\", "/") and last.line.startswith("raise"), last
    return str(caught.value)


def same(a, b):
    """Whether two frames say the same, down to the last bit."""
    pairs = [(a.points, b.points), (a.confidence, b.confidence), (a.scores, b.scores)]
    pairs += [(a.arrived, b.arrived), (a.latent, b.latent), (a.trusted, b.trusted)]
    maps, others = a.step.track.maps, b.step.track.maps
    pairs += [(maps[name], others[name]) for name in maps]
    equal = [torch.equal(x.nan_to_num(-9), y.nan_to_num(-9)) for x, y in pairs]
    assert maps.keys() == others.keys() and a.losses == b.losses
    return all(equal) and (a.image == b.image).all()


# What can be made can be saved and opened

POINTS = [
    None, 3, "ab", [[20, 20]], [[20.0, True]], np.array([[20, 20]]), np.full((1, 2), 20.5)[::-1],
    torch.tensor([[20, 20]]), torch.full((1, 2), 20.0, dtype=torch.float64),
    torch.full((1, 2), 20.0).half(), torch.full((1, 2), 20.0).to(torch.complex64),
    torch.full((1, 2), 20.0).to_sparse(), torch.full((1, 2), 20.0, device="meta"),
    torch.ones(1, 2, dtype=torch.bool), torch.full((1, 2), 20.0, requires_grad=True),
    torch.full((2, 2), 20.0), torch.full((1, 2), NAN), torch.full((1, 2), 1e30), torch.zeros(0, 2),
]  # fmt: skip  # one line each would hide that it is a list
SCORES = [
    None, 1, torch.zeros(1, 3, 3), torch.zeros(1, 4, 4), torch.zeros(1, 0, 0), torch.zeros(1, 3),
    torch.zeros(1, 3, 3, dtype=torch.int32), torch.ones(1, 3, 3, dtype=torch.bool),
    np.zeros((1, 3, 3)), [[[1, 2], [3, 4]]], torch.zeros(1, 1, 1).expand(1, 3, 3),
    torch.full((1, 1, 1), NAN), torch.zeros(1, 3, 3, requires_grad=True), torch.zeros(2, 3, 3),
]  # fmt: skip
NUMBERS = [
    None, 5, [1], [True], ONES, ONES.bool(), ONES.long(), ONES.double(), ONES.to("meta"),
    ONES * NAN, ONES.to(torch.complex64), np.ones(1), torch.ones(2), ONES.clone().requires_grad_(),
]  # fmt: skip
NAMES = [
    "a",
    "",
    "  ",
    "a\nb",
    "\x1b",
    "\ud800",
    "é" * 101,
    "x" * 300,
    "<b>",
    "a/b@3%",
    1,
    "scores",
]
STRIDES = [
    1,
    0.5,
    0,
    -1,
    NAN,
    np.inf,
    None,
    "a",
    True,
    np.int64(2),
    torch.tensor(2.0),
    1e9,
    1e-9,
    10**400,
]
GOALS = [
    None, 3, Goals(torch.zeros(1, 2, 2), ("a",), ONES.bool(), ONES),
    Goals(np.zeros((1, 0, 2)), ["a"], [True], [0.5]), Goals(None, ("a",), ONES.bool(), ONES),
    Goals(torch.zeros(1, 2, 2), ("a", "b"), torch.ones(2).bool(), ONES),
    Goals(torch.zeros(1, 2, 3), ("a",), ONES.bool(), ONES),
    Goals(torch.zeros(1, 2, 2), ("",), ONES.bool(), ONES),
    Goals(torch.zeros(1, 2, 2), ("a",), ONES, ONES),
]  # fmt: skip
DEEP: list = []
for _ in range(40):
    DEEP = [DEEP]
NOTES = [
    {"a": 1}, {"a": (1, np.float32(2))}, {"": 1}, {"a\nb": 1}, {1: 2}, {"a": {1: 2, "1": 3}},
    {"a": DEEP}, {"a": "x" * 10_001}, {"a": 2**70}, {"a": NAN}, {"a": object()}, [1], "x", 5,
    {str(i): i for i in range(MOST_NAMES + 1)}, {"a": torch.device("cpu")}, {"a": "\ud800"},
]  # fmt: skip
MAPS = st.one_of(
    st.sampled_from([None, [1], {}, {"a": None}]),
    st.dictionaries(st.sampled_from(NAMES), st.sampled_from(SCORES), max_size=2),
)
PARTS = {
    "points": st.sampled_from(POINTS),
    "confidence": st.sampled_from(NUMBERS),
    "scores": st.sampled_from(SCORES),
    "maps": MAPS,
    "threshold": st.sampled_from(NUMBERS),
    "stride": st.sampled_from(STRIDES),
    "goals": st.sampled_from(GOALS),
    "window_centre": st.sampled_from(POINTS),
}
GATES = [
    lambda c: c, lambda c: c.numpy(), lambda c: c.tolist(), lambda c: 0.5, lambda c: None,
    lambda c: c * NAN, lambda c: c.to(torch.complex64), lambda c: c.to("meta"), lambda c: c > 0,
    lambda c: c.double(), lambda c: c.long(), lambda c: torch.ones(2), lambda c: c.fill_(2),
]  # fmt: skip
LOSSES = [
    lambda v: v, lambda v: v[None], lambda v: v.double(), lambda v: v.half(), lambda v: v.long(),
    lambda v: v > 0, lambda v: v.to(torch.complex64), lambda v: v.to("meta"), lambda v: None,
    lambda v: 0.0, lambda v: 0, lambda v: True, lambda v: "a", lambda v: np.float64(1),
    lambda v: torch.stack([v, v]), lambda v: v * NAN, lambda v: v.to_sparse(),
]  # fmt: skip
IMAGES = [
    lambda: None, lambda: 3, lambda: np.zeros((3, 64, 64)), lambda: torch.zeros(3, 64, 64),
    lambda: torch.zeros(1, 3, 64, 64), lambda: torch.zeros(1, 64, 64),
    lambda: torch.zeros(3, 8, 8), lambda: torch.zeros(3, 64, 64).byte(),
    lambda: torch.zeros(3, 64, 64).double(),
    lambda: torch.full((3, 64, 64), NAN), lambda: torch.zeros(3, 64, 64, device="meta"), 5, None,
]  # fmt: skip


def tried(path, words, **changes):
    """Make a run; if that works it can be saved, opened and looked at."""
    try:
        trace = run(**changes)
    except (TypeError, ValueError, FloatingPointError) as error:
        last = traceback.extract_tb(error.__traceback__)[-1]
        assert "/dragkit/" in last.filename.replace("\\", "/") and last.line.startswith("raise")
        assert any(word in str(error) for word in words), error
        return
    again = dk.Trace.load(trace.save(path))
    assert all(map(same, trace, again)) and repr(again.metadata) == repr(trace.metadata)
    draw_frame(again[-1], again.path(), 0, size=64)
    dk.Player(again, 64).close()


@settings(max_examples=300, deadline=None)
@given(data=st.data())
def test_what_a_tracker_may_answer_can_be_saved_and_opened(tmp_path_factory, data):
    names = data.draw(
        st.lists(st.sampled_from(sorted(PARTS)), min_size=1, max_size=2, unique=True)
    )
    parts = {name: data.draw(PARTS[name]) for name in names}
    trust = data.draw(st.sampled_from([None, dk.above(0.5)]))
    path = tmp_path_factory.mktemp("run") / "run"
    tried(path, ["the tracker gave at step"], tracker=Tracker(**parts), trust=trust)


@pytest.mark.parametrize("gate", GATES)
def test_what_a_gate_may_answer_can_be_saved_and_opened(tmp_path, gate):
    tried(tmp_path / "run", ["what the gate <function"], trust=gate)


@pytest.mark.parametrize("change", LOSSES)
def test_what_a_loss_may_answer_can_be_saved_and_opened(tmp_path, change):
    losses = [PULL, Loss(change)]
    tried(tmp_path / "run", ["what the loss 'mine'", "the loss of step 0"], losses=losses)


@pytest.mark.parametrize("name", NAMES, ids=repr)
def test_what_a_loss_may_be_called_can_be_saved_and_opened(tmp_path, name):
    tried(tmp_path / "run", ["name of the losses", "losses is"], losses=[Loss(name=name)])


@pytest.mark.parametrize("notes", NOTES, ids=lambda notes: str(notes)[:20])
def test_what_a_model_may_say_of_itself_can_be_saved_and_opened(tmp_path, notes):
    tried(tmp_path / "run", ["the model's metadata"], model=Model(notes))
    trace = run()
    trace.metadata = notes
    try:
        trace.save(tmp_path / "own")
    except (TypeError, ValueError) as error:
        assert "the trace's metadata" in str(error)
        return
    assert repr(dk.Trace.load(tmp_path / "own").metadata) == repr(checked_metadata("", notes))


@pytest.mark.parametrize("render", IMAGES)
def test_what_a_model_may_render_can_be_saved_and_opened(tmp_path, render):
    tried(tmp_path / "run", ["render"], model=Model(render=lambda view: render))


def test_a_tracker_with_a_long_name_can_be_saved_and_opened(tmp_path):
    class Long(Tracker):
        def __repr__(self):
            return "x" * 20_000

    class Broken(Tracker):
        def __repr__(self):
            raise RuntimeError

    for tracker in (Long(), Broken()):
        again = dk.Trace.load(run(tracker=tracker).save(tmp_path / "run"))
        assert len(again[0].step.tracker) <= 10_000


def test_a_latent_of_16_bits_can_be_saved_and_continued(tmp_path):
    class Small:
        size = TOY.size

        def view(self, latent):
            return TOY.view(latent.float())

    latent = LATENT.bfloat16()  # which NumPy does not have
    again = dk.Trace.load(run(Small(), latent=latent).save(tmp_path / "run"))
    assert torch.equal(again[0].latent, LATENT)
    next(dk.drag(Small(), latent, EDIT, **METHOD, resume=again[-1]))


def test_a_latent_in_which_adam_divides_by_zero_is_refused_at_once():
    words = r"the latent holds torch.float16, where the square .*; give latent.float\(\)"
    for make in (dk.drag, dk.Session):
        with pytest.raises(ValueError, match=words):
            make(Model(), LATENT.half(), EDIT, **METHOD)


def test_a_slope_of_nan_stops_the_run_before_a_latent_that_is_not_finite():
    class Steep(Model):
        def view(self, latent):
            view = TOY.view(latent)
            nothing = (latent * 0).sum().sqrt()  # 0, and its slope is not finite
            return replace(view, features=view.features + nothing)

    made = dk.drag(Steep(), LATENT, EDIT, **METHOD)
    assert next(made).latent.isfinite().all()
    with pytest.raises(FloatingPointError, match="the update after step 0 makes a latent that is"):
        next(made)


def test_what_a_run_by_hand_holds_is_checked_when_it_is_saved(tmp_path):
    frame = run()[0]
    track = replace(frame.step.track, stride=1e5)  # its window would take the memory of a house
    trace = dk.Trace([replace(frame, step=replace(frame.step, track=track))])
    assert "as stride is 100000.0" in what_is_told(lambda: trace.save(tmp_path / "run"))
    assert not list(tmp_path.iterdir())


def test_a_trace_keeps_to_one_model_and_one_number_of_handles():
    trace = run()
    other = run(edit=dk.Edit([(20, 20), (44, 20)], [(26, 26), (44, 26)]))
    large = dk.Trace(
        dk.drag(Toy(width=4), Toy(width=4).sample(0), dk.Edit([(20, 20)], [(26, 26)]), **METHOD)
    )
    for frame, what in ((other[0], "points"), (large[0], "an image")):
        assert f"has {what} of shape" in what_is_told(lambda frame=frame: trace.append(frame))
    assert len(trace) == 3


# Copies


class Scribbler:
    """Writes into everything that it is handed."""

    name = "scribbler"

    def __init__(self):
        self.tracker = dk.NearestNeighbor()

    def spoil(self, *tensors):
        for tensor in tensors:
            tensor.data.fill_(7)

    def start(self, view, edit):
        memory = self.tracker.start(view, edit)
        self.spoil(view.features, view.image, edit.handles, edit.targets, edit.mask)
        return memory

    def find(self, view, memory, search_centre):
        track = self.tracker.find(view, memory, search_centre)
        self.spoil(view.features, view.image, search_centre)
        return track

    def __call__(self, view, track, start, edit):
        value = PULL(view, track, start, edit)
        self.spoil(track.points, track.confidence, track.scores, start.features, start.image)
        self.spoil(edit.handles, edit.targets, edit.mask)
        return value

    def gate(self, initial):
        threshold = 0.9 * initial
        self.spoil(initial)
        return threshold


def test_a_piece_that_writes_into_what_it_is_handed_changes_nothing():
    edit = dk.Edit([(20, 20)], [(26, 26)], torch.ones(TOY.size))
    latent = LATENT.clone()
    mine = Scribbler()
    spoilt = run(edit=edit, latent=latent, tracker=mine, losses=[mine], trust=mine.gate)
    assert edit.handles.tolist() == [[20, 20]] and edit.targets.tolist() == [[26, 26]]
    assert edit.mask.all() and torch.equal(latent, LATENT)
    honest = run(
        edit=edit,
        tracker=dk.NearestNeighbor(),
        losses=[Loss(name="scribbler")],
        trust=dk.above(0.9),
    )
    assert all(map(same, spoilt, honest))


def test_a_model_that_writes_into_the_latent_leaves_the_callers_alone():
    class Spoiling(Model):
        def view(self, latent):
            view = super().view(latent)
            latent.data.add_(1)
            return view

    latent = LATENT.clone()
    run(Spoiling(), latent=latent)
    assert torch.equal(latent, LATENT)


def test_an_answer_that_is_written_into_later_leaves_the_steps_alone():
    class Counting(Tracker):
        points = torch.tensor([[20.0, 20.0]])

        def find(self, *given):
            self.points += 1
            return replace(super().find(*given), points=self.points)

    steps = list(dk.drag(TOY, LATENT, EDIT, **METHOD | {"tracker": Counting()}))
    assert [step.points.tolist() for step in steps] == [[[21, 21]], [[22, 22]], [[23, 23]]]


def test_a_loss_may_pull_through_the_tracker_and_the_record_has_no_gradient(tmp_path):
    class Centroid(Tracker):
        """The mean of the places, weighed by the first channel's strength."""

        def find(self, view, memory, search_centre):
            cells = dk.geometry.cells(view.features, view.size)
            weights = view.features.square().sum(0).flatten().softmax(0)
            points = (weights[:, None] * cells).sum(0, keepdim=True)
            return replace(super().find(view, memory, search_centre), points=points)

    class ToTarget:
        name = "to target"

        def __call__(self, view, track, start, edit):
            return (track.points - edit.targets).square().sum()

    trace = run(tracker=Centroid(), losses=[ToTarget()])
    assert not torch.equal(trace[0].latent, trace[1].latent)
    assert not trace[0].points.requires_grad
    assert len(dk.Trace.load(trace.save(tmp_path / "run"))) == 3


# Words of our own


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"tracker": Tracker(maps=None)}, "the maps that the tracker gave at step 0 are None"),
        ({"tracker": Tracker(goals=3)}, "gave at step 0 as goals is 3; give dragkit.records"),
        ({"tracker": Tracker(scores=torch.zeros(1, 0, 0))}, r"if you compare nothing, torch.full"),
        ({"tracker": Tracker(maps=dict.fromkeys([1, "1"], torch.ones(1, 7, 7)))}, "one name"),
        ({"tracker": Tracker(maps={"a": torch.zeros(1, 3, 3)})}, "the map 'a' has shape"),
        ({"losses": [Loss(), PULL, *(Loss(name=str(i)) for i in range(100))]}, "102 names"),
        ({"model": Model(features=lambda v: v.features[:, :0])}, "none of them 0"),
        ({"model": Model(features=lambda v: v.features.to("meta"))}, "view has as features"),
        ({"model": Model(features=lambda v: None)}, "model's view has as features is None"),
        ({"model": Model(size=lambda v: None)}, "size of the model's view is None"),
        ({"model": Model(render=lambda v: 3)}, "render of the model's view is 3"),
        ({"latent": LATENT.to_sparse(), "model": Model()}, "latent is tensor"),
        ({"latent": LATENT.to(torch.float8_e4m3fn), "model": Model()}, r"give latent.float\(\)"),
    ],
    ids=lambda value: value[:20] if isinstance(value, str) else None,
)  # fmt: skip
def test_what_a_piece_breaks_is_told_by_name(changes, words):
    assert re.search(words, what_is_told(lambda: run(**changes)))


class NoLambda:
    """Pieces that take what they are not given, or raise."""

    name = "mine"
    size = TOY.size

    def __init__(self, error=None):
        self.error = error

    def start(self, view, edit):
        raise self.error

    def find(self, view):
        raise self.error

    def view(self):
        raise self.error

    def __call__(self):
        raise self.error


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        (
            {"tracker": NoLambda()},
            r"tracker's find takes \(view\), and is called with \(view",
        ),
        (
            {"losses": [NoLambda()]},
            r"the loss 'mine' takes \(\), and is called with \(view",
        ),
        ({"trust": NoLambda()}, r"the gate .* takes \(\), and is called with \(initial\)"),
        ({"model": NoLambda()}, r"the model's view takes \(\), and is called with \(latent\)"),
    ],
)
def test_a_piece_that_takes_something_else_is_told_before_the_first_step(changes, words):
    with pytest.raises(TypeError, match=words):
        dk.drag(changes.pop("model", TOY), LATENT, EDIT, **METHOD | changes)


def test_a_stop_iteration_in_a_piece_does_not_end_the_run_without_a_word():
    def by_generator():
        yield next(iter([]))

    class Stops(Tracker):
        def find(self, *given):
            return self.parts["stop"]()

    for stop in (lambda: next(iter([])), lambda: list(by_generator())):
        words = what_is_told(lambda stop=stop: run(tracker=Stops(stop=stop)))
        assert words.startswith("the tracker's find at step 0 raised StopIteration")
    render = Model(render=lambda view: lambda: next(iter([])))
    assert "the view's render raised StopIteration" in what_is_told(lambda: run(render))


def test_what_a_piece_raises_is_passed_on_with_its_name():
    class Raises(Tracker):
        def find(self, *given):
            raise KeyError("mine")

    with pytest.raises(KeyError, match="mine") as caught:
        run(tracker=Raises())
    assert caught.value.__notes__ == ["raised by the tracker's find at step 0"]


def test_a_loss_that_depends_on_another_leaf_moves_nothing_and_says_so():
    leaf = torch.ones((), requires_grad=True)
    words = what_is_told(lambda: run(losses=[Loss(lambda value: leaf * 1)]))
    assert words.startswith("no loss depends on the latent")


def test_the_names_of_the_losses_are_those_at_the_start():
    class Renamed(Loss):
        count = 0

        @property
        def name(self):
            Renamed.count += 1
            return f"a{Renamed.count}" if Renamed.count > 9 else "a"

        @name.setter
        def name(self, name):
            pass

    assert {tuple(frame.losses) for frame in run(losses=[Renamed()])} <= {("a",), ("a10",)}


@pytest.mark.parametrize("mode", [torch.no_grad, torch.inference_mode])
def test_a_drag_works_where_gradients_are_switched_off(mode):
    usual = run()
    with mode():
        steps = dk.drag(TOY, LATENT.clone(), dk.Edit([(20, 20)], [(26, 26)]), **METHOD)
        frames = dk.Trace(steps)
        assert not torch.is_grad_enabled()
        session = dk.Session(TOY, LATENT, EDIT, **METHOD).run(2)
        dk.runs.retrack(TOY, usual, dk.Discriminative())
    assert all(map(same, usual, frames)) and all(map(same, usual, session))


def test_features_of_another_precision_become_float32():
    double = Model(features=lambda view: view.features.double())
    assert all(map(same, run(), run(double)))
    run(Model(features=lambda view: view.features.half()))


def test_a_loop_of_ones_own_is_checked_like_drag():
    def pairs(points):
        return [(LATENT, points)]

    small = Model(size=lambda view: (8, 8))
    for model, points, words in (
        (TOY, [20, True], "True and False are no numbers"),
        (TOY, [20, 1e30], "pair 0 gives as points"),
        (small, [20, 20], "view has size"),
    ):
        assert words in what_is_told(lambda m=model, p=points: dk.Trace.of(m, pairs(p), EDIT))
    assert len(dk.Trace.of(TOY, pairs([500, 20]), EDIT)) == 1  # how it got lost can be looked at


class Radius(Loss):
    """A loss that says what it can do."""

    def __init__(self, **says):
        super().__init__()
        vars(self).update(says)


@pytest.mark.parametrize(
    ("says", "words"),
    [
        ({"check": True}, "check of .*Radius object> is True; give a function"),
        ({"check": lambda: None}, r"check of .* takes \(\), and is called with \(size\)"),
        ({"skip": "x"}, "skip of 'mine' is 'x'; give a number of pixels"),
        ({"skip": None}, "skip of 'mine' is None; give a number of pixels"),
    ],
)
def test_what_a_piece_says_of_itself_is_checked_before_the_first_step(says, words):
    assert re.search(words, what_is_told(lambda: run(losses=[Radius(**says)])))


@pytest.mark.parametrize("record", [dk.TrackResult, Goals])
def test_an_answer_that_was_never_filled_in_is_told(record):
    class Empty(Tracker):
        def find(self, *given):
            empty = object.__new__(record)
            if record is Goals:
                return replace(super().find(*given), goals=empty)
            return empty

    assert re.search("gave at step 0 as .* is None", what_is_told(lambda: run(tracker=Empty())))


def test_an_answer_of_a_class_of_ones_own_keeps_what_it_holds():
    class Answer(dk.TrackResult):
        def __init__(self, track):
            vars(self).update(vars(track) | {"extra": 5})

    class Mine(Tracker):
        def find(self, *given):
            return Answer(super().find(*given))

    assert [frame.step.track.extra for frame in run(tracker=Mine())] == [5, 5, 5]


def test_calls_of_a_session_and_of_a_trace_are_explained():
    for call, words in (
        (lambda: dk.Session(TOY, LATENT), "Session: missing a required argument: 'edit'"),
        (lambda: dk.Session(TOY, LATENT, EDIT, **METHOD).run(step=1), "did you mean 'steps'"),
        (lambda: run().to_gif("a.gif", fsp=3), "did you mean 'fps'"),
        (lambda: dk.Trace().append(), "Trace.append: missing a required argument: 'step'"),
    ):
        assert words in what_is_told(call)


@pytest.mark.parametrize("which", ["view", "start"])
@pytest.mark.parametrize("what", ["features", "latent"])
def test_a_loss_that_writes_into_the_features_is_named(which, what):
    class Writer:
        name = "writer"

        def __call__(self, view, track, start, edit):
            getattr(view if which == "view" else start, what).mul_(0)
            return PULL(view, track, start, edit)

    run = dk.drag(TOY, LATENT, EDIT, **METHOD | {"losses": (PULL, Writer())})
    with pytest.raises(ValueError, match="the loss 'writer' writes into the features"):
        next(run)


def test_an_enormous_answer_is_refused_before_it_is_copied():
    scores = torch.zeros(1, 1, 1).expand(1, 10**5, 10**5)
    run = dk.drag(TOY, LATENT, EDIT, **METHOD | {"tracker": Tracker(scores=scores)})
    with pytest.raises(ValueError, match="as scores has 10,000,000,000 numbers; give at most"):
        next(run)


@pytest.mark.parametrize("strict", ["no", 1, None])
def test_strict_is_a_truth(strict):
    for piece in (dk.NearestNeighbor, dk.ShiftedPatchLoss):
        with pytest.raises(TypeError, match="strict is .*; give True or False"):
            piece(8, strict=strict)


OLDER = "NearestNeighbor(radius=12, norm=2, strict=False, stride=None)"


@pytest.mark.parametrize(
    ("printed", "tracker", "same"),
    [
        (OLDER, dk.NearestNeighbor(), True),
        (OLDER[:-1] + ", candidates=None)", dk.NearestNeighbor(), True),
        (repr(dk.NearestNeighbor()), dk.NearestNeighbor(), True),
        (OLDER, dk.NearestNeighbor(subpixel=True), False),
        (OLDER, dk.NearestNeighbor(candidates=dk.Nearer()), False),
        (OLDER, dk.NearestNeighbor(norm=1), False),
        ("NearestNeighbor(radius=12)", dk.NearestNeighbor(stride=2), False),
    ],
)
def test_a_run_older_than_a_setting_has_it_at_its_default(printed, tracker, same):
    assert same_piece(printed, tracker) is same
