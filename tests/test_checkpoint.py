"""Every format of checkpoint that is read, written by the test itself: the images must be those
of the network it came from.
"""

import argparse
import json
import subprocess
import sys

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

import dragkit as dk
from dragkit.models import zoo
from dragkit.models.gan import checkpoint
from dragkit.models.gan.checkpoint import CheckpointError
from tests.checkpoint_files import (
    foreign_modules,
    network,
    persistent,
    rosinality,
    write,
    write_nvidia,
    write_tensorflow,
)


def assert_same_image(path, made, **settings):
    model, latent = (
        dk.load(path, device="cpu", **settings),
        torch.randn(made.synthesis.num_ws, 8, generator=torch.Generator().manual_seed(5)),
    )
    expected = made.synthesis(latent[None])[0].add(1).div(2).clamp(0, 1)
    assert expected.std() > 0.1
    torch.testing.assert_close(model.finish(latent), expected, atol=1e-5, rtol=1e-5)
    return model


@pytest.mark.parametrize("side", [8, 16, 64])
@pytest.mark.parametrize("protocol", [2, 3, 4, 5])
def test_nvidia_pickle(tmp_path, side, protocol):
    made = network(side)
    model = assert_same_image(write_nvidia(tmp_path / "lions.pkl", made, protocol=protocol), made)
    torch.testing.assert_close(model.generator.mapping.w_avg, made.mapping.w_avg)
    assert model.name == "lions" and model.size == (side, side)


@pytest.mark.parametrize("side, protocol", [(8, 4), (16, 2), (16, 5), (64, 4)])
def test_tensorflow_pickle(tmp_path, side, protocol):
    made = network(side)
    model = assert_same_image(write_tensorflow(tmp_path / "car.pkl", made, protocol), made)
    torch.testing.assert_close(
        model.sample(3),
        dk.load(write_nvidia(tmp_path / "same.pkl", made), device="cpu").sample(3),
        atol=1e-5,
        rtol=1e-5,
    )


@pytest.mark.parametrize("newer", [True, False], ids=["zip", "older format"])
@pytest.mark.parametrize("side", [8, 16, 64])
def test_rosinality_file(tmp_path, side, newer):
    made, path = network(side), tmp_path / "cat.pt"
    torch.save(
        {"g_ema": rosinality(made), "latent_avg": made.mapping.w_avg},
        path,
        _use_new_zipfile_serialization=newer,
    )
    model = assert_same_image(path, made)
    torch.testing.assert_close(model.generator.mapping.w_avg, made.mapping.w_avg)


def test_rosinality_training_checkpoint_gets_its_average_from_its_mapping_network(tmp_path):
    made, other = network(16), torch.nn.Linear(2, 2)
    adam = torch.optim.Adam(other.parameters())
    other(torch.ones(2)).sum().backward()
    adam.step()
    data = {
        "g": rosinality(network(16, seed=1)),
        "d": other.state_dict(),
        "g_ema": rosinality(made),
        "g_optim": adam.state_dict(),
    }
    torch.save(
        data | {"args": argparse.Namespace(size=16), "ada_aug_p": 0.2}, tmp_path / "000100.pt"
    )
    model = assert_same_image(tmp_path / "000100.pt", made)
    z = torch.randn(4000, 8, generator=torch.Generator().manual_seed(1))
    torch.testing.assert_close(
        model.generator.mapping.w_avg, made.mapping(z).mean(0), atol=0.1, rtol=0.1
    )


def test_state_dict_and_whole_generator_in_torch_files(tmp_path):
    made = network(16)
    torch.save(made.state_dict(), tmp_path / "state.pt")
    with foreign_modules():
        torch.save(persistent(made), tmp_path / "tuned.pt")
    assert_same_image(tmp_path / "state.pt", made)
    assert_same_image(tmp_path / "tuned.pt", made)


def test_half_precision_and_channels_last_are_read(tmp_path):
    made = network(16)
    torch.save(
        {name: value.half() for name, value in made.state_dict().items()}, tmp_path / "half.pt"
    )
    rounded = network(16)
    rounded.load_state_dict(
        {name: value.half().float() for name, value in made.state_dict().items()}
    )
    assert_same_image(tmp_path / "half.pt", rounded)
    assert_same_image(
        write_nvidia(tmp_path / "last.pkl", network(16).to(memory_format=torch.channels_last)),
        made,
    )


def test_the_clamp_of_the_file_is_kept(tmp_path):
    made, free = network(16, clamp=0.5), network(16)
    path = write_nvidia(tmp_path / "clamped.pkl", made, clamp=0.5)
    assert_same_image(path, made)
    assert_same_image(dk.convert(path), made)
    with pytest.raises(AssertionError):
        assert_same_image(path, free)


def test_the_clamp_of_a_tensorflow_file_is_an_argument(tmp_path):
    made = network(16, clamp=0.5)
    assert_same_image(write_tensorflow(tmp_path / "a.pkl", made, conv_clamp=0.5), made)


@pytest.mark.parametrize("shape", [(1, 8), (6, 8)])
def test_an_average_latent_may_come_in_rows(tmp_path, shape):
    made = network(16)
    torch.save(
        {"g_ema": rosinality(made), "latent_avg": made.mapping.w_avg.expand(shape).clone()},
        tmp_path / "a.pt",
    )
    torch.testing.assert_close(
        assert_same_image(tmp_path / "a.pt", made).generator.mapping.w_avg, made.mapping.w_avg
    )


def test_harmless_company_does_not_refuse_a_file(tmp_path):
    made = network(16)
    company = {
        "device": torch.device("cpu"),
        "size": torch.Size([3, 4]),
        "seen": np.random.RandomState(0).get_state()[1],
        "one": torch.zeros(1).expand(3),
    }
    torch.save(
        {"G_ema": made.state_dict(), "rest": company, "empty": np.zeros(0)}, tmp_path / "a.pt"
    )
    assert_same_image(tmp_path / "a.pt", made)


def test_an_older_generator_is_named(tmp_path):
    torch.save(
        {
            "synthesis/4x4/Const/const": torch.zeros(1, 8, 4, 4),
            "synthesis/4x4/Const/StyleMod/weight": torch.zeros(8, 8),
        },
        tmp_path / "a.pt",
    )
    with pytest.raises(CheckpointError, match="StyleGAN .the first. or older"):
        dk.load(tmp_path / "a.pt")


def test_convert_writes_over_nothing_that_is_not_its_own(tmp_path):
    path = write_nvidia(tmp_path / "a.part", network(8))
    (tmp_path / "b.json").write_text('{"precious": 1}')
    with pytest.raises(ValueError, match="b.json exists already"):
        dk.convert(path, tmp_path / "b.safetensors")
    dk.convert(dk.convert(path), tmp_path / "c.safetensors")
    dk.convert(path, tmp_path / "c.safetensors")
    assert path.exists() and "precious" in (tmp_path / "b.json").read_text()


@pytest.mark.parametrize("text", ["{broken", "[1]", "\xff"])
def test_a_card_that_is_none_is_named(tmp_path, text):
    path = write_nvidia(tmp_path / "a.pkl", network(8))
    path.with_suffix(".json").write_text(text, encoding="latin1")
    with pytest.raises(ValueError, match="a.json, the card of a.pkl"):
        dk.load(path)


def test_the_content_tells_the_format_not_the_name(tmp_path):
    made = network(16)
    for name, make in {"a.safetensors": write_nvidia, "b.txt": write_tensorflow}.items():
        assert_same_image(make(tmp_path / name, made), made)
    torch.save(made.state_dict(), tmp_path / "c.pkl")
    assert_same_image(tmp_path / "c.pkl", made)
    dk.convert(tmp_path / "c.pkl").rename(tmp_path / "d")
    assert_same_image(tmp_path / "d", made)


def test_safetensors_are_told_from_pickles_whatever_the_length_of_their_header(tmp_path):
    made, first = network(8), set()
    for pad in range(0, 256, 8):
        save_file(made.state_dict(), tmp_path / "a", {"pad": "x" * pad})
        first.add((tmp_path / "a").read_bytes()[:1])
        assert checkpoint.read(tmp_path / "a").format == "safetensors"
    assert b"\x80" in first


def test_convert_keeps_the_generator_alone_and_says_where_it_came_from(tmp_path):
    made, path = network(32), tmp_path / "stylegan2_lions_512_pytorch.pkl"
    write_nvidia(path, made)
    path.with_suffix(".json").write_text(json.dumps({"feature_block": 8, "rows": 4}))
    new = dk.convert(path)
    model = assert_same_image(new, made)
    assert new.stat().st_size < path.stat().st_size / 1.5
    card = zoo.card(new)
    assert (
        card["source"] == path.name
        and len(card["sha256 of the source"]) == 64
        and "non-commercial" in card["licence"].lower()
    )
    assert (model.feature_block, model.rows) == (8, 4)
    assert not list(tmp_path.glob("*.part"))


def test_convert_refuses_to_write_over_its_source_or_under_another_ending(tmp_path):
    path = dk.convert(write_nvidia(tmp_path / "a.pkl", network(8)))
    for target in (path, tmp_path / "b.pt"):
        with pytest.raises(ValueError, match="name another file|ends in .safetensors"):
            dk.convert(path, target)
    (tmp_path / "bad.pkl").write_bytes(b"\x80\x04K\x01.")
    with pytest.raises(CheckpointError):
        dk.convert(tmp_path / "bad.pkl")
    assert not (tmp_path / "bad.safetensors").exists()


@pytest.mark.parametrize(
    "change, message",
    [
        ({"c_dim": 10}, "class-conditional: it was built with c_dim 10"),
        ({"label_size": 3}, "class-conditional: it was built with label_size 3"),
        ({"img_resolution": 32}, "img_resolution 32; only 16"),
        ({"z_dim": 512}, "z_dim 512; only 8"),
        ({"architecture": "resnet"}, "architecture 'resnet'; only 'skip'"),
        ({"resample_filter": [1, 2, 1]}, r"resample_filter \[1, 2, 1\]"),
        ({"activation": "relu"}, "activation 'relu'"),
    ],
)
def test_stored_arguments_are_held_against_the_tensors(tmp_path, change, message):
    with pytest.raises(CheckpointError, match=message):
        dk.load(write_nvidia(tmp_path / "a.pkl", network(16), **change))


def test_generators_that_cannot_be_dragged_are_refused_by_what_they_are(tmp_path):
    state = network(16).state_dict()
    torch.save(state | {"mapping.embed.weight": torch.zeros(8, 10)}, tmp_path / "conditional.pt")
    torch.save(state | {"synthesis.b4.const": torch.zeros(8, 8, 4)}, tmp_path / "mixed.pt")
    torch.save(
        {"synthesis.input.freqs": torch.zeros(8, 2), "synthesis.L0_36_16.weight": torch.zeros(1)},
        tmp_path / "three.pt",
    )
    torch.save({"weight": torch.zeros(3, 3)}, tmp_path / "other.pt")
    torch.save(torch.zeros(3), tmp_path / "one.pt")
    write_tensorflow(tmp_path / "labels.pkl", network(16), label_size=10)
    for name, message in {
        "conditional.pt": "class-conditional: 'mapping.embed.weight'",
        "mixed.pt": r"noise_const has shape \(4, 4\), expected \(8, 4\)",
        "three.pt": "StyleGAN3",
        "other.pt": (
            r"no StyleGAN2 generator in it; it holds the file: state dict of 1 tensors \(weight"
        ),
        "one.pt": r"it holds one array of shape \(3,\), and no network; if it is a latent",
        "labels.pkl": "built with label_size 10",
    }.items():
        with pytest.raises(CheckpointError, match=message) as caught:
            dk.load(tmp_path / name)
        assert str(tmp_path / name) in str(caught.value)


@pytest.mark.parametrize("make", [write_nvidia, write_tensorflow])
def test_a_missing_or_misshapen_tensor_is_named(tmp_path, make):
    made = network(16)
    made.synthesis.b16.conv1.weight = torch.nn.Parameter(torch.zeros(6, 5, 3, 3))
    with pytest.raises(
        CheckpointError,
        match=r"synthesis.b16.conv1.weight has shape \(6, 5, 3, 3\), expected \(6, 6, 3, 3\)",
    ) as caught:
        dk.load(make(tmp_path / "a.pkl", made))
    assert "damaged" not in str(caught.value)


def test_a_missing_tensor_of_another_layout_is_named_in_its_own_words(tmp_path):
    theirs = rosinality(network(16))
    del theirs["convs.1.activate.bias"]
    torch.save({"g_ema": theirs}, tmp_path / "a.pt")
    with pytest.raises(CheckpointError, match="tensor 'convs.1.activate.bias' is missing"):
        dk.load(tmp_path / "a.pt")


def test_numbers_that_are_not_finite_are_refused_with_their_tensor(tmp_path):
    state = network(16).state_dict()
    state["mapping.fc1.bias"] = torch.full((8,), float("nan"))
    torch.save(state, tmp_path / "a.pt")
    with pytest.raises(CheckpointError, match=r"'mapping.fc1.bias' \(8,\): .*not finite"):
        dk.load(tmp_path / "a.pt")


def test_a_sound_file_with_a_wrong_setting_is_no_checkpoint_error(tmp_path):
    path = write_nvidia(tmp_path / "a.pkl", network(16))
    with pytest.raises(ValueError, match="space") as caught:
        dk.load(path, space="x")
    assert not isinstance(caught.value, CheckpointError)


@pytest.mark.parametrize(
    "content, message",
    [
        (b"", "it is empty"),
        (b"\n <!DOCTYPE html><html>Sign in", "web page"),
        (
            b"version https://git-lfs.github.com/spec/v1\noid sha256:0a01\nsize 364000000\n",
            "Git-LFS pointer, not the file of 364 MB",
        ),
        (b"hello, world", "text that begins with 'hello, world'"),
        (b"hello\0world", "begins with 68 65 6c 6c 6f 00 77 6f, not a checkpoint; expected"),
        (b"PK\x03\x04 broken", "damaged"),
    ],
)
def test_what_is_no_checkpoint_is_said(tmp_path, content, message):
    (tmp_path / "lions.pkl").write_bytes(content)
    with pytest.raises(CheckpointError, match=message) as caught:
        dk.load(tmp_path / "lions.pkl")
    assert "lions.pkl" in str(caught.value)


def test_a_partly_downloaded_file_says_how_many_bytes_are_missing(tmp_path, monkeypatch):
    path = write_nvidia(tmp_path / "stylegan2_lions_512_pytorch.pkl", network(16))
    whole = path.read_bytes()
    path.write_bytes(whole[:-1000])
    entry = zoo.listed(path.name) | {"bytes": len(whole)}
    monkeypatch.setattr(zoo, "_public", lambda: [entry])
    with pytest.raises(CheckpointError, match=f"1000 of its {len(whole)} bytes are missing"):
        dk.load(path)


def test_a_missing_file_of_the_list_says_where_to_get_it_and_where_to_put_it(
    tmp_path, monkeypatch
):
    monkeypatch.setenv("DRAGKIT_FOLDER", str(tmp_path))
    for name in (
        "lions-512",
        "stylegan2_lions_512_pytorch.pkl",
        tmp_path / "elsewhere" / "stylegan2_lions_512_pytorch.pkl",
    ):
        with pytest.raises(FileNotFoundError, match="downloads nothing") as caught:
            dk.load(name)
        for word in ("https://", str(tmp_path), "on-commercial", "512 px"):
            assert word in str(caught.value)
    made = network(16)
    write_nvidia(tmp_path / "stylegan2_lions_512_pytorch.pkl", made)
    assert assert_same_image("lions-512", made).name == "lions-512"


def test_the_public_list_has_what_people_need():
    table = dk.models.zoo.public()
    assert {"lions-512", "ffhq-512", "cat-256", "car-512"} <= set(
        table.index
    ) and table.index.is_unique
    for column in ("file", "resolution", "origin", "licence", "drag"):
        assert table[column].notna().all() and (table[column].astype(str).str.len() > 0).all()
    assert table.sha256.dropna().str.fullmatch("[0-9a-f]{64}").all()
    assert table.origin.str.contains("https://").all()


def test_the_printed_contents(tmp_path):
    path = write_nvidia(tmp_path / "a.pkl", network(16), clamp=256)
    done = subprocess.run(
        [sys.executable, "-m", "dragkit.models.gan.checkpoint", path],
        capture_output=True,
        text=True,
        check=True,
    )
    for text in (
        "PyTorch pickle",
        "G_ema: Generator",
        "also: training_set_kwargs",
        "clamp 256.0",
        "img_resolution = 16",
        "synthesis.b16.conv0.affine.weight",
    ):
        assert text in done.stdout
    path.write_bytes(path.read_bytes()[:5000])
    done = subprocess.run(
        [sys.executable, "-m", "dragkit.models.gan.checkpoint", path],
        capture_output=True,
        text=True,
    )
    assert done.returncode == 1 and "a.pkl" in done.stderr and "Traceback" not in done.stderr


def test_looking_into_a_file_builds_and_copies_nothing(tmp_path):
    contents = checkpoint.read(write_nvidia(tmp_path / "a.pkl", network(16)))
    assert list(contents.networks) == ["G", "D", "G_ema", "augment_pipe"]
    stored = contents.networks["G_ema"].tensors["synthesis.b8.conv0.weight"]
    assert (
        stored.shape == (8, 8, 3, 3)
        and stored.bytes == 8 * 8 * 9 * 4
        and isinstance(stored.storage.data, memoryview)
    )


def test_other_objects_in_a_pickle_are_refused(tmp_path):
    with pytest.raises(CheckpointError, match="it holds one int, and no network"):
        dk.load(write(tmp_path / "a.pkl", 5))


def test_a_saved_model_is_the_same_when_it_is_loaded(tmp_path):
    made = network(16, clamp=0.7)
    model = dk.load(
        write_nvidia(tmp_path / "a.pkl", made, clamp=0.7),
        device="cpu",
        name="mine",
        feature_block=(8, 16),
        rows=3,
        space="w",
        truncation=0.5,
    )
    again = dk.load(dk.save(model, tmp_path / "runs/b.safetensors"), device="cpu")
    torch.testing.assert_close(again.finish(again.sample(1)), model.finish(model.sample(1)))
    assert (again.name, again.feature_block, again.rows, again.space, again.truncation) == (
        "mine",
        (8, 16),
        3,
        "w",
        0.5,
    )
    with pytest.raises(ValueError, match="only a StyleGAN2 can be saved, and model is Toy"):
        dk.save(dk.load("toy"), tmp_path / "c.safetensors")
    with pytest.raises(ValueError, match="ends in .safetensors"):
        dk.save(model, tmp_path / "c.pt")
