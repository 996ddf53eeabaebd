"""A saved run is not opened on another model, not even on one of the same shape."""

import json
from copy import deepcopy
from dataclasses import replace

import pytest
import torch

import dragkit as dk
from dragkit.models.fingerprint import fingerprint
from dragkit.models.toy import Toy
from dragkit.models.zoo import DATA
from dragkit.runs.retrack import retrack
from dragkit.runs.same_model import model_of_run

EDIT = dk.Edit([(74, 74)], [(74, 87)])
METHOD = dk.methods.draggan()


@pytest.fixture(scope="module")
def lion():
    return dk.load("lion", device="cpu")


@pytest.fixture(scope="module")
def other(lion):
    """A generator of the same shape, tuned a little further."""
    generator = deepcopy(lion.generator)
    random = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for weight in generator.parameters():
            noise = torch.randn(weight.shape, generator=random)
            weight.add_(noise, alpha=0.1 * weight.abs().mean().item())
    return replace(lion, generator=generator, name="other")


@pytest.fixture(scope="module")
def saved(lion, tmp_path_factory):
    session = dk.Session(lion, lion.sample(2), EDIT, **METHOD)
    session.run(2)
    return session.save(tmp_path_factory.mktemp("runs") / "mine")


def test_another_model_of_the_same_shape_is_refused_by_name(lion, other, saved):
    assert len(dk.Session.load(saved, lion, **METHOD).trace) == 3
    message = r"made by lion \(fingerprint \w{16}\), and this is other \(\w{16}\).*Load the model"
    with pytest.raises(ValueError, match=message):
        dk.Session.load(saved, other, **METHOD)
    trace = dk.Trace.load(saved)
    with pytest.raises(ValueError, match=message):
        retrack(other, trace, dk.NearestNeighbor())
    with pytest.raises(ValueError, match=message):
        dk.Features(other, trace)


def test_without_a_fingerprint_the_first_image_tells(lion, other, saved):
    trace = dk.Trace.load(saved)
    trace.metadata = {}
    assert model_of_run(lion, trace) is lion
    with pytest.raises(ValueError, match="other makes another image .* grey levels away"):
        model_of_run(other, trace)


@pytest.mark.parametrize("name", ["hasty", "eye", "hidden", "drift"])
def test_runs_of_before_fingerprints_open_on_their_model_alone(lion, other, name):
    trace = dk.Trace.load(DATA / "traces" / name)
    assert "fingerprint" not in trace.metadata
    assert model_of_run(lion, trace) is lion
    with pytest.raises(ValueError, match="other makes another image"):
        model_of_run(other, trace)


def test_a_run_of_another_size_is_refused(lion, saved):
    with pytest.raises(ValueError, match=r"its images are \(128, 128\).*those of toy are"):
        model_of_run(Toy(), dk.Trace.load(saved))


def test_the_file_names_its_model(lion, saved):
    metadata = json.loads(saved.read_text())["metadata"]
    assert metadata == {"model": "lion", "fingerprint": lion.fingerprint}


def test_a_fingerprint_depends_on_names_shapes_and_values():
    state = {"a": torch.zeros(3, 5000), "b": torch.ones(1)}
    known = fingerprint(state)
    assert known == fingerprint(dict(reversed(state.items())))
    assert known == fingerprint({name: tensor.clone() for name, tensor in state.items()})
    for changed in (
        {"a": state["a"], "c": state["b"]},
        {"a": state["a"].T, "b": state["b"]},
        {"a": state["a"] + 1e-6, "b": state["b"]},
        {"a": state["a"], "b": torch.tensor([2.0])},
        {**state, "empty": torch.zeros(0)},
    ):
        assert fingerprint(changed) != known


def test_a_step_from_a_file_without_a_fingerprint_is_compared_with_what_the_model_paints(
    lion, other, tmp_path
):
    trace = dk.Trace(dk.drag(lion, lion.sample(1), EDIT, **METHOD | {"steps": 1}))
    trace.metadata = {}
    frame = dk.Trace.load(trace.save(tmp_path / "run"))[0]
    assert frame.step.view is None and "fingerprint" not in frame.step.metadata
    next(dk.drag(lion, lion.sample(1), EDIT, **METHOD, resume=frame))
    with pytest.raises(ValueError, match="the run was made by .* grey levels away on average"):
        next(dk.drag(other, other.sample(1), EDIT, **METHOD, resume=frame))
