"""What the kernel tells a page in a notebook: each step once, and an image when it is wanted."""

import base64
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from io import BytesIO

import numpy as np
import pytest
from PIL import Image

import dragkit as dk
from dragkit.page import contents


@pytest.fixture
def session():
    toy = dk.load("toy")
    edit = dk.Edit([(64, 85)], [(84, 80)])
    return dk.Session(toy, toy.sample(0), edit, **dk.methods.draggan() | {"lr": 0.5, "steps": 6})


def watched(source):
    """A player whose messages about steps are written down."""
    player = dk.PagePlayer(source)
    said = []
    player.view.widget.send = lambda m: m["kind"] == "controls" or said.append(m)
    return player, said


def controls(player):
    """What the page says and lets people press, as a page that is opened now is told."""
    told = []
    player.view.widget.send = told.append
    player.view._hear(None, {"view": "a", "kind": "open"}, [])
    return told[-1]["controls"]


def press(player, button):
    heard(player, kind="press", button=button, position=player.at)


def heard(player, **message):
    player.view._hear(None, {"view": "a", **message}, [])
    assert player.last_error is None


def test_a_run_is_told_once_each_step_as_a_page_without_a_kernel_has_it(session, tmp_path):
    player, said = watched(session)
    heard(player, kind="open")
    player.run()
    first, *later = said
    assert (
        first["kind"] == "all" and first["view"] == "a" and {m["kind"] for m in later} == {"more"}
    )

    frames = first["contents"]["runs"][0]["frames"]
    for message in later:
        assert message["begin"] <= len(frames)
        frames = frames[: message["begin"]] + message["run"]["frames"]
    written = dk.Trace.to_html(player.trace, tmp_path / "run.html").read_text()
    for frame, step in zip(frames, player.trace, strict=True):
        assert frame["step"] == step.index and "image" not in frame
        assert all(str(number) in written for number in frame["points"][0])
    assert later[-1]["busy"] is False and all(m["busy"] for m in later[:-1])
    assert later[-1]["run"]["why"] == player.trace.why()


def test_a_step_that_is_looked_at_gets_its_image(session):
    player, said = watched(session)
    player.run(3)
    said.clear()
    heard(player, kind="image", position=2)
    (message,) = said
    image = Image.open(BytesIO(base64.b64decode(message["image"].partition(",")[2])))
    assert np.abs(np.asarray(image.convert("RGB"), int) - player.trace[2].image).mean() < 3
    heard(player, kind="image", position=99)  # of a branch that was left
    assert len(said) == 1


def test_the_page_says_which_step_a_branch_begins_at(session):
    player, said = watched(session)
    player.run(4)
    press(player, "branch")  # at the last step there is nothing to go back to
    assert len(player.trace) == 5 and not player.state.can["branch"]
    heard(player, kind="showing", position=2)
    assert player.at == 2 and player.state.can["branch"]
    said.clear()
    press(player, "branch")
    assert len(player.trace) == 3
    assert [(m["kind"], m["begin"], m["run"]["frames"]) for m in said] == [("more", 3, [])]


def test_a_branch_begins_where_the_view_stands_in_which_it_was_pressed(session):
    """The same page in two cells looks at two steps."""
    player, _ = watched(session)
    player.run(5)
    heard(player, kind="showing", position=3)
    player.view._hear(None, {"view": "b", "kind": "showing", "position": 0}, [])
    heard(player, kind="press", button="branch", position=3)
    assert len(player.trace) == 4


@pytest.mark.parametrize(("change", "kept"), [("rewind", 3), ("restart", 0)])
def test_a_session_that_is_taken_back_in_a_cell_is_told_from_there(session, change, kept):
    """The page must not go on with steps of the run that was left."""
    player, said = watched(session)
    player.run(5)
    said.clear()
    session.rewind(2) if change == "rewind" else session.restart()
    session.swap(lr=0.25)
    player.run(2)
    assert said[0]["begin"] == kept
    frames = [{}] * kept + said[0]["run"]["frames"]
    for message in said[1:]:
        frames = frames[: message["begin"]] + message["run"]["frames"]
    for frame, step in zip(frames[kept:], list(player.trace)[kept:], strict=True):
        np.testing.assert_allclose(frame["points"], step.points, rtol=1e-5)
    rows = dict(rows for rows in said[-1]["run"]["settings"][1][1])
    assert rows["lr"] == "0.25"


def test_the_masks_of_a_long_run_are_painted_once(session, monkeypatch):
    painted = []
    real = contents.mask_cover
    monkeypatch.setattr(contents, "mask_cover", lambda *a: painted.append(1) or real(*a))
    edit = dk.Edit([(64, 85)], [(84, 80)], np.tri(128))
    method = session.method
    player, said = watched(dk.Session(session.model, session.latent, edit, **method))
    player.run()
    assert len(said) > 1 and len(painted) == 1
    assert said[-1]["run"]["losses"] == ["motion", "mask"]


def test_a_page_catches_up_with_what_was_done_in_a_cell(session):
    player, said = watched(session)
    heard(player, kind="open")
    player.run(3)
    session.intervene(dk.interventions.FreezeRows([0]))
    session.rewind(1)
    said.clear()
    heard(player, kind="image", position=1)
    assert [m["kind"] for m in said] == ["more", "image"] and said[0]["begin"] == 2
    session.restart()
    assert np.asarray(player.still()).std() > 20 and len(player.trace) == 1
    heard(player, kind="showing", position=0)
    assert said[-1]["kind"] == "more" and player.state.can["run"]
    with pytest.raises(TypeError, match="None"):
        dk.PagePlayer(None)


def test_who_comes_to_a_page_is_told_what_was_done_in_a_cell(session):
    """A page of one step has no slider to move, so coming there has to be enough."""
    player, said = watched(session)
    heard(player, kind="open")
    session.run(2)
    said.clear()
    heard(player, kind="comes")
    assert [(m["kind"], len(m["run"]["frames"])) for m in said] == [("more", 2)]
    said.clear()
    heard(player, kind="comes")
    assert not said


def test_a_recorded_run_has_no_buttons_and_a_wrong_source_is_named(session):
    session.step()
    player, _ = watched(session.trace)
    press(player, "run")
    assert controls(player)["can"] is None and len(player.trace) == 1
    with pytest.raises(TypeError, match="source is {}"):
        dk.PagePlayer({})


def test_the_buttons_run_step_and_branch(session):
    player, _ = watched(session)
    assert controls(player) == {
        "can": {"run": True, "stop": False, "step": True, "branch": False},
        "words": "",
        "trail": "",
    }
    press(player, "step")
    wait(lambda: not player.running)
    assert len(player.trace) == 2
    press(player, "run")
    wait(lambda: not player.running)
    assert len(player.trace) == 8 and player.state.can["run"]
    heard(player, kind="showing", position=3)
    press(player, "branch")
    assert controls(player)["words"] == "Back at step 3: Run continues from here."
    press(player, "step")
    wait(lambda: not player.running)
    assert len(player.trace) == 5 and not controls(player)["words"]


def test_an_error_of_a_run_is_told_on_the_page(session, monkeypatch):
    player, _ = watched(session)

    def fail():
        raise ValueError("the <b>tracker</b> gave up")

    monkeypatch.setattr(session, "step", fail)
    message = {"view": "a", "kind": "press", "button": "run", "position": 0}
    player.view._hear(None, message, [])  # it may have failed before this returns
    wait(lambda: not player.running)
    told = controls(player)
    assert told["words"] == "ValueError: the <b>tracker</b> gave up"
    assert "in fail" in told["trail"] and isinstance(player.last_error, ValueError)


def test_the_last_word_about_the_buttons_is_the_newest(session):
    """A message that is being sent while the run ends must not come after that of the end."""
    player, said = watched(session)
    sending, go_on = threading.Event(), threading.Event()

    def send(message):
        if message["busy"]:
            sending.set()
            go_on.wait(20)
        said.append(message)

    player.view.widget.send = send
    player.state.task = "run"
    early = threading.Thread(target=player.view.send_controls)
    early.start()
    assert sending.wait(20)

    player.state.task = None
    late = threading.Thread(target=player.view.send_controls)
    late.start()
    late.join(0.2)
    go_on.set()
    early.join()
    late.join()
    assert [message["busy"] for message in said] == [True, False]
    assert said[-1]["controls"]["can"]["run"]


def wait(condition):
    end = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.02)


def test_its_still_is_what_the_notebook_keeps(session):
    player, _ = watched(session)
    player.run(2)
    still = np.asarray(player.still())
    assert still.shape[0] == 384 and still.std() > 20 and repr(player) in repr([player])


def test_a_page_waits_for_a_session_that_a_cell_runs_and_hides_no_other_error(
    session, monkeypatch
):
    player, said = watched(session)
    session.restart()
    with ThreadPoolExecutor(1) as pool, session.alone():
        pool.submit(heard, player, kind="comes").result()
    assert not said and not len(session.trace)

    def fail():
        raise RuntimeError("no memory left")

    monkeypatch.setattr(session, "step", fail)
    player.view._hear(None, {"view": "a", "kind": "comes"}, [])
    assert "no memory left" in str(player.last_error)
