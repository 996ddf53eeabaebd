"""The number of threads: measured once for a workload, and nobody else's setting."""

import pytest
import torch

import dragkit as dk
from dragkit import threads

LION = dk.load("lion", device="cpu")
EDIT = dk.Edit([(64, 70)], [(64, 80)])


@pytest.fixture(autouse=True)
def four_threads(monkeypatch):
    """Torch set to four, and nothing measured yet."""
    monkeypatch.setattr(threads, "_fastest", {})
    before = torch.get_num_threads()
    torch.set_num_threads(4)
    yield
    torch.set_num_threads(before)


def timed(monkeypatch, seconds):
    """Let a pass with each number of threads take these seconds; returns the calls."""
    calls = []

    def measured(_model, _latent):
        calls.append(torch.get_num_threads())
        return seconds[torch.get_num_threads()]

    monkeypatch.setattr(threads, "_seconds", measured)
    return calls


@pytest.mark.parametrize(
    ("seconds", "fastest"),
    [
        ({1: 0.01, 2: 0.02, 4: 0.03}, 1),
        ({1: 0.03, 2: 0.01, 4: 0.02}, 2),
        ({1: 0.03, 2: 0.02, 4: 0.01}, 4),
        ({1: 0.01, 2: 0.01, 4: 0.2}, 4),  # a pass that long has work for all
    ],
)
def test_the_fastest_number_is_taken(monkeypatch, seconds, fastest):
    calls = timed(monkeypatch, seconds)
    assert threads.fastest_threads(LION, LION.sample(0)) == fastest
    assert torch.get_num_threads() == 4
    assert set(calls) == ({4} if seconds[4] > threads.LONG else {1, 2, 4})


def test_it_is_measured_once_for_models_of_the_same_workload(monkeypatch):
    calls = timed(monkeypatch, {1: 0.01, 2: 0.02, 4: 0.03})
    for model in (LION, dk.load("lion", device="cpu"), LION):
        threads.fastest_threads(model, LION.sample(0))
    first = len(calls)
    threads.fastest_threads(dk.load("lion", device="cpu", feature_block=32), LION.sample(0))
    assert len(calls) == 2 * first


def test_one_thread_and_models_of_ones_own_are_not_measured(monkeypatch):
    calls = timed(monkeypatch, {})
    assert threads.fastest_threads(dk.load("toy"), dk.load("toy").sample(0)) == 4
    torch.set_num_threads(1)
    assert threads.fastest_threads(LION, LION.sample(0)) == 1 and not calls


def test_a_step_is_computed_with_it_and_the_caller_keeps_his(monkeypatch):
    timed(monkeypatch, {1: 0.03, 2: 0.01, 4: 0.02})
    seen = []

    class Watching(dk.NearestNeighbor):
        def find(self, *given):
            seen.append(torch.get_num_threads())
            if len(seen) == 3:
                raise KeyError("stop")
            return super().find(*given)

    run = dk.drag(LION, LION.sample(0), EDIT, **dk.methods.draggan() | {"tracker": Watching()})
    with pytest.raises(KeyError):
        for _ in run:
            assert torch.get_num_threads() == 4
    assert seen == [2, 2, 2] and torch.get_num_threads() == 4
