"""The diffusion benchmarks: their truth is exact, their measures are the formulas, and a stopped
run goes on.
"""

import json
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pandas as pd
import pytest
import torch
from torch.nn import functional as F

from dragkit.bench.metrics import ssim
from dragkit.bench.studies import diffusion
from dragkit.bench.studies import timesteps as levels
from dragkit.models import load
from dragkit.models.zoo import DATA
from dragkit.tasks import lions, renders


def test_a_pair_knows_where_its_landmarks_are_before_and_after():
    pair = renders.pair(3, 5, 64)
    assert (
        pair.before.shape == pair.after.shape == (3, 64, 64)
        and len(pair.landmarks) == len(pair.edit.handles) == 5
    )
    for image, points in ((pair.before, pair.edit.handles), (pair.after, pair.edit.targets)):
        error = (renders.read(image, pair.landmarks) - points).norm(dim=1)
        # the network and the world agree, though it learnt at another size
        assert error.mean() < 0.5, error
    assert torch.equal(renders.pair(3, 1, 64).edit.handles, pair.edit.handles[:1])
    moved = (pair.after - pair.before).abs().amax(0) > 0.1
    assert not (moved & (pair.edit.mask == 0)).any()  # what changes lies in the mask


def test_judging_the_answer_itself_finds_it_perfect():
    pair = renders.pair(3, 5, 64)
    right, lazy = diffusion.judge(pair, pair.after), diffusion.judge(pair, pair.before)
    assert right["mean_distance"] < 0.5 < 2 < lazy["mean_distance"]
    assert (
        right["ssim"] == pytest.approx(1) and right["psnr"] > 100 and lazy["change_outside"] == 0
    )


def test_ssim_is_the_formula():
    a, b = torch.rand(2, 3, 16, 13, generator=torch.Generator().manual_seed(0))
    x = np.arange(-5, 6)
    window = np.exp(-(x[:, None] ** 2 + x**2) / (2 * 1.5**2))
    window /= window.sum()
    values = []
    for p, q in zip(a.double().numpy(), b.double().numpy()):
        for row in range(6):
            for column in range(3):
                u, v = (m[row : row + 11, column : column + 11] for m in (p, q))
                mu, mv = (window * u).sum(), (window * v).sum()
                uu, vv, uv = (
                    (window * (u - mu) ** 2).sum(),
                    (window * (v - mv) ** 2).sum(),
                    (window * (u - mu) * (v - mv)).sum(),
                )
                values.append(
                    (2 * mu * mv + 1e-4)
                    * (2 * uv + 9e-4)
                    / ((mu**2 + mv**2 + 1e-4) * (uu + vv + 9e-4))
                )
    assert ssim(a, b) == pytest.approx(np.mean(values), abs=1e-4) and ssim(a, a) == pytest.approx(
        1
    )
    with pytest.raises(ValueError, match="one size"):
        ssim(a, b[:, 1:])


def test_a_film_ends_where_the_pair_does():
    images, points, visible = levels.sequence(4, 64)
    assert (
        images.shape == (levels.FRAMES, 3, 64, 64)
        and points.shape[0] == levels.FRAMES
        and visible[0].all()
    )
    torch.testing.assert_close(images[-1], renders.pair(4, 1, 64).after)


def test_latents_at_a_level_are_noisy_images_or_inversions():
    model = load("lion-diffusion", device="cpu")
    images = levels.sequence(4, 64)[0][:3]
    noisy = levels.latents(model, images, noisy=True)
    clean = F.pixel_unshuffle(2 * images - 1, 2)
    a = model.schedule.alphas[35]
    noise = (noisy[35] - a.sqrt() * clean) / (1 - a).sqrt()
    torch.testing.assert_close(noise[0], noise[2], atol=1e-4, rtol=0)  # the same in every frame
    inverted = levels.latents(model, images, noisy=False)
    torch.testing.assert_close(
        inverted[10][1], model.walk(clean[1:2], 0, 10)[0], atol=1e-4, rtol=1e-4
    )


def test_the_lions_are_none_of_the_training_images(monkeypatch, tmp_path):
    learnt = json.loads((DATA / "lion-diffusion.json").read_text())["settings"]["images"]
    # as a training image's first latent is drawn
    assert np.array_equal(lions.z_of(7), np.random.RandomState(7).randn(2, 22)[0])
    asked = []
    monkeypatch.setattr(
        diffusion, "run", lambda seeds, *_: asked.append(seeds) or pd.read_csv(diffusion.RESULTS)
    )
    diffusion.main(["--out", str(tmp_path), "--pairs", "3"])
    assert asked == [range(renders.FIRST, renders.FIRST + 3)] and learnt < renders.FIRST


@pytest.fixture
def here(monkeypatch):
    """The workers are threads of this process."""
    monkeypatch.setattr(
        diffusion, "ProcessPoolExecutor", lambda workers, mp_context: ThreadPoolExecutor(workers)
    )


def a_row(seed: int, method: str = "DragDiffusion", **more) -> dict:
    return {
        "task": f"lion {seed}",
        "method": method,
        "seed": seed,
        "budget": 20,
        "count": 5,
        "handles": 5,
        "arrived": 1,
        "steps": 9,
        "seconds": 1.0,
    } | more


def test_the_first_lions_get_one_landmark_and_lora_too(here, monkeypatch, tmp_path):
    monkeypatch.setattr(diffusion, "ONE", 1), monkeypatch.setattr(diffusion, "LEARNT", 2)
    made = {}
    monkeypatch.setattr(
        diffusion,
        "measure",
        lambda seed, counts, lora: made.update({seed: (counts, lora)}) or [a_row(seed)],
    )
    # there already, and another run's
    (tmp_path / "drags.jsonl").write_text(
        json.dumps([a_row(11)]) + "\n" + json.dumps([a_row(99)]) + "\n"
    )
    results = diffusion.run(range(10, 14), tmp_path / "drags.jsonl", workers=1)
    assert made == {10: ((5, 1), True), 12: ((5,), False), 13: ((5,), False)} and sorted(
        results["seed"]
    ) == [10, 11, 12, 13]


def test_a_lion_that_raises_is_kept_with_its_error_and_the_others_go_on(
    here, monkeypatch, tmp_path
):
    def rows(seed, counts, lora):
        for method in diffusion.METHODS:
            yield a_row(
                seed,
                method,
                mean_distance=2.0,
                psnr=20.0,
                ssim=0.5,
                change_outside=1.0,
                error=None,
            )
        if seed == 11:
            raise FloatingPointError("the loss is nan")

    threads = torch.get_num_threads()
    monkeypatch.setattr(diffusion, "_rows", rows)
    results = diffusion.run(range(10, 13), tmp_path / "drags.jsonl", workers=1)
    torch.set_num_threads(threads)
    assert sorted(results["seed"]) == [10, 10, 11, 11, 11, 12, 12]
    failed = results[results["method"] == "failed"]
    assert failed["error"].tolist() == ["FloatingPointError: the loss is nan"] and failed[
        "seed"
    ].tolist() == [11]
    # it is not tried again
    assert diffusion.run(range(10, 13), tmp_path / "drags.jsonl", workers=1)["error"].count() == 1
    assert "failed |" in diffusion.report(results) and "failed |" not in diffusion.report(
        results[results["seed"] != 11]
    )


@pytest.mark.slow
def test_a_lion_is_dragged_by_every_method_and_a_stopped_run_goes_on(monkeypatch, tmp_path):
    monkeypatch.setattr(diffusion, "BUDGETS", (1, 2))
    rows = diffusion.measure(3, lora=False)
    results = pd.DataFrame(rows)
    assert set(results["method"]) == {
        "not dragged",
        "the target itself",
        *(m + s for m in diffusion.METHODS for s in ("", ", no control")),
    }
    assert (
        results.groupby("method").size()["DragDiffusion"] == 2
        and (results.loc[results["budget"] == 1, "steps"] == 1).all()
    )
    assert not results.duplicated(["task", "method"]).any()
    out = tmp_path / "drags.jsonl"
    out.write_text(json.dumps(rows) + "\n" + json.dumps(rows)[:100])  # one lion, and a torn line
    again = diffusion.run(range(3, 4), out, workers=1)
    assert again["mean_distance"].tolist() == results["mean_distance"].tolist()
    assert len(out.read_text().splitlines()) == 1 and "Five landmarks" in diffusion.report(again)
