"""Trackers that look at the images: exact motion of a pan, what the policies do with errors, and
what is no estimator.
"""

import sys
import types

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional as F

import dragkit as dk
from dragkit import Edit, View
from dragkit.loop import drag
from dragkit.methods import draggan
from dragkit.models.toy import Toy
from dragkit.trackers import OpticalFlow, Particles, Raft, dis
from dragkit.trackers import follow as answers
from dragkit.trackers.estimators import check_estimator, moved

SIDE = 96


def pan(shift, side: int = SIDE) -> View:
    """A view of one texture that has moved by `shift` (x, y) px, to fractions of a pixel; its
    colours are its features.
    """
    wide = moved((0, 0), side + 64)[0]
    y, x = torch.meshgrid(torch.arange(side) + 32.0, torch.arange(side) + 32.0, indexing="ij")
    at = torch.stack([x - shift[0], y - shift[1]], -1)
    image = F.grid_sample(wide[None], (2 * at + 1)[None] / (side + 64) - 1, align_corners=False)[0]
    return View(image, (side, side), lambda: image)


EDIT = Edit([(40, 48), (60, 30)], [(60, 48), (70, 40)])
WAY = [(0.8 * k, -0.5 * k) for k in range(13)]  # ends at (9.6, -6)


def follow(tracker, views, edit=EDIT):
    """The points (frames n 2) of a tracker on its own."""
    return torch.stack([found.points for found in answers(tracker, views, edit)])


@pytest.mark.parametrize("policy", ["frame", "reference"])
@pytest.mark.parametrize("refine", [None, 16])
def test_flow_follows_a_pan(policy, refine):
    points = follow(OpticalFlow(dis, policy, refine=refine), [pan(shift) for shift in WAY])
    truth = EDIT.handles + torch.tensor(WAY)[:, None]
    # nearest neighbours stand on whole pixels from the flow's answer
    assert (points - truth).norm(dim=-1).max() < (0.5 if refine is None else 1.5)


def test_the_first_look_finds_the_handles_where_they_are():
    for tracker in (OpticalFlow(), OpticalFlow(policy="reference")):
        found = tracker.find(pan((0, 0)), tracker.start(pan((0, 0)), EDIT), EDIT.handles)
        torch.testing.assert_close(found.points, EDIT.handles, atol=0.05, rtol=0)
        assert (
            found.confidence.isnan().all()
            and found.goals is None
            and found.scores.shape == (2, 1, 1)
        )


def biased(a, b):
    """An estimator with an error of 0.25 px to the right at each call, apart from its
    self-test.
    """
    return dis(a, b) + torch.tensor([0.25, 0.0])[:, None, None]


def test_errors_add_up_from_frame_to_frame_but_not_from_a_reference():
    # so short that the estimator sees all of it at once
    way = [(0.2 * k, -0.1 * k) for k in range(13)]
    views, truth = [pan(shift) for shift in way], EDIT.handles + torch.tensor(way[-1])
    errors = {
        (policy, every): (
            (follow(OpticalFlow(biased, policy, every), views)[-1] - truth)[:, 0].mean().item()
        )
        for policy, every in (("frame", 1), ("reference", 99), ("reference", 5))
    }
    assert errors["frame", 1] == pytest.approx(13 * 0.25, abs=0.4)  # at each of 13 looks
    assert errors["reference", 99] == pytest.approx(0.25, abs=0.2)
    assert errors["reference", 5] == pytest.approx(3 * 0.25, abs=0.3)  # twice anchored anew


def test_a_point_that_leaves_the_image_stays_at_its_border_and_is_no_new_reference():
    edit, views = Edit([(90, 48)], [(95, 48)]), [pan((2.0 * k, 0)) for k in range(6)]
    tracker = OpticalFlow(policy="reference", every=2)
    memory, search_centre = tracker.start(views[0], edit), edit.handles
    for view in views:
        found = tracker.find(view, memory, search_centre)
        memory, search_centre = found.memory, found.points
    assert search_centre.tolist() == [[95, pytest.approx(48, abs=0.5)]]
    assert memory.points[0, 0] < 95


def test_a_reference_outside_the_image_is_told():
    from dataclasses import replace

    tracker = OpticalFlow()
    memory = replace(tracker.start(pan((0, 0)), EDIT), points=EDIT.handles + 90)
    with pytest.raises(ValueError, match="the reference has points outside the image"):
        tracker.find(pan((0, 0)), memory, EDIT.handles)


# Estimators


def test_a_good_estimator_passes():
    check_estimator(dis)
    a, b = moved((3, 0))
    torch.testing.assert_close(b[:, :, 3:], a[:, :, :-3])


@pytest.mark.parametrize(
    "wrong, message",
    [
        (
            lambda a, b: dis(a, b).movedim(0, -1),
            r"returned \(64, 64, 2\) for images \(3 64 64\); a flow is a tensor \(2 64 64\)",
        ),
        (lambda a, b: dis(a, b).numpy(), r"a flow is a tensor"),
        (lambda a, b: None, "returned NoneType"),
        (
            lambda a, b: -dis(a, b),
            r"moved by \(3.0, 0.0\) px .* move by \(-3.*its sign is reversed",
        ),
        (lambda a, b: dis(b, a), "its sign is reversed"),
        (lambda a, b: dis(a, b).flip(0), "dx and dy are swapped"),
        (lambda a, b: dis(a, b) / 32, "as grid_sample has it, not in pixels"),
        (lambda a, b: 0 * dis(a, b), "that is not the motion that was there"),
        (lambda a, b: dis(a, b) * torch.nan, "not finite"),
    ],
)
def test_what_is_no_estimator_is_told_before_the_first_step(wrong, message):
    toy = Toy()
    with pytest.raises(ValueError, match=message):
        list(
            drag(
                toy,
                toy.sample(0),
                Edit([(40, 40)], [(50, 50)]),
                **draggan() | {"tracker": OpticalFlow(wrong)},
            )
        )


def test_without_opencv_the_extra_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "cv2", None)
    with pytest.raises(ModuleNotFoundError, match=r'needs OpenCV: pip install "dragkit\[flow\]"'):
        dis(*moved((1, 0)))


class Stand(nn.Module):
    """In the place of torchvision's RAFT: says what it was given, and a flow of (2, 1) px of the
    enlarged image.
    """

    def __init__(self) -> None:
        super().__init__()
        self.bias = nn.Parameter(torch.zeros(2))

    def forward(self, a, b, num_flow_updates):
        self.given = a, b, num_flow_updates
        flow = self.bias[None, :, None, None].expand(1, 2, *a.shape[2:])
        return [0 * flow, flow]


@pytest.fixture
def torchvision(monkeypatch):
    package, models, flow = (
        types.ModuleType(name)
        for name in ("torchvision", "torchvision.models", "torchvision.models.optical_flow")
    )
    flow.raft_small = flow.raft_large = lambda weights: Stand()
    models.optical_flow, package.models = flow, models
    for module in (package, models, flow):
        monkeypatch.setitem(sys.modules, module.__name__, module)


def test_raft_gets_large_padded_images_and_its_flow_is_brought_back(torchvision, tmp_path):
    torch.save({"bias": torch.tensor([2.0, 1.0])}, tmp_path / "raft.pth")
    raft = Raft(tmp_path / "raft.pth", "small", updates=3)
    a, b = torch.rand(2, 3, 60, 90)
    flow = raft(a, b)
    first, _, updates = raft._network.given
    assert (
        first.shape == (1, 3, 128, 192)
        and updates == 3
        and first.min() < -0.5
        and first.max() <= 1
    )
    torch.testing.assert_close(
        flow, torch.tensor([2.0 * 90 / 192, 60 / 128])[:, None, None].expand(2, 60, 90)
    )
    raft(*torch.rand(2, 3, 130, 133))
    assert raft._network.given[0].shape == (1, 3, 136, 136)


def test_what_is_no_raft_is_told(torchvision, tmp_path, monkeypatch):
    torch.save({"other": torch.zeros(2)}, tmp_path / "raft.pth")
    with pytest.raises(
        ValueError, match="(?s)raft.pth does not fit torchvision's raft_large .*other"
    ):
        Raft(tmp_path / "raft.pth")(*moved((1, 0)))
    with pytest.raises(ValueError, match='unknown size \'huge\'; choose "small" or "large"'):
        Raft(tmp_path / "raft.pth", "huge")
    with pytest.raises(ValueError, match="none.pth is not a file"):
        Raft(tmp_path / "none.pth")
    monkeypatch.setitem(sys.modules, "torchvision.models", None)
    with pytest.raises(
        ModuleNotFoundError,
        match="RAFT needs the package torchvision, of the build that fits your torch",
    ):
        Raft(tmp_path / "raft.pth")(*moved((1, 0)))


# Particles


def test_particles_get_the_last_images_and_the_points_in_the_first_of_them():
    seen = []

    def sequence(images, points):
        """Knows the pan: the first channel's mean tells which image it is."""
        seen.append(len(images))
        number = [
            next(k for k, view in enumerate(views) if torch.equal(view.image, p)) for p in images
        ]
        way = torch.tensor([WAY[k] for k in number])
        return points + (way - way[0])[:, None]

    views = [pan(shift) for shift in WAY]
    points = follow(Particles(sequence, length=4), views)
    torch.testing.assert_close(
        points, EDIT.handles + torch.tensor(WAY)[:, None], atol=1e-3, rtol=0
    )
    assert seen == [2, 3, *[4] * 11]


def test_places_of_another_shape_are_told():
    tracker = Particles(lambda images, points: points)
    with pytest.raises(
        ValueError,
        match=(
            r"the follower returned places \(2, 2\); for 2 images and 2 points they are"
            r" \(2, 2, 2\)"
        ),
    ):
        tracker.find(pan((0, 0)), tracker.start(pan((0, 0)), EDIT), EDIT.handles)


@pytest.mark.parametrize(
    "make, message",
    [
        (lambda: OpticalFlow("dis"), "estimator is 'dis'; give a function"),
        (lambda: OpticalFlow(policy="last"), "unknown policy 'last'"),
        (lambda: OpticalFlow(every=0), "every is 0"),
        (lambda: Particles(print, 1), "length is 1"),
        (lambda: OpticalFlow(refine=-1).check((64, 64)), "radius is -1"),
    ],
)
def test_settings_out_of_range_are_told(make, message):
    with pytest.raises(ValueError, match=message):
        make()


# The run


@pytest.mark.parametrize("tracker", [OpticalFlow(), OpticalFlow(policy="reference", refine=12)])
def test_a_drag_with_flow_goes_on_from_any_step_and_is_saved(tracker, tmp_path):
    toy, latent = Toy(), Toy().sample(0)
    method = draggan() | {"lr": 0.5, "tracker": tracker, "steps": 20}
    edit = Edit(latent[:1], latent[:1] + 10)
    trace = dk.Trace(drag(toy, latent, edit, **method))
    assert (trace[-1].latent[:1] - edit.targets).norm() < (latent[:1] - edit.targets).norm()
    *_, last = drag(toy, latent, edit, **method, resume=trace[6])
    assert torch.equal(last.latent, trace[-1].latent)
    opened = dk.Trace.load(trace.save(tmp_path / "run"))
    assert (
        torch.equal(opened[-1].points, trace[-1].points)
        and dk.Player(opened).snapshot()[:4] == b"\x89PNG"
    )
    assert torch.equal(opened[-1].step.window_centre, trace[-1].step.window_centre)


def test_the_windows_of_a_refined_flow_stand_where_it_looked():
    """The best pixel of each window is the point, seen from the window's middle: there, not around
    the last point.
    """
    memory, search_centre = OpticalFlow(dis, refine=16).start(pan((0, 0)), EDIT), EDIT.handles
    found = OpticalFlow(dis, refine=16).find(pan((3, 2)), memory, search_centre)
    side = found.scores.shape[-1]
    row, column = np.unravel_index(int(found.scores[0].nan_to_num(-np.inf).argmax()), (side, side))
    best = found.window_centre[0] + found.stride * (torch.tensor([column, row]) - side // 2)
    assert torch.equal(best, found.points[0]) and not torch.equal(
        found.window_centre, search_centre
    )
