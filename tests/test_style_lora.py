"""LoRAs of others, merged into their base: against diffusers' own merging, name by name."""

import copy
import json
import shutil
import socket

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from safetensors.torch import load_file, save_file

import dragkit as dk
from dragkit.models.diffusion.lora_names import layers_of, place_of
from dragkit.models.diffusion.style_lora import read_style_lora
from tests.fuzzing import flipped, many

diffusers = pytest.importorskip("diffusers")
transformers = pytest.importorskip("transformers")

from tests.lora_files import (  # noqa: E402
    RANK,
    diffusers_names,
    kohya,
    layers,
    matrices,
    old_names,
)
from tests.tiny_pipelines import tiny_unet, tiny_xl_unet, write_sd, write_xl  # noqa: E402

SIDE, WEIGHT = 64, 0.7


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return write_sd(tmp_path_factory.mktemp("models") / "tiny-sd")


@pytest.fixture(scope="module")
def xl_folder(tmp_path_factory):
    return write_xl(tmp_path_factory.mktemp("models") / "tiny-xl")


@pytest.fixture(scope="module")
def base(folder):
    return dk.load(folder, device="cpu", size=SIDE, prompt="a lion")


@pytest.fixture
def file(tmp_path):
    return tmp_path / "style.safetensors"


def unet_of(folder):
    return diffusers.UNet2DConditionModel.from_pretrained(folder / "unet")


def clip_of(folder, part="text_encoder"):
    kind = transformers.CLIPTextModel
    if part.endswith("2"):
        kind = transformers.CLIPTextModelWithProjection
    return kind.from_pretrained(folder / part)


def merged(folder, file, weight=WEIGHT, **settings):
    return dk.load(
        folder, device="cpu", size=SIDE, prompt="a lion", lora=file, lora_weight=weight, **settings
    )


def by_diffusers(folder, file, weight=WEIGHT):
    """The pipeline with the LoRA, as diffusers reads and merges it."""
    tokenizer = transformers.CLIPTokenizer.from_pretrained(folder / "tokenizer")
    pipeline = diffusers.StableDiffusionPipeline(
        vae=diffusers.AutoencoderKL.from_pretrained(folder / "vae"),
        unet=unet_of(folder),
        text_encoder=clip_of(folder),
        tokenizer=tokenizer,
        scheduler=diffusers.DDIMScheduler.from_pretrained(folder / "scheduler"),
        safety_checker=None,
        feature_extractor=None,
        requires_safety_checker=False,
    )
    pipeline.load_lora_weights(file.parent, weight_name=file.name)
    pipeline.fuse_lora(lora_scale=weight)
    pipeline.unload_lora_weights()
    return pipeline


def assert_same_weights(found, expected, base) -> None:
    found, base = dict(found.named_parameters()), dict(base.named_parameters())
    changed = 0
    for name, weight in expected.named_parameters():
        torch.testing.assert_close(found[name], weight, atol=1e-6, rtol=1e-5)
        changed += not torch.equal(base[name], weight)
    assert changed


# Merged as diffusers merges it


@pytest.mark.parametrize("inside", [".attn", "attentions", ""], ids=["attn", "blocks", "all"])
@pytest.mark.parametrize("write", ["kohya", "kohya without alpha", "diffusers"])
def test_the_unet_is_corrected_as_by_diffusers(folder, file, base, inside, write):
    """Attention alone, all of the transformers, and convolutions and time as well."""
    unet = unet_of(folder)
    if write == "diffusers":
        save_file(diffusers_names(unet, "unet", inside), file)
    else:
        alpha = 1.0 if write == "kohya" else None
        save_file(kohya(unet, "lora_unet_", inside, alpha), file)
    assert_same_weights(merged(folder, file).unet, by_diffusers(folder, file).unet, base.unet)


@pytest.mark.parametrize("prefix", ["lora_te_text_model_", "lora_te1_text_model_", "diffusers"])
def test_the_text_encoder_is_corrected_as_by_diffusers(folder, file, base, prefix):
    unet, clip = unet_of(folder), clip_of(folder)
    if prefix == "diffusers":
        names = diffusers_names(unet, "unet", ".attn") | diffusers_names(clip, "text_encoder")
    else:
        names = kohya(unet, "lora_unet_", ".attn") | kohya(clip, prefix)
    save_file(names, file)
    words, empty = by_diffusers(folder, file).encode_prompt("a lion", "cpu", 1, True)
    found = merged(folder, file).text
    torch.testing.assert_close(found, torch.cat([empty, words]), atol=1e-5, rtol=1e-4)
    if prefix != "lora_te1_text_model_":  # diffusers reads it for XL alone, but the words move
        assert not torch.allclose(found, base.text, atol=1e-3)


@pytest.mark.parametrize("write", [kohya, diffusers_names])
def test_a_lora_of_stable_diffusion_2_is_merged_as_by_diffusers(tmp_path, file, write):
    """Its transformers begin and end in linear layers, where 1.5 has convolutions."""
    folder = write_sd(tmp_path / "sd2", words=32, use_linear_projection=True)
    unet = unet_of(folder)
    save_file(write(unet, "lora_unet_" if write is kohya else "unet", "attentions"), file)
    assert_same_weights(merged(folder, file).unet, by_diffusers(folder, file).unet, unet)


def test_a_lora_of_convolutions_fits_linear_layers_that_do_the_same(tmp_path, folder, file):
    """Some trainers write 1 x 1 convolutions as matrices, or the other way round."""
    names = kohya(unet_of(folder), "lora_unet_", "proj_in")
    flat = {name: value.flatten(1) if value.ndim else value for name, value in names.items()}
    save_file(names, file)
    save_file(flat, tmp_path / "flat.safetensors")
    assert_same_weights(
        merged(folder, file).unet,
        merged(folder, tmp_path / "flat.safetensors").unet,
        unet_of(folder),
    )


def test_the_names_that_diffusers_used_before_mean_the_same(folder, file, tmp_path):
    unet, now = unet_of(folder), tmp_path / "now.safetensors"
    save_file(old_names(unet), file)
    save_file(diffusers_names(unet, "unet", ".attn"), now)
    old, new = merged(folder, file).unet.state_dict(), merged(folder, now).unet.state_dict()
    assert all(torch.equal(old[name], new[name]) for name in new)


@pytest.mark.parametrize("part", ["unet.", ""])
def test_an_alpha_that_diffusers_notes_beside_the_weights_counts(folder, file, base, part):
    """As its trainers save it since 2025, and bare, as unet.save_lora_adapter does."""
    noted = {f"{part}r": RANK, f"{part}lora_alpha": 8, f"{part}alpha_pattern": {}}
    names = diffusers_names(unet_of(folder), "unet", ".attn")
    save_file(names, file, {"lora_adapter_metadata": json.dumps(noted), "format": "pt"})
    corrected = merged(folder, file, 0.5).unet
    for number, (path, layer) in enumerate(layers(base.unet, ".attn")):
        down, up = matrices(layer, number)
        expected = layer.weight + 0.5 * 8 / RANK * (up @ down)
        torch.testing.assert_close(corrected.get_submodule(path).weight, expected)


def test_half_precision_is_added_in_float32(folder, file, base):
    names = kohya(unet_of(folder), "lora_unet_", ".attn")
    save_file({name: value.bfloat16() for name, value in names.items()}, file)
    path, layer = next(iter(layers(base.unet, ".attn")))
    down, up = (matrix.bfloat16().float() for matrix in matrices(layer, 0))
    expected = layer.weight + WEIGHT / RANK * (up @ down)
    torch.testing.assert_close(merged(folder, file).unet.get_submodule(path).weight, expected)


@pytest.mark.parametrize("write", [write_sd, write_xl])
def test_weights_in_half_precision_are_corrected_in_float32(write, file, tmp_path):
    """A folder of halves, and the same numbers as float32, make the same model."""
    halves, wholes = write(tmp_path / "halves"), tmp_path / "wholes"
    shutil.copytree(halves, wholes)
    for path in halves.rglob("*.safetensors"):
        numbers = {name: value.half() for name, value in load_file(path).items()}
        save_file(numbers, path, {"format": "pt"})
        numbers = {name: value.float() for name, value in numbers.items()}
        save_file(numbers, wholes / path.relative_to(halves), {"format": "pt"})
    encoders = {"text_encoder": "lora_te_", "text_encoder_2": "lora_te2_"}
    names = kohya(unet_of(wholes), "lora_unet_", ".attn")
    for part in (part for part in encoders if (wholes / part).exists()):
        names |= kohya(clip_of(wholes, part), encoders[part], "self_attn")
    save_file(names, file)

    half, whole = merged(halves, file), merged(wholes, file)
    assert torch.equal(half.text, whole.text)
    assert half.added is None or torch.equal(half.added.pooled, whole.added.pooled)
    pairs = zip(half.unet.parameters(), whole.unet.parameters(), strict=True)
    assert all(torch.equal(one, another) for one, another in pairs)


@pytest.mark.parametrize("dtype", ["bfloat16", "float16"])
def test_what_is_stored_in_half_precision_is_rounded_once(folder, file, dtype, monkeypatch):
    monkeypatch.setattr("dragkit.models.precision._has", lambda *_: True)
    save_file(kohya(unet_of(folder), "lora_unet_", ".attn"), file)
    half, whole = merged(folder, file, dtype=dtype), merged(folder, file)
    pairs = zip(half.unet.parameters(), whole.unet.parameters(), strict=True)
    assert all(torch.equal(one, another.to(getattr(torch, dtype))) for one, another in pairs)


def test_a_weight_of_zero_changes_nothing_and_its_negative_takes_it_away(folder, file, base):
    save_file(kohya(unet_of(folder), "lora_unet_", ".attn"), file)
    none, plus, minus = (merged(folder, file, w).unet.state_dict() for w in (0, 1, -1))
    for name, weight in base.unet.state_dict().items():
        assert torch.equal(none[name], weight)
        torch.testing.assert_close(plus[name] + minus[name], 2 * weight, atol=1e-5, rtol=1e-5)


def test_the_base_on_the_disk_is_not_changed(folder, file):
    before = (folder / "unet" / "diffusion_pytorch_model.safetensors").read_bytes()
    save_file(kohya(unet_of(folder), "lora_unet_"), file)
    merged(folder, file)
    assert (folder / "unet" / "diffusion_pytorch_model.safetensors").read_bytes() == before


def test_the_model_with_it_is_dragged_and_knows_its_name(folder, file, base):
    save_file(kohya(unet_of(folder), "lora_unet_", ".attn"), file)
    model = merged(folder, file, strength=0.1)
    assert model.notes["style"] == "style.safetensors, weight 0.7"
    assert model.fingerprint != base.fingerprint
    assert model.view(torch.randn(4, 8, 8)).features.isfinite().all()
    with pytest.raises(ValueError, match="with style 'style.safetensors, weight 0.7', this"):
        dk.load(folder, device="cpu", size=SIDE, prompt="a lion", strength=0.1).restore(
            torch.randn(4, 8, 8), model.metadata
        )


# XL


def test_xl_is_corrected_as_by_diffusers(xl_folder, file):
    unet = unet_of(xl_folder)
    names = kohya(unet, "lora_unet_", ".attn")
    names |= kohya(clip_of(xl_folder), "lora_te1_text_model_")
    second = clip_of(xl_folder, "text_encoder_2")
    names |= kohya(second, "lora_te2_", "text_model")
    save_file(names, file)
    pipeline = diffusers.StableDiffusionXLPipeline.from_pretrained(xl_folder)
    words, _, pooled, _ = pipeline.encode_prompt("a lion", do_classifier_free_guidance=False)
    pipeline.load_lora_weights(file.parent, weight_name=file.name)
    pipeline.fuse_lora(lora_scale=WEIGHT)
    pipeline.unload_lora_weights()

    model = merged(xl_folder, file)
    assert_same_weights(model.unet, pipeline.unet, unet)
    expected, _, summary, _ = pipeline.encode_prompt("a lion", do_classifier_free_guidance=False)
    torch.testing.assert_close(model.text[1:], expected, atol=1e-4, rtol=1e-4)
    torch.testing.assert_close(model.added.pooled[1:], summary, atol=1e-4, rtol=1e-4)
    assert not torch.allclose(expected, words, atol=1e-3)
    assert not torch.allclose(summary, pooled, atol=1e-3)


def test_the_names_of_xls_original_code_are_its_layers(xl_folder):
    """Written by hand, after the lists in kohya's trainer."""
    known = layers_of(unet_of(xl_folder))
    unet = unet_of(xl_folder)
    for original, path in {
        "input_blocks_0_0": "conv_in",
        "input_blocks_1_0_in_layers_2": "down_blocks.0.resnets.0.conv1",
        "input_blocks_3_0_op": "down_blocks.0.downsamplers.0.conv",
        "input_blocks_4_0_skip_connection": "down_blocks.1.resnets.0.conv_shortcut",
        "input_blocks_4_1_proj_in": "down_blocks.1.attentions.0.proj_in",
        "input_blocks_8_1_transformer_blocks_9_attn2_to_out_0": (
            "down_blocks.2.attentions.1.transformer_blocks.9.attn2.to_out.0"
        ),
        "middle_block_0_emb_layers_1": "mid_block.resnets.0.time_emb_proj",
        "middle_block_1_transformer_blocks_0_ff_net_0_proj": (
            "mid_block.attentions.0.transformer_blocks.0.ff.net.0.proj"
        ),
        "middle_block_2_out_layers_3": "mid_block.resnets.1.conv2",
        "output_blocks_0_1_transformer_blocks_3_attn1_to_q": (
            "up_blocks.0.attentions.0.transformer_blocks.3.attn1.to_q"
        ),
        "output_blocks_2_2_conv": "up_blocks.0.upsamplers.0.conv",
        "output_blocks_5_1_proj_out": "up_blocks.1.attentions.2.proj_out",
        "output_blocks_8_0_in_layers_2": "up_blocks.2.resnets.2.conv1",
        "time_embed_2": "time_embedding.linear_2",
        "label_emb_0_0": "add_embedding.linear_1",
        "out_2": "conv_out",
    }.items():
        same = unet.get_submodule(path).weight
        assert known[original].weight.shape == same.shape
        assert torch.equal(known[original].weight, same), original


@pytest.mark.parametrize("unet", [tiny_unet, tiny_xl_unet])
def test_no_two_layers_have_one_name(unet):
    unet = unet()
    known = layers_of(unet)
    names = {path.replace(".", "_"): layer for path, layer in layers(unet)}
    assert all(known[name] is layer for name, layer in names.items())


# What does not fit


def refused(folder, file, message, **settings) -> None:
    with pytest.raises(ValueError, match=message):
        dk.load(folder, **{"device": "cpu", "size": SIDE, "lora": file} | settings)


@pytest.mark.parametrize("inside", ["", "attn2"])
def test_a_lora_of_another_base_is_refused_with_both_widths(folder, file, inside):
    save_file(kohya(tiny_unet(cross_attention_dim=32), "lora_unet_", inside), file)
    refused(folder, file, "its words have 32 numbers, and this pipeline's have 16")


@pytest.mark.parametrize(("words", "base"), [(768, "1"), (1024, "2"), (2048, "XL")])
def test_the_base_is_called_by_its_name(folder, file, words, base):
    down, up = torch.zeros(1, words), torch.zeros(8, 1)
    name = "lora_unet_down_blocks_0_attentions_0_transformer_blocks_0_attn2_to_k"
    save_file({f"{name}.lora_down.weight": down, f"{name}.lora_up.weight": up}, file)
    refused(folder, file, f"is a LoRA of Stable Diffusion {base}: its words have {words} numbers")


def test_without_a_layer_that_reads_words_the_shapes_tell_both_widths(folder, file):
    other = tiny_unet(block_out_channels=(8, 16, 64, 64))
    save_file(kohya(other, "lora_unet_", "attn1"), file)
    refused(folder, file, r"corrects '.*' of unet by \(64, 2\) times \(2, 64\) .* has \(32, 32\)")


def test_a_second_text_encoder_means_xl(folder, xl_folder, file):
    second = clip_of(xl_folder, "text_encoder_2")
    save_file(kohya(second, "lora_te2_", "self_attn"), file)
    refused(folder, file, "corrects text_encoder_2, a part .* its base is Stable Diffusion XL")


def test_nothing_is_read_before_all_of_it_fits(folder, file, monkeypatch):
    def refuse(*_, **__):
        raise AssertionError("weights were read")

    monkeypatch.setattr(diffusers.UNet2DConditionModel, "from_pretrained", refuse)
    monkeypatch.setattr(transformers.CLIPTextModel, "from_pretrained", refuse)
    monkeypatch.setattr(socket.socket, "connect", refuse)
    save_file(kohya(tiny_unet(cross_attention_dim=32), "lora_unet_", "attn2"), file)
    refused(folder, file, "its words have 32 numbers")


LAYER = "lora_unet_down_blocks_0_attentions_0_transformer_blocks_0_attn1_to_q"


@pytest.mark.parametrize(
    ("tensors", "message"),
    [
        ({"lora_down.weight": (2, 8)}, "of '.*attn1_to_q' the matrix up is missing"),
        ({"lora_up.weight": (8, 2)}, "the matrix down is missing"),
        ({"lora_down.weight": (2, 8), "lora_up.weight": (8, 3)}, r"by \(8, 3\) times \(2, 8\)"),
        ({"lora_down.weight": (0, 8), "lora_up.weight": (8, 0)}, r"by \(8, 0\) times \(0, 8\)"),
        ({"lora_down.weight": (), "lora_up.weight": (8, 0)}, r"by \(8, 0\) times \(0, 0\)"),
        (
            {"lora_down.weight": (2, 8), "lora_up.weight": (8, 2), "alpha": (2,)},
            "the alpha of .* is not one number",
        ),
        ({"hada_w1_a": (2, 8)}, r"is a LoHa \(LyCORIS\)"),
        ({"lokr_w1": (2, 8)}, r"is a LoKr \(LyCORIS\)"),
        ({"lora_down.weight": (2, 8), "dora_scale": (1, 8)}, "is a DoRA"),
        ({"lora_mid.weight": (2, 2, 3, 3)}, "is a LoRA with a third matrix"),
        ({"diff": (8, 8)}, "is a difference of whole weights"),
    ],
)
def test_what_is_no_whole_lora_is_told(folder, file, tensors, message):
    save_file({f"{LAYER}.{name}": torch.ones(shape) for name, shape in tensors.items()}, file)
    refused(folder, file, message)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("lora_unet_double_blocks_0_img_attn.lora_down.weight", "of a diffusion transformer"),
        ("transformer.single_transformer_blocks.0.lora_A.weight", "of a diffusion transformer"),
        ("base_model.model.down_blocks.0.x.lora_A.weight", "LoRA as peft saves it, with its alph"),
        ("lora_unet_no_such_layer.lora_down.weight", "'no_such_layer' of unet, which this pipeli"),
        ("elsewhere.to_q.lora_down.weight", "which is no part of a LoRA that dragkit knows"),
        ("model.weight", "is no LoRA of a diffusion model"),
    ],
)
def test_names_of_others_are_told(folder, file, name, message):
    save_file({name: torch.zeros(2, 8)}, file)
    refused(folder, file, message)


def test_two_tensors_for_one_place_are_told(folder, file):
    names = kohya(unet_of(folder), "lora_unet_", ".attn")
    save_file(names | diffusers_names(unet_of(folder), "unet", ".attn"), file)
    refused(folder, file, "has two tensors for one place")


@pytest.mark.parametrize("value", [float("nan"), float("inf"), 3e38])
def test_numbers_that_are_not_finite_are_told(folder, file, value):
    names = kohya(unet_of(folder), "lora_unet_", ".attn")
    last = list(names)[-2]
    save_file(names | {last: torch.full_like(names[last], value)}, file)
    refused(folder, file, "is damaged: .* of unet is not finite with lora_weight 1")


@pytest.mark.parametrize(
    ("noted", "message"),
    [
        ("[" * 100_000, "lora_adapter_metadata is not JSON"),
        ('{"unet.alpha_pattern": {"to_q": 2}}', "alpha_pattern"),
        ('{"unet.use_rslora": true}', "use_rslora"),
        ('{"alpha_pattern": {"to_q": 2}}', "alpha_pattern"),
        ('{"use_rslora": true}', "use_rslora"),
        ('{"use_dora": true}', "use_dora"),
    ],
)
def test_notes_that_are_not_read_are_told(folder, file, noted, message):
    names = diffusers_names(unet_of(folder), "unet", ".attn")
    save_file(names, file, {"lora_adapter_metadata": noted})
    refused(folder, file, message)


@pytest.mark.parametrize(
    ("content", "kind"),
    [
        (b"PK\x03\x04" + bytes(40), "not safetensors, but a zip archive, as torch writes"),
        (b"\x80\x02}q\x00.", "not safetensors, but a pickle; give a whole file of safetensors"),
        (b"\xff" * 64, "not safetensors, but a file that begins with ff ff"),
    ],
)
def test_a_file_of_another_kind_is_told(folder, file, content, kind):
    file.write_bytes(content)
    refused(folder, file, f"cannot be read as a LoRA: {kind}")


@pytest.mark.parametrize(
    ("content", "kind"),
    [
        (b"", "empty"),
        (b"version https://git-lfs.github.com/spec/v1\nsize 3000000\n", "pointer.* of 3 MB"),
        (b'{"error": "Unauthorized"}', "a text that begins with"),
        (b"<!DOCTYPE html>", "a web page"),
    ],
)
def test_a_text_in_its_place_is_named(folder, file, content, kind):
    file.write_bytes(content)
    refused(folder, file, f"{file.name} is .*{kind}")


def test_a_file_that_is_cut_short_is_told(folder, file):
    save_file(kohya(unet_of(folder), "lora_unet_", ".attn"), file)
    file.write_bytes(file.read_bytes()[:-10])
    refused(folder, file, "cut short: it has .* bytes, and its header promises")


def test_a_header_that_is_too_long_is_refused(folder, file):
    file.write_bytes((5 << 20).to_bytes(8, "little") + b"{" * (6 << 20))
    refused(folder, file, "a header of 5242880 bytes; at most 4194304")


@pytest.mark.parametrize("weight", ["1", None, float("nan"), True, 11, -11, 1j])
def test_a_weight_that_is_none_is_told(folder, file, weight):
    save_file(kohya(unet_of(folder), "lora_unet_", "attn2"), file)
    refused(folder, file, "lora_weight is .*; give a number from -10 to 10", lora_weight=weight)


@pytest.mark.parametrize("lora", ["no-such-file.safetensors", 7, "x" * 5000, "\0"])
def test_a_path_that_leads_nowhere_is_told(folder, lora):
    refused(folder, lora, "lora is .*, which is no file")


def test_other_files_are_named_at_this_door(folder, file, base):
    for part, says in {
        "unet/diffusion_pytorch_model": "is the UNet of a network whose words have 16 numbers",
        "vae/diffusion_pytorch_model": r"is an autoencoder \(VAE\) alone",
        "text_encoder/model": "is a text encoder alone",
    }.items():
        refused(folder, folder / f"{part}.safetensors", f"{says}.*lora= takes a style LoRA")
    dk.lora(base, torch.rand(3, SIDE, SIDE), rank=2, steps=1, file=file)
    refused(folder, file, r"is a LoRA of one image that dk.lora\(model, image, file=…\) saved")


def test_a_lora_at_the_door_of_models_is_told_where_it_belongs(folder, file):
    save_file(kohya(unet_of(folder), "lora_unet_", "attn2"), file)
    told = (
        r"is a LoRA of a network whose words have 16 numbers, which cannot be dragged by itself;"
        r" load its base, and pass the LoRA along: dragkit.load\(base, lora='.*style.safetensors'"
    )
    with pytest.raises(ValueError, match=told):
        dk.load(file)


def test_a_lora_at_the_door_of_identity_loras_is_told(folder, file, base):
    save_file(kohya(unet_of(folder), "lora_unet_", "attn2"), file)
    told = r"is a LoRA of a network .*words have 16 numbers, not .*dk.load\(…, lora='.*'\)"
    with pytest.raises(ValueError, match=told):
        dk.lora(base, torch.rand(3, SIDE, SIDE), rank=2, steps=1, file=file)
    assert load_file(file).keys() == kohya(unet_of(folder), "lora_unet_", "attn2").keys()


def test_numbers_of_8_bits_are_told(folder, file):
    names = kohya(unet_of(folder), "lora_unet_", "attn2")
    save_file({name: value.to(torch.float8_e4m3fn) for name, value in names.items()}, file)
    refused(folder, file, "has numbers of type 'F8_E4M3'; dragkit reads F16")


@pytest.fixture(scope="module")
def good_lora(folder, tmp_path_factory):
    path = tmp_path_factory.mktemp("loras") / "good.safetensors"
    save_file(kohya(unet_of(folder), "lora_unet_", "attn2"), path, {"lora_adapter_metadata": "{}"})
    return path.read_bytes()


@pytest.mark.long
@given(data=st.data())
@many
def test_fuzz_loras(base, good_lora, tmp_path_factory, data):
    """A damaged file is refused in words, or is a LoRA that is checked and merged."""
    file = tmp_path_factory.getbasetemp() / "damaged.safetensors"
    start = data.draw(st.integers(0, 3000))
    file.write_bytes(good_lora[:start] + flipped(data, good_lora[start:]))
    network = copy.deepcopy(base.unet)
    try:
        lora = read_style_lora(file, 1.0)
        lora.check({"unet": network})
        lora.merge("unet", network)
    except ValueError as error:
        assert str(error)


@given(name=st.text(st.sampled_from("lora_unet.tedownupAB weight\n"), max_size=60))
@many
def test_fuzz_names(name):
    """Any name is a place or is not; nothing else happens."""
    place = place_of(name)
    assert place is None or place.role in ("down", "up", "alpha")


def test_a_lora_of_peft_is_named_with_the_way_out(folder, file):
    names = diffusers_names(unet_of(folder), "base_model.model", ".attn")
    save_file(names, file)
    refused(folder, file, r"a LoRA as peft saves it, .*adapter_config\.json.*merge_and_unload")
    save_file({name: value for name, value in names.items() if "attn2" not in name}, file)
    refused(folder, file, r"with its alpha in adapter_config\.json; merge it")


def test_of_a_folder_a_file_is_asked_for(folder, file, tmp_path):
    save_file(diffusers_names(unet_of(folder), "unet", ".attn"), file)
    refused(folder, tmp_path, f"lora is the folder .*; give one file in it: .*{file.name}")
    (tmp_path / "empty").mkdir()
    refused(folder, tmp_path / "empty", "it has none of safetensors")
