"""The gate on its way through the loop: thresholds, switches, and what a resumed run
takes over.
"""

from dataclasses import dataclass

import pytest
import torch

from dragkit import Discriminative, Edit, Session, Trace, TrackResult, above, drag, never
from dragkit.methods import draggan, stabledrag
from dragkit.models.toy import Toy

TOY = Toy()
LATENT = torch.tensor([[44.0, 40.0], [30.0, 100.0], [100.0, 100.0]])
EDIT = Edit([(44, 40), (30, 100)], [(60, 44), (46, 104)])
FAST = {"lr": 0.5, "steps": 8}


@dataclass(frozen=True)
class Known:
    """A tracker that stands still and is as sure as a list says, step by step."""

    sure: tuple[float, ...]

    def start(self, view, edit):
        return 0

    def find(self, view, memory, search_centre):
        confidence = torch.tensor([self.sure[memory], 1.0])
        return TrackResult(search_centre, confidence, torch.zeros(2, 1, 1), memory + 1)


def run(edit=EDIT, latent=LATENT, model=TOY, **changes):
    return list(drag(model, latent, edit, **draggan() | FAST | changes))


def bits(step):
    tensors = [
        step.latent,
        step.track.points,
        step.track.confidence,
        step.track.scores,
        step.initial_confidence,
        step.track.threshold,
    ]
    tensors += step.track.maps.values()
    return step.index, step.losses, [t.nan_to_num(-9).tolist() for t in tensors]


def test_the_gate_switches_where_a_known_confidence_crosses_its_share_of_step_1():
    steps = run(
        tracker=Known((2.0, 1.0, 0.81, 0.79, 0.5, 0.8, 3.0, 0.7)), trust=above(0.8), steps=7
    )
    assert [s.track.trusted[0].item() for s in steps] == [
        True,
        True,
        True,
        False,
        False,
        True,
        True,
        False,
    ]
    assert all(s.track.trusted[1] for s in steps)
    # of step 0's own, for want of another
    assert steps[0].track.threshold[0].item() == pytest.approx(1.6)
    torch.testing.assert_close(steps[5].track.threshold, torch.tensor([0.8, 0.8]))


def test_an_untrusted_handle_is_pulled_by_its_first_patch():
    """Nothing else differs between the two runs, and at step 0 both patches are the same."""
    usual, doubted = run(), run(trust=never)
    assert usual[0].losses == doubted[0].losses
    assert usual[3].losses != doubted[3].losses
    assert not doubted[0].track.trusted.any() and usual[0].track.trusted.all()


def test_ablations_are_arguments():
    both, tracker, gate = (
        stabledrag(),
        draggan() | {"tracker": Discriminative()},
        draggan() | {"trust": above(0.8)},
    )
    assert set(both) == set(tracker) == set(gate) == set(draggan())
    assert both == tracker | {"trust": both["trust"]}
    for method in (both, tracker, gate):
        assert run(**method | FAST)[-1].index > 2


def test_no_gate_trusts_all():
    assert all(s.track.trusted.all() and s.track.threshold is None for s in run(trust=None))


# Resuming


@pytest.mark.parametrize("k", [0, 1, 4])
def test_the_same_pieces_repeat_the_run_gate_and_all(k):
    method = stabledrag() | FAST | {"trust": above(0.99)}
    whole = run(**method)
    rest = run(**method, resume=Trace(iter(whole))[k])
    assert [bits(s) for s in rest] == [bits(s) for s in whole[k:]]


def test_the_gate_survives_a_trip_to_the_disk(tmp_path):
    method = stabledrag() | FAST | {"trust": above(0.99)}
    whole = run(**method)
    Trace(iter(whole)).save(tmp_path / "run")
    kept = Trace.load(tmp_path / "run")
    assert [bits(s) for s in run(**method, resume=kept[5])] == [bits(s) for s in whole[5:]]
    for frame, step in zip(kept, whole, strict=True):
        assert frame.trusted.tolist() == step.track.trusted.tolist()
        assert frame.step.tracker == repr(method["tracker"])
        torch.testing.assert_close(
            frame.step.track.maps["learned"], step.track.maps["learned"], equal_nan=True
        )


def test_another_tracker_begins_with_a_measure_of_its_own():
    """Its confidence has another scale than the first one's."""
    past = run(tracker=Known((9.0,) * 9), trust=above(0.5))[4]
    rest = run(tracker=Known((1.0, 0.6, 0.4)), trust=above(0.5), resume=past, steps=6)
    assert [s.initial_confidence[0].item() for s in rest] == [1.0] * 3
    assert [s.track.trusted[0].item() for s in rest] == [True, True, False]


def test_a_session_swaps_tracker_and_gate_and_keeps_the_past():
    session = Session(TOY, LATENT, EDIT, **draggan() | FAST)
    session.run(6)
    session.rewind(3).swap(tracker=Discriminative(), trust=never).run(2)
    trackers = [repr(frame.step.tracker).partition("(")[0] for frame in session.trace]
    assert trackers == ["NearestNeighbor"] * 4 + ["Discriminative"] * 2
    assert [frame.trusted.all().item() for frame in session.trace] == [True] * 4 + [False] * 2
    assert [frame.index for frame in session.trace] == list(range(6))


@pytest.mark.parametrize(
    ("edit", "latent", "words"),
    [
        (
            Edit([(44, 40)], [(60, 44)]),
            LATENT,
            r"run with 2 handles at .* this edit has 1 at .*start again",
        ),
        (Edit([(44, 40), (31, 100)], EDIT.targets), LATENT, "handles may not"),
    ],
)
def test_a_step_of_another_edit_or_model_is_refused_at_once(edit, latent, words):
    past = run()[3]
    with pytest.raises(ValueError, match=words):
        drag(TOY, latent, edit, **draggan() | FAST, resume=past)


def test_a_step_of_another_model_is_refused_at_once():
    past = run()[3]
    with pytest.raises(ValueError, match=r"latent has shape \(3, 2\), this one \(2, 2\)"):
        drag(Toy(blobs=2), LATENT[:2], EDIT, **draggan() | FAST, resume=past)


def test_targets_may_change_on_the_way():
    past = run()[3]
    rest = run(Edit(EDIT.handles, EDIT.targets + 5), resume=past)
    assert rest[0].index == 3 and torch.equal(rest[0].latent, past.latent)


@pytest.mark.parametrize(
    "gate",
    [lambda first: 0.5, lambda first: first[:1], lambda first: None, lambda first: first > 0.5],
)
def test_a_gate_that_gives_no_threshold_per_handle_is_refused(gate):
    with pytest.raises(
        ValueError, match="a gate turns the confidence of step 1, a tensor .n., into thresholds"
    ):
        run(trust=gate)


def test_what_is_no_gate_is_refused_at_once():
    with pytest.raises(ValueError, match=r"trust is 0.9; give a gate, such as above\(0.9\)"):
        drag(TOY, LATENT, EDIT, **draggan() | {"trust": 0.9})


class Counter:
    """A student's tracker: a plain class, whose printed form says nothing of its settings."""

    def __init__(self, start: int) -> None:
        self.first = start

    def start(self, view, edit):
        return self.first

    def find(self, view, memory, search_centre):
        confidence = torch.full((len(search_centre),), float(memory))
        return TrackResult(search_centre, confidence, torch.zeros(2, 1, 1), memory + 1)


def test_another_instance_of_a_students_class_never_takes_over_its_memory():
    first = Counter(12)
    steps = run(tracker=first, steps=6)
    same = run(tracker=first, steps=6, resume=steps[3])
    assert [s.memory for s in same] == [15, 16, 17, 18]
    assert same[0].initial_confidence[0] == steps[3].initial_confidence[0] == 13

    other = run(tracker=Counter(40), steps=6, resume=steps[3])
    assert [s.memory for s in other] == [40, 41, 42, 43]
    assert other[0].initial_confidence[0] == 40


def test_another_instance_does_not_take_over_from_a_file_either(tmp_path):
    trace = Trace(run(tracker=Counter(12), steps=3))
    opened = Trace.load(trace.save(tmp_path / "run"))
    (step, *_) = run(tracker=Counter(40), steps=6, resume=opened[2])
    assert (step.memory, step.initial_confidence[0]) == (40, 40)
