"""What else a drag may optimise: the middle of the UNet, low-rank weights, z at several levels.

The update rules are transcribed from the equations, with hooks and merged weights of their own.
"""

from contextlib import contextmanager
from dataclasses import replace
from functools import partial

import pytest
import torch
from torch.func import functional_call
from torch.nn import functional as F

import dragkit as dk
from dragkit import Edit, always, never
from dragkit.leaves import drag_levels, low_rank, mid_block, noise_levels
from dragkit.methods import dragdiffusion, draglora, dragnoise
from dragkit.models.diffusion.injected import projections
from dragkit.models.diffusion.model import Diffusion
from dragkit.models.diffusion.pixel_unet import decode, encode, pixel_schedule
from dragkit.models.diffusion.small_unet import Config, SmallUNet
from dragkit.models.diffusion.unet import shared_attention
from dragkit.models.protocols import Restorable, check_model
from dragkit.models.toy import Toy
from dragkit.trackers import Nearer

SIDE, GRID = 32, 16  # of the images, and of the features and latents


def tiny_unet(seed: int = 0) -> SmallUNet:
    torch.manual_seed(seed)
    return SmallUNet(Config(channels=(8, 16), head=4)).eval().requires_grad_(False)


def tiny(unet=None, **settings) -> Diffusion:
    """A small random diffusion model for images of 32 px, whose latents are (12 16 16)."""
    unet = unet or tiny_unet()
    return Diffusion(unet, pixel_schedule(10), encode, decode, (SIDE, SIDE), 2, "tiny", **settings)


def latent(seed: int = 1) -> torch.Tensor:
    return torch.randn(12, GRID, GRID, generator=torch.Generator().manual_seed(seed))


def image(seed: int = 1) -> torch.Tensor:
    return torch.rand(3, SIDE, SIDE, generator=torch.Generator().manual_seed(seed))


HANDLES, TARGETS = torch.tensor([[7.0, 5], [9, 10]]), torch.tensor([[7.0, 10], [9, 11]])
MASK = torch.zeros(SIDE, SIDE)
MASK[6:26, 4:28] = 1


def place(cells: torch.Tensor) -> torch.Tensor:
    """The pixels (x, y) of cells (row, column) of the grid of half the image's side."""
    return 2 * cells.flip(-1) + 0.5


EDIT = Edit(place(HANDLES), place(TARGETS), MASK)


# The update rules, transcribed


def below(model, z, v, index):
    """DDIM's step down from what a network of velocities predicts."""
    a, b = model.schedule.alphas[[index, index - 1]]
    x0, noise = a.sqrt() * z - (1 - a).sqrt() * v, (1 - a).sqrt() * z + a.sqrt() * v
    return b.sqrt() * x0 + (1 - b).sqrt() * noise


def with_middle(model, z, index, h):
    """Features, and the latent one step down, with h for what the middle block makes."""
    seen = []
    hooks = [model.unet.mid_block.register_forward_hook(lambda *_: h[None])]
    hooks += [model.unet.up_blocks[1].register_forward_hook(lambda *a: seen.append(a[2]))]
    v = model.unet(z[None], model.schedule.times[index : index + 1])
    for hook in hooks:
        hook.remove()
    return seen[0][0], below(model, z, v[0], index)


def with_weights(model, z, index, factors):
    """The same with W + B A for the weights of the attention."""
    names = {module: name for name, module in model.unet.named_modules()}
    weights, seen = {}, []
    for layer in projections(model.unet):
        out, into = layer.weight.shape
        a, b = factors[: RANK * into], factors[RANK * into : RANK * (into + out)]
        factors = factors[RANK * (into + out) :]
        weights[f"{names[layer]}.weight"] = layer.weight + b.view(out, RANK) @ a.view(RANK, into)
    hook = model.unet.up_blocks[1].register_forward_hook(lambda *a: seen.append(a[2]))
    t = model.schedule.times[index : index + 1]
    v = functional_call(model.unet, weights, (z[None], t))
    hook.remove()
    return seen[0][0], below(model, z, v[0], index)


def with_latent(model, index, z):
    """The same of z itself."""
    seen = []
    hook = model.unet.up_blocks[1].register_forward_hook(lambda *a: seen.append(a[2]))
    v = model.unet(z[None], model.schedule.times[index : index + 1])
    hook.remove()
    return seen[0][0], below(model, z, v[0], index)


RANK = 2


def updates(
    look,
    leaf,
    original,
    points,
    optimizer,
    lam,
    first_patch,
    steps,
    track_at_once=False,
    nearer=False,
):
    """The updates of one level: the leaf, the points (row, column) and the loss at each step.

    `look` gives features and the latent one step down, also of the `original`. The caller may
    write into the leaf that is yielded, before the loss is asked for.
    """
    f0, below0 = (x.detach() for x in look(original))
    still = 1 - F.interpolate(MASK[None, None], (GRID, GRID), mode="nearest")[0, 0]
    leaf = leaf.clone().requires_grad_()
    optimizer = optimizer([leaf])
    for step in range(steps + 1):
        yield leaf
        f1, below1 = look(leaf)
        if step or track_at_once:
            goals = TARGETS if nearer else [None] * len(TARGETS)
            points = [found(f0, f1, p, p0, t) for p, p0, t in zip(points, HANDLES, goals)]
        loss = lam * ((below1 - below0) * still).abs().sum()
        for p, p0, t in zip(points, HANDLES, TARGETS):
            if (t - p).norm() >= 2:
                patch = square(f0, p0) if first_patch else square(f1, p).detach()
                ahead = square(f1, p + (t - p) / (t - p).norm())
                loss = loss + 9 * F.l1_loss(patch, ahead)
        yield torch.stack(list(points)), loss.item()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()


def found(f0, f1, p, p0, target=None):
    """The nearest neighbour in L1 in a window of 7 x 7 cells, not farther from a `target`."""
    (r, c), (r0, c0) = p.long().tolist(), p0.long().tolist()
    top, left = max(r - 3, 0), max(c - 3, 0)
    window = f1[:, top : r + 4, left : c + 4]
    distance = (window - f0[:, r0, c0, None, None]).abs().sum(0)
    if target is not None:
        rows = torch.arange(window.shape[1])[:, None] + top - target[0]
        columns = torch.arange(window.shape[2])[None] + left - target[1]
        farther = rows.square() + columns.square() > (p - target).square().sum()
        distance = distance.masked_fill(farther, torch.inf)
    best = int(distance.argmin())
    return torch.tensor([top + best // window.shape[2], left + best % window.shape[2]]).float()


def square(features, p):
    """The patch of 3 x 3 cells around a place between cells (row, column)."""
    rows, columns = (p[k] + torch.arange(-1, 2) for k in (0, 1))
    y, x = rows.floor().long(), columns.floor().long()
    wy, wx = (rows - y)[:, None], (columns - x)[None]
    upper = (1 - wx) * features[:, y][:, :, x] + wx * features[:, y][:, :, x + 1]
    lower = (1 - wx) * features[:, y + 1][:, :, x] + wx * features[:, y + 1][:, :, x + 1]
    return (1 - wy) * upper + wy * lower


def same_run(run, transcribed, lr):
    """Compare a run with a transcription that is put where the run is, before every update.

    Where a difference of latents is nearly 0, rounding decides which way its absolute value
    pulls, so two runs left alone drift apart; from the same place they differ by 2 % of a step.
    """
    for step in run:
        leaf = next(transcribed)
        away = (step.latent - leaf.detach()).square().mean().sqrt()
        assert away < 0.04 * lr, step
        with torch.no_grad():
            leaf.copy_(step.latent)
        points, loss = next(transcribed)
        torch.testing.assert_close(step.points, place(points))
        assert sum(step.losses.values()) == pytest.approx(loss, rel=1e-4)
    return step.index


def test_dragnoise_is_the_official_codes_update():
    model, z = tiny(), latent()
    leaf = mid_block(model, z)
    assert leaf.latent.shape == (16, 8, 8)
    look = partial(with_middle, model, z, 7)
    adam = partial(torch.optim.Adam, lr=2e-2)
    expected = updates(look, leaf.latent, leaf.latent, HANDLES, adam, 0.2, False, 12)
    run = dk.drag(*leaf, EDIT, **dragnoise("official") | {"steps": 12})
    assert same_run(run, expected, 2e-2) == 12


def test_draglora_is_the_official_codes_update_at_a_fixed_z():
    model, z = tiny(), latent()
    leaf = low_rank(model, z, rank=RANK)
    look = partial(with_weights, model, z, 7)
    lr = 1e-2  # its own, 1e-4, changes less in 12 steps than float32 sees of most differences
    adam = partial(torch.optim.AdamW, lr=lr, betas=(0.9, 0.999), weight_decay=1e-2)
    expected = updates(look, leaf.latent, leaf.latent, HANDLES, adam, 0.1, True, 12, nearer=True)
    run = dk.drag(*leaf, EDIT, **draglora("official") | {"steps": 12, "lr": lr})
    assert same_run(run, expected, lr) == 12


def test_levels_alternate_between_dragging_and_denoising_as_gooddrag_does():
    model, z = tiny(strength=0.9), latent()
    method = dragdiffusion("official") | {"lr": 2e-2, "trust": never, "steps": 4}
    run = drag_levels(noise_levels(model, z, 3), EDIT, **method)
    strengths = []

    def noted():
        for step in run:
            strengths.append(step.metadata["strength"])
            yield step

    assert same_run(noted(), alternating(model, z), 2e-2) == 12
    assert strengths == [0.9] * 4 + [0.8] * 4 + [0.7] * 5


def alternating(model, z):
    """Four updates at each of the indices 9, 8, 7, with a denoising step in between."""
    original, dragged, points = z, z, HANDLES
    for index in (9, 8, 7):
        look = partial(with_latent, model, index)
        adam = partial(torch.optim.Adam, lr=2e-2)  # anew
        level = updates(look, dragged, original, points, adam, 0.1, True, 4, index < 9)
        for step in range(5):
            leaf = next(level)
            if step < 4 or index == 7:  # the last look at a level is the next one's first
                yield leaf
                points, loss = next(level)
                yield points, loss
            else:
                points, _ = next(level)
        dragged, original = look(leaf.detach())[1].detach(), look(original)[1]


def test_the_presets_differ_from_dragdiffusion_in_what_they_say():
    for profile in ("small", "official"):
        base = dragdiffusion(profile)
        noise, lora = dragnoise(profile), draglora(profile)
        assert {key for key in base if noise[key] != base[key]} == {"losses", "lr"}
        assert noise["lr"] == 2e-2 and noise["losses"][1] == replace(base["losses"][1], weight=0.2)
        assert noise["losses"][0] == base["losses"][0]
        rule = {"tracker"} if profile == "official" else set()
        assert {key for key in base if lora[key] != base[key]} == {"lr", "trust"} | rule
        candidates = Nearer() if profile == "official" else None
        assert lora["tracker"] == replace(base["tracker"], candidates=candidates)
        assert lora["trust"] is never and base["trust"] is always
    assert draglora("official")["lr"] == 1e-4
    for preset in (dragnoise, draglora):
        with pytest.raises(
            ValueError, match='unknown profile \'x\'; choose "small" or "official"'
        ):
            preset("x")


# What a leaf is


@pytest.mark.parametrize("leaf", [mid_block, low_rank])
def test_a_leaf_that_was_not_dragged_shows_what_its_model_shows(leaf):
    model, z = tiny(), latent()
    inner, start = leaf(model, z)
    view, plain = inner.view(start), model.view(z)
    assert torch.equal(view.features, plain.features) and torch.equal(view.anchor, plain.anchor)
    assert torch.equal(view.image, plain.image) and torch.equal(inner.sample(3), start)
    check_model(inner)
    assert isinstance(inner, Restorable)
    assert inner.name == "tiny" and inner.size == model.size and inner.device == model.device


def test_weights_that_correct_nothing_yet_denoise_as_before():
    model = dk.invert(tiny(), image()).model
    inner, start = low_rank(model, model.reference)
    assert torch.equal(inner.finish(start), model.finish(model.reference))


def test_denoising_takes_the_middle_along_down_to_the_index_that_is_said():
    model, z = tiny(), latent()
    h = torch.randn(16, 8, 8)
    for until in (0, 3, 6):
        expected = z
        for index in range(7, 0, -1):
            step = with_latent if index <= until else partial(with_middle, h=h)
            args = (index, expected) if index <= until else (expected, index)
            expected = step(model, *args)[1]
        painted = mid_block(model, z, until).model.finish(h)
        torch.testing.assert_close(painted, decode(expected), atol=1e-4, rtol=1e-4)


def test_what_was_learned_leaves_the_references_keys_alone(monkeypatch):
    """Both latents of a pair get the keys that the plain model computes for the reference."""
    model = dk.invert(tiny(), image()).model
    inner, start = low_rank(model, model.reference)
    to_k, made = model.unet.up_blocks[0].attentions[1].to_k, []

    @contextmanager
    def noted(unet, start_layer):
        with shared_attention(unet, start_layer):
            hook = to_k.register_forward_hook(lambda *a: made.append(a[2]))  # after all others
            yield
            hook.remove()

    monkeypatch.setattr("dragkit.models.diffusion.model.shared_attention", noted)
    plain = model.finish(model.reference)
    dragged = inner.finish(start + 0.1 * torch.randn(start.shape))
    before, after = made[: len(made) // 2], made[len(made) // 2 :]
    assert len(before) == 7 and not torch.allclose(plain, dragged)
    for keys, same in zip(before, after, strict=True):
        torch.testing.assert_close(keys, same)


@pytest.mark.parametrize("leaf", [mid_block, low_rank])
def test_no_hook_stays_and_the_network_is_unchanged(leaf):
    model, z = tiny(), latent()
    before = {name: weight.clone() for name, weight in model.unet.state_dict().items()}
    for _ in dk.drag(*leaf(model, z), EDIT, **dragdiffusion() | {"steps": 2}):
        pass
    assert not any(module._forward_hooks for module in model.unet.modules())
    assert all(torch.equal(w, before[name]) for name, w in model.unet.state_dict().items())


@pytest.mark.parametrize("leaf", [mid_block, low_rank])
@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_gradients_fit_in_half_precision(leaf, dtype):
    grads = []
    for unet in (tiny_unet(), tiny_unet().to(dtype)):
        inner, start = leaf(tiny(unet), latent())
        x = (start + 0.1 * torch.randn(start.shape, generator=torch.manual_seed(1))).float()
        x.requires_grad_()
        view = inner.view(x)
        loss = 1e-6 * (view.features.square().mean() + view.anchor.square().mean())
        grads.append(torch.autograd.grad(loss, x)[0])
    assert (grads[0] - grads[1]).norm() < 0.06 * grads[0].norm()


@pytest.mark.parametrize("leaf", [mid_block, partial(low_rank, rank=RANK)])
def test_a_run_is_saved_opened_and_continued(tmp_path, leaf):
    model = dk.invert(tiny(), image()).model
    inner, start = leaf(model, model.reference)
    session = dk.Session(inner, start, EDIT, **dragnoise())
    session.run(2)
    session.save(tmp_path / "run")
    again = dk.Session.load(tmp_path / "run", leaf(model, model.reference).model, **dragnoise())
    assert torch.equal(again.step().latent, session.step().latent)
    assert again.trace.metadata["leaf"] == inner.kind

    for other in (model, leaf(model, latent()).model, mid_block(model, model.reference, 2).model):
        with pytest.raises(ValueError, match="the run was made"):
            dk.Session.load(tmp_path / "run", other, **dragnoise())


def test_levels_are_those_of_the_original():
    found = dk.invert(tiny(strength=0.9), image())
    levels = noise_levels(found.model, found.latent, 4)
    assert [level.model.timestep_index for level in levels] == [9, 8, 7, 6]
    for model, z in levels:
        assert torch.equal(model.reference, z)
        torch.testing.assert_close(model.finish(z), found.image, atol=1e-5, rtol=1e-4)
    assert noise_levels(tiny(), latent(), 1)[0].model.reference is None


def test_one_level_is_a_drag_and_who_has_arrived_only_denoises():
    method = dragdiffusion("official") | {"lr": 2e-2, "steps": 3}
    plain = list(dk.drag(tiny(), latent(), EDIT, **method))
    single = list(drag_levels(noise_levels(tiny(), latent(), 1), EDIT, **method))
    assert all(torch.equal(a.latent, b.latent) for a, b in zip(plain, single, strict=True))

    there = Edit(EDIT.handles, EDIT.handles + 1, MASK)
    (step,) = drag_levels(noise_levels(tiny(), latent(), 5), there, **method)
    assert step.index == 0 and step.metadata["strength"] == 0.3
    assert torch.equal(step.latent, noise_levels(tiny(), latent(), 5)[-1].latent)


def test_who_has_arrived_once_is_not_dragged_further_down():
    class ThereOnce:
        """A tracker that sees the handle at its target at the second look alone."""

        looks = 0

        def start(self, view, edit):
            return edit

        def find(self, view, edit, search_centre):
            self.looks += 1
            points = edit.targets if self.looks == 2 else edit.handles
            nothing = torch.full((len(points), 1, 1), torch.nan)
            return dk.TrackResult(points, nothing[:, 0, 0], nothing, edit)

    method = dragdiffusion() | {"steps": 4, "tracker": ThereOnce()}
    run = list(drag_levels(noise_levels(tiny(), latent(), 5), EDIT, **method))
    assert [step.index for step in run] == [0, 1] and run[-1].metadata["strength"] == 0.3


def test_a_run_along_levels_can_be_kept_and_is_no_session(tmp_path):
    model = dk.invert(tiny(), image()).model
    levels = noise_levels(model, model.reference, 3)
    trace = dk.Trace(drag_levels(levels, EDIT, **dragdiffusion() | {"steps": 2}))
    again = dk.Trace.load(trace.save(tmp_path / "run"))
    assert len(again) == 7 and again.metadata["levels"] == "3 from 7"
    with pytest.raises(ValueError, match="was made with levels .3 from 7., this model has None"):
        dk.Session.load(tmp_path / "run", model, **dragdiffusion())


@pytest.mark.parametrize(
    "call, error, words",
    [
        (lambda: mid_block(Toy(), latent()), TypeError, "model is Toy.*diffusion model"),
        (lambda: mid_block(tiny(), torch.zeros(3, 4)), ValueError, "the latent has shape"),
        (lambda: mid_block(tiny(), latent(), 7), ValueError, "until is 7; give a whole number"),
        (lambda: low_rank(tiny(), latent(), 0), ValueError, "rank is 0"),
        (lambda: low_rank(*mid_block(tiny(), latent())), TypeError, "model is InnerLatent"),
        (lambda: noise_levels(tiny(), latent(), 8), ValueError, "count is 8"),
        (lambda: drag_levels([], EDIT, **dragnoise()), ValueError, "levels is"),
        (lambda: drag_levels([(tiny(), latent())], EDIT, lr=0), TypeError, "tracker"),
        (lambda: drag_levels([(tiny(), latent())], EDIT, resume=3), TypeError, "leave resume out"),
        (lambda: mid_block(tiny(), latent()).model.view(latent()), ValueError, "latents of shape"),
    ],
)
def test_what_is_no_leaf_is_told(call, error, words):
    with pytest.raises(error, match=words):
        call()
