"""The widgets without a browser: mouse, touch and keys are faked, what is sent is recorded."""

import base64
import json
import threading
import time
from dataclasses import dataclass, replace

import ipycanvas.canvas
import numpy as np
import pandas as pd
import pytest
import torch
from PIL import Image

import dragkit as dk
from dragkit.models.toy import Toy
from dragkit.widgets import canvas as canvas_module
from dragkit.widgets.background import stop_all

FAST = dk.methods.draggan("paper") | {"lr": 0.5, "steps": 60}
PAIR = dk.Edit([(64, 85)], [(74, 80)])


@pytest.fixture(autouse=True)
def sent(monkeypatch):
    """Record what would go to the browser; nothing may be left running."""
    messages = []
    manager = ipycanvas.canvas._CANVAS_MANAGER
    monkeypatch.setattr(
        manager, "send", lambda content, buffers=None, **_: messages.append((content, buffers))
    )
    yield messages
    stop_all()
    assert not manager._caching
    assert not manager._commands_cache


@pytest.fixture
def model():
    return dk.load("toy")


def touch(widget, event, x=0.0, y=0.0, **extra):
    """What the browser would send for the image's pixel (x, y)."""
    canvas = widget.view.canvas.canvas
    scale = canvas.height / widget.view.canvas.image[0]
    content = {"event": event, "x": (x + 0.5) * scale, "y": (y + 0.5) * scale} | extra
    canvas._handle_frontend_event(None, content, [])


def click(widget, x, y):
    touch(widget, "mouse_down", x, y)
    touch(widget, "mouse_up", x, y)


def pull(widget, *places):
    touch(widget, "mouse_down", *places[0])
    for place in places[1:]:
        touch(widget, "mouse_move", *place)
    touch(widget, "mouse_up", *places[-1])


def wait(condition, seconds=10.0):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it took too long"
        time.sleep(0.01)


def pairs(picker):
    return list(zip(picker.draft.handles, picker.draft.targets))


# --- picker


def test_click_and_click_makes_a_pair(model):
    picker = dk.Picker(model)
    click(picker, 40, 50)
    with pytest.raises(ValueError, match="handle 0 has no target yet"):
        picker.edit  # noqa: B018
    assert "where it should go" in picker.status.line.value
    click(picker, 60, 55)
    assert pairs(picker) == [((40, 50), (60, 55))]
    assert picker.edit.fit(model.size).targets.tolist() == [[60, 55]]
    assert picker.last_error is None


def test_press_drag_release_makes_a_pair_and_points_can_be_moved(model):
    picker = dk.Picker(model)
    pull(picker, (40, 50), (45, 52), (60, 55))
    pull(picker, (100, 20), (100, 21))  # trembles: a click
    click(picker, 110, 30)
    assert pairs(picker) == [((40, 50), (60, 55)), ((100, 20), (110, 30))]
    pull(picker, (60.8, 55.4), (65, 60), (70, 65))
    pull(picker, (39, 51), (30, 30))
    assert pairs(picker)[0] == ((30, 30), (70, 65))
    assert picker.draft.selected == 0


def test_leaving_the_image_lets_go_and_points_stay_inside(model):
    picker = dk.Picker(model)
    touch(picker, "mouse_down", 40, 50)
    touch(picker, "mouse_move", 300, 60)
    touch(picker, "mouse_out", 300, 60)
    touch(picker, "mouse_move", 10, 10)
    assert pairs(picker) == [((40, 50), (127, 60))]


def swipe(widget, *places):
    for event, (x, y) in zip(("touch_start", *["touch_move"] * (len(places) - 1)), places):
        touch(widget, event, touches=[{"x": (x + 0.5) * 6, "y": (y + 0.5) * 6}])
    touch(widget, "touch_end", touches=[])


def test_two_taps_make_a_pair_and_a_finger_moves_points_it_nearly_meets(model):
    picker = dk.Picker(model)
    swipe(picker, (20, 20))
    swipe(picker, (40, 30), (41, 30))  # trembles: a tap
    assert pairs(picker) == [((20, 20), (41, 30))]
    swipe(picker, (47, 30), (60, 50))  # two of the mouse's reaches away
    assert pairs(picker) == [((20, 20), (60, 50))]
    touch(picker, "mouse_down", 66, 50)  # a mouse is finer
    touch(picker, "mouse_up", 66, 50)
    assert len(pairs(picker)) == 2


def test_a_finger_that_swipes_over_the_image_picks_nothing(model):
    picker = dk.Picker(model)
    reported = []
    picker.on_change(lambda: reported.append(1))
    swipe(picker, (20, 20), (20, 40), (20, 90))
    assert not pairs(picker) and not reported


def test_the_delete_key_and_the_buttons_remove(model):
    picker = dk.Picker(
        model, edit=dk.Edit([(20, 20), (60, 60), (90, 90)], [(30, 20), (70, 60), (99, 90)])
    )
    picker.pair.number.value = 1
    touch(picker, "key_down", key="Delete", shift_key=False, ctrl_key=False, meta_key=False)
    assert [h for h, _ in pairs(picker)] == [(20, 20), (90, 90)]
    picker.tools.remove.click()
    picker.tools.clear.click()
    assert pairs(picker) == []
    assert picker.tools.remove.disabled
    with pytest.raises(ValueError, match="no handle yet"):
        picker.edit  # noqa: B018


def test_all_of_it_by_numbers(model):
    picker = dk.Picker(model)
    picker.tools.add.click()
    pair = picker.pair
    for box, value in (
        (pair.handle_x, 10),
        (pair.handle_y, 20),
        (pair.target_x, 30),
        (pair.target_y, 40),
    ):
        box.value = value
    assert pairs(picker) == [((10, 20), (30, 40))]


def test_paint_and_erase(model):
    picker = dk.Picker(model)
    assert picker.mask is None
    picker.tools.mode.value = "Paint"
    picker.tools.brush.value = 5
    pull(picker, (20, 64), (100, 64))
    assert picker.mask[64, 20:101].all(), "a stroke has no gaps"
    assert picker.mask.mean() < 0.1
    picker.tools.mode.value = "Erase"
    pull(picker, (60, 64), (61, 64))
    assert not picker.mask[64, 60]
    assert picker.mask[64, 30]
    picker.tools.clear_mask.click()
    assert picker.mask is None
    pull(picker, (60, 64), (61, 64))
    assert picker.mask.mean() > 0.9, "erasing without a mask begins with all of it"
    picker.edit = PAIR
    assert picker.edit.mask is None


def test_a_mask_that_is_erased_completely_is_none(model):
    picker = dk.Picker(model)
    for mode in ("Paint", "Erase"):
        picker.tools.mode.value = mode
        pull(picker, (60, 64), (61, 64))
    assert picker.mask is None


def test_seed_and_listeners(model):
    picker = dk.Picker(model, seed=3)
    reported = []
    picker.on_change(lambda: reported.append(picker.seed))
    picker.seed = 5
    assert torch.equal(picker.latent, model.sample(5))
    click(picker, 40, 50)
    assert reported == [5, 5]


def test_a_wrong_edit_is_refused_at_once(model):
    with pytest.raises(ValueError, match="outside the 128×128 image"):
        dk.Picker(model, edit=dk.Edit([(500, 0)], [(0, 0)]))


def test_an_error_in_a_callback_is_shown_and_remembered_and_the_widget_lives(model):
    picker = dk.Picker(model)
    picker.on_change(lambda: 1 / 0)
    click(picker, 40, 50)
    assert isinstance(picker.last_error, ZeroDivisionError)
    assert "ZeroDivisionError" in picker.status.line.value
    picker._listeners.clear()
    click(picker, 60, 60)
    assert pairs(picker) == [((40, 50), (60, 60))]


# --- canvas


def test_images_go_out_as_jpeg_and_again_for_every_new_page(model, sent):
    picker = dk.Picker(model)
    jpeg = bytes(sent[-1][1][-1])
    assert jpeg.startswith(b"\xff\xd8")
    touch(picker, "client_ready")
    assert bytes(sent[-1][1][-1]) == jpeg


def test_batch_leaves_nothing_behind_after_an_error(model, sent):
    canvas = dk.Picker(model).view.canvas.canvas
    count = len(sent)
    with pytest.raises(ZeroDivisionError), canvas_module.batch():
        canvas.fill_rect(0, 0, 5, 5)
        raise ZeroDivisionError
    assert len(sent) == count
    with canvas_module.batch(), canvas_module.batch():
        canvas.fill_rect(0, 0, 5, 5)
    assert len(sent) == count + 1


def test_frames_that_come_too_fast_are_dropped_but_never_the_last(model, sent):
    canvas = dk.Picker(model).view.canvas
    drawn = []
    make = lambda size: (
        drawn.append(size) or dk.compose.draw_overlay(np.zeros((8, 8, 3), np.uint8), size=size)
    )
    shown = [canvas.show(make, last=False) for _ in range(5)]
    assert sum(shown) <= 2
    assert canvas.show(make, last=True)
    assert drawn[-1] == 768


# --- player


def test_run_waits_and_shows_the_end(model):
    player = dk.Player(dk.Session(model, model.sample(0), PAIR, **FAST))
    assert len(player.trace) == 1, "the first step is made at once"
    trace = player.run(4)
    assert trace is player.session.trace
    assert len(trace) == 5
    assert player.frame is trace[-1]
    assert player.controls.playback.slider.value == player.controls.playback.slider.max == 4
    assert "step 4" in player.status.line.value


def test_run_and_stop_in_the_background(model):
    slow = dk.Session(model, model.sample(0), PAIR, **FAST | {"lr": 1e-6, "steps": 10**6})
    player = dk.Player(slow)
    player.controls.run.run.click()
    assert player.running
    assert player.controls.run.run.disabled
    assert not player.controls.run.stop.disabled
    wait(lambda: len(player.trace) > 3)
    player.controls.run.stop.click()
    wait(lambda: not player.running)
    player.stop()
    length = len(player.trace)
    time.sleep(0.05)
    assert len(player.trace) == length
    assert player.controls.run.stop.disabled
    assert player.last_error is None
    player.controls.run.step.click()
    player.stop()
    assert len(player.trace) in (length, length + 1)


def test_a_set_up_cell_that_is_run_again_ends_the_old_run(model):
    old = dk.Player(
        dk.Session(model, model.sample(0), PAIR, **FAST | {"lr": 1e-6, "steps": 10**6})
    )
    old.controls.run.run.click()
    dk.Player(dk.Session(model, model.sample(0), PAIR, **FAST))
    assert not old.running
    assert not [t for t in threading.enumerate() if t.name == "dragkit run"]


class Breaks:
    """The toy, until its views raise."""

    def __init__(self, error, after):
        self.toy = dk.load("toy")
        self.error = error
        self.left = after
        self.name = "breaks"
        self.size = self.toy.size
        self.device = self.toy.device
        self.sample = self.toy.sample
        self.finish = self.toy.finish

    def view(self, latent):
        self.left -= 1
        if self.left == 0:
            raise self.error
        return self.toy.view(latent)


def test_an_error_in_the_background_is_shown_and_the_next_step_continues():
    model = Breaks(RuntimeError("out of <memory>"), after=5)
    player = dk.Player(dk.Session(model, model.sample(0), PAIR, **FAST))
    player.controls.run.run.click()
    wait(lambda: not player.running)
    player.stop()
    assert isinstance(player.last_error, RuntimeError)
    assert "out of &lt;memory&gt;" in player.status.line.value
    assert "where it happened" in player.status.line.value
    length = len(player.trace)
    player.run(2)
    assert len(player.trace) == length + 2


@pytest.mark.parametrize("error", [RuntimeError("broken"), KeyboardInterrupt()])
def test_an_error_or_interrupt_in_a_run_that_waits(error):
    model = Breaks(error, after=5)
    player = dk.Player(dk.Session(model, model.sample(0), PAIR, **FAST))
    if isinstance(error, KeyboardInterrupt):
        assert len(player.run()) > 1, "an interrupt ends it quietly"
        assert player.last_error is None
    else:
        with pytest.raises(RuntimeError, match="broken"):
            player.run()
        assert player.last_error is error
    assert not player.running
    assert len(player.run(1)) >= 3


def test_scrub_branch_and_scores(model):
    player = dk.Player(dk.Session(model, model.sample(0), PAIR, **FAST))
    player.run(6)
    plain = player.image()
    player.controls.playback.slider.value = 2
    assert player.frame.index == 2
    assert not player.controls.run.branch.disabled
    player.controls.run.branch.click()
    assert len(player.trace) == 3
    assert [len(t) for t in player.session.past] == [7]
    player.controls.score_maps.handle.label = "off"
    assert player.image().tobytes() != plain.tobytes()
    assert player.last_error is None


def test_a_finished_trace_can_be_watched_but_not_run(model):
    trace = dk.Session(model, model.sample(0), PAIR, **FAST).run(3)
    player = dk.Player(trace)
    assert player.controls.run.run.disabled
    player.seek(-2)
    assert player.frame is trace[2]
    with pytest.raises(ValueError, match="finished trace"):
        player.run()
    with pytest.raises(IndexError):
        player.seek(9)


def test_save_open_and_gif(model, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    player = dk.Player(dk.Session(model, model.sample(0), PAIR, **FAST))
    player.run(3)
    player.controls.files.name.value = "runs/mine"
    player.controls.files.save.click()
    assert json.loads((tmp_path / "runs/mine.json").read_text())["model"] == "toy"
    player.run(2)
    player.controls.files.open.click()
    assert len(player.trace) == 4
    player.run(1)
    player.controls.files.menu.button.click()  # a GIF, unless another choice is made
    wait(lambda: not player.running)
    player.stop()
    assert (tmp_path / "runs/mine.gif").read_bytes().startswith(b"GIF")
    assert "Wrote runs/mine.gif" in player.status.line.value
    assert player.last_error is None
    player.controls.files.name.value = "runs/absent"
    player.controls.files.open.click()
    assert "is missing" in str(player.last_error)
    assert len(player.trace) == 5


def test_a_gif_that_is_stopped_is_not_written(model, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    player = dk.Player(dk.Session(model, model.sample(0), PAIR, **FAST))
    player.run(3)
    stop = player.controls.run.stop

    def draw(*_, **__):
        wait(lambda: not stop.disabled)
        stop.click()  # while the first frame is drawn
        return Image.new("RGB", (64, 64))

    monkeypatch.setattr("dragkit.runs.trace.draw_frame", draw)
    player.controls.files.menu.button.click()  # a GIF, unless another choice is made
    wait(lambda: stop.disabled)
    assert player.last_error is None and not list(tmp_path.rglob("*.gif"))


# --- studio


def test_a_changed_edit_counts_from_the_next_run_and_the_past_is_kept(model):
    studio = dk.Studio(model, seed=0, edit=PAIR, **FAST)
    first = studio.run(3)
    pull(studio.picker, (74, 80), (70, 90))
    assert studio.trace is first, "what was done can still be watched"
    assert not studio.player.controls.run.run.disabled
    studio.run(2)
    assert studio.session.past == [first]
    assert studio.trace[0].edit.targets.tolist() == [[70, 90]]
    studio.picker.seed = 4
    studio.run(1)
    assert torch.equal(studio.trace[0].latent, model.sample(4))
    assert len(studio.session.past) == 2
    studio.run(1)
    assert len(studio.trace) == 3, "without a change it continues"
    assert studio.last_error is None


def test_a_studio_begins_with_nothing(model):
    studio = dk.Studio(model, **FAST)
    assert studio.session is None
    assert len(studio.trace) == 0
    assert studio.player.controls.run.run.disabled
    with pytest.raises(ValueError, match="no handle yet"):
        studio.run()
    pull(studio.picker, (64, 85), (74, 80))
    assert not studio.player.controls.run.run.disabled
    studio.player.controls.run.run.click()
    wait(lambda: not studio.player.running)
    studio.player.stop()
    assert studio.session.done
    assert studio.player.controls.run.run.disabled, "arrived: there is nothing left to do"


def test_open_shows_the_saved_start_and_edit(model, tmp_path):
    studio = dk.Studio(model, seed=2, edit=PAIR, **FAST)
    studio.run(2)
    studio.player.controls.files.name.value = str(tmp_path / "runs/a")
    studio.player.controls.files.save.click()
    studio.picker.seed = 7
    studio.picker.tools.clear.click()
    studio.player.controls.files.open.click()
    assert torch.equal(studio.picker.latent, model.sample(2))
    assert studio.edit.to_dict() == PAIR.to_dict()
    assert len(studio.run(1)) == 4
    assert studio.last_error is None


def test_a_studio_needs_a_method(model):
    with pytest.raises(TypeError, match=r"\*\*dragkit.methods.draggan\(\)"):
        dk.Studio(model)


# --- stills


@pytest.mark.parametrize("kind", ["picker", "player", "studio"])
def test_every_widget_has_a_still_beside_the_live_view(model, kind):
    session = dk.Session(model, model.sample(0), PAIR, **FAST)
    widget = {
        "picker": lambda: dk.Picker(model, edit=PAIR),
        "player": lambda: dk.Player(session),
        "studio": lambda: dk.Studio(model, edit=PAIR, **FAST),
    }[kind]()
    bundle = widget._repr_mimebundle_()
    image = base64.b64decode(bundle["image/jpeg"])
    assert image.startswith(b"\xff\xd8")
    assert len(image) < 80_000
    assert widget.snapshot().startswith(b"\x89PNG")
    assert "application/vnd.jupyter.widget-view+json" in bundle
    assert bundle["text/plain"].startswith(type(widget).__name__)


def test_a_loss_below_zero_runs_and_a_second_press_of_run_changes_nothing():
    @dataclass(frozen=True)
    class Odd:
        name: str = "odd"

        def __call__(self, view, track, start, edit):
            return -view.features.square().mean()

    model = Toy()
    latent = model.sample(0)
    session = dk.Session(
        model,
        latent,
        dk.Edit(latent[:1], latent[:1] + 20),
        **dk.methods.draggan() | {"losses": (Odd(),)},
    )
    player = dk.Player(session)
    for _ in range(3):
        player.controls.run.run.click()
    wait(lambda: not player.running, 30)
    player.stop()
    assert player.last_error is None
    assert [f.index for f in session.trace] == list(range(len(session.trace)))


# --- looking closer


STABLE = dk.methods.stabledrag("paper") | {"lr": 0.5, "steps": 12}


@pytest.fixture
def stable(model):
    edit = dk.Edit([(64, 85), (32, 36)], [(74, 80), (38, 36)])
    return dk.Trace(dk.drag(model, model.sample(0), edit, **STABLE))


def poke(canvas, event, x, y):
    """What the browser would send for CSS pixel (x, y) of a canvas."""
    canvas.canvas._handle_frontend_event(None, {"event": event, "x": 2 * x, "y": 2 * y}, [])


def step_place(chart, step):
    """A CSS pixel of the first panel of the curves where that step is."""
    width, height = chart.size
    sheet = (width * len(chart.panels), height)
    step_at = lambda x, y: dk.compose.step_at(x, y, chart.panels, sheet)
    places = [(x, height - 60) for x in range(width) if step_at(x, height - 60) is not None]
    return min(places, key=lambda place: abs(step_at(*place) - step))


def test_hover_reports_the_pixel_and_its_raw_values(stable):
    player = dk.Player(stable)
    player.seek(5)
    frame = player.frame
    x, y = (frame.step.search_centre[0] + torch.tensor([1.0, -1])).tolist()
    row = len(frame.scores[0]) // 2 - 1
    column = len(frame.scores[0]) // 2 + 1
    touch(player, "mouse_move", x, y)
    text = player.status.line.value
    assert f"pixel ({x:g}, {y:g})" in text
    for name in ("learned", "difference"):
        assert f"{name} {frame.step.track.maps[name][0, row, column]:.3g}" in text
    assert f"fused {frame.scores[0, row, column]:.3g}" in text
    touch(player, "mouse_move", 3, 120)
    assert "no score here" in player.status.line.value
    touch(player, "mouse_out", 3, 120)
    assert "step 5" in player.status.line.value
    assert player.last_error is None


def test_a_finger_reads_values_too(stable):
    player = dk.Player(stable)
    x, y = player.frame.step.search_centre[0].tolist()
    touch(player, "touch_start", touches=[{"x": (x + 0.5) * 6, "y": (y + 0.5) * 6}])
    assert f"pixel ({x:g}, {y:g}): learned" in player.status.line.value
    press(player.view.canvas, "ArrowLeft")  # it has gone; a mouse would still be there
    wait(lambda: f"step {player.frame.index}" in player.status.line.value)


def test_a_loop_of_your_own_reports_no_loss_and_a_term_that_is_0_has_no_curve(stable):
    bare = dk.Trace.of(
        dk.load("toy"),
        [(stable[0].latent, [(40, 40)]), (stable[1].latent, [(41, 40)])],
        dk.Edit([(40, 40)], [(60, 40)]),
    )
    assert "loss – · confidence –" in dk.Player(bare).status.line.value
    assert all(not frame.losses["mask"] for frame in stable)
    assert all("mask" not in panel.lines for panel in dk.Player(stable).view.chart.panels)


def test_the_large_maps_report_values_and_have_the_frames_maps(stable):
    player = dk.Player(stable)
    score_maps = player.controls.score_maps
    panel = player.view.score_panel
    assert list(score_maps.map.options) == ["fused", "learned", "difference"]
    assert panel.box.layout.display == "none"
    score_maps.large.value = True
    assert panel.box.layout.display == "flex"
    poke(panel.canvas, "mouse_move", panel.width / 2, 150)
    assert "learned" in panel.readout.value
    assert "pixel" in player.status.line.value
    fused = player.image().tobytes()
    score_maps.map.value = "difference"
    assert player.image().tobytes() != fused
    assert player.still().height > 800
    assert player.last_error is None


def test_a_tracker_without_maps_offers_just_its_scores(model):
    player = dk.Player(dk.Session(model, model.sample(0), PAIR, **FAST))
    assert list(player.controls.score_maps.map.options) == ["scores"]
    assert player.controls.score_maps.map.disabled
    player.controls.score_maps.large.value = True
    touch(player, "mouse_move", *player.frame.step.search_centre[0].tolist())
    assert "scores 0" in player.status.line.value or "scores -" in player.status.line.value
    assert player.last_error is None


def test_a_click_on_the_curves_shows_that_step(stable):
    player = dk.Player(stable)
    poke(player.view.chart.canvases[0], "mouse_down", *step_place(player.view.chart, 3))
    wait(lambda: player.controls.playback.slider.value == 3)
    poke(player.view.chart.canvases[0], "mouse_move", *step_place(player.view.chart, 5))
    poke(player.view.chart.canvases[0], "mouse_up", *step_place(player.view.chart, 6))
    poke(player.view.chart.canvases[0], "mouse_move", *step_place(player.view.chart, 1))
    wait(lambda: player.controls.playback.slider.value == 5)
    assert player.frame is stable[5]
    poke(player.view.chart.canvases[0], "mouse_down", 2, 2)
    assert player.frame is stable[5]
    assert player.last_error is None


def test_a_thinned_run_shows_its_steps_own_numbers(stable):
    thin = dk.Trace(stable.frames[::2])
    player = dk.Player(thin)
    both = dk.Compare(stable, thin)
    assert player.controls.playback.number.value == str(thin[-1].index)
    both.seek(1)  # a step that the second run did not keep; it continues nevertheless
    assert both.playback.number.value == "1"
    assert not any("ended" in run.status.line.value for run in both.runs.values())


def test_step_back_and_on_and_slow_motion(stable):
    player = dk.Player(stable)
    t = player.controls.playback
    t.back.click()
    t.back.click()
    wait(lambda: t.slider.value == len(stable) - 3)
    t.forward.click()
    wait(lambda: t.slider.value == len(stable) - 2)
    for _ in range(5):
        t.forward.click()
    assert player.at == len(stable) - 1
    t.speed.label = "slow motion"
    assert t.timer.interval == 400


def within(box):
    """A widget and all that is in it."""
    return [box, *(part for child in getattr(box, "children", ()) for part in within(child))]


def press(canvas, key):
    canvas.canvas._handle_frontend_event(
        None,
        {
            "event": "key_down",
            "key": key,
            "shift_key": False,
            "ctrl_key": False,
            "meta_key": False,
        },
        [],
    )


def test_slides_show_all_as_large_as_the_window_with_little_to_press(stable):
    player = dk.Player(stable, slides=True)
    assert player.view.canvas.size == 640
    assert all("vh" in part.layout.max_width for part in player.view.chart.box.children)
    parts = within(player.box)
    t = player.controls.playback
    w = player.controls.score_maps
    assert "dk-slides" in player.box._dom_classes
    assert all(part in parts for part in (t.play_button, t.back, t.forward, t.slider))
    assert not [
        part
        for part in (t.speed, w.handle, w.map, w.large, player.controls.files.row)
        if part in parts
    ]
    assert player.still().height >= 640
    poke(player.view.chart.canvases[0], "mouse_down", *step_place(player.view.chart, 5))
    wait(lambda: player.frame is stable[5])
    assert player.last_error is None


def test_slides_of_several_runs_stand_beside_their_curves(stable):
    both = dk.Compare(stable, dk.Trace(stable.frames[:4]), slides=True)
    assert "dk-slides" in both.box._dom_classes
    assert both.playback.speed not in within(both.box)
    wide, high = both.still().size
    assert wide > 2 * 480 + both.chart.size[0] and high < 700
    poke(both.chart.canvases[0], "mouse_down", *step_place(both.chart, 4))
    wait(lambda: both.playback.slider.value == 4)
    assert both.last_error is None


def test_the_still_of_a_comparison_has_images_as_wide_as_its_curves(stable):
    both = dk.Compare(stable, stable, size=200)
    still = both.still()
    assert still.width == 2 * 384  # two panels beside each other
    right = np.asarray(still)[30:300, -40:]
    assert (right != 255).mean() > 0.5


@pytest.mark.parametrize("slides", [False, True])
def test_keys_on_the_images_step_and_play(stable, slides):
    player = dk.Player(stable, slides=slides)
    both = dk.Compare(stable, stable, slides=slides)
    for widget, playback, canvas in (
        (player, player.controls.playback, player.view.canvas),
        (player, player.controls.playback, player.view.chart.canvases[0]),
        (both, both.playback, both.runs["run 1"].canvas),
        (both, both.playback, both.chart.canvases[0]),
    ):
        for key, at in (
            ("Home", 0),
            ("ArrowRight", 1),
            ("ArrowRight", 2),
            ("ArrowLeft", 1),
            ("x", 1),
            ("End", len(stable) - 1),
        ):
            press(canvas, key)
            wait(lambda widget=widget, at=at: widget.at == at)
        press(canvas, " ")
        assert playback.timer.playing
        press(canvas, " ")
        assert not playback.timer.playing
        assert widget.last_error is None


def test_without_a_mouse_arrows_and_enter_pick_and_paint(model):
    picker = dk.Picker(model)
    middle = (model.size[1] / 2, model.size[0] / 2)
    press(picker.view.canvas, "Enter")  # no cross yet: nothing happens
    for key in ("ArrowRight", "Enter", *["ArrowDown"] * 8, "Enter"):
        press(picker.view.canvas, key)
    step = model.size[0] / 64
    assert picker.edit.handles.tolist() == [[middle[0] + step, middle[1]]]
    assert picker.edit.targets.tolist() == [[middle[0] + step, middle[1] + 8 * step]]
    picker.tools.mode.value = "Paint"
    press(picker.view.canvas, " ")
    x, y = (int(v) for v in picker.edit.targets[0])
    assert picker.mask[y, x] and not picker.mask[0, 0]
    assert picker.view.cross is not None
    touch(picker, "mouse_down", 5, 5)
    assert picker.view.cross is None and picker.last_error is None


def test_tab_gets_out_of_an_image(stable, monkeypatch):
    player = dk.Player(stable)
    left = []
    monkeypatch.setattr(player.view.canvas.canvas, "blur", lambda: left.append(True))
    press(player.view.canvas, "Tab")
    assert left == [True]


def test_saving_never_overwrites_another_run(model, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    first, second = (dk.Player(dk.Session(model, model.sample(i), PAIR, **FAST)) for i in (0, 1))
    first.controls.files.save.click()
    first.run(2)
    first.controls.files.save.click()
    second.controls.files.save.click()
    assert sorted(p.name for p in (tmp_path / "runs").glob("*.json")) == [
        "session-2.json",
        "session.json",
    ]
    assert "runs/session-2.json (runs/session.json is another run" in second.status.line.value
    assert len(dk.Trace.load("runs/session")) == 3
    third = dk.Player(dk.Session(model, model.sample(2), PAIR, **FAST))
    third.controls.files.open.click()
    third.run(1)
    third.controls.files.save.click()
    assert len(dk.Trace.load("runs/session")) == 4, "what was opened here may be written again"


def test_two_handles_on_one_pixel_are_reported_not_raised(model):
    studio = dk.Studio(model, **FAST)
    studio.picker.tools.add.click()
    studio.picker.tools.add.click()
    assert "both on pixel (64, 64)" in studio.picker.status.line.value
    assert studio.player.controls.run.run.disabled
    assert studio.last_error is None
    studio.picker.tools.remove.click()
    assert not studio.player.controls.run.run.disabled


# --- compare and features


def test_compare_moves_all_runs_and_holds_the_last_step(stable):
    short = dk.Trace(stable.frames[:4])
    both = dk.Compare(stable, short, names=["long", "short"])
    assert both.frames == {"long": stable[-1], "short": short[-1]}
    assert "ended" in both.runs["short"].status.line.value
    both.playback.slider.value = 2
    wait(lambda: "step 2" in both.runs["short"].status.line.value)
    assert [f.index for f in both.frames.values()] == [2, 2]
    assert both.image("long").tobytes() == both.image("short").tobytes()
    x, y = stable[2].step.search_centre[0].tolist()
    canvas = both.runs["short"].canvas.canvas
    scale = canvas.height / 128
    canvas._handle_frontend_event(
        None, {"event": "mouse_move", "x": (x + 0.5) * scale, "y": (y + 0.5) * scale}, []
    )
    assert f"pixel ({x:g}, {y:g})" in both.runs["short"].status.line.value
    assert "pixel" not in both.runs["long"].status.line.value
    assert both.snapshot().startswith(b"\x89PNG")
    assert both.last_error is None


def test_compare_trackers_on_the_same_frames(model, stable):
    both = dk.Compare.trackers(
        model, stable, {"nearest": dk.NearestNeighbor(), "learned": dk.Discriminative()}
    )
    assert torch.equal(both.frames["learned"].points, stable[-1].points)
    assert both.frames["nearest"].image is stable[-1].image
    poke(both.chart.canvases[0], "mouse_down", *step_place(both.chart, 4))
    wait(lambda: both.playback.slider.value == 4)
    assert both.last_error is None


TOY = dk.load("toy")
NEAR = dk.NearestNeighbor()
TABLE = pd.DataFrame({"px": [2.0, 1.0], "task": ["a", "b"]})
OUTSIDE = dk.Edit([(500, 1)], [(1, 1)])
SIZE = "size is .*; give a whole number from 64 to 2048"
HEIGHT = "size is .*; give a whole number from 16 to 4096"


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda t: dk.Player(dk.Trace()), "the trace is empty; run a step first"),
        *(
            (lambda t, size=size: dk.Player(t, size), SIZE)
            for size in (0, -3, True, 9.5, "a", 1e9)
        ),
        (lambda t: dk.Player(t, chart=5), r"chart is 5; give \(width, height\)"),
        (lambda t: dk.Player(t, chart=(300, -1)), r"chart is \(300, -1\)"),
        (lambda t: dk.Player(t, chart=(300, 300, 300)), "chart is"),
        (lambda t: dk.Player(t, blank=np.zeros((4, 4))), "blank is .*; give an image"),
        (lambda t: dk.Player(t).image(0), HEIGHT),
        (lambda t: dk.Player(t).on("strt", print), "event is 'strt'; give one of start, rest, op"),
        (lambda t: dk.Player(t).on(["rest"], print), r"event is \['rest'\]"),
        (lambda t: dk.Player(dk.Session(TOY, TOY.sample(0), PAIR, **FAST)).run("5"), "steps is"),
        (lambda t: dk.Player(dk.Session(TOY, TOY.sample(0), PAIR, **FAST)).run(-1), "steps is"),
        (lambda t: dk.Player(dk.Session(TOY, TOY.sample(0), PAIR, **FAST)).run(1.5), "steps is"),
        (lambda t: dk.Compare(t), "two runs or more"),
        (lambda t: dk.Compare(t, dk.Trace()), "at least one step"),
        (lambda t: dk.Compare(t, t, names=["a", "a"]), "a name of its own"),
        (lambda t: dk.Compare(t, t, names=["a"]), "a name of its own"),
        (lambda t: dk.Compare(t, t, names=["a", "b", "a"]), "a name of its own"),
        (lambda t: dk.Compare(t, t, names=["a\nb", "b"]), "a name is .* cannot be printed"),
        (lambda t: dk.Compare(t, t, names=["a" * 500, "b"]), "500 bytes long; give one of at mo"),
        (lambda t: dk.Compare(t, t, names=["", "b"]), "a name is ''; give a text"),
        (
            lambda t: dk.Compare.trackers(TOY, t, {"a\nb": NEAR, "b": NEAR}),
            "a tracker's name is .* cannot be printed",
        ),
        (lambda t: dk.Compare(t, t, size=0), SIZE),
        (lambda t: dk.Compare(t, t).seek(10**6), "position is 1000000; give a whole number from"),
        (lambda t: dk.Compare(t, t).seek("a"), "position is 'a'"),
        (lambda t: dk.Compare(t, t).image("a"), "no run 'a'; there are run 0, run 1"),
        (lambda t: dk.Compare(t, t).image("run 0", 0.5), HEIGHT),
        (lambda t: dk.Compare.trackers(TOY, t, {"a": NEAR}), "there are 1 trackers; give two or"),
        (
            lambda t: dk.Compare.trackers(TOY, t, {"a": NEAR, "b": dk.NearestNeighbor}),
            r"tracker is the class NearestNeighbor; pass an instance",
        ),
        (lambda t: dk.Compare.trackers(TOY, t, {"a": NEAR, "b": NEAR}, size=0), SIZE),
        (lambda t: dk.Compare.trackers(TOY, t, {"a": NEAR, "b": NEAR}, trust=0.8), "trust is 0.8"),
        (lambda t: dk.Features(TOY, dk.Trace()), "empty"),
        (lambda t: dk.Features({}, t), "there is no model; give one, or several by name"),
        (lambda t: dk.Features(TOY, t, size="big"), SIZE),
        (lambda t: dk.Features(TOY, t).images(-1), HEIGHT),
        (lambda t: dk.Results(TABLE[:0], print), "the table is empty"),
        (lambda t: dk.Results(pd.DataFrame(index=[0, 1]), print), "the table is empty"),
        (lambda t: dk.Results(TABLE, print, size=0), SIZE),
        (lambda t: dk.Results(pd.DataFrame({0: [1]}), print), "a column is named 0; give each"),
        (lambda t: dk.Results(TABLE[["px", "px"]], print), "a column is named 'px'; give each a"),
        (lambda t: dk.Results(pd.DataFrame({"a": [1, "b"]}), print), "'a' cannot be sorted"),
        (
            lambda t: dk.Picker(TOY, seed=-1),
            "seed is -1; give a whole number from 0 to 2147483647",
        ),
        (lambda t: dk.Picker(TOY, seed=2**31), "seed is 2147483648"),
        (lambda t: dk.Picker(TOY, size=0), SIZE),
        (lambda t: dk.Picker(TOY, edit=OUTSIDE), r"handle 0 at \(500, 1\) is outside"),
        (lambda t: dk.Picker(TOY, latent=torch.zeros(5)), "the latent has shape"),
        (lambda t: dk.Picker(TOY, latent=TOY.sample(0) * torch.nan), "values that are NaN"),
        (lambda t: dk.Picker(TOY).still("a"), HEIGHT),
        (lambda t: setattr(dk.Picker(TOY), "seed", "a"), "seed is 'a'"),
        (lambda t: setattr(dk.Picker(TOY), "edit", OUTSIDE), "outside"),
        (lambda t: dk.Studio(TOY, size=0, **FAST), SIZE),
        (lambda t: dk.Studio(TOY, "a", **FAST), "seed is 'a'"),
        (lambda t: dk.Studio(TOY, edit=OUTSIDE, **FAST), "outside"),
        (lambda t: dk.Studio(TOY, **FAST | {"lr": -1}), "lr is -1"),
        (lambda t: dk.Studio(TOY, **FAST | {"steps": 1.5}), "steps is 1.5"),
        (lambda t: dk.Studio(TOY, **FAST | {"tracker": dk.NearestNeighbor}), "tracker is the cla"),
        (lambda t: dk.Studio(TOY, **FAST | {"losses": []}), "losses is empty"),
        (lambda t: dk.Studio(TOY, **FAST | {"tracker": dk.NearestNeighbor(0)}), "radius is 0"),
    ],
)
def test_what_cannot_be_shown_is_refused(stable, make, message):
    with pytest.raises(ValueError, match=message):
        make(stable)


class Headless:
    """A model of somebody's own that was never finished."""

    name, size, device = "headless", (8, 8), torch.device("cpu")


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda t: dk.Player(5), "a Player shows a Trace or a Session, not a int"),
        (lambda t: dk.Player(t, slides="yes"), "slides is 'yes'; give True or False"),
        (lambda t: dk.Player(t, sise=300), "Player: .*'sise'; did you mean 'size'.*it takes sou"),
        (lambda t: dk.Player(t).seek("a"), "a step is found by a whole number"),
        (lambda t: dk.Player(t).seek(), "Player.seek: missing .*'position'"),
        (lambda t: dk.Player(t).seek(postion=1), "Player.seek: .*; did you mean 'position'"),
        (lambda t: dk.Player(t).on("rest", 5), "callback is 5; give a function"),
        (lambda t: dk.Compare(5, 6), r"run 0 is 5; give one Trace after the other: Compare\(a"),
        (lambda t: dk.Compare([t, t]), "run 0 is .*; give one Trace after the other"),
        (lambda t: dk.Compare(t, t, names="ab"), "names is 'ab'; give a list of texts"),
        (lambda t: dk.Compare(t, t, names=[1, 2]), "a name is 1; give a text"),
        (lambda t: dk.Compare(t, t, name=["a"]), "Compare: .*; did you mean 'names'"),
        (lambda t: dk.Compare.trackers(TOY, t, [NEAR, NEAR]), "trackers is .*; give two or more"),
        (lambda t: dk.Compare.trackers(TOY, t, {1: NEAR, 2: NEAR}), "a tracker's name is 1"),
        (lambda t: dk.Compare.trackers(5, t, {"a": NEAR, "b": NEAR}), "model is 5, which has no"),
        (
            lambda t: dk.Compare.trackers(TOY, 5, {"a": NEAR, "b": NEAR}),
            "trace is 5; give a Trace",
        ),
        (
            lambda t: dk.Compare.trackers(TOY, t, {"a": NEAR, "b": NEAR}, arive=1),
            "retrack: .*'arive'; did you mean 'arrive'",
        ),
        (lambda t: dk.Features(None, t), "model is None, which has no .*; give a model"),
        (lambda t: dk.Features(t, TOY), "model is Trace.*, which has no name"),
        (lambda t: dk.Features(TOY, 5), "trace is 5; give a Trace"),
        (lambda t: dk.Features({"a": 5}, t), "model is 5, which has no"),
        (lambda t: dk.Features({1: TOY}, t), "a layer's name is 1; give a text"),
        (lambda t: dk.Features(TOY, t).seek(1.5), "found by a whole number, and this is 1.5"),
        (lambda t: dk.Results(5, print), "table is 5; give a pandas DataFrame"),
        (lambda t: dk.Results([{"px": 1}], print), "table is .*; give a pandas DataFrame"),
        (lambda t: dk.Results(TABLE, 5), "open is 5; give a function of a row"),
        (lambda t: dk.Results(TABLE, print, falling=1), "falling is 1; give True or False"),
        (lambda t: dk.Results(TABLE), "Results: missing .*'open'"),
        (lambda t: dk.Picker(None), "model is None, which has no"),
        (lambda t: dk.Picker(type(TOY)), "model is the class Toy; pass an instance"),
        (lambda t: dk.Picker(Headless()), "model is .*, which has no sample, view, finish"),
        (lambda t: dk.Picker(TOY, edit=5), "edit is 5; give a dragkit.Edit"),
        (lambda t: dk.Picker(TOY, latent=[1]), r"latent is \[1\]; give a tensor"),
        (lambda t: dk.Picker(TOY).on_change(5), "callback is 5; give a function"),
        (lambda t: dk.Picker(TOY, sead=1), "Picker: .*; did you mean 'seed'"),
        (lambda t: dk.Studio("lion", **FAST), "model is 'lion', which has no"),
        (lambda t: dk.Studio(TOY, edit=0, **FAST), "edit is 0; give a dragkit.Edit"),
        (lambda t: dk.Studio(TOY, **FAST, trcker=1), "no argument 'trcker'; did you mean 'track"),
        (lambda t: dk.Studio(TOY, sead=1, **FAST), "no argument 'sead'; did you mean 'seed'.*lo"),
        (lambda t: dk.Studio(TOY, resume=t[0], **FAST), "no argument 'resume'"),
        (lambda t: dk.Studio(TOY, lr=1e-3), "drag: missing .*'tracker'"),
        (lambda t: dk.Studio(**FAST), "Studio: missing .*'model'"),
    ],
)
def test_what_is_something_else_is_named(stable, make, message):
    with pytest.raises(TypeError, match=message):
        make(stable)


def test_steps_that_there_are_not(stable):
    for make in (dk.Player, lambda run: dk.Features(TOY, run)):
        with pytest.raises(IndexError, match=r"step 99 is not in the trace, which has steps 0 to"):
            make(stable).seek(99)


def test_numbers_of_numpy_and_torch_are_numbers(stable):
    player = dk.Player(stable, np.int64(128), chart=(np.int64(128), torch.tensor(96)))
    player.seek(np.int64(1))
    assert player.at == 1 and player.image(np.int32(64)).height == 64
    both = dk.Compare(stable, stable, size=torch.tensor(128))
    both.seek(torch.tensor(2))
    assert both.at == 2
    studio = dk.Studio(TOY, np.int64(3), PAIR, np.int64(128), **FAST | {"lr": np.float32(0.5)})
    assert studio.picker.seed == 3 and len(studio.run(np.int64(2))) == 3
    studio.branch(np.int64(1))
    assert len(studio.trace) == 2 and studio.last_error is None


def test_compare_shows_images_of_several_sizes(stable):
    small = dk.load("toy", side=64)
    method = FAST | {"losses": [dk.ShiftedPatchLoss(8)], "steps": 2}
    edit = dk.Edit([(20, 20)], [(30, 30)])
    other = dk.Trace(dk.drag(small, small.sample(0), edit, **method))
    both = dk.Compare(stable, other, size=128)
    assert [both.image(name, 128).size for name in both.runs] == [(128, 128)] * 2
    assert both.last_error is None


def test_features_show_what_is_like_the_pixel_under_the_mouse(model, stable):
    look = dk.Features(model, stable)
    poke(look.canvases[1], "mouse_move", 129, 171)  # twice as large as the image
    wait(lambda: "pixel (64, 85)" in look.status.line.value)
    best = np.unravel_index(look.similarity.argmax(), look.similarity.shape)
    assert np.abs(np.subtract(best, (42.5, 32))).max() <= 1
    look.query.label = "handle 1's template (step 0)"
    look.measure.value = "distance"
    assert "handle 1" in look.status.line.value
    look.seek(0)
    assert look.similarity.max() == pytest.approx(0, abs=0.3), "handle 1's own cell"
    poke(look.canvases[0], "mouse_down", 20, 20)
    wait(lambda: "pixel (10, 10)" in look.status.line.value)
    poke(look.canvases[0], "mouse_move", 200, 200)
    assert "pixel (10, 10)" in look.status.line.value
    assert "fixed" in look.status.line.value
    press(look.canvases[1], "ArrowRight")  # lets go, and moves on
    wait(
        lambda: (
            "pixel (11, 10)" in look.status.line.value and "fixed" not in look.status.line.value
        )
    )
    press(look.canvases[1], "Enter")
    wait(lambda: "fixed" in look.status.line.value)
    assert look.snapshot().startswith(b"\x89PNG")
    assert look.last_error is None


def test_features_across_two_steps(model, stable):
    features = dk.Features(model, stable)
    features.query.label = "the pixel under the mouse at step 0"
    features.seek(-1)
    features.state.move_to(*stable[0].points[0].tolist())
    first = features.images()[0]
    features.query.label = "handle 0's template (step 0)"
    template = features.similarity.copy()
    features.query.label = "the pixel under the mouse at step 0"
    assert np.allclose(features.similarity, template, atol=1e-5), "f is read in the first step"

    features.seek(0)
    assert features.images()[0].tobytes() == first.tobytes(), "the left one stays"
    assert not np.allclose(features.similarity, template), "the right one follows"


def test_features_of_several_layers_have_a_slider(model, stable):
    class FewerChannels(Toy):
        def view(self, latent):
            view = super().view(latent)
            return replace(view, features=view.features[:5])

    fine = FewerChannels(**vars(model))
    look = dk.Features({"the run's": model, "another": fine}, stable, size=128)
    first = look.similarity
    look.layer.value = "another"
    assert look.similarity.shape == (fine.side // 2,) * 2 and (
        look.similarity.shape != first.shape or (look.similarity != first).any()
    )
    assert [len(t) for t in look.state.templates] == [5] * len(stable[0].points)
    look.layer.value = "the run's"
    assert np.array_equal(look.similarity, first) and look.last_error is None


def test_a_throttle_drops_what_comes_while_it_is_busy_and_never_overlaps():
    from dragkit.widgets.throttle import Throttle

    busy = []
    most = []
    done = []

    def slow() -> None:
        busy.append(1)
        most.append(len(busy))
        time.sleep(0.05)
        busy.pop()
        done.append(time.monotonic())

    soon = Throttle(slow, 0.02)
    callers = [threading.Thread(target=lambda: [soon() for _ in range(20)]) for _ in range(3)]
    for caller in callers:
        caller.start()
    for caller in callers:
        caller.join()
    asked = time.monotonic()
    time.sleep(0.4)
    assert max(most) == 1 and len(done) < 10
    assert done[-1] >= asked - 0.06  # the last call was not lost


def test_an_error_stays_while_the_mouse_moves(stable):
    player = dk.Player(stable)
    player.status.fail(ValueError("broken"))
    touch(player, "mouse_move", 3, 3)
    assert "broken" in player.status.line.value


def test_compare_shows_runs_with_other_numbers_of_handles(model):
    latent = model.sample(2)
    method = dk.methods.draggan() | {"steps": 1}
    one = dk.Trace(dk.drag(model, latent, dk.Edit([(74, 74)], [(74, 87)]), **method))
    two = dk.Trace(
        dk.drag(model, latent, dk.Edit([(74, 74), (40, 40)], [(74, 87), (44, 44)]), **method)
    )
    both = dk.Compare(two, one)
    both.score_maps.handle.value = 1
    poke(both.runs["run 1"].canvas, "mouse_move", 94, 94)
    assert both.still() and both.last_error is None


def test_features_refuse_a_run_whose_first_frame_holds_no_templates(model, stable):
    with pytest.raises(ValueError, match="this trace begins at step 2"):
        dk.Features(model, dk.Trace(stable.frames[2:]))


def test_results_sort_and_open_the_chosen_rows_run_once():
    toy = dk.load("toy")
    made = []
    frame = pd.DataFrame({"seed": [0, 1, 2], "method": ["a", "b", "c"], "px": [2.5, 0.5, 9.0]})

    def open(row):
        made.append(row["seed"])
        start = toy.sample(row["seed"])
        return dk.Trace(
            dk.drag(
                toy,
                start,
                dk.Edit(start[:1], start[:1] + 4),
                **dk.methods.draggan() | {"steps": 2, "lr": 1.0},
            )
        )

    results = dk.Results(frame, open, size=128)
    assert made == [0] and "method a" in results.status.line.value
    results.order.value = "px"
    # sorting opens nothing
    assert [i for _, i in results.rows.options] == [1, 0, 2] and made == [0]
    results.falling.value = True
    assert [i for _, i in results.rows.options] == [2, 0, 1]
    for i in (2, 0, 2):
        results.rows.value = i
    assert made == [0, 2] and len(results.player.trace) and results.still().width > 128
    assert results.last_error is None
    results.open = lambda row: 1 / 0
    results.rows.value = 1
    assert (
        isinstance(results.last_error, ZeroDivisionError)
        and "division" in results.status.line.value
    )
    with pytest.raises(ValueError, match="the table is empty"):
        dk.Results(frame[:0], open)


def test_results_open_with_the_worst_if_asked():
    toy = dk.load("toy")
    edit = dk.Edit([[44, 60]], [[48, 60]])
    opened = []
    trace = dk.Trace(dk.drag(toy, toy.sample(0), edit, **dk.methods.draggan() | {"steps": 1}))
    results = dk.Results(
        pd.DataFrame({"px": [1.0, 3.0, 2.0]}),
        lambda row: opened.append(row["px"]) or trace,
        size=128,
        falling=True,
    )
    assert [i for _, i in results.rows.options] == [1, 2, 0] and opened == [3.0]
    above = results.above
    below = results.below
    assert (above.tooltip, below.tooltip) == ("The row above", "The row below")
    for press, row in ((below, 2), (below, 0), (below, 0), (above, 2)):
        press.click()
        assert results.shown == row
    assert opened == [3.0, 2.0, 1.0]


def test_a_still_says_in_words_what_it_shows(stable):
    results = dk.Results(pd.DataFrame({"px": [1.0]}), lambda row: stable, size=128)
    assert results.caption() == results.player.caption() != ""

    features = dk.Features(TOY, stable, size=128)
    assert features.caption().endswith("to the feature f, the one under the cross.")
    features.query.index = 2
    assert features.caption().endswith("to the feature f, handle 0's template (step 0).")
    assert features.last_error is None


def test_what_is_not_a_run_is_reported(stable):
    toy = dk.load("toy")
    run = dk.drag(toy, toy.sample(0), dk.Edit([[44, 60]], [[48, 60]]), **dk.methods.draggan())
    with pytest.raises(TypeError, match="not a generator; dk.Trace"):
        dk.Player(run)
    results = dk.Results(pd.DataFrame({"px": [1.0]}), lambda row: stable.frames, size=128)
    assert isinstance(results.last_error, TypeError) and "not a list" in results.status.line.value


def test_a_loop_of_your_own_has_no_empty_panels(stable):
    toy = dk.load("toy")
    own = dk.Trace.of(toy, [(toy.sample(0), [(44, 60)])] * 3, dk.Edit([[44, 60]], [[48, 60]]))
    player = dk.Player(own)
    assert [panel.title for panel in player.view.chart.panels] == [
        "distance to target (px)",
        "confidence: not measured",
    ]
    assert (
        player.controls.score_maps.handle.options == (("off", -1),)
        and player.controls.score_maps.legend.layout.display == "none"
    )
    assert len(dk.Player(stable).view.chart.panels) == 3
