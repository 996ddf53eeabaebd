"""StyleGAN2 against a second, slower one, written here from the paper's equations."""

import json
import math
from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors.torch import save_file
from torch.nn import functional as F

from dragkit import Edit, NearestNeighbor, ShiftedPatchLoss, drag, load
from dragkit.models.gan.network import Generator
from dragkit.models.gan.state_dict import from_state_dict

CHANNELS = {4: 12, 8: 10, 16: 6, 32: 5}
Z, W, LAYERS = 7, 9, 3


def random_state(
    resolution=16, channels=CHANNELS, z_dim=Z, w_dim=W, layers=LAYERS, seed=0
) -> dict:
    """A state dict whose every tensor matters: no bias, noise or average is zero."""
    torch.manual_seed(seed)
    channels = {r: c for r, c in channels.items() if r <= resolution}
    state = Generator(channels, z_dim, w_dim, layers).state_dict()
    for name, tensor in state.items():
        if not name.endswith("resample_filter"):
            tensor.add_(0.3 * torch.randn_like(tensor))
    return state


def model(resolution=16, **settings):
    return from_state_dict(random_state(resolution), **settings)


# The reference. f is the filter [1, 3, 3, 1] ⊗ [1, 3, 3, 1] / 64; x is (1 c h w); w is one row of
# w+


def resample(x, f, before, after):
    """Double the side: a zero after each pixel, zeros around, convolution with 4 f."""
    _, c, h, w = x.shape
    wide = x.new_zeros(1, c, h, 2, w, 2)
    wide[:, :, :, 0, :, 0] = x
    wide = F.pad(wide.reshape(1, c, 2 * h, 2 * w), [before, after, before, after])
    return F.conv2d(wide.transpose(0, 1), 4 * f.flip(0, 1)[None, None]).transpose(0, 1)


def affine(state, name, w):
    return w @ state[f"{name}.affine.weight"].T / math.sqrt(len(w)) + state[f"{name}.affine.bias"]


def modulated(state, name, x, w, up, clamp):
    """w'_oikl = s_i w_oikl; w''_oikl = w'_oikl / √(Σ_ikl w'² + ε); noise, bias, leaky ReLU and its
    gain, clamp.
    """
    weight = state[f"{name}.weight"] * affine(state, name, w)[None, :, None, None]
    weight = weight / (weight.square().sum((1, 2, 3), keepdim=True) + 1e-8).sqrt()
    if up:  # 3x3 convolution of the resampled map; the filter and the kernel take one pixel each
        x = F.conv2d(resample(x, state[f"{name}.resample_filter"], 3, 2), weight.flip(2, 3))
    else:
        x = F.conv2d(x, weight, padding=1)
    x = x + state[f"{name}.noise_const"] * state[f"{name}.noise_strength"]
    x = x + state[f"{name}.bias"][None, :, None, None]
    return bounded(torch.where(x > 0, x, 0.2 * x) * math.sqrt(2), clamp)


def bounded(x, clamp):
    return torch.where(x.abs() > clamp, clamp * x.sign(), x)


def reference_image(state, ws, resolution, clamp=math.inf):
    """(3 r r) in -1..1: the skip architecture, one row of w+ per convolution, ToRGB shares the
    next.

    Each convolution's output is clamped, a ToRGB's before it joins the image, as in the official
    code.
    """
    image, row = None, 0
    for r in (2**k for k in range(2, int(math.log2(resolution)) + 1)):
        b = f"synthesis.b{r}"
        if r == 4:
            x = state[f"{b}.const"][None]
        else:
            x = modulated(state, f"{b}.conv0", x, ws[row], True, clamp)
            row += 1
        x = modulated(state, f"{b}.conv1", x, ws[row], False, clamp)
        row += 1
        style = affine(state, f"{b}.torgb", ws[row]) / math.sqrt(x.shape[1])
        weight = state[f"{b}.torgb.weight"] * style[None, :, None, None]
        colours = bounded(F.conv2d(x, weight, state[f"{b}.torgb.bias"]), clamp)
        if image is not None:
            colours = colours + resample(image, state[f"{b}.resample_filter"], 2, 1)
        image = colours
    assert row == len(ws) - 1
    return image[0]


def reference_w(state, z, layers=LAYERS):
    x = z / np.sqrt((z**2).mean() + 1e-8)
    for i in range(layers):
        weight, bias = (state[f"mapping.fc{i}.{n}"].double().numpy() for n in ("weight", "bias"))
        x = weight @ x * 0.01 / math.sqrt(len(x)) + bias * 0.01
        x = np.where(x > 0, x, 0.2 * x) * math.sqrt(2)
    return x


@pytest.mark.parametrize("resolution", [4, 16, 32])
@pytest.mark.parametrize("seed", [0, 1])
def test_the_image_is_that_of_the_equations(resolution, seed):
    state = random_state(resolution, seed=seed)
    gan = from_state_dict(state)
    ws = torch.randn(2 * int(math.log2(resolution)) - 2, W)
    with torch.no_grad():
        image = gan.generator.synthesis(ws[None])[0]
    expected = reference_image(state, ws, resolution)
    torch.testing.assert_close(image, expected, atol=1e-4, rtol=1e-4)
    assert expected.std() > 0.5


@pytest.mark.parametrize("resolution", [4, 16, 32])
def test_a_clamp_bounds_every_convolution_and_not_their_sum(resolution):
    state, clamp = random_state(resolution), 0.6
    net = from_state_dict(state, clamp=clamp).generator.synthesis
    ws = torch.randn(1, net.num_ws, W)
    with torch.no_grad():
        xs, image = net.activations(ws), net(ws)[0]
    torch.testing.assert_close(
        image, reference_image(state, ws[0], resolution, clamp), atol=1e-4, rtol=1e-4
    )
    assert all(x.abs().max() == clamp for x in xs)
    assert (image.abs().max() > clamp) == (resolution > 4)
    assert not torch.allclose(image, reference_image(state, ws[0], resolution), atol=0.1)


def test_no_clamp_costs_nothing_and_a_wide_one_changes_nothing():
    ws = torch.randn(1, 6, W)
    free, wide = (model(clamp=clamp).generator.synthesis(ws) for clamp in (None, 256))
    assert torch.equal(free, wide)
    with torch.profiler.profile(activities=[torch.profiler.ProfilerActivity.CPU]) as seen:
        model().generator.synthesis(ws)
    assert not any("clamp" in event.key for event in seen.key_averages())


def test_a_batch_is_its_images():
    gan = model().generator
    ws = torch.randn(3, 6, W)
    with torch.no_grad():
        images = torch.cat([gan.synthesis(w[None]) for w in ws])
        torch.testing.assert_close(gan.synthesis(ws), images, atol=1e-5, rtol=1e-5)


def test_a_sample_is_the_truncated_mapping_of_numpys_random_z():
    state = random_state()
    gan = from_state_dict(state)
    z = np.random.RandomState(5).randn(1, Z)[0]
    average = state["mapping.w_avg"].double().numpy()
    w = average + 0.7 * (reference_w(state, z) - average)
    latent = gan.sample(5)
    assert latent.shape == (6, W)
    np.testing.assert_allclose(latent, np.tile(w, (6, 1)), atol=1e-5)
    whole = from_state_dict(state, truncation=1.0).sample(5)
    np.testing.assert_allclose(whole[0], reference_w(state, z), atol=1e-5)
    assert not torch.equal(latent, gan.sample(6))


# Names and shapes


def nvidia_names(resolution: int, layers: int) -> set[str]:
    """The names in NVIDIA's G_ema state dict, written out."""
    names = {f"mapping.fc{i}.{n}" for i in range(layers) for n in ("weight", "bias")}
    names |= {"mapping.w_avg", "synthesis.b4.const"}
    convolution = [
        "weight",
        "bias",
        "noise_const",
        "noise_strength",
        "resample_filter",
        "affine.weight",
        "affine.bias",
    ]
    colours = ["weight", "bias", "affine.weight", "affine.bias"]
    for r in (2**k for k in range(2, int(math.log2(resolution)) + 1)):
        block = f"synthesis.b{r}"
        for conv in ["conv1"] if r == 4 else ["conv0", "conv1"]:
            names |= {f"{block}.{conv}.{n}" for n in convolution}
        names |= {f"{block}.torgb.{n}" for n in colours} | {f"{block}.resample_filter"}
    return names


def test_the_names_are_nvidias():
    channels = {4: 8, 8: 8, 16: 8, 32: 8, 64: 8}
    assert random_state(64, channels, layers=8).keys() == nvidia_names(64, 8)


def test_the_shapes_are_nvidias():
    state = random_state(8)
    shapes = {n: tuple(t.shape) for n, t in state.items()}
    assert shapes["mapping.fc0.weight"] == (W, Z)
    assert shapes["synthesis.b4.const"] == (12, 4, 4)
    assert shapes["synthesis.b8.conv0.weight"] == (10, 12, 3, 3)
    assert shapes["synthesis.b8.conv0.affine.weight"] == (12, W)
    assert shapes["synthesis.b8.conv0.noise_const"] == (8, 8)
    assert shapes["synthesis.b8.conv0.noise_strength"] == ()
    assert shapes["synthesis.b8.torgb.weight"] == (3, 10, 1, 1)
    rows = state["synthesis.b8.resample_filter"].sum(1)
    torch.testing.assert_close(rows, torch.tensor([1.0, 3, 3, 1]) / 8)


@settings(max_examples=8)
@given(
    st.lists(st.integers(1, 6), min_size=1, max_size=4),
    st.integers(1, 6),
    st.integers(1, 6),
    st.integers(1, 9),
)
def test_the_architecture_is_read_from_the_tensors(widths, z_dim, w_dim, layers):
    channels = {4 * 2**i: width for i, width in enumerate(widths)}
    resolution = max(channels)
    gan = from_state_dict(random_state(resolution, channels, z_dim, w_dim, layers))
    assert gan.size == (resolution, resolution)
    latent = gan.sample(0)
    assert latent.shape == (2 * len(widths), w_dim)
    assert gan.finish(latent).shape == (3, resolution, resolution)
    assert gan.view(latent).features.shape == (widths[-1], resolution, resolution)


def test_the_block_is_128_px_by_default_where_there_is_one():
    channels = {4 * 2**i: 2 for i in range(7)}
    assert from_state_dict(random_state(256, channels)).feature_block == 128
    assert model(32).feature_block == 32


@pytest.mark.parametrize("name", sorted(random_state(8)))
def test_a_missing_tensor_is_refused(name):
    state = random_state(8)
    del state[name]
    # a missing weight may show by the orphans around it, or by the gap it leaves
    part = ".".join(name.split(".")[:2])
    with pytest.raises(
        ValueError, match=rf"StyleGAN2.*{part}|blocks of \[8\] px; those of a StyleGAN2"
    ):
        from_state_dict(state)


@pytest.mark.parametrize("name", sorted(random_state(8)))
def test_a_tensor_of_another_shape_is_refused(name):
    state = random_state(8)
    state[name] = torch.cat([state[name], state[name]]) if state[name].ndim else torch.ones(2)
    with pytest.raises(ValueError, match=r"has shape \(.*\), expected \("):
        from_state_dict(state)


def test_unknown_names_are_refused_by_name():
    state = random_state(8) | {"synthesis.b8.conv2.weight": torch.zeros(1)}
    with pytest.raises(ValueError, match=r"unknown \['synthesis.b8.conv2.weight'\]"):
        from_state_dict(state)


def test_what_is_no_stylegan2_at_all_is_told_what_was_found():
    with pytest.raises(ValueError, match="not a StyleGAN2 generator.*2 names: encoder.weight, x"):
        from_state_dict({"x": torch.zeros(1), "encoder.weight": torch.zeros(1)})
    with pytest.raises(ValueError, match="not a StyleGAN2 generator"):
        from_state_dict({})


def test_a_class_conditional_generator_is_refused():
    state = random_state(8) | {"mapping.embed.weight": torch.zeros(W, 10)}
    with pytest.raises(ValueError, match="class-conditional"):
        from_state_dict(state)


def test_a_gap_between_the_resolutions_is_refused():
    state = {n: t for n, t in random_state(32).items() if ".b16." not in n}
    with pytest.raises(ValueError, match=r"blocks of \[4, 8, 32\] px"):
        from_state_dict(state)


def test_bad_settings_are_refused():
    with pytest.raises(ValueError, match='unknown space \'z\'; choose "w\\+" or "w"'):
        model(space="z")
    with pytest.raises(ValueError, match=r"no block of 128 px; this generator has \[4, 8, 16\]"):
        model(feature_block=128)
    with pytest.raises(ValueError, match=r"no block of 128 px; this generator has \[4, 8, 16\]"):
        model(feature_block=(8, 128))
    for empty in ((), []):
        with pytest.raises(ValueError, match=r"feature_block is empty; .*: \[4, 8, 16\]"):
            model(feature_block=empty)
    for block in (0, "8", ("8", 16)):
        with pytest.raises(ValueError, match=r"no block of"):
            model(feature_block=block)


@pytest.mark.parametrize("rows", [0, -1, 7, 2.0, "6"])
def test_rows_that_the_generator_does_not_have_are_refused(rows):
    with pytest.raises(
        ValueError, match=f"rows is {rows!r}; this generator's w\\+ has 6 rows.* 1 to 6"
    ):
        model(16, rows=rows)


def test_six_rows_move_by_default_and_all_of_a_smaller_generator():
    assert [model(r).rows for r in (4, 8, 16, 32)] == [2, 4, 6, 6]
    assert load("lion", device="cpu").rows == 6
    assert load("lion", device="cpu", rows=8).rows == 8


def test_a_card_chooses_rows_and_blocks(tmp_path):
    path = tmp_path / "mine.safetensors"
    save_file(random_state(32), path)
    path.with_suffix(".json").write_text(json.dumps({"rows": 4, "feature_block": [8, 16]}))
    gan = load(path, device="cpu")
    assert (gan.rows, gan.feature_block) == (4, (8, 16))
    assert gan.view(gan.sample(0)).features.shape == (CHANNELS[8] + CHANNELS[16], 16, 16)
    assert load(path, device="cpu", rows=3, feature_block=32).rows == 3


def test_loading_changes_nothing_and_shares_nothing():
    state = random_state(8)
    kept = {n: t.clone() for n, t in state.items()}
    gan = from_state_dict(state)
    for tensor in gan.generator.state_dict().values():
        tensor.zero_()
    assert all(torch.equal(kept[n], state[n]) for n in kept)
    assert not any(p.requires_grad for p in gan.generator.parameters())


# Views


@pytest.mark.parametrize("space", ["w+", "w"])
@pytest.mark.parametrize("block", [4, 16, 32])
def test_the_views_image_is_the_finished_one(space, block):
    gan = model(32, feature_block=block, space=space)
    latent = torch.randn(8, W)
    image = gan.view(latent).image
    assert image.shape == (3, 32, 32)
    assert 0 <= image.min() < image.max() <= 1
    assert torch.equal(image, gan.finish(latent))


@pytest.mark.parametrize("block", [4, 8, 16, 32])
def test_the_features_are_the_output_of_the_chosen_block(block):
    gan = model(32, feature_block=block)
    latent, seen = gan.sample(3), []
    layer = getattr(gan.generator.synthesis, f"b{block}")
    handle = layer.register_forward_hook(lambda _, __, output: seen.append(output))
    gan.finish(latent)
    handle.remove()
    view = gan.view(latent)
    assert view.features.shape == (CHANNELS[block], block, block)
    torch.testing.assert_close(view.features, seen[0][0], rtol=1e-4, atol=1e-5)
    assert torch.equal(view.anchor, view.features)


@pytest.mark.parametrize("blocks", [(8, 16), (16, 8), (4, 8, 32), [8, 16]])
def test_several_blocks_are_joined_on_the_grid_of_the_largest(blocks):
    """Coarse to fine; a cell of the fine grid reads the coarse map between its cells."""
    latent, view = model(32).sample(3), model(32, feature_block=blocks).view(model(32).sample(3))
    side, first = max(blocks), 0
    for block in sorted({*blocks}):
        alone = model(32, feature_block=block).view(latent).features
        part = view.features[first : first + CHANNELS[block]]
        torch.testing.assert_close(part, enlarged(alone, side))
        first += CHANNELS[block]
    assert view.features.shape == (first, side, side)
    assert torch.equal(view.anchor, view.features)
    torch.testing.assert_close(view.image, model(32).finish(latent), rtol=1e-4, atol=1e-5)


def enlarged(features, side):
    """(c r r) → (c side side): cell i of the wide grid lies at (i + ½) r / side - ½ of the other,
    borders go on.
    """
    r = features.shape[-1]
    place = ((torch.arange(side) + 0.5) * r / side - 0.5).clamp(0, r - 1)
    weight = (1 - (place[:, None] - torch.arange(r)).abs()).clamp_min(0)  # (side r) hat functions
    return torch.einsum("yr,xs,crs->cyx", weight, weight, features)


def test_nothing_behind_the_largest_of_the_blocks_is_computed():
    gan, ran = model(32, feature_block=(4, 16)), []
    for r in (4, 8, 16, 32):
        getattr(gan.generator.synthesis, f"b{r}").register_forward_hook(
            lambda *_, r=r: ran.append(r)
        )
    gan.view(gan.sample(0))
    assert ran == [4, 8, 16]


def test_the_image_is_painted_on_request_from_where_the_features_were_read():
    gan, ran = model(32, feature_block=16), []
    for r in (4, 8, 16, 32):
        block = getattr(gan.generator.synthesis, f"b{r}")
        block.register_forward_hook(lambda *_, r=r: ran.append(r))
    view = gan.view(gan.sample(0))
    assert ran == [4, 8, 16]
    assert view.image is view.image
    assert ran == [4, 8, 16, 32]


def test_a_view_shows_its_own_latent_even_when_that_changes_before_somebody_looks():
    gan = model()
    latent = gan.sample(0)
    before, view = gan.finish(latent), gan.view(latent)
    latent += 1
    assert torch.equal(view.image, before)


def test_only_the_first_six_rows_move():
    """At 32 px there are eight; the last convolution and its colours keep theirs."""
    gan = model(32)
    latent = gan.sample(0).requires_grad_()
    gan.view(latent).features.square().sum().backward()
    assert (latent.grad[:6].abs().amax(1) > 0).all()
    assert not latent.grad[6:].any()


@pytest.mark.parametrize("rows", [1, 4, 8])
@pytest.mark.parametrize("block", [32, (8, 32)])
def test_gradients_reach_the_moving_rows_and_no_others(rows, block):
    """The last of eight rows only colours the image."""
    gan = model(32, rows=rows, feature_block=block)
    latent = gan.sample(0).requires_grad_()
    gan.view(latent).features.square().sum().backward()
    assert latent.grad.abs().amax(1).gt(0).tolist() == [i < min(rows, 7) for i in range(8)]


def test_rows_after_the_feature_block_get_no_gradient_from_it():
    gan = model(32, feature_block=8)
    latent = gan.sample(0).requires_grad_()
    gan.view(latent).features.sum().backward()
    assert latent.grad.abs().amax(1).gt(0).tolist() == [True] * 3 + [False] * 5


@pytest.mark.parametrize("rows", [3, 6])
def test_in_w_one_row_stands_for_all_that_move_and_gets_their_gradient(rows):
    state = random_state(32)
    shared, single = (from_state_dict(state, space=s, rows=rows) for s in ("w", "w+"))
    latent = shared.sample(0)
    a, b = latent.clone().requires_grad_(), latent.clone().requires_grad_()
    shared.view(a).features.square().sum().backward()
    single.view(b).features.square().sum().backward()
    torch.testing.assert_close(a.grad[:rows], b.grad.sum(0).expand(rows, -1))
    assert (a.grad[:rows] == a.grad[0]).all() and not a.grad[rows:].any()
    moved = latent.clone()
    moved[0] += 1
    everywhere = latent.clone()
    everywhere[:rows] += 1
    assert torch.equal(shared.finish(moved), single.finish(everywhere))


def test_what_was_dragged_in_w_is_the_same_image_in_w_plus():
    gan = model(32, space="w")
    latent, edit = gan.sample(0), Edit([(10, 12)], [(20, 12)])
    pieces = {"tracker": NearestNeighbor(48), "losses": [ShiftedPatchLoss(16)]}
    *_, step = drag(gan, latent, edit, **pieces, lr=1e-2, steps=3)
    moved = step.latent
    assert not torch.equal(moved[0], latent[0]) and (moved[:6] == moved[0]).all()
    assert torch.equal(moved[6:], latent[6:])
    assert torch.equal(gan.finish(moved), replace(gan, space="w+").finish(moved))


def test_a_drag_moves_the_moving_rows_alone():
    gan = model(32)
    latent, edit = gan.sample(0), Edit([(10, 12)], [(20, 12)])
    pieces = {"tracker": NearestNeighbor(48), "losses": [ShiftedPatchLoss(16)]}  # 3 px and 1 px
    *_, step = drag(gan, latent, edit, **pieces, lr=1e-3, steps=2)
    assert (step.latent - latent).abs().amax(1).gt(0).tolist() == [True] * 6 + [False] * 2
    assert all(p.grad is None for p in gan.generator.parameters())


def test_a_latent_of_another_shape_is_told_with_the_right_one():
    gan = model(8)
    with pytest.raises(ValueError, match=r"latents of shape \(4, 9\)"):
        gan.view(torch.zeros(1, 3))
    with pytest.raises(ValueError, match=r"the latent has shape \(1, 3\)"):
        gan.finish(torch.zeros(1, 3))
