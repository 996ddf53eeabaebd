"""The benchmark's plumbing: edits in files, numbers worked by hand, runs that survive a kill."""

import contextlib
import json
import math
import multiprocessing
import os
import re
import signal
import subprocess
import sys
import tempfile
import threading
import time
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

import dragkit
from dragkit import Edit, NearestNeighbor, ShiftedPatchLoss
from dragkit.bench import metrics, runner, tables
from dragkit.bench.jobs import Job, run_jobs
from dragkit.bench.results_file import read_results
from dragkit.bench.settings import describe, shorten
from dragkit.methods import draggan
from dragkit.models.toy import Toy
from dragkit.tasks.edits import Task, read_tasks, write_tasks

ROOT = Path(__file__).parent.parent
TIMES = ("seconds", "start_seconds")
QUICK = draggan() | {"losses": (ShiftedPatchLoss(6),), "lr": 0.5, "steps": 4}
METHODS = {"quick": QUICK, "slow": QUICK | {"lr": 0.1}}


def toy_tasks(count: int = 4) -> list[Task]:
    """One or two blobs of each seed, to be dragged by (5, 3)."""
    centres = [Toy().sample(seed)[: 1 + seed % 2] for seed in range(count)]
    return [
        Task(seed, Edit(c, c + torch.tensor([5.0, 3.0])), f"blob {seed}")
        for seed, c in enumerate(centres)
    ]


def comparable(results: list[dict]) -> dict:
    """Results by task and method, without what the clock says; NaN as text, so that equal means
    equal.
    """
    kept = [{k: v for k, v in result.items() if k not in TIMES} for result in results]
    return {(result["task"], result["method"]): json.dumps(result) for result in kept}


def start_python(code: str) -> subprocess.Popen:
    """Python in a process of its own, with the dragkit that is tested, wherever that is."""
    package = Path(dragkit.__file__).parent.parent
    environment = os.environ | {"PYTHONPATH": str(package)}
    return subprocess.Popen(
        [sys.executable, "-c", code],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=environment,
    )


@pytest.fixture(scope="module")
def unbroken(tmp_path_factory) -> list[dict]:
    """The results of a run that nothing disturbed."""
    return runner.run(
        toy_tasks(), METHODS, tmp_path_factory.mktemp("bench") / "out.jsonl", model="toy"
    )


# --- edits
# -------------------------------------------------------------------------------------------------

coordinates = st.floats(0, 127, width=32)
points = st.lists(
    st.tuples(coordinates, coordinates),
    min_size=1,
    max_size=5,
    unique_by=lambda p: tuple(map(round, p)),
)
masks = st.none() | st.integers(1, 2**12 - 1).map(
    lambda bits: torch.tensor([bits >> i & 1 for i in range(12)]).reshape(3, 4)
)
numbered = st.tuples(
    st.integers(0, 2**32 - 1), points, masks, st.none() | st.floats(0.1, 9), st.booleans()
)


@given(st.lists(numbered, max_size=4))
def test_what_is_written_is_read_again(drawn):
    tasks = [
        Task(
            seed,
            Edit(p, p[::-1], mask, arrive),
            f"tâsk {i}",
            tuple("abcde"[: len(p)]) if named else (),
        )
        for i, (seed, p, mask, arrive, named) in enumerate(drawn)
    ]
    with tempfile.TemporaryDirectory() as folder:
        again = read_tasks(write_tasks(Path(folder) / "new" / "edits.jsonl", tasks))
    assert [t.to_dict() for t in again] == [t.to_dict() for t in tasks]
    for new, old in zip(again, tasks, strict=True):
        assert new.edit.to_dict() == old.edit.to_dict()
        assert (new.seed, new.name, new.landmarks) == (old.seed, old.name, old.landmarks)


def test_a_mask_is_kept_as_runs_and_a_hundred_of_them_stay_small(tmp_path):
    mask = torch.tensor([[0, 0, 1], [1, 1, 0]])
    task = Task(0, Edit([(1, 1)], [(0, 0)], mask), "a")
    assert task.to_dict()["mask"] == {"size": [2, 3], "runs": [2, 3, 1]}
    assert Task(0, Edit([(1, 1)], [(0, 0)], 1 - mask), "a").to_dict()["mask"]["runs"] == [
        0,
        2,
        3,
        1,
    ]
    y, x = torch.meshgrid(torch.arange(128), torch.arange(128), indexing="ij")
    disc = (x - 64) ** 2 + (y - 64) ** 2 < 40**2
    hundred = [Task(i, Edit([(1, 1)], [(0, 0)], disc), str(i)) for i in range(100)]
    assert write_tasks(tmp_path / "a.jsonl", hundred).stat().st_size < 100_000


def test_numbers_in_the_file_are_as_short_as_they_were_given():
    assert Task(0, Edit([(0.1, 2)], [(3, 4)]), "a").to_dict()["handles"] == [[0.1, 2.0]]


def test_freedragbench_lines_are_row_column_and_get_a_name(tmp_path):
    path = tmp_path / "faces.jsonl"
    path.write_text(
        '\n{"seed": 7, "points": {"handle": [[10, 20], [30, 40]], "target": [[11, 22], [33,'
        " 44]]}}\n"
    )
    (task,) = read_tasks(path)
    assert (task.seed, task.name, task.landmarks) == (7, "faces-2", ())
    assert task.edit.handles.tolist() == [[20, 10], [40, 30]]
    assert task.edit.targets.tolist() == [[22, 11], [44, 33]]


GOOD = '{"name": "a", "seed": 1, "handles": [[1, 2]], "targets": [[3, 4]]}'


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ('{"name": "b", "seed": 1, "handles": [[1, 2]]', "delimiter"),
        ("[1]", "a task is an object"),
        (GOOD, "'a' is taken"),
        (GOOD.replace('"seed": 1, ', ""), "a task starts from one of seed, latent, image"),
        (GOOD.replace("seed", "sead"), "unknown key 'sead'"),
        (GOOD.replace("}", ', "masks": null}'), "unknown key 'masks'; a task has .*mask"),
        (GOOD.replace('"seed": 1', '"seed": 1.5'), "seed is 1.5"),
        (GOOD.replace('"name": "a"', '"name": ""'), "name is ''"),
        (GOOD.replace("[[1, 2]]", "[[1, 2], [5, 5]]"), "2 handles but 1 targets"),
        (GOOD.replace("[[1, 2]]", "[[1, -2]]"), r"handle 0 at \(1, -2\) is outside of every im"),
        (GOOD.replace("[[3, 4]]", "[[-0.5, 4]]"), r"target 0 at \(-0.5, 4\) is outside of"),
        (
            '{"seed": 1, "points": {"handle": [[1, 2]], "target": [[1, -2]]}}',
            r"target 0 at \(-2, 1\) is outside of every image",
        ),
        (GOOD.replace("[[1, 2]]", '"here"'), "handles is .here.; give a list of"),
        (GOOD.replace("}", ', "landmarks": ["nose", "chin"]}'), "2 landmarks for 1 handles"),
        (GOOD.replace("}", ', "landmarks": "n"}'), "landmarks is 'n'"),
        (GOOD.replace("}", ', "mask": ["01"]}'), "it must be null or"),
        (
            GOOD.replace("}", ', "mask": {"size": [2, 2], "runs": [1, 2]}}'),
            "make 3 pixels, its size 2×2 needs 4",
        ),
        (
            GOOD.replace("}", ', "mask": {"size": [1000000, 1000000], "runs": [1000000000000]}}'),
            "at most 50,000,000 pixels",
        ),
        (GOOD.replace("}", ', "mask": {"size": [2, 2], "runs": [5, -1]}}'), "must be null or"),
        (GOOD.replace("}", ', "mask": {"size": [2, 2], "runs": [2.5, 1.5]}}'), "must be null or"),
        ("[" * 100_000, "more than 32 lists"),
        ("\\xff", "decode|Expecting value"),
        ('{"seed": 1, "points": {"handle": [[1, 2]]}}', "FreeDragBench"),
        (
            '{"seed": 1, "points": {"handle": [[1, 2, 3]], "target": [[1, 2]]}}',
            r"lists of \[row, column\]",
        ),
    ],
)
def test_a_bad_line_is_named_with_its_number_and_reason(tmp_path, line, message):
    path = tmp_path / "edits.jsonl"
    path.write_text(f"{GOOD}\n\n{line}\n")
    with pytest.raises(ValueError, match=rf"edits\.jsonl, line 3: .*{message}"):
        read_tasks(path)


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: task_of_toy(seed=True), ValueError, "seed is True; give a whole number from 0"),
        (lambda: task_of_toy(seed=-1), ValueError, "seed is -1"),
        (lambda: task_of_toy(seed=1.5), ValueError, "seed is 1.5"),
        (lambda: task_of_toy(seed=2**40), ValueError, "seed is 1099511627776"),
        (lambda: task_of_toy(name=""), ValueError, "name is ''; give a text"),
        (lambda: task_of_toy(name=5), ValueError, "name is 5"),
        (lambda: task_of_toy(edit=None), TypeError, "edit is None; give a dragkit.Edit"),
        (lambda: task_of_toy(landmarks=5), ValueError, "landmarks is 5; give a list of names"),
        (lambda: task_of_toy(landmarks="a"), ValueError, "landmarks is 'a'"),
        (lambda: task_of_toy(landmarks=("a", "b")), ValueError, "2 landmarks for 1 handles"),
        (lambda: task_of_toy(sead=1), TypeError, "Task: .*'sead'; did you mean 'seed'"),
        (lambda: Task.from_dict(5), TypeError, "data is 5; give what to_dict returned"),
        (lambda: read_tasks(5), TypeError, "path is 5; give the path of a file"),
        (lambda: read_tasks("nope.jsonl"), FileNotFoundError, "'nope.jsonl'; there is no such f"),
        (lambda: read_tasks(ROOT), IsADirectoryError, "path is the folder"),
        (lambda: write_tasks(5, []), TypeError, "path is 5"),
        (lambda: write_tasks("a", 5), TypeError, "tasks is 5; give a list"),
        (lambda: write_tasks("a", [5]), TypeError, r"tasks\[0\] is 5; give a Task"),
        (lambda: read_results("nope"), FileNotFoundError, "'nope'; there is no such file"),
        (lambda: read_results(ROOT), IsADirectoryError, "out is the folder"),
        (lambda: read_results(__file__, "task"), TypeError, "key is 'task'; give a list"),
    ],
)
def test_what_is_no_task_or_file_is_refused(call, error, message):
    with pytest.raises(error, match=message):
        call()


def test_a_seed_of_numpy_is_a_seed(tmp_path):
    (task,) = read_tasks(write_tasks(tmp_path / "a.jsonl", [task_of_toy(seed=np.int64(3))]))
    assert task.seed == 3


def test_two_tasks_of_one_name_are_not_written(tmp_path):
    with pytest.raises(ValueError, match="'blob 0' is taken"):
        write_tasks(tmp_path / "a.jsonl", toy_tasks(1) * 2)


def test_the_sample_files_fit_the_lion():
    ours, theirs = (
        read_tasks(ROOT / "data" / "edits" / f"{name}.jsonl") for name in ("lion", "freedragbench")
    )
    for task in ours + theirs:
        task.edit.fit((128, 128))
    assert ours[0].edit.handles.tolist() == theirs[0].edit.handles.tolist()
    assert ours[0].landmarks == ("chin",)


# --- metrics, by hand
# --------------------------------------------------------------------------------------


def test_mean_distance():
    # (5 + 1) / 2
    assert (
        metrics.mean_distance(torch.tensor([[3.0, 4], [1, 1]]), torch.tensor([[0.0, 0], [1, 2]]))
        == 3
    )
    with pytest.raises(ValueError, match=r"found is \(1, 2\) and targets \(2, 2\)"):
        metrics.mean_distance(torch.zeros(1, 2), torch.zeros(2, 2))


def test_change_outside_the_mask_is_in_grey_levels():
    before, after = torch.zeros(3, 2, 2), torch.zeros(3, 2, 2)
    after[:, 0, 0] = 0.9  # inside
    after[:, 1, 1] = -0.3  # one of three pixels outside
    mask = torch.tensor([[1.0, 0], [0, 0]])
    assert metrics.change_outside(before, after, mask) == pytest.approx(255 * 0.3 / 3)
    assert math.isnan(metrics.change_outside(before, after, None))
    assert math.isnan(metrics.change_outside(before, after, torch.ones(2, 2)))
    with pytest.raises(ValueError, match=r"mask has shape \(3, 3\)"):
        metrics.change_outside(before, after, torch.zeros(3, 3))
    with pytest.raises(ValueError, match="images"):
        metrics.change_outside(before, torch.zeros(3, 4, 4), mask)


def test_drag_accuracy_compares_the_handle_before_with_the_target_after():
    before, after = torch.zeros(3, 9, 9), torch.zeros(3, 9, 9)
    before[0, 2, 3], after[0, 6, 5] = 1, 0.5  # red at (3, 2), half as red at (5, 6)
    after[1, 5, 4] = 1  # green at the patch's corner
    handles, targets = torch.tensor([[3.0, 2.0]]), torch.tensor([[5.4, 6.0]])
    assert metrics.dai(before, after, handles, targets, 1) == pytest.approx((0.25 + 1) / 9)
    assert metrics.dai(before, after, handles, targets, 0) == pytest.approx(0.25)
    assert metrics.dai(before, before, handles, handles, 3) == 0
    assert metrics.dai(
        torch.zeros(3, 9, 9), torch.ones(3, 9, 9), handles, targets, 2
    ) == pytest.approx(3)
    both = torch.tensor([[3.0, 2.0], [8.0, 8.0]]), torch.tensor([[5.0, 6.0], [8.0, 8.0]])
    assert metrics.dai(before, after, *both, 1) == pytest.approx((1.25 / 9 + 0) / 2)


def test_drag_accuracy_leaves_out_what_is_off_the_image():
    before, after = torch.zeros(3, 5, 5), torch.full((3, 5, 5), 7.0)
    after[:, 2:4, 2:4] = 0  # the four pixels that the handle's patch has in the corner …
    after[0, 3, 3] = 2  # … one of them red
    assert metrics.dai(
        before, after, torch.tensor([[0.0, 0.0]]), torch.tensor([[2.0, 2.0]]), 1
    ) == pytest.approx(4 / 4)
    with pytest.raises(ValueError, match="radius is 1.5"):
        metrics.dai(before, after, torch.zeros(1, 2), torch.zeros(1, 2), 1.5)
    with pytest.raises(ValueError, match="outside the 5×5 image"):
        metrics.dai(before, after, torch.tensor([[5.0, 0.0]]), torch.zeros(1, 2), 1)


def test_bootstrap():
    assert metrics.bootstrap([4.0] * 5) == (4, 4)
    assert all(map(math.isnan, (*metrics.bootstrap([]), *metrics.bootstrap([3.0]))))
    assert metrics.bootstrap([0, 1]) == (0, 1)  # means 0, 1/2, 1 come in the ratio 1:2:1
    assert metrics.bootstrap([0, 1], level=0.2) == (0.5, 0.5)
    values = np.random.default_rng(1).normal(size=400)
    low, high = metrics.bootstrap(values)
    assert low < values.mean() < high
    assert high - low == pytest.approx(2 * 1.96 * values.std() / 20, rel=0.1)
    assert metrics.bootstrap(values) == (low, high) != metrics.bootstrap(values, seed=1)


@pytest.mark.parametrize("shape", [(3, 11, 11), (3, 24, 31), (3, 64, 64)])
def test_ssim_is_scikit_images(shape):
    metrics_of_images = pytest.importorskip("skimage.metrics")
    random = np.random.default_rng(0)
    a = random.random(shape)
    b = (a + 0.3 * random.random(shape)).clip(0, 1)
    expected = metrics_of_images.structural_similarity(
        a,
        b,
        gaussian_weights=True,
        sigma=1.5,
        use_sample_covariance=False,
        data_range=1,
        channel_axis=0,
    )
    assert metrics.ssim(torch.tensor(a), torch.tensor(b)) == pytest.approx(expected, abs=1e-9)


@pytest.mark.parametrize("count", [2, 7, 100])
@pytest.mark.parametrize("level", [0.95, 0.5])
def test_the_bootstrap_is_scipys_percentile_method(count, level):
    stats = pytest.importorskip("scipy.stats")
    values = np.random.default_rng(count).exponential(size=count)
    expected = stats.bootstrap(
        (values,),
        np.mean,
        n_resamples=2000,
        confidence_level=level,
        method="percentile",
        rng=np.random.default_rng(3),
    ).confidence_interval
    assert metrics.bootstrap(values, seed=3, level=level) == pytest.approx(tuple(expected))


# --- jobs of any kind
# --------------------------------------------------------------------------------------------


def square(number: int, calls: list) -> dict:
    """A job's work; it breaks at 3, the first time."""
    calls.append(number)
    if calls.count(number) == 1 and number == 3:
        raise ArithmeticError("three")
    return {"rows": [{"square": number**2}]}


def square_jobs(numbers, calls: list, power: str = "2") -> list[Job]:
    return [Job({"number": n}, {"power": power}, square, (n, calls)) for n in numbers]


def test_any_job_is_saved_when_it_is_finished_and_not_done_again(tmp_path):
    out = tmp_path / "new" / "squares.jsonl"
    calls = []
    with pytest.raises(ArithmeticError) as caught:
        run_jobs(square_jobs(range(5), calls), out)
    assert caught.value.__notes__ == ["(number 3)"]
    assert [r["number"] for r in read_results(out, ["number"])] == [0, 1, 2]
    with out.open("a") as file:
        file.write('{"number": 3, "rows"')  # torn by a kill
    results = run_jobs(square_jobs([4, 3, 0], calls), out)
    assert [r["rows"][0]["square"] for r in results] == [16, 9, 0]
    assert calls == [0, 1, 2, 3, 4, 3]
    assert len(out.read_text().splitlines()) == 5
    assert run_jobs([], out) == []


def test_a_job_of_other_settings_or_a_file_of_other_jobs_is_refused(tmp_path):
    out = tmp_path / "squares.jsonl"
    run_jobs(square_jobs([1], []), out)
    with pytest.raises(ValueError, match="number 1 with other settings: power was 2, now it is 4"):
        run_jobs(square_jobs([1], [], "4"), out)
    with pytest.raises(ValueError, match="line 1 is not a result of a benchmark"):
        read_results(out)


def made_inside():
    def work():
        return {}

    return work


@pytest.mark.parametrize(
    ("work", "arguments"),
    [
        (lambda: {"a": 1}, ()),
        (made_inside(), ()),
        (partial(made_inside()), ()),
        (dict, (abs, print, lambda: 1)),
    ],
    ids=["lambda", "local", "partial", "argument"],
)
def test_what_cannot_be_sent_to_a_worker_is_told_before_any_work(tmp_path, work, arguments):
    jobs = [Job({"number": 0}, {}, dict, ()), Job({"number": 1}, {}, work, arguments)]
    with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as pool:
        with pytest.raises(TypeError, match=r"the job \(number 1\) with the work .* of a module"):
            run_jobs(jobs, tmp_path / "out.jsonl", pool)
        assert not pool._processes  # none was started
    assert not read_results(tmp_path / "out.jsonl", ["number"])
    with ThreadPoolExecutor(1) as threads:  # which share everything
        if not arguments:
            assert len(run_jobs(jobs, tmp_path / "out.jsonl", threads)) == 2


NAN = float("nan")


@pytest.mark.parametrize(
    ("key", "words"),
    [
        ({}, "key is {}; results are filed by it, so give it at least one value"),
        ({"task": " "}, "key is .*; results are filed by it"),
        ({"settings": 1}, "under other names than"),
        ({"task": NAN}, "key is {'task': nan}; give texts, finite numbers"),
        ({"task": [1, {"a": NAN}]}, "give texts, finite numbers"),
        ({"task": np.float32(1)}, "give texts, finite numbers"),
        ({"task": {1, 2}}, "give texts, finite numbers"),
        ({"": 1}, "a name of the key is ''"),
        ({1: 2}, "a name of the key is 1"),
    ],
)
def test_a_key_that_cannot_be_found_again_is_refused(key, words):
    with pytest.raises(ValueError, match=words):
        Job(key, {}, dict, ())
    if key and "settings" not in key and key != {"task": " "}:
        with pytest.raises(ValueError, match=words.replace("key", "settings")):
            Job({"task": 1}, key, dict, ())


def hear_interrupts():
    """Shells let what they start in the background ignore interrupts, and children inherit it."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


@pytest.mark.slow
@pytest.mark.skipif(os.name == "nt", reason="sends a signal to a group of processes")
def test_an_interrupt_of_all_processes_ends_them_and_keeps_what_is_finished(tmp_path):
    """As Ctrl-C in a terminal does: parent and workers hear it, the parent twice."""
    script = tmp_path / "jobs.py"
    script.write_text(
        "import sys, time\n"
        "from dragkit.bench.jobs import Job, run_jobs\n"
        "from dragkit.bench.study import processes\n"
        "def work(number):\n"
        "    time.sleep(0 if number < 2 else 60)\n"
        "    return {}\n"
        "if __name__ == '__main__':\n"
        "    with processes(2) as pool:\n"
        "        jobs = [Job({'number': n}, {}, work, (n,)) for n in range(9)]\n"
        "        run_jobs(jobs, sys.argv[1], pool)\n"
    )
    out = tmp_path / "out.jsonl"
    environment = os.environ | {"PYTHONPATH": str(Path(dragkit.__file__).parent.parent)}
    child = subprocess.Popen(
        [sys.executable, str(script), str(out)],
        stderr=subprocess.DEVNULL,
        env=environment,
        start_new_session=True,
        preexec_fn=hear_interrupts,
    )
    while child.poll() is None and not (out.exists() and out.read_bytes().count(b"\n") == 2):
        time.sleep(0.05)
    os.killpg(child.pid, signal.SIGINT)
    child.send_signal(signal.SIGINT)
    try:
        assert child.wait(30) != 0
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(child.pid, signal.SIGKILL)
    assert [r["number"] for r in read_results(out, ["number"])] == [0, 1]


@pytest.mark.slow
@pytest.mark.parametrize("seconds", [0, 600])
def test_workers_that_wait_or_work_end_soon_after_their_parent_was_killed(tmp_path, seconds):
    script = tmp_path / "jobs.py"
    script.write_text(
        "import multiprocessing, time\n"
        "from dragkit.bench.workers import processes\n"
        "def work(seconds):\n"
        "    print('works', flush=True)\n"
        "    time.sleep(seconds)\n"
        "if __name__ == '__main__':\n"
        "    with processes(2) as pool:\n"
        f"        done = pool.map(work, [{seconds}, {seconds}])\n"
        "        for worker in multiprocessing.active_children():\n"
        "            print(worker.pid, flush=True)\n"
        "        list(done)\n"
        "        time.sleep(600)\n"
    )
    environment = os.environ | {"PYTHONPATH": str(Path(dragkit.__file__).parent.parent)}
    command = [sys.executable, str(script)]
    parent = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment)
    workers = [int(parent.stdout.readline()) for _ in range(2)]
    assert [parent.stdout.readline() for _ in range(2)] == ["works\n"] * 2
    parent.kill()
    try:
        parent.communicate(timeout=20)  # until nobody holds the pipe any more, workers included
    except subprocess.TimeoutExpired:
        for worker in workers:
            os.kill(worker, signal.SIGTERM)
        raise


# --- the runner
# --------------------------------------------------------------------------------------------


def test_a_result_says_what_was_asked_and_how_it_ended(unbroken):
    assert [(r["task"], r["method"]) for r in unbroken] == [
        (t.name, m) for t in toy_tasks() for m in METHODS
    ]
    result = unbroken[2]
    assert (result["model"], result["seed"], result["handles"], result["error"]) == (
        "toy",
        1,
        2,
        None,
    )
    assert result["steps"] == 4 and result["why"] == "out of steps" and result["arrived"] == 0
    found = torch.tensor(result["points"])
    assert result["claimed_distance"] == pytest.approx(
        metrics.mean_distance(found, toy_tasks()[1].edit.targets)
    )
    assert 0 < result["start_seconds"] < result["seconds"]
    assert result["dai"] > 0 and math.isnan(result["change_outside"])
    assert "latent" not in result


def test_the_file_holds_what_is_returned_and_a_second_call_does_nothing(tmp_path, monkeypatch):
    out = tmp_path / "new" / "out.jsonl"
    results = runner.run(toy_tasks(2), METHODS, out, model=Toy())
    before = out.read_bytes()
    monkeypatch.setattr(runner, "drag_task", pytest.fail)
    assert json.dumps(runner.run(toy_tasks(2), METHODS, out, model=Toy())) == json.dumps(results)
    assert out.read_bytes() == before
    assert comparable(read_results(out)) == comparable(results)


def test_one_file_takes_more_tasks_and_methods(tmp_path, unbroken):
    out = tmp_path / "out.jsonl"
    runner.run(toy_tasks(2), {"quick": QUICK}, out, model="toy")
    runner.run(toy_tasks(3), {"slow": METHODS["slow"]}, out, model="toy")
    assert comparable(runner.run(toy_tasks(), METHODS, out, model="toy")) == comparable(unbroken)
    assert len(out.read_text().splitlines()) == len(unbroken)


@pytest.mark.parametrize("cut", [0, 1, 400, -1, -2, -300, "é"])
def test_a_torn_last_line_is_dropped_and_made_again(tmp_path, unbroken, cut):
    out = tmp_path / "out.jsonl"
    data = b"".join(json.dumps(r, ensure_ascii=False).encode() + b"\n" for r in unbroken[:5])
    out.write_bytes(data + b'{"task": "\xc3' if cut == "é" else data[:cut])
    kept = comparable(read_results(out))
    expected = {0: 0, 1: 0, 400: 0, -1: 5, "é": 5}  # -1 is a whole line without its end
    assert len(kept) == expected.get(cut, 4)
    assert comparable(runner.run(toy_tasks(), METHODS, out, model="toy")) == comparable(unbroken)
    assert comparable(read_results(out)) == comparable(unbroken)
    assert len(out.read_text().splitlines()) == len(unbroken)


def test_a_killed_run_goes_on_to_the_same_results(tmp_path):
    out, file = tmp_path / "out.jsonl", write_tasks(tmp_path / "edits.jsonl", toy_tasks(6))
    methods = {name: pieces | {"steps": 25, "arrive": 1.0} for name, pieces in METHODS.items()}
    code = f"""
import torch
torch.set_num_threads(1)
from dragkit import ShiftedPatchLoss, methods
from dragkit.bench import runner
from dragkit.tasks.edits import read_tasks

pieces = methods.draggan() | {{"losses": (ShiftedPatchLoss(6),), "lr": 0.5}}
pieces |= {{"steps": 25, "arrive": 1.0}}
both = {{"quick": pieces, "slow": pieces | {{"lr": 0.1}}}}
runner.run(read_tasks({str(file)!r}), both, {str(out)!r}, model="toy")
"""
    child = start_python(code)
    while child.poll() is None and not (out.exists() and out.read_bytes().count(b"\n") >= 3):
        time.sleep(0.002)
    assert child.poll() is None, child.communicate()[1]
    child.kill()
    child.communicate()
    done = comparable(read_results(out))
    assert 3 <= len(done) < 12, "the run was not killed on its way"
    resumed = runner.run(toy_tasks(6), methods, out, model="toy")
    whole = runner.run(toy_tasks(6), methods, tmp_path / "whole.jsonl", model="toy")
    assert comparable(resumed) == comparable(whole) == comparable(read_results(out))
    assert len(read_results(out)) == 12
    assert {r["why"] for r in whole} == {"arrived", "out of steps"}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            {"methods": {"quick": QUICK | {"lr": 0.4}}},
            "blob 0', method 'quick' with other settings: pieces was .*0.5.* now it is .*0.4",
        ),
        ({"model": Toy(light=0.1)}, "model was toy, now it is Toy"),
        (
            {"tasks": [Task(1, toy_tasks(1)[0].edit, "blob 0")]},
            'task was .*"seed": 0.* now it is .*"seed": 1',
        ),
        ({"measure": lambda *_: {}}, "measure was images .*, now it is <lambda>"),
    ],
)
def test_results_of_other_settings_are_not_taken_for_these(tmp_path, change, message):
    asked = {
        "tasks": toy_tasks(1),
        "methods": {"quick": QUICK},
        "out": tmp_path / "out.jsonl",
        "model": "toy",
    }
    runner.run(**asked)
    before = asked["out"].read_bytes()
    with pytest.raises(ValueError, match=message):
        runner.run(**asked | change)
    assert asked["out"].read_bytes() == before


def settings_of(pieces: dict, task: Task, tmp_path: Path) -> dict:
    """The settings that a job of the runner gets."""
    (result,) = runner.run([task], {"m": pieces}, tmp_path / "out.jsonl", model="toy")
    return result["settings"]


def test_settings_are_told_apart_by_what_they_say_not_by_where_they_lie():
    def gate():
        return lambda c: c

    assert describe(gate()) == describe(gate())
    board = torch.arange(128 * 128).reshape(128, 128) % 2
    other = board.clone()
    other[0, 0] = 1

    def asked(mask):
        return shorten(json.dumps(Task(0, Edit([(1, 1)], [(2, 2)], mask), "a").to_dict()))

    assert asked(board) == asked(board.clone()) != asked(other)
    assert len(asked(board)) < 400


class Mine:
    """A tracker as a student writes it: a plain class."""

    def __init__(self, radius, weights=None):
        self.nearest = NearestNeighbor(radius)
        self.weights = torch.zeros(2) if weights is None else weights

    def start(self, view, edit):
        return self.nearest.start(view, edit)

    def find(self, view, memory, search_centre):
        return self.nearest.find(view, memory, search_centre)


def test_another_instance_of_a_plain_class_is_another_method(tmp_path):
    out = tmp_path / "out.jsonl"
    runner.run(toy_tasks(1), {"mine": QUICK | {"tracker": Mine(40)}}, out, model="toy")
    before = out.read_bytes()
    runner.run(toy_tasks(1), {"mine": QUICK | {"tracker": Mine(40)}}, out, model="toy")
    assert out.read_bytes() == before
    for other in (Mine(12), Mine(40, torch.ones(2))):
        with pytest.raises(ValueError, match="method 'mine' with other settings: pieces was"):
            runner.run(toy_tasks(1), {"mine": QUICK | {"tracker": other}}, out, model="toy")
    assert out.read_bytes() == before
    runner.run(toy_tasks(1), {"mine 12": QUICK | {"tracker": Mine(12)}}, out, model="toy")
    assert len(read_results(out)) == 2


def above_threshold(least):
    return lambda confidence: confidence.clamp_max(least)


@dataclass(frozen=True)
class Holding:
    """Settings that hold what does not print itself."""

    inner: object


class Slotted:
    """A class without a dictionary of attributes."""

    __slots__ = ("k",)

    def __init__(self, k):
        self.k = k


@pytest.mark.parametrize(
    ("one", "another"),
    [
        (Mine(40), Mine(12)),
        (Holding(Mine(40)), Holding(Mine(12))),
        (above_threshold(0.5), above_threshold(0.6)),
        (lambda c: c.sin(), lambda c: c.cos()),
        (partial(max, 1), partial(max, 2)),
        (Mine(40).find, Mine(12).find),
        (torch.nn.Linear(1, 1, bias=False), torch.nn.Linear(2, 1, bias=False)),
        (np.zeros(3), np.ones(3)),
        (type("Edited", (), {"f": lambda self: 1})(), type("Edited", (), {"f": lambda self: 2})()),
        (Path("a"), "a"),
        (np.random.default_rng(0), np.random.default_rng(1)),
        (np.exp, np.sin),
        (torch.relu, torch.sigmoid),
        (Slotted(1), Slotted(2)),
    ],
)
def test_what_works_differently_reads_differently(one, another):
    assert describe(one) == describe(one) != describe(another)


def test_the_same_state_reads_the_same_in_another_process(tmp_path):
    written = tmp_path / "piece.py"
    written.write_text(
        "import torch\n"
        "class Mine:\n"
        "    def __init__(self, k):\n"
        "        self.k, self.weights, self.me = k, torch.ones(3), self\n"
        "    def __call__(self, c):\n"
        "        return c * self.k if self.k in {'a', 'b', 'c', 40} else c\n"
    )
    code = (
        f"import sys; sys.path.insert(0, {str(tmp_path)!r})\n"
        "from piece import Mine; from dragkit.bench.settings import describe\n"
        "print(describe({'trust': Mine(40)}))"
    )
    texts = [start_python(code).communicate() for _ in range(2)]
    assert texts[0][0] == texts[1][0] != "", texts
    assert "k=40" in texts[0][0]


def test_a_piece_that_hides_its_state_is_refused(tmp_path):
    tracker = Mine(40)
    tracker.lock = threading.Lock()
    with pytest.raises(TypeError, match=r"method 'm'.*tracker.*\.lock is a lock, whose state"):
        settings_of(QUICK | {"tracker": tracker}, toy_tasks(1)[0], tmp_path)


def test_a_damaged_line_before_the_last_is_an_error(tmp_path):
    out = tmp_path / "out.jsonl"
    out.write_text('{"task": "a"}\n{}\n')
    with pytest.raises(ValueError, match=r"out\.jsonl, line 1 is not a result"):
        runner.run(toy_tasks(1), METHODS, out, model="toy")


def test_an_edit_that_does_not_fit_is_a_result_and_the_run_goes_on(tmp_path):
    wrong = Task(0, Edit([(400, 5)], [(10, 10)]), "too far")
    bad, good = runner.run(
        [wrong, *toy_tasks(1)], {"quick": QUICK}, tmp_path / "out.jsonl", model="toy"
    )
    assert bad["task"] == "too far" and bad["why"] == "failed"
    assert bad["error"].startswith("ValueError: handle 0 at (400, 5) is outside the 128×128 image")
    assert (bad["steps"], bad["points"]) == (0, None) and math.isnan(bad["claimed_distance"])
    assert good["error"] is None
    frame = tables.table([bad, good], value="claimed_distance")
    assert (frame["pairs"].item(), frame["failed"].item()) == (1, 1)


@dataclass(frozen=True)
class Bursting:
    """A loss that is infinite once the content has moved by two pixels."""

    name = "bursting"

    def __call__(self, view, track, start, edit):
        loss = ShiftedPatchLoss(6)(view, track, start, edit)
        return loss * (math.inf if (track.points - edit.handles).norm() >= 2 else 1)


def test_a_drag_that_breaks_on_its_way_keeps_how_far_it_came(tmp_path):
    pieces = {"bursting": QUICK | {"losses": [Bursting()], "steps": 50}}
    (result,) = runner.run(toy_tasks(1), pieces, tmp_path / "out.jsonl", model="toy")
    assert result["error"].startswith("FloatingPointError: the loss of step")
    assert 0 < result["steps"] < 50 and len(result["points"]) == 1
    assert math.isnan(result["claimed_distance"]) and "dai" not in result


@dataclass(frozen=True)
class Studious(NearestNeighbor):
    """Takes its time at the start."""

    def start(self, view, edit):
        time.sleep(0.05)
        return super().start(view, edit)


def test_the_time_a_tracker_takes_to_learn_is_told_from_the_rest(tmp_path):
    pieces = {"studious": QUICK | {"tracker": Studious()}}
    (result,) = runner.run(toy_tasks(1), pieces, tmp_path / "out.jsonl", model="toy")
    assert 0.05 <= result["start_seconds"] < result["seconds"]


def test_wrong_questions_are_refused_before_any_work(tmp_path):
    out = tmp_path / "out.jsonl"
    with pytest.raises(TypeError, match="method 'a' does not fit drag: .*steptes"):
        runner.run(toy_tasks(1), {"a": QUICK | {"steptes": 5}}, out, model="toy")
    with pytest.raises(TypeError, match="losses"):
        runner.run(
            toy_tasks(1), {"a": {"tracker": NearestNeighbor(), "lr": 1.0}}, out, model="toy"
        )
    with pytest.raises(ValueError, match="'blob 0' is taken"):
        runner.run(toy_tasks(1) * 2, METHODS, out, model="toy")
    assert not out.exists()
    with pytest.raises(ValueError, match="unknown model 'tiger'"):
        runner.run(toy_tasks(1), METHODS, out, model="tiger")


def ask(tmp_path, tasks=None, methods=METHODS, **changes):
    """A benchmark of one toy with something else in it."""
    asked = {"out": tmp_path / "out.jsonl", "model": "toy"} | changes
    return runner.run(toy_tasks(1) if tasks is None else tasks, methods, **asked)


@pytest.mark.parametrize(
    ("question", "error", "message"),
    [
        ({"tasks": []}, ValueError, "tasks is empty; give at least one"),
        ({"tasks": 5}, TypeError, "tasks is 5; give a list of"),
        ({"tasks": "edits.jsonl"}, TypeError, r"tasks\[0\] is 'e'; give a Task.*read_tasks"),
        ({"tasks": [None]}, TypeError, r"tasks\[0\] is None"),
        ({"methods": {}}, ValueError, "methods is empty; give a dict"),
        ({"methods": [QUICK]}, TypeError, r"methods is \[.*; give a dict of names and methods"),
        ({"methods": {"m": draggan}}, TypeError, "method 'm' is <function draggan.*; give its p"),
        ({"methods": {"m": None}}, TypeError, "method 'm' is None"),
        ({"methods": {"": QUICK}}, ValueError, "a method's name is ''"),
        ({"methods": {"a\nb": QUICK}}, ValueError, "has characters that cannot be printed"),
        ({"methods": {"a" * 500: QUICK}}, ValueError, "500 bytes long; give one of at most 200"),
        ({"methods": {1: QUICK}}, ValueError, "a method's name is 1; give a text"),
        ({"methods": {"m": {}}}, TypeError, "method 'm' does not fit drag: missing"),
        ({"methods": {"m": QUICK | {"lr": -1}}}, ValueError, "method 'm': lr is -1"),
        ({"methods": {"m": QUICK | {"steps": 1.5}}}, ValueError, "method 'm': steps is 1.5"),
        ({"methods": {"m": QUICK | {"losses": []}}}, ValueError, "method 'm': losses is empty"),
        (
            {"methods": {"m": QUICK | {"tracker": NearestNeighbor}}},
            ValueError,
            r"method 'm': tracker is the class NearestNeighbor; .* NearestNeighbor\(\)",
        ),
        ({"measure": 5}, TypeError, "measure is 5; give a function"),
        ({"measure": lambda *_: None}, TypeError, "the measure returned None; it must return a d"),
        ({"measure": lambda *_: {"q": "1"}}, TypeError, "the measure returned {'q': '1'}"),
        ({"measure": lambda *_: {1: 1.0}}, TypeError, "the measure returned {1: 1.0}"),
        ({"measure": lambda *_: {"q": torch.ones(2)}}, TypeError, "the measure returned {'q': t"),
        ({"model": 5}, TypeError, "model is 5, which has no name.*; give a model"),
        ({"model": Toy}, TypeError, "model is the class Toy; pass an instance"),
        ({"executor": 5}, TypeError, "executor is 5; give an Executor"),
        ({"out": 5}, TypeError, "out is 5; give the path of a file"),
        ({"out": ""}, ValueError, "out is ''; give the path of a file"),
        ({"out": ROOT}, IsADirectoryError, "out is the folder .*; give the path of a file"),
        ({"out": Path(__file__) / "a"}, OSError, "cannot be written .*; name another place"),
        ({"modle": "toy"}, TypeError, "run: .*'modle'; did you mean 'model'"),
    ],
)
def test_what_is_no_question_is_refused(tmp_path, question, error, message):
    with pytest.raises(error, match=message):
        ask(tmp_path, **question)
    out = tmp_path / "out.jsonl"
    assert not out.exists() or not out.read_bytes()


def test_a_measure_may_return_numbers_of_any_library(tmp_path):
    measured = {"a": torch.tensor(1.5), "b": np.float32(2), "c": math.nan, "d": True}
    result = ask(tmp_path, measure=lambda *_: measured)[0]
    assert [result[name] for name in "abd"] == [1.5, 2, 1] and math.isnan(result["c"])


def test_a_measure_that_fails_stops_the_run_and_names_the_task(tmp_path):
    with pytest.raises(ZeroDivisionError) as caught:
        runner.run(
            toy_tasks(1),
            METHODS,
            tmp_path / "out.jsonl",
            model="toy",
            measure=lambda *_: {"a": 1 / 0},
        )
    assert caught.value.__notes__ == ["(task 'blob 0', method 'quick')"]
    with pytest.raises(ValueError, match="returns 'steps', which every result has"):
        runner.run(
            toy_tasks(1),
            METHODS,
            tmp_path / "out.jsonl",
            model="toy",
            measure=lambda *_: {"steps": 1},
        )


def interrupting(calls: list):
    """A measure that is interrupted at its third call."""

    def measure(model, task, start, last):
        calls.append(task.name)
        if len(calls) == 3:
            raise KeyboardInterrupt
        return {
            "truth": metrics.mean_distance(
                last.latent[: len(task.edit.handles)], task.edit.targets
            )
        }

    return measure


def test_an_interrupt_keeps_what_is_finished(tmp_path):
    calls, out = [], tmp_path / "out.jsonl"
    measure = interrupting(calls)
    with pytest.raises(KeyboardInterrupt):
        runner.run(toy_tasks(), METHODS, out, model="toy", measure=measure)
    assert [r["method"] for r in read_results(out)] == ["quick", "slow"]
    results = runner.run(toy_tasks(), METHODS, out, model="toy", measure=measure)
    assert len(results) == len(read_results(out)) == 8 and len(calls) == 3 + 6
    assert all(r["truth"] > 0 for r in results)


def test_an_interrupt_keeps_what_a_pool_has_finished_and_cancels_the_rest(tmp_path):
    calls, out = [], tmp_path / "out.jsonl"
    measure = interrupting(calls)
    with ThreadPoolExecutor(1) as pool, pytest.raises(KeyboardInterrupt):
        runner.run(toy_tasks(20), METHODS, out, model="toy", measure=measure, executor=pool)
    done = comparable(read_results(out))
    assert 2 <= len(done) == len(read_results(out)) and len(calls) < 40
    assert {("blob 0", "quick"), ("blob 0", "slow")} <= set(done)
    with ThreadPoolExecutor(2) as pool:
        results = runner.run(
            toy_tasks(20), METHODS, out, model="toy", measure=measure, executor=pool
        )
    assert len(results) == len(comparable(read_results(out))) == len(read_results(out)) == 40


def test_two_processes_give_the_same_results_with_one_thread_each(tmp_path, unbroken, monkeypatch):
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    with ProcessPoolExecutor(2, mp_context=multiprocessing.get_context("spawn")) as pool:
        results = runner.run(
            toy_tasks(), METHODS, tmp_path / "out.jsonl", model="toy", executor=pool
        )
        assert pool.submit(torch.get_num_threads).result() == 1
    assert (
        comparable(results)
        == comparable(unbroken)
        == comparable(read_results(tmp_path / "out.jsonl"))
    )
    assert [r["task"] for r in results] == [r["task"] for r in unbroken]


def test_dask_gives_the_same_results(tmp_path, unbroken):
    distributed = pytest.importorskip("distributed")
    with distributed.Client(
        processes=False, n_workers=1, threads_per_worker=2, dashboard_address=None
    ) as client:
        results = runner.run(
            toy_tasks(),
            METHODS,
            tmp_path / "out.jsonl",
            model="toy",
            executor=client.get_executor(),
        )
    assert (
        comparable(results)
        == comparable(unbroken)
        == comparable(read_results(tmp_path / "out.jsonl"))
    )


# --- tables, by hand
# ---------------------------------------------------------------------------------------


def result(task: str, method: str, value: float, handles: int = 1, **more) -> dict:
    """A made-up result; one handle of it has arrived."""
    rest = {"arrived": 1, "steps": 10, "seconds": 0.5, "error": None}
    return (
        {"task": task, "method": method, "mean_distance": value, "handles": handles} | rest | more
    )


RESULTS = [
    *(result(t, "slow & sure", v) for t, v in zip("abcd", (1.0, 2.0, 3.0, 6.0))),
    *(result(t, "DragGAN", v, steps=20) for t, v in zip("abcd", (2.0, 4.0, 6.0, 12.0))),
    result("e", "DragGAN", 1234.56, handles=4),
    result("f", "DragGAN", math.nan, handles=4, arrived=0, error="ValueError: no", steps=0),
]


def test_the_table_by_hand():
    frame = tables.table(RESULTS)
    assert list(frame.index) == [("slow & sure", 1), ("DragGAN", 1), ("DragGAN", 4)]
    low, high = metrics.bootstrap([1, 2, 3, 6])
    sure = {
        "pairs": 4,
        "mean": 3,
        "low": low,
        "high": high,
        "median": 2.5,
        "arrived": 1,
        "steps": 10,
        "seconds": 0.5,
        "failed": 0,
    }
    assert frame.loc[("slow & sure", 1)].to_dict() == sure
    four = {
        "pairs": 1,
        "mean": 1234.56,
        "median": 1234.56,
        "arrived": 1 / 8,
        "steps": 10,
        "seconds": 0.5,
        "failed": 1,
    }
    assert frame.loc[("DragGAN", 4)].dropna().to_dict() == four, "one value has no interval"
    assert list(tables.table(RESULTS, by=()).index) == ["slow & sure", "DragGAN"]
    assert tables.table(RESULTS, by=(), value="steps").loc["DragGAN", "pairs"] == 6


def test_a_comparison_is_of_the_same_tasks_and_resamples_them_as_pairs():
    frame = tables.compare([*RESULTS, result("g", "slow & sure", 100.0)], "DragGAN")
    assert frame.to_dict("index") == {
        ("slow & sure", 1): {"pairs": 4, "ratio": 0.5, "low": 0.5, "high": 0.5}
    }
    half = [
        result("a", "x", 1.0),
        result("b", "x", 1.0),
        result("a", "y", 1.0),
        result("b", "y", 3.0),
    ]
    row = tables.compare(half, "y").iloc[0]
    # a a: 1, a b: 1/2, b b: 1/3
    assert (row["ratio"], row["low"], row["high"]) == (0.5, pytest.approx(1 / 3), 1)
    alone = tables.compare([result("a", "x", 1.0), result("b", "y", 1.0)], "y").iloc[0]
    assert alone["pairs"] == 0 and math.isnan(alone["ratio"])


def test_markdown_and_latex():
    text = tables.markdown(tables.table(RESULTS))
    head, _, _, dragon, four = text.splitlines()
    words = [cell.strip() for cell in head.strip("|").split("|")]
    assert (
        words[:4] == ["method", "handles", "pairs", "mean distance mean [px]"]
        and "seconds [s]" in words
    )
    assert [cell.strip() for cell in four.strip("|").split("|")][:5] == [
        "DragGAN",
        "4",
        "1",
        "1235",
        "–",
    ]
    assert "| 6.00 |" in " ".join(dragon.split())
    tex = tables.latex(tables.compare(RESULTS, "DragGAN"))
    assert r"method & handles & pairs & mean distance ratio & low & high \\" in tex
    assert r"slow \& sure & 1 & 4 & 0.500 & 0.500 & 0.500 \\" in tex


@pytest.mark.parametrize("name", ["a|b", "|", r"a\|b", "a\nb | c", r"C:\runs", "x || y\\"])
def test_a_name_with_bars_or_lines_stays_in_its_cell(name):
    rows = [result("a", name, 1.0), result("a", "y", 2.0)]
    lines = tables.markdown(tables.table(rows)).splitlines()
    assert len({len(cells_of(line)) for line in lines}) == 1 and len(lines) == 4
    assert cells_of(lines[2])[0] == " ".join(name.split("\n"))

    in_heads = pd.DataFrame({"n": [1], name: ["v"]}).set_index("n")
    head, *_ = tables.markdown(in_heads).splitlines()
    assert cells_of(head) == ["n", " ".join(name.split("\n"))]


def cells_of(line: str) -> list[str]:
    """As GitHub reads a table's line: a backslash takes the sign behind it out of play."""
    cells = re.findall(r"\|((?:\\.|[^|\\])*)(?=\|)", line)
    return [re.sub(r"\\(.)", r"\1", cell.strip()) for cell in cells]


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (1234.5, "1234"),
        (123.45, "123"),
        (0.012345, "0.0123"),
        (3.0, "3.00"),
        (0.0, "0.00"),
        (math.nan, "–"),
        (7, "7"),
        ("a", "a"),
        (999.7, "1000"),
        (0.0000123, "0.0000123"),
        (math.inf, "inf"),
    ],
)
def test_numbers_are_rounded_to_three_digits(value, text):
    assert tables._number(value) == text


def test_tables_name_what_is_missing():
    with pytest.raises(ValueError, match="no results"):
        tables.table([])
    with pytest.raises(
        ValueError, match="no result has 'beauty'; they have task, method, mean_distance"
    ):
        tables.table(RESULTS, value="beauty")
    with pytest.raises(
        ValueError, match="no method 'FreeDrag' in these results; they have slow & sure, DragGAN"
    ):
        tables.compare(RESULTS, "FreeDrag")
    with pytest.raises(ValueError, match="two results for task 'a', method 'DragGAN'"):
        tables.table([*RESULTS, result("a", "DragGAN", 1.0)])


WORDS = [one | {"words": "a", "list": []} for one in RESULTS]


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: tables.table(5), TypeError, "results is 5; give what runner.run returned"),
        (lambda: tables.table("out.jsonl"), TypeError, r"results\[0\] is 'o'.*read_results"),
        (lambda: tables.table([1]), TypeError, r"results\[0\] is 1"),
        (lambda: tables.table(RESULTS, by="handles"), TypeError, "by is 'handles'; give a list"),
        (lambda: tables.table(RESULTS, by=("beauty",)), ValueError, "no result has 'beauty'"),
        (lambda: tables.table(RESULTS, by=("handles",) * 2), ValueError, "name each column once"),
        (lambda: tables.table(RESULTS, by=("method",)), ValueError, "and not the method"),
        (lambda: tables.table(WORDS, by=("list",)), ValueError, "cannot be grouped by 'list'"),
        (lambda: tables.table(WORDS, value="words"), ValueError, "'words' is not a number in ev"),
        (lambda: tables.table([{"a": 1}]), ValueError, "no result has 'task'; they have a"),
        (lambda: tables.table(RESULTS, vlaue="a"), TypeError, "did you mean 'value'"),
        (lambda: tables.compare(RESULTS, [1]), ValueError, r"no method \[1\] in these results"),
        (lambda: tables.compare(RESULTS[:1], "slow & sure"), ValueError, "is the only method"),
        (lambda: tables.markdown(5), TypeError, "frame is 5; give what table or compare returned"),
        (lambda: tables.latex(RESULTS), TypeError, "frame is .*; give what table"),
        (lambda: run_jobs(5, "a"), TypeError, "jobs is 5; give a list of Job"),
        (lambda: run_jobs([], 5), TypeError, "out is 5; give the path"),
        (lambda: Job(5, {}, print, ()), TypeError, "key is 5; give plain values by name"),
        (lambda: Job({}, {}, 5, ()), TypeError, "work is 5; give a function"),
        (lambda: Job({}, {}, print, [1]), TypeError, r"arguments is \[1\]; give a tuple"),
    ],
)
def test_tables_and_jobs_refuse_another_kind_of_thing(call, error, message):
    with pytest.raises(error, match=message):
        call()


def test_jobs_have_keys_of_their_own_and_results_that_can_be_written(tmp_path):
    job = Job({"number": 1}, {}, complex, (1,))
    with pytest.raises(ValueError, match=r"two jobs have the key \(number 1\)"):
        run_jobs([job, job], tmp_path / "a")
    with pytest.raises(ValueError, match=r"the key of \(name 1\) should have the names number"):
        run_jobs([job, Job({"name": 1}, {}, complex, (1,))], tmp_path / "a")
    wrong = Job({"number": 1}, {}, partial(dict, value=1j), ())
    with pytest.raises(TypeError, match="cannot be written as JSON .*; let the work return num"):
        run_jobs([wrong], tmp_path / "a")


def test_two_gates_of_one_name_are_told_apart(tmp_path):
    """Lambdas print alike but for their address."""
    tasks, out = [task_of_toy()], tmp_path / "out.jsonl"
    with_gate = lambda gate: {"mine": draggan() | {"lr": 0.5, "steps": 2, "trust": gate}}
    run = lambda gate: runner.run(tasks, with_gate(gate), out, model=Toy())
    run(lambda first: first - 0.1)
    run(lambda first: first - 0.1)
    with pytest.raises(ValueError, match="with other settings: pieces was"):
        run(lambda first: first - 0.9)
    assert len(read_results(out)) == 1


def task_of_toy(**changes):
    latent = Toy().sample(0)
    edit = Edit(latent[:1], latent[:1] + 5)
    return Task(**{"seed": 0, "edit": edit, "name": "toy"} | changes)
