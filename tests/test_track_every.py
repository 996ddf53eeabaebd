"""Several updates for each tracking: when the tracker is asked, and what a run keeps of it."""

from dataclasses import dataclass

import pytest
import torch

import dragkit as dk
from dragkit import NearestNeighbor, ShiftedPatchLoss, TrackEvery
from dragkit.models.toy import Toy
from dragkit.runs.retrack import retrack

TOY = Toy(side=64, width=4)
LATENT = torch.tensor([[20.0, 20.0], [44.0, 20.0], [32.0, 46.0]])
EDIT = dk.Edit([(20, 20)], [(30, 27)])
PULL = ShiftedPatchLoss(8)
NEAREST = NearestNeighbor()
METHOD = dk.methods.draggan() | {"losses": (PULL,), "lr": 0.3, "steps": 24}


@dataclass(frozen=True)
class Counting:
    """The nearest neighbour, which notes at which views it was asked."""

    asked: list

    def start(self, view, edit):
        return NEAREST.start(view, edit)

    def find(self, view, memory, search_centre):
        self.asked.append(view.features.sum().item())
        return NEAREST.find(view, memory, search_centre)


def run(tracker, resume=None, **changes):
    return list(
        dk.drag(TOY, LATENT, EDIT, **METHOD | {"tracker": tracker} | changes, resume=resume)
    )


def bits(step):
    tensors = [step.latent, step.points, step.search_centre, step.arrived, step.track.scores]
    tensors += step.optimizer_state.get(0, {}).values()
    return step.index, step.losses, [tensor.numpy().tobytes() for tensor in tensors]


def test_one_update_for_each_tracking_is_the_tracker_itself():
    for step, plain in zip(run(TrackEvery(NEAREST, 1)), run(NEAREST), strict=True):
        assert bits(step) == bits(plain)


@pytest.mark.parametrize("updates", [2, 3, 5])
def test_the_tracker_is_asked_after_so_many_updates(updates):
    counting = Counting([])
    steps = run(TrackEvery(counting, updates))
    assert len(counting.asked) == -(-len(steps) // updates)
    looked = [step.view.features.sum().item() for step in steps]
    assert counting.asked == looked[::updates]


def test_in_between_the_points_stay_and_each_step_is_an_update():
    steps = run(TrackEvery(NEAREST, 3))
    assert [step.index for step in steps] == list(range(len(steps)))
    for step in steps:
        asked = steps[step.index - step.index % 3]
        assert torch.equal(step.points, asked.points)
        assert torch.equal(step.track.scores, asked.track.scores)
        assert torch.equal(step.window_centre, asked.search_centre)  # scores lie where they did
        assert step.index == 0 or not torch.equal(step.latent, steps[step.index - 1].latent)
    assert len({tuple(step.points[0].tolist()) for step in steps}) > 2
    assert steps[-1].distance.item() < steps[0].distance.item() / 2


def test_a_small_loss_is_the_last_before_the_next_tracking():
    pull = ShiftedPatchLoss(8, reach=32, first_patch=1)  # the same patch to the same place
    six = TrackEvery(NEAREST, 6)
    plain = [step.losses["motion"] for step in run(six, steps=6, losses=(pull,))]
    enough = plain[2]
    assert plain[0] > plain[1] > enough
    counting = Counting([])
    steps = run(TrackEvery(counting, 6, pull, enough), steps=6, losses=(pull,))
    looked = [step.view.features.sum().item() for step in steps]
    assert counting.asked[:2] == [looked[0], looked[3]]


def test_no_loss_is_small_enough_by_default():
    counting, other = Counting([]), Counting([])
    run(TrackEvery(counting, 4))
    run(TrackEvery(other, 4, PULL))
    assert counting.asked == other.asked


@pytest.mark.parametrize("at", [1, 2, 3, 7])
def test_a_resumed_run_is_the_run_that_was_not_interrupted(at):
    tracker = TrackEvery(NEAREST, 3, PULL, 0.01)
    steps = run(tracker)
    again = run(TrackEvery(NEAREST, 3, PULL, 0.01), resume=steps[at])
    assert [bits(step) for step in again] == [bits(step) for step in steps[at:]]
    other = run(TrackEvery(NEAREST, 4, PULL, 0.01), resume=steps[at])  # begins to count anew
    assert torch.equal(other[0].latent, steps[at].latent)


def test_a_run_is_saved_opened_and_continued(tmp_path):
    trace = dk.Trace(dk.drag(TOY, LATENT, EDIT, **METHOD | {"tracker": TrackEvery(NEAREST, 3)}))
    trace.until(6).save(tmp_path / "run")
    opened = dk.Trace.load(tmp_path / "run")
    again = run(TrackEvery(NEAREST, 3), resume=opened[6])
    assert [bits(s) for s in again] == [bits(f.step) for f in trace.frames[6:]]
    retracked = retrack(TOY, trace, TrackEvery(NEAREST, 3))
    assert [f.points.tolist() for f in retracked] == [f.points.tolist() for f in trace]


def test_it_asks_its_parts_whether_they_fit():
    with pytest.raises(ValueError, match="radius 10000 .* is larger than an image"):
        run(TrackEvery(NearestNeighbor(10_000)))
    with pytest.raises(ValueError, match="radius 10000 .* is larger than an image"):
        run(TrackEvery(NEAREST, 3, ShiftedPatchLoss(10_000)))


@pytest.mark.parametrize("updates", [0, -1, 2.5, "3"])
def test_updates_that_are_none_are_told(updates):
    with pytest.raises(ValueError, match="updates is .*; give a whole number"):
        TrackEvery(NEAREST, updates)


def test_what_is_no_tracker_is_told():
    for wrong in (NearestNeighbor, 3, None):
        with pytest.raises(TypeError, match="tracker is .*; it needs start and find"):
            TrackEvery(wrong)
    with pytest.raises(ValueError, match="enough is '1'; give a value of the loss"):
        TrackEvery(NEAREST, enough="1")


def test_a_step_keeps_no_image_of_the_start():
    step = run(TrackEvery(NEAREST, 3, PULL), steps=1)[-1]
    with pytest.raises(RuntimeError, match="has no image any more"):
        _ = step.memory.start.image
