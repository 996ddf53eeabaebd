"""What one does to a run in its middle: another block, frozen rows, a patched template."""

import html
import time
from dataclasses import replace

import numpy as np
import pytest
import torch

import dragkit as dk
from dragkit.geometry import sample
from dragkit.interventions import FreezeRows, PatchTemplate, SwapBlock
from dragkit.methods import draggan, freedrag, gooddrag, run_as_code, stabledrag

FAST = draggan("paper") | {"lr": 0.5, "steps": 60}
PAIR = dk.Edit([(64, 85)], [(74, 80)])
TWO = dk.Edit([(64, 85), (40, 40)], [(74, 80), (40, 48)])
LION = draggan() | {"lr": 5e-3}


@pytest.fixture(scope="module")
def lion():
    return dk.load("lion")


def toy_run(method=FAST, edit=TWO):
    toy = dk.load("toy")
    return dk.Session(toy, toy.sample(0), edit, **method)


def lion_run(lion, method=LION):
    return dk.Session(lion, lion.sample(3), dk.Edit([(64, 85)], [(74, 80)]), **method)


def same_points(run, other):
    return len(run.trace) == len(other.trace) and all(
        torch.equal(a.points, b.points) and torch.equal(a.latent, b.latent)
        for a, b in zip(run.trace, other.trace, strict=True)
    )


# --- frozen rows


def test_a_frozen_row_stays_and_the_others_move(lion):
    session = lion_run(lion)
    session.run(3)
    session.intervene(FreezeRows([1, 2]))
    session.run(3)
    then, now = session.trace[3].latent, session.trace[-1].latent
    assert len(session.trace) == 7
    assert torch.equal(then[1:3], now[1:3])
    assert (then[[0, 3, 4, 5]] != now[[0, 3, 4, 5]]).any(dim=1).all()


def test_a_frozen_row_stays_though_a_loss_pulls_it_back(lion):
    losses = (*LION["losses"], dk.LatentPrior(1000))
    session = lion_run(lion, LION | {"losses": losses})
    session.run(3)
    session.intervene(FreezeRows([1])).run(2)
    then, now = session.trace[3].latent, session.trace[-1].latent
    assert not torch.equal(then[1], session.latent[1])
    assert torch.equal(then[1], now[1])


def test_rows_add_up_and_a_rewind_frees_them(lion):
    session = lion_run(lion)
    session.run(2)
    without = session.copy()
    session.intervene(FreezeRows([0])).run(1)
    session.intervene(FreezeRows([4])).run(1)
    assert torch.equal(session.trace[-1].latent[[0, 4]], session.trace[3].latent[[0, 4]])

    session.rewind(3).run(1)
    assert torch.equal(session.trace[-1].latent[0], session.trace[3].latent[0])
    assert not torch.equal(session.trace[-1].latent[4], session.trace[3].latent[4])

    session.rewind(2).run(2)
    without.run(2)
    assert session.interventions == ()
    assert same_points(session, without)


def test_a_drag_may_begin_with_frozen_rows(lion):
    edit = dk.Edit([(64, 85)], [(74, 80)])
    steps = list(dk.drag(lion, lion.sample(3), edit, **LION | {"steps": 2}, frozen=[3, 0]))
    assert torch.equal(steps[0].latent[[0, 3]], steps[-1].latent[[0, 3]])
    assert not torch.equal(steps[0].latent[1], steps[-1].latent[1])


@pytest.mark.parametrize("frozen", ["0", [-1], [3], [0.5], [0, 1, 2], range(3), 1])
def test_rows_that_there_are_not_cannot_be_frozen(frozen):
    toy = dk.load("toy")
    with pytest.raises(ValueError, match="frozen is"):
        dk.drag(toy, toy.sample(0), PAIR, **FAST, frozen=frozen)


def test_only_rows_that_move_can_be_frozen(lion):
    """In w all rows move as one, and in w+ the first six: others would change nothing."""
    edit = dk.Edit([(64, 85)], [(74, 80)])
    for model, frozen, message in (
        (lion, (9,), "from 0 to 5"),
        (lion, range(6), "leave at least one"),
        (dk.load("lion", device="cpu", space="w"), (0,), "no rows here"),
    ):
        with pytest.raises(ValueError, match=message):
            dk.drag(model, model.sample(3), edit, **LION, frozen=frozen)


def test_an_intervention_is_what_was_given_and_can_be_typed():
    rows = [0]
    frozen = FreezeRows(rows)
    rows.append(1)
    assert frozen == FreezeRows((0,)) == FreezeRows(np.array([0])) == FreezeRows(torch.tensor([0]))
    assert repr(PatchTemplate(np.int64(0), torch.tensor([50.0, 40.0]))) == repr(
        PatchTemplate(0, (50.0, 40.0))
    )
    assert repr(SwapBlock(np.int64(32))) == "SwapBlock(block=32)"


# --- another block


@pytest.mark.parametrize("method", [LION, stabledrag() | {"lr": 5e-3}, freedrag()])
def test_another_block_is_read_with_templates_of_its_own_first_step(lion, method):
    session = lion_run(lion, method)
    session.run(3)
    session.intervene(SwapBlock(32)).run(2)

    other = lion.with_block(32)
    first = other.view(session.latent)
    memory = session.trace[4].step.memory
    expected = sample(first.features, session.edit.handles[:, None] + memory.offsets, lion.size)
    now = other.view(session.trace[4].latent)
    track = method["tracker"].find(now, memory, session.trace[4].step.search_centre)
    assert lion.feature_block == 64 and session.model is lion
    assert len(session.trace) == 6
    if "template" not in session.trace[4].losses:  # FreeDrag's follows the content
        assert torch.equal(memory.patch, expected)
    assert torch.equal(session.trace[4].points, track.points)
    assert session.model_at(3).feature_block == lion.feature_block
    assert session.model_at(4).feature_block == 32


def test_the_branch_is_that_of_a_drag_on_the_other_block(lion):
    """The tracker starts from the other block's step 0; the latent and the moments go on."""
    session = lion_run(lion)
    session.run(3)
    step = replace(session.trace[3].step, tracker=None, memory=None)
    session.intervene(SwapBlock(32)).run(2)
    other = lion.with_block(32)
    again = dk.drag(other, session.latent, session.edit, **LION | {"steps": 5}, resume=step)
    for frame, own in zip(session.trace.frames[4:], list(again)[1:], strict=True):
        assert torch.equal(frame.latent, own.latent)
        assert torch.equal(frame.points, own.points)


@pytest.mark.parametrize("method", [draggan(), stabledrag(), freedrag(), gooddrag()])
def test_a_step_of_another_block_is_not_continued_on_this_one(lion, method):
    session = lion_run(lion, method)
    session.run(2)
    session.intervene(SwapBlock(32)).run(1)
    step = session.trace[-1]
    given = session.latent, session.edit
    with pytest.raises(ValueError, match="step 3 remembers features of 64 channels.*have 32"):
        next(dk.drag(lion, *given, **method, resume=step))
    again = dk.drag(session.model_at(-1), *given, **method, resume=step)
    assert torch.equal(next(again).points, step.points)


def test_blocks_that_there_are_not(lion):
    with pytest.raises(ValueError, match="toy has no feature blocks"):
        toy_run().intervene(SwapBlock(32))
    session = lion_run(lion)
    with pytest.raises(ValueError, match="no block of 7 px"):
        session.intervene(SwapBlock(7))
    assert session.interventions == ()
    session.run(1)
    assert len(session.trace) == 2


def test_another_stage_of_a_unet_is_read():
    model = dk.load("lion-diffusion")
    latent = torch.randn(model.latent_shape, generator=torch.Generator().manual_seed(0))
    method = dk.methods.dragdiffusion("small")
    session = dk.Session(model, latent, dk.Edit([(30, 30)], [(36, 30)]), **method)
    session.run(1)
    block = model.blocks[-1] if model.feature_block != model.blocks[-1] else model.blocks[-2]
    session.intervene(SwapBlock(block)).step()
    features = model.with_block(block).view(latent).features
    expected = sample(features, session.edit.handles, model.size)
    assert torch.equal(session.trace[2].step.memory.patch[:, 0], expected)
    with pytest.raises(ValueError, match="no rows here that move one by one"):
        session.intervene(FreezeRows([0]))


# --- a patched template


@pytest.mark.parametrize(
    "method",
    [
        FAST,
        FAST | {"tracker": dk.Discriminative()},
        FAST | {"tracker": dk.TrackEvery(dk.NearestNeighbor(), updates=2)},
        freedrag() | {"lr": 0.5},
    ],
    ids=["nearest", "learned", "every", "line search"],
)
def test_the_template_is_what_is_at_the_place(method):
    session = toy_run(method)
    session.run(4)
    point = session.trace[4].points[1]
    before = _template(session.trace[4].step.memory)
    session.intervene(PatchTemplate(1))
    session.step()

    view = session.model.view(session.trace[4].latent)
    memory = _template(session._at(session.trace[-1], method).step.memory)
    there = sample(view.features, point + memory.offsets, view.size)
    if "template" not in session.trace[4].losses:
        assert torch.equal(memory.patch[1], there)
        assert torch.equal(memory.patch[0], before.patch[0])
    assert not torch.equal(memory.patch[1], before.patch[1])


def _template(memory):
    return getattr(memory, "memory", memory)


def test_a_patch_of_another_place_draws_the_point_there():
    session = toy_run(edit=PAIR)
    session.run(2)
    x, y = session.trace[2].step.search_centre[0].tolist()
    session.intervene(PatchTemplate(0, (x + 2, y - 1))).step()
    memory = session.trace[3].step.memory
    view = session.model.view(session.trace[2].latent)
    found = session.method["tracker"].find(view, memory, session.trace[2].step.search_centre)
    assert found.points[0].tolist() == [x + 2, y - 1]
    assert found.confidence[0] == 1


def test_a_learned_filter_is_learned_at_the_place():
    tracker = dk.Discriminative()
    session = toy_run(FAST | {"tracker": tracker})
    session.run(3)
    session.intervene(PatchTemplate(1)).step()
    point, latent = session.trace[3].points[1], session.trace[3].latent
    own = tracker.start(session.model.view(latent), dk.Edit(point[None], point[None]))
    memory, before = session.trace[4].step.memory, session.trace[3].step.memory
    assert torch.equal(memory.weights[1], own.weights[0])
    assert torch.equal(memory.weights[0], before.weights[0])
    initial = session.trace[4].step.initial_confidence
    assert initial[0] == session.trace[3].step.initial_confidence[0]
    assert initial[1] != session.trace[3].step.initial_confidence[1]


def test_a_template_is_patched_in_the_block_that_counts(lion):
    """In either order: the place is read in the block that is swapped in at the same step."""
    runs = []
    for order in ([SwapBlock(32), PatchTemplate(0)], [PatchTemplate(0), SwapBlock(32)]):
        session = lion_run(lion)
        session.run(2)
        for intervention in order:
            session.intervene(intervention)
        runs.append(session)
        session.step()
    view = lion.with_block(32).view(session.trace[2].latent)
    there = sample(view.features, session.trace[2].points, lion.size)
    assert torch.equal(session.trace[3].step.memory.patch[:, 0], there)
    assert same_points(*runs)


@pytest.mark.parametrize(
    ("intervention", "message"),
    [
        (PatchTemplate(2), "handle is 2"),
        (PatchTemplate(0, (500, 0)), "outside of the image"),
        (FreezeRows([]), "rows is"),
        (FreezeRows([3]), "rows is"),
        (FreezeRows([0, 1, 2]), "leave at least one"),
        (lambda run, here: replace(run, method={}), "may change"),
        (lambda run, here: replace(run, step=replace(run.step, index=0)), "may change"),
        (
            lambda run, here: replace(run, step=replace(run.step, latent=run.start)),
            "may change",
        ),
        (lambda run, here: replace(run, step=None), "may change"),
    ],
)
def test_what_cannot_be_done_changes_nothing(intervention, message):
    session, other = toy_run(), toy_run()
    session.run(2)
    with pytest.raises(ValueError, match=message):
        session.intervene(intervention)
    session.run(2)
    other.run(4)
    assert same_points(session, other)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ("freeze", "no intervention"),
        (FreezeRows, "no intervention"),
        (lambda run, here: None, "returned None"),
    ],
)
def test_what_is_no_intervention_is_told(given, message):
    session = toy_run()
    session.run(2)
    with pytest.raises(TypeError, match=message):
        session.intervene(given)
    assert session.interventions == ()


def test_a_tracker_without_a_template_says_so():
    session = toy_run(FAST | {"tracker": dk.OpticalFlow()})
    with pytest.raises(ValueError, match="has no template to patch"):
        session.intervene(PatchTemplate(0))


# --- code


def test_what_is_typed_makes_the_run_again(lion):
    """Blocks, rows, templates and swapped pieces, with rewinds that leave some behind."""
    session = lion_run(lion)
    session.run(3)
    session.intervene(FreezeRows([0])).run(2)
    session.swap(tracker=dk.Discriminative(20), lr=2e-3).run(1)
    session.rewind(5)
    session.intervene(PatchTemplate(0, (66.5, 84.25))).run(2)
    session.intervene(SwapBlock((32, 64))).intervene(FreezeRows([2, 3])).run(2)

    code = run_as_code(session.methods, session.interventions)
    names = {"studio": session_holder(session)}
    lines = code.replace("session.run()", f"session.run({len(session.trace) - 8})")
    exec(lines, names)
    assert same_points(session, names["session"])
    assert code.count("session.swap(") == 1 and code.count("session.intervene(") == 4


def session_holder(session):
    class Studio:
        model = session.model

    Studio.session = session
    return Studio


def test_a_copy_and_a_restart_of_a_run(lion):
    session = lion_run(lion)
    session.run(2)
    session.intervene(FreezeRows([0]))
    copied = session.copy()
    session.run(2)
    copied.run(2)
    assert same_points(session, copied)
    session.restart()
    assert session.interventions == () and len(session.methods) == 1


# --- buttons


@pytest.fixture
def studio(lion):
    edit = dk.Edit([(64, 85)], [(74, 80)])
    return dk.Studio(lion, seed=3, edit=edit, **LION | {"steps": 6})


def pasted(studio):
    """The session that the code below the buttons makes."""
    code = run_as_code(studio.session.methods, studio.session.interventions)
    assert html.escape(code) in studio.interventions.code.value
    names = {"studio": studio}
    exec(code, names)
    return names["session"]


def test_what_was_clicked_can_be_pasted_and_gives_the_same_points(studio):
    buttons = studio.interventions
    studio.run(5)
    before = studio.trace
    studio.player.seek(2)
    buttons.row.value = 1
    buttons.freeze.click()
    assert studio.last_error is None
    assert (len(studio.trace), studio.session.past) == (3, [before])
    assert "FreezeRows(rows=(1,)): Run goes on with it from step 2" in studio.status.line.value

    studio.run(2)
    buttons.block.value = 32
    buttons.swap.click()
    studio.run(1)
    buttons.place.value = "66.5, 84"
    buttons.patch.click()
    studio.run()
    assert studio.last_error is None
    assert len(studio.trace) == 12
    assert [index for index, _ in studio.session.interventions] == [2, 4, 5]
    assert same_points(studio, pasted(studio))


def test_pasted_code_has_the_changes_of_the_method(studio):
    studio.run(2)
    studio.form.tracker.value = "Discriminative"
    studio.interventions.patch.click()
    studio.run()
    code = studio.interventions.code.value
    assert "session.swap(tracker=Discriminative())" in code
    assert same_points(studio, pasted(studio))


def test_an_opened_run_goes_on_from_its_file(studio, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    studio.run(3)
    path = studio.session.save(tmp_path / "run.json")
    files = studio.player.controls.files
    files.name.value = "run"
    files.open.click()
    assert studio.last_error is None
    studio.interventions.freeze.click()
    studio.run(2)
    code = run_as_code(studio.session.methods, studio.session.interventions)
    names = {"studio": studio, "path": path}
    exec(code.replace("session.run()", "session.run(2)"), names)
    assert same_points(studio, names["session"])


def test_the_menus_offer_what_can_be_done(studio):
    buttons = studio.interventions
    assert 64 not in buttons.block.options and buttons.row.options == (0, 1, 2, 3, 4, 5)
    buttons.block.value = 32
    buttons.swap.click()
    buttons.freeze.click()
    assert 64 in buttons.block.options and 32 not in buttons.block.options
    assert buttons.row.options == (1, 2, 3, 4, 5)
    studio.run(2)
    studio.branch(0)
    assert buttons.row.options == (0, 1, 2, 3, 4, 5) and "intervene(" not in buttons.code.value


def test_a_model_without_blocks_has_no_such_button():
    toy = dk.Studio(dk.load("toy"), edit=PAIR, **FAST)
    assert toy.interventions.swap.disabled and not toy.interventions.freeze.disabled
    toy.interventions.freeze.click()
    assert "FreezeRows(rows=[0])" in toy.interventions.code.value
    assert toy.last_error is None


def test_a_click_that_cannot_be_done_leaves_the_run_as_it_is(studio):
    studio.run(3)
    studio.player.seek(1)
    studio.interventions.place.value = "900, 3"
    studio.interventions.patch.click()
    assert "outside of the image" in studio.status.line.value
    assert (len(studio.trace), studio.session.past) == (4, [])
    studio.interventions.place.value = "here"
    studio.interventions.patch.click()
    assert "give two numbers" in studio.status.line.value


def test_a_changed_edit_has_no_run_to_intervene_in(studio):
    studio.run(2)
    studio.picker.seed = 4
    studio.interventions.freeze.click()
    assert "Run starts again with the changed edit" in studio.status.line.value
    studio.run(1)
    assert studio.session.interventions == ()


def test_an_intervention_in_a_run_that_goes_on_continues_it(studio):
    studio.player.runner.start()
    studio.interventions.freeze.click()
    wait(lambda: not studio.player.running)
    assert studio.last_error is None
    step, _ = studio.session.interventions[0]
    first, last = studio.trace[step].latent, studio.trace[-1].latent
    assert len(studio.trace) > step + 1 and torch.equal(first[0], last[0])


def test_sketches_and_whole_scores_know_which_block_was_read(studio):
    studio.player.controls.whole.button.value = True
    studio.run(2)
    studio.interventions.block.value = 32
    studio.interventions.swap.click()
    for step in studio.player.state.advance(2):
        studio.player.state.seek_end()
        assert studio.player.state.sketched().image.shape == step.image.shape
    for position in (1, 2, 3):
        studio.player.seek(position)
        assert studio.player.controls.whole.values is not None
    assert studio.last_error is None


def wait(condition):
    end = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.02)
