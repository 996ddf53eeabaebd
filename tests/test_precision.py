"""Generators in half precision, and the fast path beside the plain code that lessons show."""

import pickle
from copy import deepcopy
from itertools import islice

import pytest
import torch

import dragkit as dk
from dragkit.models import precision
from dragkit.models.gan import fast
from dragkit.models.gan.network import ModulatedConv

HALF = {"bfloat16": 0.05, "float16": 0.01}  # how far a gradient may be from float32's
PATHS = ("fast", "plain")


def lion(dtype: torch.dtype = torch.float32, **settings):
    """The bundled lion; a CPU that has no half precision by itself computes it all the same."""
    model = dk.load("lion", device="cpu", **settings)
    model.generator.synthesis.store_in(dtype)
    return model


LION = lion()


def plainly(model, latent):
    """The features (c h w) as the network's own code computes them."""
    return model.generator.synthesis.activations(latent[None], model.feature_block)[-1][0]


@pytest.fixture(params=PATHS)
def path(request, monkeypatch):
    if request.param == "plain":
        monkeypatch.setattr(fast, "frozen_convolutions", lambda *_: None)
    return request.param


# The fast path


def test_the_fast_path_gives_the_same_features_and_gradients():
    latent = LION.sample(3).requires_grad_()
    quick, slow = LION.view(latent).features, plainly(LION, latent)
    torch.testing.assert_close(quick, slow, rtol=1e-4, atol=1e-5)

    direction = torch.randn(slow.shape, generator=torch.Generator().manual_seed(0))
    rows = LION.rows
    wanted, found = (
        torch.autograd.grad((features * direction).sum(), latent)[0] for features in (slow, quick)
    )
    torch.testing.assert_close(found[:rows], wanted[:rows], rtol=1e-3, atol=1e-3)


@pytest.mark.parametrize("handles", [1, 3])
def test_the_points_of_twenty_steps_are_the_same(handles, monkeypatch):
    edit = dk.Edit(
        [(40, 40), (64, 70), (80, 50)][:handles], [(52, 44), (60, 84), (76, 44)][:handles]
    )
    runs = []
    for _ in PATHS:
        run = dk.drag(LION, LION.sample(3), edit, **dk.methods.stabledrag())
        runs.append([step.points.tolist() for step in islice(run, 21)])
        monkeypatch.setattr(fast, "frozen_convolutions", lambda *_: None)
    assert runs[0] == runs[1]


def test_a_clamp_that_is_reached_is_kept():
    synthesis = lion().generator.synthesis
    latent = LION.sample(3)
    highest = LION.view(latent).features.abs().max().item()
    for clamp, exact in ((1000 * highest, False), (highest / 2, True)):
        for module in synthesis.modules():
            if isinstance(module, ModulatedConv):
                module.clamp = clamp
        quick = fast.FastSynthesis(synthesis).activations(latent[None], 64)
        slow = synthesis.activations(latent[None], 64)
        assert all(torch.equal(a, b) for a, b in zip(quick, slow, strict=True)) == exact
        assert max(x.abs().max() for x in quick) <= clamp


def test_weights_that_change_are_seen():
    model = lion()
    latent = model.sample(3)
    before = model.view(latent).features
    conv = model.generator.synthesis.b16.conv1
    for change in (
        lambda: conv.weight[:, 0].mul_(2),
        lambda: conv.noise_strength.fill_(2),
        lambda: setattr(conv, "bias", torch.nn.Parameter(conv.bias + 1, requires_grad=False)),
    ):
        change()
        after = model.view(latent).features
        assert (after - before).abs().max() > 0.01
        torch.testing.assert_close(after, plainly(model, latent), rtol=1e-4, atol=1e-4)
        before = after


def test_who_watches_trains_or_replaces_a_layer_gets_the_plain_code():
    def hooked(model):
        model.generator.synthesis.b16.conv1.register_forward_hook(lambda _m, _i, out: 2 * out)

    def learning(model):
        model.generator.synthesis.b16.conv1.weight.requires_grad_(True)

    def replaced(model):
        class Mine(ModulatedConv):
            def forward(self, x, w):
                return 2 * super().forward(x, w)

        model.generator.synthesis.b16.conv1.__class__ = Mine

    def patched(model):
        conv = model.generator.synthesis.b16.conv1
        conv.forward = lambda x, w: 2 * ModulatedConv.forward(conv, x, w)

    def starting_elsewhere(model):
        model.generator.synthesis.b4.const.requires_grad_(True)

    def clamped_once(model):
        model.generator.synthesis.b16.conv1.clamp = 0.1

    def of_inference(model):
        with torch.inference_mode():
            weight = model.generator.synthesis.b16.conv1.weight.clone()
        model.generator.synthesis.b16.conv1.weight = torch.nn.Parameter(weight, False)

    for change in (
        hooked,
        learning,
        replaced,
        patched,
        starting_elsewhere,
        clamped_once,
        of_inference,
    ):
        model = lion()
        change(model)
        latent = model.sample(3)
        assert torch.equal(model.view(latent).features, plainly(model, latent))


def test_a_copy_keeps_nothing_of_the_first():
    model = lion()
    latent = model.sample(3)
    before = model.view(latent).features
    for copy in (deepcopy(model), pickle.loads(pickle.dumps(model))):
        assert copy._synthesis._kept is None
        assert torch.equal(copy.view(latent).features, before)


# Half precision


@pytest.mark.parametrize("dtype", HALF)
@pytest.mark.parametrize("size", [1, 1e-9])
@pytest.mark.parametrize("blocks", [64, (32, 64)])
def test_half_precision_is_near_and_small_gradients_stay(dtype, size, blocks):
    found = []
    for kind in (torch.float32, getattr(torch, dtype)):
        latent = LION.sample(3).requires_grad_()
        features = lion(kind, feature_block=blocks).view(latent).features
        loss = size * features.square().mean()
        found.append((features, torch.autograd.grad(loss, latent)[0] / size))
    for whole, half in zip(*found, strict=True):
        assert half.dtype == torch.float32
        assert 0 < (half - whole).norm() < HALF[dtype] * whole.norm()


@pytest.mark.parametrize("dtype", HALF)
def test_only_the_kernels_are_stored_in_half_precision(dtype, monkeypatch):
    monkeypatch.setattr(precision, "_has", lambda *_: True)
    model = dk.load("lion", device="cpu", dtype=dtype)
    kinds = {
        name: tensor.dtype
        for name, tensor in model.generator.state_dict().items()
        if tensor.dtype != torch.float32
    }
    assert set(kinds.values()) == {getattr(torch, dtype)}
    assert all(".conv" in name and name.endswith("weight") for name in kinds)


@pytest.mark.parametrize("dtype", HALF)
def test_both_paths_drag_in_half_precision(dtype, path):
    model = lion(getattr(torch, dtype))
    edit = dk.Edit([(64, 70)], [(64, 80)])
    whole, half = (
        [
            step.points[0]
            for step in islice(dk.drag(m, LION.sample(3), edit, **dk.methods.draggan()), 11)
        ]
        for m in (LION, model)
    )
    assert (torch.stack(whole) - torch.stack(half)).norm(dim=1).max() < 4
    image = model.finish(LION.sample(3))
    assert (
        image.dtype == torch.float32 and (image - LION.finish(LION.sample(3))).abs().mean() < 0.02
    )


@pytest.mark.parametrize("dtype", ["float64", "half", 16, None, torch.float64, ["float32"]])
def test_an_unknown_precision_is_refused(dtype):
    with pytest.raises(ValueError, match=r'dtype is .*; choose "float32", .* or "auto"'):
        dk.load("lion", device="cpu", dtype=dtype)


def test_a_precision_that_the_device_lacks_is_refused(monkeypatch):
    monkeypatch.setattr(precision, "_has", lambda dtype, kind: dtype == torch.float32)
    with pytest.raises(ValueError, match="which this cpu does not compute in"):
        dk.load("lion", device="cpu", dtype="bfloat16")
    assert precision.available_dtype("auto", "cuda") == torch.float32


def test_auto_is_float32_on_a_cpu_and_bfloat16_on_a_gpu_that_has_it(monkeypatch):
    monkeypatch.setattr(precision, "_has", lambda *_: True)
    assert precision.available_dtype("auto", "cpu") == torch.float32
    assert precision.available_dtype("auto", "cuda") == torch.bfloat16


def test_float32_is_not_tf32_while_a_drag_computes(monkeypatch):
    """The flags are those of a build with CUDA; they say the same on one without."""
    monkeypatch.setattr(torch.backends.cuda, "is_built", lambda: True)
    convolutions = torch.backends.cudnn.conv
    before = convolutions.fp32_precision, torch.backends.cuda.matmul.fp32_precision
    seen = []

    class Watching(dk.NearestNeighbor):
        def find(self, *given):
            seen.append((convolutions.fp32_precision, torch.backends.cuda.matmul.fp32_precision))
            return super().find(*given)

    method = dk.methods.draggan() | {"tracker": Watching()}
    for _ in dk.drag(
        LION, LION.sample(0), dk.Edit([(64, 70)], [(64, 80)]), **method | {"steps": 2}
    ):
        now = convolutions.fp32_precision, torch.backends.cuda.matmul.fp32_precision
        assert now == before
    assert seen == [("ieee", "ieee")] * 3


def test_the_toy_has_no_precision_to_choose(monkeypatch):
    monkeypatch.setattr(precision, "_has", lambda *_: True)
    assert dk.load("toy", device="cpu", dtype="auto") == dk.load("toy")
    with pytest.raises(ValueError, match="the toy has no weights"):
        dk.load("toy", device="cpu", dtype="bfloat16")


@pytest.mark.parametrize("dtype", HALF)
def test_a_model_in_half_precision_is_saved_and_tuned_in_float32(dtype, tmp_path):
    model = lion(getattr(torch, dtype))
    dk.save(model, tmp_path / "half.safetensors")
    again = dk.load(tmp_path / "half.safetensors", device="cpu")
    kernel = again.generator.synthesis.b16.conv1.weight
    assert kernel.dtype == torch.float32
    assert torch.equal(kernel, model.generator.synthesis.b16.conv1.weight.float())

    image = model.finish(model.sample(3))
    tuned = dk.tune(dk.invert(model, image, steps=2), steps=2).model
    assert tuned.generator.synthesis.b16.conv1.weight.dtype == torch.float32


def test_measuring_leaves_the_gradients_of_weights_alone(monkeypatch):
    from dragkit import threads

    model = lion()
    model.generator.requires_grad_(True)
    threads._seconds(model, model.sample(3))
    assert all(weight.grad is None for weight in model.generator.parameters())


@pytest.mark.parametrize("dtype", HALF)
@pytest.mark.parametrize("kind", ["fast", "hooked"])
def test_every_backward_pass_has_a_factor_of_its_own(dtype, kind):
    """Of one view: a tiny loss, none, a huge one, and one of the coarse block alone."""
    gradients = []
    for precision_of in (torch.float32, getattr(torch, dtype)):
        model = lion(precision_of, feature_block=(32, 64))
        if kind == "hooked":
            model.generator.synthesis.b16.conv1.register_forward_hook(lambda *_: None)
        latent = model.sample(3).requires_grad_()
        features = model.view(latent).features
        coarse = model.generator.synthesis.b32.conv1.weight.shape[0]
        losses = (
            1e-6 * features.mean(),
            0 * features.sum(),
            1e3 * features.square().sum(),
            features[:coarse].mean(),
        )
        assert features.dtype == torch.float32
        gradients.append([torch.autograd.grad(x, latent, retain_graph=True)[0] for x in losses])
    for whole, half in zip(*gradients, strict=True):  # of a mean much cancels out
        assert (half - whole).norm() <= 2 * HALF[dtype] * whole.norm()


def test_weights_that_learn_in_half_precision_get_their_own_gradients():
    found = []
    for kind in (torch.float32, torch.bfloat16):
        model = lion(kind)
        weight = model.generator.synthesis.b16.conv1.weight.requires_grad_(True)
        model.view(model.sample(3)).features.mean().backward()
        found.append(weight.grad.float())
    assert (found[1] - found[0]).norm() < 0.1 * found[0].norm()


def test_a_drag_leaves_the_gradients_of_weights_alone():
    model = lion()
    model.generator.requires_grad_(True)
    edit = dk.Edit([(64, 70)], [(64, 80)])
    moved = list(dk.drag(model, model.sample(3), edit, **dk.methods.draggan() | {"steps": 2}))
    assert not torch.equal(moved[0].latent, moved[-1].latent)
    assert all(weight.grad is None for weight in model.generator.parameters())


def test_a_hook_on_all_modules_is_heard():
    seen = []
    hook = torch.nn.modules.module.register_module_forward_hook(lambda m, *_: seen.append(m))
    try:
        LION.view(LION.sample(3))
    finally:
        hook.remove()
    assert LION.generator.synthesis.b16.conv1 in seen


@pytest.mark.parametrize("dtype", ["float32", "bfloat16", "float16"])
def test_torchs_own_precisions_are_known(dtype, monkeypatch):
    monkeypatch.setattr(precision, "_has", lambda *_: True)
    assert precision.available_dtype(getattr(torch, dtype), "cpu") == getattr(torch, dtype)
