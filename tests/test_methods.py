"""The published settings, number by number; a change here is a change of the method."""

import pytest
import torch
from torch.nn import functional as F

from dragkit import Edit, View, always
from dragkit.losses import MaskLoss, TemplatePatchLoss
from dragkit.methods import dragdiffusion, draggan, freedrag, stabledrag
from dragkit.trackers import LineSearch

# what later methods added, as DragGAN has it
WINDOW = {"candidates": None, "subpixel": False}
PATCH = {"reach": None, "first_patch": 0.0, "weight": 1.0}


def numbers(method: dict) -> tuple:
    """Everything that a preset sets, piece by piece."""
    motion, mask = method.pop("losses")
    return method.pop("tracker").__dict__, motion.__dict__, mask.__dict__, method


def test_draggan_as_in_the_paper():
    assert numbers(draggan("paper")) == (
        {"radius": 12, "norm": 1, "strict": True, "stride": None} | WINDOW,
        {
            "radius": 3,
            "reduction": "sum",
            "skip": 1.0,
            "strict": True,
            "shape": "disc",
            "stride": None,
        }
        | PATCH,
        {"weight": 20, "reduction": "sum", "resize": "area"},
        {"lr": 2e-3, "steps": 200, "arrive": 1.0, "trust": always},
    )


def test_draggan_as_in_the_official_code():
    assert numbers(draggan("official")) == (
        {"radius": 12, "norm": 2, "strict": False, "stride": None} | WINDOW,
        {
            "radius": 3,
            "reduction": "mean",
            "skip": 1.0,
            "strict": True,
            "shape": "disc",
            "stride": None,
        }
        | PATCH,
        {"weight": 20, "reduction": "mean", "resize": "area"},
        {"lr": 1e-3, "steps": 200, "arrive": 2.0, "trust": always},
    )


def test_the_official_code_is_the_default_and_every_call_gives_its_own_dict():
    method = draggan()
    assert method == draggan("official") != draggan("paper")
    method["lr"] = 1
    assert draggan()["lr"] == 1e-3


def test_an_unknown_profile_is_told_the_known_ones():
    with pytest.raises(ValueError, match='unknown profile \'code\'; choose "paper" or "official"'):
        draggan("code")


@pytest.mark.parametrize("profile", ["official", "paper"])
def test_both_profiles_equal_a_plain_transcription_on_the_enlarged_map(profile):
    """Enlarge the map to the image as both do, index whole pixels, and add up by hand."""
    side, radius, reach = 512, 3, 12
    random = torch.Generator().manual_seed(0)
    before, now = (torch.randn(4, 128, 128, generator=random) for _ in range(2))
    large = [
        F.interpolate(f[None], size=(side, side), mode="bilinear", align_corners=False)[0]
        for f in (before, now)
    ]
    edit = Edit([(200, 300)], [(200, 350)])
    start, view = (View(f, (side, side), lambda: None) for f in (before, now))
    tracker, (motion, _) = (draggan(profile)[k] for k in ("tracker", "losses"))

    inner = reach - (profile == "paper")
    window = large[1][:, 300 - inner : 301 + inner, 200 - inner : 201 + inner]
    template = large[0][:, 300, 200, None, None]
    distance = (
        (window - template).abs().sum(0)
        if profile == "paper"
        else (window - template).square().sum(0).sqrt()
    )
    row, column = divmod(int(distance.argmin()), 2 * inner + 1)
    x, y = 200 - inner + column, 300 - inner + row
    track = tracker.find(view, tracker.start(start, edit), edit.handles)
    assert track.points.tolist() == [[x, y]]

    # straight down, so that the shifted patch lies on whole pixels
    edit = Edit([(200, 300)], [(x, y + 50)])
    patch = [
        (dx, dy) for dx in range(-3, 4) for dy in range(-3, 4) if dx * dx + dy * dy < radius**2
    ]
    errors = torch.stack(
        [(large[1][:, y + dy + 1, x + dx] - large[1][:, y + dy, x + dx]).abs() for dx, dy in patch]
    )
    expected = errors.sum() if profile == "paper" else errors.mean()
    assert motion(view, track, start, edit).item() == pytest.approx(expected.item(), rel=1e-4)


def test_a_base_that_is_called_already_is_told():
    with pytest.raises(
        ValueError,
        match=(
            r"base is called already; pass the method itself, such as"
            r" stabledrag\(base=dragdiffusion\)"
        ),
    ):
        stabledrag(base=dragdiffusion())
    with pytest.raises(TypeError, match="base is 'draggan'; give draggan, dragdiffusion or"):
        stabledrag(base="draggan")


@pytest.mark.parametrize(
    "base, tracker, mask, rest",
    [
        (
            draggan,
            LineSearch(1, 3, 12, expected=0.3, enough=0.25),
            MaskLoss(10, "outside"),
            {"lr": 2e-3, "steps": 2000, "arrive": 1.0},
        ),
        (
            dragdiffusion,
            LineSearch(4, 2, 10, expected=1.0, enough=0.5),
            MaskLoss(10, "mean", "nearest"),
            {"lr": 1e-2, "steps": 300, "arrive": 4.0},
        ),
    ],
)
def test_freedrag_as_in_the_official_code(base, tracker, mask, rest):
    assert (
        freedrag("official", base)
        == {
            "tracker": tracker,
            "losses": (TemplatePatchLoss("mean"), mask),
            "trust": always,
        }
        | rest
    )


def test_one_setting_of_freedrag_serves_every_model():
    gan, diffusion = freedrag(), freedrag(base=dragdiffusion)
    assert gan["tracker"] == diffusion["tracker"] and gan["tracker"].expected is None
    assert {k for k in gan if gan[k] != diffusion[k]} == {"lr"}


def test_what_is_no_freedrag_is_told():
    with pytest.raises(
        ValueError, match='unknown profile \'paper\'; choose "measured" or "official"'
    ):
        freedrag("paper")
    with pytest.raises(ValueError, match="choose draggan or dragdiffusion"):
        freedrag(base=stabledrag)
