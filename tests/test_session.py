"""A session can be stepped, stopped, broken, rewound, changed and re-opened; its trace says why it
stands.
"""

import copy
import json
import math
import pickle
import sys
import threading
from dataclasses import dataclass, field, replace

import imageio.v3 as iio
import numpy as np
import pytest
import torch
from tqdm.auto import tqdm

from dragkit import Compare, Edit, NearestNeighbor, Player, Session, Trace, drag
from dragkit.compose.marks import HANDLE, TARGET
from dragkit.methods import draggan
from dragkit.models.toy import Toy
from dragkit.runs.drawing import draw_frame

TOY = Toy(side=64, width=4)
LATENT = torch.tensor([[20.0, 20.0], [44.0, 20.0], [32.0, 46.0]])
EDIT = Edit([(20, 20)], [(26, 26)])
# at 64 px DragGAN's patch would be one pixel
METHOD = draggan("paper") | {"losses": (replace(draggan()["losses"][0], radius=8),), "lr": 0.5}


def session(model=TOY, edit=EDIT, **changes) -> Session:
    return Session(model, LATENT, edit, **METHOD | changes)


def bits(trace: Trace) -> list:
    """What the frames say, down to the last bit, ready to be compared."""

    def one(f):
        tensors = [f.latent, f.points, f.step.search_centre, f.confidence, f.scores, f.arrived]
        tensors += f.step.optimizer_state.get(0, {}).values()
        arrays = [t.numpy().tobytes() for t in tensors] + [f.image.tobytes()]
        return f.index, f.losses, str(f.edit), arrays

    return [one(f) for f in trace]


@pytest.fixture(scope="module")
def whole() -> Trace:
    """An uninterrupted run until arrival; nobody may change it."""
    return Trace(drag(TOY, LATENT, EDIT, **METHOD))


# Stepping and running


def test_a_session_makes_the_same_steps_as_the_loop(whole):
    s = session()
    frames = [s.step() for _ in whole]
    assert bits(frames) == bits(s.trace) == bits(whole)
    assert s.done
    assert s.step() is s.trace[-1]  # there is nothing more to do
    assert len(s.trace) == len(whole)


def test_run_makes_as_many_updates_as_it_is_told(whole):
    s = session()
    assert len(s.run(3)) == 4  # the start and three updates
    assert len(s.run(2)) == 6
    assert not s.done
    assert bits(s.run()) == bits(whole)
    assert len(s.run(5)) == len(whole)


def test_without_a_number_a_run_makes_the_methods_steps():
    s = session(steps=2)
    assert len(s.run()) == 3
    assert len(s.run()) == 5


def test_a_bad_edit_is_refused_when_the_session_is_made():
    with pytest.raises(ValueError, match=r"handle 0 at \(64, 3\) is outside"):
        session(edit=Edit([(64, 3)], [(1, 1)]))


# Interrupts and errors


@dataclass(frozen=True)
class Fragile(Toy):
    """A toy whose view raises the errors of `at` at the calls they name."""

    at: dict = field(default_factory=dict)
    calls: list = field(default_factory=list)

    def view(self, latent):
        self.calls.append(1)
        if len(self.calls) in self.at:
            raise self.at[len(self.calls)]
        return super().view(latent)


def fragile(**at) -> Fragile:
    return Fragile(side=64, width=4, at={int(k[1:]): v for k, v in at.items()})


@pytest.mark.parametrize("call", [1, 2, 3, 6])
def test_an_interrupt_keeps_every_step_and_the_session_goes_on(whole, call):
    """Call 1 looks at the start for the templates, call 2 is step 0, call 3 step 1 …"""
    s = session(fragile(**{f"_{call}": KeyboardInterrupt()}))
    s.run()
    assert bits(s.trace) == bits(whole)[: max(0, call - 2)]
    s.run()
    assert bits(s.trace) == bits(whole)


@pytest.mark.parametrize("call", [1, 2, 6])
def test_an_error_in_the_model_is_shown_and_leaves_a_trace_to_go_on_from(whole, call):
    s = session(fragile(**{f"_{call}": RuntimeError("out of memory")}))
    with pytest.raises(RuntimeError, match="out of memory"):
        s.run()
    assert bits(s.trace) == bits(whole)[: max(0, call - 2)]
    assert repr(s.trace)
    assert bits(s.run()) == bits(whole)


def test_an_error_while_going_on_after_an_error_loses_nothing(whole):
    s = session(fragile(_4=RuntimeError("first"), _5=RuntimeError("second")))
    for text in ("first", "second"):
        with pytest.raises(RuntimeError, match=text):
            s.run()
        assert len(s.trace) == 2
    assert bits(s.run()) == bits(whole)


# Going back, going on otherwise


@pytest.mark.parametrize("index", [0, 4, -2, -1])
def test_rewinding_and_running_repeats_the_run(whole, index):
    s = session()
    s.run()
    s.rewind(index)
    position = index % len(whole)
    assert bits(s.trace) == bits(whole)[: position + 1]
    assert bits(s.past[0]) == bits(whole)
    assert bits(s.run()) == bits(whole)


@pytest.mark.parametrize("index", [3, -4, 99])
def test_there_is_no_way_back_to_a_step_that_was_not_made(index):
    s = session()
    s.run(2)
    with pytest.raises(IndexError, match=f"step {index} .* 0 to 2"):
        s.rewind(index)
    assert len(s.trace) == 3


def test_swapping_a_piece_keeps_the_past_and_changes_the_future(whole):
    s = session()
    s.run(4)
    assert s.swap(lr=0.05) is s
    s.run(1)
    assert bits(s.trace)[:5] == bits(whole)[:5]
    moved = [(t[5].latent - t[4].latent).norm() for t in (s.trace, whole)]
    assert moved[0] < 0.2 * moved[1]
    assert bits(s.swap(lr=METHOD["lr"]).rewind(4).run()) == bits(whole)


@dataclass(frozen=True)
class Boastful(NearestNeighbor):
    """A tracker that always says the handle is where it shall go."""

    def find(self, view, memory, search_centre):
        return replace(super().find(view, memory, search_centre), points=EDIT.targets)


def test_another_tracker_may_say_that_the_claimed_arrival_was_none(whole):
    s = session(tracker=Boastful(12))
    assert len(s.run()) == 1
    assert s.done
    s.swap(tracker=METHOD["tracker"])
    assert not s.done
    s.run()
    assert s.done
    assert (s.trace[-1].latent[0] - EDIT.targets[0]).norm() < 1.75


def test_a_smaller_stop_distance_goes_on_after_an_arrival():
    s = session(edit=Edit([(20, 20)], [(26, 26)]), arrive=4)
    s.run()
    before = len(s.trace)
    assert s.trace[-1].distance > 1
    s.swap(arrive=1).run()
    assert s.trace[-1].distance <= 1
    assert len(s.trace) > before


def test_back_at_an_arrival_the_pieces_of_now_have_yet_to_say_so():
    s = session(edit=Edit([(20, 20)], [(26, 26)]), arrive=4)
    s.run()
    arrived = len(s.trace) - 1
    s.swap(arrive=1).run()
    first = s.trace
    for again in (s.copy(), s):
        again.rewind(arrived)
        assert not again.done
        assert bits(again.run()) == bits(first)
        assert again.rewind(-1).done  # these pieces said so themselves


def test_swapping_after_an_arrival_that_stands_changes_nothing(whole):
    s = session()
    s.run()
    s.swap(arrive=1.5)
    assert s.step() is s.trace[-1]
    assert s.done
    assert bits(s.run()) == bits(whole)


def test_an_unknown_or_impossible_piece_is_refused_and_the_session_goes_on(whole):
    s = session()
    s.run(2)
    with pytest.raises(ValueError, match="track: no such piece; choose from arrive, losses"):
        s.swap(track=NearestNeighbor(12))
    with pytest.raises(ValueError, match="below the skip distance"):
        s.swap(arrive=0.5)
    assert s.method == METHOD
    s.rewind(1)
    assert bits(s.run()) == bits(whole)


def test_restarting_begins_anew_and_keeps_the_run_before(whole):
    s = session()
    s.run()
    s.restart()
    assert (len(s.trace), len(s.past), s.done) == (0, 1, False)
    assert bits(s.run()) == bits(s.past[0]) == bits(whole)
    other = Edit([(44, 20)], [(44, 24)])
    s.restart(LATENT + 1, other)
    assert s.step().points.tolist() == [[44, 20]]
    assert torch.equal(s.trace[0].latent, LATENT + 1)
    with pytest.raises(ValueError, match="outside"):
        s.restart(edit=Edit([(1, 1)], [(99, 1)]))
    assert len(s.trace) == 1


# Files


def test_a_trace_comes_back_from_its_files_as_it_was(whole, tmp_path):
    path = whole.save(tmp_path / "run", model="toy", note="α")
    assert path == tmp_path / "run.json"
    assert sorted(p.name for p in tmp_path.iterdir()) == ["run.json", "run.npz"]
    for name in ("run", "run.json", "run.npz"):
        assert bits(Trace.load(tmp_path / name)) == bits(whole)
    text = json.loads(path.read_text())
    assert (text["model"], text["note"]) == ("toy", "α")
    assert text["why"] == whole.why()


def test_a_dot_in_the_name_is_a_part_of_the_name(whole, tmp_path):
    Trace(whole.frames[:1]).save(tmp_path / "lr0.5")
    whole.save(tmp_path / "lr0.7")
    assert len(Trace.load(tmp_path / "lr0.5")) == 1
    assert len(Trace.load(tmp_path / "lr0.7.json")) == len(whole)


def test_score_windows_of_different_sizes_survive(whole, tmp_path):
    s = session()
    s.run(2)
    s.swap(tracker=NearestNeighbor(24, norm=1)).run(2)
    assert len({f.scores.shape[-1] for f in s.trace}) == 2
    assert bits(Trace.load(s.save(tmp_path / "run"))) == bits(s.trace)


def test_a_run_that_went_wrong_can_be_kept_too(whole, tmp_path):
    step = whole[1].step
    track = replace(step.track, confidence=torch.tensor([math.nan]))
    bad = replace(whole[1], step=replace(step, losses={"motion": math.nan}, track=track))
    trace = Trace([whole[0], bad])
    loaded = Trace.load(trace.save(tmp_path / "run"))
    assert math.isnan(loaded[1].losses["motion"])
    assert loaded[1].confidence.isnan().all()


def test_a_session_reopened_goes_on_to_the_last_bit(whole, tmp_path):
    edit = replace(EDIT, mask=torch.ones(64, 64))
    s = session(edit=edit)
    s.run(4)
    s.save(tmp_path / "run")
    again = Session.load(tmp_path / "run", TOY, **METHOD)
    assert not again.done
    assert bits(again.run()) == bits(s.run())
    again.save(tmp_path / "run")
    assert Session.load(tmp_path / "run", TOY, **METHOD).done


def test_the_saved_session_can_be_read_by_eye(tmp_path):
    s = session()
    s.run(1)
    text = json.loads(s.save(tmp_path / "run").read_text())
    assert text["model"] == "toy"
    assert text["method"]["tracker"] == (
        "NearestNeighbor(radius=12, norm=1, strict=True, stride=None, candidates=None,"
        " subpixel=False)"
    )
    assert text["method"]["lr"] == 0.5
    assert text["edit"]["targets"] == [[26, 26]]


def test_an_empty_trace_has_nothing_to_write(tmp_path):
    for write in (Trace().save, Trace().to_gif, session().save):
        with pytest.raises(ValueError, match="empty; run a step first"):
            write(tmp_path / "run.gif")


def cut(path, share):
    path.write_bytes(path.read_bytes()[: int(path.stat().st_size * share)])


@pytest.mark.parametrize("share", [0, 0.3, 0.999])
@pytest.mark.parametrize("suffix", [".json", ".npz"])
def test_a_truncated_file_is_refused(whole, tmp_path, suffix, share):
    cut(whole.save(tmp_path / "run").with_suffix(suffix), share)
    with pytest.raises(
        ValueError, match="run.json and its .npz do not hold a run that dragkit saved"
    ):
        Trace.load(tmp_path / "run")


@pytest.mark.parametrize("suffix", [".json", ".npz"])
def test_a_missing_file_is_named(whole, tmp_path, suffix):
    whole.save(tmp_path / "run").with_suffix(suffix).unlink()
    with pytest.raises(ValueError, match=rf"run\{suffix} is missing; .*\.json and a \.npz"):
        Trace.load(tmp_path / "run")


@pytest.mark.parametrize("change", [{"steps": 3}, {"edit": {}}, {"steps": [{}]}], ids=str)
def test_json_that_is_no_run_is_refused(whole, tmp_path, change):
    path = whole.save(tmp_path / "run")
    path.write_text(json.dumps(json.loads(path.read_text()) | change))
    with pytest.raises(ValueError, match="do not hold a run"):
        Trace.load(path)


def test_the_arrays_of_another_run_are_refused(whole, tmp_path):
    whole.save(tmp_path / "long")
    path = Trace(whole.frames[:3]).save(tmp_path / "short")
    for a, b in [("long", "short"), ("short", "long")]:
        (tmp_path / "mixed.json").write_bytes((tmp_path / f"{a}.json").read_bytes())
        (tmp_path / "mixed.npz").write_bytes((tmp_path / f"{b}.npz").read_bytes())
        with pytest.raises(ValueError, match="do not hold a run"):
            Trace.load(tmp_path / "mixed")
    assert len(Trace.load(path)) == 3


# Who may write


def test_only_the_thread_that_runs_a_session_adds_to_its_trace(whole):
    s = session()
    s.run(1)
    refused = []

    def append(trace):
        try:
            trace.append(whole[0])
        except RuntimeError as error:
            refused.append(str(error))

    def in_another_thread(trace):
        thread = threading.Thread(target=append, args=(trace,))
        thread.start()
        thread.join()

    with s.alone():
        in_another_thread(s.trace)
        s.step()
        in_another_thread(s.trace)
    assert len(s.trace) == 3 and len(refused) == 2
    assert "a session is adding its steps to this trace; stop it first" in refused[0]

    in_another_thread(s.trace)
    assert len(s.trace) == 4 and len(refused) == 2
    pickle.dumps(s.trace), copy.deepcopy(s.trace)


@pytest.mark.parametrize("resume", [None, 3, "a"])
def test_a_session_is_not_resumed_but_loaded(resume):
    with pytest.raises(TypeError, match=r"resume is .*Session.load\(path, .*opens a saved"):
        session(resume=resume)


def test_the_numbers_of_a_method_are_saved_as_numbers(tmp_path):
    s = session(lr=np.array(0.5), steps=torch.tensor(2), arrive=np.float32(1))
    assert len(s.run()) == 3
    method = json.loads(s.save(tmp_path / "run").read_text())["method"]
    assert [method[name] for name in ("lr", "steps", "arrive")] == [0.5, 2, 1]
    with pytest.raises(ValueError, match="steps is 10+; give a whole number from 0"):
        s.swap(steps=10**30)


# What a trace says


def moving(whole, distances, arrived=False) -> Trace:
    """A trace whose one handle is at these distances from its target."""
    trace = Trace()
    for i, distance in enumerate(distances):
        points = EDIT.targets - torch.tensor([[distance, 0.0]])
        there = torch.tensor([arrived and i == len(distances) - 1])
        step = whole[0].step
        track = replace(step.track, points=points)
        step = replace(step, index=i, track=track, arrived=there)
        trace.append(replace(whole[0], step=step))
    return trace


def test_why_says_arrived_not_there_yet_or_lost(whole):
    assert Trace().why() == "no steps yet"
    assert whole.why() == f"arrived after {len(whole) - 1} steps"
    assert (
        moving(whole, [9, 8, 7]).why()
        == "not there yet after 2 steps: 1 of 1 handles still on the way"
    )
    near_once = [9.0, 8, 5] + [6.0] * 29
    assert "not there yet" in moving(whole, near_once).why()
    lost = moving(whole, [*near_once, 6.5]).why()
    assert lost == "handle 0 is lost: 6.5 px from its target, no closer since step 2"
    assert moving(whole, [*near_once, 0.5], arrived=True).why() == "arrived after 32 steps"
    assert lost in repr(moving(whole, [*near_once, 6.5]))


def test_the_table_has_a_row_per_step_and_handle():
    edit = Edit([(20, 20), (44, 20)], [(26, 26), (44, 22)])
    trace = Trace(drag(TOY, LATENT, edit, **METHOD | {"steps": 3}))
    table = trace.to_dataframe()
    assert len(table) == 4 * 2
    assert list(table.columns) == [
        "step",
        "handle",
        "x",
        "y",
        "distance",
        "confidence",
        "trusted",
        "arrived",
        "motion",
    ]
    row = table[(table.step == 2) & (table.handle == 1)].iloc[0]
    frame = trace[2]
    assert [row.x, row.y] == frame.points[1].tolist()
    assert row.distance == frame.distance[1].item()
    assert row.motion == frame.losses["motion"]


def test_a_loss_that_is_called_like_a_column_hides_none():
    class Confidence:
        name = "confidence"

        def __call__(self, *given):
            return METHOD["losses"][0](*given)

    table = Trace(drag(TOY, LATENT, EDIT, **METHOD | {"losses": [Confidence()]})).to_dataframe()
    assert table.confidence[0] == 1 and table["loss confidence"][0] < 1


def test_the_path_is_the_points_step_by_step(whole):
    assert whole.path().shape == (len(whole), 1, 2)
    assert whole.path(until=2)[:, 0].tolist() == [f.points[0].tolist() for f in whole.frames[:3]]


def test_a_frame_is_a_step_without_its_view():
    step = next(drag(TOY, LATENT, EDIT, **METHOD))
    frame = Trace([step])[0]
    assert str(frame) == str(step)
    assert frame.image.dtype == np.uint8
    np.testing.assert_allclose(
        frame.image / 255, step.view.image.movedim(0, -1), atol=0.5 / 255 + 1e-6
    )


# Films


@pytest.mark.parametrize("fps", [0, -1, float("nan"), 1e9, 1e300, 1e-9, True, "15", None, 10**400])
def test_a_film_has_a_rate_that_can_be_played(whole, tmp_path, fps):
    for film in (whole.to_gif, whole.to_mp4):
        with pytest.raises(ValueError, match=r"fps is .*; give frames a second from 0.01 to 100"):
            film(tmp_path / f"run.{film.__name__[-3:]}", fps=fps)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("fps", [0.01, 100, np.array(15), torch.tensor(15.0)])
def test_the_slowest_and_the_fastest_film_can_be_read(whole, tmp_path, fps):
    path = whole.until(1).to_gif(tmp_path / "run.gif", fps=fps, size=64)
    assert iio.immeta(path)["duration"] == int(1000 / float(fps)) // 10 * 10


def test_a_loop_of_ones_own_leaves_a_trace_too(whole, tmp_path):
    again = Trace.of(TOY, [(f.latent, f.points) for f in whole], EDIT)
    assert again.why() == whole.why() and (again.path() == whole.path()).all()
    assert all((a.image == b.image).all() for a, b in zip(again, whole))
    assert again[-1].confidence.isnan().all() and not again[-1].losses  # nothing is made up
    assert Trace.load(again.save(tmp_path / "own")).why() == whole.why()
    assert Player(again).snapshot() and Compare(again, whole).snapshot()


def test_pairs_that_are_not_the_edits_are_refused():
    assert len(Trace.of(TOY, [(LATENT, (20, 20))], EDIT)) == 1
    with pytest.raises(ValueError, match="points of pair 0 are .*the edit has 1 handles"):
        Trace.of(TOY, [(LATENT, [(20, 20), (1, 1)])], EDIT)


def test_the_gif_can_be_read_and_has_a_frame_per_step(whole, tmp_path):
    path = whole.to_gif(tmp_path / "run.gif", size=96)
    sequence = iio.imread(path)
    assert sequence.shape == (len(whole), 96, 96, 3)
    assert np.abs(sequence[0].astype(int) - sequence[-1]).max() > 100


def test_a_gif_keeps_the_colours_of_its_marks(whole, tmp_path):
    path = whole.to_gif(tmp_path / "run.gif", size=384)
    drawn = np.asarray(draw_frame(whole[0], whole.path(0), size=384))
    stored = iio.imread(path)[0]
    for colour in (HANDLE, TARGET):
        marked = (np.abs(drawn.astype(int) - colour) <= 12).all(-1)
        assert marked.any() and np.abs(stored[marked].astype(int) - colour).max() <= 24
    assert np.abs(stored.astype(int) - drawn).mean() < 6  # grey levels


class Encoder:
    """Stands in for imageio-ffmpeg: writes what it gets, so that it can be looked at meanwhile."""

    def __init__(self) -> None:
        self.sizes: list[int] = []

    def write_frames(self, path, size, **settings):
        self.path, self.size, self.settings = path, size, settings
        try:
            while True:
                self.sizes.append(len((yield) or b""))
        finally:
            path.write_bytes(b"a film")


@pytest.fixture
def encoder(monkeypatch):
    encoder = Encoder()
    monkeypatch.setitem(sys.modules, "imageio_ffmpeg", encoder)
    monkeypatch.setattr("dragkit.runs.video.find_spec", lambda name: encoder)
    return encoder


def test_an_mp4_is_encoded_while_it_is_drawn(whole, tmp_path, encoder):
    path = whole.to_mp4(tmp_path / "run.mp4", fps=12, size=64)
    assert path.read_bytes() == b"a film" and list(tmp_path.iterdir()) == [path]
    assert encoder.sizes == [64 * 64 * 3] * len(whole) and encoder.size == (64, 64)
    assert encoder.settings["fps"] == 12 and encoder.path.parent == tmp_path


def test_an_mp4_that_is_stopped_ends_its_encoder_and_is_not_written(whole, tmp_path, encoder):
    film = whole.film(size=64)

    def draw(number):
        if number == 3:
            raise KeyboardInterrupt
        return film.draw(number)

    with pytest.raises(KeyboardInterrupt):
        replace(film, draw=draw).write_mp4(tmp_path / "run.mp4")
    assert len(encoder.sizes) == 3 and not list(tmp_path.iterdir())


def test_an_mp4_can_be_read(whole, tmp_path):
    pytest.importorskip("imageio_ffmpeg")
    path = whole.to_mp4(tmp_path / "run.mp4", size=96)
    film = iio.imread(path)
    drawn = np.asarray(draw_frame(whole[-1], whole.path(), size=96), int)
    assert film.shape == (len(whole), 96, 96, 3) and np.abs(film[-1] - drawn).mean() < 8


def test_a_gif_is_named_so(whole, tmp_path):
    with pytest.raises(ValueError, match="run.mp4 must end in .gif"):
        whole.to_gif(tmp_path / "run.mp4")


def test_a_run_ends_after_its_steps_without_a_progress_bar_too(monkeypatch):
    monkeypatch.setattr(
        "dragkit.runs.session.tqdm", lambda **settings: tqdm(**settings, disable=True)
    )
    assert len(Session(TOY, LATENT, EDIT, **METHOD).run(2)) == 3


def test_an_interrupted_trace_keeps_its_steps_and_can_go_on():
    toy, latent = Toy(), Toy().sample(0)
    edit, method = Edit(latent[:1], latent[:1] + 12), draggan() | {"lr": 0.5, "steps": 8}

    def stopped(after):
        for step in drag(toy, latent, edit, **method):
            if step.index == after:
                raise KeyboardInterrupt
            yield step

    with pytest.warns(
        UserWarning, match=r"the trace has steps 0 to 4; drag\(…, resume=trace\[-1\]\) continues"
    ):
        trace = Trace(stopped(5))
    *_, last = drag(toy, latent, edit, **method, resume=trace[-1])
    assert torch.equal(last.latent, Trace(drag(toy, latent, edit, **method))[-1].latent)
    with pytest.raises(KeyboardInterrupt):
        Trace(stopped(0))
