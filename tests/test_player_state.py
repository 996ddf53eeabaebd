"""The parts of the widgets that know no widgets: the player's state, and text as HTML."""

import ast
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import dragkit as dk
from dragkit.widgets.markup import element, folded
from dragkit.widgets.player_state import START, PlayerState

WIDGETS = Path(dk.__file__).parent / "widgets"
METHOD = dk.methods.draggan("paper") | {"lr": 0.5, "steps": 60}


@pytest.fixture
def session():
    model = dk.load("toy")
    return dk.Session(model, model.sample(0), dk.Edit([(64, 85)], [(74, 80)]), **METHOD)


def test_nothing_yet_is_a_blank_image():
    state = PlayerState(None)
    assert state.frame is None and state.at == 0 and not len(state.trace)
    assert state.image_size == (128, 128) and state.summary() == ""
    assert not (state.can_run or state.can_branch or state.recorded)
    assert PlayerState(None, np.zeros((8, 16, 3), np.uint8)).image_size == (8, 16)


def test_a_session_begins_runs_and_branches(session):
    state = PlayerState(session)
    state.begin()
    assert len(state.trace) == 1 and state.summary() == START and state.can_run
    assert [frame.index for frame in state.advance(3)] == [1, 2, 3]
    assert state.at == 0, "who advances says when to look at the end"
    state.seek_end()
    assert state.frame is state.trace[3] and "not there yet" in state.summary()

    state.seek(-3)
    assert state.at == 1 and state.can_branch and "not there yet" not in state.summary()
    assert state.nearest(1.6) == 2
    first = state.trace
    state.branch(1)
    assert session.past == [first] and len(state.trace) == 2 and state.at == 1
    assert len(state.panels(handle=0)[0].past) == 1


def test_what_is_being_done_forbids_the_rest(session):
    state = PlayerState(session)
    state.begin()
    list(state.advance(2))
    state.task = "run"
    assert state.running and not (state.can_run or state.can_branch)
    assert state.summary(rate=12.4).endswith("12 shown/s")
    state.task = None
    assert state.can_run and state.can_branch
    state.waiting = False  # for an edit
    assert not (state.can_run or state.can_branch)
    state.waiting = True
    assert state.can_run and not state.can_branch


def test_a_trace_cannot_continue(session):
    state = PlayerState(session.run(2))
    assert state.recorded and not state.can_run and state.at == 2
    for act in (lambda: state.branch(0), lambda: next(state.advance())):
        with pytest.raises(ValueError, match="finished trace"):
            act()
    with pytest.raises(IndexError):
        state.seek(3)
    with pytest.raises(TypeError, match="not a list"):
        PlayerState([])


def test_text_never_becomes_markup(session):
    evil = '<img src=x onerror="alert(1)">'
    safe = "&lt;img src=x onerror=&quot;alert(1)&quot;&gt;"
    assert element("div", evil, role="status") == f'<div role="status">{safe}</div>'
    assert folded(evil, element("pre", evil)).count(safe) == 2
    assert element("p", "a", title='"><b>') == '<p title="&quot;&gt;&lt;b&gt;">a</p>'

    trace = session.run(1)
    player = dk.Player(trace)
    player.status.say(evil)
    assert player.status.line.value == f'<div role="status">{safe}</div>'
    player.status.fail(ValueError(evil))
    assert safe in player.status.line.value and "<img" not in player.status.line.value
    results = dk.Results(pd.DataFrame({evil: [1.0]}), lambda row: trace, size=128)
    for shown in (results.head.value, results.status.line.value):
        assert "<img" not in shown and "&lt;img" in shown


def test_html_is_made_and_shown_in_one_place():
    """No other file of the widgets builds an HTML widget, or sets the value of one."""
    trees = {
        path.name: ast.parse(path.read_text(encoding="utf-8"))
        for path in WIDGETS.glob("*.py")
        if path.name != "markup.py"
    }
    nodes = [(file, node) for file, tree in trees.items() for node in ast.walk(tree)]
    made = {
        (file, node.lineno)
        for file, node in nodes
        if isinstance(node, ast.Attribute | ast.Name)
        and (getattr(node, "attr", None) or getattr(node, "id", None))
        in ("HTML", "HTMLMath", "Markup", "Markdown", "Javascript")
    }
    assert not made

    boxes = {
        ast.unparse(node.targets[0]).rpartition(".")[2]
        for _, node in nodes
        if isinstance(node, ast.Assign)
        and isinstance(node.value, ast.Call)
        and ast.unparse(node.value.func) == "text_box"
    }
    assert boxes == {"line", "readout", "head", "code", "meaning"}
    for file, node in nodes:
        if isinstance(node, ast.Assign):
            for target in node.targets:
                *_, owner, attribute = ["", "", *ast.unparse(target).split(".")]
                assert not (owner in boxes and attribute == "value"), f"{file}:{node.lineno}"
