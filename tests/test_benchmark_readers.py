"""Public benchmarks are read as they lie on the disk, and nothing in them is run."""

import json
import os
import pickle
import warnings

import numpy as np
import pytest
from PIL import Image

from dragkit.bench import read
from dragkit.tasks.edits import read_tasks, write_tasks
from dragkit.tasks.world_benchmarks import write_benchmark
from tests.benchmark_folders import POINTS, mask, write_drag100, write_dragbench, write_vfd

HANDLES, TARGETS = POINTS[::2], POINTS[1::2]


def test_dragbench_is_read_exactly(tmp_path):
    write_dragbench(tmp_path / "animals" / "JH_1")
    write_dragbench(tmp_path / "art_work" / "PJC_2", prompt="")
    first, second = read(tmp_path)
    assert (first.name, first.category, first.prompt) == (
        "animals/JH_1",
        "animals",
        "a photo of a lion",
    )
    assert (second.name, second.category, second.prompt) == ("art_work/PJC_2", "art_work", "")
    assert first.edit.handles.tolist() == HANDLES and first.edit.targets.tolist() == TARGETS
    assert np.array_equal(first.edit.mask.numpy(), mask()) and first.seed is None
    assert first.image == tmp_path / "animals" / "JH_1" / "original_image.png"


def test_a_part_of_a_benchmark_and_a_single_sample_are_read(tmp_path):
    sample = write_dragbench(tmp_path / "animals" / "JH_1")
    assert [task.name for task in read(tmp_path / "animals")] == ["JH_1"]
    (alone,) = read(sample)
    assert alone.name == "JH_1" and alone.category == "animals"


def test_drag100_and_vfd_bench_are_told_apart_by_their_files(tmp_path):
    write_drag100(tmp_path / "bird_0")
    write_vfd(tmp_path / "clip-12")
    bird, clip = read(tmp_path)
    assert bird.category == "bird" and bird.target is None
    assert clip.category == "clip" and clip.target == tmp_path / "clip-12" / "gt.png"
    for task in (bird, clip):
        assert task.edit.handles.tolist() == HANDLES
        assert np.array_equal(task.edit.mask.numpy(), mask())


def test_a_mask_that_frees_nothing_is_none_in_every_benchmark(tmp_path):
    write_dragbench(tmp_path / "a" / "b", free=np.zeros_like(mask()))
    for folder in (write_drag100(tmp_path / "bird_0"), write_vfd(tmp_path / "clip-1")):
        Image.new("L", (32, 24)).save(folder / "mask.png")
    assert [task.edit.mask for task in read(tmp_path)] == [None] * 3


def test_masks_of_truths_and_of_255_are_masks_too(tmp_path):
    write_dragbench(tmp_path / "a" / "b", free=mask().astype(bool))
    write_dragbench(tmp_path / "a" / "c", free=255 * mask())
    for task in read(tmp_path):
        assert np.array_equal(task.edit.mask.numpy(), mask())


def test_files_of_lines_in_a_folder_are_read_together(tmp_path):
    line = {"seed": 7, "points": {"handle": [[10, 20]], "target": [[11, 22]]}}
    for name in ("cats", "faces"):
        (tmp_path / f"{name}.jsonl").write_text(json.dumps(line) + "\n")
    assert [task.name for task in read(tmp_path)] == ["cats-1", "faces-1"]
    assert read(tmp_path / "cats.jsonl")[0].edit.handles.tolist() == [[20, 10]]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"points": POINTS[:3]}, "handles and targets in turn"),
        ({"points": []}, "handles and targets in turn"),
        ({"points": [[1, 2], [3]]}, "handle|target|shape"),
        ({"points": [[1, 2], ["a", 3]]}, "targets"),
        ({"points": [[1, 2], [float("nan"), 3]]}, "finite"),
        ({"points": [[1, 2], [40, 3]]}, r"outside the 32×24 image"),
        ({"points": [[1, 2], [2, 30]]}, r"outside the 32×24 image"),
        ({"points": "1234"}, "handles and targets in turn"),
        ({"free": mask()[:5]}, "mask"),
        ({"free": np.stack([mask()] * 3)}, "must be .height, width"),
        ({"free": mask().astype(float)}, "whole numbers"),
        ({"free": 3 * mask()}, "mask holds 3"),
        ({"free": [[0, 1]]}, "must be an array"),
        ({"prompt": 7}, "prompt is 7"),
        ({"prompt": "x" * 20_000}, "prompt"),
    ],
)
def test_a_damaged_sample_is_named_with_what_is_wrong(tmp_path, change, message):
    write_dragbench(tmp_path / "animals" / "fine")
    broken = write_dragbench(tmp_path / "animals" / "broken", **change)
    with pytest.raises(ValueError, match=rf"(?s)1 of 2 samples.*broken.*{message}") as raised:
        read(tmp_path)
    assert str(broken) in str(raised.value)


class Evil:
    """Would end the tests, if it were unpickled."""

    def __reduce__(self):
        return os._exit, (3,)


@pytest.mark.parametrize(
    "content",
    [
        pickle.dumps({"prompt": Evil(), "points": POINTS, "mask": mask()}),
        pickle.dumps([1, 2]),
        pickle.dumps({"prompt": "a", "points": POINTS}),
        pickle.dumps({"prompt": "a", "points": POINTS, "mask": mask()})[:-40],
        b"",
        b"\x89PNG",
        b"<!doctype html>",
    ],
)
def test_a_pickle_that_is_something_else_is_refused_and_never_run(tmp_path, content):
    folder = write_dragbench(tmp_path / "a" / "b")
    (folder / "meta_data.pkl").write_bytes(content)
    with pytest.raises(ValueError, match=r"1 of 1 samples cannot be read"):
        read(tmp_path)


@pytest.mark.parametrize(
    "damage",
    [
        lambda folder: (folder / "points.json").write_text("{"),
        lambda folder: (folder / "points.json").write_text('{"point": []}'),
        lambda folder: (folder / "points.json").write_text("[[1, 2], [3, 4]]"),
        lambda folder: (folder / "original.jpg").write_bytes(b"\xff\xd8\xff\xe0nothing"),
        lambda folder: (folder / "mask.png").write_bytes(b"no image"),
        lambda folder: Image.new("L", (9, 9), 255).save(folder / "mask.png"),
        lambda folder: Image.new("L", (32, 24), 9).save(folder / "mask.png"),
    ],
)
def test_damaged_files_of_drag100_are_refused(tmp_path, damage):
    damage(write_drag100(tmp_path / "bird_0"))
    with pytest.raises(ValueError, match=r"bird_0"):
        read(tmp_path)


def test_a_target_of_another_size_is_refused(tmp_path):
    folder = write_vfd(tmp_path / "clip-1")
    Image.new("RGB", (8, 8)).save(folder / "gt.png")
    with pytest.raises(ValueError, match=r"gt\.png has another size"):
        read(tmp_path)


@pytest.mark.parametrize("missing", ["original.jpg", "mask.png"])
def test_a_sample_that_lacks_a_file_is_named(tmp_path, missing):
    folder = write_drag100(tmp_path / "bird_0")
    (folder / missing).unlink()
    with pytest.raises(ValueError, match=r"bird_0 holds a sample that lacks a file: DragBench"):
        read(tmp_path)


def test_nothing_to_read_is_said(tmp_path):
    with pytest.raises(ValueError, match=r"holds no sample of a benchmark: DragBench has"):
        read(tmp_path)
    with pytest.raises(FileNotFoundError, match=r"nowhere"):
        read(tmp_path / "nowhere")


def test_tasks_with_images_are_written_and_read_again_also_elsewhere(tmp_path):
    write_dragbench(tmp_path / "old" / "animals" / "a")
    write_vfd(tmp_path / "old" / "clips" / "clip-1")
    tasks = read(tmp_path / "old")
    write_tasks(tmp_path / "old" / "tasks.jsonl", tasks)
    (tmp_path / "old").rename(tmp_path / "new")

    again = read_tasks(tmp_path / "new" / "tasks.jsonl")
    assert [task.contents() for task in again] == [
        task.contents() for task in read(tmp_path / "new")
    ]
    assert again[1].target == tmp_path / "new" / "clips" / "clip-1" / "gt.png"
    line = json.loads((tmp_path / "new" / "tasks.jsonl").read_text().splitlines()[0])
    assert line["image"] == "animals/a/original_image.png"


@pytest.mark.parametrize(("point", "name"), [([32, 3], "handle"), ([3, 24], "target")])
def test_a_line_with_a_point_outside_its_image_is_refused(tmp_path, point, name):
    write_dragbench(tmp_path / "a" / "b")
    line = {"name": "a", "image": "a/b/original_image.png", "handles": [[1, 1]]}
    line |= {"targets": [[2, 2]], f"{name}s": [point]}
    (tmp_path / "tasks.jsonl").write_text(json.dumps(line))
    with pytest.raises(ValueError, match=rf"line 1: {name} 0 at .* is outside the 32×24 image"):
        read(tmp_path / "tasks.jsonl")


def test_our_worlds_are_read_with_their_exact_points_and_true_target(tmp_path):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        write_benchmark(tmp_path, "lion", 64, 7)
    tasks = read(tmp_path)
    assert len({task.category for task in tasks}) == 7
    for task in tasks:
        data = json.loads((task.image.parent / "landmarks.json").read_text())
        np.testing.assert_allclose(task.edit.handles.numpy(), data["points"][::2], atol=1e-4)
        meta = pickle.loads((task.image.parent / "meta_data.pkl").read_bytes())
        assert np.abs(np.array(meta["points"]) - data["points"]).max() <= 0.5
        assert task.landmarks == tuple(data["names"]) and task.target.is_file()
        assert Image.open(task.image).size == Image.open(task.target).size == (64, 64)


def test_a_worlds_sample_whose_two_files_of_points_differ_is_refused(tmp_path):
    folder = next(write_benchmark(tmp_path, "lion", 64, 1).glob("*/*"))
    meta = folder / "meta_data.pkl"
    data = pickle.loads(meta.read_bytes())
    data["points"][1][0] += 3
    meta.write_bytes(pickle.dumps(data, protocol=4))
    with pytest.raises(ValueError, match=r"have other points; change both, or leave"):
        read(tmp_path)
