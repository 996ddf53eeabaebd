"""The studio's menus and sliders: what they set and refuse, and what can be typed instead."""

import gc

import pytest
from ipywidgets.widgets import widget as registry

import dragkit as dk
from dragkit.methods import as_code, draggan, freedrag, gooddrag, presets, stabledrag
from dragkit.methods.code import differing
from dragkit.records.frame import loss_names
from dragkit.widgets.method_form import MethodForm
from dragkit.widgets.piece_fields import help_of
from dragkit.widgets.setting_control import control_for

FAST = draggan("paper") | {"lr": 0.5, "steps": 60}
PAIR = dk.Edit([(64, 85)], [(74, 80)])
OWN = draggan() | {
    "tracker": dk.TrackEvery(dk.Discriminative(20, candidates=dk.Cone(20)), updates=2),
    "losses": [dk.ShiftedPatchLoss(2, reach=3), dk.MaskLoss(5)],
    "trust": dk.above(0.7),
    "lr": 3e-3,
}


@pytest.fixture
def studio():
    return dk.Studio(dk.load("toy"), edit=PAIR, **FAST)


# --- code


@pytest.mark.parametrize("method", [*presets().values(), OWN], ids=[*presets(), "own"])
def test_what_is_typed_makes_the_method(method):
    names = {}
    exec(as_code(method), names)
    assert not differing(method, names["method"])
    assert method.keys() == names["method"].keys()


def test_what_is_typed_is_short():
    assert as_code(stabledrag()) == "from dragkit.methods import stabledrag\nmethod = stabledrag()"
    last = as_code(gooddrag("official") | {"lr": 0.5}).splitlines()[-1]
    assert last == 'method = gooddrag("official") | {"lr": 0.5}'


# --- the form


def test_a_preset_fills_all_controls(studio):
    form = studio.form
    form.preset.value = "stabledrag()"
    assert studio.last_error is None
    assert (form.tracker.value, form.gate.value) == ("Discriminative", "above a ratio")
    assert form.pieces["gate"].controls["ratio"].widget.value == 0.6
    assert form.numbers["lr"].widget.value == 1e-3
    assert "method = stabledrag()" in form.code.value
    form.preset.value = "as given"
    assert studio.method == FAST


def test_a_change_in_the_middle_of_a_run_continues_it(studio):
    studio.run(3)
    studio.form.tracker.value = "Discriminative"
    studio.form.pieces["tracker"].controls["fusion"].widget.value = 0.2
    assert "goes on from step 3" in studio.status.line.value
    studio.run(2)
    assert len(studio.trace) == 6
    trackers = [frame.step.tracker for frame in studio.trace]
    assert isinstance(trackers[3], dk.NearestNeighbor)
    assert trackers[4] == dk.Discriminative(fusion=0.2)


def test_losses_before_a_swap_stay_on_the_curves_and_the_page(studio, tmp_path):
    studio.run(3)
    studio.form.preset.value = 'freedrag("official")'
    studio.run(2)
    assert loss_names(list(studio.trace)) == ["motion", "template"]
    titles = [panel.title for panel in studio.player.state.panels(0)]
    assert any("confidence" in title for title in titles)
    page = studio.trace.to_html(tmp_path / "run.html").read_text(encoding="utf-8")
    assert '"losses":["motion","mask","template"]' in page  # the page leaves out what is 0


def test_a_change_counts_for_the_next_start_too(studio):
    studio.run(2)
    studio.form.numbers["lr"].widget.value = 0.1
    studio.picker.edit = dk.Edit([(64, 85)], [(70, 80)])
    studio.run(1)
    assert len(studio.trace) == 2
    assert studio.session.method["lr"] == pytest.approx(0.1)


def test_a_run_in_the_background_goes_on_with_the_change(studio):
    studio.player.runner.start(1)
    studio.player.runner._background.stop()
    studio.player.runner.start()
    studio.form.pieces["motion"].controls["reduction"].widget.value = "mean"
    assert studio.last_error is None
    studio.player.stop()
    assert studio.session.method["losses"][0].reduction == "mean"


@pytest.mark.parametrize(
    ("piece", "field", "value", "words"),
    [
        ("motion", "stride", "-3", "stride is -3.0"),
        ("motion", "reach", "far", "reach is 'far'; give a number, or 'none' for none"),
        ("motion", "skip", -1.0, "skip"),
    ],
)
def test_what_cannot_work_is_said_and_goes_back(studio, piece, field, value, words):
    fields = studio.form.pieces[piece]
    before = fields.controls[field].widget.value
    fields.controls[field].widget.value = value
    assert words in str(studio.last_error)
    assert fields.controls[field].widget.value == before
    assert studio.method == FAST


def test_pieces_inside_pieces_and_gates_of_ones_own_have_their_place():
    def own(initial):
        return initial - 0.1

    studio = dk.Studio(dk.load("toy"), edit=PAIR, **(OWN | {"trust": own}))
    form = studio.form
    assert (form.tracker.value, form.gate.value) == ("TrackEvery", "own")
    tracker = form.pieces["tracker"]
    tracker.controls["updates"].widget.value = 4
    tracker.inside["tracker"].controls["radius"].widget.value = 12
    assert studio.last_error is None
    assert studio.method["tracker"].updates == 4
    assert studio.method["tracker"].tracker.radius == 12
    form.gate.value = "always"
    assert studio.method["trust"] is dk.always


def test_every_setting_of_a_simple_type_has_a_control_with_help():
    for method in (stabledrag(), freedrag(), gooddrag("official")):
        form = MethodForm(method, lambda method: None, dk.Player(None).status)
        for part in form.pieces.values():
            for name, control in part.controls.items():
                assert control.widget.description == name
        assert form.code.value
    assert help_of(dk.NearestNeighbor, "norm") == "1 as in the paper, 2 as in the official code."
    assert help_of(dk.NearestNeighbor, "none such") == ""


def test_a_choice_that_is_none_has_a_name_and_can_be_chosen_again(studio):
    candidates = studio.form.pieces["tracker"].controls["candidates"].widget
    assert candidates.value == "all"
    candidates.value = "nearer the target"
    assert studio.method["tracker"].candidates == dk.Nearer()
    candidates.value = "all"
    assert (candidates.index, studio.method["tracker"].candidates) == (0, None)


def test_the_menu_of_presets_says_whether_it_is_still_one(studio):
    form = studio.form
    form.preset.value = "stabledrag()"
    form.gate.value = "always"
    assert form.preset.value == "changed"
    form.preset.value = "stabledrag()"
    assert studio.method == stabledrag()
    form.preset.value = "changed"
    assert studio.method == stabledrag()


def test_while_a_file_is_written_the_method_stays(studio):
    studio.run(2)
    studio.player.state.task = "file"
    studio.form.numbers["lr"].widget.value = 0.1
    assert "a file is being written" in str(studio.last_error)
    studio.player.state.task = None
    assert studio.method["lr"] == 0.5 and len(studio.trace) == 3


@pytest.mark.parametrize(("name", "value"), [("radius", 0.5), ("ratio", 0.01), ("lr", 5e-6)])
def test_a_slider_reaches_the_value_that_counts(name, value):
    assert control_for(name, float, value).widget.value == pytest.approx(value)


def test_old_controls_are_closed():
    studio = dk.Studio(dk.load("toy"), edit=PAIR, **FAST)
    names = ['draggan("official")', "stabledrag()"]
    studio.form.preset.value = names[-1]
    gc.collect()
    count = len(registry._instances)
    for name in names * 3:
        studio.form.preset.value = name
    gc.collect()
    assert len(registry._instances) == count
