"""The same leaves in Stable Diffusion: pipelines of its shape with random weights."""

from dataclasses import replace

import pytest
import torch

import dragkit as dk
from dragkit.leaves import drag_levels, low_rank, mid_block, noise_levels
from dragkit.models.diffusion.injected import projections

pytest.importorskip("diffusers")
pytest.importorskip("transformers")

from tests.tiny_pipelines import write_sd, write_xl

EDIT = dk.Edit([(20, 20)], [(28, 22)], torch.ones(64, 64))


@pytest.fixture(scope="module", params=["sd", "sd, guided", "xl"])
def model(request, tmp_path_factory):
    write = write_xl if request.param == "xl" else write_sd
    folder = write(tmp_path_factory.mktemp("models") / "tiny")
    settings = {"guidance": 7.5} if request.param == "sd, guided" else {}
    return dk.load(folder, device="cpu", prompt="a lion", size=64, steps=10, **settings)


@pytest.fixture
def z(model):
    return torch.randn(model.latent_shape, generator=torch.Generator().manual_seed(1))


def test_a_leaf_that_was_not_dragged_shows_what_its_model_shows(model, z):
    plain = model.view(z)
    for inner, start in (mid_block(model, z), low_rank(model, z)):
        view = inner.view(start)
        torch.testing.assert_close(view.features, plain.features)
        torch.testing.assert_close(view.anchor, plain.anchor)
        torch.testing.assert_close(view.image, plain.image)


def test_the_middle_of_each_prompt_is_replaced_by_its_own(model, z):
    inner, start = mid_block(model, z)
    h = torch.randn_like(start)
    made = h.unflatten(0, (-1, h.shape[0] // (1 + (model.guidance != 1))))
    hook = model.unet.mid_block.register_forward_hook(lambda *_: made)
    expected = model.view(z)
    hook.remove()
    view = inner.view(h)
    torch.testing.assert_close(view.features, expected.features)
    assert not torch.allclose(view.features, model.view(z).features)


def test_low_rank_factors_are_added_to_the_weights_of_every_attention(model, z):
    inner, start = low_rank(model, z, rank=2)
    factors = 0.1 * torch.randn_like(start)
    view, rest = inner.view(factors), factors
    layers = projections(model.unet)
    names = [name for name, _ in model.unet.named_modules() if name.endswith("to_q")]
    assert len(layers) == 4 * len(names)
    weights = [layer.weight.clone() for layer in layers]
    try:
        for layer in layers:
            out, into = layer.weight.shape
            a, b, rest = rest.split([2 * into, 2 * out, len(rest) - 2 * (into + out)])
            layer.weight.add_(b.view(out, 2) @ a.view(2, into))
        expected = model.view(z)
        anchor = expected.anchor  # while the weights are these
    finally:
        for layer, weight in zip(layers, weights):
            layer.weight.copy_(weight)
    assert not len(rest)
    torch.testing.assert_close(view.features, expected.features, atol=1e-4, rtol=1e-4)
    torch.testing.assert_close(view.anchor, anchor, atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize("leaf", [mid_block, low_rank])
def test_it_is_dragged_and_finished_also_beside_a_reference(model, z, leaf):
    inner, start = leaf(model.with_reference(z), z)
    *_, step = dk.drag(inner, start, EDIT, **dk.methods.dragnoise() | {"steps": 2})
    assert step.index == 2 and not torch.equal(step.latent, start)
    beside, alone = inner.finish(step.latent), leaf(model, z).model.finish(step.latent)
    assert beside.shape == (3, 64, 64)
    assert torch.equal(beside, alone) == (leaf is mid_block)  # which has no reference
    assert not torch.allclose(beside, model.with_reference(z).finish(z))


def test_it_is_dragged_along_levels_and_warped(model, z):
    levels = noise_levels(replace(model, strength=0.9), z, 3)
    run = drag_levels(levels, EDIT, **dk.methods.dragdiffusion() | {"steps": 1})
    trace = dk.Trace(run)
    assert [frame.index for frame in trace] == [0, 1, 2, 3]
    assert levels[-1].model.finish(trace[-1].latent).shape == (3, 64, 64)
    warped = dk.warp(z, dk.Edit([(20, 20)], [(36, 20)]), model.size)
    assert warped.shape == z.shape and not torch.equal(warped, z)
