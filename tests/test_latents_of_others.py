"""Latents that other programs wrote, in the shapes and files that they write."""

import itertools
import os
import pickle
import warnings
from dataclasses import replace
from tempfile import TemporaryDirectory

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from safetensors.torch import save_file

import dragkit as dk
from dragkit.models.gan.state_dict import from_state_dict
from dragkit.models.inversion import Inversion
from dragkit.models.zoo import DATA
from tests.checkpoint_files import foreign_modules, network, persistent
from tests.fuzzing import flipped, many

MODEL = from_state_dict(network(16).state_dict())  # latents (6, 8)
W = torch.randn(6, 8, generator=torch.Generator().manual_seed(1))
AVERAGE = MODEL.average_latent


def exact(source, expected=W, **settings) -> bool:
    found = dk.latent(MODEL, source, **settings)
    return found.dtype == torch.float32 and torch.equal(found, expected)


# Shapes and precisions


@given(st.integers(0, 3), st.sampled_from([torch.float64, torch.float32, torch.float16]))
def test_axes_of_one_go_and_any_float_becomes_float32(axes, dtype):
    given_one = W.to(dtype).reshape(*(1,) * axes, 6, 8)
    expected = W.to(dtype).float()
    assert exact(given_one, expected) and exact(given_one.numpy(), expected)
    row = given_one[..., :1, :]
    assert exact(row, expected[:1].expand(6, -1))
    assert exact(row[..., 0, :], expected[:1].expand(6, -1))


def test_other_kinds_of_arrays():
    assert exact(W.bfloat16(), W.bfloat16().float())
    assert exact(W.tolist()) and exact(torch.nn.Parameter(W)) and exact(W.numpy()[::-1][::-1])
    assert exact({"w": W[None]}) and exact({"a": {"latent": W}, "noise": [torch.zeros(4, 4)]})
    found = dk.latent(MODEL, W)
    found += 1
    assert not torch.equal(found, W)  # it is a copy


@pytest.mark.parametrize(
    "shape", [(18, 8), (1, 18, 512), (6, 9), (5, 8), (2, 3, 6), (0, 6, 8), ()]
)
def test_another_generators_latent_is_refused_with_both_shapes(tmp_path, shape):
    torch.save(torch.zeros(shape), tmp_path / "a.pt")
    for source in (torch.zeros(shape), tmp_path / "a.pt"):
        with pytest.raises(ValueError, match=r"latents have shape \(6, 8\)") as caught:
            dk.latent(MODEL, source)
        assert str(tuple(shape)) in str(caught.value)


@pytest.mark.parametrize(
    ("source", "message"),
    [
        (W.long(), "holds torch.int64; give floating-point"),
        (W * float("nan"), "NaN, infinite"),
        (W * 1e9, "beyond"),
        (["a"], "give a tensor, an array, or the path"),
        (None, "give a tensor, an array, or the path"),
    ],
)
def test_what_is_no_latent_is_told(source, message):
    with pytest.raises(ValueError, match=message):
        dk.latent(MODEL, source)


def test_a_drag_says_how_to_bring_it_into_shape():
    edit = dk.Edit([(4, 4)], [(9, 9)])
    for wrong in (W[None], W[:1]):
        with pytest.raises(ValueError, match=r"dragkit.latent\(model, latent\) brings it"):
            dk.drag(MODEL, wrong, edit, **dk.methods.draggan())


def test_models_without_rows_take_their_own_shape_only():
    toy = dk.load("toy")
    own = toy.sample(0)
    assert torch.equal(dk.latent(toy, own[None]), own)
    diffusion = type("D", (), {"name": "d", "latent_shape": (4, 2, 2), "device": "cpu"})()
    assert dk.latent(diffusion, torch.zeros(1, 4, 2, 2)).shape == (4, 2, 2)
    with pytest.raises(ValueError, match=r"have shape \(4, 2, 2\)"):
        dk.latent(diffusion, torch.zeros(1, 2, 2))
    with pytest.raises(TypeError, match="model is 5"):
        dk.latent(5, W)


# Several


def test_one_of_several_is_chosen(tmp_path):
    batch = torch.stack([W, W + 1, W + 2])
    with pytest.raises(ValueError, match=r"3 latents .* \(3, 6, 8\); choose one, such as which=0"):
        dk.latent(MODEL, batch)
    torch.save(batch, tmp_path / "latents.pt")
    for source in (batch, tmp_path / "latents.pt"):
        assert exact(source, W + 2, which=2)
        with pytest.raises(ValueError, match="which=0, up to 2"):
            dk.latent(MODEL, source, which=3)
    assert exact(batch[:, 0], (W[0] + 1).expand(6, -1), which=1)


def test_one_of_several_entries_is_chosen_by_name(tmp_path):
    """As rosinality's projector writes them."""
    entry = {"img": torch.zeros(3, 8, 8), "noise": [torch.zeros(1, 1, 4, 4)]}
    data = {"a.png": entry | {"latent": W}, "b.png": entry | {"latent": W[0] + 1}}
    torch.save(data, tmp_path / "a.pt")
    with pytest.raises(ValueError, match="2 latents .* such as which='a.png.latent'"):
        dk.latent(MODEL, tmp_path / "a.pt")
    assert exact(tmp_path / "a.pt", which="a.png")
    assert exact(tmp_path / "a.pt", (W[0] + 1).expand(6, -1), which="b.png.latent")
    with pytest.raises(ValueError, match="which is 'c.png'; it holds a.png.img"):
        dk.latent(MODEL, tmp_path / "a.pt", which="c.png")


def test_the_name_tells_which_of_several_that_fit(tmp_path):
    torch.save({"mean": W + 5, "latents": W[None], "std": W + 7}, tmp_path / "a.pt")
    assert exact(tmp_path / "a.pt")


def test_a_number_chooses_from_a_list_too(tmp_path):
    sources = {"list.pt": [W[None], W[None] + 1], "keys.pt": {0: W[None], 1: W[None] + 1}}
    for name, source in sources.items():
        torch.save(source, tmp_path / name)
        for given_one in (source, tmp_path / name):
            assert exact(given_one, W + 1, which=1) and exact(given_one, W, which=0)
            with pytest.raises(ValueError, match="2 latents .*which=0"):
                dk.latent(MODEL, given_one)
    torch.save([torch.stack([W, W + 1])], tmp_path / "batch.pt")
    for number in (0, 1):
        assert exact(tmp_path / "batch.pt", W + number, which=number)


@pytest.mark.parametrize("source", [W, W[None], W[:1], [W[None]]])
def test_a_number_where_there_is_one_latent_is_refused(source):
    assert dk.latent(MODEL, source, which=0).shape == (6, 8)
    with pytest.raises(ValueError, match="which is 3, and it holds one latent .*leave which out"):
        dk.latent(MODEL, source, which=3)


def test_a_z_is_no_latent():
    assert exact({"z": W + 1, "w": W})
    with pytest.raises(ValueError, match=r"a z is no w yet, .*model\.generator\.mapping"):
        dk.latent(MODEL, {"z": W[:1]})


def test_single_rows_without_a_number_are_asked_for_one():
    with pytest.raises(ValueError, match="or 2 single rows w, of which which=0"):
        dk.latent(MODEL, W[:2])


def test_the_steps_of_restyle(tmp_path):
    """It writes a dict, image → the latent of each step, by np.save: a pickle in a .npy."""
    steps = {"face.jpg": [(W + k).numpy() for k in range(5)], "b.jpg": [W.numpy() - 1]}
    np.save(tmp_path / "latents.npy", steps)
    for source in (steps, np.array(steps, dtype=object), tmp_path / "latents.npy"):
        with pytest.warns(UserWarning, match="5 latents, the steps of an encoder; the last one"):
            assert exact(source, W + 4, which="face.jpg")
        assert exact(source, W + 2, which="face.jpg.2")
        assert exact(source, W - 1, which="b.jpg")
    ragged = np.empty(2, object)
    ragged[:] = [W.numpy(), W.numpy() + 1]
    np.save(tmp_path / "ragged.npy", ragged)
    assert exact(tmp_path / "ragged.npy", W + 1, which=1)


def test_rows_of_their_own_for_a_model_of_one_row_are_told():
    narrow = replace(MODEL, space="w", rows=4)
    unmoved = torch.cat([W[:1].expand(4, -1), W[4:]])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        dk.latent(narrow, W[:1])
        dk.latent(MODEL, W)
        for door in DOORS.values():
            door(narrow, unmoved)
            door(MODEL, W)
    assert torch.equal(narrow.finish(unmoved), MODEL.finish(unmoved))


EDIT = dk.Edit([(4, 4)], [(9, 4)])
METHOD = {"tracker": dk.NearestNeighbor(96), "losses": [dk.ShiftedPatchLoss(32)], "lr": 1e-3}


def loaded(model, latent):
    with TemporaryDirectory() as folder:
        found = Inversion(MODEL, latent, MODEL.finish(latent), psnr=30)
        return dk.Inversion.load(found.save(f"{folder}/a"), model)


DOORS = {
    "latent": dk.latent,
    "drag": lambda model, latent: dk.drag(model, latent, EDIT, **METHOD),
    "session": lambda model, latent: dk.Session(model, latent, EDIT, **METHOD),
    "studio": lambda model, latent: dk.Studio(model, latent=latent, edit=EDIT, **METHOD),
    "studio without an edit": lambda model, latent: dk.Studio(model, latent=latent, **METHOD),
    "inversion": loaded,
}


@pytest.mark.parametrize("door", DOORS)
def test_moving_rows_that_are_not_seen_are_told_at_every_door(door):
    narrow = replace(MODEL, space="w", rows=4)
    with pytest.warns(UserWarning, match="rows of this latent differ .*without space='w'") as told:
        DOORS[door](narrow, W)
    assert len(told) == 1
    if door in ("latent", "drag", "inversion"):  # the others ask drag
        assert told[0].filename == __file__


def test_of_named_batches_every_latent_can_be_had(tmp_path):
    """Each message names what works; this is followed to the end."""
    batches = {"a.jpg": torch.stack([W, W + 1]), "b.jpg": torch.stack([W + 2, W + 3])}
    torch.save(batches, tmp_path / "a.pt")
    for which in (None, 0):
        with pytest.raises(ValueError, match="name one, such as which='a.jpg'"):
            dk.latent(MODEL, tmp_path / "a.pt", which=which)
    with pytest.raises(ValueError, match="choose one, such as which='a.jpg.0', up to 1"):
        dk.latent(MODEL, tmp_path / "a.pt", which="a.jpg")
    for k, (name, i) in enumerate(itertools.product(batches, range(2))):
        assert exact(tmp_path / "a.pt", W + k, which=f"{name}.{i}")
    with pytest.raises(ValueError, match="choose one, such as which='a.jpg.0'"):
        dk.latent(MODEL, batches, which="a.jpg.7")
    with pytest.raises(ValueError, match="which is 'c.jpg.0'; it holds a.jpg"):
        dk.latent(MODEL, batches, which="c.jpg.0")
    torch.save([*batches.values()], tmp_path / "list.pt")
    with pytest.raises(ValueError, match="choose one, such as which='1.0'"):
        dk.latent(MODEL, tmp_path / "list.pt", which=1)
    assert exact(tmp_path / "list.pt", W + 3, which="1.1")
    assert exact(batches["a.jpg"], W + 1, which="1")


@pytest.mark.parametrize("number", [np.int64(1), np.uint8(1), torch.tensor(1)])
def test_a_number_of_any_kind_chooses(tmp_path, number):
    torch.save(torch.stack([W, W + 1]), tmp_path / "a.pt")
    assert exact(tmp_path / "a.pt", W + 1, which=number)
    assert exact({0: W, 1: W + 1}, W + 1, which=number)


def test_a_whole_name_comes_before_a_part_of_one():
    latents = {"a": W, "a.png": W + 1, "x.a.png": W + 2, "007": W + 3}
    for name, latent in latents.items():
        assert exact(latents, latent, which=name)
    with pytest.raises(ValueError, match="such as which='007'"):
        dk.latent(MODEL, {"007": W, "008": W})


# From the average


def test_the_average_is_the_nearest_one_and_never_another_images():
    latents = {
        1: {"latent": W, "latent_avg": AVERAGE[0] + 5},
        10: {"latent": W + 1, "latent_avg": AVERAGE[0] + 7},
        "latent_avg": AVERAGE[0] + 9,
        "face": {"latent": W + 2},
    }
    assert exact(latents, W + (AVERAGE + 5), which=1, relative=True)
    assert exact(latents, W + 1 + (AVERAGE + 7), which=10, relative=True)
    assert exact(latents, W + 2 + (AVERAGE + 9), which="face", relative=True)


def test_what_counts_from_the_average_beside_it_gets_it(tmp_path):
    near = 0.1 * W
    torch.save({"latents": near[None], "latent_avg": AVERAGE[0]}, tmp_path / "relative.pt")
    torch.save({"latents": near[None] + AVERAGE, "latent_avg": AVERAGE}, tmp_path / "whole.pt")
    with pytest.warns(UserWarning, match="is added to it, .* relative=False"):
        assert exact(tmp_path / "relative.pt", near + AVERAGE)
    with pytest.warns(UserWarning, match="is not added to it, .* relative=True"):
        assert exact(tmp_path / "whole.pt", near + AVERAGE)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert exact(tmp_path / "relative.pt", near, relative=False)
        assert exact(near, near + AVERAGE, relative=True)
    with pytest.raises(ValueError, match="toy has no average latent"):
        dk.latent(dk.load("toy"), dk.load("toy").sample(0), relative=True)


# Files


def files(folder):
    """The latent W in every kind of file."""
    yield "zip.pt", torch.save, W[None]
    yield "dict.pt", torch.save, {"latents": W[None].half().double(), "opts": {"size": 16}}
    yield "list.pt", torch.save, [W]
    yield "expanded.pt", torch.save, W[:1].expand(6, -1)
    yield "older.pt", lambda x, p: torch.save(x, p, _use_new_zipfile_serialization=False), W
    yield "a.npy", lambda x, p: np.save(p, x), W.numpy()[None]
    yield "fortran.npy", lambda x, p: np.save(p, x), np.asfortranarray(W.double().numpy())
    yield "big.npy", lambda x, p: np.save(p, x), W.numpy().astype(">f4")
    yield "projected_w.npz", lambda x, p: np.savez(p, w=x), W.numpy()[None]
    yield "packed.npz", lambda x, p: np.savez_compressed(p, w=x, z=np.zeros((1, 5))), W.numpy()
    yield "a.safetensors", lambda x, p: save_file({"latent": x}, p), W
    yield "a.pkl", lambda x, p: p.write_bytes(pickle.dumps(x)), W.numpy()
    yield "dict.pkl", lambda x, p: p.write_bytes(pickle.dumps(x)), {"w": [W.numpy()]}


@pytest.mark.parametrize("name", [name for name, _, _ in files(None)])
def test_every_kind_of_file_is_read(tmp_path, name):
    _, write, content = next(entry for entry in files(tmp_path) if entry[0] == name)
    write(content, tmp_path / name)
    expected = W[:1].expand(6, -1) if name.startswith("expanded") else W
    torch.testing.assert_close(dk.latent(MODEL, str(tmp_path / name)), expected, atol=1e-2, rtol=0)
    (tmp_path / name).rename(tmp_path / "other")
    assert dk.latent(MODEL, tmp_path / "other").shape == (6, 8)


class Evil:
    def __reduce__(self):
        return os.mkdir, ("owned",)


@pytest.mark.parametrize("write", [torch.save, lambda x, p: p.write_bytes(pickle.dumps(x))])
def test_nothing_in_a_file_is_run(tmp_path, monkeypatch, write):
    monkeypatch.chdir(tmp_path)
    write({"latent": W, "x": Evil()}, tmp_path / "a.pt")
    with pytest.raises(ValueError, match=r"a.pt: it names '(posix|nt)\.mkdir'"):
        dk.latent(MODEL, "a.pt")
    np.save("a.npy", np.array({"latent": Evil()}), allow_pickle=True)
    with pytest.raises(ValueError, match=r"a.npy: it names '(posix|nt)\.mkdir'"):
        dk.latent(MODEL, "a.npy")
    np.savez("a.npz", w=np.array({"latent": Evil()}))
    with pytest.raises(ValueError, match="Python's objects as a pickle, which is not opened"):
        dk.latent(MODEL, "a.npz")
    assert not (tmp_path / "owned").exists()


def test_other_files_are_told_by_what_they_are(tmp_path):
    with pytest.raises(ValueError, match=r"holds a network, not a latent; open it with dragkit"):
        dk.latent(MODEL, DATA / "lion.safetensors")
    with foreign_modules():
        torch.save(persistent(network(8)), tmp_path / "tuned.pt")
    with pytest.raises(ValueError, match="holds a network"):
        dk.latent(MODEL, tmp_path / "tuned.pt")
    with pytest.raises(ValueError, match="this is an image"):
        dk.latent(MODEL, DATA / "images/my_lion.jpg")
    with pytest.raises(FileNotFoundError, match="there is no such file"):
        dk.latent(MODEL, tmp_path / "none.pt")


@pytest.mark.parametrize("name", [name for name, _, _ in files(None)])
def test_at_the_door_of_models_a_latent_is_sent_to_its_own(tmp_path, name):
    _, write, content = next(entry for entry in files(tmp_path) if entry[0] == name)
    write(content, tmp_path / name)
    with pytest.raises(ValueError, match=r"dragkit\.latent\(model, file\)"):
        dk.load(tmp_path / name)
    with pytest.raises(ValueError, match=r"dragkit\.latent\(model, file\)"):
        dk.Inversion.load(tmp_path / name)


def test_a_large_array_is_refused_before_it_is_made(tmp_path):
    path = tmp_path / "a.npy"
    np.save(path, np.zeros(4))
    head = path.read_bytes()[:-32].replace(b"(4,), ", b"(999999999,), ").replace(b" " * 8, b"")
    path.write_bytes(head)
    with pytest.raises(ValueError, match="a.npy"):
        dk.latent(MODEL, path)
    with path.open("r+b") as file:
        file.truncate(5 << 30)
    with pytest.raises(ValueError, match="5,368,709,120 bytes; at most 400,000,000"):
        dk.latent(MODEL, path)


def test_lists_in_lists_have_an_end():
    tower = W
    for _ in range(9):
        tower = {"a": tower}
    with pytest.raises(ValueError, match="6 dicts or lists deep"):
        dk.latent(MODEL, tower)


@many
@given(data=st.data())
@pytest.mark.filterwarnings("ignore")  # the libraries', of odd bytes
def test_fuzz_latents(tmp_path_factory, data):
    """A damaged file is refused in words, or is a latent."""
    folder = tmp_path_factory.mktemp("latents")
    name, write, content = data.draw(st.sampled_from(list(files(folder))))
    write(content, folder / name)
    (folder / name).write_bytes(flipped(data, (folder / name).read_bytes()))
    try:
        found = dk.latent(MODEL, folder / name)
    except ValueError as error:
        assert str(error)
        return
    assert found.shape == (6, 8) and found.isfinite().all()
