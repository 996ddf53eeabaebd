"""A diffusion model is dragged as it is published: the road, the opened UNet, the shared
attention, the LoRA, the losses on a grid.
"""

import copy
import inspect
import json
import math
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file
from torch.nn import functional as F

import dragkit as dk
from dragkit import Edit, View, always
from dragkit.loop import drag
from dragkit.losses import MaskLoss, ShiftedPatchLoss
from dragkit.methods import dragdiffusion, draggan, stabledrag
from dragkit.models import zoo
from dragkit.models.diffusion import denoiser
from dragkit.models.diffusion.ddim import ddim_schedule
from dragkit.models.diffusion.lora import Lora
from dragkit.models.diffusion.model import Diffusion
from dragkit.models.diffusion.pixel_unet import SCHEDULE, decode, encode, network, pixel_schedule
from dragkit.models.diffusion.unet import self_attentions, shared_attention, stages
from dragkit.models.image_metrics import psnr
from dragkit.placement import near_sizes
from dragkit.runs.retrack import retrack
from dragkit.runs.session import Session
from dragkit.trackers import Discriminative, NearestNeighbor

diffusers = pytest.importorskip("diffusers")
pytest.importorskip("peft")

SIDE, LAYERS = 16, 4  # of the tiny model: its images, and its self-attention layers
SD = {
    "beta_schedule": "scaled_linear",
    "beta_start": 0.00085,
    "beta_end": 0.012,
    "clip_sample": False,
    "set_alpha_to_one": False,
    "steps_offset": 1,
}


def tiny_unet(seed: int = 0):
    torch.manual_seed(seed)
    unet = diffusers.UNet2DModel(
        in_channels=12,
        out_channels=12,
        sample_size=8,
        block_out_channels=(8, 16),
        layers_per_block=1,
        norm_num_groups=4,
        attention_head_dim=4,
        down_block_types=("DownBlock2D", "AttnDownBlock2D"),
        up_block_types=("AttnUpBlock2D", "UpBlock2D"),
    )
    return unet.eval().requires_grad_(False)


def schedule(prediction: str = "v_prediction", **changes):
    return diffusers.DDIMScheduler(**SCHEDULE | {"prediction_type": prediction} | changes)


def tiny(prediction: str = "v_prediction", steps: int = 10, unet=None, **settings) -> Diffusion:
    """A small random diffusion model for images of 16 px, whose latents are (12 8 8)."""
    return Diffusion(
        unet or tiny_unet(),
        ddim_schedule(schedule(prediction), steps),
        encode,
        decode,
        (SIDE, SIDE),
        2,
        "tiny",
        **settings,
    )


def latent(seed: int = 1) -> torch.Tensor:
    return torch.randn(12, 8, 8, generator=torch.Generator().manual_seed(seed))


def image(seed: int = 1) -> torch.Tensor:
    return torch.rand(3, SIDE, SIDE, generator=torch.Generator().manual_seed(seed))


def calls(module) -> list:
    """Grows by one whenever the module runs."""
    seen = []
    module.register_forward_hook(lambda *_: seen.append(1))
    return seen


def predicting(monkeypatch, rule) -> None:
    """Every model's network predicts `rule(z, t)`."""
    monkeypatch.setattr(
        denoiser, "stages", lambda unet, z, t, text, added: iter([z, z, z, rule(z, t)])
    )


# The UNet, opened


def test_the_stages_end_in_what_the_unet_predicts():
    for unet, z in ((tiny_unet(), latent()[None]), (network().eval(), torch.randn(2, 12, 16, 16))):
        t = torch.tensor([681])
        with torch.no_grad():
            *_, last = stages(unet, z, t)
            predicted = unet(z, t)
            assert torch.equal(last, getattr(predicted, "sample", predicted))


def test_a_stage_is_what_that_block_made():
    unet, z, t = tiny_unet(), latent()[None], torch.tensor([5])
    made = []
    for block in (unet.mid_block, *unet.up_blocks):
        block.register_forward_hook(lambda _m, _i, out: made.append(out))
    unet(z, t)
    for wanted, stage in zip(made[:], stages(unet, z, t)):
        assert torch.equal(stage, wanted)
    assert [m.shape for m in made[:3]] == [(1, 16, 4, 4), (1, 16, 8, 8), (1, 8, 8, 8)]


def test_whoever_stops_early_does_not_pay_for_the_rest():
    unet = tiny_unet()
    first, second, last = calls(unet.up_blocks[0]), calls(unet.up_blocks[1]), calls(unet.conv_out)
    run = stages(unet, latent()[None], torch.tensor([5]))
    next(run), next(run)
    assert (len(first), len(second), len(last)) == (1, 0, 0)


def test_self_attentions_come_in_the_images_order():
    unet, met = tiny_unet(), []
    layers = self_attentions(unet)
    for layer in layers:
        layer.register_forward_hook(lambda module, *_: met.append(module))
    unet(latent()[None], 5)
    assert met == layers and len(layers) == LAYERS
    assert len(self_attentions(network())) == 7  # the bundled one's


# The road


@pytest.mark.parametrize("prediction", ["epsilon", "v_prediction"])
@pytest.mark.parametrize("numbers", [SCHEDULE, SD], ids=["ours", "Stable Diffusion's"])
def test_every_step_is_that_of_diffusers(prediction, numbers):
    down = diffusers.DDIMScheduler(**numbers | {"prediction_type": prediction})
    up = diffusers.DDIMInverseScheduler.from_config(down.config)
    way = ddim_schedule(down, 50)
    down.set_timesteps(50), up.set_timesteps(50)
    z, predicted = torch.randn(2, 1, 4, 5, 5)
    for level in range(1, 51):
        t = int(way.times[level])
        torch.testing.assert_close(
            way.denoise_step(z, predicted, level, level - 1),
            down.step(predicted, t, z, eta=0).prev_sample,
            atol=1e-5,
            rtol=1e-4,
        )
        # for velocities diffusers reads ε̂ at the level that the network was not told
        if prediction == "epsilon":
            torch.testing.assert_close(
                way.inversion_step(z, z, predicted, level - 1, level),
                up.step(predicted, t, z).prev_sample,
                atol=1e-5,
                rtol=1e-4,
            )


@pytest.mark.parametrize("prediction", ["epsilon", "v_prediction"])
def test_a_step_up_that_knew_where_it_leads_is_undone_by_the_step_down(prediction):
    way = ddim_schedule(schedule(prediction), 20)
    above, predicted = torch.randn(2, 1, 4, 5, 5)
    below = way.denoise_step(above, predicted, 14, 13)
    torch.testing.assert_close(
        way.inversion_step(below, above, predicted, 13, 14), above, atol=1e-5, rtol=1e-4
    )


def test_the_times_of_the_road_are_those_of_dragdiffusion():
    way = ddim_schedule(diffusers.DDIMScheduler(**SD), 50)
    assert (
        way.times[1:].tolist() == list(range(1, 1000, 20))
        and way.times[0] == 1
        and way.steps == 50
    )
    assert way.times[35] == 681
    betas = np.linspace(0.00085**0.5, 0.012**0.5, 1000) ** 2
    share = np.cumprod(1 - betas)
    assert way.alphas[[0, 1, 35]].tolist() == pytest.approx(
        [share[0], share[1], share[681]], rel=1e-5
    )


def test_noise_that_stays_the_same_leads_up_and_back_to_the_start():
    way = ddim_schedule(schedule("epsilon"), 20)
    z, noise = torch.randn(2, 1, 4, 5, 5)
    up = z
    for level in range(14):
        up = way.inversion_step(up, up, noise, level, level + 1)
    back = up
    for level in range(14, 0, -1):
        back = way.denoise_step(back, noise, level, level - 1)
    x0 = (z - (1 - way.alphas[0]).sqrt() * noise) / way.alphas[0].sqrt()
    torch.testing.assert_close(
        up, way.alphas[14].sqrt() * x0 + (1 - way.alphas[14]).sqrt() * noise
    )
    torch.testing.assert_close(back, z, atol=1e-5, rtol=1e-4)


@pytest.mark.parametrize("prediction", ["epsilon", "v_prediction"])
def test_whoever_knows_the_noise_makes_no_error(prediction):
    way = ddim_schedule(schedule(prediction), 20)
    x0, noise = torch.randn(2, 3, 4, 5, 5)
    level = torch.tensor([1, 9, 20])
    a = torch.tensor([way.alphas[k] for k in (1, 9, 20)])[:, None, None, None]

    def knows(z, t):
        torch.testing.assert_close(z, a**0.5 * x0 + (1 - a) ** 0.5 * noise)
        assert t.tolist() == way.times[level].tolist()
        return (noise if prediction == "epsilon" else a**0.5 * noise - (1 - a) ** 0.5 * x0) + 0.1

    assert way.loss(knows, x0, noise, level).item() == pytest.approx(0.01, rel=1e-3)


def test_what_is_no_road_is_told():
    with pytest.raises(
        ValueError, match="prediction_type is 'sample'; known are 'epsilon' and 'v_prediction'"
    ):
        ddim_schedule(schedule("sample"), 50)
    for steps in (0, 1001, 50.0, "50"):
        with pytest.raises(
            ValueError, match=f"steps is {steps!r}; give a whole number from 1 to 1000"
        ):
            pixel_schedule(steps)


# Sampling and inversion


@pytest.mark.parametrize("prediction", ["epsilon", "v_prediction"])
def test_a_network_that_knows_the_image_samples_it(monkeypatch, prediction):
    wanted = image()
    x0 = encode(wanted)[None]
    model = Diffusion(
        tiny_unet(),
        ddim_schedule(schedule(prediction, set_alpha_to_one=True), 10),
        encode,
        decode,
        (SIDE, SIDE),
        2,
    )
    shares = schedule().alphas_cumprod

    def rule(z, t):
        a = shares[t].view(-1, 1, 1, 1)
        noise = (z - a.sqrt() * x0) / (1 - a).sqrt()
        return noise if prediction == "epsilon" else a.sqrt() * noise - (1 - a).sqrt() * x0

    predicting(monkeypatch, rule)
    z = model.sample(3)
    torch.testing.assert_close(model.finish(z), wanted, atol=1e-4, rtol=0)
    torch.testing.assert_close(model.view(z).image, wanted, atol=1e-4, rtol=0)
    # the image it began with
    random = torch.tensor(np.random.RandomState(3).randn(1, 12, 8, 8), dtype=torch.float32)
    a, last = model.schedule.alphas[model.timestep_index], shares[model.schedule.times[-1]]
    noise = (random - last.sqrt() * x0) / (1 - last).sqrt()
    torch.testing.assert_close(
        z, (a.sqrt() * x0 + (1 - a).sqrt() * noise)[0], atol=1e-4, rtol=1e-4
    )


def test_inversion_asks_at_the_time_of_the_noisier_level(monkeypatch):
    asked = []
    predicting(monkeypatch, lambda z, t: asked.append(int(t)) or torch.zeros_like(z))
    model = tiny("epsilon", strength=0.5, refine=0)
    z = model.invert(image())
    # no noise: only shrunk
    torch.testing.assert_close(
        z, encode(image()) * (model.schedule.alphas[5] / model.schedule.alphas[0]).sqrt()
    )
    up = asked.copy()
    asked.clear()
    torch.testing.assert_close(model.finish(z), image(), atol=1e-5, rtol=0)
    assert up == [1, 101, 201, 301, 401] and asked == up[::-1]


@pytest.mark.parametrize("prediction", ["epsilon", "v_prediction"])
def test_a_refined_inversion_comes_nearer_to_the_exact_one(monkeypatch, prediction):
    """The exact step solves z' = climb(z, z', ε(z')); every correction comes nearer to it."""
    predicting(monkeypatch, lambda z, t: 0.3 * z)
    models = [tiny(prediction, refine=r) for r in range(4)]
    wrong = [(model.finish(model.invert(image())) - image()).abs().max() for model in models]
    assert all(b < 0.5 * a for a, b in pairwise(wrong)), wrong


def test_noise_that_depends_on_time_alone_is_inverted_exactly(monkeypatch):
    fields = torch.randn(1000, 12, 1, 1)
    predicting(monkeypatch, lambda z, t: fields[t].expand_as(z))
    found = dk.invert(tiny("epsilon"), image())
    assert found.psnr > 80 and torch.equal(found.target, image())
    torch.testing.assert_close(found.image, image(), atol=1e-4, rtol=0)
    assert repr(found) == f"Inversion(tiny, {found.psnr:.1f} dB: DDIM to strength 0.7)"
    assert found.model.notes == {"inversion_psnr": round(found.psnr, 2)} and torch.equal(
        found.model.reference, found.latent
    )


@pytest.mark.slow
def test_the_bundled_model_takes_an_unseen_lion_there_and_back():
    from dragkit.tasks.poses import LIONS
    from dragkit.worlds.lion import Lion

    image = torch.as_tensor(Lion.of_latent(LIONS.z_of(100001), 0.7).render(64).image).float()
    model = dk.load("lion-diffusion", device="cpu")
    found = dk.invert(model, image)
    assert found.psnr > 38 and found.psnr == pytest.approx(psnr(found.image, image), abs=0.5)
    assert (
        found.latent.shape == (12, 32, 32)
        and model.timestep_index == 35
        and model.first_shared_layer == 4
    )


def test_the_same_seed_samples_the_same():
    model = tiny()
    assert torch.equal(model.sample(1), model.sample(1)) and not torch.equal(
        model.sample(1), model.sample(2)
    )
    assert model.sample(1).shape == (12, 8, 8)


def test_folding_loses_nothing_and_channels_are_neighbouring_pixels():
    pixels = image()
    torch.testing.assert_close(decode(encode(pixels)), pixels)
    assert torch.equal(
        encode(pixels)[:5, 3, 5],
        2 * pixels[[0, 0, 0, 0, 1], [6, 6, 7, 7, 6], [10, 11, 10, 11, 10]] - 1,
    )


# One look


@pytest.mark.parametrize("prediction", ["epsilon", "v_prediction"])
def test_the_anchor_is_diffusers_step_down_and_the_image_its_x0(prediction):
    model, z = tiny(prediction), latent()
    ddim = schedule(prediction)
    ddim.set_timesteps(10)
    t = ddim.timesteps[3]  # level 7 of 10
    expected = ddim.step(model.unet(z[None], t).sample, t, z[None])
    view = model.view(z)
    torch.testing.assert_close(view.anchor, expected.prev_sample[0], atol=1e-5, rtol=1e-4)
    torch.testing.assert_close(
        view.image, decode(expected.pred_original_sample)[0], atol=1e-5, rtol=1e-4
    )
    assert model.timestep_index == 7 and view.features.shape == (8, 8, 8)


def test_the_rest_of_the_network_runs_only_when_asked_and_once():
    model = tiny(feature_block=1)
    middle, late, last = (
        calls(model.unet.mid_block),
        calls(model.unet.up_blocks[1]),
        calls(model.unet.conv_out),
    )
    view = model.view(latent())
    assert (len(middle), len(late), len(last)) == (1, 0, 0)
    for _ in range(2):
        assert view.anchor is not None and view.image is not None
    assert (len(middle), len(late), len(last)) == (1, 1, 1)


@pytest.mark.parametrize("image_first", [False, True])
def test_features_and_anchor_keep_their_gradient_whoever_looks_first(image_first):
    """Against the gradient through the closed UNet and diffusers' step."""
    model, z, same = (
        tiny("epsilon", feature_block=1),
        latent().requires_grad_(),
        latent().requires_grad_(),
    )
    view = model.view(z)
    if image_first:
        assert not view.image.requires_grad
    (view.features.square().mean() + view.anchor.square().sum()).backward()

    ddim, made = schedule("epsilon"), []
    ddim.set_timesteps(10)
    model.unet.up_blocks[0].register_forward_hook(lambda _m, _i, out: made.append(out))
    t = ddim.timesteps[3]
    below = ddim.step(model.unet(same[None], t).sample, t, same[None]).prev_sample
    (made[0].square().mean() + below.square().sum()).backward()
    torch.testing.assert_close(z.grad, same.grad, atol=1e-4, rtol=1e-4)


def test_without_gradients_there_are_none():
    with torch.no_grad():
        view = tiny().view(latent())
    assert not view.features.requires_grad and not view.anchor.requires_grad


# The original's attention


class Mutual:
    """softmax(Q₂ K₁ᵀ / √c) V₁ for a pair, written out; a processor of diffusers."""

    def __call__(self, attn, x, *_, **__):
        y = attn.group_norm(x.flatten(2)).transpose(1, 2)
        q, k, v = (
            f(y).unflatten(2, (attn.heads, -1)).transpose(1, 2)
            for f in (attn.to_q, attn.to_k, attn.to_v)
        )
        weights = torch.softmax(q @ k[:1].transpose(2, 3) / math.sqrt(q.shape[-1]), -1)
        out = attn.to_out[0]((weights @ v[:1]).transpose(1, 2).flatten(2))
        return (out.transpose(1, 2).reshape(x.shape) + x) / attn.rescale_output_factor


@pytest.mark.parametrize(
    "start_layer, start_step", [(0, 0), (2, 0), (None, 0), (1, 3), (LAYERS, 0), (0, 7)]
)
def test_finish_shares_attention_from_that_layer_and_step_on(start_layer, start_step):
    model = tiny(start_layer=start_layer, start_step=start_step)
    original, edited = latent(), latent(2)
    plain, mutual = copy.deepcopy(model.unet), copy.deepcopy(model.unet)
    # 10/16 of 4 is 2.5, which rounds to the even 2
    for layer in self_attentions(mutual)[2 if start_layer is None else start_layer :]:
        layer.processor = Mutual()
    ddim, z = schedule(), torch.stack([original, edited])
    ddim.set_timesteps(10)
    for done, t in enumerate(ddim.timesteps[3:]):
        z = ddim.step(
            (mutual if done >= start_step else plain)(z, t).sample.detach(), t, z
        ).prev_sample
    shared = model.with_reference(original).finish(edited)
    torch.testing.assert_close(shared, decode(z)[1], atol=1e-4, rtol=0)
    alone = model.finish(edited)
    nothing = start_layer == LAYERS or start_step > 6
    assert ((shared - alone).abs().max() < 1e-5) == nothing


@pytest.mark.parametrize("prediction", ["epsilon", "v_prediction"])
def test_fresh_noise_is_ddim_with_eta_1(prediction):
    """Against diffusers, which is given the same noise."""
    model = tiny(prediction, fresh_noise=3)
    ddim, z = schedule(prediction), latent()[None]
    ddim.set_timesteps(10)
    for index, t in zip(range(7, 0, -1), ddim.timesteps[3:]):
        noise = torch.randn(z.shape, generator=torch.Generator().manual_seed(index))
        eta = float(1 < index <= 3)  # the last step has nothing to add to
        predicted = model.unet(z, t).sample.detach()
        z = ddim.step(predicted, t, z, eta=eta, variance_noise=noise).prev_sample
    torch.testing.assert_close(model.finish(latent()), decode(z)[0], atol=1e-4, rtol=0)


def test_fresh_noise_spares_the_original_and_is_always_the_same():
    original, edited = latent(), latent(2)
    model = tiny(start_layer=0, fresh_noise=7).with_reference(original)
    pair = torch.stack([original, edited])
    kept, changed = model.follow_trajectory(pair, 7, 0, fresh_noise=7)
    assert torch.equal(kept, model.follow_trajectory(pair, 7, 0)[0])
    assert not torch.equal(changed, model.follow_trajectory(pair, 7, 0)[1])
    assert torch.equal(model.finish(edited), model.finish(edited))


def test_what_was_not_dragged_comes_back_as_it_was():
    model, z = tiny(start_layer=0), latent()
    torch.testing.assert_close(
        model.with_reference(z).finish(z), model.finish(z), atol=1e-5, rtol=0
    )


def test_the_reference_is_a_copy():
    z = latent()
    model = tiny().with_reference(z)
    z.zero_()
    assert torch.equal(model.reference, latent())


@pytest.mark.parametrize("broken", [False, True])
def test_no_hook_stays_behind(broken):
    unet = tiny_unet()
    try:
        with shared_attention(unet, 1):
            assert sum(len(m._forward_hooks) for m in unet.modules()) == 2 * (LAYERS - 1)
            if broken:
                raise RuntimeError
    except RuntimeError:
        pass
    assert not any(m._forward_hooks for m in unet.modules())


# LoRA


def test_a_lora_changes_nothing_at_first():
    model = tiny()
    learner = Lora(model, image(), rank=4)
    assert len(learner.weights) == LAYERS * 4 * 2  # q, k, v and out of each, A and B
    before, after = model.unet.state_dict(), learner.model().unet.state_dict()
    assert before.keys() == after.keys() and all(
        torch.equal(before[name], after[name]) for name in before
    )
    z, t = latent()[None], torch.tensor([681])
    torch.testing.assert_close(learner.unet(z, t).sample, model.unet(z, t).sample)


def test_a_lora_learns_its_image_and_is_w_plus_ba():
    model, target = tiny(), image()
    before = copy.deepcopy(model.unet.state_dict())
    learner = Lora(model, target, rank=4, lr=1e-2)

    def error(m):
        x0, noise = (
            encode(target).expand(40, -1, -1, -1),
            torch.randn(40, 12, 8, 8, generator=torch.Generator().manual_seed(9)),
        )
        with torch.no_grad():
            return m.schedule.loss(
                lambda z, t: m.unet(z, t).sample, x0, noise, torch.arange(40) % 10 + 1
            ).item()

    for _ in range(40):
        learner.step()
    corrected = learner.model()
    assert error(corrected) < 0.95 * error(model)
    assert all(torch.equal(before[name], value) for name, value in model.unet.state_dict().items())
    weights = {name.replace(".default.weight", ""): w for name, w in learner.weights.items()}
    path = next(name for name in weights if name.endswith("to_q.lora_A")).removesuffix(".lora_A")
    expected = before[f"{path}.weight"] + weights[f"{path}.lora_B"] @ weights[f"{path}.lora_A"]
    torch.testing.assert_close(corrected.unet.state_dict()[f"{path}.weight"], expected)
    assert not torch.equal(expected, before[f"{path}.weight"])
    assert corrected.notes == {"lora": "rank 4, 40 steps"} and not model.notes
    assert not any(p.requires_grad for p in corrected.unet.parameters())


def same_weights(a: Diffusion, b: Diffusion) -> bool:
    return all(
        torch.equal(x, y)
        for x, y in zip(a.unet.state_dict().values(), b.unet.state_dict().values(), strict=True)
    )


def test_a_lora_that_was_saved_is_the_same_bit_for_bit(tmp_path):
    model, file = tiny(), tmp_path / "of" / "mine.safetensors"
    settings = {"rank": 3, "steps": 4, "lr": 1e-2, "file": file}
    learned = dk.lora(model, image(), **settings)
    written = file.stat().st_mtime_ns
    again = dk.lora(model, image(), **settings)  # it is there already
    assert same_weights(learned, again) and not same_weights(learned, model)
    assert (
        again.notes == learned.notes == {"lora": "rank 3, 4 steps"}
        and file.stat().st_mtime_ns == written
    )
    # and learning is repeatable
    assert same_weights(learned, dk.lora(model, image(), **settings | {"file": None}))
    more = dk.lora(model, image(), **settings | {"steps": 6})  # it goes on
    assert more.notes == {"lora": "rank 3, 6 steps"} and not same_weights(more, learned)
    assert same_weights(more, dk.lora(model, image(), **settings | {"steps": 6}))
    with pytest.raises(ValueError, match="LoRA of another rank"):
        dk.lora(model, image(), **settings | {"rank": 2})
    for name in (tmp_path, tmp_path / "mine.pt"):
        with pytest.raises(ValueError, match="give the name of a file that ends in .safetensors"):
            dk.lora(model, image(), steps=10**9, file=name)


def test_a_lora_that_is_not_finite_is_not_saved(tmp_path):
    model = tiny()
    file = tmp_path / "l.safetensors"
    settings = {"rank": 2, "file": file}
    dk.lora(model, image(), steps=1, **settings)
    before = file.read_bytes()
    with pytest.raises(ValueError, match="lr is 1e\\+30; give a number above 0 and up to 1"):
        dk.lora(model, image(), steps=3, lr=1e30, **settings)

    learner = Lora(model, image(), rank=2)
    with torch.no_grad():
        next(iter(learner.weights.values())).fill_(float("inf"))
    for use in (learner.model, lambda: learner.save(file)):
        with pytest.raises(FloatingPointError, match="the LoRA is not finite after 0 steps"):
            use()
    assert file.read_bytes() == before


def test_a_lora_of_something_else_is_refused(tmp_path):
    model, file = tiny(), tmp_path / "mine.safetensors"
    dk.lora(model, image(), rank=2, steps=1, file=file)
    with pytest.raises(
        ValueError,
        match="mine.safetensors is a LoRA of another image; choose another file, or remove",
    ):
        dk.lora(model, image(2), rank=2, file=file)
    with pytest.raises(ValueError, match="is a LoRA of another network"):
        dk.lora(tiny(unet=tiny_unet(1)), image(), rank=2, file=file)
    save_file({"a": torch.zeros(1)}, tmp_path / "other.safetensors")
    with pytest.raises(ValueError, match="other.safetensors is a LoRA of another network"):
        dk.lora(model, image(), file=tmp_path / "other.safetensors")
    for content in (b"", b"not safe, no tensors", b"\x80\x04K\x00."):
        (tmp_path / "broken.safetensors").write_bytes(content)
        with pytest.raises(
            ValueError,
            match=r"broken.safetensors is (empty|not|a )",
        ):
            dk.lora(model, image(), file=tmp_path / "broken.safetensors")


def with_a_huge_tensor(file, target, name):
    """The file, but one tensor is of a billion numbers, which are a hole behind the others."""
    whole = file.read_bytes()
    length = int.from_bytes(whole[:8], "little")
    header = json.loads(whole[8 : 8 + length])
    last = len(whole) - 8 - length
    header[name] |= {"shape": [10**9], "data_offsets": [last, last + 4 * 10**9]}
    encoded = json.dumps(header).encode()
    target.write_bytes(len(encoded).to_bytes(8, "little") + encoded + whole[8 + length :])
    with target.open("r+b") as opened:
        opened.truncate(8 + len(encoded) + last + 4 * 10**9)


def test_files_of_huge_tensors_are_refused_before_they_are_read(monkeypatch, tmp_path):
    lora, huge = tmp_path / "lora.safetensors", tmp_path / "huge.safetensors"
    dk.lora(tiny(), image(), rank=2, steps=1, file=lora)
    with safe_open(lora, "pt") as opened:
        first = min(opened.keys())
    monkeypatch.setattr("safetensors.torch.load_file", None)

    with_a_huge_tensor(lora, huge, first)
    with pytest.raises(ValueError, match="huge.safetensors is not a LoRA .*1000000000"):
        dk.lora(tiny(), image(), rank=2, steps=1, file=huge)
    with_a_huge_tensor(zoo.bundled("lion-diffusion"), huge, "conv_in.weight")
    with pytest.raises(ValueError, match="huge.safetensors does not hold .*1000000000"):
        dk.load(huge)


def test_a_lora_that_speaks_of_no_prompt_belongs_to_a_model_without_a_text(tmp_path):
    """As files were before prompts were kept."""
    file = tmp_path / "mine.safetensors"
    learned = dk.lora(tiny(), image(), rank=2, steps=1, file=file)
    with safe_open(file, "pt") as opened:
        about = {name: value for name, value in opened.metadata().items() if name != "prompt"}
    save_file(load_file(file), file, about)
    assert same_weights(dk.lora(tiny(), image(), rank=2, steps=1, file=file), learned)
    with pytest.raises(ValueError, match="is a LoRA of another prompt"):
        dk.lora(tiny(notes={"prompt": "a lion"}), image(), rank=2, steps=1, file=file)


def test_an_interrupted_lora_keeps_what_it_learnt(monkeypatch, tmp_path, capsys):
    real = Lora.step

    def step(self):
        if self.steps == 2:
            raise KeyboardInterrupt
        return real(self)

    whole = dk.lora(tiny(), image(), rank=2, steps=2)
    monkeypatch.setattr(Lora, "step", step)
    part = dk.lora(tiny(), image(), rank=2, file=tmp_path / "part.safetensors")
    assert same_weights(part, whole) and part.notes["lora"] == "rank 2, 2 steps"
    assert "interrupted: the LoRA is kept as it is after 2 steps" in capsys.readouterr().out
    assert (tmp_path / "part.safetensors").is_file()


def test_learning_leaves_the_callers_random_numbers_alone():
    torch.manual_seed(7)
    expected = torch.rand(3)
    model = tiny()
    torch.manual_seed(7)
    dk.lora(model, image(), rank=2, steps=1)
    assert torch.equal(torch.rand(3), expected)


def test_the_published_lora_is_the_default():
    learner = Lora(tiny(), image())
    group = learner.optimizer.param_groups[0]
    assert (learner.rank, learner.batch, group["lr"], group["betas"], group["weight_decay"]) == (
        16,
        4,
        5e-4,
        (0.9, 0.999),
        1e-2,
    )
    assert (
        type(learner.optimizer) is torch.optim.AdamW
        and inspect.signature(dk.lora).parameters["steps"].default == 80
    )


@pytest.mark.parametrize(
    "setting, message",
    [
        ({"rank": 0}, "rank is 0"),
        ({"batch": 1.5}, "batch is 1.5"),
        ({"lr": -1}, "lr is -1"),
        ({"lr": math.nan}, "lr is nan"),
        ({"steps": 0}, "steps is 0"),
    ],
)
def test_a_lora_that_cannot_be_learnt_is_told(setting, message):
    with pytest.raises(ValueError, match=message):
        dk.lora(tiny(), image(), **setting)


# DragDiffusion and StableDrag-Diff


def test_dragdiffusion_as_in_the_official_code():
    method = dragdiffusion("official")
    motion, mask = method.pop("losses")
    assert method.pop("tracker") == NearestNeighbor(3, norm=1, stride=2)
    assert motion == dk.ShiftedPatchLoss(1, "area", 4.0, shape="square", stride=2)
    assert mask.__dict__ == {"weight": 0.1, "reduction": "cells", "resize": "nearest"}
    assert method == {"lr": 1e-2, "steps": 80, "arrive": 4.0, "trust": always}


def test_the_small_profile_differs_in_what_it_says():
    small, official = dragdiffusion(), dragdiffusion("official")
    assert small["arrive"] == small["losses"][0].skip == 1 and small["losses"][1].resize == "area"
    assert all(small[key] == official[key] for key in ("lr", "steps", "trust"))
    assert small["tracker"] == NearestNeighbor(3, norm=1, stride=1)
    with pytest.raises(
        ValueError, match='unknown profile \'paper\'; choose "small" or "official"'
    ):
        dragdiffusion("paper")


class Grid:
    """A smooth linear model whose features lie on the official code's grid, half the image's
    side.
    """

    def __init__(self, side: int = 128) -> None:
        self.size = side, side
        self.mix = torch.randn(6, 4, generator=torch.Generator().manual_seed(5))

    def features(self, z):
        mixed = torch.einsum("cd,dhw->chw", self.mix, z)
        # 16 cells → 64, of 128 px
        return F.interpolate(mixed[None], scale_factor=4, mode="bilinear")[0]

    def view(self, z):
        return View(self.features(z), self.size, lambda: torch.zeros(3, *self.size), z.sin)


def official_drag(model, z, handles, targets, mask, steps, lr):
    """DragDiffusion's `drag_diffusion_update`, without its half precision; points are (row,
    column) on the half-size grid.
    """
    r1, r2 = 1, 3
    start = z.clone()
    f0, h = model.features(start), model.size[0] // 2
    still = 1 - F.interpolate(mask[None, None], start.shape[1:], mode="nearest")[0, 0]
    z = z.clone().requires_grad_()
    adam, points = torch.optim.Adam([z], lr), [p.clone() for p in handles]
    for step in range(steps + 1):
        f1 = model.features(z)
        if step:
            for i, p in enumerate(points):
                r, c = p.long().tolist()
                top, left = max(r - r2, 0), max(c - r2, 0)
                search_centre = f1[:, top : min(r + r2 + 1, h), left : min(c + r2 + 1, h)]
                template = f0[:, int(handles[i][0]), int(handles[i][1])]
                best = int((search_centre - template[:, None, None]).abs().sum(0).argmin())
                points[i] = torch.tensor(
                    [top + best // search_centre.shape[2], left + best % search_centre.shape[2]]
                ).float()
        yield z.detach().clone(), torch.stack(points)
        loss = 0.0
        for p, t in zip(points, targets):
            if (t - p).norm() < 2:
                continue
            d = (t - p) / (t - p).norm()
            r, c = p.long().tolist()
            patch = f1[:, r - r1 : r + r1 + 1, c - r1 : c + r1 + 1].detach()
            rows, columns = (p[k] + d[k] + torch.arange(-r1, r1 + 1) for k in (0, 1))
            y, x = rows.floor().long(), columns.floor().long()
            wy, wx = (rows - y)[:, None], (columns - x)[None]
            ahead = (
                (1 - wy) * (1 - wx) * f1[:, y][:, :, x]
                + (1 - wy) * wx * f1[:, y][:, :, x + 1]
                + wy * (1 - wx) * f1[:, y + 1][:, :, x]
                + wy * wx * f1[:, y + 1][:, :, x + 1]
            )
            loss = loss + (2 * r1 + 1) ** 2 * F.l1_loss(patch, ahead)
        loss = loss + 0.1 * ((z.sin() - start.sin()) * still).abs().sum()
        adam.zero_grad()
        loss.backward()
        adam.step()


def test_a_drag_is_the_official_codes_step_by_step():
    """On its grid of half the image's side, whose cell (r, c) is the place (2 c + 1/2, 2 r +
    1/2) of the image.
    """
    model, z = Grid(), torch.randn(4, 16, 16)
    # the second one is nearer than 2: not pulled
    handles, targets = torch.tensor([[20.0, 30], [41, 12]]), torch.tensor([[33.0, 37], [42, 12]])
    mask = torch.zeros(128, 128)
    mask[30:90, 40:100] = 1
    place = lambda p: 2 * p.flip(-1) + 0.5
    run = drag(
        model,
        z,
        Edit(place(handles), place(targets), mask),
        **dragdiffusion("official") | {"steps": 25, "lr": 0.05},
    )
    moved = 0
    for step, (latent, points) in zip(
        run, official_drag(model, z, handles, targets, mask, 25, 0.05), strict=True
    ):
        torch.testing.assert_close(step.latent, latent, atol=1e-4, rtol=1e-4)
        torch.testing.assert_close(step.points, place(points))
        assert step.arrived.tolist() == [False, True]
        moved = max(moved, (points[0] - handles[0]).abs().max())
    assert moved >= 1  # the tracker had something to find


def test_the_native_map_is_read_as_the_official_code_enlarges_it():
    """A map of 32 cells, read at places of the 128-px image, against the same map brought to 64
    cells.
    """
    features = torch.randn(5, 32, 32)
    large = F.interpolate(features[None], size=(64, 64), mode="bilinear", align_corners=False)[0]
    view, edit = (
        View(features, (128, 128), lambda: None),
        Edit([(60.5, 80.5)], [(60.5, 120.5)]),
    )
    piece = NearestNeighbor(3, norm=1, stride=2)
    track = piece.find(view, piece.start(view, edit), edit.handles + 2)
    r, c = 40, 30  # the handle's cell
    window = large[:, r - 2 : r + 5, c - 2 : c + 5]  # around the cell (r + 1, c + 1)
    torch.testing.assert_close(
        track.scores[0], -(window - large[:, r, c, None, None]).abs().sum(0), atol=1e-4, rtol=1e-4
    )
    assert track.points.tolist() == [[60.5, 80.5]] and track.stride == 2
    motion = dragdiffusion("official")["losses"][0]
    patch = large[:, r - 1 : r + 3, c - 1 : c + 2]
    # straight down: shifted by one cell
    expected = 9 * (patch[:, 1:] - patch[:, :-1]).abs().mean()
    assert motion(view, track, view, edit).item() == pytest.approx(expected.item(), rel=1e-4)


def test_stabledrag_diff_is_dragdiffusion_with_a_learned_tracker():
    assert stabledrag(base=dragdiffusion) == dragdiffusion() | {
        "tracker": Discriminative(3, label=2, region=24, stride=1),
        "trust": dk.above(0.8),
    }
    official = stabledrag("official", dragdiffusion)
    assert official["arrive"] == 4 and official["tracker"] == Discriminative(
        3, label=1, region=12, stride=2
    )
    assert stabledrag() == draggan() | {"tracker": Discriminative(), "trust": dk.above(0.6)}


# Windows with a stride


@pytest.mark.parametrize(
    "strided, plain",
    [
        (NearestNeighbor(3, stride=2), NearestNeighbor(48)),
        (
            NearestNeighbor(4, norm=1, strict=True, stride=2),
            NearestNeighbor(64, norm=1, strict=True),
        ),
        (Discriminative(3, label=1, region=5, stride=2), Discriminative(48, label=16, region=80)),
        (
            Discriminative(3, label=1, region=5, stride=2, solver="ridge"),
            Discriminative(48, label=16, region=80, solver="ridge"),
        ),
    ],
)
def test_every_second_pixel_is_every_pixel_of_the_half_image(strided, plain):
    """Trackers with a stride of 2 at 64 px against the same radii in pixels at 32 px; near the
    border, too.
    """
    before, now = torch.randn(2, 5, 64, 64)
    now = 0.3 * now + before.roll((2, -4), (1, 2))
    found = []
    for piece, step in ((strided, 2), (plain, 1)):
        maps = (before, now) if step == 2 else (before[:, ::2, ::2], now[:, ::2, ::2])
        first, second = (View(f, tuple(f.shape[1:]), lambda: None) for f in maps)
        edit = Edit(
            [(10 * step, 12 * step), (30 * step, 3 * step)],
            [(10 * step, 20 * step), (28 * step, 3 * step)],
        )
        track = piece.find(second, piece.start(first, edit), edit.handles)
        found.append((track.points / step, track.confidence, track.scores))
        assert track.stride == step
    for a, b in zip(*found):
        torch.testing.assert_close(a, b, equal_nan=True, atol=1e-4, rtol=1e-3)


def test_a_stride_shifts_the_patch_by_as_much():
    """A ramp of slope 1 per pixel: nine places, each 2 px ahead, are wrong by 2 in every one of
    its channels.
    """
    ramp = torch.arange(32.0).expand(3, 32, 32)
    view, edit = View(ramp, (32, 32), lambda: None), Edit([(10, 12)], [(20, 12)])
    track = NearestNeighbor(3, stride=2).find(
        view, NearestNeighbor(3, stride=2).start(view, edit), edit.handles
    )
    value = lambda **settings: ShiftedPatchLoss(1, shape="square", stride=2, **settings)(
        view, track, view, edit
    ).item()
    assert [value(reduction=r) for r in ("mean", "area", "sum")] == pytest.approx(
        [2, 9 * 2, 9 * 3 * 2]
    )
    disc = ShiftedPatchLoss(1, reduction="area", stride=1.5)(view, track, view, edit).item()
    assert disc == pytest.approx(5 * 1.5)


def test_the_official_mask_takes_one_pixel_of_each_cell():
    mask = (torch.rand(32, 32) > 0.5).int()
    a, b = torch.randn(2, 3, 4, 4)
    start, view = (View(f, (32, 32), lambda: None) for f in (a, b))
    edit = Edit([(3, 3)], [(9, 9)], mask)
    corner = mask[::8, ::8]  # where `nearest` looks
    mean = mask.float().unfold(0, 8, 8).unfold(1, 8, 8).mean((2, 3))
    for resize, free in (("nearest", corner), ("area", mean)):
        expected = 0.1 * ((b - a) * (1 - free)).abs().sum()
        assert MaskLoss(0.1, reduction="cells", resize=resize)(
            view, None, start, edit
        ).item() == pytest.approx(expected.item(), rel=1e-5)


@pytest.mark.parametrize(
    "radius, stride, message",
    [
        (1.5, 2, "radius is 1.5; with a stride it counts places"),
        (0, 2, "radius is 0"),
        (1, 0, "stride is 0; give the pixels between neighbours"),
        (1, "2", "stride is '2'"),
        (1, math.inf, "stride is inf"),
    ],
)
def test_windows_that_are_none_are_told(radius, stride, message):
    model, z = Grid(), torch.randn(4, 16, 16)
    for change in (
        {"tracker": NearestNeighbor(radius, stride=stride)},
        {"tracker": Discriminative(radius, region=None, stride=stride)},
        {"losses": [ShiftedPatchLoss(radius, stride=stride)]},
    ):
        with pytest.raises(ValueError, match=message):
            drag(model, z, Edit([(30, 30)], [(60, 30)]), **dragdiffusion() | change)


def test_unknown_ways_to_resize_or_shape_are_told():
    with pytest.raises(ValueError, match="unknown resize 'bicubic'; choose from area, nearest"):
        MaskLoss(resize="bicubic")
    with pytest.raises(ValueError, match="unknown shape 'ring'; choose from disc, square"):
        ShiftedPatchLoss(shape="ring")


# What people call


def test_a_drag_moves_the_latent_and_a_saved_session_remembers_how(tmp_path):
    model = dk.lora(tiny(), image(), rank=2, steps=2)
    found = dk.invert(model, image())
    mask = torch.zeros(SIDE, SIDE)
    mask[:8] = 1
    session = Session(
        found.model, found.latent, Edit([(4, 4)], [(12, 4)], mask), **dragdiffusion("official")
    )
    trace = session.run(2)
    assert (
        len(trace) == 3
        and not torch.equal(trace[-1].latent, found.latent)
        and trace[-1].losses["mask"] > 0
    )
    assert trace[0].image.shape == (SIDE, SIDE, 3) and trace[0].scores.shape == (1, 7, 7)

    text = json.loads(session.save(tmp_path / "run").read_text())
    chosen = {
        "size": [SIDE, SIDE],
        "schedule steps": 10,
        "strength": 0.7,
        "refine": 1,
        "feature_block": 2,
    }
    chosen |= {"guidance": 1, "start_step": 0, "start_layer": None}
    chosen |= {"fresh_noise": 0}
    assert text["metadata"].pop("fingerprint") == found.model.fingerprint
    assert text["metadata"].pop("model") == "tiny"
    assert text["metadata"].pop("image") == "the predicted x̂₀, a preview"
    assert text["metadata"] == chosen | {
        "lora": "rank 2, 2 steps",
        "inversion_psnr": round(found.psnr, 2),
    }
    assert text["model"] == "tiny"
    again = Session.load(tmp_path / "run", found.model, **dragdiffusion("official"))
    assert [frame.step.track.stride for frame in again.trace] == [2, 2, 2]
    assert torch.equal(again.step().latent, session.step().latent)  # it goes on where it was
    plain = Session.load(
        tmp_path / "run", replace(found.model, reference=None), **dragdiffusion("official")
    ).model
    assert torch.equal(plain.reference, found.latent) and plain.notes["inversion_psnr"] == round(
        found.psnr, 2
    )
    for other, told in (
        (tiny(), "lora 'rank 2, 2 steps', this model has None"),
        (replace(found.model, strength=0.5), "strength 0.7, this model has 0.5"),
    ):
        with pytest.raises(
            ValueError, match=f"the run was made with {told}; load the model as it was then"
        ):
            Session.load(tmp_path / "run", other, **dragdiffusion("official"))


def test_latents_of_another_model_are_refused():
    for wrong in (torch.zeros(12, 4, 4), torch.zeros(2, 12, 8, 8), torch.zeros(14, 512)):
        for use in (tiny().view, tiny().finish):
            with pytest.raises(
                ValueError,
                match=r"tiny has latents of shape \(12, 8, 8\), such as model.sample\(7\)",
            ):
                use(wrong)


def test_without_a_mask_the_rest_of_the_unet_never_runs():
    model, mask = tiny(), torch.ones(SIDE, SIDE)
    mask[0] = 0
    ran = calls(model.unet.conv_out)
    for _ in dk.drag(model, latent(), Edit([(4, 4)], [(12, 4)]), **dragdiffusion() | {"steps": 2}):
        pass
    assert len(ran) == 0
    for _ in dk.drag(
        model, latent(), Edit([(4, 4)], [(12, 4)], mask), **dragdiffusion() | {"steps": 2}
    ):
        pass
    assert len(ran) == 4  # the start's and three steps'


@pytest.mark.parametrize("method", [dragdiffusion(), stabledrag(base=dragdiffusion)])
def test_the_same_drag_is_the_same_again(method):
    edit = Edit([(4, 4)], [(12, 4)])
    runs = [
        [step.latent for step in dk.drag(tiny(), latent(), edit, **method | {"steps": 2})]
        for _ in range(2)
    ]
    assert all(torch.equal(a, b) for a, b in zip(*runs)) and not torch.equal(runs[0][2], latent())


@pytest.mark.parametrize(
    "setting, message",
    [
        ({"strength": 0}, r"strength is 0; it lies in \(0, 1\]"),
        ({"strength": 1.5}, "strength is 1.5"),
        ({"strength": "0.7"}, "strength is '0.7'"),
        ({"strength": float("nan")}, "strength is nan"),
        ({"strength": 0.01}, "strength 0.01 of 10 steps is less than a step; take at least 0.1"),
        (
            {"feature_block": 9},
            r"feature_block is 9; this UNet has 0 \(its middle\) and the decoder blocks 1 to 2",
        ),
        ({"guidance": 2}, "guidance is 2, but this model takes no text"),
        ({"guidance": 0.5}, r"guidance is 0.5; give 1 \(none\) or more"),
        (
            {"start_layer": 5},
            r"start_layer is 5; this UNet has 4 self-attention layers, so give 0 to 4 \(none\)",
        ),
        ({"start_step": -1}, "start_step is -1"),
        ({"fresh_noise": 11}, r"fresh_noise is 11; give a timestep index from 0 \(none\) to 10"),
        (
            {"start_step": 8},
            (
                r"start_step is 8; from timestep index 7 there are 7 steps to the image, so give 0"
                r" to 7 \(none\)"
            ),
        ),
        *(
            ({name: True}, f"{name} is True")
            for name in (
                "strength",
                "feature_block",
                "guidance",
                "start_step",
                "start_layer",
                "fresh_noise",
                "refine",
            )
        ),
    ],
)
def test_settings_that_there_are_not_are_told(setting, message):
    with pytest.raises(ValueError, match=message):
        tiny(**setting)


def test_a_size_of_nothing_is_not_advised():
    assert near_sizes((0, 16), 2) == "size=(2, 16)"
    assert near_sizes((17, 16), 2) == "size=(16, 16) or size=(18, 16)"


@pytest.mark.parametrize("size", [(17, 16), (16, 3), (0, 16)])
def test_a_size_that_no_latent_has_is_told(size):
    with pytest.raises(
        ValueError,
        match=r"sides that are multiples of 2 px, .* the nearest are size=\(\d+, \d+\)",
    ):
        Diffusion(tiny_unet(), pixel_schedule(10), encode, decode, size, 2)


def test_what_does_not_fit_a_diffusion_model_is_told():
    model = tiny()
    with pytest.raises(
        ValueError, match=r"the image has shape \(3, 8, 8\); tiny inverts \(3 16 16\)"
    ):
        model.invert(torch.rand(3, 8, 8))
    for setting in ({"steps": 9}, {"lr": 0.1}, {"loss": min}):
        name = next(iter(setting))
        with pytest.raises(
            ValueError, match=f"{name} is not a setting of tiny's inversion, which has: none"
        ):
            dk.invert(model, image(), **setting)
    found = dk.invert(model, np.zeros((30, 40, 3), np.uint8))  # of any size
    with pytest.raises(
        ValueError,
        match=r"tiny cannot be tuned; a diffusion model learns an image by dragkit.lora",
    ):
        dk.tune(found)
    with pytest.raises(
        ValueError, match="'toy' cannot learn an image by a LoRA; give a diffusion model"
    ):
        dk.lora(dk.load("toy"), image())
    with pytest.raises(ValueError, match=r"target 0 at \(16, 4\) is outside the 16×16 image"):
        dk.drag(model, latent(), Edit([(4, 4)], [(16, 4)]), **dragdiffusion())
    with pytest.raises(ValueError, match=r"mask has shape \(8, 8\)"):
        dk.drag(model, latent(), Edit([(4, 4)], [(8, 4)], torch.ones(8, 8)), **dragdiffusion())


@pytest.mark.parametrize("part", ["conv_in", "conv_out"])
def test_too_little_memory_is_told(monkeypatch, part):
    """Where the features are read, or in the rest of the network."""
    model = tiny()

    def full(*_):
        raise torch.OutOfMemoryError("tried to allocate 9 GiB")

    monkeypatch.setattr(getattr(model.unet, part), "forward", full)
    for call in (
        lambda: model.view(latent()).anchor,
        lambda: model.finish(latent()),
        lambda: dk.invert(model, image()),
    ):
        with pytest.raises(
            torch.OutOfMemoryError,
            match=(
                r"tiny needs .* weights take \d+ kB.* latents \(b c h w\) = \(\d, 12, 8, 8\)"
                r".*Lower the size or the feature_block.*cpu.*9 GiB"
            ),
        ):
            call()


@pytest.mark.parametrize(
    "words", ["DefaultCPUAllocator: can't allocate memory", "MPS backend out of memory"]
)
def test_too_little_memory_is_told_on_every_device(monkeypatch, words):
    model = tiny()

    def full(*_):
        raise RuntimeError(words)

    monkeypatch.setattr(model.unet.conv_in, "forward", full)
    with pytest.raises(torch.OutOfMemoryError, match=f"tiny needs more memory.*{words}"):
        model.view(latent())


def test_too_little_memory_for_the_image_is_told_and_other_errors_stay_what_they_are():
    def full(words):
        def decoder(_):
            raise RuntimeError(words)

        return replace(tiny(), decode=decoder)

    with pytest.raises(torch.OutOfMemoryError, match="tiny needs more memory"):
        full("DefaultCPUAllocator: not enough memory").finish(latent())
    with pytest.raises(RuntimeError, match="^shapes do not fit$"):
        full("shapes do not fit").finish(latent())


class Interrupted:
    """A model's network, interrupted at its `at`-th look."""

    def __init__(self, monkeypatch, at: int) -> None:
        self.looks, self.at, self.stages = 0, at, denoiser.stages
        monkeypatch.setattr(denoiser, "stages", self)

    def __call__(self, *arguments):
        self.looks += 1
        if self.looks == self.at:
            raise KeyboardInterrupt
        return self.stages(*arguments)


def test_an_interrupted_inversion_is_one_to_a_lower_strength(monkeypatch):
    model = tiny(refine=0, start_step=5)
    whole = replace(model, strength=0.3, start_step=0).invert(image())
    Interrupted(monkeypatch, 4)  # the way to level 4
    with pytest.warns(
        UserWarning,
        match=r"interrupted at timestep index 3 of 7: kept as an inversion to strength 0\.3",
    ):
        found = dk.invert(model, image())
    assert torch.equal(found.latent, whole) and torch.equal(found.model.reference, whole)
    assert (found.model.strength, found.model.timestep_index, found.model.start_step) == (
        0.3,
        3,
        3,
    )
    assert (
        math.isnan(found.psnr)
        and "PSNR not measured" in repr(found)
        and "inversion_psnr" not in found.model.metadata
    )


def test_an_interrupt_on_the_way_back_keeps_the_whole_inversion(monkeypatch):
    model = tiny(refine=0)
    whole = model.invert(image())
    Interrupted(monkeypatch, 9)
    with pytest.warns(UserWarning, match="the latent is complete, its PSNR is not known"):
        found = dk.invert(model, image())
    assert (
        torch.equal(found.latent, whole) and found.model.strength == 0.7 and math.isnan(found.psnr)
    )


def test_an_interrupt_before_the_first_level_leaves_nothing(monkeypatch):
    Interrupted(monkeypatch, 1)
    with pytest.raises(KeyboardInterrupt):
        dk.invert(tiny(), image())


def test_a_trace_remembers_the_model_without_being_told():
    found = dk.invert(tiny(), image())
    trace = dk.Trace(
        dk.drag(
            found.model, found.latent, Edit([(4, 4)], [(12, 4)]), **dragdiffusion() | {"steps": 1}
        )
    )
    assert trace.metadata == found.model.metadata and trace.metadata["inversion_psnr"] == round(
        found.psnr, 2
    )
    session = Session(found.model, found.latent, Edit([(4, 4)], [(12, 4)]), **dragdiffusion())
    session.run(2)
    assert (
        session.rewind(1).trace.metadata
        == retrack(found.model, session.trace, NearestNeighbor(3, stride=1)).metadata
        == trace.metadata
    )


def test_a_lora_learns_in_the_models_precision():
    half = Lora(tiny(unet=tiny_unet().bfloat16()), image(), rank=2)
    seen = []
    half.unet.mid_block.attentions[0].to_q.register_forward_hook(
        lambda _, __, out: seen.append(out.dtype)
    )
    whole = Lora(tiny(), image(), rank=2).step()
    assert half.step() == pytest.approx(whole, rel=0.05) and seen == [torch.bfloat16]
    assert {weight.dtype for weight in half.weights.values()} == {torch.float32}
    assert half.model().unet.mid_block.attentions[0].to_q.weight.dtype == torch.bfloat16


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_half_precision_is_near_and_the_latent_stays_whole(dtype):
    model, half = tiny(), tiny(unet=tiny_unet().to(dtype))
    a, b = model.view(latent()), half.view(latent())
    assert b.features.dtype == b.anchor.dtype == half.finish(latent()).dtype == torch.float32
    assert 0 < (a.features - b.features).abs().max() < 0.05 * a.features.abs().max()


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
@pytest.mark.parametrize("size", [1, 1e-9])
def test_a_small_gradient_does_not_vanish_in_half_precision(dtype, size):
    gradients = []
    for unet in (tiny_unet(), tiny_unet().to(dtype)):
        z = latent().requires_grad_()
        view = tiny(unet=unet).view(z)
        loss = view.features.square().mean() + view.anchor.square().mean()
        gradients.append(torch.autograd.grad(size * loss, z)[0] / size)
    assert (gradients[0] - gradients[1]).norm() < 0.05 * gradients[0].norm()


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_passes_through_one_view_do_not_spoil_each_other_in_half_precision(dtype):
    """At step 0 the mask term's gradient is all zeros; then a tiny loss, then a huge one."""
    gradients = []
    for unet in (tiny_unet(), tiny_unet().to(dtype)):
        z = latent().requires_grad_()
        view = tiny(unet=unet).view(z)
        features, anchor = view.features, view.anchor
        losses = (
            (anchor - anchor.detach()).abs().sum() + features.mean(),
            1e-6 * features.mean(),
            1e3 * features.square().sum(),
        )
        gradients.append([torch.autograd.grad(x, z, retain_graph=True)[0] for x in losses])
    for whole, half in zip(*gradients, strict=True):
        assert (half - whole).norm() <= 0.05 * whole.norm()
