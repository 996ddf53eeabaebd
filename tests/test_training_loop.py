"""What all trainings share: the rate, the length, the means of losses, the averaged weights."""

from itertools import pairwise
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from dragkit.training.loop import Length, Losses, average, rate


def test_the_rate_rises_then_falls_and_never_is_zero():
    rates = [rate(done) for done in np.linspace(0, 1, 101)]
    assert (
        rates[0] == pytest.approx(0.01)
        and max(rates) == pytest.approx(1, abs=0.02)
        and rates[-1] == pytest.approx(0.01)
    )
    assert np.argmax(rates) <= 3 and all(a >= b for a, b in pairwise(rates[3:]))


def test_a_run_is_as_long_as_its_images_or_as_its_minutes():
    half = SimpleNamespace(images=50, seconds=30.0)
    assert Length(100).done(half) == 0.5
    assert Length(100, minutes=2).done(half) == 0.25


def test_losses_are_means_since_they_were_taken():
    losses = Losses()
    losses.add({"pair": torch.tensor(1.0)})
    losses.add({"pair": torch.tensor(2.0), "D": torch.tensor(5.0)})
    assert losses.means() == losses.take() == {"pair": 1.5, "D": 5.0}
    assert losses.means() == {}


def test_averaged_weights_go_half_the_way_in_a_half_life():
    mean, now = torch.nn.Linear(3, 2), torch.nn.Linear(3, 2)
    before = mean.weight.detach().clone()
    for _ in range(4):
        average(mean, now, SimpleNamespace(images=10**6), half_life=20, batch=5)
    torch.testing.assert_close(mean.weight, (before + now.weight) / 2)
