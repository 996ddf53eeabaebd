"""What a run makes, saved from the widgets; and what they ask when another image is shown."""

import threading
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

import dragkit as dk
from dragkit.widgets import upload_limit
from dragkit.widgets.background import NAME, stop_all
from dragkit.widgets.run_files import ENDINGS, IMAGE, LATENT, MP4

FAST = dk.methods.draggan("paper") | {"lr": 0.5, "steps": 60}
PAIR = dk.Edit([(64, 85)], [(74, 80)], np.ones((128, 128)))


@pytest.fixture(autouse=True)
def elsewhere(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv("USERPROFILE", str(tmp_path / "home"))
    yield
    stop_all()


@pytest.fixture
def model():
    return dk.load("toy")


BEGINNINGS = {
    ".png": b"PNG",
    ".gif": b"GIF",
    ".html": b"<!doctype html>",
    ".svg": b"<svg",
    ".npy": b"NUMPY",
    ".mp4": b"ftyp",
}


def rest() -> None:
    """Wait for the widgets' threads, the last thing of which is to say how they ended."""
    for thread in threading.enumerate():
        if thread.name.startswith(NAME):
            thread.join(20)
            assert not thread.is_alive()


def export(files, what):
    files.menu.what.value = what
    files.menu.button.click()


def shown(row) -> bool:
    return row.layout.display != "none"


def test_the_image_and_the_latent_of_the_step_that_is_shown_are_written(model, tmp_path):
    studio = dk.Studio(model, edit=PAIR, **FAST)
    studio.run(3)
    files = studio.player.controls.files
    studio.player.seek(2)
    export(files, IMAGE)
    rest()
    assert "Wrote runs/toy-step-2.png, 128×128 pixels" in studio.status.line.value
    latent = studio.trace[2].latent
    with Image.open(tmp_path / "runs/toy-step-2.png") as image:
        clean = model.finish(latent).mul(255).round().byte().permute(1, 2, 0).numpy()
        assert image.format == "PNG" and (np.asarray(image) == clean).all()
    export(files, LATENT)
    rest()
    assert (np.load(tmp_path / "runs/toy-step-2.npy") == latent.numpy()).all()
    assert studio.last_error is None


def test_results_of_another_run_are_left_alone(model, tmp_path):
    written = {}
    for seed, expected in ((0, "a-step-1.png"), (1, "a-2-step-1.png")):
        player = dk.Player(dk.Session(model, model.sample(seed), PAIR, **FAST).run(1))
        player.controls.files.name.value = "a"
        for _ in range(2):  # the second time it is its own
            export(player.controls.files, IMAGE)
            rest()
        written[expected] = (tmp_path / expected).read_bytes()
    assert sorted(path.name for path in tmp_path.glob("*.png")) == sorted(written)
    assert len(set(written.values())) == 2


@pytest.mark.parametrize("name", ["runs/", "runs/.json", ".", "a/.."])
def test_a_folders_name_is_refused_by_every_button(model, tmp_path, name):
    player = dk.Player(dk.Session(model, model.sample(0), PAIR, **FAST).run(1))
    files = player.controls.files
    for button in (files.save, files.menu.button, files.open):
        files.name.value = name
        button.click()
        assert "which is a folder" in player.status.line.value
        assert "name a file, such as runs/session" in player.status.line.value
    assert not [path for path in tmp_path.rglob("*") if path.is_file()]


def test_a_trace_has_the_image_it_has_and_a_home_folder_is_found(model, tmp_path):
    trace = dk.Session(model, model.sample(0), PAIR, **FAST).run(1)
    player = dk.Player(trace)
    player.controls.files.name.value = "~/mine"
    export(player.controls.files, IMAGE)
    rest()
    with Image.open(tmp_path / "home/mine-step-1.png") as image:
        assert (np.asarray(image) == trace[1].image).all()
    player.controls.files.save.click()
    assert (tmp_path / "home/mine.json").is_file() and not (tmp_path / "~").exists()


@pytest.mark.parametrize("what", ENDINGS)
def test_everything_can_be_exported_and_stopped(model, tmp_path, what):
    player = dk.Player(dk.Session(model, model.sample(0), PAIR, **FAST))
    player.run(3)
    files = player.controls.files
    files.name.value = "a"
    if what != MP4 or find_spec("imageio_ffmpeg"):
        export(files, what)
        rest()
        assert player.last_error is None
        (written,) = tmp_path.glob(f"a*{ENDINGS[what]}")
        assert BEGINNINGS[written.suffix] in written.read_bytes()[:600]
        assert f"Wrote {written.name}" in player.status.line.value
        written.unlink()

    stopped = threading.Event()
    stopped.set()
    with pytest.raises((KeyboardInterrupt, ModuleNotFoundError)):
        files._task(what, Path(f"b{ENDINGS[what]}"))(stopped)
    assert not list(tmp_path.glob("b*"))


def test_before_a_run_there_is_nothing_to_write(model):
    files = dk.Studio(model, **FAST).player.controls.files
    assert files.menu.button.disabled


@pytest.mark.parametrize("answer", ["keep", "clear"])
def test_another_seed_asks_what_becomes_of_points_and_mask(model, answer):
    picker = dk.Picker(model, edit=PAIR)
    question = picker.leftovers
    assert not shown(question.row)
    picker.seed = 1
    assert shown(question.row) and len(picker.draft.handles) == 1
    getattr(question, answer).click()
    assert not shown(question.row)
    assert len(picker.draft.handles) == (answer == "keep")
    assert (picker.mask is None) == (answer == "clear")


def test_nothing_is_asked_where_nothing_is_left_or_it_is_decided(model):
    picker = dk.Picker(model)
    picker.seed = 1
    assert not shown(picker.leftovers.row)
    picker.edit = PAIR
    picker.seed = 2
    picker.pair.handle_x.value = 30  # who moves a point wants it
    assert not shown(picker.leftovers.row)
    picker.seed = 3
    assert shown(picker.leftovers.row)
    picker.load(model.sample(4), PAIR)
    assert not shown(picker.leftovers.row)


def test_a_run_with_them_keeps_them(model):
    studio = dk.Studio(model, edit=PAIR, **FAST)
    studio.picker.seed = 1
    assert shown(studio.picker.leftovers.row)
    trace = studio.run(1)
    assert not shown(studio.picker.leftovers.row)
    assert torch.equal(trace[0].edit.handles, PAIR.handles)


class Page:
    """What a page opens when it connects."""

    def on_msg(self, callback):
        self.asked = callback


@pytest.mark.parametrize(("setting", "limit"), [(None, 9), ("100", 100), ("many", 9)])
def test_the_limit_stands_on_the_button_and_a_lost_upload_is_told(monkeypatch, setting, limit):
    monkeypatch.delenv(upload_limit.LIMIT, raising=False)
    if setting:
        monkeypatch.setenv(upload_limit.LIMIT, setting)
    picker = dk.Picker(dk.load("lion", device="cpu"))
    assert picker.upload.file.description == f"Your image, ≤ {limit} MB"
    page = Page()
    upload_limit._connected(page, {"metadata": {"version": "1.0.0"}})
    assert page.asked is not None  # ipywidgets itself still answers the page
    assert f"it was lost: a file may have {limit} MB here" in picker.status.line.value
    assert picker.last_error is None
