"""What the kernel tells a page in a notebook: each step once, and an image when it is wanted."""

import base64
from io import BytesIO

import numpy as np
import pytest
from PIL import Image

import dragkit as dk


@pytest.fixture
def session():
    toy = dk.load("toy")
    edit = dk.Edit([(64, 85)], [(84, 80)])
    return dk.Session(toy, toy.sample(0), edit, **dk.methods.draggan() | {"lr": 0.5, "steps": 6})


def watched(source):
    """A player whose messages are written down."""
    player = dk.PagePlayer(source)
    said = []
    player.view.widget.send = said.append
    return player, said


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
        assert message["begin"] == len(frames)
        frames += message["run"]["frames"]
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
    assert player.buttons.branch.disabled
    heard(player, kind="showing", position=2)
    assert player.at == 2 and not player.buttons.branch.disabled
    said.clear()
    player.buttons.branch.click()
    assert len(player.trace) == 3 and [m["kind"] for m in said] == ["all"]
    assert len(said[0]["contents"]["runs"][0]["frames"]) == 3


def test_a_recorded_run_has_no_buttons_and_a_wrong_source_is_named(session):
    session.step()
    player, _ = watched(session.trace)
    assert player.buttons.row.layout.display == "none" and not player.buttons.branch.click()
    with pytest.raises(TypeError, match="not a dict"):
        dk.PagePlayer({})
    with pytest.raises(ValueError, match="title"):
        dk.PagePlayer(session, title="two\nlines")


def test_its_still_is_what_the_notebook_keeps(session):
    player, _ = watched(session)
    player.run(2)
    still = np.asarray(player.still())
    assert still.shape[0] == 384 and still.std() > 20 and repr(player) in repr([player])
