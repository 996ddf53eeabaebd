"""What a comparison of runs can show and hide, magnify and export."""

import threading
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import dragkit as dk
from dragkit.widgets.background import NAME, stop_all
from dragkit.widgets.compare_files import KINDS
from dragkit.widgets.run_files import ENDINGS, GIF, MP4, PAGE

METHOD = dk.methods.draggan("paper") | {"lr": 0.5, "steps": 5}
SMALL = METHOD | {"losses": [dk.ShiftedPatchLoss(8)], "steps": 1}
MASK = np.ones((128, 128))
MASK[:, :64] = 0
BEGINNINGS = {
    ".png": b"PNG",
    ".gif": b"GIF",
    ".html": b"<!doctype html>",
    ".svg": b"<svg",
    ".mp4": b"ftyp",
}


@pytest.fixture(autouse=True)
def elsewhere(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    yield
    stop_all()


@pytest.fixture(scope="module")
def runs():
    toy = dk.load("toy")
    edits = [dk.Edit([(80, 85)], [(90, 80)], mask) for mask in (MASK, None)]
    return [dk.Trace(dk.drag(toy, toy.sample(0), edit, **METHOD)) for edit in edits]


def rest():
    """Wait for the widgets' threads, the last thing of which is to say how they ended."""
    for thread in threading.enumerate():
        if thread.name.startswith(NAME):
            thread.join(20)
            assert not thread.is_alive()


def images(compare):
    return [np.asarray(compare.image(name), int) for name in compare.runs]


def test_one_set_of_buttons_shows_and_hides_the_layers_of_all_runs(runs):
    compare = dk.Compare(*runs)
    buttons = compare.images.layers.buttons
    assert not any(part.disabled for part in buttons.values()), "one of the runs has a mask"
    for name, part in buttons.items():
        before = images(compare)
        part.value = not part.value
        changed = [bool((a != b).any()) for a, b in zip(before, images(compare))]
        assert changed == [True, name != "mask"]
    for part in buttons.values():
        part.value = False
    for (name, frame), shown in zip(compare.frames.items(), images(compare)):
        assert (shown == np.asarray(dk.compose.draw_overlay(frame.image))).all(), name
    assert dk.Compare(runs[1], runs[1]).images.layers.buttons["mask"].disabled
    assert compare.last_error is None


def test_runs_are_magnified_together_if_their_images_have_one_size(runs):
    compare = dk.Compare(*runs)
    whole = images(compare)
    compare.images.zoom.buttons[0].click()
    assert all((a != b).any() for a, b in zip(whole, images(compare)))
    first, second = (run.canvas for run in compare.runs.values())
    assert first.viewport is second.viewport and first.viewport.zoom == 1.5

    small = dk.load("toy", side=64)
    other = dk.Trace(dk.drag(small, small.sample(0), dk.Edit([(20, 20)], [(30, 30)]), **SMALL))
    sizes = dk.Compare(runs[0], other)
    assert sizes.images.zoom is None and sizes.last_error is None
    assert compare.last_error is None


@pytest.mark.parametrize("what", KINDS)
def test_all_of_a_comparison_can_be_exported_and_stopped(runs, tmp_path, what):
    compare = dk.Compare(*runs, names=["masked", "free"])
    files = compare.files
    files.name.value = "a"
    files.menu.what.value = what
    if what != MP4 or find_spec("imageio_ffmpeg"):
        files.menu.button.click()
        rest()
        assert compare.last_error is None
        (written,) = tmp_path.glob(f"a*{ENDINGS[what]}")
        content = written.read_bytes()
        assert BEGINNINGS[written.suffix] in content[:600]
        assert f"Wrote {written.name}" in compare.status.line.value
        assert files.menu.button.description == "Export"
        if what == PAGE:
            assert b"masked" in content and b"free" in content
        written.unlink()

    stopped = threading.Event()
    stopped.set()
    with pytest.raises((KeyboardInterrupt, ModuleNotFoundError)):
        files._task(what, Path(f"b{ENDINGS[what]}"))(stopped)
    assert not list(tmp_path.glob("b*"))


def test_a_film_shows_every_step_of_all_runs_with_their_names(runs, tmp_path):
    short = dk.Trace(runs[1].frames[:2])
    compare = dk.Compare(runs[0], short, names=["long", "short"])
    compare.files.menu.what.value = GIF
    compare.files.menu.button.click()
    rest()
    with Image.open(tmp_path / "runs/comparison.gif") as film:
        assert film.n_frames == len(runs[0])
        assert film.width == 2 * 384 + 12 and film.height == 384 + 24
    assert compare.at == len(runs[0]) - 1, "what is shown stays"
    assert compare.film().draw(3).tobytes() != compare.film().draw(2).tobytes()
    film = compare.film()
    before = film.draw(3).tobytes()
    compare.images.layers.buttons["trail"].value ^= True
    assert film.draw(3).tobytes() == before != compare.film().draw(3).tobytes()


def test_export_is_stop_while_it_writes(runs, tmp_path, monkeypatch):
    compare = dk.Compare(*runs)
    button = compare.files.menu.button
    drawn = threading.Event()
    first = next(iter(compare.runs.values()))
    titled = first.titled

    def slowly(image):
        drawn.set()
        assert stopped.wait(20)
        return titled(image)

    stopped = threading.Event()
    monkeypatch.setattr(first, "titled", slowly)
    compare.files.menu.what.value = GIF
    button.click()
    assert drawn.wait(20) and button.description == "Stop"
    button.click()
    stopped.set()
    rest()
    assert button.description == "Export" and not list(tmp_path.rglob("*.gif"))
    assert "nothing was written" in compare.status.line.value
    assert compare.last_error is None


def test_a_recorded_run_can_stop_its_export_too(runs, monkeypatch, tmp_path):
    player = dk.Player(runs[0])
    menu = player.controls.files.menu
    monkeypatch.setattr(
        "dragkit.runs.trace.draw_frame",
        lambda *_, **__: menu.button.click() or Image.new("RGB", (9, 9)),
    )
    menu.button.click()  # a GIF, unless another choice is made
    rest()
    assert menu.button.description == "Export" and not list(tmp_path.rglob("*.gif"))
    assert player.last_error is None


def test_slides_have_no_more_to_press(runs):
    compare = dk.Compare(*runs, slides=True)
    assert compare.files.row not in within(compare.box)
    usual = dk.Compare(*runs)
    assert usual.files.row in within(usual.box)


def within(box):
    """A widget and all that is in it."""
    return [box, *(part for child in getattr(box, "children", ()) for part in within(child))]
