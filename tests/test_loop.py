"""The loop on the toy, whose latent is the answer: where a blob is after a drag is no matter of
opinion.
"""

import copy
import math
from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from dragkit import (
    Edit,
    LatentPrior,
    MaskLoss,
    NearestNeighbor,
    ShiftedPatchLoss,
    Trace,
    TrackResult,
    drag,
)
from dragkit.methods import draggan
from dragkit.models.toy import Toy

TOY = Toy()
APART = torch.tensor([[44.0, 40.0], [30.0, 100.0], [100.0, 100.0]])  # no blob meets another
CLOSE = torch.tensor([[44.0, 40.0], [60.0, 64.0], [100.0, 100.0]])  # the second is carried along
TARGET = (62.0, 34.0)
EDIT = Edit([(44, 40)], [TARGET])
UPPER = torch.zeros(TOY.size).index_fill(0, torch.arange(56), 1)  # the first blob's half
FAST = {"lr": 0.5}  # pixels, because the toy's latent is in pixels
ROUGH = {"lr": 4.0}  # so large that points stand at their windows' borders


def run(latent=APART, edit=EDIT, resume=None, **changes):
    return drag(TOY, latent, edit, **draggan() | FAST | changes, resume=resume)


def last(steps):
    return list(steps)[-1]


def bits(step):
    """What a step (or frame) says, down to the last bit, ready to be compared."""
    tensors = [step.latent, step.points, step.search_centre, step.arrived]
    tensors += step.optimizer_state.get(0, {}).values()
    return step.index, step.losses, [tensor.numpy().tobytes() for tensor in tensors]


def missed(step) -> float:
    """How far the blob itself, not the tracked point, is from the target."""
    return (step.latent[0] - torch.tensor(TARGET)).norm().item()


# It arrives, and only what shall move does


@pytest.mark.parametrize(("profile", "arrive"), [("official", 2.0), ("paper", 1.0)])
def test_the_blob_itself_ends_at_the_target(profile, arrive):
    step = last(run(**draggan(profile) | FAST))
    assert step.arrived.all()
    assert step.distance.max() <= arrive
    assert missed(step) < arrive + 0.75  # the point stands on whole pixels
    assert (step.latent[1:] - APART[1:]).abs().max() < 1e-3


def test_the_mask_holds_a_neighbour_that_is_carried_along_without_it():
    free = last(run(CLOSE))
    held = last(run(CLOSE, Edit([(44, 40)], [TARGET], mask=UPPER)))
    assert (free.latent[1] - CLOSE[1]).norm() > 5
    assert (held.latent[1] - CLOSE[1]).norm() < 0.5
    assert held.arrived.all()
    assert missed(held) < 2.75


def test_several_handles_move_at_once():
    edit = Edit([(44, 40), (100, 100)], [(60, 40), (100, 80)])
    step = last(run(edit=edit))
    assert step.arrived.tolist() == [True, True]
    assert (step.latent[[0, 2]] - edit.targets).norm(dim=1).max() < 2.75


# It changes nothing, and repeats itself


def test_the_same_call_gives_the_same_steps_and_nothing_passed_in_is_changed():
    latent, edit, method = CLOSE.clone(), Edit([(44, 40)], [TARGET], mask=UPPER), draggan() | FAST
    kept = copy.deepcopy(method)
    a, b = (list(drag(TOY, latent, edit, **method | {"steps": 15})) for _ in range(2))
    assert [bits(step) for step in a] == [bits(step) for step in b]
    assert torch.equal(latent, CLOSE)
    assert edit.handles.tolist() == [[44, 40]]
    assert edit.targets.tolist() == [list(TARGET)]
    assert torch.equal(edit.mask, UPPER)
    assert method == kept


def test_a_step_stays_as_it_was_yielded():
    steps = run()
    first = next(steps)
    kept = copy.deepcopy(bits(first))
    for _ in range(3):
        next(steps)
    assert bits(first) == kept


def test_everything_in_a_step_belongs_to_its_latent():
    tracker = NearestNeighbor(12)
    memory = tracker.start(TOY.view(APART), EDIT)
    for step in list(run(steps=5)):
        view = TOY.view(step.latent)
        assert torch.equal(step.view.features, view.features)
        assert torch.equal(step.view.image, view.image)
        assert torch.equal(step.points, tracker.find(view, memory, step.search_centre).points)


# It ends


def test_a_cap_of_n_steps_makes_n_updates_and_tracks_the_last_one():
    steps = list(run(steps=7))
    assert [s.index for s in steps] == list(range(8))
    assert not steps[-1].arrived.any()
    pairs = pairwise(steps)
    assert all(not torch.equal(a.latent, b.latent) for a, b in pairs)


def test_no_steps_is_one_look_at_the_start():
    (step,) = run(steps=0)
    assert torch.equal(step.latent, APART)
    assert step.points.tolist() == step.search_centre.tolist() == [[44, 40]]
    assert step.optimizer_state == {}


def test_a_handle_on_its_target_has_arrived_at_once():
    (step,) = run(edit=Edit([(44, 40)], [(44, 41)]))
    assert step.arrived.all()


def test_the_edits_stop_distance_comes_before_the_methods():
    search_centre, far = (last(run(edit=Edit([(44, 40)], [TARGET], arrive=a))) for a in (1.5, 6))
    assert search_centre.distance.item() <= 1.5 < far.distance.item() <= 6
    assert far.index < search_centre.index


# It goes on from any step


@settings(max_examples=10)
@given(st.integers(0, 10), st.sampled_from([FAST, ROUGH]), st.booleans())
def test_resuming_continues_the_uninterrupted_run_to_the_last_bit(k, pace, frame):
    whole = list(run(CLOSE, steps=10, **pace))
    middle = Trace(whole)[k] if frame else whole[k]
    rest = list(run(CLOSE, steps=10, **pace, resume=middle))
    assert [bits(step) for step in rest] == [bits(step) for step in whole[k:]]


def test_resuming_works_after_a_trip_to_the_disk(tmp_path):
    whole = list(run(CLOSE, steps=10, **ROUGH))
    Trace(whole[:6]).save(tmp_path / "run")
    rest = list(run(CLOSE, steps=10, **ROUGH, resume=Trace.load(tmp_path / "run")[5]))
    assert [bits(step) for step in rest] == [bits(step) for step in whole[5:]]


@dataclass(frozen=True)
class Still:
    """A tracker that says nothing ever moves; it does not measure how sure it is."""

    def start(self, view, edit):
        return edit.handles

    def find(self, view, memory, search_centre):
        return TrackResult(
            memory, torch.full([len(search_centre)], math.nan), torch.zeros(1, 1, 1), memory
        )


def test_another_tracker_takes_over_where_the_first_one_stood():
    past = list(run(steps=10))[10]
    taken = list(run(steps=20, tracker=Still(), resume=past))
    assert torch.equal(taken[0].latent, past.latent)
    assert [s.index for s in taken] == list(range(10, 21))
    assert all(s.points.tolist() == [[44, 40]] for s in taken)
    back = last(run(resume=taken[-1]))
    assert back.arrived.all()
    assert missed(back) < 2.75


def test_the_future_may_have_another_learning_rate_but_keeps_the_moments():
    past = list(run(steps=10))[10]
    slow = list(run(steps=11, lr=0.01, resume=past))
    quick = list(run(steps=11, resume=past))
    moved = [(s[1].latent - s[0].latent)[0] for s in (slow, quick)]
    torch.testing.assert_close(moved[0] * 50, moved[1], rtol=1e-2, atol=1e-3)


# It says no


@dataclass(frozen=True)
class Broken:
    """A loss that is not a number from its third call on."""

    calls: list
    name = "broken"

    def __call__(self, view, track, start, edit):
        self.calls.append(1)
        return view.features.sum() * (math.nan if len(self.calls) > 2 else 1.0)


def test_a_loss_that_is_not_finite_stops_the_run_after_yielding_its_step():
    seen = []
    with pytest.raises(FloatingPointError, match="step 2 .*broken.*smaller lr"):
        seen.extend(run(losses=[Broken([])]))  # extend keeps what came before the error
    assert [s.index for s in seen] == [0, 1, 2]
    assert math.isnan(seen[-1].losses["broken"])
    assert seen[-1].latent.isfinite().all()


def test_a_stop_distance_below_the_skip_distance_is_refused_before_the_first_step():
    with pytest.raises(ValueError, match="stop distance, 0.5 px, .*skip distance.*arrive=1 or"):
        run(arrive=0.5)
    with pytest.raises(ValueError, match="stop distance, 2 px, .*skip=3"):
        run(losses=[MaskLoss(), ShiftedPatchLoss(skip=3)])
    run(arrive=1.0)


def test_an_edit_outside_the_image_is_refused_before_the_first_step():
    with pytest.raises(ValueError, match=r"target 0 at \(128, 30\) is outside the 128×128 image"):
        run(edit=Edit([(44, 40)], [(128, 30)]))


def test_two_losses_of_one_name_are_refused_before_the_first_step():
    """A step keeps one value per name, so one of the two would be lost without a word."""
    with pytest.raises(ValueError, match="two losses are named 'mask'"):
        run(losses=[MaskLoss(1), ShiftedPatchLoss(), MaskLoss(2)])


def test_points_that_are_not_finite_stop_the_run_before_they_reach_torch():
    class Lost(NearestNeighbor):
        def find(self, view, memory, search_centre):
            track = super().find(view, memory, search_centre)
            return replace(track, points=track.points * float("nan"))

    model = Toy()
    latent = model.sample(0)
    edit = Edit(latent[:1], latent[:1] + 9)
    with pytest.raises(FloatingPointError, match="gave at step 0 as points is .*nan.* not finite"):
        next(drag(model, latent, edit, **draggan() | {"tracker": Lost()}))


@pytest.mark.parametrize(
    "wrong", [{"lr": -1}, {"lr": "1e-3"}, {"tracker": None}, {"losses": []}, {"losses": abs}]
)
def test_pieces_that_cannot_work_are_refused_at_once(wrong):
    model = Toy()
    latent = model.sample(0)
    with pytest.raises(ValueError, match=next(iter(wrong))):
        drag(model, latent, Edit(latent[:1], latent[:1] + 9), **draggan() | wrong)


def test_a_handle_that_the_mask_holds_is_warned_of():
    mask = torch.ones(128, 128)
    mask[60:70, 40:50] = 0  # rows are y
    edit = Edit([(45, 65), (65, 45)], [(50, 65), (65, 50)], mask)
    assert edit.fixed_handles.tolist() == [True, False] and Edit(
        [(1, 1)], [(2, 2)]
    ).fixed_handles.tolist() == [False]
    with pytest.warns(
        UserWarning, match=r"handle 0 at \(45, 65\) is where the mask lets nothing move"
    ):
        drag(Toy(), Toy().sample(0), edit, **draggan())


def test_a_latent_that_is_none_is_told_where_to_get_one():
    with pytest.raises(
        TypeError,
        match=(
            r"latent is 'lion'; give a tensor, such as model.sample\(7\), or the .latent of what"
            r" dragkit.invert found"
        ),
    ):
        drag(Toy(), "lion", Edit([(1, 1)], [(2, 2)]), **draggan())


def test_a_model_or_an_edit_that_is_none_is_told_what_to_give():
    edit = Edit([(1, 1)], [(2, 2)])
    with pytest.raises(TypeError, match=r"model is 'lion'; give a model, such as dragkit\.load"):
        drag("lion", Toy().sample(0), edit, **draggan())
    with pytest.raises(TypeError, match=r"edit is None; give what should move where, such as"):
        drag(Toy(), Toy().sample(0), None, **draggan())


def test_a_latent_of_another_shape_is_told_with_the_right_one():
    with pytest.raises(ValueError, match=r"toy has latents of shape \(3, 2\)"):
        drag(Toy(), torch.zeros(1, 3), Edit([(1, 1)], [(2, 2)]), **draggan())


def test_a_radius_that_is_too_large_names_its_piece():
    small = Toy(side=32, width=2)
    with pytest.raises(ValueError, match=r"^ShiftedPatchLoss\(radius=900, .*: radius 900 "):
        losses = [ShiftedPatchLoss(900)]
        method = draggan() | {"losses": losses, "tracker": NearestNeighbor(48)}
        drag(small, small.sample(0), Edit([(4, 4)], [(9, 9)]), **method)


@pytest.mark.parametrize("number", [{"lr": True}, {"arrive": True}])
def test_true_is_no_number(number):
    name = next(iter(number))
    with pytest.raises(ValueError, match=f"{name} is True"):
        drag(Toy(), Toy().sample(0), Edit([(4, 4)], [(9, 9)]), **draggan() | number)


@pytest.mark.parametrize("kind", [np.array, torch.tensor, np.float32])
def test_numbers_of_any_library_are_taken(kind):
    plain = [bits(step) for step in run(lr=0.5, steps=2, arrive=1.0)]
    whole = np.int64(2) if kind is np.float32 else kind(2)
    given = [bits(step) for step in run(lr=kind(0.5), steps=whole, arrive=kind(1.0))]
    assert given == plain


def test_more_steps_than_anybody_can_wait_for_are_refused():
    with pytest.raises(ValueError, match="steps is 10+; give a whole number from 0 to 10+$"):
        run(steps=10**30)


# What a view knows of its latent


class Recording:
    """A term that notes the latents it is shown."""

    name = "recording"

    def __init__(self):
        self.seen = []

    def __call__(self, view, track, start, edit):
        self.seen.append((view.latent.detach().clone(), start.latent.clone()))
        assert view.latent.requires_grad and not start.latent.requires_grad
        return 0 * view.latent.sum()


def test_a_term_sees_the_latent_of_its_step_and_of_the_start():
    term = Recording()
    pull = draggan()["losses"]
    steps = list(run(losses=(*pull, term), steps=5))
    for step, (now, start) in zip(steps, term.seen, strict=True):
        assert torch.equal(now, step.latent) and torch.equal(start, APART)
        assert torch.equal(step.view.latent, step.latent)  # later updates do not reach it


def test_a_prior_holds_the_latent_as_its_weight_says():
    moved = []
    for weight in (0, 1e-3, 1e-2):
        prior = LatentPrior(weight)
        losses = (*draggan()["losses"], prior)
        steps = list(run(losses=losses, steps=15))
        moved.append((steps[-1].latent - APART).norm().item())
        expected = weight * (steps[-1].latent - APART).square().mean().item()
        assert steps[-1].losses["prior"] == pytest.approx(expected, rel=1e-4)
    assert moved[0] > moved[1] > moved[2]


def test_a_prior_of_weight_0_changes_no_bit():
    plain = list(run(steps=8))
    for step, other in zip(
        plain, run(steps=8, losses=(*draggan()["losses"], LatentPrior(0))), strict=True
    ):
        assert torch.equal(step.latent, other.latent)
