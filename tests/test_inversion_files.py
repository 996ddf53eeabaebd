"""Inversions as files: the same when they are opened again, or refused."""

import contextlib
import json
import math
from dataclasses import replace

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from safetensors import safe_open
from safetensors.torch import load_file, save_file

import dragkit as dk
from dragkit.models import inversion_files
from dragkit.models.zoo import DATA
from tests.fuzzing import damaged, flipped, many

LION = dk.load("lion", device="cpu", feature_block=64, rows=5)


def found_by_search(**changes) -> dk.Inversion:
    """What a search could have found, without searching."""
    latent = LION.sample(3)
    known = {"psnr": 21.5, "losses": {"search": (0.3, 0.2)}, "psnrs": {"search": (20.0, 21.5)}}
    return dk.Inversion(LION, latent, LION.finish(LION.sample(4)), **known | changes)


def test_an_inversion_is_the_same_when_it_is_loaded(tmp_path):
    found = found_by_search()
    path = found.save(tmp_path / "new" / "mine")
    assert path == tmp_path / "new" / "mine.safetensors"
    for again in (
        dk.Inversion.load(tmp_path / "new" / "mine", device="cpu"),
        dk.Inversion.load(path, found.model),
    ):
        assert torch.equal(again.latent, found.latent) and torch.equal(again.target, found.target)
        assert (again.psnr, again.losses, again.psnrs, again.method) == (
            found.psnr,
            found.losses,
            found.psnrs,
            found.method,
        )
        assert (again.model.feature_block, again.model.rows) == (64, 5)
        assert torch.equal(again.image, found.image)


def test_a_tuned_generator_goes_along(tmp_path):
    found = found_by_search()
    *_, tuned = found.model.iter_tuning(found, steps=2)
    tuned.save(tmp_path / "tuned.safetensors")
    again = dk.Inversion.load(tmp_path / "tuned", device="cpu")
    assert again.model.fingerprint == tuned.model.fingerprint != found.model.fingerprint
    assert torch.equal(again.image, tuned.image)
    with pytest.raises(
        ValueError, match=r"a network, not a latent; open it with .*Inversion.load"
    ):
        dk.latent(found.model, tmp_path / "tuned.safetensors")


def test_a_psnr_that_was_not_measured_stays_so(tmp_path):
    found_by_search(psnr=math.nan, losses={}, psnrs={}, method="by hand").save(tmp_path / "a")
    again = dk.Inversion.load(tmp_path / "a", device="cpu")
    assert math.isnan(again.psnr) and again.method == "by hand"


def test_an_inversion_belongs_to_its_model(tmp_path):
    found = found_by_search()
    found.save(tmp_path / "a")
    with pytest.raises(ValueError, match="found with lion .* car has other weights"):
        dk.Inversion.load(tmp_path / "a", dk.load("car", device="cpu"))
    replace(found, model=replace(found.model, name="mine")).save(tmp_path / "b")
    with pytest.raises(ValueError, match="found with 'mine', which is not bundled; give that mod"):
        dk.Inversion.load(tmp_path / "b")
    assert dk.Inversion.load(tmp_path / "b", found.model).model is found.model


def test_a_diffusion_models_inversion_keeps_its_settings(tmp_path):
    pytest.importorskip("diffusers")
    model = dk.load("lion-diffusion", device="cpu", steps=8, strength=0.25, fresh_noise=3)
    found = dk.invert(model, DATA / "images/my_lion.jpg")
    found.save(tmp_path / "a")
    again = dk.Inversion.load(tmp_path / "a", device="cpu")
    assert again.model.metadata == found.model.metadata
    assert torch.equal(again.model.reference, found.latent)
    assert torch.equal(again.image, found.image)
    with pytest.raises(ValueError, match="strength 0.25, this model has 0.5"):
        dk.Inversion.load(tmp_path / "a", replace(model, strength=0.5))


def test_a_name_may_have_a_dot(tmp_path):
    path = found_by_search().save(tmp_path / "face.v1")
    assert path.name == "face.v1.safetensors"
    assert dk.Inversion.load(tmp_path / "face.v1").latent.shape == (12, 128)


def test_no_other_file_is_written_over(tmp_path):
    found, other = found_by_search(), tmp_path / "lion.safetensors"
    dk.save(found.model, other)
    before = other.read_bytes()
    with pytest.raises(FileExistsError, match="is no inversion"):
        found.save(other)
    assert other.read_bytes() == before
    with pytest.raises(ValueError, match="ends in .safetensors, which is added"):
        found.save(tmp_path / "a.pt")
    path = found.save(tmp_path / "a")
    assert found.save(path) == path  # its own may be
    with pytest.raises(ValueError, match=r"an inversion that dragkit saved.*Inversion\.load"):
        dk.load(path)
    with pytest.raises(ValueError, match="is not an inversion that dragkit saved"):
        dk.Inversion.load(other)
    with pytest.raises(FileNotFoundError, match="there is no such file"):
        dk.Inversion.load(tmp_path / "none")


@pytest.fixture(scope="module")
def saved_inversion(tmp_path_factory):
    return found_by_search().save(tmp_path_factory.mktemp("found") / "good")


@many
@given(data=st.data())
@pytest.mark.filterwarnings("ignore")
def test_fuzz_inversions(saved_inversion, data):
    """Damaged bytes are refused; so are notes that were changed with a new id, or they work."""
    path, good = saved_inversion.with_name("bad.safetensors"), saved_inversion.read_bytes()
    if data.draw(st.booleans()):
        bad = flipped(data, good)
        path.write_bytes(bad)
        with contextlib.suppress(ValueError):
            dk.Inversion.load(path, LION)
            assert bad == good
        return

    tensors = load_file(saved_inversion)
    with safe_open(saved_inversion, "pt") as file:
        notes = json.loads(file.metadata()[inversion_files.INVERSION])
    text = json.dumps(data.draw(damaged(notes)))
    number = inversion_files._id_of(text, tensors)
    save_file(tensors, path, {inversion_files.INVERSION: text, "id": number})
    try:
        again = dk.Inversion.load(path, LION)
    except ValueError as error:
        assert str(error)
        return
    assert again.image.isfinite().all() and repr(again)
