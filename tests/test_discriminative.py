"""The learned tracker against systems solved by hand, and against scenes made to fool
its rival.
"""

import warnings

import pytest
import torch

import dragkit as dk
from dragkit.geometry import cells, inside, window
from dragkit.models.toy import Toy
from dragkit.records import Edit, View
from dragkit.scores import minmax_normalize
from dragkit.trackers import Discriminative, NearestNeighbor


def view(features: torch.Tensor) -> View:
    """One cell per pixel."""
    return View(features, tuple(features.shape[-2:]), lambda: None)


def random_map(channels: int = 6, side: int = 24, seed: int = 0) -> torch.Tensor:
    return torch.randn(channels, side, side, generator=torch.Generator().manual_seed(seed))


def pixels(side: int, of: float = 1) -> float:
    """A radius that comes to `of` pixels in an image of `side`."""
    return of * 512 / side


def tracker(side: int = 24, **settings) -> Discriminative:
    return Discriminative(
        **{"radius": pixels(side, 4), "region": pixels(side, 6), "label": pixels(side)} | settings
    )


EDIT = Edit([(10, 12), (15, 8)], [(12, 12), (15, 3)])


# Learning


def test_one_channel_by_hand():
    """Features 2 at the handle and 1 elsewhere, a label of 1 there and 0 elsewhere: z = Σ F y / (Σ
    F² + μ Σ F²).
    """
    features = torch.ones(1, 5, 5)
    features[0, 2, 2] = 2
    piece = tracker(
        5, region=pixels(5, 2), radius=pixels(5, 1), label=1e-3, solver="ridge", ridge=0.5
    )
    found = piece.start(view(features), Edit([(2, 2)], [(4, 4)]))
    squares = 2**2 + 24 * 1**2
    assert found.weights.item() == pytest.approx(2 / (squares * 1.5), rel=1e-5)


@pytest.mark.parametrize("region", [pixels(24, 6), None])
def test_ridge_solves_the_regularised_least_squares_problem(region):
    """The stacked system [A; √μ I] z = [y; 0], by a solver that knows nothing of the tracker's."""
    features, mu = random_map(), 0.03
    memory = tracker(solver="ridge", ridge=mu, region=region).start(view(features), EDIT)
    for i, handle in enumerate(EDIT.handles):
        places = (
            cells(features, (24, 24)) if region is None else window(handle[None], 6).reshape(-1, 2)
        )
        places = places[inside(places, (24, 24))].long()
        a = features[:, places[:, 1], places[:, 0]].T.double()
        a = a / a.square().mean().sqrt() if region is None else a
        y = torch.exp(-(places - handle).square().sum(1).double() / 2)
        if region is None:
            weight = mu * len(a)
            z = torch.linalg.lstsq(
                torch.cat([a, weight**0.5 * torch.eye(6).double()]), torch.cat([y, torch.zeros(6)])
            ).solution
            expected = a @ z
            found = features[:, places[:, 1], places[:, 0]].T @ memory.weights[i]
            torch.testing.assert_close(found.double(), expected, atol=1e-5, rtol=1e-4)
        else:  # the scale is that of all handles' windows together
            power = torch.stack([_power(features, h) for h in EDIT.handles]).mean()
            weight = mu * len(a) * power.double()
            z = torch.linalg.lstsq(
                torch.cat([a, weight**0.5 * torch.eye(6).double()]), torch.cat([y, torch.zeros(6)])
            ).solution
            torch.testing.assert_close(memory.weights[i].double(), z, atol=1e-5, rtol=1e-4)


def _power(features, handle):
    places = window(handle[None], 6).reshape(-1, 2)
    places = places[inside(places, (24, 24))].long()
    return features[:, places[:, 1], places[:, 0]].square().mean()


def test_adam_comes_to_where_ridge_stands():
    look = view(random_map())
    slow, exact = (
        tracker(iterations=1500, ridge=0.05).start(look, EDIT),
        tracker(solver="ridge", ridge=0.05).start(look, EDIT),
    )
    torch.testing.assert_close(slow.weights, exact.weights, atol=1e-3, rtol=1e-2)
    assert (slow.losses[-1] >= exact.losses[-1] - 1e-6).all()


def test_adam_begins_at_the_template_with_score_1_and_tells_its_way():
    features = random_map()
    memory = tracker(iterations=30).start(view(features), EDIT)
    template = features[:, EDIT.handles[:, 1].long(), EDIT.handles[:, 0].long()].T
    torch.testing.assert_close(memory.patch[:, 0], template)
    torch.testing.assert_close((memory.history[0] * template).sum(1), torch.ones(2))
    torch.testing.assert_close(
        memory.history[0] / memory.history[0].norm(dim=1, keepdim=True),
        template / template.norm(dim=1, keepdim=True),
    )
    assert memory.history.shape == (31, 2, 6) and memory.losses.shape == (31, 2)
    torch.testing.assert_close(memory.history[-1], memory.weights)
    assert (memory.losses[-1] < 0.5 * memory.losses[0]).all()


@pytest.mark.parametrize("solver", ["adam", "ridge"])
def test_handles_learned_together_learn_what_each_learns_alone(solver):
    """But for the common scale of the features, which cancels where all regions are the same."""
    look = view(random_map())
    both = tracker(solver=solver, region=None).start(look, EDIT)
    for i in range(2):
        alone = tracker(solver=solver, region=None).start(
            look, Edit(EDIT.handles[i : i + 1], EDIT.targets[i : i + 1])
        )
        torch.testing.assert_close(both.weights[i : i + 1], alone.weights, atol=1e-5, rtol=1e-4)


def test_the_features_scale_does_not_matter():
    small, large = (
        tracker(iterations=50).start(view(s * random_map()), EDIT) for s in (1e-2, 1e2)
    )
    torch.testing.assert_close(small.weights * 1e-2, large.weights * 1e2, atol=1e-4, rtol=1e-3)


def test_learning_works_where_gradients_are_off_and_leaves_none_behind():
    features = random_map().requires_grad_()
    with torch.no_grad():
        memory = tracker(iterations=5).start(view(features), EDIT)
    assert not any(
        t.requires_grad for t in (memory.weights, memory.patch, memory.history, memory.losses)
    )
    assert features.grad is None


# Finding


@pytest.mark.parametrize("solver", ["adam", "ridge"])
@pytest.mark.parametrize("fusion", [0, 0.5, 1])
def test_a_shift_is_found_exactly(solver, fusion):
    features, piece = random_map(64), tracker(solver=solver, fusion=fusion, label=pixels(24, 0.3))
    memory = piece.start(view(features), EDIT)
    found = piece.find(view(features.roll((2, -1), (1, 2))), memory, EDIT.handles)
    assert (found.points - EDIT.handles).tolist() == [[-1, 2], [-1, 2]]


def test_the_maps_are_what_the_scores_are_made_of():
    piece = tracker(fusion=0.3)
    memory = piece.start(view(random_map()), EDIT)
    now = view(random_map(seed=1))
    found = piece.find(now, memory, EDIT.handles)
    assert found.scores.shape == (2, 9, 9) and set(found.maps) == {"learned", "difference"}
    by_hand = 0.3 * minmax_normalize(found.maps["learned"]) + 0.7 * minmax_normalize(
        found.maps["difference"]
    )
    torch.testing.assert_close(found.scores, by_hand, equal_nan=True)
    search_centre = NearestNeighbor(pixels(24, 4)).find(now, memory, EDIT.handles)
    torch.testing.assert_close(found.maps["difference"], search_centre.scores)
    x, y = EDIT.handles[0].long().tolist()
    assert found.maps["learned"][0, 4, 4].item() == pytest.approx(
        (now.features[:, y, x] @ memory.weights[0]).item(), abs=1e-5
    )


def test_the_confidence_is_the_learned_score_at_the_point():
    piece = tracker()
    found = piece.find(
        view(random_map(seed=1)), piece.start(view(random_map()), EDIT), EDIT.handles
    )
    for i in range(2):
        row, column = divmod(int(found.scores[i].flatten().argmax()), 9)
        assert found.confidence[i] == found.maps["learned"][i, row, column]


def test_stretched_maps_each_window_to_0_to_1_and_leaves_what_is_unknown():
    scores = torch.tensor([[[1.0, 3], [torch.nan, 5]], [[7, 7], [7, 7]]])
    expected = torch.tensor([[[0, 0.5], [torch.nan, 1]], [[0, 0], [0, 0]]])
    torch.testing.assert_close(minmax_normalize(scores), expected, equal_nan=True)


def test_windows_cut_by_the_border_are_learned_and_searched_without_what_lies_beyond():
    features, edit = random_map(16), Edit([(0, 0), (23, 12)], [(5, 5), (20, 12)])
    piece = tracker()
    found = piece.find(view(features), piece.start(view(features), edit), edit.handles)
    assert found.points.tolist() == edit.handles.tolist()
    assert found.scores[0].isnan().sum() == 81 - 25 and found.confidence.isfinite().all()


@pytest.mark.parametrize("fusion", [0.5, 1])
def test_a_planted_lookalike_takes_the_nearest_neighbour_and_not_the_filter(fusion):
    """Both walk into the dark; the twin, 12 px behind, comes to be as bright as the handle's blob
    was.
    """
    model = Toy(lookalike=0.9, light=-0.6, blobs=2, width=4)
    start = torch.tensor([[50.0, 64], [38, 64]])
    later = start + torch.tensor([12.0, 0])
    edit = Edit(start[:1], later[:1])
    lost = {}
    for name, piece in (
        ("nearest", NearestNeighbor(80)),
        ("learned", Discriminative(80, region=100, fusion=fusion)),
    ):
        found = piece.find(model.view(later), piece.start(model.view(start), edit), edit.handles)
        lost[name] = (found.points - later[:1]).norm().item()
    assert lost == {"nearest": 12, "learned": 0}


# Drags


def test_the_same_drag_gives_the_same_points_twice():
    model, latent = Toy(lookalike=0.5), Toy(lookalike=0.5).sample(3)
    edit = Edit(latent[:1], latent[:1] + 8)
    runs = [
        [
            s.points.tolist()
            for s in dk.drag(model, latent, edit, **dk.methods.stabledrag() | {"lr": 0.5})
        ]
        for _ in range(2)
    ]
    assert runs[0] == runs[1] and len(runs[0]) > 5


def test_a_constant_patch_is_warned_of_by_its_handle():
    features = random_map()
    features[:, :12, :12] = features[:, :1, :1]
    edit = Edit([(15, 15), (5, 5)], [(20, 20), (6, 6)])
    with pytest.warns(UserWarning, match=r"handle 1 at \(5, 5\) is on a constant patch"):
        tracker().start(view(features), edit)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        tracker().start(view(random_map()), edit)


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"solver": "sgd"}, "unknown solver 'sgd'; choose from adam, ridge"),
        ({"fusion": 1.5}, "fusion is 1.5; it must be in 0..1"),
        ({"label": 0}, "label is 0; it must be above 0"),
        ({"ridge": -1}, "ridge is -1"),
        ({"iterations": 0}, "iterations is 0"),
        ({"iterations": 2.5}, "iterations is 2.5; give a whole number"),
        ({"fusion": "half"}, "fusion is 'half'"),
    ],
)
def test_settings_that_cannot_work_are_refused(settings, words):
    with pytest.raises(ValueError, match=words):
        Discriminative(**settings)


@pytest.mark.parametrize(
    ("piece", "words"),
    [
        (
            Discriminative,
            r"tracker is the class Discriminative; pass an instance, such as Discriminative\(\)",
        ),
        (Discriminative(float("nan")), "radius is nan; give a number above 0, of pixels"),
        (Discriminative(region=0), "radius is 0; give a number above 0"),
        (
            NearestNeighbor(1, strict=True, stride=2),
            "radius 1, strict, leaves a window of one place",
        ),
    ],
)
def test_a_drag_refuses_what_cannot_track_at_once(piece, words):
    model = Toy()
    latent = model.sample(0)
    with pytest.raises(ValueError, match=words):
        dk.drag(
            model,
            latent,
            Edit(latent[:1], latent[:1] + 5),
            **dk.methods.draggan() | {"tracker": piece},
        )


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"radius": 10_000}, "radius 10000 .* is larger than an image"),
        ({"region": 10_000}, "radius 10000 .* is larger than an image"),
        ({"label": 1e300}, "label is 1e\\+300, so the label is 1 in all of an image"),
    ],
)
def test_what_is_larger_than_the_image_is_told(settings, message):
    with pytest.raises(ValueError, match=message):
        Discriminative(**settings).check((128, 128))


@pytest.mark.parametrize("iterations", [10**9, True, "5"])
def test_iterations_have_a_limit(iterations):
    with pytest.raises(ValueError, match="iterations is .*; give a whole number from 1 to 10,000"):
        Discriminative(iterations=iterations)
