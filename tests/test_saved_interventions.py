"""A run that was saved goes on as if it had not been: what was done to it is made again."""

import json

import pytest
import torch

import dragkit as dk
from dragkit.interventions import FreezeRows, PatchTemplate, SwapBlock
from dragkit.methods import draggan, stabledrag

EDIT = dk.Edit([(64, 85), (40, 40)], [(80, 85), (40, 56)])
METHODS = {
    "DragGAN": draggan() | {"lr": 5e-3},
    "StableDrag": stabledrag() | {"lr": 5e-3},
}
RUNS = {
    "frozen": [FreezeRows([0]), FreezeRows([1, 2])],
    "another block": [SwapBlock(32), FreezeRows([0])],
    "two blocks": [SwapBlock((32, 64)), SwapBlock(32)],
    "patched": [PatchTemplate(0, (50, 60)), PatchTemplate(1)],
    "patched, then another block": [PatchTemplate(0, (50, 60)), SwapBlock(32)],
    "another block, then patched": [SwapBlock(32), PatchTemplate(1, (40, 44))],
}


@pytest.fixture(scope="module")
def lion():
    return dk.load("lion")


def changed_run(lion, interventions, method):
    """Two steps after each intervention."""
    session = dk.Session(lion, lion.sample(3), EDIT, **method)
    session.run(2)
    for intervention in interventions:
        session.intervene(intervention).run(2)
    return session


def go_on_alike(session, other):
    session.run(3)
    other.run(3)
    return len(session.trace) == len(other.trace) and all(
        torch.allclose(a.points, b.points, atol=1e-4)
        for a, b in zip(session.trace, other.trace, strict=True)
    )


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("interventions", RUNS)
def test_an_opened_run_goes_on_as_the_one_that_was_saved(lion, tmp_path, interventions, method):
    session = changed_run(lion, RUNS[interventions], METHODS[method])
    opened = dk.Session.load(session.save(tmp_path / "run"), lion, **METHODS[method])
    assert opened.interventions == session.interventions
    assert opened.model_at(-1).feature_block == session.model_at(-1).feature_block
    assert go_on_alike(session, opened)


def test_it_can_be_rewound_to_where_nothing_had_been_done(lion, tmp_path):
    session = changed_run(lion, RUNS["patched"], METHODS["DragGAN"])
    opened = dk.Session.load(session.save(tmp_path / "run"), lion, **METHODS["DragGAN"])
    for position in (3, 2):  # between the two, and before both
        assert go_on_alike(session.rewind(position), opened.rewind(position))
        assert opened.interventions == session.interventions
    assert opened.interventions == ()


def test_done_at_the_last_step_it_counts_from_there(lion, tmp_path):
    session = changed_run(lion, [], METHODS["DragGAN"]).intervene(PatchTemplate(0, (50, 60)))
    opened = dk.Session.load(session.save(tmp_path / "run"), lion, **METHODS["DragGAN"])
    assert go_on_alike(session, opened)


def test_another_tracker_has_no_use_for_the_patch(lion, tmp_path):
    session = changed_run(lion, RUNS["patched"], METHODS["DragGAN"])
    opened = dk.Session.load(session.save(tmp_path / "run"), lion, **METHODS["StableDrag"])
    swapped = session.swap(**{name: METHODS["StableDrag"][name] for name in ("tracker", "trust")})
    assert go_on_alike(swapped, opened)


def test_a_tracker_that_took_over_does_not_remember_the_patch(lion, tmp_path):
    """Neither one that came after it, nor the one of the patch when it comes back."""
    session = changed_run(lion, [PatchTemplate(0, (50, 60))], METHODS["DragGAN"])
    other = {"tracker": dk.NearestNeighbor(radius=6)}
    session.swap(**other).run(1)
    opened = dk.Session.load(session.save(tmp_path / "other"), lion, **METHODS["DragGAN"] | other)
    assert go_on_alike(session.copy(), opened)

    session.swap(tracker=METHODS["DragGAN"]["tracker"]).run(1)
    opened = dk.Session.load(session.save(tmp_path / "back"), lion, **METHODS["DragGAN"])
    assert go_on_alike(session, opened)


def test_a_patched_run_goes_on_with_a_tracker_that_has_no_template(lion, tmp_path):
    session = changed_run(lion, [PatchTemplate(0, (50, 60))], METHODS["DragGAN"])
    flow = {"tracker": dk.OpticalFlow(), "trust": None}
    path = session.save(tmp_path / "run")
    opened = dk.Session.load(path, lion, **METHODS["DragGAN"] | flow)
    assert go_on_alike(session.swap(**flow), opened)


def test_a_patch_whose_step_was_left_out_is_told(lion, tmp_path):
    trace = changed_run(lion, [PatchTemplate(0)], METHODS["DragGAN"]).trace
    del trace.frames[2]
    path = trace.save(tmp_path / "run")
    with pytest.raises(ValueError, match="patched at step 2, which the file does not have"):
        dk.Session.load(path, lion, **METHODS["DragGAN"])
    assert len(dk.Trace.load(path)) == 4


def test_a_trace_keeps_them_when_it_is_copied_saved_and_cut(lion, tmp_path):
    trace = changed_run(lion, RUNS["frozen"], METHODS["DragGAN"]).trace
    again = dk.Trace.load(trace.save(tmp_path / "run"))
    assert again.interventions == trace.interventions == dk.Trace(trace).interventions
    assert [index for index, _ in trace.interventions] == [2, 4]
    assert trace.until(4).interventions == trace.interventions[:1]


def test_somebodys_own_is_named_and_warned_of(lion, tmp_path):
    class Mine:
        def __call__(self, run, here):
            return run

        def __repr__(self):
            return "Mine()"

    session = changed_run(lion, [Mine()], METHODS["DragGAN"])
    path = session.save(tmp_path / "run")
    assert dk.Trace.load(path).interventions == [(2, "Mine()")]
    with pytest.warns(UserWarning, match=r"at step 2 Mine\(\) was done .* by name only") as told:
        opened = dk.Session.load(path, lion, **METHODS["DragGAN"])
    assert told[0].filename == __file__
    assert opened.interventions == ()
    assert opened.trace.interventions == [(2, "Mine()")]  # the steps so far were made with it


def test_a_variant_of_ours_is_somebodys_own(lion, tmp_path):
    class FirstRows(FreezeRows):
        pass

    path = changed_run(lion, [FirstRows([0])], METHODS["DragGAN"]).save(tmp_path / "run")
    ((index, done),) = dk.Trace.load(path).interventions
    assert index == 2 and "FirstRows(rows=(0,))" in done


@pytest.mark.parametrize(
    "note",
    [
        3,
        [3],
        [["0", "Mine()"]],
        [[-1, "Mine()"]],
        [[99, "Mine()"]],
        [[1, {"Freeze": {"rows": [0]}}]],
        [[1, {"FreezeRows": {}}]],
        [[1, {"FreezeRows": {"rows": [0], "more": 1}}]],
        [[1, {"FreezeRows": {"rows": [0]}, "SwapBlock": {"block": 32}}]],
        [[1, ["FreezeRows"]]],
    ],
)
def test_a_damaged_file_is_told(lion, tmp_path, note):
    path = changed_run(lion, [], METHODS["DragGAN"]).save(tmp_path / "run")
    contents = json.loads(path.read_text()) | {"interventions": note}
    path.write_text(json.dumps(contents))
    with pytest.raises(ValueError, match="its interventions are none that dragkit saves"):
        dk.Trace.load(path)


@pytest.mark.parametrize(
    ("done", "message"),
    [
        ({"FreezeRows": {"rows": [77]}}, "rows is"),
        ({"SwapBlock": {"block": 7}}, "block"),
        ({"PatchTemplate": {"handle": 5, "place": None}}, "handle is 5"),
        ({"PatchTemplate": {"handle": 0, "place": "here"}}, "place is"),
    ],
)
def test_what_cannot_be_done_is_told_when_it_is_opened(lion, tmp_path, done, message):
    path = changed_run(lion, [], METHODS["DragGAN"]).save(tmp_path / "run")
    contents = json.loads(path.read_text()) | {"interventions": [[1, done]]}
    path.write_text(json.dumps(contents))
    with pytest.raises(ValueError, match=message):
        dk.Session.load(path, lion, **METHODS["DragGAN"])


def test_frozen_rows_are_the_sessions_own(lion):
    rows = [0]
    session = dk.Session(lion, lion.sample(3), EDIT, **METHODS["DragGAN"], frozen=rows)
    rows.append(1)
    assert session.method["frozen"] == (0,)
    with pytest.raises(ValueError, match=r"frozen is no piece; session.intervene\(FreezeRows"):
        session.swap(frozen=[1])


def test_done_where_the_run_had_arrived_it_goes_on_when_it_is_opened(lion, tmp_path):
    """An intervention has yet to show what follows from it: the old arrival says nothing."""
    edit = dk.Edit([(64, 85)], [(64.5, 85)])
    session = dk.Session(lion, lion.sample(3), edit, **METHODS["DragGAN"])
    session.run()
    assert session.done
    session.intervene(PatchTemplate(0, (50, 60)))
    opened = dk.Session.load(session.save(tmp_path / "run"), lion, **METHODS["DragGAN"])
    assert not opened.done and go_on_alike(session, opened) and len(opened.trace) > 1
    session.rewind(0)
    assert session.done  # what is undone has nothing to show
