"""An image's latent is found again, and nothing that was given is changed."""

import sys
import types
import warnings

import numpy as np
import pytest
import torch
from PIL import Image
from torch.nn import functional as F

import dragkit as dk
from dragkit import inversion, preview
from dragkit.models import image_metrics
from dragkit.models.gan import inversion as gan_inversion
from dragkit.models.gan import tuning as gan_tuning
from dragkit.models.gan.descent import lr_schedule
from dragkit.models.gan.inversion import covariance_root, search
from dragkit.models.gan.network import Generator
from dragkit.models.gan.state_dict import from_state_dict
from dragkit.models.gan.tuning import tuning
from dragkit.models.image_metrics import multiscale_l1, psnr

quiet = lambda _: None


def model(scale: float = 1.0, **settings):
    """A small random generator of images within 0..1; with `scale` its w is as much longer, and
    its images are the same.
    """
    torch.manual_seed(0)
    state = Generator({4: 16, 8: 16, 16: 8}, 8, 12, 3).state_dict()
    state = {
        name: value / 3 if name.endswith("torgb.weight") else value
        for name, value in state.items()
    }
    for name in ("mapping.fc2.weight", "mapping.fc2.bias", "mapping.w_avg"):
        state[name] = state[name] * scale
    state |= {
        name: value / scale for name, value in state.items() if name.endswith("affine.weight")
    }
    return from_state_dict(state, **settings)


GAN = model()


def last(iterations):
    *_, found = iterations
    return found


def test_a_known_latent_is_found_again():
    target = GAN.finish(GAN.sample(1))
    found = last(search(GAN, target, steps=150))
    start = psnr(GAN.finish(GAN.generator.mapping.w_avg.repeat(6, 1)), target)
    assert found.psnr > start + 12 and found.psnr > 38
    assert found.latent.shape == (6, 12) and not found.latent.requires_grad
    assert found.psnr == pytest.approx(psnr(found.image, target), abs=0.01)
    assert found.model is GAN and torch.equal(found.target, target)


def test_the_best_is_kept_and_the_curves_are_whole():
    for best in search(GAN, GAN.finish(GAN.sample(2)), steps=30, lr=0.5):
        losses, psnrs = best.losses["search"], best.psnrs["search"]
        assert best.psnr == psnrs[int(np.argmin(losses))]
    assert len(losses) == len(psnrs) == 30
    assert list(losses) != sorted(losses, reverse=True)  # a worse one came, and was not kept


def test_the_same_call_finds_the_same():
    target = GAN.finish(GAN.sample(3))
    assert torch.equal(*(last(search(GAN, target, steps=5)).latent for _ in range(2)))


def test_the_length_of_w_does_not_matter():
    """One lr serves generators that publish w at other lengths; the lion's has an eighth."""
    target, short = GAN.finish(GAN.sample(3)), model(1 / 8)
    a, b = last(search(GAN, target, steps=20)), last(search(short, target, steps=20))
    torch.testing.assert_close(short.sample(3), GAN.sample(3) / 8)
    torch.testing.assert_close(b.latent, a.latent / 8, atol=1e-4, rtol=1e-2)


def test_the_spread_is_the_root_of_the_covariance():
    # w̄ is 0
    root, w = (
        covariance_root(GAN),
        torch.stack([GAN.sample(seed)[0] / GAN.truncation for seed in range(1000)]),
    )
    torch.testing.assert_close(root, root.T)
    whitened = torch.linalg.solve(root, w.T)
    assert (whitened @ whitened.T / 1000).diagonal().max() < 1.3
    torch.testing.assert_close((root @ root).trace(), w.square().sum(1).mean(), rtol=0.1, atol=0)


def test_in_w_the_moving_rows_are_one():
    gan = model(space="w", rows=4)
    found = last(search(gan, gan.finish(gan.sample(1)), steps=20))
    assert (found.latent[:4] == found.latent[0]).all() and not torch.equal(
        found.latent[4], found.latent[0]
    )
    assert found.psnr == pytest.approx(psnr(found.image, found.target), abs=0.01)


def test_tuning_gets_nearer_and_leaves_the_given_model_alone():
    gan = model()
    target = gan.finish(gan.sample(1)).flip(1)  # upside down: nothing that it paints
    before = {name: value.clone() for name, value in gan.generator.state_dict().items()}
    found = last(search(gan, target, steps=40))
    tuned = last(tuning(gan, found, steps=40, lr=1e-2))
    assert tuned.psnr > found.psnr + 3 and torch.equal(tuned.latent, found.latent)
    assert tuned.psnr == pytest.approx(psnr(tuned.image, target), abs=0.01)
    after = gan.generator.state_dict()
    assert all(torch.equal(before[name], after[name]) for name in before)
    assert not any(p.requires_grad for m in (gan, tuned.model) for p in m.generator.parameters())
    assert tuned.model is not gan and list(tuned.losses) == ["search", "tuning"]
    assert torch.equal(tuned.model.sample(4), gan.sample(4))  # the mapping stays
    assert (
        repr(tuned)
        == f"Inversion(stylegan2, {tuned.psnr:.1f} dB: search 40 iterations, tuning 40 iterations)"
    )


def test_an_inversion_stays_what_it_was_when_the_tuning_goes_on():
    found = last(search(GAN, torch.rand(3, 16, 16), steps=5))
    run = tuning(GAN, found, steps=9)
    first = next(run)
    image = first.image
    assert torch.equal(image, found.image)  # the first iteration is the pivot itself
    assert last(run).psnr > first.psnr and torch.equal(first.image, image)


def test_what_was_found_can_be_dragged():
    searched = last(search(GAN, GAN.finish(GAN.sample(1)), steps=5))
    found = last(tuning(GAN, searched, steps=3))
    pieces = {"tracker": dk.NearestNeighbor(96), "losses": [dk.ShiftedPatchLoss(48)]}
    *_, step = dk.drag(
        found.model, found.latent, dk.Edit([(5, 6)], [(9, 6)]), **pieces, lr=1e-2, steps=2
    )
    assert not torch.equal(step.latent, found.latent)


# Losses


def test_the_pyramid_is_its_equation():
    a, b = torch.rand(2, 3, 32, 32)
    # 32, 16, 8 px
    scales = [
        F.interpolate(torch.stack([a, b]), scale_factor=1 / 2**s, mode="area") for s in range(3)
    ]
    torch.testing.assert_close(
        multiscale_l1(a, b), torch.stack([(x[0] - x[1]).abs().mean() for x in scales]).mean()
    )
    assert multiscale_l1(a, a) == 0


def test_the_pyramid_feels_a_spot_that_is_out_of_reach():
    """Two squares that do not overlap: plain pixels do not care how far apart they are."""
    spot = lambda x: F.pad(torch.ones(3, 8, 4), (x + 1, 27 - x, 12, 12))
    near, far = (multiscale_l1(spot(4), spot(x)) for x in (8, 24))
    assert (spot(4) - spot(8)).abs().mean() == (spot(4) - spot(24)).abs().mean()
    assert near < far


def test_psnr():
    assert psnr(torch.zeros(3, 4, 4), torch.full((3, 4, 4), 0.1)) == pytest.approx(20)


def test_the_learning_rate_rises_stays_and_falls():
    assert (
        0 < lr_schedule(0) < 0.1
        and lr_schedule(0.05) == lr_schedule(0.5) == 1
        and lr_schedule(0.999) < 0.01
    )


def stand_in(monkeypatch, folder, weights: bool):
    """An `lpips` whose distance is ten times the difference of the means; it must not be asked to
    download.
    """
    made = []

    class LPIPS(torch.nn.Module):
        def __init__(self, net, pnet_rand, verbose):
            super().__init__()
            assert pnet_rand  # or it would download
            made.append(net)
            self.net = torch.nn.Module()
            self.net.slice1 = torch.nn.ModuleDict({"0": torch.nn.Linear(1, 1, bias=False)})

        def forward(self, a, b, normalize):
            assert normalize and a.shape == b.shape == (1, 3, 16, 16)
            return 10 * (a.mean() - b.mean()).abs().reshape(1, 1, 1, 1)

    kind = types.SimpleNamespace(
        IMAGENET1K_V1=types.SimpleNamespace(url="https://x.org/models/alexnet-owt-1.pth")
    )
    monkeypatch.setitem(sys.modules, "lpips", types.SimpleNamespace(LPIPS=LPIPS))
    monkeypatch.setitem(sys.modules, "torchvision", types.ModuleType("torchvision"))
    monkeypatch.setitem(
        sys.modules, "torchvision.models", types.SimpleNamespace(AlexNet_Weights=kind)
    )
    monkeypatch.setattr(torch.hub, "get_dir", lambda: str(folder))
    image_metrics._lpips.cache_clear()
    (folder / "checkpoints").mkdir()
    if weights:
        state = {"features.0.weight": torch.ones(1, 1), "classifier.1.bias": torch.zeros(1)}
        torch.save(state, folder / "checkpoints" / "alexnet-owt-1.pth")
    return made


def test_lpips_joins_where_its_weights_are_on_the_disk(monkeypatch, tmp_path):
    made = stand_in(monkeypatch, tmp_path, weights=True)
    a, b = torch.rand(3, 16, 16), torch.rand(3, 16, 16)
    torch.testing.assert_close(
        image_metrics.perceptual()(a, b), multiscale_l1(a, b) + 10 * (a.mean() - b.mean()).abs()
    )
    assert last(search(GAN, a, steps=2)).losses["search"][0] > 0 and made == ["alex"]


def test_lpips_takes_its_backbone_from_a_file_of_the_users(monkeypatch, tmp_path):
    stand_in(monkeypatch, tmp_path, weights=False)
    file = tmp_path / "mine.pth"
    torch.save({"features.0.weight": torch.full((1, 1), 7.0)}, file)
    distance = image_metrics.lpips_distance(weights=file)
    assert distance(torch.zeros(3, 16, 16), torch.ones(3, 16, 16)) == 10
    assert image_metrics._lpips(file).net.slice1["0"].weight == 7

    torch.save({"layer.weight": torch.zeros(1)}, file)
    image_metrics._lpips.cache_clear()
    with pytest.raises(ValueError, match=r"mine\.pth is not torchvision's AlexNet"):
        image_metrics.lpips_distance(weights=file)


def test_weights_of_lpips_without_the_package_are_refused(monkeypatch, tmp_path):
    monkeypatch.setitem(sys.modules, "lpips", None)
    with pytest.raises(ValueError, match=r"LPIPS needs the package lpips: pip install lpips"):
        image_metrics.lpips_distance(weights=tmp_path / "alexnet.pth")


def test_without_lpips_or_its_weights_there_is_the_pyramid(monkeypatch, tmp_path):
    made = stand_in(monkeypatch, tmp_path, weights=False)
    assert (
        image_metrics.perceptual() is None
        and image_metrics.default_loss("cpu") is image_metrics.multiscale_l1
        and not made
    )
    monkeypatch.setitem(sys.modules, "lpips", None)
    assert image_metrics.perceptual() is None


# What people call


def test_a_file_is_inverted_and_tuned_with_bars(tmp_path, capsys):
    Image.fromarray(np.random.randint(0, 255, (30, 50, 3), np.uint8)).save(tmp_path / "p.png")
    with pytest.warns(
        UserWarning,
        match=(
            r"stylegan2 can probably not make this image: .* only \d+\.\d dB and explains \d+ %"
            r" .* 24 dB and 90 %"
        ),
    ):
        found = dk.invert(GAN, tmp_path / "p.png", fit="pad", steps=6)
    tuned = dk.tune(found, steps=5)
    bars = capsys.readouterr().err
    assert found.target.shape == (3, 16, 16) and tuned.psnr >= found.psnr
    assert "search: 100%" in bars and "tuning: 100%" in bars and f"{found.psnr:.1f} dB" in bars


def test_a_familiar_image_gets_no_warning():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert dk.invert(GAN, GAN.finish(GAN.sample(1)), steps=40).psnr > inversion.FAMILIAR_PSNR


def test_a_flat_image_is_unfamiliar_whatever_its_psnr():
    image = torch.full((3, 16, 16), 0.45)
    with pytest.warns(UserWarning, match="dB and explains 0 % of the image's variance"):
        assert dk.invert(GAN, image, steps=60).psnr > inversion.FAMILIAR_PSNR


@pytest.mark.parametrize("after", [1, 7])
def test_an_interrupt_keeps_the_best_so_far(after, capsys):
    seen = []

    def callback(found):
        seen.append(found)
        if len(seen) == after:
            raise KeyboardInterrupt

    found = dk.invert(GAN, torch.rand(3, 16, 16), callback=callback)
    assert found is seen[-1] and len(found.losses["search"]) == after
    assert f"interrupted after {after} iteration" in capsys.readouterr().out
    seen.clear()
    tuned = dk.tune(found, callback=callback)
    assert tuned is seen[-1] and len(tuned.losses["tuning"]) == after


def test_an_interrupt_before_anything_is_found_is_an_interrupt(monkeypatch):
    def broken(*_, **__):
        raise KeyboardInterrupt
        yield

    monkeypatch.setattr(gan_inversion, "search", broken)
    monkeypatch.setattr(gan_tuning, "tuning", broken)
    with pytest.raises(KeyboardInterrupt):
        dk.invert(GAN, torch.rand(3, 16, 16))
    found = dk.Inversion(GAN, GAN.sample(0), torch.rand(3, 16, 16))
    assert (
        dk.tune(found) is found
        and repr(found) == "Inversion(stylegan2, PSNR not measured: not begun)"
    )


def test_a_notebook_gets_a_live_image(monkeypatch):
    import IPython.display as shown

    updates = []
    handle = types.SimpleNamespace(update=updates.append)
    monkeypatch.setattr(
        shown, "display", lambda image, display_id: updates.append(image) or handle
    )
    monkeypatch.setattr(preview, "_in_notebook", lambda: True)
    monkeypatch.setattr(preview, "PREVIEW_SECONDS", 1e9)
    dk.invert(GAN, GAN.finish(GAN.sample(0)), steps=100)
    # the first and the last, as JPEG
    assert len(updates) == 2 and all(u.data[:2] == b"\xff\xd8" for u in updates)


def test_what_cannot_be_inverted_is_told():
    with pytest.raises(
        ValueError, match="'toy' cannot invert an image; give the model first, a StyleGAN2"
    ):
        dk.invert(dk.load("toy"), np.zeros((8, 8, 3), np.uint8))
    image = torch.rand(3, 16, 16)
    with pytest.raises(
        ValueError, match=r"the target has shape \(3, 8, 8\); stylegan2 makes \(3, 16, 16\)"
    ):
        search(GAN, image[:, :8, :8])
    with pytest.raises(ValueError, match="steps is 0"):
        dk.invert(GAN, image, steps=0)
    for lr in (0, -1, float("nan")):
        with pytest.raises(ValueError, match=f"lr is {lr}"):
            search(GAN, image, lr=lr)
    with pytest.raises(FloatingPointError, match="the loss is .*nan.* at iteration 0"):
        last(search(GAN, image, loss=lambda a, b: (a - b).mean() * float("nan")))
    with pytest.raises(ValueError, match="found is tensor.*; give what dragkit.invert returned"):
        dk.tune(image)


def test_numbers_of_any_library_are_taken_and_functions_are_asked_what_they_take():
    image = GAN.finish(GAN.sample(0))
    found = dk.invert(GAN, image, steps=torch.tensor(1), lr=np.array(0.1))
    tuned = dk.tune(found, steps=torch.tensor(1), lr=torch.tensor(1e-3))
    assert len(tuned.losses["tuning"]) == 1
    for steps in (10**30, torch.tensor(0), True):
        for call in (lambda s: dk.invert(GAN, image, steps=s), lambda s: dk.tune(found, steps=s)):
            with pytest.raises(
                ValueError, match="steps is .*; give a whole number from 1 to 1000"
            ):
                call(steps)
    with pytest.raises(TypeError, match=r"the loss takes \(a\), and is called with \(image"):
        dk.invert(GAN, image, loss=lambda a: a.sum())
    with pytest.raises(TypeError, match=r"the callback takes \(\), and is called with \(found\)"):
        dk.tune(found, callback=lambda: None)


@pytest.mark.parametrize("mode", [torch.no_grad, torch.inference_mode])
def test_an_image_is_inverted_and_tuned_where_gradients_are_switched_off(mode):
    image = GAN.finish(GAN.sample(0))
    usual = dk.tune(dk.invert(GAN, image, steps=3), steps=2)
    with mode():
        again = dk.tune(dk.invert(GAN, image, steps=3), steps=2)
    assert again.losses == usual.losses and torch.equal(again.latent, usual.latent)


# The figure


def test_the_figure_shows_what_was_found():
    found = last(search(GAN, GAN.finish(GAN.sample(0)), steps=8))
    tuned = last(tuning(GAN, found, steps=4))
    figure = dk.plot.inversion(tuned, found)
    target, first, second, difference, curves, _ = figure.axes
    np.testing.assert_allclose(target.images[0].get_array(), found.target.permute(1, 2, 0))
    np.testing.assert_allclose(second.images[0].get_array(), tuned.image.permute(1, 2, 0))
    assert (
        first.get_title() == f"found, {found.psnr:.1f} dB"
        and second.get_title() == f"tuned, {tuned.psnr:.1f} dB"
    )
    expected = ((tuned.image - tuned.target) * 4 + 0.5).clamp(0, 1).permute(1, 2, 0)
    np.testing.assert_allclose(difference.images[0].get_array(), expected, atol=1e-6)
    np.testing.assert_allclose(
        np.concatenate([line.get_ydata() for line in (curves.lines[0], curves.lines[2])]),
        [*tuned.psnrs["search"], *tuned.psnrs["tuning"]],
    )
    assert figure._repr_jpeg_()[:2] == b"\xff\xd8" and len(dk.plot.inversion(found).axes) == 5
    with pytest.raises(ValueError, match="holds no inversion"):
        dk.plot.inversion(GAN)


def test_a_loss_that_does_not_depend_on_the_image_is_told():
    target = GAN.finish(GAN.sample(1))
    with pytest.raises(ValueError, match="does not depend on the image, so nothing can be"):
        dk.invert(GAN, target, steps=2, loss=lambda image, target: torch.tensor(1.0))
