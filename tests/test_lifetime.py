"""Widgets end when they should: replaced, given up, left at the end of the program."""

import gc
import os
import subprocess
import sys
import threading
import time
import weakref
from pathlib import Path
from types import SimpleNamespace

import pytest
from IPython.core.interactiveshell import InteractiveShell
from ipywidgets.widgets import widget as registry

import dragkit as dk
from dragkit.widgets import background, lifetime

PAIR = dk.Edit([(64, 85)], [(74, 80)])
FAST = dk.methods.draggan("paper") | {"lr": 0.5, "steps": 60}
SLOW = FAST | {"lr": 1e-4, "steps": 10_000}


@pytest.fixture
def toy():
    yield dk.load("toy")
    background.stop_all()


class Hanging(dk.NearestNeighbor):
    """Finds nothing until it is let go."""

    free = threading.Event()

    def find(self, view, memory, search_centre):
        self.free.wait(20)
        return super().find(view, memory, search_centre)


def wait(condition, seconds=5):
    until = time.monotonic() + seconds
    while not condition() and time.monotonic() < until:
        time.sleep(0.01)
    assert condition()


def widgets():
    gc.collect()
    return len(registry._instances)


def test_of_twenty_studios_of_one_name_one_is_left(toy):
    studio = dk.Studio(toy, edit=PAIR, size=128, **SLOW)
    before = widgets()
    studios = []
    for _ in range(20):
        studio = dk.Studio(toy, edit=PAIR, size=128, **SLOW)
        studios.append(weakref.ref(studio))
        studio.player.controls.run.run.click()
    studio.player.stop()
    wait(lambda: widgets() <= before)  # widgets of the tests before may end meanwhile
    assert [reference() is not None for reference in studios] == [False] * 19 + [True]


@pytest.mark.parametrize(
    "make",
    [
        lambda model, trace: dk.Player(trace),
        lambda model, trace: dk.Compare(trace, trace),
        lambda model, trace: dk.Features(model, trace),
        lambda model, trace: dk.Picker(model),
        lambda model, trace: dk.Results(trace.to_dataframe(), lambda row: trace),
    ],
    ids=["Player", "Compare", "Features", "Picker", "Results"],
)
def test_a_widget_that_nobody_has_is_closed(toy, make):
    trace = dk.Trace(dk.drag(toy, toy.sample(0), PAIR, **FAST | {"steps": 2}))
    make(toy, trace)
    before = widgets()
    make(toy, trace)
    assert widgets() == before


class Shell:
    """What IPython would say about the cell that is being run."""

    def __init__(self):
        self.user_ns = {"Out": {}}
        self.user_ns_hidden = {}
        self.displayhook = SimpleNamespace()
        self.execution_count = 0
        self.kernel = self

    def get_parent(self):
        return {"metadata": {"cellId": self.cell}}

    def run(self, cell, *shown):
        self.cell = cell
        self.execution_count += 1
        for one in shown:
            self.user_ns["Out"][self.execution_count] = one
            self.user_ns["_"] = self.user_ns[f"_{self.execution_count}"] = one
            lifetime.now_shown(one)


class Shown:
    closed = False

    def close(self):
        self.closed = True


def test_a_cell_that_is_run_again_closes_what_it_showed(monkeypatch):
    shell = Shell()
    monkeypatch.setattr(lifetime, "_shown", {})
    monkeypatch.setattr("IPython.get_ipython", lambda: shell)
    first, second, third, other = (Shown() for _ in range(4))
    shell.run("a", first, second)
    shell.run("b", other)
    shell.run("a", third)
    assert first.closed and second.closed and not third.closed and not other.closed
    assert set(shell.user_ns["Out"].values()) == {other, third}
    assert shell.user_ns["_"] is third and "_1" not in shell.user_ns
    shell.run("a", third)  # the same again, as `studio` in a cell of its own
    assert not third.closed
    shell.run(None, first)  # a front end that does not tell the cell


def test_ipython_keeps_no_studio_that_its_cell_has_replaced(toy, monkeypatch):
    """The last value of a cell is an output, which IPython remembers in a dozen places."""
    shell = InteractiveShell()
    shell.kernel = SimpleNamespace(get_parent=lambda: {"metadata": {"cellId": "a"}})
    monkeypatch.setattr(lifetime, "_shown", {})
    monkeypatch.setattr("IPython.get_ipython", lambda: shell)
    shell.user_ns["make"] = lambda: dk.Studio(toy, edit=PAIR, size=128, **FAST)
    made = weakref.WeakSet()
    for _ in range(6):
        made.add(shell.run_cell("make()", store_history=True).result)
    gc.collect()
    assert len(made) == 1


def test_a_piece_that_hangs_is_given_up_and_blocks_nobody(toy, monkeypatch):
    monkeypatch.setattr(background, "PATIENCE", 0.2)
    Hanging.free.clear()
    player = dk.Player(dk.Session(toy, toy.sample(0), PAIR, **FAST))
    player.run(3)
    session = player.session
    session.swap(tracker=Hanging())
    player.controls.run.run.click()
    wait(lambda: player.running)

    began = time.monotonic()
    other = dk.Player(dk.Session(toy, toy.sample(1), PAIR, **FAST))
    assert time.monotonic() - began < 2
    assert len(other.run(2)) == 3
    assert isinstance(player.last_error, background.GivenUp) and not player.running
    assert player.session is not session and len(player.trace) == 4

    player.session.swap(tracker=dk.NearestNeighbor())
    assert len(player.run(2)) == 6
    Hanging.free.set()
    wait(lambda: not any(t.name == "dragkit run" for t in threading.enumerate()))
    assert len(player.trace) == 6  # what the old thread did then is not looked at


def test_a_session_has_one_writer(toy):
    studio = dk.Studio(toy, edit=PAIR, size=128, **SLOW)
    studio.player.controls.run.run.click()
    wait(lambda: len(studio.trace) > 3)
    for act in (
        studio.session.step,
        studio.session.run,
        lambda: studio.session.rewind(0),
        lambda: studio.session.swap(lr=1),
        studio.session.restart,
    ):
        with pytest.raises(RuntimeError, match="is being run already, by a widget"):
            act()
    studio.player.stop()
    assert studio.last_error is None
    indices = [frame.index for frame in studio.trace]
    assert indices == list(range(len(indices)))
    studio.session.step()
    assert studio.trace[-1].index == len(indices)


def test_a_copy_continues_on_its_own(toy):
    session = dk.Session(toy, toy.sample(0), PAIR, **FAST)
    session.run(3)
    copy = session.copy()
    assert (copy.run(2)[-1].points == session.run(2)[-1].points).all()
    assert len(copy.trace) == len(session.trace) == 6
    assert copy.trace is not session.trace


EXIT = """
import sys, time
import dragkit as dk
model = dk.load("lion", device="cpu")
edit = dk.Edit([(74, 74)], [(74, 87)])
studio = dk.Studio(model, edit=edit, **dk.methods.draggan() | {"lr": 1e-5})
studio.player.controls.run.run.click()
time.sleep(float(sys.argv[1]))
"""


OWN_THREAD = """
import sys, threading, time
import dragkit as dk
model = dk.load("lion", device="cpu")
edit = dk.Edit([(74, 74)], [(74, 87)])
method = dk.methods.draggan() | {"lr": 1e-6, "steps": 10_000}
session = dk.Session(model, model.sample(2), edit, **method)
threading.Thread(target=session.run, daemon=True).start()
time.sleep(0.3 + float(sys.argv[1]))
"""


@pytest.mark.slow
@pytest.mark.parametrize("seconds", [0, 0.05, 0.1, 0.3])
@pytest.mark.parametrize("program", [EXIT, OWN_THREAD], ids=["studio", "thread"])
def test_leaving_the_interpreter_during_a_run_ends_cleanly(program, seconds):
    environment = os.environ | {"PYTHONPATH": str(Path(dk.__file__).parent.parent)}
    command = [sys.executable, "-c", program, str(seconds)]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    assert "Error" not in done.stderr and "terminate" not in done.stderr
