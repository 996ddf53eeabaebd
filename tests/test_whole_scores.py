"""The player's score map of the whole image, and the place that large maps and image share."""

import numpy as np
import pytest

import dragkit as dk

FAST = dk.methods.draggan("paper") | {"lr": 0.5, "steps": 60}
PAIR = dk.Edit([(64, 85), (40, 40)], [(74, 80), (44, 40)])


@pytest.fixture
def player():
    model = dk.load("toy")
    session = dk.Session(model, model.sample(0), PAIR, **FAST)
    session.run(2)
    return dk.Player(session)


def test_the_whole_image_is_shown_in_the_colours_of_its_scores(player):
    before = player.image()
    player.view.whole.button.value = True
    assert player.last_error is None
    shown = np.asarray(player.image()).astype(int)
    assert (shown != np.asarray(before)).mean() > 0.5

    player.view.score_maps.handle.value = 1
    assert (np.asarray(player.image()) != shown).any(), "each handle has a map of its own"
    legend = player.view.score_maps.legend.value
    player.view.whole.button.value = False
    assert player.view.score_maps.legend.value != legend, "it says what the colours span"
    assert player.view.whole.of(player.frame, 0, "scores") is player.frame


def test_a_recorded_run_has_no_model_to_ask(player):
    recorded = dk.Player(player.trace)
    button = recorded.view.whole.button
    assert button.layout.display == "none"
    button.value = True
    assert recorded.last_error is None


@pytest.mark.parametrize("case", ["no window", "a file"])
def test_a_step_whose_tracker_cannot_be_asked_has_a_dead_button(case, player, tmp_path):
    model = dk.load("toy")
    method = dk.methods.freedrag() if case == "no window" else FAST
    session = dk.Session(model, model.sample(0), PAIR, **method | {"steps": 3})
    session.run(1)
    if case == "a file":
        session = dk.Session.load(session.save(tmp_path / "run"), model, **FAST)
    shown = dk.Player(session)
    assert shown.view.whole.button.disabled
    shown.view.whole.button.value = True
    shown.seek(0)
    assert shown.last_error is None
    assert not player.view.whole.button.disabled


def test_a_place_on_the_large_maps_is_marked_on_the_image(player):
    view = player.view
    view.score_maps.large.value = True
    plain = np.asarray(player.image())
    view._touch_maps("move", 120.0, 90.0)
    place = view.score_panel.place(player.frame, 120.0, 90.0)
    centre = player.frame.step.window_centre[0].numpy()
    assert (abs(np.subtract(place, centre)) <= player.frame.scores.shape[-1] // 2).all()
    assert (np.asarray(player.image()) != plain).any()
    view._touch_maps("out", 0.0, 0.0)
    assert np.array_equal(np.asarray(player.image()), plain)


def test_the_panel_says_what_a_score_is(player):
    player.view.score_maps.large.value = True
    assert "0 would be the same" in player.view.score_panel.meaning.value


def test_the_large_maps_of_all_handles(player):
    panel = player.view.score_panel
    player.view.score_maps.large.value = True
    one = panel.image(player.frame)
    assert len(panel._rows.children) == 1

    panel.every.value = True
    both = panel.image(player.frame)
    assert len(panel._rows.children) == 2
    assert both.height == 2 * one.height + 12  # the gap
    below = panel._canvases[1]
    below.touched("move", 120.0, 90.0)
    assert "handle 1, pixel" in panel.readout.value
    x, y = panel.place(player.frame, 120.0, 90.0)
    assert abs(x - 40) < 5 and abs(y - 40) < 5
    panel.every.value = False
    assert len(panel._rows.children) == 1
    assert np.array_equal(np.asarray(panel.image(player.frame)), np.asarray(one))
    assert player.last_error is None


def test_one_handle_has_no_button_for_all(player):
    session = player.session
    session.restart(edit=dk.Edit([(64, 85)], [(74, 80)]))
    player = dk.Player(session)
    player.view.score_maps.large.value = True
    assert player.view.score_panel.every.layout.display == "none"
