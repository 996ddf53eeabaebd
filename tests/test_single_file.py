"""Stable Diffusion in a single file, and other files of safetensors at the wrong door."""

import json
import shutil
import socket
from math import prod

import pytest
import torch
from safetensors.torch import load_file, save_file

import dragkit as dk
from dragkit.models.diffusion import memory
from dragkit.models.diffusion.pipeline_settings import networks_without_weights
from dragkit.models.diffusion.published import SD_1, XL

diffusers = pytest.importorskip("diffusers")
transformers = pytest.importorskip("transformers")

from tests.lora_files import kohya  # noqa: E402
from tests.single_files import write_single_file  # noqa: E402
from tests.tiny_pipelines import WORDS, write, write_sd, write_xl  # noqa: E402

SIDE = 64
KINDS = {"sd": write_sd, "xl": write_xl}


@pytest.fixture(scope="module", params=list(KINDS))
def kind(request):
    return request.param


@pytest.fixture(scope="module")
def folder(kind, tmp_path_factory):
    return KINDS[kind](tmp_path_factory.mktemp("models") / kind)


@pytest.fixture(scope="module")
def sd(tmp_path_factory):
    return write_sd(tmp_path_factory.mktemp("models") / "tiny-sd")


@pytest.fixture(scope="module")
def single(folder, tmp_path_factory):
    return write_single_file(tmp_path_factory.mktemp("files") / "v1-5.safetensors", folder)


@pytest.fixture(scope="module")
def config(folder, tmp_path_factory):
    """The folder without its weights, as people keep it."""
    small = tmp_path_factory.mktemp("configs") / "config"
    return shutil.copytree(folder, small, ignore=shutil.ignore_patterns("*.safetensors"))


def opened(path, **settings):
    return dk.load(path, **{"device": "cpu", "size": SIDE} | settings)


def latent() -> torch.Tensor:
    return torch.randn(4, 8, 8, generator=torch.Generator().manual_seed(1))


def same(one, other) -> bool:
    """Equal to rounding: some processors add in another order where weights lie elsewhere."""
    return torch.allclose(one, other, rtol=0, atol=1e-5)


def refused(path, message, **settings) -> None:
    with pytest.raises(ValueError, match=message):
        opened(path, **settings)


# The same model as its folder


def test_a_single_file_is_the_model_of_its_folder(folder, single, config):
    file = opened(single, config=config, prompt="a lion")
    whole = opened(folder, prompt="a lion")
    assert torch.equal(file.text, whole.text) and file.name == "v1-5"
    assert same(file.view(latent()).features, whole.view(latent()).features)
    assert same(file.view(latent()).anchor, whole.view(latent()).anchor)
    assert same(file.view(latent()).image, whole.view(latent()).image)
    image = torch.rand(1, 3, SIDE, SIDE)
    with torch.no_grad():
        assert same(file.encode(image), whole.encode(image))
    assert not file.unet.training and not any(p.requires_grad for p in file.unet.parameters())


def test_the_libraries_say_nothing(single, config, capfd, caplog):
    before = diffusers.utils.logging.get_verbosity()
    diffusers.utils.logging.enable_propagation()
    opened(single, config=config, prompt="a lion")
    diffusers.utils.logging.disable_propagation()
    printed = capfd.readouterr()
    assert printed.out == printed.err == caplog.text == ""
    assert diffusers.utils.logging.get_verbosity() == before
    assert diffusers.utils.logging.is_progress_bar_enabled()


def test_of_an_average_and_the_weights_the_weights_are_taken(sd, single, config, tmp_path, capfd):
    weights = load_file(single)
    average = {
        "model_ema." + name.removeprefix("model.").replace(".", ""): 0 * value
        for name, value in weights.items()
        if name.startswith("model.diffusion_model.")
    }
    save_file(weights | average, tmp_path / "both.safetensors")
    both = opened(tmp_path / "both.safetensors", config=config)
    alone = opened(single, config=config)
    assert same(both.view(latent()).image, alone.view(latent()).image)
    assert "extract_ema" not in capfd.readouterr().err


def test_half_precision_is_opened_as_float32(folder, config, tmp_path):
    file = write_single_file(tmp_path / "half.safetensors", folder, half=True)
    model = opened(file, config=config)
    assert {weight.dtype for weight in model.unet.parameters()} == {torch.float32}
    assert model.invert(torch.rand(3, SIDE, SIDE)).isfinite().all()


def test_its_configuration_may_be_a_folder_of_the_hubs_cache(single, config, tmp_path):
    hub = tmp_path / "models--owner--name"
    shutil.copytree(config, hub / "snapshots" / "abc")
    found = opened(single, config=hub, prompt="a lion")
    assert torch.equal(found.text, opened(single, config=config, prompt="a lion").text)


def test_it_is_opened_without_the_network(single, config, monkeypatch):
    def refuse(*_, **__):
        raise AssertionError("the network was asked")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    opened(single, config=config, prompt="a lion")


def test_weights_of_others_beside_it_are_ignored(folder, single, config, tmp_path):
    """The moving averages that training leaves in a file are not those that are drawn with."""
    weights = load_file(single)
    averages = {"model_ema." + name.replace(".", ""): torch.zeros(1) for name in weights}
    file = tmp_path / "ema.safetensors"
    save_file(weights | averages | {"global_step": torch.tensor(7)}, file)
    found = opened(file, config=config).view(latent()).features
    assert same(found, opened(folder).view(latent()).features)


def test_a_style_lora_is_merged_into_it(folder, single, config, tmp_path):
    style = tmp_path / "style.safetensors"
    unet = diffusers.UNet2DConditionModel.from_pretrained(folder / "unet")
    save_file(kohya(unet, "lora_unet_", ".attn"), style)
    file = opened(single, config=config, lora=style, lora_weight=0.5)
    whole = opened(folder, lora=style, lora_weight=0.5)
    assert same(file.view(latent()).features, whole.view(latent()).features)


# Without a folder beside it


@pytest.fixture
def known(kind, folder, monkeypatch):
    """As if the tiny pipeline's configuration was one of those that were published."""
    from dragkit.models.diffusion import single_file
    from dragkit.models.diffusion.pipeline_settings import read_settings

    settings = read_settings(folder)
    words = settings["unet"]["cross_attention_dim"]
    monkeypatch.setattr(single_file, "BY_WORDS", {words: settings})


def test_what_was_published_needs_no_folder_for_the_empty_prompt(kind, folder, single, known):
    file, whole = opened(single), opened(folder)
    assert torch.equal(file.text, whole.text)
    assert same(file.view(latent()).features, whole.view(latent()).features)


def test_a_prompt_needs_a_tokenizer(kind, folder, single, known, tmp_path):
    told = (
        "is a single file, which has no tokenizer, so the prompt 'a lion' cannot be read; pass"
        " config=folder with tokenizer/vocab.json and tokenizer/merges.txt .* or leave the prompt"
    )
    refused(single, told, prompt="a lion")
    for name in ("tokenizer", "tokenizer_2"):
        if (folder / name).is_dir():
            shutil.copytree(folder / name, tmp_path / name)
    found = opened(single, prompt="a lion", config=tmp_path).text
    assert torch.equal(found, opened(folder, prompt="a lion").text)


def test_the_published_configurations_make_the_published_networks():
    """The numbers of weights that the papers and model cards give: 860 million for SD 1's UNet and
    2.6 billion for XL's.
    """
    counts = {
        name: {
            part: sum(prod(weight.shape) for weight in network.parameters())
            for part, network in networks_without_weights("here", settings).items()
        }
        for name, settings in {"1": SD_1, "XL": XL}.items()
    }
    assert counts["1"] == {
        "unet": 859_520_964,
        "vae": 83_653_863,
        "text_encoder": 123_060_480,
    }
    assert counts["XL"] == {
        "unet": 2_567_463_684,
        "vae": 83_653_863,
        "text_encoder": 123_060_480,
        "text_encoder_2": 694_659_840,
    }


# What is no such file


def test_a_configuration_that_nobody_knows_is_asked_for(single):
    refused(single, r"does not know .* pass config=folder with the small files .* unet/config")


def test_stable_diffusion_2_is_named_when_its_configuration_is_asked_for(tmp_path):
    file = tmp_path / "v2-1.safetensors"
    save_file(skeleton(words=1024), file)
    refused(file, "is Stable Diffusion 2 in a single file, whose configuration dragkit does not")


def test_the_configuration_of_another_model_is_refused_with_both_widths(sd, tmp_path):
    file = write_single_file(tmp_path / "v1-5.safetensors", sd)
    other = write_sd(tmp_path / "other", words=32)
    refused(file, "its words have 16 numbers; those of .*other have 32", config=other)


def skeleton(words=WORDS, channels=4, without=()):
    """The names by which a single file is known, and hardly any weights."""
    name = "model.diffusion_model.input_blocks.1.1.transformer_blocks.0.attn2.to_k.weight"
    weights = {
        "model.diffusion_model.input_blocks.0.0.weight": torch.zeros(8, channels, 3, 3),
        name: torch.zeros(8, words),
        "first_stage_model.x": torch.zeros(1),
        "cond_stage_model.x": torch.zeros(1),
    }
    return {key: value for key, value in weights.items() if not key.startswith(without)}


@pytest.mark.parametrize(
    ("weights", "message"),
    [
        (skeleton(768, channels=9), "is Stable Diffusion 1 in a single file, for inpainting"),
        (skeleton(2048, channels=8), "is Stable Diffusion XL in a single file, for inpainting or"),
        (skeleton(1280), "is Stable Diffusion XL's refiner in a single file, which cannot be"),
        (skeleton(768, without=("first_stage",)), r"1 in a single file, but without its autoenc"),
        (skeleton(768, without=("cond_stage",)), "1 in a single file, but without its text enc"),
        (
            {"model.diffusion_model.joint_blocks.0.x": torch.zeros(1)},
            "is a single file without a UNet of Stable Diffusion 1, 2 or XL",
        ),
        ({"control_model.x": torch.zeros(1)}, "is a ControlNet, which cannot be dragged"),
        ({"emb_params": torch.zeros(1, 768)}, "is a textual inversion"),
        ({"double_blocks.0.x": torch.zeros(1)}, "is a diffusion transformer alone"),
    ],
)
def test_files_of_other_kinds_are_named(tmp_path, weights, message):
    save_file(weights, tmp_path / "file.safetensors")
    refused(tmp_path / "file.safetensors", message)


def test_a_part_of_a_pipeline_is_named(sd):
    for name, message in {
        "unet/diffusion_pytorch_model": "is the UNet of a network whose words have 16 numbers alo",
        "vae/diffusion_pytorch_model": r"is an autoencoder \(VAE\) alone",
        "text_encoder/model": "is a text encoder alone",
    }.items():
        refused(sd / f"{name}.safetensors", message)


def test_a_file_that_is_not_complete_is_told(single, config, tmp_path):
    weights = load_file(single)
    first = "model.diffusion_model.input_blocks.1.0.in_layers.2.weight"
    for gone in (first, "first_stage_model.decoder.conv_in.weight"):
        file = tmp_path / "part.safetensors"
        save_file({name: value for name, value in weights.items() if name != gone}, file)
        refused(file, "is not complete: its networks need .* numbers, it has", config=config)
        filled = weights | {"unused": torch.zeros(weights[gone].numel())}
        save_file({name: value for name, value in filled.items() if name != gone}, file)
        refused(file, "does not hold a complete (unet|vae)", config=config)


def test_weights_of_another_shape_are_told(single, config, tmp_path):
    name = "model.diffusion_model.out.2.bias"
    save_file(load_file(single) | {name: torch.zeros(9)}, tmp_path / "file.safetensors")
    refused(tmp_path / "file.safetensors", "does not hold a complete unet", config=config)


def test_numbers_of_8_bits_are_told(single, config, tmp_path):
    weights = {name: value.to(torch.float8_e4m3fn) for name, value in load_file(single).items()}
    save_file(weights, tmp_path / "fp8.safetensors")
    refused(
        tmp_path / "fp8.safetensors", "numbers of type 'F8_E4M3'; dragkit reads", config=config
    )


def test_a_file_that_is_cut_short_is_told(single, config, tmp_path):
    file = tmp_path / "short.safetensors"
    file.write_bytes(single.read_bytes()[:-1000])
    refused(file, "it is cut short: it has .* bytes, and its header promises", config=config)


@pytest.mark.parametrize("config", ["no-such-folder", 7, "x" * 5000, "\0", True])
def test_a_config_that_is_no_folder_is_told(single, config):
    refused(
        single, "config is .*, which is no folder; give one with the small files", config=config
    )


def test_a_folder_has_its_own_config(folder):
    refused(folder, "but .* is a folder, which has its own; leave config", config=folder)


def test_a_hostile_configuration_beside_a_single_file_is_refused(sd, tmp_path):
    file = write_single_file(tmp_path / "file.safetensors", sd)
    config = shutil.copytree(sd, tmp_path / "config")
    path = config / "unet" / "config.json"
    good = json.loads(path.read_text())
    for values, message in (
        ({"block_out_channels": [2**20] * 4}, "from 1 to 4096"),
        ({"block_out_channels": [4096] * 4}, r"is not complete: its networks need 16,\d{3},\d{3}"),
        ({"norm_num_groups": 7}, "the configuration of unet makes no network .*divisible"),
    ):
        write(path, good | values)
        refused(file, message, config=config)


def test_too_little_memory_is_told_before_a_weight_is_read(single, config, monkeypatch):
    def refuse(*_, **__):
        raise AssertionError("weights were read")

    monkeypatch.setattr(memory, "free_bytes", lambda _: 10_000)
    monkeypatch.setattr(diffusers.StableDiffusionPipeline, "from_single_file", refuse)
    monkeypatch.setattr(diffusers.StableDiffusionXLPipeline, "from_single_file", refuse)
    with pytest.raises(torch.OutOfMemoryError, match="its weights take .* Make room"):
        opened(single, config=config)


@pytest.mark.parametrize(
    ("weights", "says"),
    [
        (skeleton(768), "is Stable Diffusion 1 in a single file, as a pickle"),
        ({"lora_unet_x.lora_down.weight": torch.zeros(2, 2)}, "is a LoRA that does not tell its"),
    ],
)
@pytest.mark.parametrize("inside", [False, True])
def test_a_pickle_is_named_too_and_where_to_go(tmp_path, weights, says, inside):
    file = tmp_path / "sd-v1-4.ckpt"
    torch.save({"state_dict": weights, "global_step": 7} if inside else weights, file)
    with pytest.raises(dk.models.gan.checkpoint.CheckpointError, match=f"{says}.*safetensors"):
        opened(file)
