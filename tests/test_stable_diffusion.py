"""A folder with Stable Diffusion: here one with its shape and its numbers, but few channels and
random weights.
"""

import json
import re
import shutil
import socket
from dataclasses import replace

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from safetensors import safe_open
from safetensors.torch import load_file, save_file

import dragkit as dk
from dragkit import Edit
from dragkit.methods import dragdiffusion
from dragkit.models.diffusion.lora import Lora
from dragkit.models.diffusion.unet import self_attentions
from tests.fuzzing import damaged, flipped, many

diffusers = pytest.importorskip("diffusers")
transformers = pytest.importorskip("transformers")

from tests.tiny_pipelines import CHANNELS, NUMBERS, WORDS, write, write_sd  # noqa: E402


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A pipeline as those of Stable Diffusion 1.5 lie on a disk."""
    return write_sd(tmp_path_factory.mktemp("models") / "tiny-sd")


@pytest.fixture(scope="module")
def model(folder):
    """At 64 px, where a step takes milliseconds."""
    return dk.load(folder, device="cpu", prompt="a lion", size=64)


@pytest.fixture
def broken(folder, tmp_path):
    """A copy of the folder, to be damaged."""
    return shutil.copytree(folder, tmp_path / "sd")


def latent(seed: int = 1) -> torch.Tensor:
    return torch.randn(4, 8, 8, generator=torch.Generator().manual_seed(seed))


def hidden(model, words: list[int]) -> torch.Tensor:
    """What the folder's text encoder makes of these tokens (77 c)."""
    encoder = transformers.CLIPTextModel.from_pretrained(model, subfolder="text_encoder").eval()
    ids = torch.tensor([[54, *words, *(55,) * (76 - len(words))]])
    with torch.no_grad():
        return encoder(ids).last_hidden_state[0]


# What Stable Diffusion 1.5 is


def test_the_shapes_are_those_of_stable_diffusion(folder):
    model = dk.load(str(folder), device="cpu")
    assert (model.name, model.size, model.cell, model.feature_block) == (
        "tiny-sd",
        (512, 512),
        8,
        3,
    )
    view = model.view(torch.randn(4, 64, 64))
    assert view.features.shape == (CHANNELS[1], 64, 64)  # 640 × 64 × 64 in the real one
    assert view.anchor.shape == (4, 64, 64) and view.size == (512, 512)


def test_its_attention_layers_and_where_the_originals_begin(model):
    layers = self_attentions(model.unet)
    assert len(layers) == 16 and model.first_shared_layer == 10
    inside = [
        name
        for name, module in model.unet.named_modules()
        if any(module is layer for layer in layers)
    ]
    assert all(name.endswith("attn1") for name in inside)
    names = {module: name for name, module in model.unet.named_modules()}
    assert (
        names[layers[6]].startswith("mid_block")
        and names[layers[9]].startswith("up_blocks.1")
        and names[layers[10]].startswith("up_blocks.2")
    )


def test_its_road(model):
    assert (
        model.schedule.steps == 50
        and model.timestep_index == 35
        and model.schedule.prediction == "epsilon"
    )
    assert model.schedule.times[35] == 1 + 34 * 20 == 681 and model.schedule.times[
        [1, 50]
    ].tolist() == [
        1,
        981,
    ]
    betas = torch.linspace(0.00085**0.5, 0.012**0.5, 1000, dtype=torch.float64) ** 2
    shares = (1 - betas).cumprod(0)
    torch.testing.assert_close(model.schedule.alphas, shares[[0, *range(1, 1000, 20)]].float())


def test_the_stages_end_in_what_the_unet_predicts(model):
    z, t = latent()[None], torch.tensor([681])
    view = model.view(latent())
    made = []
    hook = model.unet.up_blocks[2].register_forward_hook(lambda _m, _i, out: made.append(out[0]))
    with torch.no_grad():
        predicted = model.unet(z, t, model.text[1:]).sample
    hook.remove()
    torch.testing.assert_close(view.features, made[0])
    ddim = diffusers.DDIMScheduler.from_config(NUMBERS)
    ddim.set_timesteps(50)
    torch.testing.assert_close(
        view.anchor, ddim.step(predicted, 681, z).prev_sample[0], atol=1e-5, rtol=1e-4
    )


def test_the_image_goes_through_the_folders_autoencoder(folder, model):
    vae = diffusers.AutoencoderKL.from_pretrained(folder / "vae")
    image = torch.rand(1, 3, 64, 64)
    with torch.no_grad():
        mean = vae.encode(image * 2 - 1).latent_dist.mean
        torch.testing.assert_close(model.encode(image), 0.18215 * mean)
        torch.testing.assert_close(
            model.decode(0.18215 * mean), (vae.decode(mean).sample / 2 + 0.5).clamp(0, 1)
        )
    assert model.encode(image).shape == (1, 4, 8, 8)


# The text


def test_the_prompt_is_read_by_the_folders_tokenizer_and_encoder(folder, model):
    # a</w> li on</w>
    torch.testing.assert_close(
        model.text, torch.stack([hidden(folder, []), hidden(folder, [26, 52, 53])])
    )
    assert model.text.shape == (2, 77, WORDS)


def test_a_prompt_that_is_too_long_is_cut(folder):
    model = dk.load(folder, device="cpu", prompt="a " * 200, size=64)
    torch.testing.assert_close(model.text[1], hidden(folder, [26] * 75))


def test_guidance_joins_the_features_of_both_prompts(folder, model):
    """c = g / (2 g - 1), as in DragDiffusion's code."""
    guided = dk.load(folder, device="cpu", prompt="a lion", size=64, guidance=7.5)
    c = 7.5 / 14
    empty = replace(model, text=model.text[:1].repeat(2, 1, 1)).view(latent()).features
    features = guided.view(latent()).features
    torch.testing.assert_close(
        features,
        torch.cat([(1 - c) * empty, c * model.view(latent()).features]),
        atol=1e-5,
        rtol=1e-4,
    )
    assert features.shape == (2 * CHANNELS[1], 8, 8)


def test_guidance_goes_beyond_the_prompt(model):
    guided = replace(model, guidance=7.5)
    z, t = latent()[None], torch.tensor([681])
    with torch.no_grad():
        empty, prompted = (model.unet(z, t, text[None]).sample for text in model.text)
    ddim = diffusers.DDIMScheduler.from_config(NUMBERS)
    ddim.set_timesteps(50)
    expected = ddim.step(empty + 7.5 * (prompted - empty), 681, z).prev_sample[0]
    torch.testing.assert_close(guided.view(latent()).anchor, expected, atol=1e-4, rtol=1e-3)


@pytest.mark.parametrize("guidance", [1, 7.5])
def test_what_was_not_dragged_comes_back_as_it_was(model, guidance):
    model = replace(model, strength=0.1, guidance=guidance, start_layer=0)
    torch.testing.assert_close(
        model.with_reference(latent()).finish(latent()), model.finish(latent()), atol=1e-4, rtol=0
    )


@pytest.mark.parametrize("guidance", [1, 7.5])
def test_the_originals_keys_and_values_reach_each_prompts_own_copy(model, guidance):
    """Each prompt's pair through the network alone, with the first of the pair's self-attention
    patched in by hand.
    """
    model = replace(model, strength=0.02, guidance=guidance)  # one step
    original, edited = latent(), latent(2)
    t, predicted = model.schedule.times[1], []
    for text in model.text if guidance != 1 else model.text[1:]:
        seen = []
        linears = [
            linear
            for layer in self_attentions(model.unet)[10:]
            for linear in (layer.to_k, layer.to_v)
        ]
        hooks = [
            linear.register_forward_hook(lambda _m, _i, out, seen=seen: seen.append(out))
            for linear in linears
        ]
        with torch.no_grad():
            model.unet(original[None], t, text[None])
            for hook in hooks:
                hook.remove()
            hooks = [
                linear.register_forward_hook(lambda _m, _i, _o, kept=kept: kept)
                for linear, kept in zip(linears, seen)
            ]
            predicted.append(model.unet(edited[None], t, text[None]).sample)
            for hook in hooks:
                hook.remove()
    noise = (
        predicted[0] if guidance == 1 else predicted[0] + guidance * (predicted[1] - predicted[0])
    )
    expected = model.decode(model.schedule.denoise_step(edited[None], noise, 1, 0))[0]
    torch.testing.assert_close(
        model.with_reference(original).finish(edited), expected, atol=1e-4, rtol=0
    )


# Dragging


def test_a_image_is_learnt_inverted_and_dragged(model):
    image = torch.rand(3, 64, 64)
    learned = dk.lora(replace(model, strength=0.1), image, rank=2, steps=2)
    assert learned.notes["lora"] == "rank 2, 2 steps"
    found = dk.invert(learned, image)
    assert found.latent.shape == (4, 8, 8) and found.model.text is model.text
    mask = torch.zeros(64, 64)
    mask[8:40, 8:56] = 1
    *_, last = dk.drag(
        found.model,
        found.latent,
        Edit([(20, 20)], [(44, 20)], mask),
        **dragdiffusion("official") | {"steps": 2},
    )
    assert (
        last.index == 2 and not torch.equal(last.latent, found.latent) and last.losses["mask"] > 0
    )
    assert found.model.finish(last.latent).shape == (3, 64, 64)


def test_a_lora_learns_with_the_prompt(model):
    """The first loss, from the noise and levels that it drew, with diffusers' own way to add
    noise.
    """
    learner, drawn = Lora(model, torch.rand(3, 64, 64), rank=2), []
    for part in (learner.unet.time_proj, learner.unet.conv_in):
        part.register_forward_pre_hook(lambda _, inputs: drawn.append(inputs[0]))
    loss = learner.step()
    (t, z), ddim = drawn, diffusers.DDIMScheduler.from_config(NUMBERS)
    random = torch.Generator().manual_seed(0)
    level, noise = (
        torch.randint(1, 51, (4,), generator=random),
        torch.randn(4, 4, 8, 8, generator=random),
    )
    assert t.tolist() == [1 + 20 * (k - 1) for k in level.tolist()]
    torch.testing.assert_close(z, ddim.add_noise(learner.clean.repeat(4, 1, 1, 1), noise, t))
    with torch.no_grad():
        expected = (
            (model.unet(z, t, model.text[1:].repeat(4, 1, 1)).sample - noise).square().mean()
        )
    assert loss == pytest.approx(expected.item(), rel=1e-4)


def test_nothing_is_downloaded(folder, monkeypatch):
    def refuse(*_, **__):
        raise AssertionError("the network was asked")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    dk.load(folder, device="cpu", size=64)


def test_the_model_is_frozen_and_settings_come_before_the_folders(folder):
    model = dk.load(
        folder, device="cpu", size=64, feature_block=2, strength=0.5, steps=20, name="mine"
    )
    assert (model.name, model.feature_block, model.timestep_index, model.schedule.steps) == (
        "mine",
        2,
        10,
        20,
    )
    assert not model.unet.training and not any(p.requires_grad for p in model.unet.parameters())


# Folders of all kinds


def test_weights_in_half_precision_are_opened(broken, folder):
    """The copies that people have are often so; everything is computed in float32 unless
    `dtype` says otherwise.
    """
    for part, kind in (
        ("unet", diffusers.UNet2DConditionModel),
        ("vae", diffusers.AutoencoderKL),
        ("text_encoder", transformers.CLIPTextModel),
    ):
        kind.from_pretrained(folder / part).half().save_pretrained(broken / part)
    model = dk.load(broken, device="cpu", size=64, steps=4)
    assert {model.text.dtype, next(model.unet.parameters()).dtype} == {torch.float32}
    assert (
        model.finish(latent()).dtype == torch.float32
        and model.invert(torch.rand(3, 64, 64)).isfinite().all()
    )


def test_a_prompt_that_is_cut_off_is_told(folder):
    with pytest.warns(
        UserWarning, match="the prompt has .* tokens, .* reads 77: what comes after"
    ):
        dk.load(folder, device="cpu", prompt="a lion " * 200, size=64)


def test_a_weight_without_a_lora_is_refused(folder):
    with pytest.raises(ValueError, match="lora_weight is 0.5, and there is no LoRA"):
        dk.load(folder, device="cpu", size=64, lora_weight=0.5)


@pytest.mark.parametrize("dtype", ["bfloat16", "float16"])
def test_weights_are_stored_in_the_chosen_precision(folder, model, dtype, monkeypatch):
    monkeypatch.setattr("dragkit.models.precision._has", lambda *_: True)
    half = dk.load(folder, device="cpu", dtype=dtype, prompt="a lion", size=64)
    assert {weight.dtype for weight in half.unet.parameters()} == {getattr(torch, dtype)}
    assert half.text.dtype == half.invert(torch.rand(3, 64, 64)).dtype == torch.float32
    there, here = model.finish(latent()), half.finish(latent())
    assert here.dtype == torch.float32 and 0 < (there - here).abs().mean() < 0.02


def test_the_names_in_the_published_files_are_known(broken, model):
    """Those of 1.5 are older than what diffusers and transformers write today."""
    file = broken / "text_encoder" / "model.safetensors"
    words = {
        "text_model." + name.removeprefix("text_model."): value
        for name, value in load_file(file).items()
    }
    save_file(
        words | {"text_model.embeddings.position_ids": torch.arange(77)[None]},
        file,
        {"format": "pt"},
    )
    file, weights = broken / "vae" / "diffusion_pytorch_model.safetensors", {}
    for name, value in load_file(file).items():
        for now, then in (
            (("to_q", "query"), ("to_k", "key"), ("to_v", "value"), ("to_out.0", "proj_attn"))
            if ".attentions." in name
            else ()
        ):
            name = name.replace(now, then)
        weights[name] = value
    assert "encoder.mid_block.attentions.0.proj_attn.weight" in weights
    save_file(weights, file, {"format": "pt"})
    old, image = dk.load(broken, device="cpu", size=64, prompt="a lion"), torch.rand(1, 3, 64, 64)
    assert torch.equal(old.text, model.text)
    with torch.no_grad():
        assert torch.equal(old.encode(image), model.encode(image))


def test_a_tokenizer_in_one_file_is_opened(broken, folder, model):
    """As transformers 5 writes it, and so what the advised conversion leaves."""
    tokenizer = transformers.CLIPTokenizer.from_pretrained(folder / "tokenizer")
    shutil.rmtree(broken / "tokenizer")
    tokenizer.save_pretrained(broken / "tokenizer")
    (broken / "tokenizer" / "vocab.json").unlink(missing_ok=True)
    assert torch.equal(dk.load(broken, device="cpu", size=64, prompt="a lion").text, model.text)


def test_a_tokenizer_that_does_not_say_how_long_a_text_may_be(broken, model):
    (broken / "tokenizer" / "tokenizer_config.json").unlink()
    assert torch.equal(dk.load(broken, device="cpu", size=64, prompt="a lion").text, model.text)


def test_a_folder_that_is_no_pipeline_is_told(tmp_path):
    with pytest.raises(
        ValueError,
        match=(
            r"is not a diffusers pipeline: it has no model_index.json; give the folder that holds"
            r" unet/"
        ),
    ):
        dk.load(tmp_path, device="cpu")


WEIGHTS = "diffusion_pytorch_model.safetensors"


@pytest.mark.parametrize(
    "gone",
    [
        "unet/config.json",
        f"unet/{WEIGHTS}",
        "vae/config.json",
        "text_encoder/model.safetensors",
        "scheduler/scheduler_config.json",
        "tokenizer/merges.txt",
    ],
)
def test_every_part_that_is_missing_is_named(broken, gone):
    (broken / gone).unlink()
    with pytest.raises(ValueError, match=f"is not a complete pipeline; missing: .*{gone}"):
        dk.load(broken, device="cpu")


def test_all_that_is_missing_is_named_at_once(broken):
    shutil.rmtree(broken / "vae"), shutil.rmtree(broken / "scheduler")
    with pytest.raises(
        ValueError,
        match=f"missing: vae/config.json, vae/{WEIGHTS}, scheduler/scheduler_config.json$",
    ):
        dk.load(broken, device="cpu")


def test_pickles_are_not_opened_but_how_to_convert_them_is_told(broken):
    for part, name in (("unet", "diffusion_pytorch_model"), ("text_encoder", "model")):
        (broken / part / f"{name}.safetensors").rename(broken / part / "pytorch_model.bin")
    told = (
        r"as pickles \(.bin\), which dragkit does not open: unet/.*, text_encoder/.* missing."
        r" Convert it once: .*safe_serialization=True\)"
    )
    with pytest.raises(ValueError, match=told):
        dk.load(broken, device="cpu")


# Folders as they lie on disks


def in_shards(folder, size: str = "400KB", **settings):
    """Write the UNet again in several files; returns its folder."""
    unet = diffusers.UNet2DConditionModel.from_pretrained(folder / "unet")
    shutil.rmtree(folder / "unet")
    unet.save_pretrained(folder / "unet", max_shard_size=size, **settings)
    return folder / "unet"


def same_model(folder, model) -> bool:
    other = dk.load(folder, device="cpu", prompt="a lion", size=64)
    pairs = zip(other.unet.state_dict().values(), model.unet.state_dict().values(), strict=True)
    return torch.equal(other.text, model.text) and all(torch.equal(a, b) for a, b in pairs)


@pytest.mark.parametrize("with_index", [True, False])
def test_weights_in_shards_are_opened(broken, model, with_index):
    unet = in_shards(broken)
    index = unet / f"{WEIGHTS}.index.json"
    assert len(list(unet.glob("*.safetensors"))) == 6 and index.is_file()
    if not with_index:
        index.unlink()
    assert same_model(broken, model)


@pytest.mark.parametrize("with_index", [True, False])
def test_a_shard_that_is_missing_is_named(broken, with_index):
    unet = in_shards(broken)
    (unet / "diffusion_pytorch_model-00002-of-00006.safetensors").unlink()
    if not with_index:
        (unet / f"{WEIGHTS}.index.json").unlink()
    with pytest.raises(ValueError, match=r"6 files \(shards\), and lacks .*-00002-of-00006"):
        dk.load(broken, device="cpu", size=64)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda places: {}, "has no weight_map"),
        (lambda places: [1], "has no weight_map"),
        (lambda places: places | {"conv_in.bias": "../x.safetensors"}, "names the file '../x.sa"),
        (lambda places: places | {"conv_in.bias": 5}, "names the file 5"),
        (lambda places: places | {"other": places["conv_in.bias"]}, "says that 'other' is in"),
        (
            lambda places: (
                {name: f"{i}.safetensors" for i, name in enumerate(list(places) * 9)}
                | {f"t{i}": f"{i}.safetensors" for i in range(1001)}
            ),
            "shards; at most 1000 are read",
        ),
        (lambda places: {"a": "x.safetensors"} | {"b" * 200: "y" * 300}, "names the file 'yyy"),
    ],
)
def test_an_index_that_lies_is_told(broken, change, message):
    index = in_shards(broken) / f"{WEIGHTS}.index.json"
    content = json.loads(index.read_text())
    write(index, content | {"weight_map": change(content["weight_map"])})
    with pytest.raises(ValueError, match=message):
        dk.load(broken, device="cpu", size=64)


def test_a_tensor_in_two_shards_is_told(broken):
    unet = in_shards(broken)
    first, second = sorted(unet.glob("*.safetensors"))[:2]
    shutil.copyfile(first, second)
    with pytest.raises(ValueError, match="is in .*-00001-of-00006.* and in .*-00002-of-00006"):
        dk.load(broken, device="cpu", size=64)


@pytest.mark.parametrize("size", ["400KB", "1GB"])
def test_half_precision_alone_is_opened(broken, folder, size):
    unet = in_shards(broken, size, variant="fp16")
    assert not (unet / WEIGHTS).exists() and list(unet.glob("*fp16*.safetensors"))
    for part, stem in (("vae", "diffusion_pytorch_model"), ("text_encoder", "model")):
        file = broken / part / f"{stem}.safetensors"
        file.rename(file.with_name(f"{stem}.fp16.safetensors"))
    assert dk.load(broken, device="cpu", size=64).invert(torch.rand(3, 64, 64)).isfinite().all()


def test_the_whole_weights_come_before_copies(broken, model):
    other = broken / "unet" / "diffusion_pytorch_model.fp16.safetensors"
    other.write_bytes(b"not opened")
    assert same_model(broken, model)


def test_a_folder_of_the_hubs_cache_is_opened(folder, tmp_path, model):
    hub = tmp_path / "models--owner--name"
    shutil.copytree(folder, hub / "snapshots" / "0123abc")
    assert same_model(hub, model) and same_model(hub / "snapshots", model)

    shutil.copytree(folder / "scheduler", hub / "snapshots" / "0456def")
    with pytest.raises(ValueError, match=r"2 snapshots \(0123abc, 0456def\), and its refs/main"):
        dk.load(hub, device="cpu")
    (hub / "refs").mkdir()
    (hub / "refs" / "main").write_text("0123abc\n")
    assert same_model(hub, model)
    (hub / "refs" / "main").write_text("x" * 300)
    with pytest.raises(ValueError, match="more than 200 bytes"):
        dk.load(hub, device="cpu")


def test_a_size_may_be_a_pair(broken):
    change(broken, UNET, sample_size=[8, 16])
    change(broken, VAE, sample_size=[512, 512])
    assert dk.load(broken, device="cpu").size == (64, 128)


# Parts that do not belong together


@pytest.mark.parametrize(
    ("name", "values", "message"),
    [
        ("vae/config.json", {"_class_name": "AutoencoderTiny"}, "'AutoencoderTiny' .TAESD"),
        ("vae/config.json", {"_class_name": "VQModel"}, "'VQModel'"),
        ("vae/config.json", {"latent_channels": 16}, "its latents have 16 channels"),
        ("vae/config.json", {"scaling_factor": 0.13025}, "its scaling_factor is 0.13025"),
        (
            "vae/config.json",
            {
                "block_out_channels": [4] * 3,
                "down_block_types": ["DownEncoderBlock2D"] * 3,
                "up_block_types": ["UpDecoderBlock2D"] * 3,
            },
            "one cell of its latents is 4 px wide",
        ),
        ("text_encoder/config.json", {"architectures": ["T5EncoderModel"]}, "'T5EncoderModel'"),
        ("text_encoder/config.json", {"hidden_size": 32}, "attends to words of 16 numbers"),
        ("tokenizer/added_tokens.json", {"<x>": 56}, "'<x>' has the number 56"),
        (
            "scheduler/scheduler_config.json",
            {"_class_name": "FlowMatchEulerDiscreteScheduler"},
            "of flow matching",
        ),
        ("scheduler/scheduler_config.json", {"beta_end": 0.0009}, "42 % .* is still image"),
        (
            "scheduler/scheduler_config.json",
            {"rescale_betas_zero_snr": True},
            "zero terminal SNR.*Set prediction_type to v_prediction",
        ),
    ],
)
def test_parts_of_two_pipelines_are_told(broken, name, values, message):
    if not (broken / name).exists():
        write(broken / name, {})
    change(broken, name, **values)
    with pytest.raises(ValueError, match="does not fit") as caught:
        dk.load(broken, device="cpu", size=64)
    assert re.search(message, str(caught.value)), caught.value


@pytest.mark.parametrize("spacing", ["leading", "trailing"])
def test_a_schedule_that_ends_in_pure_noise_works_with_velocities(broken, spacing):
    """Nothing divides by ᾱ = 0: from pure noise the network predicts v = -x₀."""
    change(
        broken,
        SCHEDULER,
        rescale_betas_zero_snr=True,
        prediction_type="v_prediction",
        timestep_spacing=spacing,
    )
    model = dk.load(broken, device="cpu", size=64, steps=4, strength=1.0)
    assert (model.schedule.alphas[-1] == 0) == (spacing == "trailing")
    assert model.sample(0).isfinite().all() and model.finish(model.sample(0)).isfinite().all()
    assert model.invert(torch.rand(3, 64, 64)).isfinite().all()
    if spacing == "trailing":
        z = latent()[None]
        with torch.no_grad():
            v = model.unet(z, 999, model.text[1:]).sample
        x0, noise = model.schedule.predict_x0_and_noise(z, v, 4)
        torch.testing.assert_close(x0, -v)
        torch.testing.assert_close(noise, z)


@pytest.mark.parametrize(
    "name", ["unet/config.json", "scheduler/scheduler_config.json", "text_encoder/config.json"]
)
def test_json_that_is_none_is_named(broken, name):
    (broken / name).write_text('{"sample_size": ')
    with pytest.raises(ValueError, match=f"{name} is not JSON"):
        dk.load(broken, device="cpu")


@pytest.mark.parametrize("name", [f"unet/{WEIGHTS}", "text_encoder/model.safetensors"])
def test_weights_that_are_cut_short_are_named(broken, name):
    path = broken / name
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(ValueError, match=f"{name} cannot be read: it is cut short"):
        dk.load(broken, device="cpu")


@pytest.mark.parametrize("name", [f"unet/{WEIGHTS}", "unet/config.json", "tokenizer/vocab.json"])
@pytest.mark.parametrize(
    ("content", "kind"),
    [
        ("version https://git-lfs.github.com/spec/v1\nsize 3438167534\n", r"pointer.*3\.44 GB"),
        ("<!DOCTYPE html>", "web page"),
    ],
)
def test_a_text_in_place_of_a_file_is_named(broken, name, content, kind):
    (broken / name).write_text(content)
    with pytest.raises(ValueError, match=f"{name} is a .*{kind}"):
        dk.load(broken, device="cpu")


@pytest.mark.parametrize(
    "part, name", [("unet", WEIGHTS), ("vae", WEIGHTS), ("text_encoder", "model.safetensors")]
)
def test_weights_that_are_missing_in_a_file_are_named(broken, part, name):
    """The libraries would make them up, and only say so."""
    weights = load_file(broken / part / name)
    gone = next(key for key in weights if key.endswith("weight"))
    save_file(
        {key: value for key, value in weights.items() if key != gone},
        broken / part / name,
        {"format": "pt"},
    )
    with pytest.raises(
        ValueError, match=f"{part} does not hold a complete .*: 1 weights are missing, such as "
    ):
        dk.load(broken, device="cpu")


def test_weights_of_other_shapes_are_told(broken):
    weights = load_file(broken / "unet" / WEIGHTS)
    save_file(
        weights | {"conv_in.bias": torch.zeros(3)}, broken / "unet" / WEIGHTS, {"format": "pt"}
    )
    with pytest.raises(ValueError, match="unet does not hold a complete UNet2DConditionModel"):
        dk.load(broken, device="cpu")


def test_the_name_of_a_hub_is_no_folder():
    with pytest.raises(
        ValueError,
        match=(
            r"unknown model 'runwayml/stable-diffusion-v1-5': there is no file or folder.*Nothing"
            r" is downloaded"
        ),
    ):
        dk.load("runwayml/stable-diffusion-v1-5")


@pytest.mark.parametrize(
    "setting, message",
    [
        (
            {"strenght": 0.5},
            "has no setting 'strenght'; it has: name, prompt, size, steps, strength",
        ),
        ({"prompt": 7}, "prompt is 7; give a text"),
        ({"size": "512"}, "size is '512'; give the side"),
        ({"size": True}, "size is True"),
        ({"steps": True}, "steps is True"),
    ],
)
def test_settings_that_there_are_not_are_told(folder, setting, message):
    with pytest.raises(ValueError, match=message):
        dk.load(folder, device="cpu", **setting)


def test_a_lora_of_another_prompt_is_refused(folder, model, tmp_path):
    image = torch.rand(3, 64, 64)
    dk.lora(model, image, rank=2, steps=1, file=tmp_path / "lora.safetensors")
    other = dk.load(folder, device="cpu", size=64, prompt="a horse")
    with pytest.raises(ValueError, match="is a LoRA of another prompt"):
        dk.lora(other, image, rank=2, steps=2, file=tmp_path / "lora.safetensors")


@pytest.mark.parametrize(
    "change, kind",
    [
        ({"class_embed_type": "timestep"}, "UNet2DConditionModel with other inputs"),
        ({"_class_name": "SD3Transformer2DModel"}, "SD3Transformer2DModel"),
    ],
)
def test_later_ones_are_told(broken, change, kind):
    config = broken / "unet" / "config.json"
    write(config, json.loads(config.read_text()) | change)
    with pytest.raises(
        ValueError,
        match=f"its UNet is a {kind}.*dragkit opens Stable Diffusion 1, 2 and XL, but no later",
    ):
        dk.load(broken, device="cpu")


@pytest.mark.parametrize(
    ("size", "near"),
    [
        (500, r"size=\(496, 496\) or size=\(504, 504\)"),
        ((348, 512), r"size=\(344, 512\) or size=\(352, 512\)"),
        ((4, 64), r"size=\(8, 64\)$"),
    ],
)
def test_a_size_that_no_latent_has_is_told(folder, size, near):
    with pytest.raises(ValueError, match=f"sides that are multiples of 8 px.* nearest are {near}"):
        dk.load(folder, device="cpu", size=size)


def test_a_size_that_is_advised_for_a_photo_can_be_loaded(folder):
    photo = torch.rand(3, 44, 64)
    model = dk.load(folder, device="cpu", size=64)
    with pytest.raises(ValueError, match="64×44 pixels.*, or load .* with size=") as caught:
        dk.invert(model, photo, fit="native")
    advised = re.findall(r"size=\((\d+), (\d+)\)", str(caught.value))
    assert [tuple(map(int, pair)) for pair in advised] == [(40, 64), (48, 64)]
    for height, width in advised:
        dk.load(folder, device="cpu", size=(int(height), int(width)))
    for fixed in ("lion", "lion-diffusion"):
        with pytest.raises(ValueError, match=r'"resize"$'):
            dk.invert(dk.load(fixed), photo, fit="native")


@pytest.mark.parametrize("size", [(64,), (64, 64, 3), "64", (64.5, 64), True, (0, 64)])
def test_a_size_that_is_none_is_told(folder, size):
    with pytest.raises(ValueError, match=r"size is .*; give the side .* or \(height, width\)"):
        dk.load(folder, device="cpu", size=size)


# of latents (8, 16), (12, 7) and (9, 11): some of the UNet's maps have odd sides, which it halves
SIZES = [(64, 128), (96, 56), (72, 88)]


@pytest.mark.parametrize("size", [*SIZES, (24, 32), (8, 40)])  # some maps are one cell high
def test_at_any_shape_the_network_predicts_as_in_its_library(folder, size):
    model = dk.load(folder, device="cpu", size=size, prompt="a lion")
    z = torch.randn(1, 4, size[0] // 8, size[1] // 8, generator=torch.Generator().manual_seed(0))
    assert model.size == size and model.latent_shape == tuple(z.shape[1:])
    times = model.schedule.times[35:36]
    with torch.no_grad():
        expected = model.unet(z, times, model.text[1:]).sample
        found = model.denoiser.predict(z, times)
    torch.testing.assert_close(found, expected, atol=1e-5, rtol=1e-4)


@pytest.mark.parametrize("size", SIZES)
def test_an_image_that_is_not_square_is_learned_inverted_dragged_saved_and_opened(
    folder, tmp_path, size
):
    height, width = size
    model = dk.load(folder, device="cpu", size=size, steps=4)
    image = torch.rand(3, *size)
    mask = torch.zeros(size)
    mask[:, width // 3 :] = 1
    edit = dk.Edit([(width - 20, height - 30)], [(width - 14, height - 20)], mask)

    learned = dk.lora(model, image, rank=2, steps=1, fit="native")
    found = dk.invert(learned, image, fit="native")
    assert tuple(found.image.shape) == (3, *size)
    method = dragdiffusion() | {"steps": 1}
    session = dk.Session(found.model, found.latent, edit, **method)
    session.step(), session.step()
    assert session.trace[-1].image.shape == (*size, 3)
    assert tuple(found.model.finish(session.trace[-1].latent).shape) == (3, *size)

    saved = session.save(tmp_path / "run")
    opened = dk.Session.load(saved, learned, **method)
    assert opened.trace[-1].edit.mask.shape == size
    other = dk.load(folder, device="cpu", size=(height, width + 8), steps=4)
    with pytest.raises(ValueError, match="the run was made with|latent"):
        dk.Session.load(saved, other, **method)


def test_velocities_are_known_as_in_stable_diffusion_2(broken):
    write(
        broken / "scheduler" / "scheduler_config.json",
        NUMBERS | {"prediction_type": "v_prediction"},
    )
    model = dk.load(broken, device="cpu", size=64)
    with torch.no_grad():
        v = model.unet(latent()[None], 681, model.text[1:]).sample[0]
    a, b = model.schedule.alphas[[35, 34]]
    x0, noise = a.sqrt() * latent() - (1 - a).sqrt() * v, (1 - a).sqrt() * latent() + a.sqrt() * v
    torch.testing.assert_close(
        model.view(latent()).anchor, b.sqrt() * x0 + (1 - b).sqrt() * noise, atol=1e-5, rtol=1e-4
    )


# Folders that are made to harm


def change(folder, name, **values) -> None:
    path = folder / name
    write(path, json.loads(path.read_text()) | values)


UNET, VAE = "unet/config.json", "vae/config.json"
TEXT, SCHEDULER = "text_encoder/config.json", "scheduler/scheduler_config.json"


@pytest.mark.parametrize(
    ("name", "values", "message"),
    [
        (UNET, {"block_out_channels": [2**20] * 4}, "each of them a whole number from 1 to 4096"),
        (UNET, {"block_out_channels": "320"}, "block_out_channels is '320'; it must be a list"),
        (UNET, {"layers_per_block": 10**5}, "layers_per_block is 100000"),
        (UNET, {"sample_size": 10**6}, "sample_size is 1000000; it must be .* from 1 to 1024"),
        (UNET, {"down_block_types": ["os.System"] * 4}, "down_block_types is"),
        (UNET, {"mid_block_scale_factor": 0}, "and 1 in every Stable Diffusion 1 and 2"),
        (UNET, {"quantization_config": {"quant_method": "x"}}, "quantization_config is"),
        (UNET, {"norm_num_groups": 7}, "makes no network .*divisible"),
        (UNET, {"cross_attention_dim": 32}, "attends to words of 32 .* makes 16"),
        (VAE, {"layers_per_block": 10**5}, "layers_per_block is 100000"),
        (VAE, {"scaling_factor": 0}, "scaling_factor is 0; it must be a number from 0.001"),
        (VAE, {"scaling_factor": float("nan")}, "has the number NaN; numbers are finite"),
        (VAE, {"scaling_factor": "0.18"}, "scaling_factor is '0.18'"),
        (TEXT, {"num_hidden_layers": 10**6}, "num_hidden_layers is 1000000"),
        (TEXT, {"max_position_embeddings": 10**9}, "max_position_embeddings is 1000000000"),
        (TEXT, {"_attn_implementation": "evil/kernel"}, "it must be None or 'eager' or 'sdpa'"),
        (TEXT, {"auto_map": {"AutoModel": "evil--evil.Model"}}, "auto_map is .* must be None"),
        (TEXT, {"num_attention_heads": 3}, "makes no network"),
        (SCHEDULER, {"num_train_timesteps": 10**9}, "num_train_timesteps is 1000000000"),
        (SCHEDULER, {"num_train_timesteps": 0}, "num_train_timesteps is 0"),
        (SCHEDULER, {"num_train_timesteps": True}, "num_train_timesteps is True"),
        (SCHEDULER, {"beta_schedule": "evil"}, "beta_schedule is 'evil'; it must be 'linear' or"),
        (SCHEDULER, {"beta_start": 0.4, "beta_end": 0.9}, "leaves no signal at some of its times"),
        (SCHEDULER, {"trained_betas": [0.1] * 1000}, "trained_betas is .* must be None"),
    ],
)
def test_a_configuration_that_asks_for_too_much_is_told(broken, name, values, message):
    change(broken, name, **values)
    with pytest.raises(ValueError, match=message):
        dk.load(broken, device="cpu", size=64)


def test_a_configuration_needs_the_weights_for_its_network(broken):
    change(broken, UNET, block_out_channels=[4096] * 4)
    with pytest.raises(ValueError, match=r"needs 16,\d{3},\d{3},\d{3} numbers, .* has 546,588"):
        dk.load(broken, device="cpu", size=64)


@pytest.mark.parametrize("content", ["[" * 200_000, "[1]", '{"a": 1, "a": 2}', " " * 2_000_000])
def test_a_configuration_that_is_no_object_of_json_is_told(broken, content):
    (broken / UNET).write_text(content)
    with pytest.raises(ValueError, match=r"unet.config\.json .*fetch this file of the pipeline"):
        dk.load(broken, device="cpu")


def test_a_link_out_of_the_folder_is_not_followed(broken, tmp_path):
    (broken / UNET).rename(tmp_path / "elsewhere.json")
    (broken / UNET).symlink_to(tmp_path / "elsewhere.json")
    with pytest.raises(ValueError, match="is a link to .*elsewhere.json, outside of"):
        dk.load(broken, device="cpu", size=64)


def test_the_links_of_a_hugging_face_cache_are_followed(folder, tmp_path, model):
    snapshot = shutil.copytree(folder, tmp_path / "models--x" / "snapshots" / "abc")
    blobs = tmp_path / "models--x" / "blobs"
    blobs.mkdir()
    for path in [path for path in snapshot.rglob("*") if path.is_file()]:
        blob = path.rename(blobs / f"{path.parent.name}-{path.name}")
        path.symlink_to(blob)
    assert torch.equal(dk.load(snapshot, device="cpu", size=64, prompt="a lion").text, model.text)


def test_what_nobody_asked_for_is_not_read(broken, model):
    """Further files, and what configurations say to other programs, change nothing."""
    evil = json.dumps({"weight_map": {"a": "../../../../etc/passwd"}})
    (broken / "text_encoder" / "model.safetensors.index.json").write_text(evil)
    (broken / "vae" / f"{WEIGHTS}.index.json").write_text(evil)
    (broken / "unet" / "diffusion_pytorch_model.bin").write_bytes(b"\x80\x02cos\nsystem\n.")
    write(broken / "model_index.json", {"unet": ["os", "system"]})
    change(broken, TEXT, model_type="evil")
    change(
        broken, "tokenizer/tokenizer_config.json", auto_map={"x": ["a--b.C"]}, chat_template="{"
    )
    assert torch.equal(dk.load(broken, device="cpu", size=64, prompt="a lion").text, model.text)


def test_an_adapter_is_told(broken):
    write(broken / "text_encoder" / "adapter_config.json", {"base_model_name_or_path": "/etc"})
    with pytest.raises(ValueError, match=r"text_encoder has an adapter .*merge it"):
        dk.load(broken, device="cpu", size=64)


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("vocab.json", "[1, 2]", r"its vocabulary is \[1, 2\], not words"),
        ("vocab.json", '{"a": 1000}', "the word 'a' has the number 1000; .* knows 0 to 55"),
        ("vocab.json", '{"a": "1"}', "has the number '1'"),
        ("vocab.json", " " * 9_000_000, "has more than 8,388,608 bytes"),
        ("merges.txt", "a b c\n", "'a b c' is not a pair"),
        ("merges.txt", "qq zz\n", "does not hold a tokenizer"),
        ("merges.txt", "a b\n" * 3_000_000, "has more than 8,388,608 bytes"),
        ("merges.txt", "", "merges.txt is empty; fetch it again"),
        (
            "merges.txt",
            "version https://git-lfs.github.com/spec/v1\n",
            "merges.txt is a Git-LFS pointer",
        ),
        ("merges.txt", "<!DOCTYPE html>", "merges.txt is a web page"),
        ("merges.txt", '{"error": "denied"}', "tokenizer that is whole: none .* the word 'li'"),
        ("merges.txt", "#version: 0.2\nl i\n", "none of its 1 merges makes the word 'on</w>'"),
        ("merges.txt", "#version: 0.2\nl i\no n", "none of its 2 merges makes the word 'on</w>'"),
        ("added_tokens.json", '{"<x>": 1000000}', "'<x>' has the number 1000000"),
        ("tokenizer_config.json", '{"bos_token": 10}', "bos_token is 10; give a text"),
        ("tokenizer_config.json", '{"bos_token": "<new>"}', "makes the number 56, .* 0 to 55"),
    ],
)
def test_words_that_do_not_fit_are_told(broken, name, content, message):
    (broken / "tokenizer" / name).write_text(content)
    with pytest.raises(ValueError, match=message):
        dk.load(broken, device="cpu", size=64)


def test_a_long_list_of_weights_is_refused_before_it_is_read(broken):
    path = broken / "unet" / WEIGHTS
    path.write_bytes((5 << 20).to_bytes(8, "little") + b"{" * (6 << 20))
    with pytest.raises(ValueError, match="a header of 5242880 bytes; at most 4194304"):
        dk.load(broken, device="cpu", size=64)


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ({"prompt": "x" * 10**6}, "prompt has 1,000,000 characters; give at most 10,000"),
        ({"size": 10**6 * 64}, "give sides of at most 4096 px"),
        ({"refine": 10**9, "size": 64}, "refine is 1000000000; give a whole number from 0 to 100"),
        ({"name": "../x", "size": 64}, "name is '../x'; files are called after it"),
    ],
)
def test_settings_have_limits(folder, setting, message):
    with pytest.raises(ValueError, match=message):
        dk.load(folder, device="cpu", **setting)


def test_a_lora_of_other_weights_is_told(model, tmp_path):
    file = tmp_path / "lora.safetensors"
    image = torch.rand(3, 64, 64)
    dk.lora(model, image, rank=2, steps=1, file=file)
    with safe_open(file, "pt") as saved:
        metadata = saved.metadata()
    weights = load_file(file)
    name = next(iter(weights))
    for wrong in ({name: torch.zeros(1)}, weights | {"more": torch.zeros(1)}):
        save_file(wrong, file, metadata)
        with pytest.raises(ValueError, match="is not a LoRA that dragkit saved"):
            dk.lora(model, image, rank=2, steps=2, file=file)
    save_file(weights, file, metadata | {"steps": "x"})
    with pytest.raises(ValueError, match="is not a LoRA that dragkit saved"):
        dk.lora(model, image, rank=2, steps=2, file=file)


@pytest.mark.parametrize("setting", [{"rank": 10**9}, {"batch": 10**9}])
def test_a_lora_has_limits(model, setting):
    with pytest.raises(ValueError, match="give a whole number from 1 to"):
        dk.lora(model, torch.rand(3, 64, 64), **setting)


@pytest.fixture(scope="module")
def folder_in_shards(folder, tmp_path_factory):
    """A copy whose UNet is in several files."""
    path = shutil.copytree(folder, tmp_path_factory.mktemp("models") / "shards")
    in_shards(path)
    return path


@pytest.mark.long
@pytest.mark.filterwarnings("ignore")  # the libraries', of odd settings
@many
@given(data=st.data())
def test_fuzz_pipelines(folder_in_shards, data):
    """A damaged configuration or index is refused in words, or opens as the model that it was."""
    folder = folder_in_shards
    names = sorted(path.relative_to(folder) for path in folder.rglob("*.json"))
    name = data.draw(st.sampled_from(names))
    good = (folder / name).read_bytes()
    try:
        text = json.dumps(data.draw(damaged(json.loads(good)))).encode()
        (folder / name).write_bytes(flipped(data, text) if data.draw(st.booleans()) else text)
        try:
            model = dk.load(folder, device="cpu")
        except ValueError as error:
            assert str(error)
            return
        assert model.size[0] % model.cell == 0
    finally:
        (folder / name).write_bytes(good)
