"""The diffusion benchmarks: their truth is exact, their measures are the formulas, and a stopped
run is resumed.
"""

from argparse import Namespace
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import torch
from torch.nn import functional as F

from dragkit.bench.__main__ import main
from dragkit.bench.jobs import run_jobs
from dragkit.bench.metrics import ssim
from dragkit.bench.results_file import read_results
from dragkit.bench.studies import chins, diffusion, diffusion_drags, timesteps
from dragkit.bench.studies.diffusion_drags import painter
from dragkit.loop import drag
from dragkit.methods import dragdiffusion
from dragkit.models.diffusion.inversion import invert
from dragkit.tasks import renders


def test_a_pair_knows_where_its_landmarks_are_before_and_after():
    pair = renders.pair(3, 5, 64)
    assert (
        pair.before.shape == pair.after.shape == (3, 64, 64)
        and len(pair.landmarks) == len(pair.edit.handles) == 5
    )
    for image, points in ((pair.before, pair.edit.handles), (pair.after, pair.edit.targets)):
        error = (renders.read_landmarks(image, pair.landmarks) - points).norm(dim=1)
        # the network and the world agree, though it learned at another size
        assert error.mean() < 0.5, error
    assert torch.equal(renders.pair(3, 1, 64).edit.handles, pair.edit.handles[:1])
    moved = (pair.after - pair.before).abs().amax(0) > 0.1
    assert not (moved & (pair.edit.mask == 0)).any()  # what changes lies in the mask


def test_judging_the_answer_itself_finds_it_perfect():
    pair = renders.pair(3, 5, 64)
    right, lazy = diffusion_drags.judge(pair, pair.after), diffusion_drags.judge(pair, pair.before)
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


def test_a_walk_ends_where_the_pair_does():
    images, points, visible = timesteps.rendered_walk(4, 64)
    assert (
        images.shape == (timesteps.FRAMES, 3, 64, 64)
        and points.shape[0] == timesteps.FRAMES
        and visible[0].all()
    )
    torch.testing.assert_close(images[-1], renders.pair(4, 1, 64).after)


def test_latents_at_a_timestep_are_noisy_images_or_inversions():
    model = diffusion_drags.painter()
    images = timesteps.rendered_walk(4, 64)[0][:3]
    noisy = timesteps.add_noise(model, images)
    clean = F.pixel_unshuffle(2 * images - 1, 2)
    a = model.schedule.alphas[35]
    noise = (noisy[35] - a.sqrt() * clean) / (1 - a).sqrt()
    torch.testing.assert_close(noise[0], noise[2], atol=1e-4, rtol=0)  # the same in every frame
    inverted = timesteps.invert_all(model, images)
    torch.testing.assert_close(
        inverted[10][1], model.follow_trajectory(clean[1:2], 0, 10)[0], atol=1e-4, rtol=1e-4
    )


def test_the_first_lion_is_one_that_no_setting_was_chosen_on(monkeypatch, tmp_path):
    asked = []

    def lion_jobs(seeds):
        asked.append(seeds)
        raise InterruptedError

    monkeypatch.setattr(diffusion, "lion_jobs", lion_jobs)
    with pytest.raises(InterruptedError):
        main(["diffusion", "--out", str(tmp_path), "--pairs", "3"])
    assert asked == [range(renders.FIRST, renders.FIRST + 3)]


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


def test_the_first_lions_get_one_landmark_and_lora_too(monkeypatch, tmp_path):
    monkeypatch.setattr(diffusion, "ONE_LANDMARK", 1)
    monkeypatch.setattr(diffusion, "LORA", 2)
    made = {}

    def measure_lion(seed, counts, lora):
        made[seed] = counts, lora
        return {"rows": [a_row(seed)]}

    monkeypatch.setattr(diffusion, "measure_lion", measure_lion)
    out = tmp_path / "drags.jsonl"
    jobs = diffusion.lion_jobs(range(10, 14))
    run_jobs([jobs[1]], out)  # there already,
    run_jobs(diffusion.lion_jobs(range(99, 100)), out)  # and another run's
    made.clear()
    with ThreadPoolExecutor(1) as pool:
        results = diffusion.measure(Namespace(first=10, pairs=4), out, pool)
    assert made == {10: ((5, 1), True), 12: ((5,), False), 13: ((5,), False)}
    assert sorted(results["seed"]) == [10, 11, 12, 13]


def test_a_lion_that_raises_is_kept_with_its_error_and_the_others_go_on(monkeypatch, tmp_path):
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

    monkeypatch.setattr(diffusion_drags, "lion_rows", rows)
    out = tmp_path / "drags.jsonl"
    with ThreadPoolExecutor(1) as pool:
        results = diffusion.measure(Namespace(first=10, pairs=3), out, pool)
        assert sorted(results["seed"]) == [10, 10, 11, 11, 11, 12, 12]
        failed = results[results["method"] == "failed"]
        assert failed["error"].tolist() == ["FloatingPointError: the loss is nan"]
        assert failed["seed"].tolist() == [11]
        # it is not tried again
        again = diffusion.measure(Namespace(first=10, pairs=3), out, pool)
    assert again["error"].count() == 1
    assert "failed |" in diffusion.report(results)
    assert "failed |" not in diffusion.report(results[results["seed"] != 11])


@pytest.mark.slow
def test_a_lion_is_dragged_by_every_method_and_a_stopped_run_goes_on(monkeypatch, tmp_path):
    for module in (diffusion, diffusion_drags):
        monkeypatch.setattr(module, "BUDGETS", (1, 2))
    monkeypatch.setattr(diffusion, "ONE_LANDMARK", 0)
    monkeypatch.setattr(diffusion, "LORA", 0)
    rows = diffusion_drags.measure_lion(3, (5,), lora=False)["rows"]
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
    with ThreadPoolExecutor(1) as pool:
        diffusion.measure(Namespace(first=3, pairs=1), out, pool)
        whole = out.read_text()
        out.write_text(whole + whole[:100])  # one lion, and a torn line
        again = diffusion.measure(Namespace(first=3, pairs=1), out, pool)
    assert again["mean_distance"].tolist() == results["mean_distance"].tolist()
    assert out.read_text() == whole and len(read_results(out, ["seed"])) == 1
    assert "Five landmarks" in diffusion.report(again)


def test_a_chin_is_pulled_down():
    image, edit = chins.chin_edit(3, 64)
    assert image.shape == (3, 64, 64) and edit.targets[0, 0] == edit.handles[0, 0]
    assert edit.targets[0, 1] == edit.handles[0, 1] + chins.PULL


def test_the_network_loses_more_on_what_it_has_not_seen():
    model = painter()
    image, _ = chins.chin_edit(3, model.size[0])
    noisy = (image + 0.02 * torch.randn(image.shape)).clamp(0, 1)
    assert chins.network_loss(model, noisy) > 1.5 * chins.network_loss(model, image)


def test_the_chins_first_update_is_adams_own_and_the_other_follows_the_gradient():
    z = torch.zeros(2, 3, 3)
    gradient = torch.zeros(2, 3, 3)
    gradient[:, 1, 1] = torch.tensor([3.0, 4.0])
    gradient[0, 0, 0] = 0.01
    adam = chins.update_of("Adam, 0.01", z)(z, gradient)
    torch.testing.assert_close(adam, -0.01 * gradient.sign(), atol=1e-5, rtol=0)
    step = chins.update_of("gradient, 0.3", z)(z, gradient)
    torch.testing.assert_close(step, -0.3 / 5 * gradient)


def test_the_chins_loop_takes_the_steps_of_drag():
    """With Adam it is the package's own loop, so its latent is that of `drag`."""
    model = replace(painter(), strength=0.1)
    image, edit = chins.chin_edit(3, model.size[0])
    found = invert(model, image)
    z, points, steps = chins.pull(found.model, found.latent, edit, "Adam, 0.01")
    *_, last = drag(found.model, found.latent, edit, **dragdiffusion() | {"steps": steps})
    assert last.index == steps
    torch.testing.assert_close(last.latent, z, atol=1e-5, rtol=0)
    torch.testing.assert_close(last.points, points)
