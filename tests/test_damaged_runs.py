"""Saved runs with one thing wrong: each is refused in words of ours that say which."""

import json

import numpy as np
import pytest

import dragkit as dk
from dragkit.models.zoo import DATA
from dragkit.records.mask import mask_of_rows
from tests.test_hostile_runs import entry, refused, written

STEPS = 4


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """A saved run's folder, its JSON and its arrays."""
    path = dk.Trace.load(DATA / "traces/eye").until(STEPS - 1)
    path = path.save(tmp_path_factory.mktemp("run") / "good")
    with np.load(path.with_suffix(".npz")) as file:
        return path.parent, json.loads(path.read_text()), dict(file)


def opened(run, arrays=None, text=None, steps=None):
    folder, good_text, good_arrays = run
    text = {**good_text, **(text or {})}
    if steps:
        changed = zip(text["steps"], steps, strict=True)
        text["steps"] = [{**step, **change} for step, change in changed]
    (folder / "bad.json").write_text(json.dumps(text))
    np.savez(folder / "bad.npz", **good_arrays | (arrays or {}))
    return dk.Trace.load(folder / "bad")


@pytest.mark.parametrize("number", ["", "-1", "4", "01", "+1", "1.5", "x", "1@2", "٣", "9" * 5000])
def test_an_array_of_a_step_that_is_not_there_is_refused(run, number):
    points = run[2]["track/points"][0]
    words = r"an array is named 'track/points@.*; the number in it should be from 0 to 3"
    with pytest.raises(ValueError, match=words):
        opened(run, {f"track/points@{number}": points})


@pytest.mark.parametrize("name", ["track/points@1", "track/%70oints", "track"])
def test_two_arrays_of_one_step_are_refused(run, name):
    points = run[2]["track/points"]
    with pytest.raises(ValueError, match="is there twice for one step"):
        opened(run, {name: points[1] if "@" in name else points})


@pytest.mark.parametrize("name", ["latent", "track/scores", "arrived"])
def test_an_array_of_another_length_is_refused(run, name):
    array = run[2][name]
    for other in (array[:-1], np.concatenate([array, array]), array[:0], array.flat[0]):
        with pytest.raises(ValueError, match=rf"array '{name}' has shape .* begin with 4, the"):
            opened(run, {name: np.asarray(other)})


@pytest.mark.parametrize("indices", [(0, 1, 1, 2), (3, 2, 1, 0), (0, 0, 0, 0)])
def test_steps_out_of_order_are_refused(run, indices):
    with pytest.raises(ValueError, match="comes after step .*; the steps of a run are in order"):
        opened(run, steps=[{"index": index} for index in indices])


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_a_latent_that_is_not_finite_is_refused(run, value):
    latent = run[2]["latent"].copy()
    latent[2, 0, 0] = value
    with pytest.raises(ValueError, match="what step 6 has as latent is not finite"):
        opened(run, {"latent": latent})


@pytest.mark.parametrize("name", ["exp_avg", "exp_avg_sq", "step"])
def test_moments_that_are_nan_or_missing_are_refused(run, name):
    full = f"optimizer_state/0/{name}@2"
    with pytest.raises(ValueError, match=f"what step 6 has as {name} holds NaN"):
        opened(run, {full: run[2][full] * np.nan})
    folder, text, arrays = run
    arrays = {key: array for key, array in arrays.items() if key != full}
    with pytest.raises(ValueError, match=f"the moments of Adam that step 6 has lack {name}"):
        opened((folder, text, arrays))


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"optimizer_state/z/step": 1}, "an array is named 'optimizer_state/z'"),
        ({"tracker": 3}, "the tracker of a step is 3, not a text"),
    ],
)
def test_what_else_a_step_has_is_refused_in_words(run, change, words):
    with pytest.raises(ValueError, match=words):
        opened(run, steps=[{}, {}, change, {}])


def test_what_a_step_does_not_store_is_not_read(run):
    for name in ("metadata", "memory", "view", "edit"):
        trace = opened(run, steps=[{name: [1]}, {name: "x"}, {}, {}])
        assert trace[0].step.memory is None and trace[0].step.metadata == {}


def test_arrays_of_a_machine_that_counts_the_other_way_are_read(run):
    trace = opened(run, {"latent": run[2]["latent"].astype(">f4")})
    assert (trace[1].latent.numpy() == run[2]["latent"][1]).all()


def test_a_run_of_format_2_that_is_none_is_told_without_numpys_words(run):
    steps = [{"index": 0, "tracker": "a", "losses": {}, "points": p} for p in ([[1, 2]], [[1]])]
    steps = [{**step, "arrived": [False]} for step in steps]
    with pytest.raises(ValueError, match="not those of a run of format 2"):
        opened(run, text={"dragkit": 2, "steps": steps})


@pytest.mark.parametrize("shape", [(0, 2**62, 4), (1,) * 65, (2**63, 0)])
def test_a_shape_that_no_array_has_is_refused(tmp_path, shape):
    size = 0 if 0 in shape else 4
    path = written(tmp_path / "a.npz", [("image.npy", entry(shape) + bytes(size))])
    refused(path, "says that it has shape .*, which no array has")


def test_what_does_not_begin_as_an_array_is_refused(tmp_path):
    path = written(tmp_path / "a.npz", [("image.npy", b"something else")])
    refused(path, "does not begin with the type and the shape of an array")


@pytest.mark.parametrize("row", [["x", 1], [None, 1], [[1], 1], [float("nan"), 1], "\ud8001"])
def test_a_row_of_a_mask_that_is_none_is_told(row):
    with pytest.raises(ValueError, match="the mask has the row .*; a row is made of 0 and 1"):
        mask_of_rows([row])


@pytest.mark.parametrize("name", ["a" * 235, "é" * 118, "a" * 250, "a" * 235 + ".npz"])
def test_a_name_that_is_too_long_is_told_before_anything_is_written(run, tmp_path, name):
    trace = dk.Trace.load(run[0] / "good")
    with pytest.raises(
        OSError, match=r"the run's name is '.*bytes long; name another, .* most 234"
    ):
        trace.save(tmp_path / name)
    assert not list(tmp_path.iterdir())
    longest = tmp_path / ("a" * 234)
    assert len(dk.Trace.load(trace.save(longest))) == STEPS
