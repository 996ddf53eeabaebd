"""Which places a tracker may take, told apart by hand."""

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

import dragkit as dk
from dragkit import Cone, Discriminative, Edit, Nearer, NearestNeighbor, View
from dragkit.geometry import window
from dragkit.models.toy import Toy

SIDE, RADIUS = 32, 4
SCALE = 512 / SIDE
places = st.floats(0, SIDE - 1, width=32)
RULES = [Nearer(), Nearer(strict=True), Cone(30), Cone(90)]
TRACKERS = [NearestNeighbor, lambda r, **k: Discriminative(r, region=None, label=16, **k)]


def random_view(seed: int = 0) -> View:
    random = torch.Generator().manual_seed(seed)
    features = torch.randn(8, SIDE, SIDE, generator=random)
    return View(features, (SIDE, SIDE), lambda: torch.zeros(3, SIDE, SIDE))


def found(rule, centre, target, make=NearestNeighbor, seed=1):
    """Where a tracker goes from `centre` on an image that has nothing to do with the first."""
    tracker = make(RADIUS * SCALE, candidates=rule)
    edit = Edit([centre], [target])
    return tracker.find(random_view(seed), tracker.start(random_view(), edit), edit.handles)


@settings(max_examples=60)
@given(places, places, places, places)
def test_each_place_is_judged_as_by_hand(x, y, u, v):
    centre, target = torch.tensor([[x, y]]), torch.tensor([[u, v]])
    pixels = window(centre, 3)
    near, nearer, cone = (rule(pixels, target)[0] for rule in (*RULES[:2], Cone(40)))
    now = math.dist((x, y), (u, v))
    for row in range(7):
        for column in range(7):
            q = pixels[0, row, column].tolist()
            gain = now - math.dist(q, (u, v))
            if abs(gain) > 1e-4:
                assert near[row, column] == nearer[row, column] == (gain > 0)
            way, ahead = (q[0] - x, q[1] - y), (u - x, v - y)
            if (row, column) == (3, 3) or now == 0:
                assert not cone[row, column]
                continue
            angle = abs(math.atan2(*way) - math.atan2(*ahead))
            degrees = math.degrees(min(angle, 2 * math.pi - angle))
            if abs(degrees - 40) > 0.1 and now > 1e-3:
                assert cone[row, column] == (degrees < 40)
    assert near[3, 3] and not nearer[3, 3]  # to rest is not to come nearer


@pytest.mark.parametrize("rule", RULES)
@pytest.mark.parametrize("make", TRACKERS)
@settings(max_examples=15)
@given(seed=st.integers(0, 99), x=st.integers(0, 31), y=st.integers(0, 31))
def test_a_tracker_takes_the_best_of_the_places_it_may(rule, make, seed, x, y):
    target = (20, 11)
    track = found(rule, (x, y), target, make, seed)
    free = found(None, (x, y), target, make, seed)
    pixels = window(torch.tensor([[float(x), float(y)]]), RADIUS)
    may = rule(pixels, torch.tensor([target]).float())
    assert torch.equal(track.scores.isnan(), free.scores.isnan() | ~may)
    left = track.scores.flatten()[~track.scores.flatten().isnan()]
    if not len(left):
        assert track.points.tolist() == [[x, y]]
        assert track.confidence.isfinite().all()
        return
    chosen = (pixels == track.points).all(-1)
    assert track.scores[chosen].item() == left.max().item()


@pytest.mark.parametrize("make", TRACKERS)
def test_who_has_no_place_left_stays(make):
    for rule, centre, target in [
        (Nearer(strict=True), (12, 9), (12, 9)),
        (Cone(30), (12, 9), (12, 9)),
        (Cone(10), (31, 9), (31.4, 9)),  # ahead lies outside the image
    ]:
        edit = Edit([centre], [target])
        tracker = make(RADIUS * SCALE, candidates=rule, subpixel=True)
        track = tracker.find(random_view(1), tracker.start(random_view(), edit), edit.handles)
        assert track.points.tolist() == [list(centre)]
        assert track.scores.isnan().all() and track.confidence.isfinite().all()


def test_all_places_is_what_it_was_without_a_rule():
    everything = found(
        lambda pixels, targets: torch.ones(pixels.shape[:-1]).bool(), (9, 9), (1, 1)
    )
    assert torch.equal(everything.scores, found(None, (9, 9), (1, 1)).scores)


def test_a_drag_with_nearer_places_never_loses_ground():
    toy = Toy()
    latent = torch.tensor([[44.0, 40.0], [30.0, 100.0], [100.0, 100.0]])
    edit = Edit([(44, 40)], [(62, 34)])
    method = dk.methods.draggan() | {"tracker": NearestNeighbor(candidates=Nearer()), "lr": 0.5}
    distances = [step.distance.item() for step in dk.drag(toy, latent, edit, **method)]
    assert distances == sorted(distances, reverse=True)
    assert distances[-1] <= 2


@pytest.mark.parametrize("rule", [Nearer, 3, "nearer"])
@pytest.mark.parametrize("tracker", [NearestNeighbor, Discriminative])
def test_what_is_no_rule_is_told(rule, tracker):
    with pytest.raises(TypeError, match=r"candidates is .*; give a rule, such as Nearer\(\)"):
        tracker(candidates=rule)


@pytest.mark.parametrize(
    "answer", [lambda p, t: p, lambda p, t: p[..., 0], lambda p, t: True, lambda p, t: t > 0]
)
def test_a_rule_that_answers_something_else_is_told(answer):
    with pytest.raises(ValueError, match=r"it must say True or False of each: bool \(1, 9, 9\)"):
        found(answer, (9, 9), (1, 1))


@pytest.mark.parametrize("degrees", [0, -1, 181, math.nan, "30"])
def test_an_angle_that_is_none_is_told(degrees):
    with pytest.raises(ValueError, match="give an angle above 0 and up to 180"):
        Cone(degrees)
