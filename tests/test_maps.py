"""Maps of a step against what is known: the window, the blobs' own gradient, the latent."""

import re

import pytest
import torch

import dragkit as dk
from dragkit.methods import draggan, freedrag, gooddrag, stabledrag
from dragkit.models.toy import Toy

MODEL = Toy(side=64, blobs=2, width=5)
LATENT = torch.tensor([[20.0, 22.0], [46.0, 40.0]])
EDIT = dk.Edit([(20, 22), (46, 40)], [(26, 22), (46, 48)])


def run(method, model=MODEL, latent=LATENT, edit=EDIT, steps=3):
    return dk.Trace(dk.drag(model, latent, edit, **(method | {"lr": 0.5, "steps": steps})))


@pytest.fixture(scope="module")
def trace():
    return run(draggan())


@pytest.mark.parametrize(
    ("method", "name"),
    [
        (draggan(), "scores"),
        (draggan("paper"), "scores"),
        (stabledrag(), "difference"),
        (draggan() | {"tracker": dk.TrackEvery(dk.NearestNeighbor(), updates=2)}, "scores"),
        (draggan() | {"tracker": dk.NearestNeighbor(4, stride=2)}, "scores"),
    ],
    ids=["draggan", "strict", "stabledrag", "every", "stride"],
)
def test_the_whole_image_has_the_windows_scores_where_the_window_is(method, name):
    trace = run(method, edit=dk.Edit([(20, 22)], [(26, 22)]))
    frame = trace[0]
    whole = dk.maps.scores(MODEL, trace, at=0)[name][0]
    window = torch.from_numpy(frame.score_maps(0)[name])

    stride = frame.step.track.stride
    assert whole.shape == (64 // stride, 64 // stride)
    assert whole.isfinite().all()
    column, row = (frame.step.window_centre[0] / stride).int().tolist()
    radius = len(window) // 2
    same = whole[row - radius : row + radius + 1, column - radius : column + radius + 1]
    torch.testing.assert_close(same, window)


def test_all_handles_are_searched_at_once_and_on_images_that_are_not_square():
    model = dk.load("lion")
    trace = dk.Trace(
        dk.drag(model, model.sample(2), dk.Edit([(60, 90), (40, 40)], [(60, 96), (44, 40)]),
                **(draggan() | {"steps": 1}))
    )  # fmt: skip
    whole = dk.maps.scores(model, trace)["scores"]
    assert whole.shape == (2, 128, 128)
    first = dk.maps.scores(model, trace, at=0)["scores"]
    for handle, (x, y) in enumerate(trace[0].edit.handles.int().tolist()):
        assert first[handle].argmax() == 128 * y + x


@pytest.mark.parametrize("rule", [dk.Nearer(), dk.Cone(20)])
def test_the_whole_image_counts_whatever_a_tracker_may_take(rule):
    method = draggan() | {"tracker": dk.NearestNeighbor(24, candidates=rule)}
    trace = run(method, edit=dk.Edit([(20, 22)], [(26, 22)]))
    free = run(
        draggan() | {"tracker": dk.NearestNeighbor(24)}, edit=dk.Edit([(20, 22)], [(26, 22)])
    )
    whole = dk.maps.scores(MODEL, trace, at=0)["scores"]
    assert torch.equal(whole, dk.maps.scores(MODEL, free, at=0)["scores"])


def test_a_map_with_a_stride_is_drawn_where_its_pixels_are():
    method = draggan() | {"tracker": dk.NearestNeighbor(4, stride=8)}
    trace = run(method, edit=dk.Edit([(24, 24)], [(30, 24)]))
    axes = dk.plot.whole_scores(trace[0], dk.maps.scores(MODEL, trace, at=0)).axes[0]
    left, right, bottom, top = axes.images[0].get_extent()
    assert (left, top) == (-4, -4) and (right, bottom) == (60, 60)  # cells of 8 px around 0, 8, …


def test_a_trace_from_a_file_needs_a_tracker(trace, tmp_path):
    read = dk.Trace.load(trace.save(tmp_path / "run"))
    with pytest.raises(ValueError, match="give the tracker, such as tracker=NearestNeighbor"):
        dk.maps.scores(MODEL, read)
    given = dk.maps.scores(MODEL, read, tracker=dk.NearestNeighbor())["scores"]
    torch.testing.assert_close(given, dk.maps.scores(MODEL, trace)["scores"])


def test_a_tracker_without_a_window_is_refused():
    with pytest.raises(ValueError, match="cannot be made wider"):
        dk.maps.scores(MODEL, run(freedrag(), steps=1))


def test_likeness_is_the_distance_to_one_feature(trace):
    start = MODEL.view(LATENT)
    last = MODEL.view(trace[-1].latent)
    found = dk.maps.similarity(start, (20.5, 22.5), last)
    cell = start.features[:, 11, 10]  # cells are 2 px wide, and this is the middle of one
    torch.testing.assert_close(found, -(last.features - cell[:, None, None]).norm(dim=0))
    assert dk.maps.similarity(start, (20.5, 22.5))[11, 10] == 0


def test_the_pull_is_the_loss_gradient_by_the_motion_of_the_blobs(trace):
    """The content of a blob moves with its centre, so the pulls on its cells add up to -∂L/∂c."""
    losses = draggan()["losses"]
    found = dk.maps.pull(MODEL, trace, losses, at=2)
    assert found.gradient.shape == MODEL.view(LATENT).features.shape
    torch.testing.assert_close(found.strength, found.gradient.norm(dim=0))

    centres = trace[2].latent.clone().requires_grad_()
    start = MODEL.view(LATENT)
    loss = losses[0](MODEL.view(centres), trace[2].step.track, start, trace[2].edit)
    (by_centre,) = torch.autograd.grad(loss, centres)
    left, right = found.field[:, :17].sum((0, 1)), found.field[:, 17:].sum((0, 1))
    torch.testing.assert_close(torch.stack([left, right]), -by_centre, rtol=0.15, atol=2e-4)
    assert left[0] > 0 and right[1] > 0  # from the handle to the target


def test_the_latent_change_counts_rows_or_places(trace):
    change = dk.maps.latent_change(trace)
    assert change.shape == (4, 2)
    torch.testing.assert_close(change[-1], (trace[-1].latent - LATENT).norm(dim=1))
    assert not change[0].any()


def test_figures_show_the_numbers(trace):
    whole = dk.maps.scores(MODEL, trace)
    figure = dk.plot.whole_scores(trace[-1], whole)
    assert torch.equal(
        torch.from_numpy(figure.axes[0].images[0].get_array().data), whole["scores"][0]
    )
    labels = {text.get_text() for text in figure.legends[0].get_texts()}
    assert {"best", "window"} <= labels

    found = dk.maps.pull(MODEL, trace, draggan()["losses"], at=2)
    figure = dk.plot.pull(trace[2], found)
    assert f"{found.field.norm(dim=2).max():.2g} of loss per pixel" in figure.axes[0].get_title()

    shown = dk.plot.latent(trace).axes[0].images[0].get_array().data
    torch.testing.assert_close(torch.from_numpy(shown), dk.maps.latent_change(trace).T)


def test_a_step_that_pulls_nowhere_can_be_drawn():
    trace = run(draggan(), edit=dk.Edit([(20, 22)], [(20, 22)]), steps=1)
    found = dk.maps.pull(MODEL, trace, draggan()["losses"], at=0)
    assert not found.strength.any()
    assert dk.plot.pull(trace[0], found)._repr_jpeg_()


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda t: dk.maps.scores(MODEL, dk.Trace()), "the trace is empty"),
        (lambda t: dk.maps.scores(MODEL, "x"), "trace is 'x'"),
        (lambda t: dk.maps.scores(MODEL, t, at=9), "step 9 is not in the trace"),
        (lambda t: dk.maps.scores(3, t), "model is 3"),
        (lambda t: dk.maps.pull(MODEL, t, []), "losses is empty"),
        (lambda t: dk.maps.pull(MODEL, t, [dk.LatentPrior()]), "no loss depends on the features"),
        (lambda t: dk.maps.similarity("x", (1, 2)), "view is 'x'"),
        (lambda t: dk.maps.similarity(MODEL.view(LATENT), (1, 2, 3)), "place has shape"),
        (lambda t: dk.maps.similarity(MODEL.view(LATENT), (-5, 10)), "outside of the image"),
        (lambda t: dk.maps.scores(MODEL, t, tracker="x"), "tracker is 'x'"),
        (lambda t: dk.plot.whole_scores(t[0], {}), "scores is empty"),
        (lambda t: dk.plot.pull(t[0], 3), "pull is 3"),
        (lambda t: dk.plot.whole_scores(t[0], {"a": torch.zeros(9, 4, 4)}), "shape (9, 4, 4)"),
        (lambda t: dk.plot.latent(dk.Trace()), "the trace is empty"),
    ],
)
def test_bad_input_is_named(trace, call, words):
    with pytest.raises((TypeError, ValueError, IndexError), match=re.escape(words)):
        call(trace)


def test_the_methods_pull_with_whatever_losses_they_have():
    method = gooddrag("official")
    trace = run(stabledrag(), steps=1)
    assert dk.maps.pull(MODEL, trace, method["losses"][:1], at=1).strength.any()
