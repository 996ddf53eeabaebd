"""Every loss term worked out by hand on maps of a few cells."""

import math

import pytest
import torch

from dragkit.gates import above, always, never
from dragkit.geometry import disc, sample
from dragkit.losses import (
    CosineHoldLoss,
    CosineLoss,
    LatentPrior,
    MaskLoss,
    ShiftedPatchLoss,
    TemplatePatchLoss,
)
from dragkit.records import Edit, TrackResult, View
from dragkit.trackers.nearest import Template


def view(rows, size=None) -> View:
    """A view whose features (c h w) are `rows`, one cell per pixel unless `size` says
    otherwise.
    """
    features = torch.as_tensor(rows, dtype=torch.float32).clone().requires_grad_()
    return View(features, size or tuple(features.shape[1:]), lambda: None)


def one(view: View) -> float:
    """The radius that comes to one pixel in this view's image; strict, the disc is
    that pixel.
    """
    return 512 / view.size[0]


def track(*points, sure=math.nan, threshold=None) -> TrackResult:
    confidence, threshold = (
        v if v is None else torch.tensor(v).expand(len(points)) for v in (sure, threshold)
    )
    return TrackResult(
        torch.tensor(points).float(), confidence, torch.zeros(0), None, threshold=threshold
    )


def ramp(across: float, down: float, side: int = 7) -> torch.Tensor:
    """(1 side side) a plane that rises by `across` per pixel to the right and `down` per pixel
    down.
    """
    steps = torch.arange(float(side))
    return (across * steps + down * steps[:, None])[None]


# The motion term


def test_one_pixel_is_compared_with_its_neighbour_toward_the_target():
    now = view([[[1, 2, 5, 9]]])
    loss = ShiftedPatchLoss(one(now), strict=True)
    value = loss(now, track((1, 0)), now, Edit([(1, 0)], [(3, 0)]))
    assert value.item() == pytest.approx(3)  # |F(2) - F(1)| = |5 - 2|
    value.backward()
    torch.testing.assert_close(now.features.grad, torch.tensor([[[0.0, 0, 1, 0]]]))  # none at 1


def test_the_gradient_is_the_sign_spread_by_the_bilinear_weights():
    """d = (3, 4) / 5, so F(q + d) lies at (0.6, 0.8) between four cells, whatever F(q) was."""
    now = view(torch.zeros(1, 3, 3).index_fill(2, torch.tensor([0]), -2.0))
    loss = ShiftedPatchLoss(one(now), strict=True)
    loss(now, track((0, 0)), now, Edit([(0, 0)], [(1.5, 2)])).backward()
    weights = torch.tensor([[[0.4 * 0.2, 0.6 * 0.2, 0], [0.4 * 0.8, 0.6 * 0.8, 0], [0, 0, 0]]])
    torch.testing.assert_close(now.features.grad, weights)


@pytest.mark.parametrize(
    ("strict", "reduction", "factor"),
    [(False, "sum", 5), (True, "sum", 1), (False, "mean", 1 / 2), (True, "mean", 1 / 2)],
)
def test_on_planes_every_pixel_adds_the_slopes_along_the_way(strict, reduction, factor):
    """The disc of one pixel's radius holds 5 pixels, or 1 without its rim; there are 2
    channels.
    """
    now = view(torch.cat([ramp(1, 10), ramp(-2, 0)]))
    loss = ShiftedPatchLoss(one(now), strict=strict, reduction=reduction)
    value = loss(now, track((2, 2)), now, Edit([(2, 2)], [(5, 6)]))
    assert value.item() == pytest.approx(factor * ((0.6 * 1 + 0.8 * 10) + 0.6 * 2))


def test_one_pixel_of_the_image_is_half_a_cell_of_a_map_of_half_the_size():
    now = view(ramp(1, 0, side=4), size=(8, 8))
    value = ShiftedPatchLoss(64, strict=True)(now, track((3, 3)), now, Edit([(3, 3)], [(7, 3)]))
    assert value.item() == pytest.approx(0.5)


def test_the_shift_is_one_pixel_however_far_or_near_the_target_is():
    now = view(ramp(1, 0, side=9))
    for x in (3.5, 4, 5, 8):
        loss = ShiftedPatchLoss(one(now), skip=0)
        value = loss(now, track((3, 3)), now, Edit([(3, 3)], [(x, 3)]))
        assert value.item() == pytest.approx(1)


@pytest.mark.parametrize(("reach", "far"), [(1, 1), (2.5, 2.5), (4, 3), (40, 3)])
def test_with_a_reach_the_shift_ends_at_the_target(reach, far):
    now = view(ramp(1, 0, side=9))
    loss = ShiftedPatchLoss(one(now), reach=reach * one(now))
    assert loss(now, track((3, 3)), now, Edit([(3, 3)], [(6, 3)])).item() == pytest.approx(far)
    in_strides = ShiftedPatchLoss(1, stride=0.5, reach=2 * reach, skip=0)
    value = in_strides(now, track((3, 3)), now, Edit([(3, 3)], [(6, 3)]))
    assert value.item() == pytest.approx(far)


def test_a_target_that_is_reached_asks_for_no_shift():
    now = view(ramp(1, 0, side=9))
    loss = ShiftedPatchLoss(one(now), reach=9, skip=0)
    assert loss(now, track((3, 3)), now, Edit([(3, 3)], [(3, 3)])).item() == 0


@pytest.mark.parametrize(("share", "template"), [(0, 70), (0.25, 77.5), (1, 100)])
def test_the_template_mixes_the_current_patch_with_the_first_frames(share, template):
    start, now = view([[[100, 0, 0, 0]]]), view([[[0, 70, 50, 3]]])
    loss = ShiftedPatchLoss(one(now), strict=True, first_patch=share)
    value = loss(now, track((1, 0)), start, Edit([(0, 0)], [(3, 0)]))
    assert value.item() == pytest.approx(abs(50 - template))
    value.backward()
    torch.testing.assert_close(now.features.grad.abs(), torch.tensor([[[0.0, 0, 1, 0]]]))
    assert start.features.grad is None


@pytest.mark.parametrize("share", [0, 0.25, 1])
def test_who_is_not_trusted_gets_the_first_patch_whatever_the_mixture_is(share):
    start, now = view([[[100, 0, 0, 0]]]), view([[[0, 70, 50, 3]]])
    loss = ShiftedPatchLoss(one(now), strict=True, first_patch=share)
    both = track((1, 0), (1, 0), sure=[0.4, 0.6], threshold=0.5)
    value = loss(now, both, start, Edit([(0, 0), (0.6, 0)], [(3, 0)] * 2))
    trusted = 70 + share * ((0.4 * 100) - 70)
    assert value.item() == pytest.approx(50 + abs(50 - trusted))


def test_a_weight_multiplies():
    now = view(ramp(1, 0, side=9))
    values = [
        ShiftedPatchLoss(one(now), weight=w)(now, track((3, 3)), now, Edit([(3, 3)], [(6, 3)]))
        for w in (0, 1, 64)
    ]
    assert [value.item() for value in values] == pytest.approx([0, 1, 64])


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ({"reach": 0}, "reach is 0; give a number above 0"),
        ({"reach": math.nan}, "reach is nan; give a number above 0"),
        ({"first_patch": 1.1}, r"first_patch is 1.1; it must be in 0\.\.1"),
        ({"first_patch": "all"}, r"first_patch is 'all'; it must be in 0\.\.1"),
        ({"weight": -1}, "weight is -1; give a number from 0 on"),
    ],
)
def test_a_setting_out_of_its_range_is_told(setting, message):
    with pytest.raises(ValueError, match=message):
        ShiftedPatchLoss(**setting)


def test_handles_add_up_and_those_within_the_skip_distance_are_left_alone():
    now = view(ramp(1, 0, side=9))
    points = track((2, 2), (4, 4), (6, 6))
    targets = [(4, 2), (5, 4), (6, 6)]  # 2 px away, 1 px, 0 px
    edit = Edit([(2, 2), (4, 4), (6, 6)], targets)
    values = [ShiftedPatchLoss(one(now), skip=s)(now, points, now, edit) for s in (0, 0.9, 1, 2)]
    assert [v.item() for v in values] == pytest.approx([2, 2, 1, 0])
    values[-1].backward()
    assert not now.features.grad.any()


def test_a_patch_may_leave_the_image():
    """In the lower right corner, going left: the pixel right of it meets the same border twice."""
    now = view(ramp(1, 10, side=3))
    value = ShiftedPatchLoss(one(now))(now, track((2, 2)), now, Edit([(2, 2)], [(0, 2)]))
    assert value.item() == pytest.approx((1 + 1 + 1 + 1 + 0) / 5)


@pytest.mark.parametrize("sure", [0.4, math.nan])
def test_a_handle_that_is_not_trusted_is_compared_with_the_first_patch(sure):
    start, now = view([[[1, 2, 4, 8]]]), view([[[100, 70, 50, 3]]])
    loss = ShiftedPatchLoss(one(now), strict=True)
    value = loss(now, track((1, 0), sure=sure, threshold=0.5), start, Edit([(0, 0)], [(3, 0)]))
    assert value.item() == pytest.approx(50 - 1)  # F(2) now, F₀ at the original handle 0
    value.backward()
    torch.testing.assert_close(now.features.grad, torch.tensor([[[0.0, 0, 1, 0]]]))
    assert start.features.grad is None


def test_the_gate_decides_handle_by_handle():
    start, now = view([[[1, 2, 4, 8]]]), view([[[100, 70, 50, 3]]])
    both = track((1, 0), (1, 0), sure=[0.4, 0.6], threshold=0.5)
    loss = ShiftedPatchLoss(one(now), strict=True)
    value = loss(now, both, start, Edit([(0, 0), (1, 0)], [(3, 0)] * 2))
    assert value.item() == pytest.approx((50 - 1) + (70 - 50))


def test_below_the_threshold_the_gradient_is_that_of_the_first_frames_template_one_step_ahead():
    random = torch.Generator().manual_seed(0)
    start, now = (view(torch.randn(4, 32, 32, generator=random)) for _ in range(2))
    edit, radius = Edit([(10, 12)], [(20, 12)]), 3
    gated = ShiftedPatchLoss(radius * one(now))(
        now, track((14, 12), sure=0.4, threshold=0.5), start, edit
    )
    (gradient,) = torch.autograd.grad(gated, now.features)
    offsets = disc(radius)
    template = Template(
        sample(start.features, edit.handles[:, None] + offsets, start.size), offsets
    )
    ahead = TrackResult(
        torch.tensor([[15.0, 12.0]]), torch.tensor([0.4]), torch.zeros(0), template
    )
    (expected,) = torch.autograd.grad(TemplatePatchLoss()(now, ahead, start, edit), now.features)
    torch.testing.assert_close(gradient, expected)
    assert gradient.abs().sum() > 0


def test_the_gates_turn_the_confidence_of_step_1_into_thresholds():
    first = torch.tensor([0.8, 0.4, -0.2, math.nan])
    assert always(first).tolist() == [-math.inf] * 4
    assert never(first).tolist() == [math.inf] * 4
    torch.testing.assert_close(
        above(0.75)(first), torch.tensor([0.6, 0.3, -0.25, math.nan]), equal_nan=True
    )
    assert (above(0.3)(first) <= first)[:3].all()
    assert repr(above(0.5)) == "above(0.5)"
    assert above(0.5) == above(0.5) != above(0.6)


@pytest.mark.parametrize(
    ("sure", "threshold", "trusted"),
    [
        (0.5, 0.5, True),
        (0.49, 0.5, False),
        (math.nan, 0.5, False),
        (math.nan, -math.inf, True),
        (9.0, math.inf, False),
        (math.nan, None, True),
    ],
)
def test_trusted_is_what_reaches_its_threshold(sure, threshold, trusted):
    assert track((1, 1), sure=sure, threshold=threshold).trusted.tolist() == [trusted]


@pytest.mark.parametrize("ratio", [0, -0.1, 1.01, math.nan, "0.5", None])
def test_a_ratio_outside_0_to_1_is_refused(ratio):
    with pytest.raises(
        ValueError, match=r"it must be above 0 and at most 1, such as above\(0.9\)"
    ):
        above(ratio)


# The template term


def test_the_patch_at_the_point_is_compared_with_the_trackers_template():
    now = view([[[1, 2, 5, 9]], [[0, 0, 1, 0]]])
    patch = torch.tensor([[[4.0, 0.0], [4.0, 3.0]]], requires_grad=True)
    memory = Template(patch, torch.tensor([[0.0, 0.0], [1.0, 0.0]]))
    found = TrackResult(torch.tensor([[1.0, 0.0]]), torch.ones(1), torch.zeros(1, 1, 1), memory)
    # channel 1: |2 - 4| + |5 - 4|; channel 2: |0 - 0| + |1 - 3|
    values = [TemplatePatchLoss(r)(now, found, now, None) for r in ("sum", "mean")]
    assert [v.item() for v in values] == pytest.approx([5, 5 / 4])
    values[0].backward()
    expected = torch.tensor([[[0.0, -1, 1, 0]], [[0, 0, -1, 0]]])
    torch.testing.assert_close(now.features.grad, expected)
    assert patch.grad is None


# The mask term


def masked(mask) -> Edit:
    return Edit([(0, 0)], [(1, 1)], mask)


def test_the_mask_term_weighs_each_cell_by_the_share_that_must_stay():
    start, now = view([[[0, 0], [5, 5]]], (4, 4)), view([[[1, 2], [8, 1]]], (4, 4))
    mask = [[1, 1, 1, 0], [1, 1, 0, 0], [0, 0, 0, 0], [0, 0, 0, 0]]
    total = 1 * 0 + 2 * 0.75 + 3 * 1 + 4 * 1
    for weight in (1, 20):
        mean = MaskLoss(weight)(now, track((0, 0)), start, masked(mask))
        whole = MaskLoss(weight, reduction="sum")(now, track((0, 0)), start, masked(mask))
        assert mean.item() == pytest.approx(weight * total / 4)
        assert whole.item() == pytest.approx(weight * total * 4)  # each cell covers four pixels
    mean.backward()
    expected = 20 / 4 * torch.tensor([[[0, 0.75], [1, -1]]])
    torch.testing.assert_close(now.anchor.grad, expected)
    assert start.anchor.grad is None


@pytest.mark.parametrize("mask", [None, [[1, 1], [1, 1]]])
def test_nothing_to_hold_is_no_loss(mask):
    start, now = view([[[1, 2], [3, 4]]]), view([[[9, 9], [9, 9]]])
    assert MaskLoss()(now, track((0, 0)), start, masked(mask)).item() == 0


def test_at_the_start_nothing_has_moved_yet():
    now = view([[[1, 2], [3, 4]]])
    value = MaskLoss()(now, track((0, 0)), now, masked([[0, 0], [0, 1]]))
    assert value.item() == 0


def test_the_mask_term_of_freedrag_is_the_mean_over_cells_of_which_nothing_may_move():
    now, start = (View(f, (4, 4), lambda: None) for f in torch.randn(2, 3, 2, 2))
    mask = torch.zeros(4, 4)
    mask[0, 0] = 1  # a quarter of the first cell
    edit = Edit([(0, 0)], [(2, 2)], mask)
    expected = (now.features - start.features).abs().flatten(1)[:, 1:].mean()
    torch.testing.assert_close(MaskLoss(10, "outside")(now, None, start, edit), 10 * expected)
    free = Edit([(0, 0)], [(2, 2)], torch.ones(4, 4))
    assert MaskLoss(10, "outside")(now, None, start, free) == 0


@pytest.mark.parametrize("skip", [-1, float("nan"), "1"])
def test_a_skip_distance_that_is_none_is_told(skip):
    with pytest.raises(ValueError, match=f"skip is {skip!r}; give a number from 0 on"):
        ShiftedPatchLoss(skip=skip)


@pytest.mark.parametrize("weight", [-20, float("nan"), float("inf"), "20"])
def test_a_weight_that_is_none_is_told(weight):
    with pytest.raises(ValueError, match=f"weight is {weight!r}; give a number from 0 on"):
        MaskLoss(weight)


@pytest.mark.parametrize("settings", [{}, {"shape": "square"}, {"stride": 2}])
def test_a_patch_larger_than_the_image_is_told(settings):
    with pytest.raises(ValueError, match="radius 10000 .* is larger than an image of 128×128 px"):
        ShiftedPatchLoss(10_000, **settings).check((128, 128))


# The prior


def with_latent(latent) -> View:
    return View(torch.zeros(1, 2, 2), (2, 2), lambda: None, latent=latent)


def test_the_prior_is_the_mean_square_distance_to_the_start():
    now = with_latent(torch.tensor([1.0, 2.0, 3.0, 6.0]).requires_grad_())
    start = with_latent(torch.tensor([1.0, 0.0, 3.0, 2.0]))
    value = LatentPrior(3)(now, None, start, None)
    assert value.item() == pytest.approx(3 * (4 + 16) / 4)
    value.backward()
    assert now.latent.grad.tolist() == [0, 3, 0, 6]  # λ · 2 (z - z₀) / 4


def test_a_view_without_its_latent_is_told():
    with pytest.raises(ValueError, match="the view does not say of which latent it is"):
        LatentPrior()(with_latent(None), None, with_latent(torch.zeros(1)), None)


@pytest.mark.parametrize("make", [LatentPrior, CosineHoldLoss])
def test_a_weight_of_what_holds_is_from_0_on(make):
    with pytest.raises(ValueError, match="weight is -1; give a number from 0 on"):
        make(-1)


# EasyDrag's terms


def test_the_first_feature_is_compared_by_its_angle_with_the_one_a_hop_ahead():
    """Features that turn by 90 degrees from column to column, on 512 pixels."""
    angle = torch.arange(512) * math.pi / 2
    features = torch.stack([angle.cos(), angle.sin()])[:, None].expand(2, 512, 512)
    now = View(features, (512, 512), lambda: None)
    loss = CosineLoss(hop=10, straight=18)
    for far, turns, share in [(40, 10, 1), (18, 10, 1), (17, 17, 1), (0, 0, 0.1)]:
        value = loss(now, track((100, 50)), now, Edit([(100, 50)], [(100 + far, 50)]))
        cosine = math.cos(turns * math.pi / 2)
        assert value.item() == pytest.approx(share / (1 + (1 + cosine) / 2), abs=1e-3)


def test_outside_the_mask_features_that_turn_cost_and_those_that_grow_do_not():
    start = view([[[1, 1]], [[0, 0]]])
    edit = Edit([(0, 0)], [(1, 0)], [[1, 0]])
    for feature, cosine in [((5, 0), 1), ((0, 2), 0), ((-1, 0), -1)]:
        now = view([[[7, feature[0]]], [[7, feature[1]]]])
        value = CosineHoldLoss(0.1)(now, track((0, 0)), start, edit)
        assert value.item() == pytest.approx(0.1 / (1 + (1 + cosine) / 2))
    for mask in (None, [[1, 1]]):
        nothing = Edit([(0, 0)], [(1, 0)], mask)
        assert CosineHoldLoss()(now, track((0, 0)), start, nothing) == 0
