"""The bundled model's network and schedule are those of diffusers, to the bit."""

import subprocess
import sys

import pytest
import torch

import dragkit as dk
from dragkit.models.diffusion.ddim import ddim_schedule
from dragkit.models.diffusion.pixel_unet import (
    SCHEDULE,
    cosine_alphas,
    network,
    pixel_schedule,
)
from dragkit.models.diffusion.small_unet import Config, SmallUNet

diffusers = pytest.importorskip("diffusers")

CONFIGS = [Config(), Config(channels=(8, 16), head=8), Config(4, (8, 8, 16, 16), head=4)]


def theirs(config: Config):
    """diffusers' network of the same sizes."""
    plain = len(config.channels) - 1
    return diffusers.UNet2DModel(
        sample_size=32,
        in_channels=config.in_channels,
        out_channels=config.in_channels,
        block_out_channels=tuple(config.channels),
        layers_per_block=1,
        norm_num_groups=8,
        attention_head_dim=config.head,
        down_block_types=("DownBlock2D", *["AttnDownBlock2D"] * plain),
        up_block_types=(*["AttnUpBlock2D"] * plain, "UpBlock2D"),
    )


@pytest.mark.parametrize("config", CONFIGS, ids=str)
def test_an_untrained_network_is_diffusers_weight_by_weight(config):
    torch.manual_seed(3)
    wanted = theirs(config).state_dict()
    torch.manual_seed(3)
    found = SmallUNet(config)
    assert list(found.state_dict()) == list(wanted)
    assert all(torch.equal(weight, wanted[name]) for name, weight in found.state_dict().items())
    names = [name for name, _ in found.named_parameters()]
    assert names == [name for name, _ in theirs(config).named_parameters()]


@pytest.mark.parametrize("memory", [torch.contiguous_format, torch.channels_last], ids=str)
@pytest.mark.parametrize("config", CONFIGS, ids=str)
def test_it_predicts_what_diffusers_does_and_pulls_as_it_does(config, memory):
    ours, other = SmallUNet(config).eval(), theirs(config).eval()
    other.load_state_dict(ours.state_dict())
    ours, other = ours.to(memory_format=memory), other.to(memory_format=memory)
    z = torch.randn(2, config.in_channels, 16, 24).contiguous(memory_format=memory)
    t = torch.tensor([3, 981])

    results = []
    for predict in (ours, lambda z, t: other(z, t).sample):
        z = z.detach().requires_grad_()
        predicted = predict(z, t)
        (gradient,) = torch.autograd.grad(predicted.square().sum(), z)
        results.append((predicted, gradient))
    for found, wanted in zip(*results):
        assert torch.equal(found, wanted)


@pytest.mark.parametrize("steps", [1, 7, 35, 50, 333, 500, 999])
def test_the_schedule_is_diffusers(steps):
    wanted = ddim_schedule(diffusers.DDIMScheduler(**SCHEDULE), steps)
    found = pixel_schedule(steps)
    assert torch.equal(found.times, wanted.times) and torch.equal(found.alphas, wanted.alphas)
    assert found.prediction == wanted.prediction
    assert torch.equal(cosine_alphas(), diffusers.DDIMScheduler(**SCHEDULE).alphas_cumprod)


def test_more_steps_than_fit_are_told_as_for_any_scheduler():
    messages = []
    for make in (pixel_schedule, lambda n: ddim_schedule(diffusers.DDIMScheduler(**SCHEDULE), n)):
        with pytest.raises(ValueError, match="steps is 1000, which this scheduler") as caught:
            make(1000)
        messages.append(str(caught.value))
    assert messages[0] == messages[1]


def test_the_bundled_model_opens_and_drags_without_diffusers():
    code = (
        "import sys, dragkit as dk; m = dk.load('lion-diffusion'); m.view(m.sample(0));"
        " assert 'diffusers' not in sys.modules and 'peft' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_the_bundled_weights_predict_what_diffusers_network_does():
    model = dk.load("lion-diffusion", device="cpu")
    other = theirs(Config()).eval().to(memory_format=torch.channels_last)
    other.load_state_dict(model.unet.state_dict())
    z = model.sample(1)[None].contiguous(memory_format=torch.channels_last)
    with torch.no_grad():
        assert torch.equal(model.unet(z, torch.tensor([701])), other(z, 701).sample)
    assert len(list(network().parameters())) == len(list(other.parameters()))
