"""What a player shows of a run that is no longer the present one, and of its layers."""

import numpy as np
import pytest

import dragkit as dk
from dragkit.widgets.canvas import ImageCanvas

METHOD = dk.methods.draggan("paper") | {"lr": 0.5, "steps": 6}
MASK = np.ones((128, 128))
MASK[:, :64] = 0
EDIT = dk.Edit([(80, 85)], [(90, 80)], MASK)


@pytest.fixture(scope="module")
def trace():
    toy = dk.load("toy")
    return dk.Trace(dk.drag(toy, toy.sample(0), EDIT, **METHOD))


def pixels(image):
    return np.asarray(image.convert("RGB"), int)


def test_each_layer_has_a_button_that_shows_and_hides_it(trace):
    player = dk.Player(trace)
    buttons = player.view.layers.buttons
    assert list(buttons) == ["points", "trail", "mask", "window", "heat"]
    assert not any(part.disabled for part in buttons.values())
    for part in buttons.values():
        before = pixels(player.image())
        part.value = not part.value
        without = pixels(player.image())
        assert (before != without).any()
        part.value = not part.value
        assert (pixels(player.image()) == before).all()
    for part in buttons.values():
        part.value = False
    plain = dk.compose.draw_overlay(player.frame.image)
    assert (pixels(player.image()) == pixels(plain)).all(), "nothing is left but the image"
    assert player.last_error is None


def test_a_layer_that_a_run_lacks_cannot_be_pressed():
    toy = dk.load("toy")
    edit = dk.Edit(EDIT.handles, EDIT.targets)
    player = dk.Player(dk.Trace(dk.drag(toy, toy.sample(0), edit, **METHOD | {"steps": 1})))
    assert player.view.layers.buttons["mask"].disabled
    assert not player.view.layers.buttons["heat"].disabled


def test_the_score_window_leaves_its_point_to_be_seen(trace):
    """Within the frame, beside the dot, the image is as it is; its colours are a layer."""
    player = dk.Player(trace)
    player.view.layers.buttons["points"].value = False
    player.view.layers.buttons["trail"].value = False
    x, y = (player.frame.step.window_centre[0].numpy() + 0.5) * 3
    inside = np.s_[round(y) - 6 : round(y) + 7, round(x) - 6 : round(x) + 7]
    plain = pixels(dk.compose.draw_overlay(player.frame.image, mask=MASK))
    assert (pixels(player.image())[inside] == plain[inside]).all()
    player.view.layers.buttons["heat"].value = True
    assert np.abs(pixels(player.image())[inside] - plain[inside]).mean() > 5


def test_the_lines_of_a_window_do_not_cross_the_image(trace):
    frame = trace[-1]
    drawn = pixels(dk.compose.draw_overlay(frame.image, window=window_of(frame)))
    plain = pixels(dk.compose.draw_overlay(frame.image))
    changed = (drawn != plain).any(-1)
    inset = 96 * 96 + 8 * 100  # and its frame
    assert changed.sum() < inset + (3 * 13 + 12) ** 2 + 4 * 20 * 6


def window_of(frame):
    from dragkit.runs.drawing import score_window

    return score_window(frame, 0)


def test_layers_are_checked(trace):
    from dragkit.runs.drawing import draw_frame

    with pytest.raises(ValueError, match="there is no layer 'paint'; give some of points, trail"):
        draw_frame(trace[0], layers=("points", "paint"))
    with pytest.raises(TypeError, match="layers"):
        draw_frame(trace[0], layers="points")


@pytest.mark.parametrize("change", ["seed", "point"])
def test_the_run_before_is_pale_until_the_next_begins(change):
    studio = dk.Studio(dk.load("toy"), edit=EDIT, **METHOD)
    studio.run(2)
    fresh = pixels(studio.player.image())
    curves = pixels(studio.player.chart_image())
    if change == "seed":
        studio.picker.seed = 3
    else:
        studio.picker.edit = dk.Edit([(30, 40)], [(34, 40)])
    chart = studio.player.view.chart.box
    assert pixels(studio.player.image()).mean() > fresh.mean() + 12
    assert (
        np.abs(curves - 255).sum() > 1.5 * np.abs(pixels(studio.player.chart_image()) - 255).sum()
    )
    assert "dk-old" in chart._dom_classes
    studio.run(2)
    assert pixels(studio.player.image()).mean() < fresh.mean() + 30
    assert "dk-old" not in chart._dom_classes
    assert studio.last_error is None


def test_a_start_that_was_never_run_gives_way_to_the_new_image():
    studio = dk.Studio(dk.load("toy"), edit=EDIT, **METHOD)
    studio.picker.seed = 3
    new = studio.picker.view.image // 2 + 127
    shown = pixels(studio.player.image())
    assert (shown == pixels(dk.compose.draw_overlay(new.astype(np.uint8)))).all()


def test_an_opened_run_is_the_present_one(tmp_path):
    studio = dk.Studio(dk.load("toy"), edit=EDIT, **METHOD)
    studio.run(2)
    files = studio.player.controls.files
    files.name.value = str(tmp_path / "run")
    files.save.click()
    studio.picker.seed = 3
    assert studio.player.state.old
    files.open.click()
    assert not studio.player.state.old
    assert "dk-old" not in studio.player.view.chart.box._dom_classes
    assert studio.last_error is None


def test_a_change_of_the_edit_sends_the_pale_image_once(monkeypatch):
    studio = dk.Studio(dk.load("toy"), edit=EDIT, **METHOD)
    studio.run(2)
    shown = []
    monkeypatch.setattr(ImageCanvas, "show_image", lambda self, image: shown.append(self))
    for x in (30, 31, 32):
        studio.picker.edit = dk.Edit([(x, 40)], [(x + 4, 40)])
    assert shown.count(studio.player.view.canvas) == 1
