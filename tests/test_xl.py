"""Stable Diffusion XL: a folder with its shape and its numbers, but few channels, against
diffusers' own pipeline.
"""

import json
import shutil
import socket
from dataclasses import replace

import pytest
import torch
from safetensors.torch import load_file, save_file

import dragkit as dk
from dragkit import Edit
from dragkit.methods import dragdiffusion
from dragkit.models.diffusion import memory
from dragkit.models.diffusion.added import PooledTextAndSize
from dragkit.models.diffusion.unet import self_attentions

diffusers = pytest.importorskip("diffusers")
transformers = pytest.importorskip("transformers")

from tests.tiny_pipelines import (  # noqa: E402
    NUMBERS,
    POOLED,
    XL_CHANNELS,
    XL_WORDS,
    write,
    write_sd,
    write_tokenizer,
    write_xl,
)

SIDE = 64


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return write_xl(tmp_path_factory.mktemp("models") / "tiny-xl")


@pytest.fixture(scope="module")
def model(folder):
    return dk.load(folder, device="cpu", prompt="a lion", size=SIDE)


@pytest.fixture(scope="module")
def pipeline(folder):
    """diffusers' own, of the same folder, with DDIM's steps."""
    pipeline = diffusers.StableDiffusionXLPipeline.from_pretrained(folder)
    pipeline.scheduler = diffusers.DDIMScheduler.from_config(NUMBERS)
    pipeline.set_progress_bar_config(disable=True)
    return pipeline


@pytest.fixture
def broken(folder, tmp_path):
    """A copy of the folder, to be damaged."""
    return shutil.copytree(folder, tmp_path / "xl")


def latent(seed: int = 1, side: int = SIDE) -> torch.Tensor:
    random = torch.Generator().manual_seed(seed)
    return torch.randn(4, side // 8, side // 8, generator=random)


def change(path, **values) -> None:
    write(path, json.loads(path.read_text()) | values)


@torch.no_grad()
def predicted(pipeline, z, t, prompt="a lion", side=SIDE):
    """What diffusers' UNet predicts (b c h w) for latents (b c h w), as its pipeline calls it."""
    words, _, pooled, _ = pipeline.encode_prompt(prompt, do_classifier_free_guidance=False)
    ids = pipeline._get_add_time_ids(
        (side, side),
        (0, 0),
        (side, side),
        words.dtype,
        pipeline.text_encoder_2.config.projection_dim,
    )
    added = {"text_embeds": pooled.expand(len(z), -1), "time_ids": ids.expand(len(z), -1)}
    return pipeline.unet(
        z, t, encoder_hidden_states=words.expand(len(z), -1, -1), added_cond_kwargs=added
    ).sample


# What XL is


def test_its_features_are_those_of_the_first_block_on_the_latents_own_grid(folder, model):
    assert (model.size, model.cell, model.feature_block) == ((SIDE, SIDE), 8, 2)
    grids = []
    for block in range(4):
        features = replace(model, feature_block=block).view(latent()).features
        grids.append(tuple(features.shape))
    half, whole = SIDE // 16, SIDE // 8
    assert grids == [
        (XL_CHANNELS[2], half // 2, half // 2),
        (XL_CHANNELS[2], half, half),
        (XL_CHANNELS[1], whole, whole),
        (XL_CHANNELS[0], whole, whole),
    ]


def test_without_a_size_it_makes_images_of_1024_px(folder):
    assert dk.load(folder, device="cpu").size == (1024, 1024)


def test_its_attention_layers_and_where_the_originals_begin(model):
    """MasaCtrl's SDXL begins at layer 44 of 70, too."""
    layers = self_attentions(model.unet)
    names = {module: name for name, module in model.unet.named_modules()}
    assert len(layers) == 70 and model.first_shared_layer == 44
    assert names[layers[44]] == "up_blocks.0.attentions.1.transformer_blocks.0.attn1"


# The text and the sizes


def test_the_prompt_is_read_by_both_encoders(model, pipeline):
    words, empty, pooled, empty_pooled = pipeline.encode_prompt(
        "a lion", do_classifier_free_guidance=True
    )
    torch.testing.assert_close(model.text, torch.cat([empty, words]), atol=1e-6, rtol=1e-5)
    torch.testing.assert_close(
        model.added.pooled, torch.cat([empty_pooled, pooled]), atol=1e-6, rtol=1e-5
    )
    assert model.text.shape == (2, 77, sum(XL_WORDS)) and pooled.shape == (1, POOLED)
    assert not model.text[0].any() and not model.added.pooled[0].any()


def test_an_empty_prompt_is_no_zeros_where_the_pipeline_says_so(broken, folder):
    change(broken / "model_index.json", force_zeros_for_empty_prompt=False)
    pipeline = diffusers.StableDiffusionXLPipeline.from_pretrained(broken)
    words, empty, _, pooled = pipeline.encode_prompt("a lion", do_classifier_free_guidance=True)
    model = dk.load(broken, device="cpu", prompt="a lion", size=SIDE)
    torch.testing.assert_close(model.text, torch.cat([empty, words]), atol=1e-6, rtol=1e-5)
    torch.testing.assert_close(model.added.pooled[:1], pooled, atol=1e-6, rtol=1e-5)
    assert model.text[0].any()


def test_a_prompt_that_is_empty_is_encoded_like_any_other(folder, pipeline):
    words, *_ = pipeline.encode_prompt("", do_classifier_free_guidance=False)
    model = dk.load(folder, device="cpu", size=SIDE)
    torch.testing.assert_close(model.text[1:], words, atol=1e-6, rtol=1e-5)


@pytest.mark.parametrize("size", [(64, 64), (96, 160)])
def test_the_sizes_are_told_in_diffusers_order(pipeline, size):
    """Height before width, and the original's before the target's."""
    unet, pooled = pipeline.unet, torch.randn(2, POOLED)
    ids = pipeline._get_add_time_ids(size, (0, 0), size, torch.float32, POOLED).expand(2, -1)
    time = unet.get_time_embed(torch.zeros(2, 4, 8, 8), torch.tensor(5))
    with torch.no_grad():
        expected = unet.get_aug_embed(
            emb=unet.time_embedding(time),
            encoder_hidden_states=None,
            added_cond_kwargs={"text_embeds": pooled, "time_ids": ids},
        )
        torch.testing.assert_close(PooledTextAndSize(pooled, size).embedding(unet), expected)


# The network


@pytest.mark.parametrize("count", [1, 3])
def test_the_stages_end_in_what_the_unet_predicts(model, pipeline, count):
    z, t = torch.stack([latent(seed) for seed in range(count)]), torch.tensor([681])
    with torch.no_grad():
        found = model.denoiser.predict(z, t)
    torch.testing.assert_close(found, predicted(pipeline, z, t), atol=1e-5, rtol=1e-4)


def test_guidance_is_that_of_diffusers(model, pipeline):
    guided, z, t = replace(model, guidance=5.0), latent()[None], torch.tensor([681])
    words, empty, pooled, empty_pooled = pipeline.encode_prompt(
        "a lion", do_classifier_free_guidance=True
    )
    ids = torch.tensor([[SIDE, SIDE, 0, 0, SIDE, SIDE]]).float()
    made = []
    with torch.no_grad():
        for text, summary in ((empty, empty_pooled), (words, pooled)):
            added = {"text_embeds": summary, "time_ids": ids}
            made.append(
                pipeline.unet(z, t, encoder_hidden_states=text, added_cond_kwargs=added).sample
            )
        found = guided.denoiser.predict(z, t)
    expected = made[0] + 5 * (made[1] - made[0])
    torch.testing.assert_close(found, expected, atol=1e-4, rtol=1e-4)


def test_an_image_is_made_as_diffusers_makes_it(model, pipeline):
    """From noise in ten steps of DDIM, with guidance, autoencoder and all."""
    sampled = replace(
        dk.load(pipeline.config._name_or_path, device="cpu", prompt="a lion", size=SIDE, steps=10),
        strength=1.0,
        guidance=5.0,
    )
    noise = latent()
    theirs = pipeline(
        "a lion",
        height=SIDE,
        width=SIDE,
        num_inference_steps=10,
        guidance_scale=5.0,
        latents=noise[None].clone(),
        output_type="pt",
    ).images[0]
    torch.testing.assert_close(sampled.finish(noise), theirs, atol=1e-4, rtol=0)


def test_inversion_is_that_of_diffusers(model, pipeline):
    """DDIM's inverse scheduler, with the network's answer at the noisier end as DragDiffusion's
    code has it.
    """
    plain = replace(model, refine=0, strength=0.2)
    image = torch.rand(3, SIDE, SIDE)
    with torch.no_grad():
        mode = pipeline.vae.encode(2 * image[None] - 1).latent_dist.mode()
    z = mode * pipeline.vae.config.scaling_factor
    alphas = pipeline.scheduler.alphas_cumprod
    below = pipeline.scheduler.final_alpha_cumprod
    for step in range(10):
        t = 1 + 20 * step
        noise = predicted(pipeline, z, t)
        x0 = (z - (1 - below).sqrt() * noise) / below.sqrt()
        below = alphas[t]
        z = below.sqrt() * x0 + (1 - below).sqrt() * noise
    torch.testing.assert_close(plain.invert(image), z[0], atol=1e-4, rtol=1e-4)


# Dragging


def test_an_image_is_learnt_inverted_dragged_and_finished(model):
    image = torch.rand(3, SIDE, SIDE)
    learned = dk.lora(replace(model, strength=0.1), image, rank=2, steps=1)
    assert learned.added is model.added
    found = dk.invert(learned, image)
    mask = torch.zeros(SIDE, SIDE)
    mask[8:40, 8:56] = 1
    *_, last = dk.drag(
        found.model,
        found.latent,
        Edit([(20, 20)], [(44, 20)], mask),
        **dragdiffusion("official") | {"steps": 2},
    )
    assert last.index == 2 and not torch.equal(last.latent, found.latent)
    assert last.losses["mask"] > 0
    assert found.model.finish(last.latent).shape == (3, SIDE, SIDE)


@pytest.mark.parametrize("guidance", [1, 5])
def test_what_was_not_dragged_comes_back_as_it_was(model, guidance):
    model = replace(model, strength=0.1, guidance=guidance, start_layer=0)
    torch.testing.assert_close(
        model.with_reference(latent()).finish(latent()), model.finish(latent()), atol=1e-4, rtol=0
    )


def test_a_gradient_reaches_the_latent(model):
    z = latent().requires_grad_()
    model.view(z).features.square().sum().backward()
    assert z.grad.isfinite().all() and z.grad.any()


def test_the_autoencoder_stays_in_float32_beyond_float16s_largest_number(broken, monkeypatch):
    """XL's activations are so large, and its configuration says so."""
    monkeypatch.setattr("dragkit.models.precision._has", lambda *_: True)
    config = broken / "vae" / "config.json"
    config.write_text(json.dumps(json.loads(config.read_text()) | {"force_upcast": True}))
    path = broken / "vae" / "diffusion_pytorch_model.safetensors"
    weights = load_file(path)
    weights["decoder.conv_in.weight"] *= 1e6
    save_file(weights, path, {"format": "pt"})
    model = dk.load(broken, device="cpu", size=SIDE, steps=2, dtype="float16")
    assert model.unet.conv_in.weight.dtype == torch.float16
    inside = []
    decoder = model.decode.__closure__[0].cell_contents.decoder
    decoder.conv_in.register_forward_hook(lambda _m, _i, out: inside.append(out))
    image = model.finish(latent())
    assert inside[0].dtype == torch.float32 and inside[0].abs().max() > torch.finfo(torch.half).max
    assert image.isfinite().all()


def test_nothing_is_downloaded(folder, monkeypatch):
    def refuse(*_, **__):
        raise AssertionError("the network was asked")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    dk.load(folder, device="cpu", size=SIDE)


# Folders of all kinds


def test_weights_in_half_precision_are_opened(broken, model):
    for path in broken.rglob("*.safetensors"):
        halves = {name: value.half() for name, value in load_file(path).items()}
        save_file(halves, path, {"format": "pt"})
    half = dk.load(broken, device="cpu", size=SIDE, prompt="a lion")
    assert {half.text.dtype, half.added.pooled.dtype, half.unet.dtype} == {torch.float32}
    torch.testing.assert_close(half.text, model.text, atol=0.01, rtol=0.01)


def in_shards(folder, variant: str = "") -> None:
    """Write the weights of every part again in three files, without an index."""
    for path in list(folder.rglob("*.safetensors")):
        weights = load_file(path)
        path.unlink()
        for k in range(3):
            shard = {name: weights[name] for name in sorted(weights)[k::3]}
            name = f"{path.stem}{variant}-{k + 1:05}-of-00003.safetensors"
            save_file(shard, path.with_name(name), {"format": "pt"})


def assert_same_model(path, model) -> None:
    other = dk.load(path, device="cpu", size=SIDE, prompt="a lion")
    assert torch.equal(other.text, model.text)
    assert torch.equal(other.added.pooled, model.added.pooled)
    pairs = zip(other.unet.state_dict().values(), model.unet.state_dict().values(), strict=True)
    assert all(torch.equal(one, another) for one, another in pairs)


@pytest.mark.parametrize("variant", ["", ".fp16"])
def test_shards_of_every_part_in_the_hubs_cache_are_opened(folder, tmp_path, model, variant):
    hub = tmp_path / "models--owner--xl"
    snapshot = shutil.copytree(folder, hub / "snapshots" / "abc")
    in_shards(snapshot, variant)
    (hub / "blobs").mkdir()
    for number, path in enumerate(list(snapshot.rglob("*.safetensors"))):
        path.rename(hub / "blobs" / str(number))
        path.symlink_to(hub / "blobs" / str(number))
    assert_same_model(hub, model)
    assert_same_model(snapshot, model)


@pytest.mark.parametrize("part", ["unet", "text_encoder_2"])
def test_a_shard_that_is_missing_is_named(broken, part):
    in_shards(broken)
    next((broken / part).glob("*-00002-of-00003.safetensors")).unlink()
    with pytest.raises(ValueError, match=rf"{part} has its weights in 3 files .*-00002-of-00003"):
        dk.load(broken, device="cpu", size=SIDE)


def test_a_link_of_the_second_encoder_out_of_the_folder_is_not_followed(broken, tmp_path):
    weights = broken / "text_encoder_2" / "model.safetensors"
    weights.rename(tmp_path / "elsewhere.safetensors")
    weights.symlink_to(tmp_path / "elsewhere.safetensors")
    with pytest.raises(ValueError, match="text_encoder_2/model.safetensors is a link to .*else"):
        dk.load(broken, device="cpu", size=SIDE)


@pytest.mark.parametrize("dtype", ["bfloat16", "float16"])
def test_weights_are_stored_in_the_chosen_precision(folder, dtype, monkeypatch):
    """At a shape that is not square, and where the inner maps have odd sides."""
    monkeypatch.setattr("dragkit.models.precision._has", lambda *_: True)
    settings = {"device": "cpu", "prompt": "a lion", "size": (56, 88), "guidance": 3}
    models = [dk.load(folder, dtype=kind, **settings) for kind in ("float32", dtype)]
    assert {weight.dtype for weight in models[1].unet.parameters()} == {getattr(torch, dtype)}

    gradients = []
    for model in models:
        z = model.sample(0).requires_grad_(True)
        features = model.view(z).features
        assert features.dtype == torch.float32
        gradients += torch.autograd.grad(features.square().mean(), z)
    whole, half = gradients
    assert half.dtype == torch.float32
    assert 0 < (half - whole).norm() < 0.03 * whole.norm()


@pytest.mark.parametrize(
    "part", ["text_encoder_2", "tokenizer_2", "text_encoder", "tokenizer", "unet"]
)
def test_a_part_that_is_missing_is_named(broken, part):
    for path in (broken / part).iterdir():
        path.unlink()
    with pytest.raises(ValueError, match=f"is not a complete pipeline; missing: .*{part}/"):
        dk.load(broken, device="cpu")


def test_a_folder_of_one_encoder_that_claims_to_be_xl_is_told(tmp_path):
    folder = write_sd(tmp_path / "sd")
    change(folder / "unet" / "config.json", addition_embed_type="text_time")
    with pytest.raises(ValueError, match="missing: text_encoder_2/config.json"):
        dk.load(folder, device="cpu")


def test_the_refiner_is_named(broken):
    shutil.rmtree(broken / "text_encoder")
    with pytest.raises(ValueError, match="is Stable Diffusion XL's refiner, .* the base model"):
        dk.load(broken, device="cpu")


def test_an_adapter_beside_the_second_encoder_is_told(broken):
    write(broken / "text_encoder_2" / "adapter_config.json", {"base_model_name_or_path": "/etc"})
    with pytest.raises(ValueError, match=r"text_encoder_2 has an adapter .*merge it"):
        dk.load(broken, device="cpu")


@pytest.mark.parametrize(
    ("name", "values", "message"),
    [
        ("unet/config.json", {"cross_attention_dim": 16}, r"words of 16 .* makes 16 \+ 24"),
        (
            "unet/config.json",
            {"projection_class_embeddings_input_dim": 30},
            "takes 30 numbers .* sums a text up in 12 .* takes 24",
        ),
        (
            "unet/config.json",
            {"projection_class_embeddings_input_dim": 10**9},
            "projection_class_embeddings_input_dim is 1000000000",
        ),
        (
            "unet/config.json",
            {"transformer_layers_per_block": [1, 2, 10**6]},
            "transformer_layers_per_block is",
        ),
        ("unet/config.json", {"addition_time_embed_dim": "x"}, "addition_time_embed_dim is 'x'"),
        ("unet/config.json", {"addition_embed_type": "image"}, "addition_embed_type is 'image'"),
        ("text_encoder_2/config.json", {"projection_dim": 13}, "sums a text up in 13"),
        ("text_encoder_2/config.json", {"projection_dim": -1}, "projection_dim is -1"),
        ("text_encoder_2/config.json", {"auto_map": {"a": "b"}}, "auto_map is"),
        ("model_index.json", {"force_zeros_for_empty_prompt": "no"}, "must be true or false"),
        ("vae/config.json", {"latents_mean": [0.1] * 4}, "latents_mean is .* and in XL"),
    ],
)
def test_a_configuration_that_cannot_be_is_told(broken, name, values, message):
    change(broken / name, **values)
    with pytest.raises(ValueError, match=message):
        dk.load(broken, device="cpu", size=SIDE)


def test_a_word_that_the_second_encoder_does_not_know_is_told(broken):
    write_tokenizer(broken / "tokenizer_2", pad_token="<new>")
    with pytest.raises(ValueError, match="makes the number 56, .* 0 to 55"):
        dk.load(broken, device="cpu", size=SIDE)


# Memory


def test_too_little_memory_is_told_before_a_weight_is_read(folder, monkeypatch):
    def refuse(*_, **__):
        raise AssertionError("weights were read")

    monkeypatch.setattr(memory, "free_bytes", lambda _: 10_000)
    monkeypatch.setattr(diffusers.UNet2DConditionModel, "from_pretrained", refuse)
    monkeypatch.setattr(transformers.CLIPTextModel, "from_pretrained", refuse)
    told = (
        r"tiny-xl is a Stable Diffusion XL: its weights take 6.41 MB in float32, a step at 1024 ×"
        r" 1024 px with a mask about 9.29 GB more, and cpu has 10 kB free. Make room"
    )
    with pytest.raises(torch.OutOfMemoryError, match=told):
        dk.load(folder, device="cpu")


def test_a_step_that_will_not_fit_is_told_and_tried(folder, monkeypatch):
    monkeypatch.setattr(memory, "free_bytes", lambda _: 5_000_000_000)
    with pytest.warns(UserWarning, match="a step at 1024 × 1024 px .* A smaller size takes less"):
        dk.load(folder, device="cpu")


@pytest.mark.filterwarnings("error")
def test_where_there_is_room_or_nobody_knows_nothing_is_said(folder, monkeypatch):
    for free in (None, 10**12):
        monkeypatch.setattr(memory, "free_bytes", lambda _, free=free: free)
        dk.load(folder, device="cpu", size=SIDE)


def test_free_memory_is_a_number_of_bytes():
    free = memory.free_bytes("cpu")
    assert free is None or 1e7 < free < 1e14
    assert memory.free_bytes("meta") is None
