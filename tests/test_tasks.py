"""Files of tasks that are made to harm are refused line by line."""

import json
import re

import pytest

from dragkit.tasks import edits
from dragkit.tasks.edits import read_tasks

LINE = {"name": "a", "seed": 1, "handles": [[5, 5]], "targets": [[6, 6]]}


def mask(height, width, *runs):
    return {"mask": {"size": [height, width], "runs": [*runs]}}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (mask(10**6, 10**6, 0, 10**12), r"mask has shape \(1000000, 1000000\)"),
        (mask(10**12, 1, 0, 10**12), "mask has shape"),
        (mask(4, 4, 10**15), "the mask's runs make 1000000000000000 pixels"),
        (mask(4, 4, -1, 17), "mask is .* it must be null or"),
        (mask(4, 4, 1.5, 14.5), "it must be null or"),
        (mask(4, 4, True, 15), "it must be null or"),
        ({"mask": {"size": [4, 4, 1], "runs": [0, 16]}}, "it must be null or"),
        ({"mask": {"size": "44", "runs": [0, 16]}}, "it must be null or"),
        ({"seed": 2**40}, "seed is 1099511627776; give a whole number from 0 to 4294967295"),
        ({"seed": "1"}, "seed is '1'"),
        ({"name": "\x1b[31m"}, "cannot be printed"),
        ({"name": "x" * 1000}, "1,000 bytes long"),
        ({"landmarks": 5}, "landmarks is 5; give a list of names"),
        ({"handles": [[5, 5]] * 5000}, "handles has shape"),
        ({"handles": {"a": 1}}, "handles is .*; give a list"),
        ({"arrive": [1]}, "arrive is"),
    ],
)
def test_a_task_with_an_absurd_value_is_told(tmp_path, change, message):
    path = tmp_path / "e.jsonl"
    path.write_text(json.dumps(LINE | change))
    with pytest.raises(ValueError, match=rf"e\.jsonl, line 1: .*{message}"):
        read_tasks(path)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"[" * 200_000, "lists and objects in each other"),
        (b"\xff\xfe\x00", "can't decode"),
        (b'{"name": NaN}', "numbers are finite"),
        (b'{"name": "a", "name": "b"}', "the key 'name' is there twice"),
        (b" " * 2_000_000, "more than 1,048,576 bytes"),
    ],
)
def test_a_line_that_is_no_json_is_told(tmp_path, content, message):
    path = tmp_path / "e.jsonl"
    path.write_bytes(content)
    with pytest.raises(ValueError, match=rf"e\.jsonl, line 1: .*{message}"):
        read_tasks(path)


@pytest.mark.parametrize(("name", "limit"), [("TASKS", 2), ("PIXELS", 16 * 2)])
def test_a_file_has_a_limit_of_tasks_and_of_pixels(tmp_path, monkeypatch, name, limit):
    monkeypatch.setattr(edits, name, limit)
    lines = [json.dumps(LINE | mask(4, 4, 0, 16) | {"name": str(i)}) for i in range(3)]
    path = tmp_path / "e.jsonl"
    path.write_text("\n".join(lines[:2]))
    assert len(read_tasks(path)) == 2
    path.write_text("\n".join(lines))
    with pytest.raises(
        ValueError, match="line 3: a file has at most " + re.escape(f"{edits.TASKS:,}")
    ):
        read_tasks(path)


def test_masks_of_too_many_runs_are_not_parsed(tmp_path):
    dense = LINE | mask(600, 600, *[1] * 360_000)
    lines = [json.dumps(dense | {"name": str(i)}, separators=(",", ":")) for i in range(4)]
    path = tmp_path / "e.jsonl"
    path.write_text("\n".join(lines))
    with pytest.raises(ValueError, match="line 3: a file has at most 1,000,000 values; make two"):
        read_tasks(path)


@pytest.mark.parametrize("points", [[1, 2], [[1, 2, 3]], [[1]] * 3, {}, None, "ab", [[[1, 2]]]])
def test_points_of_freedragbench_are_pairs(tmp_path, points):
    path = tmp_path / "f.jsonl"
    path.write_text(json.dumps({"seed": 1, "points": {"handle": points, "target": [[1, 2]]}}))
    with pytest.raises(ValueError, match=r"line 1: .*(\[row, column\]|\(x, y\))"):
        read_tasks(path)
