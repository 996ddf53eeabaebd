"""The update rules of the authors' codes, written out from their equations, against the presets.

All on maps whose cells are the codes' own grid: features of half the image's side, so that a cell
(row, column) is the pixel (2 column + 1/2, 2 row + 1/2).
"""

import ast
import inspect
import textwrap
from dataclasses import replace

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.nn import functional as F

import dragkit as dk
from dragkit import Edit, TrackResult, View, methods
from dragkit.models.toy import Toy

SIDE, CELLS = 128, 64
seeds = st.integers(0, 10**6)
cells = st.integers(18, CELLS - 19)
ways = st.integers(-12, 12)


def maps(seed: int, channels: int = 5, side: int = CELLS):
    random = torch.Generator().manual_seed(seed)
    return [torch.randn(channels, side, side, generator=random) for _ in range(2)]


def views(seed: int):
    """The view of step 0 and another one; the anchors are maps of a quarter of the cells."""
    anchors = maps(seed + 1, 4, 16)
    return [
        View(features, (SIDE, SIDE), lambda: None, lambda anchor=anchor: anchor)
        for features, anchor in zip(maps(seed), anchors, strict=True)
    ]


def pixel(row, column):
    return (2 * column + 0.5, 2 * row + 0.5)


def at(*points) -> TrackResult:
    n = len(points)
    return TrackResult(torch.tensor(points), torch.ones(n), torch.zeros(n, 1, 1), None)


def patch(feature, row, column, r):
    """The patch (c 2r+1 2r+1) around a place between the cells."""
    y, x = int(row // 1), int(column // 1)
    b, a = row - y, column - x
    corner = [[feature[:, y + i - r : y + i + r + 1, x + j - r : x + j + r + 1] for j in (0, 1)]
              for i in (0, 1)]  # fmt: skip
    above = (1 - a) * corner[0][0] + a * corner[0][1]
    return (1 - b) * above + b * ((1 - a) * corner[1][0] + a * corner[1][1])


def patch_loss(now, first, place, handle, target, r, longest, factor):
    """factor · mean |F₀(Ω(p⁰)) - F(Ω(p) + min(longest, ‖t - p‖) d)|, 0 within two cells."""
    way = [t - p for t, p in zip(target, place, strict=True)]
    distance = (way[0] ** 2 + way[1] ** 2) ** 0.5
    if distance < 2:
        return torch.zeros(())
    step = [w / distance * min(longest, distance) for w in way]
    ahead = patch(now, place[0] + step[0], place[1] + step[1], r)
    return factor * (patch(first, *handle, r) - ahead).abs().mean()


def mask_loss(now, first, mask, weight):
    """λ Σ |(z - z⁰)(1 - M)|, of M one pixel of each cell."""
    small = F.interpolate(mask[None, None], size=now.shape[-2:], mode="nearest")[0, 0]
    return weight * ((now - first) * (1 - small)).abs().sum()


def nearest(now, first, place, handle, r, allowed):
    """The cell of the window with the smallest L1 distance to the handle's first feature."""
    feature = first[:, handle[0], handle[1]]
    best = (float("inf"), place)
    for row in range(place[0] - r, place[0] + r + 1):
        for column in range(place[1] - r, place[1] + r + 1):
            distance = (now[:, row, column] - feature).abs().sum().item()
            if distance < best[0] and allowed(row, column):
                best = (distance, (row, column))
    return best[1]


MASK = torch.zeros(SIDE, SIDE)
MASK[31:90, 22:101] = 1


@settings(max_examples=25)
@given(seeds, cells, cells, ways, ways, st.integers(-3, 3), st.integers(-3, 3))
def test_gooddrag_as_its_official_code(seed, row, column, down, right, moved_down, moved_right):
    start, now = views(seed)
    place = (row + moved_down, column + moved_right)
    target = (place[0] + down, place[1] + right)
    edit = Edit([pixel(row, column)], [pixel(*target)], MASK)
    motion, mask = methods.gooddrag("official")["losses"]

    expected = patch_loss(
        now.features,
        start.features,
        place,
        (row, column),
        target,
        r=4,
        longest=4,
        factor=(2 * 4) ** 2,
    )
    value = motion(now, at(pixel(*place)), start, edit)
    torch.testing.assert_close(value, expected, atol=1e-3, rtol=1e-4)
    torch.testing.assert_close(
        mask(now, at(pixel(*place)), start, edit), mask_loss(now.anchor, start.anchor, MASK, 0.1)
    )

    every = methods.gooddrag("official")["tracker"]
    found = every.find(now, every.start(start, edit), torch.tensor([pixel(*place)]))
    seen = nearest(now.features, start.features, place, (row, column), 12, lambda *cell: True)
    assert found.points.tolist() == [list(pixel(*seen))]


def test_the_rest_of_gooddrag():
    method = methods.gooddrag("official")
    assert (method["lr"], method["arrive"], method["steps"]) == (0.02, 4.0, 7 * 10 * 3)
    assert (method["tracker"].updates, method["tracker"].loss, method["trust"]) == (
        3,
        None,
        dk.always,
    )


@settings(max_examples=25)
@given(seeds, cells, cells, ways, ways, st.integers(-3, 3), st.integers(-3, 3))
def test_clipdrag_as_its_official_code(seed, row, column, down, right, moved_down, moved_right):
    start, now = views(seed)
    place = (row + moved_down, column + moved_right)
    target = (place[0] + down, place[1] + right)
    edit = Edit([pixel(row, column)], [pixel(*target)], MASK)
    method = methods.clipdrag("official")
    motion, mask = method["losses"]
    expected = patch_loss(
        now.features, start.features, place, (row, column), target, r=1, longest=4, factor=3**2
    )
    value = motion(now, at(pixel(*place)), start, edit)
    torch.testing.assert_close(value, expected, atol=1e-3, rtol=1e-4)
    torch.testing.assert_close(
        mask(now, at(pixel(*place)), start, edit), mask_loss(now.anchor, start.anchor, MASK, 0.1)
    )

    def nearer(r, c):
        left = (r - target[0]) ** 2 + (c - target[1]) ** 2
        return left < down**2 + right**2

    found = method["tracker"].find(
        now, method["tracker"].start(start, edit), torch.tensor([pixel(*place)])
    )
    seen = nearest(now.features, start.features, place, (row, column), 3, nearer)
    assert found.points.tolist() == [list(pixel(*seen))]


def hop_of(place, target):
    """12 px ahead, or the target below 18."""
    way = [t - p for t, p in zip(target, place, strict=True)]
    distance = (way[0] ** 2 + way[1] ** 2) ** 0.5
    if distance < 18:
        return target
    return tuple(p + 12 * w / distance for p, w in zip(place, way, strict=True))


def cosine(now, first, place, handle):
    a, b = patch(now, *place, 0)[:, 0, 0], first[:, handle[0], handle[1]]
    return (a @ b / (a.norm() * b.norm())).item()


@settings(max_examples=15)
@given(
    seeds, st.integers(60, 450), st.integers(60, 450), st.integers(-50, 50), st.integers(-50, 50)
)
def test_easydrag_as_its_official_code(seed, row, column, down, right):
    """On 512 pixels with a feature each; the points are not rounded."""
    random = torch.Generator().manual_seed(seed)
    small = torch.randn(2, 3, 512, 512, generator=random)
    start, now = (View(features, (512, 512), lambda: None) for features in small)
    target = (row + down, column + right)
    mask = torch.zeros(512, 512)
    mask[100:300, 50:400] = 1
    edit = Edit([(column, row)], [(target[1], target[0])], mask)
    method = methods.easydrag()
    motion, hold = method["losses"]

    ahead = hop_of((row, column), target)
    here, there = (cosine(small[1], small[0], p, (row, column)) for p in ((row, column), ahead))
    share = 0.1 if target == (row, column) else 1
    value = motion(now, at((float(column), float(row))), start, edit).item()
    assert value == pytest.approx(share / (1 + (1 + there) / 2), abs=1e-3)

    outside = F.cosine_similarity(small[1], small[0], dim=0)[mask == 0].mean()
    assert hold(now, None, start, edit).item() == pytest.approx(
        0.1 / (1 + (1 + outside.item()) / 2), abs=1e-4
    )
    tracker = method["tracker"]
    found = tracker.find(now, tracker.start(start, edit), edit.handles)
    if abs(there - here) > 1e-3:
        row, column = ahead if there > here else (row, column)
        assert found.points[0].tolist() == pytest.approx([column, row], abs=1e-3)
        assert found.confidence.item() == pytest.approx(max(here, there), abs=1e-3)
    assert (method["lr"], method["steps"], method["arrive"]) == (0.01, 50, 1.0)


def test_hops_end_exactly_at_the_target():
    """Features turn with the column; now those ahead look most like the handle's."""
    angle = torch.arange(512) / 512
    turned = [
        torch.stack([a.cos(), a.sin()])[:, None].expand(2, 512, 512) for a in (angle, 1 - angle)
    ]
    start, now = (View(features, (512, 512), lambda: None) for features in turned)
    edit = Edit([(100, 100)], [(140.7, 90.3)])
    tracker = methods.easydrag()["tracker"]
    memory, places = tracker.start(start, edit), edit.handles
    lengths = []
    for _ in range(4):
        before, places = places, tracker.find(now, memory, places).points
        lengths.append((places - before).norm().item())
    assert lengths[:2] == pytest.approx([12, 12], abs=1e-3) and lengths[3] == 0
    assert places.tolist() == edit.targets.tolist()


def test_anchored_is_stabledrag_with_an_anchor_and_points_between_the_pixels():
    base, ours = methods.stabledrag(), methods.anchored()
    assert replace(ours["tracker"], subpixel=False) == base["tracker"]
    assert ours["steps"] == base["steps"]
    motion = ours["losses"][0]
    assert (motion.first_patch, motion.skip, ours["arrive"]) == (0.25, 0.5, 0.5)
    assert (ours["lr"], ours["trust"]) == (3e-3, dk.above(0.8))


def test_anchored_on_dragdiffusion_changes_three_things():
    base = methods.stabledrag(base=methods.dragdiffusion)
    ours = methods.anchored(base=methods.dragdiffusion)
    assert replace(ours["tracker"], subpixel=False) == base["tracker"]
    motion, mask = ours["losses"]
    assert (replace(motion, first_patch=0.0, skip=1.0), mask) == base["losses"]
    assert {k for k in base if ours[k] != base[k]} == {"tracker", "losses", "arrive"}
    with pytest.raises(ValueError, match="choose draggan or dragdiffusion"):
        methods.anchored(base=methods.freedrag)


@pytest.mark.parametrize("preset", ["gooddrag", "clipdrag", "easydrag", "anchored"])
def test_a_preset_has_at_most_ten_statements_and_lines(preset):
    """Without its docstring, and without the lines that only close a bracket."""
    source = textwrap.dedent(inspect.getsource(getattr(methods, preset)))
    function = ast.parse(source).body[0]
    first = function.body[1].lineno - 1
    lines = [line for line in source.splitlines()[first:] if line.strip(" )]},")]
    assert len(lines) <= 10


@pytest.mark.parametrize("preset", ["gooddrag", "clipdrag"])
def test_an_unknown_profile_of_theirs_is_told(preset):
    with pytest.raises(
        ValueError, match='unknown profile \'paper\'; choose "small" or "official"'
    ):
        getattr(methods, preset)("paper")


@pytest.mark.parametrize("preset", [methods.gooddrag, methods.clipdrag, methods.easydrag])
def test_they_run_on_the_bundled_diffusion_model(preset):
    model = dk.load("lion-diffusion")
    edit = Edit([(28, 31)], [(33, 31)])
    steps = list(dk.drag(model, model.sample(1), edit, **preset() | {"steps": 3}))
    assert steps[-1].latent.isfinite().all()
    assert not torch.equal(steps[-1].latent, steps[0].latent)


# What the earlier methods did, they do


class Before:
    """Motion supervision as it was before a template could be mixed and a shift be longer."""

    name = "motion"

    def __init__(self, loss):
        self.loss = loss

    def __call__(self, view, track, start, edit):
        offsets, stride = self.loss._patch(view.size)
        places = track.points[:, None] + offsets
        to_target = edit.targets - track.points
        distance = to_target.norm(dim=1, keepdim=True)
        direction = to_target / distance.clamp_min(1e-8)
        shifted = places + stride * direction[:, None]

        reference = dk.geometry.sample(view.features.detach(), places, view.size)
        if not track.trusted.all():
            first = dk.geometry.sample(
                start.features.detach(), edit.handles[:, None] + offsets, view.size
            )
            reference = torch.where(track.trusted[:, None, None], reference, first)
        error = (dk.geometry.sample(view.features, shifted, view.size) - reference).abs()
        reduced = error.mean(2).sum(1) if self.loss.reduction == "area" else error.mean((1, 2))
        if self.loss.reduction == "sum":
            reduced = error.sum((1, 2))
        return (reduced * (distance[:, 0] > self.loss.skip)).sum()


@pytest.mark.parametrize(
    "method",
    [
        methods.draggan(),
        methods.draggan("paper"),
        methods.stabledrag(),
        methods.stabledrag() | {"trust": dk.never},
        methods.dragdiffusion(),
        methods.stabledrag(base=methods.dragdiffusion),
    ],
)
def test_the_losses_of_earlier_methods_have_the_same_bits(method):
    motion, *others = method["losses"]
    motion = replace(motion, radius=motion.radius if motion.stride else 12)
    toy = Toy(side=64, width=4, lookalike=0.8)
    latent = torch.tensor([[20.0, 20.0], [40.0, 20.0], [32.0, 46.0]])
    edit = Edit([(20, 20), (32, 46)], [(30, 26), (32, 40)], torch.ones(64, 64).tril(20))
    runs = [
        list(
            dk.drag(
                toy, latent, edit, **method | {"losses": (loss, *others), "lr": 0.3, "steps": 20}
            )
        )
        for loss in (motion, Before(motion))
    ]
    for step, before in zip(*runs, strict=True):
        assert torch.equal(step.latent, before.latent) and torch.equal(step.points, before.points)
        assert step.losses == before.losses
    assert len(runs[0]) > 5
