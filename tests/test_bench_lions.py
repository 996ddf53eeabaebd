"""The lions' protocol and the films: what they claim to know is checked against the world."""

import numpy as np
import pandas as pd
import pytest
import torch

from dragkit.bench.metrics import has_lookalike
from dragkit.bench.studies import families, recorded, stabledrag, tracking
from dragkit.models import load, zoo
from dragkit.records import View
from dragkit.runs.trace import Trace
from dragkit.tasks import lions
from dragkit.trackers import Discriminative, NearestNeighbor
from dragkit.worlds.lion import Lion


@pytest.fixture(scope="module")
def model():
    return load("lion", device="cpu")


def test_z_is_the_models_own(model):
    assert np.array_equal(lions.z_of(7), model.sample_z(7))
    assert torch.equal(model.of_z(lions.z_of(7)), model.sample(7))


def test_a_pair_is_the_same_lion_in_another_pose():
    z, other = lions.z_of(3), lions.z_of(10_003)
    posed = lions.in_pose_of(z, other)
    unit = lambda v: v / np.sqrt(np.square(v).mean())
    np.testing.assert_allclose(posed[: lions.POSE], unit(other)[: lions.POSE])
    np.testing.assert_allclose(posed[lions.POSE :], unit(z)[lions.POSE :])


def test_the_edits_are_nested_visible_and_where_the_world_has_them():
    one, five, every = lions.pairs_of(4)
    assert [len(t.edit.handles) for t in (one, five)] == [1, 5] and len(every.edit.handles) > 5
    assert every.landmarks[:5] == five.landmarks and five.landmarks[:1] == one.landmarks
    assert [t.name for t in (one, five, every)] == ["lion 4, 1", "lion 4, 5", "lion 4, all"]
    lion = Lion.of_latent(lions.z_of(4), 0.7)
    for name, handle in zip(every.landmarks, every.edit.handles.tolist(), strict=True):
        assert handle == pytest.approx(lion.landmarks(128)[name], abs=2)  # the reading's error
    assert all(every.edit.mask[round(y), round(x)] == 1 for x, y in every.edit.targets.tolist())


def test_before_any_drag_the_measure_reads_the_start_and_after_it_the_target(model):
    """Truth about two images that need no drag: the start, and the generator's own image of
    the target pose.
    """
    (task,) = lions.pairs_of(1, (17,))
    step = lambda latent: type("Last", (), {"latent": latent, "points": task.edit.targets})
    start = model.sample(1)
    away = lions.truth(model, task, start, step(start))
    assert (
        away["mean_distance"] == pytest.approx(away["length"], abs=1e-4)
        and away["change_outside"] == 0
    )
    there = model.of_z(lions.in_pose_of(lions.z_of(1), lions.z_of(10_001)))
    # points are kept to 0.01 px
    assert lions.truth(model, task, start, step(there))["mean_distance"] < 0.02


def test_a_lookalike_is_a_near_feature_neither_too_near_nor_too_far():
    features = torch.randn(8, 64, 64, generator=torch.Generator().manual_seed(0))
    features[:, 20, 28] = 1.1 * features[:, 20, 20]  # 8 px to the right
    features[:, 40, 43] = features[:, 40, 40]  # 3 px: the same thing
    view = View(features, (64, 64), None)
    points = torch.tensor([[20.0, 20], [40, 40], [50, 10]])
    assert has_lookalike(view, points).tolist() == [True, False, False]


def test_on_the_toy_the_twin_takes_the_nearest_neighbour_and_not_the_filter():
    sequences = list(tracking.toy_sequences(6))
    assert len(sequences) == 24 and {f.truth.shape for f in sequences} == {(tracking.FRAMES, 1, 2)}
    found = tracking.results(
        sequences,
        {"nearest": NearestNeighbor(tracking.REACH), "learned": Discriminative(tracking.REACH)},
    )
    lost = found.groupby(["scene", "tracker"])["lost"].mean()
    assert lost["toy: look-alike", "nearest"] > 0.5 > lost["toy: look-alike", "learned"]
    assert lost["toy: plain", "nearest"] == lost["toy: plain", "learned"] == 0


def test_a_walk_begins_at_the_lion_and_ends_in_its_pose(model):
    (sequence,) = tracking.walks(model, 1)
    (task,) = lions.pairs_of(0, (17,))
    assert len(sequence.views) == tracking.FRAMES
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
            [*stabledrag.METHODS, *stabledrag.DIAL], (2, 1.8, 1.5, 1, *[1] * 7)
        )
        for count in ("1", "5", "all")
        for i in range(4)
    ]
    results = pd.DataFrame(rows)
    assert len(stabledrag.DIAL) == 7
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
    with pytest.raises(ValueError, match="no dial to draw"):
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
    assert "StableDrag" in error and "FreeDrag" not in error  # a goal is where it shall be
    left, right = families.figure(pd.DataFrame(rows)).axes
    assert [t.get_text() for t in left.get_yticklabels()] == list(methods)
    assert len(left.containers) == 3 * 7 and len(right.containers) == 3 * 5


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
    recorded.main(["twins", "hasty", "--out", str(tmp_path)])
    for name in ("twins", "hasty"):
        again, kept = Trace.load(tmp_path / f"{name}.json"), Trace.load(zoo.bundled(name))
        assert [f.index for f in again] == [f.index for f in kept]
        assert all(torch.allclose(a.points, b.points, atol=0.5) for a, b in zip(again, kept))
