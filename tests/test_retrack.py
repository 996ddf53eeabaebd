"""What would the other tracker have said: the same recorded frames, looked at again."""

from dataclasses import replace

import pytest
import torch

import dragkit as dk
from dragkit.models.toy import Toy
from dragkit.runs.retrack import retrack

EDIT = dk.Edit([(64, 85), (32, 36)], [(74, 80), (38, 36)])
FIELDS = ("points", "search_centre", "initial_confidence", "arrived")
TRACK_FIELDS = ("confidence", "scores", "threshold")


def record(model=None, **pieces):
    model = model or dk.load("toy")
    method = dk.methods.stabledrag("paper") | {"lr": 0.5, "steps": 12} | pieces
    return model, method, dk.Trace(dk.drag(model, model.sample(0), EDIT, **method))


@pytest.mark.parametrize("tracker", [dk.NearestNeighbor(), dk.Discriminative()])
def test_the_runs_own_tracker_gives_the_runs_own_answers(tracker):
    model, method, trace = record(tracker=tracker)
    again = retrack(model, trace, tracker, method["trust"], method["arrive"])
    for old, new in zip(trace, again, strict=True):
        assert old.index == new.index
        assert old.step.tracker == new.step.tracker
        for name in FIELDS:
            assert torch.equal(getattr(old.step, name), getattr(new.step, name)), name
        for name in TRACK_FIELDS:
            assert torch.equal(getattr(old.step.track, name), getattr(new.step.track, name)), name
        assert old.step.track.maps.keys() == new.step.track.maps.keys()


def test_another_tracker_follows_its_own_points_over_the_same_images():
    model, _, trace = record(Toy(lookalike=0.95))
    other = dk.NearestNeighbor(6)
    again = retrack(model, trace, other)
    assert all(a.image is b.image and a.latent is b.latent for a, b in zip(trace, again))
    for before, now in zip(again.frames, again.frames[1:]):
        assert torch.equal(now.step.search_centre, before.points)
        view = model.view(now.latent)
        expected = other.find(view, other.start(model.view(trace[0].latent), EDIT), before.points)
        assert torch.equal(now.points, expected.points)
    assert again[0].step.track.maps == {}
    assert again[0].step.track.threshold is None


def test_runs_that_cannot_be_looked_at_again_are_refused():
    model, _, trace = record()
    with pytest.raises(ValueError, match="begins at step 3"):
        retrack(model, dk.Trace(trace.frames[3:]), dk.NearestNeighbor())
    with pytest.raises(ValueError, match="from its start"):
        retrack(model, dk.Trace(), dk.NearestNeighbor())
    with pytest.raises(ValueError, match="another model"):
        retrack(Toy(side=64), trace, dk.NearestNeighbor())
    odd = dk.Trace([replace(trace[0], step=replace(trace[0].step, latent=torch.zeros(12, 64)))])
    with pytest.raises(ValueError, match="another model"):
        retrack(model, odd, dk.NearestNeighbor())
