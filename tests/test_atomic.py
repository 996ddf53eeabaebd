"""Every file that dragkit writes is whole: the old one or the new one, wherever a save is cut."""

import ast
import copy
import errno
import os
import stat
import sys
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

import nbformat
import numpy as np
import pytest
import torch
from PIL import Image

import dragkit as dk
from dragkit.atomic import new_file, write_file
from dragkit.classroom.export import write_notebook
from dragkit.locking import one_writer
from dragkit.models import zoo
from dragkit.npz import as_npz, read_npz
from dragkit.tasks.edits import Task, read_tasks, write_tasks
from dragkit.tasks.landmarks import landmark_network, open_landmarks, save_landmarks
from dragkit.training.loop import save_state

PACKAGE = Path(dk.__file__).parent
TRACES = zoo.DATA / "traces"
RUNS = [dk.Trace.load(TRACES / name).until(3) for name in ("eye", "twins")]  # of one size
MODELS = [dk.load("lion", device="cpu", rows=rows) for rows in (2, 3)]


# Each writer writes version 0 or 1 into a folder, and says which one it finds there.


class File:
    def write(self, folder, version):
        write_file(folder / "a.txt", f"version {version} " * 1000)

    def read(self, folder):
        text = (folder / "a.txt").read_text()
        assert text in ("version 0 " * 1000, "version 1 " * 1000)
        return int(text.split()[1])


class Run:
    def write(self, folder, version):
        RUNS[version].save(folder / "run", seed=version)

    def read(self, folder):
        trace = dk.Trace.load(folder / "run")
        found = [torch.equal(trace[0].points, run[0].points) for run in RUNS].index(True)
        for frame, known in zip(trace, RUNS[found], strict=True):
            assert np.array_equal(frame.image, known.image)
            assert torch.equal(frame.points, known.points)
            assert frame.losses == known.losses
        return found


class Checkpoint:
    def write(self, folder, version):
        dk.save(MODELS[version], folder / "m.safetensors")

    def read(self, folder):
        return dk.load(folder / "m.safetensors", device="cpu").rows - 2


class State:
    def write(self, folder, version):
        save_state({"version": version, "weights": torch.zeros(1000)}, folder / "state.pt")

    def read(self, folder):
        return torch.load(folder / "state.pt", weights_only=True)["version"]


class Tasks:
    def write(self, folder, version):
        edit = dk.Edit([(1, 2)], [(3, 4)])
        write_tasks(folder / "t.jsonl", [Task(version, edit, f"t{i}") for i in range(100)])

    def read(self, folder):
        tasks = read_tasks(folder / "t.jsonl")
        assert len(tasks) == 100
        return tasks[0].seed


class Gif:
    def write(self, folder, version):
        RUNS[version].to_gif(folder / "a.gif", size=16 + version)

    def read(self, folder):
        with Image.open(folder / "a.gif") as image:
            assert image.n_frames == 4
            return image.size[0] - 16


class Html:
    def write(self, folder, version):
        RUNS[version].to_html(folder / "a.html", title=f"version {version}")

    def read(self, folder):
        text = (folder / "a.html").read_text(encoding="utf-8")
        assert text.endswith("</html>\n")
        return ["version 0" in text, "version 1" in text].index(True)


class Notebook:
    def write(self, folder, version):
        cells = [nbformat.v4.new_markdown_cell(f"version {version}", id=str(version))]
        write_notebook(nbformat.v4.new_notebook(cells=cells), folder / "n.ipynb")

    def read(self, folder):
        return int(nbformat.read(folder / "n.ipynb", 4).cells[0].source.split()[1])


class Landmarks:
    network = copy.deepcopy(landmark_network())

    def write(self, folder, version):
        self.network.names = tuple(f"{version}{name[1:]}" for name in self.network.names)
        save_landmarks(self.network, folder / "l.safetensors")

    def read(self, folder):
        return int(open_landmarks(folder / "l.safetensors").names[0][0])


WRITERS = [File(), Run(), State(), Tasks(), Gif(), Html(), Notebook(), Landmarks()]


class Faults:
    """Counts the calls that change a disk, and lets the one with this number fail."""

    def __init__(self, number, fail):
        self.count = 0
        for name in ("open", "write", "fsync", "replace", "unlink"):
            setattr(os, name, self.counted(name, getattr(os, name), number, fail))

    def counted(self, name, real, number, fail):
        def call(*arguments, **keywords):
            if name == "open" and not arguments[1] & os.O_CREAT:
                return real(*arguments, **keywords)
            self.count += 1
            if self.count == number:
                if name == "write":  # a part of it is on the disk already
                    real(arguments[0], arguments[1][: len(arguments[1]) // 2])
                fail()
            return real(*arguments, **keywords)

        return call


def in_child(act):
    """The exit status of `act`, done by a copy of this process, and what it leaves on the disk."""
    child = os.fork()
    if child == 0:
        try:
            sys.stderr = open(os.devnull, "w")  # noqa: PTH123, SIM115 (a child that only writes)
            act()
            os._exit(0)
        except OSError:
            os._exit(1)
        except BaseException:
            os._exit(2)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def saved_until(folder, writer, number, fail):
    """Version 0 is saved, then version 1 by a child whose change `number` of the disk fails."""
    folder.mkdir()
    writer.write(folder, 0)

    def save():
        Faults(number, fail)
        writer.write(folder, 1)

    return in_child(save)


def killed():
    os._exit(9)


def disk_full():
    raise OSError(errno.ENOSPC, "No space left on device")


@pytest.mark.skipif(not hasattr(os, "fork"), reason="the children are forks")
@pytest.mark.parametrize("writer", WRITERS, ids=lambda writer: type(writer).__name__)
@pytest.mark.parametrize("fail", [killed, disk_full])
def test_a_save_that_is_cut_anywhere_leaves_a_whole_file(tmp_path, writer, fail):
    number, status = 0, None
    seen = set()
    while status != 0:
        number += 1
        folder = tmp_path / str(number)
        status = saved_until(folder, writer, number, fail)
        assert status in (0, 1, 9)
        found = writer.read(folder)
        seen.add(found)
        if status == 0:
            assert found == 1
        if fail is disk_full and found == 0:
            assert not list(folder.glob(".*.part"))
    assert number > 4, "the faults hit nothing"
    assert seen == {0, 1}

    writer.write(folder, 1)  # what was left behind is in nobody's way
    assert writer.read(folder) == 1


@pytest.mark.skipif(not hasattr(os, "fork"), reason="the children are forks")
def test_a_model_and_its_card_are_never_mixed(tmp_path):
    writer = Checkpoint()
    for number in range(1, 20):
        folder = tmp_path / str(number)
        status = saved_until(folder, writer, number, killed)
        rows = dk.load(folder / "m.safetensors", device="cpu").rows
        assert rows in (2, 3)
        writer.write(folder, 1)  # it can be saved again
        assert writer.read(folder) == 1
        if status == 0:
            assert rows == 3
            return
    pytest.fail("the save never came to its end")


def test_a_json_and_an_npz_of_two_runs_are_refused(tmp_path):
    first, second = RUNS
    first.save(tmp_path / "a")
    second.save(tmp_path / "b")
    (tmp_path / "b.npz").replace(tmp_path / "a.npz")
    with pytest.raises(ValueError, match="of two runs: their ids differ"):
        dk.Trace.load(tmp_path / "a")


@pytest.mark.parametrize("number", ["../../x", "0" * 15, 5, "0" * 16])
def test_an_id_that_is_not_the_arrays_own_is_refused(tmp_path, number):
    path = RUNS[0].save(tmp_path / "a")
    text = path.read_text()
    known = text.partition('"id": ')[2].partition(",")[0]
    path.write_text(text.replace(known, f'"{number}"' if isinstance(number, str) else "5", 1))
    with pytest.raises(ValueError, match="ids differ|which no run has"):
        dk.Trace.load(path)


def test_saving_twice_gives_the_same_bytes(tmp_path):
    one, two = (RUNS[0].save(tmp_path / name) for name in "ab")
    assert one.read_bytes() == two.read_bytes()
    assert one.with_suffix(".npz").read_bytes() == two.with_suffix(".npz").read_bytes()


def test_what_is_not_json_is_told_before_the_disk_is_touched(tmp_path):
    RUNS[0].save(tmp_path / "a")
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    with pytest.raises(TypeError):
        RUNS[1].save(tmp_path / "a", note=object())
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before


@pytest.mark.skipif(os.name == "nt", reason="Windows has no umask")
def test_a_file_has_the_mode_of_the_umask(tmp_path):
    before = os.umask(0o027)
    try:
        dk.Trace.load(TRACES / "chin").save(tmp_path / "a")
        write_file(tmp_path / "b", "text")
    finally:
        os.umask(before)
    for path in tmp_path.iterdir():
        assert stat.S_IMODE(path.stat().st_mode) == 0o640


def test_a_link_stays_a_link(tmp_path):
    (tmp_path / "real").write_text("old")
    link = tmp_path / "link"
    link.symlink_to("real")
    write_file(link, "new")
    assert link.is_symlink()
    assert (tmp_path / "real").read_text() == "new"


def test_a_folder_or_a_device_is_not_replaced(tmp_path):
    with pytest.raises(OSError, match="is not a file, so none can be written in its place"):
        write_file(tmp_path, "text")
    if Path("/dev/null").exists():
        with pytest.raises(OSError, match="is not a file"):
            write_file("/dev/null", "text")


def test_an_error_in_the_block_removes_the_new_file(tmp_path):
    (tmp_path / "a").write_text("old")
    with pytest.raises(KeyError), new_file(tmp_path / "a") as part:
        part.write_text("half")
        raise KeyError
    assert [path.name for path in tmp_path.iterdir()] == ["a"]
    assert (tmp_path / "a").read_text() == "old"


def test_a_short_write_goes_on(tmp_path, monkeypatch):
    real = os.write
    monkeypatch.setattr(os, "write", lambda file, data: real(file, data[:3]))
    write_file(tmp_path / "a", "a text of more than three bytes")
    assert (tmp_path / "a").read_text() == "a text of more than three bytes"


TO_A_PATH = {"write_text", "write_bytes", "save_file", "tofile", "touch"}
TO_A_PATH_OR_A_BUFFER = {"savez", "savez_compressed", "savefig", "imwrite", "to_csv", "to_json"}


def writes_of(path):
    """The calls in a file that would write a file without :mod:`dragkit.atomic`."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Call) and _writes(node):
            yield f"{path.relative_to(PACKAGE).as_posix()}:{node.lineno} {ast.unparse(node)[:60]}"


def _writes(call):
    name = getattr(call.func, "attr", getattr(call.func, "id", ""))
    owner = ast.unparse(getattr(call.func, "value", ast.Constant(None)))
    given = {ast.unparse(argument) for argument in call.args}
    if name in ("open", "fdopen", "ZipFile"):
        texts = [a.value for a in call.args if isinstance(a, ast.Constant)]
        return any(isinstance(text, str) and set(text) & set("wax+") for text in texts)
    if name in TO_A_PATH_OR_A_BUFFER or (name == "save" and owner in ("np", "torch")):
        return bool(given) and not given & {"out", "'<bytes>'"}  # the names of buffers here
    return name in TO_A_PATH


def test_nothing_else_writes_files():
    found = [line for path in PACKAGE.rglob("*.py") for line in writes_of(path)]
    elsewhere = [
        line for line in found if not line.startswith(("atomic.py", "bench/results_file.py"))
    ]
    assert not elsewhere


@pytest.mark.parametrize(
    "source",
    [
        "path.write_text('a')",
        "open(path, 'w')",
        "path.open('ab', buffering=0)",
        "torch.save(state, path)",
        "figure.savefig(path)",
        "save_file(state, path)",
    ],
)
def test_the_rule_sees_a_write(source):
    assert _writes(ast.parse(source).body[0].value)


def test_two_saves_of_one_run_at_once_leave_one_of_them(tmp_path):
    """As many threads save as fast as they can; whenever they stop, there is a whole run."""
    path = tmp_path / "run"
    with ThreadPoolExecutor(4) as writers:
        for saved in [writers.submit(save_often, path, run, 8) for run in RUNS * 2]:
            saved.result()
    Run().read(tmp_path)
    assert {file.name for file in tmp_path.iterdir()} == {"run.json", "run.npz"}


def save_often(path, run, times):
    for number in range(times):
        run.save(path, seed=number)


def test_a_second_program_that_saves_a_run_is_told(tmp_path, monkeypatch):
    monkeypatch.setattr("dragkit.runs.files.one_writer", partial(one_writer, wait=0.1))
    with one_writer(tmp_path / "run.json"):
        with pytest.raises(BlockingIOError, match=f"written by process {os.getpid()} of .*delete"):
            RUNS[0].save(tmp_path / "run")
        assert [file.name for file in tmp_path.iterdir()] == ["run.json.lock"]


def test_a_save_onto_links_writes_the_files_that_they_lead_to(tmp_path):
    """To both files of a run, as a cache of downloads has them, or to the .json alone."""
    RUNS[0].save(tmp_path / "real" / "a")
    both, json_alone = (tmp_path / name for name in ("both", "alone"))
    for folder in (both, json_alone):
        folder.mkdir()
        (folder / "run.json").symlink_to("../real/a.json")
    (both / "run.npz").symlink_to("../real/a.npz")

    for folder, run in ((both, RUNS[1]), (json_alone, RUNS[0])):
        run.save(folder / "run")
        for name in ("both/run", "alone/run", "real/a"):
            assert torch.equal(dk.Trace.load(tmp_path / name)[0].points, run[0].points)
    assert not any(file.is_symlink() for file in (tmp_path / "real").iterdir())
    assert (both / "run.npz").is_symlink() and not (json_alone / "run.npz").exists()


@pytest.mark.parametrize("path", [".", "..", "/", "a/.."])
def test_a_run_has_a_name(tmp_path, monkeypatch, path):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ValueError, match="a folder; give the path of a run"):
        RUNS[0].save(path)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("name", ["é" * 120, "x" * 250, "file/under", "loop", "folder"])
def test_what_cannot_be_written_is_told_in_words(tmp_path, name):
    (tmp_path / "file").touch()
    (tmp_path / "folder.npz").mkdir()
    (tmp_path / "loop.json").symlink_to("loop.json")
    before = sorted(tmp_path.iterdir())
    with pytest.raises(OSError, match="name another"):
        RUNS[0].save(tmp_path / name)
    assert sorted(tmp_path.iterdir()) == before


@pytest.mark.parametrize("note", [{1: 2, "1": 3}, 2**70, "x" * (33 << 20)])
def test_a_note_that_could_not_be_read_again_is_refused(tmp_path, note):
    with pytest.raises(ValueError, match="cannot be written as JSON|Save fewer steps"):
        RUNS[0].save(tmp_path / "a", note=note)
    assert not list(tmp_path.iterdir())


def test_a_run_of_one_colour_can_be_opened(tmp_path, monkeypatch):
    """Its arrays are a thousand times smaller when they are compressed, as those of a bomb are."""
    monkeypatch.setattr("dragkit.npz.FREE_BYTES", 1000)
    arrays = {"image": np.zeros((4, 100, 100, 3), np.uint8)}
    path = write_file(tmp_path / "a.npz", as_npz(arrays))
    assert np.array_equal(read_npz(path)["image"], arrays["image"])


def test_a_run_takes_the_place_of_nothing_else(tmp_path):
    dk.save(MODELS[0], tmp_path / "m.safetensors")
    (tmp_path / "n.npz").write_bytes(b"numbers of mine")
    before = {file.name: file.read_bytes() for file in tmp_path.iterdir()}
    for name in "mn":
        with pytest.raises(FileExistsError, match=f"{name}.* is not part of a saved run"):
            RUNS[0].save(tmp_path / name)
    assert {file.name: file.read_bytes() for file in tmp_path.iterdir()} == before


def test_weights_say_what_their_card_said(tmp_path):
    dk.save(MODELS[0], tmp_path / "a.safetensors")
    (tmp_path / "a.json").unlink()
    assert dk.load(tmp_path / "a.safetensors", device="cpu").rows == MODELS[0].rows

    dk.save(MODELS[1], tmp_path / "b.safetensors")
    (tmp_path / "b.json").replace(tmp_path / "a.json")
    with pytest.warns(UserWarning, match="not the card of a.safetensors"):
        assert dk.load(tmp_path / "a.safetensors", device="cpu").rows == MODELS[0].rows
