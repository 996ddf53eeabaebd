"""The lions and image sequences: what they claim to know is checked against the world."""

from argparse import Namespace
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pandas as pd
import pytest
import torch

from dragkit.bench import measures
from dragkit.bench.__main__ import COMMANDS, main
from dragkit.bench.settings import describe
from dragkit.bench.studies import families, recorded, stabledrag, tracking
from dragkit.bench.studies import methods as all_methods
from dragkit.models import load, zoo
from dragkit.models.toy import Toy
from dragkit.records import View
from dragkit.runs.trace import Trace
from dragkit.tasks import sequences
from dragkit.tasks.lookalikes import has_lookalike
from dragkit.tasks.poses import LIONS
from dragkit.trackers import Discriminative, NearestNeighbor
from dragkit.worlds.lion import Lion


@pytest.fixture(scope="module")
def model():
    return load("lion", device="cpu")


def test_z_is_the_models_own(model):
    assert np.array_equal(LIONS.z_of(7), model.sample_z(7))
    assert torch.equal(model.of_z(LIONS.z_of(7)), model.sample(7))


def test_a_pair_is_the_same_lion_in_another_pose():
    z, other = LIONS.z_of(3), LIONS.z_of(10_003)
    posed = LIONS.in_pose_of(z, other)
    unit = lambda v: v / np.sqrt(np.square(v).mean())
    np.testing.assert_allclose(posed[: LIONS.world.pose], unit(other)[: LIONS.world.pose])
    np.testing.assert_allclose(posed[LIONS.world.pose :], unit(z)[LIONS.world.pose :])


def test_the_edits_are_nested_visible_and_where_the_world_has_them():
    one, five, every = LIONS.pairs_of(4)
    assert [len(t.edit.handles) for t in (one, five)] == [1, 5] and len(every.edit.handles) > 5
    assert every.landmarks[:5] == five.landmarks and five.landmarks[:1] == one.landmarks
    assert [t.name for t in (one, five, every)] == ["lion 4, 1", "lion 4, 5", "lion 4, all"]
    lion = Lion.of_latent(LIONS.z_of(4), 0.7)
    for name, handle in zip(every.landmarks, every.edit.handles.tolist(), strict=True):
        assert handle == pytest.approx(lion.landmarks(128)[name], abs=2)  # the reading's error
    assert all(every.edit.mask[round(y), round(x)] == 1 for x, y in every.edit.targets.tolist())


def test_before_any_drag_the_measure_reads_the_start_and_after_it_the_target(model):
    """Truth about two images that need no drag: the start, and the generator's own image of
    the target pose.
    """
    (task,) = LIONS.pairs_of(1, (17,))
    step = lambda latent: type("Last", (), {"latent": latent, "points": task.edit.targets})
    start = model.sample(1)
    away = measures.landmarks(model, task, start, step(start))
    assert (
        away["mean_distance"] == pytest.approx(away["length"], abs=1e-4)
        and away["change_outside"] == 0
    )
    there = model.of_z(LIONS.in_pose_of(LIONS.z_of(1), LIONS.z_of(10_001)))
    # points are rounded to 0.01 px
    assert measures.landmarks(model, task, start, step(there))["mean_distance"] < 0.02


def test_a_lookalike_is_a_near_feature_neither_too_near_nor_too_far():
    features = torch.randn(8, 64, 64, generator=torch.Generator().manual_seed(0))
    features[:, 20, 28] = 1.1 * features[:, 20, 20]  # 8 px to the right
    features[:, 40, 43] = features[:, 40, 40]  # 3 px: the same thing
    view = View(features, (64, 64), None)
    points = torch.tensor([[20.0, 20], [40, 40], [50, 10]])
    assert has_lookalike(view, points).tolist() == [True, False, False]


def test_on_the_toy_the_twin_takes_the_nearest_neighbour_and_not_the_filter():
    scenes = sequences.toy_sequences(6)
    assert len(scenes) == 24 and {s.truth.shape for s in scenes} == {(sequences.FRAMES, 1, 2)}
    assert [s.scene for s in scenes if s.lookalike.any()] == 6 * ["toy: look-alike"]
    found = tracking.results(
        scenes,
        {
            "nearest": NearestNeighbor(sequences.TOY_RADIUS),
            "learned": Discriminative(sequences.TOY_RADIUS),
        },
    )
    lost = found.groupby(["scene", "tracker"])["lost"].mean()
    assert lost["toy: look-alike", "nearest"] > 0.5 > lost["toy: look-alike", "learned"]
    assert lost["toy: plain", "nearest"] == lost["toy: plain", "learned"] == 0


def test_a_walk_begins_at_the_lion_and_ends_in_its_pose(model):
    sequence = sequences.lion_walk(model, 0)
    (task,) = LIONS.pairs_of(0, (17,))
    assert len(sequence.views) == sequences.FRAMES
    for seen, known in (
        (sequence.truth[0], task.edit.handles),
        (sequence.truth[-1], task.edit.targets),
    ):
        assert (seen - known).norm(dim=1).mean() < 1


def test_the_report_tells_every_method_and_subset():
    rows = [
        {
            "task": f"lion {i}, {count}",
            "method": method,
            "count": count,
            "mean_distance": distance + i / 10,
            "tracker_error": 1.0,
            "change_outside": 1.0,
            "length": i,
            "lookalike": i % 2,
            "handles": 1,
            "arrived": 1,
            "steps": 9,
            "seconds": 1.0,
            "start_seconds": 0.1,
            "error": None,
            "claimed_distance": 0.5,
            "dai": 0.1,
        }
        for method, distance in zip(
            [*stabledrag.METHODS, *stabledrag.SWEEP], (2, 1.8, 1.5, 1, *[1] * 7)
        )
        for count in ("1", "5", "all")
        for i in range(4)
    ]
    results = pd.DataFrame(rows)
    assert len(stabledrag.SWEEP) == 7
    text = stabledrag.report(results)
    assert "0.535" in text  # (1 + 0.15) / (2 + 0.15)
    for words in (
        "gate alone",
        "a look-alike",
        "none has",
        "moves above 1.5 px",
        "change outside",
        "StableDrag, never",
        "of a drag's time",
    ):
        assert words in text
    assert len(stabledrag.threshold_sweep(results).axes) == 2
    with pytest.raises(ValueError, match="no threshold sweep to draw"):
        stabledrag.threshold_sweep(results[results["method"].isin(stabledrag.METHODS)])


def test_the_families_share_a_protocol_and_are_reported():
    methods = families.methods()
    assert list(methods)[:3] == ["DragGAN", "StableDrag", "FreeDrag"] and len(methods) == 7
    assert {m["steps"] for m in methods.values()} == {150} and {
        m["lr"] for m in methods.values()
    } == {2e-3}
    assert all(
        methods[name]["losses"] == methods["DragGAN"]["losses"]
        for name in methods
        if name not in families.GOALS
    )
    rows = [
        {
            "task": f"lion {i}, {count}",
            "method": method,
            "count": count,
            "mean_distance": number + i,
            "tracker_error": 10.0 * number,
            "change_outside": 1.0,
            "handles": 1,
            "arrived": 1,
            "steps": 9,
            "seconds": 2.5,
            "error": None,
        }
        for number, method in enumerate(methods, 1)
        for count in ("1", "5", "all")
        for i in range(4)
    ]
    text = families.report(pd.DataFrame(rows))
    assert "1.40" in text  # (2 + 1.5) / (1 + 1.5)
    error = text.split("tracker's points")[1].split("###")[0]
    assert "StableDrag" in error and "FreeDrag" not in error  # a goal is where the point should be
    left, right = families.figure(pd.DataFrame(rows)).axes
    assert [t.get_text() for t in left.get_yticklabels()] == list(methods)
    assert len(left.containers) == 3 * 7 and len(right.containers) == 3 * 5


def test_all_methods_share_a_protocol_and_are_reported_by_world():
    methods = all_methods.METHODS | all_methods.PARTS
    assert {pieces["steps"] for pieces in methods.values()} == {150}
    others = [pieces for name, pieces in methods.items() if not name.startswith("anchored")]
    assert {pieces["lr"] for pieces in others} == {2e-3}
    described = {describe(pieces, name) for name, pieces in methods.items()}
    assert len(described) == len(methods)  # no two are the same

    rows = [
        {
            "task": f"{world} {i}, {count}",
            "method": method,
            "count": count,
            "mean_distance": number + i,
            "tracker_error": 10.0 * number,
            "claimed_distance": 0.5,
            "change_outside": 2.0 + i,
            "length": float(i),
            "lookalike": i % 2,
            "handles": 1,
            "arrived": 1,
            "steps": 9,
            "seconds": 2.5,
            "error": None,
        }
        for world in ("lion", "car")
        for number, method in enumerate(methods, 1)
        for count in ("1", "5", "all")
        for i in range(4)
        if world == "lion" or method in all_methods.METHODS
    ]
    results = pd.DataFrame(rows)
    parts = all_methods.report(results).split("###")
    assert len(parts) == 11 and all(parts[1:])
    assert "1.40" in parts[2]  # (2 + 1.5) / (1 + 1.5)
    assert "FreeDrag" in parts[1] and "FreeDrag" not in parts[6]
    assert "no gate" in parts[8] and "no gate" not in parts[1]
    panels = all_methods.figure(results).axes
    titles = ["1 landmark", "5 landmarks", "all landmarks"]
    assert [panel.get_title() for panel in panels] == titles
    assert [len(panel.containers) for panel in panels] == [len(all_methods.METHODS) - 1] * 3
    lions = results[results["method"].isin(all_methods.METHODS)]
    assert "part" not in all_methods.report(lions)


def test_raft_joins_the_families_by_its_file(tmp_path):
    (tmp_path / "raft.pth").write_bytes(b"")
    added = families.methods(tmp_path / "raft.pth").keys() - families.methods().keys()
    assert added == {"RAFT, frame", "RAFT, reference"}


def test_every_recorded_run_is_bundled_small_and_opens():
    traces = {name for name, entry in zoo.index().items() if entry.get("kind") == "trace"}
    assert traces == set(recorded.RUNS)
    for name in traces:
        path = zoo.bundled(name)
        assert path.stat().st_size <= 1_000_000 and len(Trace.load(path)) > 5


def test_a_recorded_run_can_be_made_again(tmp_path):
    main(["recorded", "twins", "hasty", "--out", str(tmp_path)])
    for name in ("twins", "hasty"):
        again, kept = Trace.load(tmp_path / f"{name}.json"), Trace.load(zoo.bundled(name))
        assert [f.index for f in again] == [f.index for f in kept]
        assert all(torch.allclose(a.points, b.points, atol=0.5) for a, b in zip(again, kept))


STUDIES = {
    "stabledrag": ["threshold_sweep.png"],
    "cars": [],
    "families": ["families.png"],
    "methods": ["methods.png"],
    "line_search": [],
    "tracking": [],
    "diffusion": [],
    "timesteps": ["timesteps.png"],
    "chins": ["chins.png"],
    "gate": ["gate.png"],
    "metrics": ["metrics.png"],
    "metrics_cars": ["metrics_cars.png"],
    "warp": [],
}
SCRIPTS = {"dragbench", "lionbench", "carbench", "speed", "recorded", "figures"}


@pytest.mark.parametrize(("name", "figures"), STUDIES.items())
def test_every_study_reports_its_published_results(name, figures, tmp_path, capsys):
    main([name, "--report", "--out", str(tmp_path / name)])
    printed = capsys.readouterr().out
    assert "|" in printed and all(figure in printed for figure in figures)
    assert [path.name for path in (tmp_path / name).glob("*")] == figures
    assert set(COMMANDS) == {*STUDIES, *SCRIPTS}


@pytest.mark.parametrize("name", ["metrics", "gate", "warp"])
def test_a_report_writes_nothing_where_nobody_asked_it_to(name, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    main([name, "--report"])
    assert "|" in capsys.readouterr().out and not list(tmp_path.iterdir())


def test_the_command_line_lists_what_it_knows(capsys):
    main([])
    listed = capsys.readouterr().out
    assert all(name in listed for name in COMMANDS)
    with pytest.raises(SystemExit):
        main(["stabledragg"])
    assert "stabledrag" in capsys.readouterr().err


def test_a_study_of_sequences_is_resumed(tmp_path, monkeypatch):
    """The tracking study, on one seed with one tracker: its second run makes nothing."""
    trackers = {"nearest": NearestNeighbor(sequences.TOY_RADIUS)}
    monkeypatch.setattr(tracking, "TRACKERS", dict.fromkeys(("toy", "walk", "drag"), trackers))
    monkeypatch.setattr(tracking, "TOYS", 1)
    out = tmp_path / "results.jsonl"
    with ThreadPoolExecutor(1) as pool:
        found = tracking.measure(Namespace(count=1), out, pool)
        before = out.read_bytes()
        monkeypatch.setattr(tracking, "measure_seed", pytest.fail)
        again = tracking.measure(Namespace(count=1), out, pool)
    assert out.read_bytes() == before and len(before.splitlines()) == 3
    pd.testing.assert_frame_equal(found, again)
    assert set(found["scene"]) == {s.scene for s in sequences.toy_scenes(0)} | {"walk", "drag"}
    published = pd.read_csv(tracking.RESULTS)
    assert list(found) == list(published)
    same = published[(published["tracker"] == "nearest") & (published["scene"] == "toy: light")]
    assert found.loc[found["scene"] == "toy: light", "end"].item() == pytest.approx(
        same["end"].iloc[0], rel=1e-2, abs=1e-2
    )


def test_paths_of_blobs_by_hand():
    start = torch.tensor([[0.0, 10.0], [4.0, 4.0]])
    end = torch.tensor([[6.0, 10.0], [4.0, 1.0]])
    path = sequences.line(start, end, 4)
    assert path.shape == (4, 2, 2) and path[1].tolist() == [[2, 10], [4, 3]]
    steady = sequences.steady(start, torch.tensor([1.0, -1.0]), 3)
    assert steady[2].tolist() == [[2, 8], [6, 2]]
    twins = Toy(blobs=3, width=4, lookalike=0.95)
    first = torch.tensor([[40.0, 40], [60, 40], [40, 80]])
    centres = sequences.line(first, first + 3, 5)
    sequence = sequences.toy_sequence("mine", twins, centres, handles=3, gradients=True)
    assert sequence.lookalike.tolist() == [True, True, False]
    assert torch.equal(sequence.truth, centres) and len(sequence.views) == 5
    assert torch.equal(sequence.edit.targets, centres[-1])
    assert sequence.views[0].features.requires_grad
    plain = sequences.toy_sequence("mine", twins, centres)
    assert plain.truth.shape == (5, 1, 2) and not plain.views[0].features.requires_grad
