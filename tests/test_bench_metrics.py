"""What scores are worth, and warps against drags: the studies of LionBench, by hand."""

from argparse import Namespace
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pandas as pd
import pytest
import torch

import dragkit as dk
from dragkit.bench.studies import metrics, warp
from dragkit.methods import dragdiffusion


def stopped(**scores) -> pd.DataFrame:
    """One sample's images, whose true distances are 4, 2 and 0 px, with these scores."""
    lower = {name: [4.0, 2.0, 0.0] for name in metrics.LOWER}
    higher = {name: [-4.0, -2.0, 0.0] for name in metrics.HIGHER}
    rows = pd.DataFrame(lower | higher | scores)
    return rows.assign(task="turn/lion", stop=[0, 0.5, 1], truth=[4.0, 2.0, 0.0], method=None)


def test_a_score_that_orders_as_the_truth_does_is_never_wrong():
    wrong = metrics.wrong_preferences(stopped())["wrong"]
    assert (wrong == 0).all() and list(wrong.index) == [
        *metrics.LOWER.values(),
        *metrics.HIGHER.values(),
    ]


def test_a_score_is_wrong_as_often_as_it_prefers_the_farther_image():
    # of three pairs, md turns one round and DAI all
    rows = stopped(md=[3.0, 5.0, 0.0], dai_1=[0.0, 1.0, 2.0])
    wrong = metrics.wrong_preferences(rows)["wrong"]
    assert wrong["MD, whole image"] == pytest.approx(100 / 3) and wrong["DAI 1"] == 100
    by_category = metrics.wrong_by_category(rows)
    assert list(by_category) == ["turn"] and by_category.loc["DAI 1", "turn"] == 100


def test_images_that_hardly_differ_do_not_count():
    near = stopped(md=[1.0, 2.0, 3.0]).assign(truth=[0.9, 0.5, 0.0])
    assert np.isnan(metrics.wrong_preferences(near).loc["MD, whole image", "wrong"])


def test_errors_are_those_from_the_truth():
    rows = metrics.errors(stopped(md=[5.0, 2.0, 3.0]))
    found = rows.loc["MD, whole image"]
    assert found["of the true target itself"] == 3
    assert found["mean error"] == pytest.approx(4 / 3) and found["bias"] == pytest.approx(4 / 3)
    assert rows.loc["landmark network", "rank correlation"] == pytest.approx(1)


def test_liking_a_paste_is_scoring_it_better_than_the_target():
    fake = (
        stopped().iloc[:1].assign(method=metrics.PASTED, stop=np.nan, md=1.0, psnr=9.0, dai_1=-1)
    )
    known = pd.concat([stopped(md=[0, 0, 2.0], psnr=[0, 0, 20.0]), fake])
    liked = metrics.liking_paste(known)["prefers it"]
    assert liked["MD, whole image"] == 100 and liked["PSNR to the target"] == 0
    assert liked["DAI 1"] == 100 and liked["landmark network"] == 0


def test_a_paste_moves_the_patch_and_nothing_else():
    image = torch.rand(3, 32, 40, generator=torch.Generator().manual_seed(0))
    made = metrics.pasted(image, dk.Edit([(10, 12)], [(25, 14)]))
    patch = (slice(None), slice(10, 19), slice(21, 30))
    assert torch.equal(made[patch], image[:, 8:17, 6:15])
    made[patch] = image[patch]
    assert torch.equal(made, image)

    at_the_border = metrics.pasted(image, dk.Edit([(1, 1)], [(39, 31)]))
    assert torch.equal(at_the_border[:, 31, 39], image[:, 1, 1])


@pytest.mark.slow
@pytest.mark.parametrize(
    "study",
    [
        pytest.param(metrics.STUDY, id="metrics"),
        pytest.param(metrics.CAR_STUDY, id="cars", marks=pytest.mark.long),  # the same code
        pytest.param(warp.STUDY, id="warp"),
    ],
)
def test_the_study_runs_and_is_resumed(study, tmp_path, monkeypatch):
    monkeypatch.setattr(metrics, "STEPS", 1)
    monkeypatch.setattr(metrics, "methods", lambda small: {"DragDiffusion": dragdiffusion()})
    monkeypatch.setattr(warp, "STEPS", 1)
    out = tmp_path / "results.jsonl"
    with ThreadPoolExecutor(1) as pool:
        rows = study.measure(Namespace(count=2), out, pool)
        monkeypatch.setattr("dragkit.bench.jobs.Job.run", pytest.fail)
        again = study.measure(Namespace(count=2), out, pool)
    pd.testing.assert_frame_equal(rows, again)
    assert list(rows) == list(pd.read_csv(study.results)) and rows["error"].isna().all()
