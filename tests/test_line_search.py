"""FreeDrag's line search: its cases by hand, its run beside a plain transcription, and that it
goes anywhere.
"""

import math
from dataclasses import replace
from itertools import islice

import numpy as np
import pytest
import torch

import dragkit as dk
from dragkit import Edit, View
from dragkit.loop import drag
from dragkit.losses import MaskLoss, TemplatePatchLoss
from dragkit.methods import dragdiffusion, draggan, freedrag
from dragkit.models.toy import Toy
from dragkit.runs.drawing import draw_frame
from dragkit.runs.retrack import retrack
from dragkit.runs.session import Session
from dragkit.trackers import LineSearch, NearestNeighbor

SIDE = 512  # one pixel of the settings is one pixel here


def ramp(shift: float = 0.0, cells: int = 512) -> View:
    """A map whose feature is x - shift: a template that was at x lies at x + shift, and L is the
    way from there.
    """
    x = (torch.arange(cells) + 0.5) * SIDE / cells - 0.5
    features = (x - shift).expand(1, cells, cells).contiguous()
    return View(features, (SIDE, SIDE), lambda: torch.zeros(3, SIDE, SIDE))


def search(**settings) -> LineSearch:
    return LineSearch(**{"hop": 10, "expected": 4.0} | settings)


EDIT = Edit([(100, 100)], [(200, 100)])


def begun(tracker=None, edit=EDIT):
    """The tracker, and its answer on the first view."""
    tracker = tracker or search()
    return tracker, tracker.find(ramp(), tracker.start(ramp(), edit), edit.handles)


def ended(tracker, found, *shifts):
    """What it says after looks at ramps that have come so far."""
    for shift in shifts:
        found = tracker.find(ramp(shift), found.memory, found.points)
    return found


# The cases


def test_the_first_goal_is_where_the_expected_loss_is():
    _, found = begun()
    assert found.points.tolist() == [[104, 100]] and found.goals.cases == ("hop",)
    np.testing.assert_allclose(found.goals.candidates[0, :, 0], np.arange(101, 111), atol=1e-4)
    assert (
        found.confidence.isnan().all()
        and not found.goals.settled.any()
        and found.goals.drift.tolist() == [0]
    )
    assert found.memory.begin.item() == pytest.approx(4)


def test_a_goal_is_kept_for_five_updates():
    tracker, found = begun()
    for shift in (0.5, 0.6, 0.7, 0.8):
        found = tracker.find(ramp(shift), found.memory, found.points)
        assert found.points.tolist() == [[104, 100]]
    found = tracker.find(ramp(3.5), found.memory, found.points)  # L_end = 0.5 < l / 2
    assert found.goals.cases == ("hop",) and found.points[0, 0] > 104


def test_a_sub_motion_ends_one_update_after_its_loss_is_small():
    """As in the official code: the loss is looked at, then the update is made that it
    belongs to.
    """
    tracker, found = begun()
    found = ended(tracker, found, 3.1)  # L = 0.9 < l / 4, but this update is still made
    assert found.points.tolist() == [[104, 100]]
    assert ended(tracker, found, 3.1).points[0, 0] > 104


def test_every_handle_must_be_done_before_a_sub_motion_ends_early():
    # along y the ramp is flat: L = 0
    edit = Edit([(100, 100), (300, 300)], [(200, 100), (300, 400)])
    tracker, found = begun(edit=edit)
    found = ended(tracker, found, 1.0, 1.0)
    assert found.memory.updates == 3


def test_it_stays_while_the_content_comes_along():
    tracker, found = begun()
    found = ended(tracker, found, 0, 0, 0, 0, 1)  # L: 4 → 3, between l / 2 and 4
    assert found.goals.cases == ("stay",) and found.points.tolist() == [[104, 100]]


def test_it_goes_back_to_where_the_content_is():
    """From 104 back by 10 to 94, ten places up to 114; the content is at 100 - 1 = 99, nearest are
    98 and 100, the first is taken.
    """
    tracker, found = begun(search(expected=4.0))
    found = ended(tracker, found, 0, 0, 0, 0, -1)
    assert found.goals.cases == ("back",)
    np.testing.assert_allclose(found.goals.candidates[0, :, 0], np.arange(96, 115, 2), atol=1e-4)
    # of the template, which took the share x of what was at 104: 5 more
    x = 1 / (1 + math.exp(math.log(9) / (0.6 * 4) * (5 - 0.2 * 4)))
    content = 99 + 5 * x
    assert found.points[0, 0] == min(range(96, 115, 2), key=lambda place: abs(place - content))


@pytest.mark.parametrize("end, x", [(0.2, 0.5), (0.8, 0.1), (0.0, 1 / (1 + 9 ** (-1 / 3)))])
def test_the_template_takes_its_share(end, x):
    """L_end = 0.2 l: half; 0.8 l: a tenth (ALGORITHMS' numbers, worked by hand)."""
    tracker, found = begun()
    before = found.memory.patch
    found = ended(tracker, found, *[4 - end * 4] * 6)
    np.testing.assert_allclose(found.memory.patch - before, x * end * 4, atol=1e-3)
    assert found.goals.drift.item() == pytest.approx(
        (x * end * 4) / before.abs().mean().item(), abs=1e-4
    )


def test_a_handle_arrives_when_its_goal_is_at_the_target_and_the_content_has_followed():
    edit = Edit([(100, 100)], [(103, 100)])
    tracker, found = begun(edit=edit)
    # farther than the target no goal goes
    assert found.points.tolist() == [[103, 100]] and not found.goals.settled.any()
    assert not ended(tracker, found, 0, 0, 0, 0, 1.5).goals.settled.any()  # L_end = 1.5 > l / 4
    found = ended(tracker, found, 2.5, 2.5)
    assert found.goals.settled.all() and found.goals.cases == ("done",)
    # on arrival it takes all
    torch.testing.assert_close(found.memory.patch, found.memory.first + 0.5)


def test_once_all_goals_are_at_their_targets_ten_updates_are_left():
    tracker, found = begun(edit=Edit([(100, 100)], [(103, 100)]))
    looks = 1
    while not found.goals.settled.any():
        found, looks = ended(tracker, found, 0), looks + 1
    assert looks == 11  # ten updates lie between eleven looks


def test_the_expected_loss_is_measured_on_the_surroundings():
    """On the ramp the template differs by |10 cos α| at the angle α: 10 · (2 + 4 / √2) / 8 on
    average, and the fraction is half.
    """
    tracker = LineSearch(hop=10)
    assert tracker.start(ramp(), EDIT).expected.item() == pytest.approx(
        0.5 * 10 * (2 + 4 / math.sqrt(2)) / 8, rel=1e-4
    )
    scaled = replace(ramp(), features=7 * ramp().features)
    assert tracker.start(scaled, EDIT).expected.item() == pytest.approx(
        7 * tracker.start(ramp(), EDIT).expected.item(), rel=1e-4
    )


@pytest.mark.parametrize(
    "handle, target", [((0, 0), (511, 511)), ((511, 3), (0, 3)), ((256, 511), (256, 500))]
)
def test_it_is_safe_at_the_border(handle, target):
    tracker, found = begun(search(radius=4), Edit([handle], [target]))
    for shift in (0, 0, 0, 0, -9, -9, 5, 5, 30, 30, 30):
        found = ended(tracker, found, shift)
        assert (
            found.points.isfinite().all() and found.points.min() >= 0 and found.points.max() <= 511
        )


# The run


def transcription(
    toy: Toy, latent, edit: Edit, threshold: float, lr: float, d: float = 3.0, steps: int = 55
):
    """FreeDrag's official loop as ALGORITHMS tells it, point by point: the goals of
    every update.
    """
    side = toy.side
    ring = torch.tensor([(x, y) for y in (-2, 0, 2) for x in (-2, 0, 2)], dtype=torch.float32)

    def read(features, places):
        """Bilinear by hand, between the cells' centres."""
        cells = features.shape[1]
        at = ((places + 0.5) * cells / side - 0.5).clamp(0, cells - 1)
        low = at.floor().long().clamp(max=cells - 2)
        part = at - low
        out = 0
        for dx in (0, 1):
            for dy in (0, 1):
                weight = (part[:, 0] if dx else 1 - part[:, 0]) * (
                    part[:, 1] if dy else 1 - part[:, 1]
                )
                out = out + weight * features[:, low[:, 1] + dy, low[:, 0] + dx]
        return out.T

    def look(w):
        return toy.view(w).features

    def loss(features, place, template):
        return (read(features, place + ring) - template).abs().mean()

    w = latent.clone().requires_grad_()
    adam = torch.optim.Adam([w], lr)
    features = look(w).detach()
    goals = [h.clone() for h in edit.handles]
    templates = [read(features, h + ring) for h in goals]
    begin, end, arrived, said = [0.0] * len(goals), [0.0] * len(goals), [False] * len(goals), []
    while len(said) < steps and not all(arrived):
        for i, (h, t) in enumerate(zip(goals, edit.targets)):
            if arrived[i]:
                continue
            left = (t - h).norm()
            if end[i] < 0.5 * threshold:
                there = h + min(d / (left + 1e-8), 1) * (t - h)
                places = [h + k / 10 * (there - h) for k in range(1, 11)]
                goals[i] = min(
                    places, key=lambda q: abs(loss(features, q, templates[i]) - threshold)
                )
            elif end[i] >= begin[i]:
                h = h - min(d / (left + 1e-8), 1) * (t - h)
                there = h + min(2 * d / ((t - h).norm() + 1e-8), 1) * (t - h)
                places = [h + k / 10 * (there - h) for k in range(1, 11)]
                goals[i] = min(places, key=lambda q: loss(features, q, templates[i]))
        for update in range(5):
            features = look(w)
            values = [loss(features, goals[i], templates[i]) for i in range(len(goals))]
            said.append(torch.stack(goals))
            adam.zero_grad()
            sum(values).backward()
            adam.step()
            if update == 0:
                begin = [v.item() for v in values]
            if max(values) < 0.25 * threshold:
                break
        features = look(w).detach()
        for i, h in enumerate(goals):
            end[i] = loss(features, h, templates[i]).item()
            arrived[i] = bool((h - edit.targets[i]).norm() < 1 and end[i] <= 0.25 * threshold)
            x = (
                1
                if arrived[i]
                else 1
                / (1 + math.exp(math.log(9) / (0.6 * threshold) * (end[i] - 0.2 * threshold)))
            )
            templates[i] = x * read(features, h + ring) + (1 - x) * templates[i]
    return said


@pytest.mark.parametrize(
    "seed, threshold, lr, cases",
    [
        (0, 0.25, 0.1, {"hop", "stay"}),
        (3, 0.15, 0.3, {"hop", "stay", "back"}),
        (3, 0.25, 1.0, {"hop", "back", "done"}),
    ],
)
def test_it_does_what_a_plain_transcription_of_the_official_loop_does(seed, threshold, lr, cases):
    toy = Toy(seed=seed)
    latent = toy.sample(seed)
    edit = Edit(latent[:2], latent[:2] + torch.tensor([[14.0, 9.0], [-8.0, 6.0]]), arrive=1.0)
    goals = torch.stack(transcription(toy, latent, edit, threshold, lr))
    steps = list(
        drag(
            toy,
            latent,
            edit,
            tracker=LineSearch(1, 2, 12, expected=threshold),
            losses=[TemplatePatchLoss()],
            lr=lr,
            steps=len(goals),
        )
    )
    assert cases <= {case for step in steps for case in step.track.goals.cases}
    # the last look says that they have arrived, and makes no update
    assert len(steps) in (len(goals), len(goals) + 1)
    torch.testing.assert_close(
        torch.stack([s.points for s in steps[: len(goals)]]), goals, atol=2e-3, rtol=0
    )


@pytest.mark.parametrize("seed", range(4))
def test_the_toys_blob_comes_to_its_target(seed):
    """No point is tracked, so what arrives is not exactly what was taken hold of: some two pixels
    behind.
    """
    toy = Toy(seed=seed)
    latent = toy.sample(seed)
    target = latent[:1] + torch.tensor([[18.0, 10.0]])
    *_, last = drag(toy, latent, Edit(latent[:1], target), **freedrag() | {"lr": 0.5})
    assert last.arrived.all() and last.index < 150
    assert (last.latent[:1] - target).norm() < 4


def test_the_same_steps_come_again_from_any_step():
    toy, latent = Toy(), Toy().sample(0)
    edit = Edit(latent[:2], latent[:2] + 12)
    method = freedrag() | {"lr": 0.5, "steps": 30}
    trace = dk.Trace(drag(toy, latent, edit, **method))
    for at in (3, 17):
        again = list(drag(toy, latent, edit, **method, resume=trace[at]))
        assert [s.index for s in again] == list(range(at, 31))
        torch.testing.assert_close(again[-1].latent, trace[-1].latent, rtol=0, atol=0)
        assert torch.equal(again[-1].points, trace[-1].points)


def test_it_goes_on_from_another_methods_step_and_another_from_its():
    toy, latent = Toy(), Toy().sample(0)
    edit = Edit(latent[:1], latent[:1] + 15)
    ours, theirs = freedrag() | {"lr": 0.5}, draggan() | {"lr": 0.5}
    for first, second in ((theirs, ours), (ours, theirs)):
        *_, half = islice(drag(toy, latent, edit, **first), 8)
        *_, last = drag(toy, latent, edit, **second | {"steps": 150}, resume=half)
        assert last.arrived.all() and (last.latent[:1] - edit.targets).norm() < 4


def test_a_session_swaps_it_in_and_keeps_its_state_over_a_rewind():
    toy, latent = Toy(), Toy().sample(0)
    session = Session(toy, latent, Edit(latent[:1], latent[:1] + 15), **freedrag() | {"lr": 0.5})
    session.run(20)
    latents = [f.latent for f in session.trace]
    session.rewind(7).run(13)
    assert all(torch.equal(a, f.latent) for a, f in zip(latents, session.trace))
    session.swap(tracker=NearestNeighbor(), losses=draggan()["losses"])
    assert session.step().step.track.goals is None


def test_a_saved_trace_keeps_the_goals(tmp_path):
    toy, latent = Toy(), Toy().sample(0)
    trace = dk.Trace(
        drag(toy, latent, Edit(latent[:2], latent[:2] + 9), **freedrag() | {"lr": 0.5, "steps": 8})
    )
    opened = dk.Trace.load(trace.save(tmp_path / "run"))
    for a, b in zip(trace, opened):
        a, b = a.step.track.goals, b.step.track.goals
        assert a.cases == b.cases
        for name in ("candidates", "settled", "drift"):
            assert torch.equal(getattr(a, name), getattr(b, name))


def test_retracked_it_says_what_it_said():
    toy, latent = Toy(), Toy().sample(0)
    trace = dk.Trace(
        drag(
            toy, latent, Edit(latent[:1], latent[:1] + 9), **freedrag() | {"lr": 0.5, "steps": 30}
        )
    )
    again = retrack(toy, trace, LineSearch())
    assert all(
        torch.equal(a.points, b.points) and torch.equal(a.arrived, b.arrived)
        for a, b in zip(trace, again)
    )


@pytest.mark.slow
def test_one_setting_drags_the_bundled_models():
    for name, base, edit in (
        ("lion", draggan, Edit([(74, 74)], [(74, 84)])),
        ("lion-diffusion", dragdiffusion, Edit([(32, 32)], [(36, 32)])),
    ):
        model = dk.load(name, device="cpu")
        *_, last = drag(model, model.sample(2), edit, **freedrag(base=base) | {"steps": 100})
        assert last.index > 3 and last.points.isfinite().all()
        assert (last.points - edit.targets).norm() < (edit.handles - edit.targets).norm()


@pytest.mark.parametrize(
    "setting, message",
    [
        ({"radius": 0}, "radius is 0; give a whole number of places"),
        ({"radius": 1.5}, "radius is 1.5"),
        ({"radius": True}, "radius is True"),
        ({"stride": 0}, "stride is 0; give a number above 0, such as stride=2"),
        ({"hop": -1}, "hop is -1"),
        ({"hop": float("nan")}, "hop is nan"),
        ({"expected": 0}, "expected is 0"),
        ({"fraction": "half"}, "fraction is 'half'"),
        ({"enough": 0.6}, "enough is 0.6; above 0.5 a handle could arrive"),
    ],
)
def test_settings_out_of_range_are_told(setting, message):
    with pytest.raises(ValueError, match=message):
        LineSearch(**setting)


def test_the_mask_holds_too():
    toy, latent = Toy(), Toy().sample(0)
    mask = torch.zeros(128, 128)
    x, y = latent[0].long().tolist()
    mask[max(y - 30, 0) : y + 30, max(x - 30, 0) : x + 30] = 1
    method = freedrag() | {"lr": 0.5, "steps": 20}
    *_, last = drag(toy, latent, Edit(latent[:1], latent[:1] + 8, mask), **method)
    assert MaskLoss.name in last.losses and last.losses["mask"] >= 0


def test_the_widgets_draw_candidates_and_the_templates_drift():
    from dragkit.widgets import run_images

    toy, latent = Toy(), Toy().sample(0)
    trace = dk.Trace(
        drag(toy, latent, Edit(latent[:1], latent[:1] + 9), **freedrag() | {"lr": 0.5, "steps": 8})
    )
    panel = run_images.panels_of_run(trace)[-1]
    assert panel.title.startswith("template's drift") and panel.lines[""][1].max() > 0
    step = trace[3].step
    plain = replace(trace[3], step=replace(step, track=replace(step.track, goals=None)))
    path = trace.path(3)
    drawn = run_images.step_image(trace[3], path, handle=0)
    without = draw_frame(plain, path, 0)
    assert (np.asarray(drawn) != np.asarray(without)).any()


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"radius": 10_000}, "radius 10000 with stride 2 is larger than an image"),
        ({"radius": 3, "stride": 1e300}, "is larger than an image"),
        ({"hop": 1e308}, "hop .* is larger than an image"),
        ({"hop": 512}, "compare 1,334,025 features .* more than 524,288; use a smaller hop"),
        ({"radius": 60}, "more than 524,288"),
    ],
)
def test_what_would_be_compared_is_counted_before_the_first_step(settings, message):
    with pytest.raises(ValueError, match=message):
        LineSearch(**settings).check((128, 128))


def test_the_official_settings_fit_the_usual_sizes():
    for side in (64, 128, 512, 1024):
        LineSearch(1, 3, 16, expected=0.4).check((side, side))
        LineSearch(4, 2, 10, expected=1.0, enough=0.5).check((side, side))
