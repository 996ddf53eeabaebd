"""What torch makes of tensors without a device is the caller's affair: dragkit does not care.

On the device "meta" tensors have no numbers, so whatever is made there by mistake is heard of.
"""

import pytest
import torch

import dragkit as dk
from dragkit.models.gan.state_dict import from_state_dict
from dragkit.models.toy import Toy
from tests.checkpoint_files import network

TOY = Toy()
EDIT = dk.Edit([(20, 20)], [(24, 20)], torch.ones(TOY.size))
METHODS = (dk.methods.draggan, dk.methods.stabledrag, dk.methods.freedrag)


@pytest.fixture(params=["with", "set"])
def elsewhere(request):
    """A function that calls another one where tensors are made on "meta"."""

    def there(call):
        if request.param == "with":
            with torch.device("meta"):
                return call()
        torch.set_default_device("meta")
        try:
            return call()
        finally:
            torch.set_default_device(None)

    return there


@pytest.mark.parametrize("method", METHODS)
def test_a_drag_is_the_same(elsewhere, method):
    pieces = method() | {"lr": 0.5, "steps": 2}
    latent = TOY.sample(0)

    def drag():
        return list(dk.drag(TOY, latent, EDIT, **pieces))

    usual, again = drag(), elsewhere(drag)
    assert [step.losses for step in again] == [step.losses for step in usual]
    assert torch.equal(again[-1].latent, usual[-1].latent)


def test_an_inversion_and_a_tuning_are_the_same(elsewhere):
    model = from_state_dict(network(16).state_dict(), name="small", feature_block=8)
    image = model.finish(model.sample(0))[:, :12]

    def invert():
        found = dk.invert(model, image, fit="pad", steps=3, callback=lambda _: None)
        return dk.tune(found, steps=2, callback=lambda _: None)

    usual, again = invert(), elsewhere(invert)
    assert again.losses == usual.losses and torch.equal(again.latent, usual.latent)


@pytest.mark.filterwarnings("ignore")
def test_a_lora_is_the_same(elsewhere):
    model = dk.load("lion-diffusion", device="cpu", steps=4)
    image = torch.rand(3, 64, 64)

    def learn():
        return dk.invert(dk.lora(model, image, rank=2, steps=2), image).latent

    assert torch.equal(elsewhere(learn), learn())


def test_an_edit_a_session_and_a_run_are_made(elsewhere, tmp_path):
    latent = TOY.sample(0)

    def work():
        edit = dk.Edit([(20, 20)], [(24, 20)])
        session = dk.Session(TOY, latent, edit, **dk.methods.draggan() | {"lr": 0.5})
        return dk.Trace.load(session.run(1).save(tmp_path / "run"))

    assert elsewhere(work)[-1].points.device.type == "cpu"
