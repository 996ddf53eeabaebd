"""A file of results has one writer, who loses nothing."""

import errno
import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

import dragkit
from dragkit.bench.jobs import Job, run_jobs
from dragkit.bench.results_file import open_results, read_results
from dragkit.locking import one_writer

ENVIRONMENT = os.environ | {"PYTHONPATH": str(Path(dragkit.__file__).parent.parent)}
WRITER = """
import sys, time
from pathlib import Path
from dragkit.bench.results_file import open_results
with open_results(Path(sys.argv[1]), ["number"]) as file:
    file.append({"number": 0, "settings": {}})
    print("open", flush=True)
    time.sleep(60)
"""


def result(number):
    return {"number": number, "settings": {}}


@pytest.fixture
def writer(tmp_path):
    """Another process that is writing results."""
    command = [sys.executable, "-c", WRITER, str(tmp_path / "out.jsonl")]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=ENVIRONMENT) as child:
        assert child.stdout.readline() == "open\n"
        yield child
        child.kill()


def test_a_second_writer_is_told_who_the_first_is(tmp_path, writer):
    out = tmp_path / "out.jsonl"
    with (
        pytest.raises(BlockingIOError, match=f"written by process {writer.pid} of .*choose"),
        open_results(out, ["number"]),
    ):
        pass
    assert [r["number"] for r in read_results(out, ["number"])] == [0]  # reading is allowed

    writer.send_signal(signal.SIGTERM)  # killed, so that it cannot tidy up
    writer.wait()
    with open_results(out, ["number"]) as file:
        assert [r["number"] for r in file.results] == [0]
        file.append(result(1))
    assert [path.name for path in tmp_path.iterdir()] == ["out.jsonl"]


def test_two_runs_at_once_do_each_job_once(tmp_path):
    out = tmp_path / "out.jsonl"
    calls = []

    def work(number):
        calls.append(number)
        if number == 1:
            with pytest.raises(BlockingIOError, match="is being written by process"):
                run_jobs(jobs, out)
        return {}

    jobs = [Job({"number": n}, {}, work, (n,)) for n in range(3)]
    assert run_jobs(jobs, out) == run_jobs(jobs, out)
    assert calls == [0, 1, 2]


def test_a_full_disk_leaves_the_file_as_it_was(tmp_path, monkeypatch):
    out = tmp_path / "out.jsonl"
    real = os.write

    def write(file, data):
        if len(data) < 20:
            raise OSError(errno.ENOSPC, "No space left on device")
        return real(file, data[:20])

    with open_results(out, ["number"]) as file:
        file.append(result(0))
        before = out.read_bytes()
        monkeypatch.setattr(os, "write", write)
        with pytest.raises(OSError, match="No space left"):
            file.append(result(1))
        assert out.read_bytes() == before

        monkeypatch.setattr(os, "write", lambda file, data: real(file, data[:20]))
        file.append(result(2))  # room again, though only for 20 bytes at a time
    assert [r["number"] for r in read_results(out, ["number"])] == [0, 2]


@given(st.lists(st.integers(1 - 2**63, 2**63 - 1)), st.data())
def test_a_file_that_is_cut_anywhere_loses_only_its_last_line(tmp_path_factory, numbers, data):
    out = tmp_path_factory.mktemp("cut") / "out.jsonl"
    with open_results(out, ["number"]) as file:
        for number in numbers:
            file.append(result(number))
    whole = out.read_bytes()
    cut = data.draw(st.integers(0, len(whole)))
    out.write_bytes(whole[:cut])

    with open_results(out, ["number"]) as file:
        file.append(result("new"))
    complete = whole[:cut].count(b"\n") + (whole[cut : cut + 1] == b"\n")
    kept = [json.loads(line)["number"] for line in out.read_text().splitlines()]
    assert kept == [*numbers[:complete], "new"]


def test_what_is_not_json_costs_nothing(tmp_path):
    with open_results(tmp_path / "out.jsonl", ["number"]) as file:
        with pytest.raises(TypeError):
            file.append(result(object()))
        file.append(result(1))
    assert len(read_results(tmp_path / "out.jsonl", ["number"])) == 1


@pytest.mark.parametrize("found", [{"n": 2**64}, {"a\nb": 1}, {"": 1}, {"x" * 300: 1}])
def test_what_would_be_refused_when_it_is_read_is_not_written(tmp_path, found):
    with open_results(tmp_path / "out.jsonl", ["number"]) as file:
        with pytest.raises(TypeError, match="cannot be written"):
            file.append(result(1) | found)
        file.append(result(2))
    assert [r["number"] for r in read_results(tmp_path / "out.jsonl", ["number"])] == [2]


def test_a_link_and_its_file_have_one_writer(tmp_path):
    (tmp_path / "link").symlink_to("out")
    with (
        open_results(tmp_path / "out", ["number"]) as file,
        pytest.raises(BlockingIOError, match=f"by process {os.getpid()}"),
        open_results(tmp_path / "link", ["number"]),
    ):
        pass
    file.append(result(1))
    assert (tmp_path / "out").read_bytes() == (tmp_path / "link").read_bytes() != b""


@pytest.mark.parametrize("kind", ["empty", "text", "link", "folder"])
def test_a_lock_that_names_nobody_is_left_to_the_user(tmp_path, kind):
    lock = tmp_path / "out.lock"
    if kind == "empty":  # its writer was killed before it could write its name
        lock.touch()
        os.utime(lock, (1, 1))
    elif kind == "text":
        lock.write_text("of another kind")
    elif kind == "link":
        lock.symlink_to("nowhere")
    else:
        lock.mkdir()
    for wait in (0, 0.3):
        with (
            pytest.raises(BlockingIOError, match=r"by another program;.*delete .*out\.lock"),
            one_writer(tmp_path / "out", wait),
        ):
            pass
    assert lock.is_symlink() or lock.exists()


@pytest.mark.parametrize("line", ['{"number": 1, "settings": 5}', "5", '{"number": 1}', "[]"])
def test_a_line_of_another_kind_is_told(tmp_path, line):
    out = tmp_path / "out.jsonl"
    out.write_text(line + "\n")
    with pytest.raises(ValueError, match="line 1 is not a result"), open_results(out, ["number"]):
        pass


@pytest.mark.parametrize(
    "end", [b"\x89PNG", b"a note", b'{"a": 1}', b'{"number": 1}', b'{"number": 1, "settings": 5}']
)
def test_what_is_no_file_of_results_is_not_emptied(tmp_path, end):
    out = tmp_path / "out"
    for before in (b"", json.dumps(result(0)).encode() + b"\n"):
        out.write_bytes(before + end)
        with pytest.raises(ValueError, match="is not a result"), open_results(out, ["number"]):
            pass
        assert out.read_bytes() == before + end


def test_a_last_line_without_its_end_is_kept(tmp_path):
    out = tmp_path / "out"
    out.write_text(json.dumps(result(0)))  # as some editors leave it
    assert [r["number"] for r in read_results(out, ["number"])] == [0]
    with open_results(out, ["number"]) as file:
        file.append(result(1))
    assert [r["number"] for r in read_results(out, ["number"])] == [0, 1]


def test_a_file_of_very_many_values_is_not_read(tmp_path):
    out = tmp_path / "out"
    out.write_bytes(b'{"number":0,"settings":{}}\n' * 200_000)
    with pytest.raises(ValueError, match="has some 600,000 values; at most 500,000 are read"):
        read_results(out, ["number"])


@pytest.mark.parametrize("found", [{"number": 2}, {"settings": 2}, []])
def test_work_cannot_change_what_its_result_is_filed_under(tmp_path, found):
    jobs = [Job({"number": 1}, {}, lambda: found, ())]
    with pytest.raises((ValueError, TypeError), match="filed under|returned"):
        run_jobs(jobs, tmp_path / "out.jsonl")
    assert not read_results(tmp_path / "out.jsonl", ["number"])


def test_a_file_is_not_filled_beyond_what_is_read(tmp_path, monkeypatch):
    monkeypatch.setattr("dragkit.bench.results_file.VALUES", 12)  # four results
    out = tmp_path / "out.jsonl"
    with open_results(out, ["number"]) as file:
        for number in range(4):
            file.append(result(number))
        with pytest.raises(ValueError, match="is full: at most 12 values.*go on in another file"):
            file.append(result(4))
    assert [r["number"] for r in read_results(out, ["number"])] == [0, 1, 2, 3]
