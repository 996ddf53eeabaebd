"""Undo takes back the last point or stroke, and nothing else."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import dragkit as dk
from dragkit.widgets.edit_draft import EditDraft
from dragkit.widgets.edit_history import MOST, EditHistory

EDIT = dk.Edit([(64, 85)], [(74, 80)])
spots = st.tuples(st.integers(0, 63), st.integers(0, 63))
changes = st.lists(
    st.tuples(st.sampled_from(["add", "remove", "paint", "clear"]), spots), max_size=9
)


def event(picker, name, x, y):
    canvas = picker.view.canvas
    scale = 2 * canvas.size / canvas.image[0]
    content = {"event": name, "x": (x + 0.5) * scale, "y": (y + 0.5) * scale}
    canvas.canvas._handle_frontend_event(None, content, [])


def click(picker, x, y):
    event(picker, "mouse_down", x, y)
    event(picker, "mouse_up", x, y)


def press(picker, key, **held):
    keys = {"shift_key": False, "ctrl_key": False, "meta_key": False} | held
    content = {"event": "key_down", "key": key} | keys
    picker.view.canvas.canvas._handle_frontend_event(None, content, [])


def state(draft):
    mask = None if draft.mask is None else draft.mask.tobytes()
    return list(draft.handles), list(draft.targets), mask


@settings(max_examples=60, deadline=None)
@given(changes)
def test_as_many_undos_as_changes_lead_back_through_all_that_was(done):
    draft = EditDraft((64, 64), reach=3)
    history = EditHistory(draft)
    states = [state(draft)]
    for what, (x, y) in done:
        if what == "add":
            draft.add((x, y), (y, x))
        elif what == "remove":
            draft.remove()
        elif what == "paint":
            draft.paint(x, y, 5, free=True)
            draft.release()
        else:
            draft.clear_points()
        history.keep()
        if state(draft)[:2] != states[-1][:2] or what == "paint":
            states.append(state(draft))
    for before in states[-2::-1]:
        assert history.undo()
        assert state(draft) == before
    assert not history.can_undo and not history.undo()


def test_only_so_much_is_kept():
    draft = EditDraft((64, 64), reach=3)
    history = EditHistory(draft)
    for i in range(MOST + 50):
        draft.handles, draft.targets = [(float(i), 0.0)], [(0.0, 0.0)]
        history.keep()
    assert len(history._states) == MOST


@pytest.mark.parametrize("way", ["button", "Ctrl+z", "Cmd+Z"])
def test_a_button_and_keys_undo_points_and_strokes(way):
    picker = dk.Picker(dk.load("toy"), edit=EDIT)
    undo = picker.tools.undo_button
    told = []
    picker.on_change(lambda: told.append(1))
    assert undo.disabled
    click(picker, 30, 40)
    click(picker, 40, 40)
    picker.tools.mode.value = "Paint"
    click(picker, 64, 64)
    assert picker.mask is not None and not undo.disabled

    def again():
        if way == "button":
            undo.click()
        elif way == "Ctrl+z":
            press(picker, "z", ctrl_key=True)
        else:
            press(picker, "Z", meta_key=True)

    before = len(told)
    again()
    assert picker.mask is None and len(picker.draft.handles) == 2
    again()
    assert picker.draft.targets[-1] is None
    again()
    assert len(picker.draft.handles) == 1 and undo.disabled
    again()
    assert len(picker.draft.handles) == 1
    assert len(told) == before + 3, "each is a change that a studio hears of"
    press(picker, "z")
    assert picker.last_error is None


def test_a_whole_stroke_is_one_change_and_a_dragged_point_another():
    picker = dk.Picker(dk.load("toy"), edit=EDIT)
    event(picker, "mouse_down", 64, 85)
    for x in (66, 70, 80):
        event(picker, "mouse_move", x, 90)
    event(picker, "mouse_up", 80, 90)
    picker.tools.mode.value = "Paint"
    event(picker, "mouse_down", 20, 20)
    for x in (30, 40, 50):
        event(picker, "mouse_move", x, 20)
    event(picker, "mouse_up", 50, 20)
    assert picker.mask[20, 20] and picker.mask[20, 50]
    picker.tools.undo()
    assert picker.mask is None and picker.draft.handles == [(80, 90)]
    picker.tools.undo()
    assert picker.draft.handles == [(64, 85)]


def test_another_start_has_nothing_to_undo():
    toy = dk.load("toy")
    picker = dk.Picker(toy, edit=EDIT)
    click(picker, 30, 40)
    picker.load(toy.sample(3), EDIT)
    assert picker.tools.undo_button.disabled
    assert np.array_equal(picker.draft.handles, [(64, 85)])
