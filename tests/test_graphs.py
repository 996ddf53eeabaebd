"""Captured passes: by a stand-in that has a graph's buffers; on a GPU by torch's graphs."""

import threading
from typing import ClassVar

import pytest
import torch

from dragkit.models.gan import graphs


class StandIn(torch.autograd.Function):
    """What torch's graphs do: one buffer for the outputs, and one for what the gradient needs."""

    buffers: ClassVar[dict] = {}

    @staticmethod
    def forward(ctx, x, key):
        held = StandIn.buffers.setdefault(key, (torch.zeros_like(x), torch.zeros_like(x)))
        held[0].copy_(x)
        held[1].copy_(x**3)
        ctx.key = key
        return held[1].detach()

    @staticmethod
    def backward(ctx, grad):
        return 3 * StandIn.buffers[ctx.key][0] ** 2 * grad, None


def cube(x):
    return (x**3,)


@pytest.fixture
def standing_in(monkeypatch):
    StandIn.buffers = {}
    monkeypatch.setattr(
        graphs, "record", lambda f, _: lambda x: (StandIn.apply(x, threading.get_ident()),)
    )


def test_the_stand_in_shows_the_fault_that_is_guarded_against(standing_in):
    bare = graphs.record(cube, torch.ones(3))
    x, y = (torch.full((3,), v, requires_grad=True) for v in (2.0, 5.0))
    first = bare(x)[0]
    bare(y)
    assert first.tolist() == [125] * 3 and torch.autograd.grad(first.sum(), x)[0][0] == 75


def test_passes_keep_their_outputs_and_their_gradients(standing_in):
    replayed = graphs.captured(cube, torch.ones(3))
    assert replayed is not cube
    x, y = (torch.full((3,), v, requires_grad=True) for v in (2.0, 5.0))
    (first,), (second,) = replayed(x), replayed(y)
    assert first.tolist() == [8] * 3 and second.tolist() == [125] * 3
    both = (2 * first + second).sum()
    of_x, of_y = torch.autograd.grad(both, (x, y), retain_graph=True)
    assert of_x.tolist() == [24] * 3 and of_y.tolist() == [75] * 3
    assert torch.autograd.grad(both, x)[0].tolist() == [24] * 3, "again, with the other's buffers"


def test_threads_have_buffers_of_their_own(standing_in):
    replayed = graphs.captured(cube, torch.ones(3))
    x = torch.full((3,), 2.0, requires_grad=True)
    (here,) = replayed(x)
    there = threading.Thread(target=lambda: replayed(torch.full((3,), 9.0)))
    there.start()
    there.join()
    assert torch.autograd.grad(here.sum(), x)[0].tolist() == [12] * 3 and len(StandIn.buffers) == 2


@pytest.mark.parametrize("fault", ["refused", "wrong", "wrong gradient"])
def test_what_cannot_be_captured_is_left_as_it_is(monkeypatch, fault):
    def record(function, example):
        if fault == "refused":
            raise RuntimeError("operation not permitted when stream is capturing")
        if fault == "wrong":
            return lambda x: (2 * x**3,)
        return lambda x: (x**3 * 0.5 + (x**3 * 0.5).detach(),)

    monkeypatch.setattr(graphs, "record", record)
    with pytest.warns(UserWarning, match="not captured as a graph"):
        assert graphs.captured(cube, torch.ones(3)) is cube


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA")
@pytest.mark.parametrize("dtype", ["float32", "bfloat16", "float16"])
def test_a_generator_on_a_gpu_is_captured_and_gives_the_same(dtype):
    import dragkit as dk

    model, plain = (
        dk.load("lion", device=device, dtype=kind)
        for device, kind in (("cuda", dtype), ("cpu", "float32"))
    )
    latent = plain.sample(3).requires_grad_()
    there, here = model.view(latent.cuda()).features.cpu(), plain.view(latent).features
    assert isinstance(model._synthesis._kept[1], graphs._Captured)
    assert (there - here).norm() < 0.05 * here.norm()
    gradients = [torch.autograd.grad(f.square().mean(), latent)[0] for f in (there, here)]
    assert (gradients[0] - gradients[1]).norm() < 0.1 * gradients[1].norm()
