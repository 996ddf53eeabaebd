"""Generators as others keep them: behind prefixes, in dicts, with parts beside or missing."""

import warnings
from copy import deepcopy

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from torch import nn

import dragkit as dk
from dragkit.models.gan import checkpoint
from dragkit.models.gan.checkpoint import CheckpointError
from tests.checkpoint_files import (
    arguments,
    foreign_modules,
    network,
    persistent,
    rosinality,
    write,
    write_tensorflow,
)

MADE = network(16)
AVERAGE = MADE.mapping.w_avg
NVIDIA = dict(MADE.state_dict())
THEIRS = rosinality(MADE)
WS = torch.randn(1, 6, 8, generator=torch.Generator().manual_seed(0))
ENCODER = {"encoder.embed.weight": torch.zeros(4, 4), "encoder.body.0.bias": torch.zeros(4)}


def behind(prefix: str, tensors: dict) -> dict:
    return {f"{prefix}{name}": tensor for name, tensor in tensors.items()}


def without(tensors: dict, *parts: str) -> dict:
    return {name: t for name, t in tensors.items() if not any(part in name for part in parts)}


def opened(tmp_path, data):
    torch.save(data, tmp_path / "a.pt")
    return dk.load(tmp_path / "a.pt", device="cpu")


@torch.no_grad()
def assert_is_made(model, average: bool = True) -> None:
    torch.testing.assert_close(
        model.generator.synthesis(WS), MADE.synthesis(WS), atol=1e-4, rtol=1e-4
    )
    assert torch.equal(model.generator.mapping.w_avg, AVERAGE) == average


# One prefix


@settings(max_examples=20, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.lists(st.sampled_from(["module", "decoder", "generator", "g_ema", "G", "x1"]), max_size=3)
)
def test_any_prefix_is_taken_off(tmp_path, words):
    prefix = "".join(f"{word}." for word in words)
    assert_is_made(opened(tmp_path, behind(prefix, NVIDIA)))
    assert_is_made(opened(tmp_path, {"g_ema": behind(prefix, THEIRS), "latent_avg": AVERAGE}))


@pytest.mark.parametrize("shape", [(8,), (1, 8), (6, 8), (1, 6, 8)])
@pytest.mark.parametrize("prefix", ["", "module."])
def test_a_checkpoint_of_an_encoder_has_a_generator_and_its_average(tmp_path, prefix, shape):
    """As pSp and e4e keep them: the generator behind `decoder.`, the average beside or within."""
    average = AVERAGE.expand(shape).contiguous()
    state = behind(prefix, behind("decoder.", THEIRS) | ENCODER)
    opts = {"start_from_latent_avg": True, "exp_dir": "x"}
    assert_is_made(opened(tmp_path, {"state_dict": state, "latent_avg": average, "opts": opts}))
    within = state | {"latent_avg": average}
    assert_is_made(opened(tmp_path, {"state_dict": within, "opts": opts}))


def test_an_average_beside_serves_every_layout(tmp_path):
    bare = without(NVIDIA, "w_avg")
    assert_is_made(opened(tmp_path, {"G_ema": bare, "w_avg": AVERAGE[None]}))
    assert_is_made(opened(tmp_path, behind("decoder.", bare) | {"decoder.mean_latent": AVERAGE}))
    assert_is_made(opened(tmp_path, bare | {"latent_avg": AVERAGE}))


def test_a_generator_is_found_in_dicts_of_dicts(tmp_path):
    optimiser = {"state": {f"w{i}": {"exp_avg": torch.zeros(2)} for i in range(200)}}
    data = {"model": {"g_ema": THEIRS, "latent_avg": AVERAGE}, "optim": optimiser}
    assert_is_made(opened(tmp_path, data))


def test_of_two_generators_in_one_dict_the_average_is_taken(tmp_path):
    other = rosinality(network(16, seed=3))
    both = behind("g.", other) | behind("g_ema.", THEIRS) | {"latent_avg": AVERAGE}
    assert_is_made(opened(tmp_path, both))
    with pytest.raises(CheckpointError, match=r"2 generators in it, 'g', 'h', .*which='g'"):
        opened(tmp_path, behind("g.", other) | behind("h.", THEIRS))
    assert_is_made(dk.load(tmp_path / "a.pt", device="cpu", which="h"), average=False)


@pytest.mark.parametrize(
    ("plain", "average"),
    [
        ("params", "params_ema"),
        ("generator", "generator_ema"),
        ("netG", "netG_ema"),
        ("gen", "ema"),
        ("G", "EMA"),
        ("model", "model_ema"),
        ("g", "ema_g"),
        ("female", "female_ema"),
        ("netG", "netGema"),
        ("gen", "genEMA"),
        ("state_dict", "state_dict_ema"),
    ],
)
@pytest.mark.parametrize("nested", [False, True])
def test_an_average_may_have_any_name_with_ema(tmp_path, plain, average, nested):
    other = rosinality(network(16, seed=3))
    data = {plain: other, average: THEIRS, "latent_avg": AVERAGE}
    assert_is_made(opened(tmp_path, {"state": data} if nested else data))


@pytest.mark.parametrize("names", [("female", "male"), ("a", "b"), ("ema_1", "ema_2")])
def test_of_several_generators_without_one_average_none_is_guessed(tmp_path, names):
    first, second = names
    data = {first: rosinality(network(16, seed=3)), second: THEIRS, "latent_avg": AVERAGE}
    with pytest.raises(CheckpointError, match=f"2 generators in it, '{first}', '{second}', and"):
        opened(tmp_path, data)
    assert_is_made(dk.load(tmp_path / "a.pt", device="cpu", which=second))
    file = dk.convert(tmp_path / "a.pt", which=second)
    assert_is_made(dk.load(file, device="cpu"))


def test_what_a_file_holds_is_printed_with_the_prefix(tmp_path):
    torch.save({"state_dict": behind("decoder.", THEIRS)}, tmp_path / "a.pt")
    from dragkit.models.gan.checkpoint.__main__ import lines

    printed = list(lines(checkpoint.read(tmp_path / "a.pt")))
    assert any("rosinality's names behind 'decoder.'" in line for line in printed)


# Noise maps


@pytest.mark.parametrize("part", ["noises.", "noises.noise_1"])
def test_missing_noise_maps_are_drawn_and_said_once(tmp_path, part):
    data = {"g_ema": without(THEIRS, part), "latent_avg": AVERAGE}
    with pytest.warns(UserWarning, match=r"a.pt: it has no noise maps .* fixed seed") as told:
        model = opened(tmp_path, data)
    assert len(told) == 1
    with pytest.warns(UserWarning):
        again = opened(tmp_path, data)
    assert model.fingerprint == again.fingerprint
    noise = model.generator.synthesis.b16.conv0.noise_const
    assert noise.shape == (16, 16) and noise.std() > 0.5


def test_weights_alone_without_any_buffer_are_enough(tmp_path):
    with pytest.warns(UserWarning, match=r"no noise maps \(5 are missing\)"):
        model = opened(tmp_path, {"params": dict(MADE.named_parameters())})
    assert torch.equal(model.generator.synthesis.b16.conv0.weight, MADE.synthesis.b16.conv0.weight)
    filters = model.generator.synthesis.b16.conv0.resample_filter
    assert torch.equal(filters, MADE.synthesis.b16.conv0.resample_filter)


def test_whole_files_warn_of_nothing(tmp_path):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert_is_made(opened(tmp_path, NVIDIA))
        dk.load(write_tensorflow(tmp_path / "tf.pkl", MADE), device="cpu")


# Labels


@pytest.mark.parametrize("inputs", [16, 12, 9])
def test_a_first_layer_of_z_and_a_label_is_named(tmp_path, inputs):
    state = THEIRS | {"style.1.weight": torch.randn(8, inputs)}
    with pytest.raises(CheckpointError, match=rf"class-conditional: .* takes {inputs} numbers"):
        opened(tmp_path, {"g_ema": state, "latent_avg": AVERAGE})


@pytest.mark.parametrize(
    "name",
    ["embedding.weight", "label_emb.bias", "class_embed.0.weight", "mapping.embed.weight"],
)
def test_a_labels_embedding_is_named(tmp_path, name):
    for state in (THEIRS, NVIDIA):
        with pytest.raises(CheckpointError, match=f"class-conditional: '{name}'"):
            opened(tmp_path, behind("module.", state | {name: torch.zeros(8, 3)}))


# PTI


def two_generators(path, *, g=MADE, g_ema=MADE, **others):
    """The pair that PTI's export scripts and NVIDIA's training write."""
    data = {
        "G": persistent(g, _init_kwargs=arguments(g)),
        "G_ema": persistent(g_ema, _init_kwargs=arguments(g_ema)),
        "D": persistent(nn.Sequential(nn.Linear(3, 3)), "Discriminator", _init_kwargs={}),
        "augment_pipe": None,
    }
    return write(path, data | others)


def with_other_synthesis():
    other = deepcopy(MADE)
    with torch.no_grad():
        for weight in other.synthesis.parameters():
            weight += 1
    return other


def test_of_a_tuned_pair_the_average_is_taken_and_both_are_named(tmp_path):
    """Some scripts write the tuned one as G_ema, some as G: nothing in the file says which."""
    path = two_generators(tmp_path / "a.pkl", g=with_other_synthesis())
    with pytest.warns(UserWarning, match="G_ema and G: .*G_ema is taken; .*which='G'"):
        assert_is_made(dk.load(path, device="cpu"))

    path = two_generators(tmp_path / "b.pkl", g_ema=with_other_synthesis())
    with pytest.warns(UserWarning, match="G is taken"):
        assert_is_made(dk.load(path, device="cpu", which="G"))


@pytest.mark.parametrize("trained", [{}, {"path": "x"}, None])
def test_one_mapping_network_is_evidence_whatever_else_the_file_says(tmp_path, trained):
    path = two_generators(
        tmp_path / "a.pkl", g=with_other_synthesis(), training_set_kwargs=trained
    )
    with pytest.warns(UserWarning, match="G_ema and G: .*G_ema is taken; .*which='G'"):
        dk.load(path, device="cpu")
    with pytest.warns(UserWarning, match="G_ema and G: "):
        assert_is_made(dk.load(dk.convert(path), device="cpu"))
    with pytest.warns(UserWarning, match="G and G_ema: "):
        converted = dk.load(dk.convert(path, which="G"), device="cpu")
    assert not torch.equal(converted.generator.synthesis(WS), MADE.synthesis(WS))


def test_a_tuned_pair_of_any_names_and_depth_is_told(tmp_path):
    tuned = rosinality(with_other_synthesis())
    pairs = {
        "g_ema and g": {"g": tuned, "g_ema": THEIRS, "latent_avg": AVERAGE},
        "m.params_ema and m.params": {"m": {"params": tuned, "params_ema": THEIRS}},
        "ema and gen": behind("gen.", tuned) | behind("ema.", THEIRS),
    }
    for names, data in pairs.items():
        with pytest.warns(UserWarning, match=f"{names}: .*which='{names.split()[-1]}'"):
            opened(tmp_path, data)


@pytest.mark.parametrize(
    "pair",
    [{"g": network(16, seed=4)}, {"g": deepcopy(MADE)}],
    ids=["another mapping", "equal"],
)
def test_of_what_was_trained_the_average_is_taken_without_a_word(tmp_path, pair):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert_is_made(dk.load(two_generators(tmp_path / "a.pkl", **pair), device="cpu"))


@pytest.mark.parametrize("which", ["D", "Gs"])
def test_a_network_that_is_no_generator_is_refused_with_what_there_is(tmp_path, which):
    path = two_generators(tmp_path / "a.pkl")
    with pytest.raises(CheckpointError, match="it holds G: Generator .*D: Discriminator"):
        dk.load(path, which=which)


@pytest.mark.parametrize("newer", [True, False])
def test_whole_generators_are_read_as_data(tmp_path, newer):
    """As `torch.save(G)` writes them: NVIDIA's persistent ones, and plain modules."""
    clamped = network(16, clamp=3.0)
    clamped.load_state_dict(MADE.state_dict())
    with foreign_modules():
        torch.save(persistent(MADE), tmp_path / "a.pt", _use_new_zipfile_serialization=newer)
    assert_is_made(dk.load(tmp_path / "a.pt", device="cpu"))
    torch.save(clamped, tmp_path / "b.pt")
    model = dk.load(tmp_path / "b.pt", device="cpu")
    assert model.generator.clamp == 3.0
    torch.testing.assert_close(model.generator.synthesis(WS), clamped.synthesis(WS))
    torch.save(nn.DataParallel(MADE), tmp_path / "c.pt")
    assert_is_made(dk.load(tmp_path / "c.pt", device="cpu"))


# Small ones


@pytest.mark.parametrize("side", [4, 8, 16, 32, 64])
@pytest.mark.filterwarnings("ignore:radius")
def test_small_generators_are_dragged_with_the_presets(tmp_path, side):
    model = opened(tmp_path, dict(network(side).state_dict()))
    edit = dk.Edit([(1, 1)], [(side - 1, side - 1)])
    for preset in (dk.methods.draggan, dk.methods.stabledrag, dk.methods.freedrag):
        *_, last = dk.drag(model, model.sample(0), edit, **preset() | {"steps": 2})
        assert last.latent.isfinite().all() and last.points.isfinite().all()
