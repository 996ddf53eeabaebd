"""From a folder of a benchmark to its table and its page, on a tiny random pipeline."""

import json
import re
from argparse import Namespace
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from types import SimpleNamespace
from urllib.parse import unquote

import numpy as np
import pandas as pd
import pytest
import torch
from PIL import Image

import dragkit as dk
from dragkit.bench import read
from dragkit.bench.dragbench import Plan, over_pairs, run_plan
from dragkit.bench.estimating import estimate
from dragkit.bench.matching import Dift, matcher_name
from dragkit.bench.opening import Opening
from dragkit.bench.page import write_page
from dragkit.bench.page_scores import SCORES
from dragkit.bench.runner import run
from dragkit.bench.scoring import check_scores
from dragkit.bench.starting import Kept, Start, file_name, start_of
from dragkit.bench.studies import dragbench as command
from dragkit.methods import dragdiffusion, draggan
from dragkit.placement import placement
from dragkit.records import Edit
from dragkit.trackers import NearestNeighbor
from tests.benchmark_folders import SIZE, write_dragbench
from tests.tiny_pipelines import write_sd

METHODS = {
    "DragDiffusion": dragdiffusion(),
    "wide window": dragdiffusion() | {"tracker": NearestNeighbor(4, norm=1, stride=1)},
}


@pytest.fixture(scope="module")
def pipeline(tmp_path_factory):
    folder = write_sd(tmp_path_factory.mktemp("sd") / "tiny")
    return Opening(str(folder), {"device": "cpu", "steps": 6, "size": 32})


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    folder = tmp_path_factory.mktemp("bench")
    for number, category in enumerate(("animals", "animals", "art_work")):
        write_dragbench(folder / category / f"sample_{number}", prompt="a lion")
    return folder


@pytest.fixture(scope="module")
def finished(pipeline, data, tmp_path_factory):
    out = tmp_path_factory.mktemp("out")
    plan = Plan(read(data), METHODS, pipeline, (1, 3), lora=1, matcher=pipeline)
    return plan, out, run_plan(plan, out)


def test_there_is_a_row_for_each_image_method_and_budget(finished):
    _, out, rows = finished
    assert len(rows) == 3 * 2 * 2 and rows["error"].isna().all()
    assert set(rows["budget"]) == {1, 3} and set(rows["method"]) == set(METHODS)
    assert set(rows["category"]) == {"animals", "art_work"}
    for name in ("md", "m_md", "md_discs", "md_normalised", "pyramid", "change_outside", "dai_1"):
        assert np.isfinite(rows[name]).all(), name
    for file in rows["image"]:
        assert Image.open(out / "images" / file).size == SIZE[::-1]  # the image's own
    assert {len(json.loads(line)) for line in (out / "drags.jsonl").open()} == {4}


def test_a_run_that_was_stopped_makes_only_what_is_missing(finished, monkeypatch):
    plan, out, rows = finished
    lines = (out / "drags.jsonl").read_text().splitlines()
    (out / "drags.jsonl").write_text("\n".join(lines[:4]) + '\n{"task": "ani')
    made = []
    from dragkit.bench import dragbench

    real = dragbench.drag_with_budgets
    monkeypatch.setattr(
        dragbench, "drag_with_budgets", lambda *given: made.append(given[:2]) or real(*given)
    )
    again = run_plan(plan, out)
    assert len(made) == 2
    columns = [name for name in rows if name != "seconds"]
    pd.testing.assert_frame_equal(again[columns], rows[columns])


def test_lora_and_inversion_are_made_once_and_shared(finished):
    plan, out, _ = finished
    kept = sorted(path.suffixes[-2:] for path in (out / "kept").iterdir())
    assert len(kept) == 6 and kept.count([".lora", ".safetensors"]) == 3
    first = start_of(
        dk.load(plan.model.name_or_path, **plan.model.settings),
        plan.tasks[0],
        Kept(out / "kept", 1),
    )
    assert first.model.notes["lora"] == "rank 16, 1 steps"
    assert first.model.notes["prompt"] == "a lion" and first.model.size == SIZE


def test_results_of_other_settings_are_not_mixed_in(finished, pipeline):
    plan, out, _ = finished
    other = Plan(plan.tasks, METHODS, pipeline, (1, 3), lora=2, matcher=pipeline)
    with pytest.raises(ValueError, match=r"other settings: lora was 1, now it is 2"):
        run_plan(other, out)


def test_a_drag_that_fails_keeps_the_budgets_before_and_names_its_error(data, pipeline, tmp_path):
    asked = []

    class Broken(NearestNeighbor):
        def find(self, view, memory, search_centre):
            asked.append(search_centre)
            if len(asked) == 3:
                raise RuntimeError("the tracker is lost")
            return super().find(view, memory, search_centre)

    broken = dragdiffusion() | {"tracker": Broken(3, norm=1, stride=1)}
    plan = Plan(read(data)[:1], {"broken": broken}, pipeline, (1, 2), lora=0)
    first, second = run_plan(plan, tmp_path).to_dict("records")
    assert pd.isna(first["error"]) and (tmp_path / "images" / first["image"]).is_file()
    assert second["error"] == "RuntimeError: the tracker is lost" and pd.isna(second["image"])


def test_one_drag_serves_all_budgets_as_drags_of_their_own_would(data, pipeline, tmp_path):
    task = read(data)[:1]
    together = run_plan(Plan(task, METHODS, pipeline, (1, 2, 3), 0), tmp_path / "a")
    alone = run_plan(Plan(task, METHODS, pipeline, (2,), 0), tmp_path / "b")
    at_two = together[together["budget"] == 2].reset_index(drop=True)
    assert at_two["points"].tolist() == alone["points"].tolist()
    for one, other in zip(at_two["image"], alone["image"], strict=True):
        images = [
            np.asarray(Image.open(tmp_path / x / "images" / y)) for x, y in zip("ab", (one, other))
        ]
        assert np.array_equal(*images)


def test_other_executors_find_the_same(finished, tmp_path):
    plan, _, rows = finished
    with ThreadPoolExecutor(2) as pool:
        again = run_plan(replace(plan, tasks=plan.tasks[:1], matcher=None), tmp_path, pool)
    first = rows[rows["task"] == plan.tasks[0].name]
    assert again["points"].tolist() == first["points"].tolist()


@pytest.mark.slow
def test_a_dask_cluster_of_one_process_finds_the_same(finished, data, pipeline, tmp_path):
    distributed = pytest.importorskip("distributed")
    plan, _, rows = finished
    with (
        distributed.LocalCluster(
            n_workers=1, threads_per_worker=1, host="127.0.0.1", dashboard_address=None
        ) as cluster,
        command.executor_of(Namespace(dask=cluster.scheduler_address, workers=7)) as executor,
    ):
        assert command.workers_of(Namespace(dask=cluster.scheduler_address, workers=7)) == 1
        again = run_plan(replace(plan, tasks=plan.tasks[:1]), tmp_path, executor)
    first = rows[rows["task"] == plan.tasks[0].name].reset_index(drop=True)
    kept = ["task", "method", "budget", "arrived", "error"]
    pd.testing.assert_frame_equal(again[kept], first[kept])
    for name in ("points", "md", "pyramid"):
        assert np.allclose(np.stack(again[name]), np.stack(first[name]), atol=1e-3), name


def test_a_matcher_may_be_any_function_of_an_image(data, pipeline, tmp_path):
    def colours(image, prompt):
        assert prompt == "a lion"
        return image

    rows = run_plan(Plan(read(data)[:1], METHODS, pipeline, (1,), 0, colours), tmp_path)
    assert np.isfinite(rows["md"]).all()
    with pytest.raises(TypeError, match=r"matcher is .*a diffusion model, or a function"):
        check_scores("lion", None)


def test_a_matcher_with_a_size_of_its_own_sees_that_size_and_is_named(data, pipeline, tmp_path):
    plan = Plan(read(data)[:1], METHODS, pipeline, (1,), 0, Dift(pipeline, (48, 48)))
    rows = run_plan(plan, tmp_path)
    own = run_plan(replace(plan, matcher=pipeline), tmp_path / "own")
    assert set(rows["matcher"]) == {"DIFT of tiny at 48×48 px"}
    assert set(own["matcher"]) == {"DIFT of tiny at the image's size"}
    assert np.isfinite(rows["md_normalised"]).all() and (rows["md"] != own["md"]).any()

    text = command.report(rows)
    title = "### Every published mean distance, matched by DIFT of tiny at 48×48 px"
    table = text.partition(title)[2].strip().splitlines()
    assert [cell.strip() for cell in table[0].strip("|").split("|")] == [
        "budget", "method", "md", "m md", "md discs", "md normalised"
    ]  # fmt: skip


def test_a_matchers_name_says_what_numbers_may_stand_beside_it(pipeline):
    model = dk.load("lion-diffusion", device="cpu")
    assert matcher_name(model) == matcher_name(Dift("lion-diffusion"))
    assert matcher_name(Dift(pipeline, (40, 48))) == "DIFT of tiny at 48×40 px"
    assert matcher_name("folders/stable-diffusion-2-1").startswith("DIFT of stable-diffusion-2-1")

    def colours(image, prompt):
        return image

    assert matcher_name(colours) == "colours"


@pytest.mark.parametrize(
    ("side", "message"),
    [
        (49, "takes no images of 49×49 px; 48×48 is the nearest"),
        (0, "matcher-size is 0"),
        (5000, "matcher-size is 5000"),
    ],
)
def test_a_size_that_a_matcher_does_not_have_is_refused_before_any_drag(
    data, pipeline, tmp_path, side, message
):
    from dragkit.bench.__main__ import main

    folder = pipeline.name_or_path
    given = ["dragbench", "--data", str(data), "--model", folder, "--out", str(tmp_path / "out")]
    with pytest.raises(ValueError, match=message):
        main([*given, "--matcher-size", str(side), "--device", "cpu"])
    assert not (tmp_path / "out").exists()


def test_a_matcher_with_one_size_says_so():
    with pytest.raises(ValueError, match="lion-diffusion takes no images of 768×768 px; 64×64"):
        check_scores(Dift("lion-diffusion", (768, 768)), None)


def test_the_mean_over_pairs_is_not_that_over_images():
    rows = pd.DataFrame({"pairs": [[1.0], [3.0, 5.0], None]})
    assert over_pairs(rows) == 3


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"budgets": ()}, "budgets is"),
        ({"budgets": (20, 10)}, "budgets is"),
        ({"budgets": (0, 10)}, "budgets is"),
        ({"lora": -1}, "lora"),
        ({"methods": {}}, "methods is empty"),
        ({"tasks": []}, "tasks is empty"),
    ],
)
def test_a_plan_that_cannot_work_is_refused_at_once(finished, change, message):
    plan, _, _ = finished
    given = {"tasks": plan.tasks, "methods": METHODS, "model": plan.model}
    with pytest.raises(ValueError, match=message):
        Plan(**given | change)


def test_a_plan_needs_images():
    task = dk.tasks.edits.Task(1, dk.Edit([(1, 2)], [(3, 4)]), "seed 1")
    with pytest.raises(ValueError, match=r"'seed 1' has no image"):
        Plan([task], METHODS, "lion")


def test_the_cost_is_told_before(finished):
    plan, _, _ = finished
    cost = estimate(plan)
    assert cost.hours > 0 and cost.gigabytes > 0 and cost.disk > 0
    assert "for each of 2 workers" in cost.told(2) and "of images on the disk" in cost.told(1)
    large = replace(plan, matcher=Dift(plan.matcher, (768, 768)))
    assert estimate(large).hours > 10 * cost.hours
    assert estimate(Plan(plan.tasks, {"DragGAN": draggan()}, "lion")) is None


def test_the_page_names_every_drag_and_escapes_what_it_is_told(finished, tmp_path):
    plan, out, rows = finished
    hostile = rows.assign(category='<img src=x onerror="alert(1)">', method="</script><b>")
    page = write_page(out / "index.html", hostile, plan.tasks, "<script>alert(1)</script>")
    text = page.read_text()
    assert text.count("<tr data-method") == len(rows)
    assert "<script>alert" not in text and "<b>" not in text and "<img src=x" not in text
    assert "default-src 'none'" in text and "http://" not in text and "https://" not in text


def test_the_page_brings_its_images_and_has_every_score_with_its_meaning(finished, tmp_path):
    plan, out, rows = finished
    named = rows.assign(psnr=20.0, ssim=0.5, fidelity=0.9)
    text = write_page(out / "index.html", named, plan.tasks, "").read_text()
    sources = set(re.findall(r'src="([^"]*)"', text))
    assert len(sources) == 3 + len(rows)
    for source in sources:
        assert source.startswith("images/") and ".." not in source
        assert Image.open(out / unquote(source)).size == SIZE[::-1]

    told = dict(re.findall(r"<dt>(.*?)</dt><dd>(.*?)</dd>", text))
    wanted = set(SCORES) - {"mean_distance", "dai_20"}  # no landmarks; images of 24 px
    assert set(told) == {SCORES[name].head for name in wanted}
    for name in wanted - {"arrived", "steps"}:
        assert told[SCORES[name].head].endswith(" is better"), name


def test_the_command_prints_the_tables_and_writes_the_page(data, pipeline, tmp_path, capsys):
    folder = pipeline.name_or_path
    arguments = ["dragbench", "--data", str(data), "--model", folder, "--out", str(tmp_path)]
    from dragkit.bench.__main__ import main

    main([*arguments, "--budgets", "1", "--lora", "0", "--limit", "1", "--device", "cpu"])
    said = capsys.readouterr().out
    assert "Image fidelity and mean distance" in said and "StableDrag-Diff" in said
    assert "At most about" in said and (tmp_path / "index.html").is_file()
    table = pd.read_csv(tmp_path / "results.csv")
    assert len(table) == 3 and "points" not in table


def test_help_and_error_say_which_benchmarks_the_command_runs(tmp_path, capsys, monkeypatch):
    from dragkit.bench.__main__ import main

    monkeypatch.setenv("COLUMNS", "1000")  # of the terminal
    with pytest.raises(SystemExit):
        main(["dragbench", "--help"])
    said = " ".join(capsys.readouterr().out.split())
    assert command.WITH_IMAGES in said

    line = {"seed": 7, "points": {"handle": [[10, 20]], "target": [[11, 22]]}}
    (tmp_path / "cats.jsonl").write_text(json.dumps(line))
    for data in (tmp_path, tmp_path / "cats.jsonl"):
        with pytest.raises(ValueError, match="1 of 1 tasks without an image, such as 'cats-1'"):
            main(["dragbench", "--data", str(data), "--model", "lion-diffusion"])
    for name in ("DragBench", "Drag100", "VFD-Bench", "lionbench", "carbench", "FreeDragBench"):
        assert name in command.WITH_IMAGES


def test_tasks_are_spread_over_the_benchmark():
    assert command.spread(list(range(10)), 3) == [0, 3, 6]
    assert command.spread([1, 2], None) == command.spread([1, 2], 5) == [1, 2]
    with pytest.raises(ValueError, match=r"limit is 0"):
        command.spread([1, 2], 0)


def test_names_of_files_are_plain_and_never_the_same():
    names = ["animals/a b", "animals_a_b", "../../etc/passwd", "", "ü" * 300, "CON", "a" * 300]
    files = [file_name(name) for name in names]
    assert len(set(files)) == len(files)
    assert all("/" not in file and ".." not in file and len(file) < 100 for file in files)


def test_tasks_of_latents_and_images_run_in_the_ordinary_runner_too(tmp_path):
    model = dk.load("lion", device="cpu")
    torch.save(model.sample(3)[None], tmp_path / "w.pt")
    edit = dk.Edit([(64, 80)], [(64, 84)])
    tasks = [
        dk.tasks.edits.Task(3, edit, "seed"),
        dk.tasks.edits.Task(None, edit, "latent", latent=tmp_path / "w.pt"),
    ]
    methods = {"DragGAN": draggan() | {"steps": 2}}
    seed, latent = run(tasks, methods, tmp_path / "out.jsonl", model=model)
    assert seed["points"] == latent["points"]


@pytest.mark.parametrize("size", [(3000, 20), (20, 3000)])
def test_points_that_fall_together_in_a_smaller_image_are_told_not_arrived(size, tmp_path):
    points = [[2, 3], [18, 17]]  # 21 px apart, of which the model's 64 px leave less than 1
    write_dragbench(tmp_path / "data" / "a" / "long", points, np.ones(size, np.uint8), size=size)
    plan = Plan(read(tmp_path / "data"), METHODS, "lion-diffusion", (1, 2), 0)
    rows = run_plan(plan, tmp_path / "out")
    assert set(rows["arrived"]) == {0} and rows["image"].isna().all()
    assert rows["error"].str.contains("handle 0 is 21.3 px from its target").all()
    assert rows["error"].str.contains("0.[78][0-9]? px in the model's, 64×64: too near").all()

    (other, _) = run(plan.tasks, METHODS, tmp_path / "out.jsonl", model="lion-diffusion")
    assert other["why"] == "failed" and "too near" in other["error"] and other["arrived"] == 0


def test_points_near_each_other_by_wish_are_dragged_as_they_are():
    where = placement((24, 32), (24, 32), "native")
    near = Edit([(5.0, 5.0)], [(5.4, 5.0)])
    task = SimpleNamespace(edit=near)
    Start(None, None, near, where).check_apart(task, {"arrive": 0.1})
    half = placement((24, 32), (12, 16), "resize")
    far = Edit([(4.0, 4.0)], [(8.0, 4.0)], arrive=3.0)
    smaller = Edit([(2.0, 2.0)], [(4.0, 2.0)], arrive=1.5)
    Start(None, None, smaller, half).check_apart(SimpleNamespace(edit=far), {"arrive": 5.0})
    with pytest.raises(ValueError, match="handle 0 is 4 px .* and 2 px in the model's, 16×12"):
        plain = Edit([(2.0, 2.0)], [(4.0, 2.0)])
        wished = Edit([(4.0, 4.0)], [(8.0, 4.0)])
        Start(None, None, plain, half).check_apart(SimpleNamespace(edit=wished), {"arrive": 2.0})


def test_points_and_images_come_back_to_the_tasks_own_pixels(data):
    model = dk.load("lion-diffusion", device="cpu")
    task = read(data)[0]
    start = start_of(model, task)
    torch.testing.assert_close(start.points_at_task(start.edit.handles), task.edit.handles)
    assert start.at_task(start.model.finish(start.latent)).shape == (3, *SIZE)


def test_an_image_that_was_deleted_before_it_was_scored_is_told(finished, tmp_path):
    plan, _, _ = finished
    run_plan(replace(plan, tasks=plan.tasks[:1], matcher=None), tmp_path)
    (tmp_path / "scores.jsonl").unlink()
    next((tmp_path / "images").glob("*.png")).unlink()
    with pytest.raises(FileNotFoundError, match=r"although its drag is recorded.*drags.jsonl"):
        run_plan(replace(plan, tasks=plan.tasks[:1], matcher=None), tmp_path)
