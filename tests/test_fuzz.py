"""Damaged and hostile files: each is refused in words, or is good enough to be used.

500 of each kind are tried; ``DRAGKIT_FUZZ=20000 python3 run.py test -k fuzz`` tries more.
"""

import io
import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

import dragkit as dk
from dragkit.bench.results_file import read_results
from dragkit.images import read_image
from dragkit.models.gan.state_dict import from_state_dict
from dragkit.models.zoo import DATA
from dragkit.runs.drawing import draw_frame
from dragkit.tasks.edits import read_tasks
from tests.checkpoint_files import network
from tests.fuzzing import damaged, flipped, many

ODD_ARRAYS = st.sampled_from(
    [
        np.zeros(0, np.float32),
        np.zeros((3, 0, 2), np.float32),
        np.zeros((4, 1, 2), np.float64),
        np.full((4, 1, 2), np.nan, np.float32),
        np.full((4, 1, 2), 1e30, np.float32),
        np.zeros((4, 1, 9, 9), np.int64),
        np.zeros((4, 1), bool),
        np.array(["a", "b", "c", "d"]),
        np.array(5),
    ]
)


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """A saved run's folder, its JSON and its arrays."""
    folder = tmp_path_factory.mktemp("run")
    path = dk.Trace.load(DATA / "traces/twins-learned").until(3).save(folder / "good")
    with np.load(path.with_suffix(".npz")) as file:
        return folder, json.loads(path.read_text()), dict(file)


def open_and_use(path):
    """Load a run; if that works, everything that shows it must work, too."""
    try:
        trace = dk.Trace.load(path)
    except ValueError as error:
        assert str(error)
        return False
    repr(trace)
    trace.path()
    trace.to_dataframe()
    player = dk.Player(trace, 64)
    player.seek(0)
    for handle in range(len(trace[0].points)):
        draw_frame(trace[-1], trace.path(), handle, size=64)
    player.close()
    return True


@many
@given(data=st.data())
def test_fuzz_a_runs_json(run, data):
    folder, text, arrays = run
    (folder / "bad.json").write_text(json.dumps(data.draw(damaged(text))))
    np.savez(folder / "bad.npz", **arrays)
    open_and_use(folder / "bad")


@many
@given(data=st.data())
def test_fuzz_a_runs_arrays(run, data):
    folder, text, arrays = run
    arrays = dict(arrays)
    for _ in range(data.draw(st.integers(1, 2))):
        name = data.draw(st.sampled_from(sorted(arrays)))
        new = data.draw(ODD_ARRAYS | st.none())
        arrays.pop(name)
        if new is not None:
            arrays[
                data.draw(st.sampled_from([name, f"{name}@9", f"{name}@x", "track/maps/a"]))
            ] = new
    (folder / "bad.json").write_text(json.dumps(text))
    np.savez(folder / "bad.npz", **arrays)
    open_and_use(folder / "bad")


@many
@given(data=st.data())
def test_fuzz_a_runs_bytes(run, data):
    folder, _, _ = run
    for ending in (".json", ".npz"):
        contents = (folder / "good").with_suffix(ending).read_bytes()
        (folder / "bad").with_suffix(ending).write_bytes(
            flipped(data, contents) if data.draw(st.booleans()) else contents
        )
    open_and_use(folder / "bad")


@many
@given(data=st.data())
def test_fuzz_results(tmp_path_factory, data):
    good = {"task": "a", "method": "b", "settings": {"model": "lion"}, "steps": 3}
    lines = [json.dumps(data.draw(damaged(good))).encode() for _ in range(2)]
    path = tmp_path_factory.mktemp("results") / "results.jsonl"
    path.write_bytes(flipped(data, b"\n".join(lines) + b"\n"))
    try:
        results = read_results(path)
    except ValueError as error:
        assert str(path) in str(error)
        return
    assert all({"task", "method", "settings"} <= result.keys() for result in results)


@many
@given(data=st.data())
def test_fuzz_edits(tmp_path_factory, data):
    mask = {"size": [8, 8], "rows": ["0" * 8] * 8}
    good = {"name": "a", "seed": 1, "handles": [[1, 2]], "targets": [[3, 4]], "mask": mask}
    path = tmp_path_factory.mktemp("edits") / "edits.jsonl"
    path.write_bytes(flipped(data, json.dumps(data.draw(damaged(good))).encode()))
    try:
        tasks = read_tasks(path)
    except ValueError as error:
        assert str(path) in str(error)
        return
    for task in tasks:
        assert task.edit.handles.isfinite().all()


@many
@given(data=st.data())
def test_fuzz_an_edits_dict(data):
    good = dk.Edit([(1, 2)], [(3, 4)], np.ones((4, 4))).to_dict()
    try:
        dk.Edit.from_dict(data.draw(damaged(good)))
    except (ValueError, TypeError) as error:
        assert str(error)


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory):
    """A small generator's file, and its card."""
    path = tmp_path_factory.mktemp("model") / "m.safetensors"
    generator = network(16)
    model = from_state_dict(generator.state_dict(), name="small", feature_block=(8, 16))
    dk.save(model, path)
    return path, json.loads(path.with_suffix(".json").read_text())


@many
@given(data=st.data())
@pytest.mark.filterwarnings("ignore:.*is not the card")
def test_fuzz_cards(checkpoint, data):
    path, card = checkpoint
    text = json.dumps(data.draw(damaged(card))).encode()
    path.with_suffix(".json").write_bytes(
        flipped(data, text) if data.draw(st.booleans()) else text
    )
    try:
        model = dk.load(path, device="cpu")
    except ValueError as error:
        assert str(error)
        return
    assert model.finish(model.sample(0)).isfinite().all()
    assert model.name.isprintable() and "/" not in model.name


@pytest.fixture(scope="module")
def image_files():
    """One small image in each format that is read."""
    pixels = np.random.RandomState(0).randint(0, 256, (12, 16, 3), np.uint8)
    files = {}
    for kind in ("PNG", "JPEG", "WEBP", "TIFF", "GIF", "BMP"):
        out = io.BytesIO()
        Image.fromarray(pixels).save(out, kind)
        files[kind] = out.getvalue()
    return files


@many
@given(data=st.data())
@pytest.mark.filterwarnings("ignore")  # Pillow's, of odd metadata
def test_fuzz_images(image_files, data):
    contents = image_files[data.draw(st.sampled_from(sorted(image_files)))]
    try:
        image = read_image(flipped(data, contents), 8)
    except ValueError as error:
        assert str(error)
        return
    assert image.shape == (3, 8, 8)
    assert image.isfinite().all() and image.min() >= 0 and image.max() <= 1
