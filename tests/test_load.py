"""Models by name or by file; what is unknown, missing or damaged says so and names the way out."""

import hashlib
import json
import re

import pytest
import torch
from safetensors.torch import save_file

import dragkit as dk
from dragkit.models import zoo
from dragkit.models.gan.network import Generator
from dragkit.models.toy import Toy


def save_generator(path, seed=0, **card):
    """A tiny generator of 16 px in a file, with its card beside it where there is one."""
    torch.manual_seed(seed)
    state = Generator({4: 4, 8: 4, 16: 4}, z_dim=3, w_dim=5, layers=2).state_dict()
    save_file(state, path)
    if card:
        path.with_suffix(".json").write_text(json.dumps(card))
    return path


@pytest.fixture
def data(tmp_path, monkeypatch):
    """A data folder with two bundled models, "tiny" (with a card) and "wee" (without)."""
    folder = tmp_path / "data"
    folder.mkdir()
    files = {
        "tiny": save_generator(folder / "tiny.safetensors", feature_block=8, steps=1000),
        "wee": save_generator(folder / "wee.safetensors", seed=1),
    }
    index = {
        name: {"file": path.name, "sha256": hashlib.sha256(path.read_bytes()).hexdigest()}
        for name, path in files.items()
    }
    (folder / "index.json").write_text(json.dumps(index))
    monkeypatch.setattr(zoo, "DATA", folder)
    return folder


def test_a_bundled_model_is_loaded_by_its_name_and_can_be_dragged(data):
    model = dk.load("tiny")
    assert (model.name, model.size) == ("tiny", (16, 16))
    latent = model.sample(0)
    pieces = {"tracker": dk.NearestNeighbor(96), "losses": [dk.ShiftedPatchLoss(32)]}
    steps = list(dk.drag(model, latent, dk.Edit([(4, 4)], [(10, 4)]), **pieces, lr=1e-3, steps=2))
    assert len(steps) == 3


def test_the_cards_feature_block_is_used_unless_the_caller_chooses(data):
    assert dk.load("tiny").feature_block == 8
    assert dk.load("wee").feature_block == 16
    assert dk.load("tiny", feature_block=4).feature_block == 4


def test_settings_are_passed_on(data):
    model = dk.load("tiny", space="w", truncation=0.5)
    assert (model.space, model.truncation) == ("w", 0.5)
    assert dk.load("toy", lookalike=1.0, side=64) == Toy(lookalike=1.0, side=64)


@pytest.mark.parametrize("as_text", [True, False])
def test_a_file_of_ones_own(data, tmp_path, as_text):
    path = save_generator(tmp_path / "mine.safetensors", seed=2, feature_block=4)
    model = dk.load(str(path) if as_text else path)
    assert (model.name, model.feature_block) == ("mine", 4)
    torch.manual_seed(2)
    same = Generator({4: 4, 8: 4, 16: 4}, z_dim=3, w_dim=5, layers=2).state_dict()
    assert all(torch.equal(t, same[n]) for n, t in model.generator.state_dict().items())


def test_auto_finds_a_device_and_cpu_is_always_there(data, monkeypatch):
    assert dk.load("tiny", device="cpu").device == torch.device("cpu")
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: False)
    model = dk.load("tiny", device="auto")
    assert model.device == model.sample(0).device == torch.device("cpu")


@pytest.mark.parametrize("name", ["lino", "no/such/file.safetensors", ""])
def test_an_unknown_name_is_told_the_known_ones(data, name):
    with pytest.raises(ValueError, match=f"unknown model '{name}': .*: tiny, toy, wee"):
        dk.load(name)


def test_a_missing_bundled_file_names_the_way_out(data):
    (data / "tiny.safetensors").unlink()
    way_out = "`git checkout -- data/tiny.safetensors` or install dragkit again"
    with pytest.raises(FileNotFoundError, match=f"'tiny' is missing: .*{way_out}"):
        dk.load("tiny")
    assert dk.load("wee").name == "wee"


def truncate(content: bytes) -> bytes:
    return content[:-100]


def alter(content: bytes) -> bytes:
    """One bit of the last weight; the file is still a complete safetensors file."""
    return content[:-1] + bytes([content[-1] ^ 1])


@pytest.mark.parametrize("damage", [truncate, alter])
def test_a_damaged_bundled_file_is_refused_before_it_is_opened(data, damage):
    path = data / "tiny.safetensors"
    content = path.read_bytes()
    expected = hashlib.sha256(content).hexdigest()[:12]
    path.write_bytes(damage(content))
    found = hashlib.sha256(damage(content)).hexdigest()[:12]
    with pytest.raises(ValueError, match="'tiny' is damaged") as error:
        dk.load("tiny")
    message = str(error.value)
    for text in (f"sha256 {found}…", f"expected {expected}…", f"{len(damage(content))} bytes"):
        assert text in message
    assert "git checkout -- data/tiny.safetensors" in message


@pytest.mark.parametrize(
    "content, message",
    [(b"", "is empty"), (b"no such thing", "a text that"), (None, "cut short")],
)
def test_a_file_of_ones_own_that_is_cut_or_something_else_is_refused(
    data, tmp_path, content, message
):
    path = save_generator(tmp_path / "mine.safetensors")
    path.write_bytes(truncate(path.read_bytes()) if content is None else content)
    with pytest.raises(ValueError, match=f"mine.safetensors.*{message}"):
        dk.load(path)


def test_a_safetensors_file_of_another_network_is_refused(data, tmp_path):
    path = tmp_path / "other.safetensors"
    save_file({"encoder.weight": torch.zeros(2)}, path)
    with pytest.raises(ValueError, match="no StyleGAN2 generator.*encoder.weight"):
        dk.load(path)


def test_the_toy_needs_no_files(tmp_path, monkeypatch):
    monkeypatch.setattr(zoo, "DATA", tmp_path / "nowhere")
    assert dk.load("toy").name == "toy"


@pytest.mark.parametrize(
    "name, settings",
    [
        ("lion", "feature_block, rows, space, truncation"),
        ("toy", "side, blobs"),
        ("lion-diffusion", "steps, strength"),
    ],
)
def test_a_setting_that_there_is_not_is_told_those_there_are(name, settings):
    with pytest.raises(ValueError, match=f"{name} has no setting 'hue'; it has: .*{settings}"):
        dk.load(name, hue=1)


def test_a_file_of_the_training_is_told_from_a_stylegan2s_by_its_names():
    model = dk.load(zoo.bundled("lion-diffusion"), device="cpu", strength=0.5)
    assert (model.name, model.size, model.timestep_index) == ("lion-diffusion", (64, 64), 25)


def test_a_device_that_there_is_not_is_told(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: False)
    with pytest.raises(ValueError, match='device is \'gpu\'; give "cpu", "cuda", "mps" or "auto"'):
        dk.load("lion", device="gpu")
    for device in ("cuda:0", "mps"):
        with pytest.raises(
            ValueError,
            match=f"device is '{device}', which this machine or this build of torch does not have",
        ):
            dk.load("lion", device=device)


def test_what_is_no_name_is_told_what_to_give():
    with pytest.raises(TypeError, match=r"name_or_path is .{,120}…; give the name of a model"):
        dk.load({f"layer{i}": torch.zeros(3) for i in range(100)})
    with pytest.raises(TypeError, match=r"name_or_path is None; give the name of a model"):
        dk.load(None)


def test_an_image_is_told_what_to_do_with_it(tmp_path):
    (tmp_path / "lion.jpg").write_bytes(b"\xff\xd8\xff\xe0" + bytes(100))
    with pytest.raises(ValueError, match=r"this is an image, not a checkpoint; .*dragkit\.invert"):
        dk.load(tmp_path / "lion.jpg", device="cpu")


@pytest.mark.parametrize(
    ("card", "message"),
    [
        ({"name": "../../x"}, "name is '../../x'; files are called after it"),
        ({"name": "\x1b[31m"}, "cannot be printed"),
        ({"name": ["x"]}, "give a text"),
        ({"name": "x" * 300}, "300 bytes long"),
        ({"truncation": "0.7"}, "truncation is '0.7'; give a number"),
        ({"truncation": None}, "truncation is None"),
        ({"truncation": 1e300}, r"truncation is 1e\+300"),
        ({"rows": "6"}, "rows is '6'"),
        ({"feature_block": True}, "no block of True px"),
        ({"feature_block": 16.0}, "no block of 16.0 px"),
        ({"feature_block": [[16]]}, r"no block of \[16\] px"),
        ({"rows": float("nan")}, "the card of .*the number NaN; numbers are finite"),
        ("[" * 200_000, "the card of .*lists and objects in each other"),
        ('{"rows": 4, "rows": 5}', "the card of .*the key 'rows' is there twice"),
        (" " * 2_000_000, "the card of .*more than 1,048,576 bytes"),
    ],
)
def test_a_card_with_an_absurd_value_is_told(tmp_path, card, message):
    path = tmp_path / "mine.safetensors"
    save_generator(path)
    text = card if isinstance(card, str) else json.dumps(card)
    path.with_suffix(".json").write_text(text)
    with pytest.raises(ValueError, match=message):
        dk.load(path, device="cpu")


def test_what_can_be_no_path_is_an_unknown_model():
    with pytest.raises(ValueError, match="no file has such a name"):
        dk.load("a" * 5000)


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ({"side": 10**6}, "side is 1000000; give a whole number from 2 to 4096"),
        ({"side": 127.5}, "side is 127.5"),
        ({"blobs": 4000, "channels": 4000}, "numbers, more than 67,108,864"),
        ({"width": 0}, "width is 0"),
        ({"lookalike": float("nan")}, "lookalike is nan"),
        ({"seed": "a"}, "seed is 'a'"),
    ],
)
def test_the_toys_settings_have_limits(setting, message):
    with pytest.raises(ValueError, match=message):
        dk.load("toy", **setting)


def test_a_model_that_was_loaded_in_inference_mode_can_be_dragged():
    with torch.inference_mode():
        lion = dk.load("lion", device="cpu")
        latent = lion.sample(2)
        steps = dk.drag(lion, latent, dk.Edit([(74, 74)], [(74, 87)]), **dk.methods.draggan())
        first, second = next(steps), next(steps)
    assert not torch.equal(first.latent, second.latent)


def test_the_folder_that_was_searched_and_the_hubs_cache_are_named(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("USERPROFILE", str(tmp_path))
    with pytest.raises(ValueError, match=re.escape(f"no file or folder {tmp_path / 'nope'}")):
        dk.load("~/nope")
    with pytest.raises(ValueError, match="load.'~/.cache/huggingface/hub/models--owner--a.b'"):
        dk.load("owner/a.b")


def test_a_program_of_torchscript_is_named(tmp_path):
    torch.jit.save(torch.jit.script(torch.nn.Linear(2, 2)), tmp_path / "a.pt")
    with pytest.raises(ValueError, match=r"a TorchScript file .*torch\.save\(network\.state_dict"):
        dk.load(tmp_path / "a.pt")
