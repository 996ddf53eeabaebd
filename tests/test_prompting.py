"""The same weights for another prompt and another size, as if the model had been opened so."""

import pytest
import torch

import dragkit as dk
from tests.tiny_pipelines import write_sd, write_xl


@pytest.fixture(scope="module", params=[write_sd, write_xl])
def folder(request, tmp_path_factory):
    return request.param(tmp_path_factory.mktemp("sd") / "tiny")


def test_it_is_the_model_that_is_opened_with_them(folder):
    model = dk.load(folder, device="cpu", size=64, steps=4, prompt="on")
    other = model.with_prompt("a lion", (48, 72))
    opened = dk.load(folder, device="cpu", size=(48, 72), steps=4, prompt="a lion")

    assert other.size == opened.size and other.unet is model.unet
    assert other.metadata == opened.metadata
    latent = torch.randn(opened.latent_shape, generator=torch.Generator().manual_seed(0))
    assert torch.equal(other.view(latent).features, opened.view(latent).features)


def test_the_reference_and_the_psnr_belonged_to_another_image(folder):
    model = dk.load(folder, device="cpu", size=64, steps=4)
    found = dk.invert(model, torch.rand(3, 64, 64))
    other = found.model.with_prompt("a lion")
    assert other.reference is None and "inversion_psnr" not in other.notes
    assert other.size == (64, 64) and other.notes["prompt"] == "a lion"


def test_a_size_or_a_model_that_does_not_fit_is_told(folder):
    model = dk.load(folder, device="cpu", size=64, steps=4)
    with pytest.raises(ValueError, match=r"size is \(50, 64\).*multiples of 8"):
        model.with_prompt("a lion", (50, 64))
    with pytest.raises(ValueError, match=r"prompt is 7"):
        model.with_prompt(7)
    with pytest.raises(ValueError, match=r"lion-diffusion takes no prompt"):
        dk.load("lion-diffusion", device="cpu").with_prompt("a lion")
