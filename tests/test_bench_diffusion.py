"""The diffusion benchmarks: their truth is exact, their measures are the formulas, and a stopped run goes on."""

import json

import numpy as np
import pandas as pd
import pytest
import torch
from torch.nn import functional as F

from dragkit.bench import diffusion, levels, renders
from dragkit.bench.metrics import ssim
from dragkit.models import load


def test_a_pair_knows_where_its_landmarks_are_before_and_after():
    pair = renders.pair(3, 5, 64)
    assert pair.before.shape == pair.after.shape == (3, 64, 64) and len(pair.landmarks) == len(pair.edit.handles) == 5
    for picture, points in ((pair.before, pair.edit.handles), (pair.after, pair.edit.targets)):
        error = (renders.read(picture, pair.landmarks) - points).norm(dim=1)
        assert error.mean() < 0.5, error  # the network and the world agree, though it learnt at another size
    assert torch.equal(renders.pair(3, 1, 64).edit.handles, pair.edit.handles[:1])
    moved = (pair.after - pair.before).abs().amax(0) > 0.1
    assert not (moved & (pair.edit.mask == 0)).any()  # what changes lies in the mask


def test_judging_the_answer_itself_finds_it_perfect():
    pair = renders.pair(3, 5, 64)
    right, lazy = diffusion.judge(pair, pair.after), diffusion.judge(pair, pair.before)
    assert right["mean_distance"] < 0.5 < 2 < lazy["mean_distance"]
    assert right["ssim"] == pytest.approx(1) and right["psnr"] > 100 and lazy["change_outside"] == 0


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
                uu, vv, uv = (window * (u - mu) ** 2).sum(), (window * (v - mv) ** 2).sum(), (window * (u - mu) * (v - mv)).sum()
                values.append((2 * mu * mv + 1e-4) * (2 * uv + 9e-4) / ((mu**2 + mv**2 + 1e-4) * (uu + vv + 9e-4)))
    assert ssim(a, b) == pytest.approx(np.mean(values), abs=1e-4) and ssim(a, a) == pytest.approx(1)
    with pytest.raises(ValueError, match="one size"):
        ssim(a, b[:, 1:])


def test_a_film_ends_where_the_pair_does():
    pictures, points, visible = levels.film(4, 64)
    assert pictures.shape == (levels.FRAMES, 3, 64, 64) and points.shape[0] == levels.FRAMES and visible[0].all()
    torch.testing.assert_close(pictures[-1], renders.pair(4, 1, 64).after)


def test_latents_at_a_level_are_noisy_pictures_or_inversions():
    model = load("lion-diffusion", device="cpu")
    pictures = levels.film(4, 64)[0][:3]
    noisy = levels.latents(model, pictures, noisy=True)
    clean = F.pixel_unshuffle(2 * pictures - 1, 2)
    a = model.road.alphas[35]
    noise = (noisy[35] - a.sqrt() * clean) / (1 - a).sqrt()
    torch.testing.assert_close(noise[0], noise[2], atol=1e-4, rtol=0)  # the same in every frame
    inverted = levels.latents(model, pictures, noisy=False)
    torch.testing.assert_close(inverted[10][1], model.walk(clean[1:2], 0, 10)[0], atol=1e-4, rtol=1e-4)


@pytest.mark.slow
def test_a_lion_is_dragged_by_every_method_and_a_stopped_run_goes_on(monkeypatch, tmp_path):
    monkeypatch.setattr(diffusion, "BUDGETS", (1, 2))
    rows = diffusion.measure(3, lora=False)
    results = pd.DataFrame(rows)
    assert set(results["method"]) == {"not dragged", "the target itself", *(m + s for m in diffusion.METHODS for s in ("", ", no control"))}
    assert results.groupby("method").size()["DragDiffusion"] == 2 and (results.loc[results["budget"] == 1, "steps"] == 1).all()
    assert not results.duplicated(["task", "method"]).any()
    out = tmp_path / "drags.jsonl"
    out.write_text(json.dumps(rows) + "\n" + json.dumps(rows)[:100])  # one lion, and a torn line
    again = diffusion.run(range(3, 4), out, workers=1)
    assert again["mean_distance"].tolist() == results["mean_distance"].tolist()
    assert len(out.read_text().splitlines()) == 1 and "Five landmarks" in diffusion.report(again)
