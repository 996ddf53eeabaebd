"""A run of a GAN makes its images when they are looked at; meanwhile sketches are shown."""

import copy
import pickle
import warnings
from copy import deepcopy
from dataclasses import replace

import numpy as np
import pytest
import torch
from torch.nn import functional as F

import dragkit as dk
from dragkit.models.toy import Toy
from dragkit.pixels import to_uint8
from dragkit.records import Frame
from dragkit.runs.sketch import Sketch
from dragkit.widgets.player_state import PlayerState

EDIT = dk.Edit([(74, 74)], [(74, 87)])
METHOD = dk.methods.draggan()


@pytest.fixture(scope="module")
def lion():
    return dk.load("lion", device="cpu")


@pytest.fixture
def session(lion):
    session = dk.Session(lion, lion.sample(2), EDIT, **METHOD)
    session.run(3)
    return session


@pytest.mark.parametrize("channels", [3, 65])
def test_an_image_that_is_linear_in_its_features_is_drawn_exactly(channels):
    random = torch.Generator().manual_seed(0)
    features = torch.randn(channels, 40, 56, generator=random)
    mix = torch.randn(12, channels, generator=random) / channels
    image = F.pixel_shuffle(torch.einsum("oc,chw->ohw", mix, features), 2).mul(0.1).add(0.5)
    drawn = Sketch.fit(features, image.clamp(0, 1)).draw(features)
    exact = image.clamp(0, 1).mul(255).round().movedim(0, -1).numpy()
    assert drawn.shape == (80, 112, 3) and np.abs(drawn - exact).max() <= 1


@pytest.mark.parametrize("space", ["w+", "w"])
def test_a_redrawn_image_is_that_of_the_view_to_the_last_bit(lion, space):
    model = replace(lion, space=space)
    latent = model.sample(3) + 0.1 * torch.randn(
        model.latent_shape, generator=torch.Generator().manual_seed(1)
    )
    view = model.view(latent.requires_grad_())
    assert torch.equal(view.redraw(latent.detach()), view.image)


def test_a_session_makes_images_when_they_are_looked_at(lion, session):
    assert [frame.rendered for frame in session.trace] == [True, False, False, False]
    assert session.trace[2].size == (128, 128)
    run = dk.drag(lion, lion.sample(2), EDIT, **METHOD | {"steps": 3})
    reference = [Frame.of(step) for step in run]  # rendered at once
    for frame, exact in zip(session.trace, reference, strict=True):
        assert torch.equal(frame.points, exact.points)
        assert np.array_equal(frame.image, exact.image)
    assert all(frame.rendered for frame in session.trace)


@pytest.mark.parametrize("block", [4, 64, 128])
def test_weights_that_changed_before_the_look_are_told(lion, block):
    model = replace(lion, generator=deepcopy(lion.generator))
    trace = dk.Trace(dk.drag(model, model.sample(2), EDIT, **METHOD | {"steps": 2}))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        trace[0].image  # noqa: B018  nothing has changed yet
    with torch.no_grad():
        model.generator.synthesis.block(block).torgb.weight.mul_(2)
    with pytest.warns(UserWarning, match="the weights of lion have changed since this step"):
        trace[1].image  # noqa: B018
    with pytest.warns(UserWarning, match="save a trace"):
        trace.until(2)[2].image  # noqa: B018


def test_a_saved_run_has_every_image(session, tmp_path):
    opened = dk.Trace.load(session.save(tmp_path / "run.json"))
    for frame, saved in zip(session.trace, opened, strict=True):
        assert np.array_equal(frame.image, saved.image)


def test_a_model_that_cannot_redraw_keeps_its_images():
    toy = Toy()
    latent = toy.sample(0)
    edit = dk.Edit(latent[:1], latent[:1] + 9)
    session = dk.Session(toy, latent, edit, **METHOD | {"lr": 0.5})
    session.run(2)
    assert all(frame.rendered for frame in session.trace) and session.features is None


def test_a_run_that_is_watched_shows_a_sketch_and_at_rest_the_image(session):
    state = PlayerState(session)
    state.seek_end()
    newest = state.frame
    sketch = state.sketched()
    assert not newest.rendered and sketch.step is newest.step
    error = sketch.image.astype(float) - newest.image
    assert 0 < np.square(error).mean() < 255**2 * 10**-2.2  # 22 dB
    assert state.sketched() is newest, "an image that is there already is shown"


def test_no_sketch_is_made_of_other_features(session):
    state = PlayerState(session)
    session.rewind(1)
    state.seek_end()
    assert state.sketched() is session.trace[-1]
    session.step()
    state.seek_end()
    assert state.sketched() is not session.trace[-1]
    session.restart()
    assert session.features is None


def test_a_player_ends_on_the_exact_image(lion):
    player = dk.Player(dk.Session(lion, lion.sample(2), EDIT, **METHOD))
    player.run(4)
    assert player.at == 4 and player.frame.rendered
    looked_at = [frame.rendered for frame in player.trace]
    assert looked_at == [True, False, False, False, True], "a run does not wait for its images"


def test_a_copied_frame_has_its_image_and_not_the_model(session):
    frame = session.trace[2]
    data = pickle.dumps(frame)
    assert len(data) < 500_000  # the generator alone has 6 MB
    again = pickle.loads(data)
    assert np.array_equal(again.image, frame.image) and again.rendered
    assert frame.rendered and isinstance(frame.shown, np.ndarray)
    assert isinstance(copy.deepcopy(session.trace[3]).shown, np.ndarray)


def test_a_trace_of_a_drag_makes_images_when_they_are_looked_at(lion, tmp_path):
    latent = lion.sample(1)
    edit, method = EDIT, METHOD | {"steps": 3}
    at_once = [Frame.of(step) for step in dk.drag(lion, latent, edit, **method)]
    trace = dk.Trace(dk.drag(lion, latent, edit, **method))
    assert [frame.rendered for frame in trace] == [False] * 4

    for frame, wanted in zip(trace, at_once):
        assert frame.size == wanted.size and np.array_equal(frame.image, wanted.image)
    later = dk.Trace(dk.drag(lion, latent, edit, **method))
    paths = [t.save(tmp_path / f"{i}.json") for i, t in enumerate((later, dk.Trace(at_once)))]
    one, two = (np.load(path.with_suffix(".npz")) for path in paths)
    assert set(one) == set(two)
    for name in set(one) - {"id"}:
        assert np.array_equal(one[name], two[name], equal_nan=one[name].dtype.kind == "f"), name


def test_an_image_that_was_looked_at_is_not_made_again(lion):
    trace = dk.Trace()
    step = next(dk.drag(lion, lion.sample(1), EDIT, **METHOD))
    looked = step.view.image
    assert trace.append(step).rendered
    assert np.array_equal(trace[-1].image, to_uint8(looked))
