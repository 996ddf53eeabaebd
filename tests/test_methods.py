"""The published settings, number by number; a change here is a change of the method."""

import pytest

from dragkit import always
from dragkit.methods import draggan


def numbers(profile: str) -> dict:
    """Everything that a preset sets, piece by piece."""
    method = draggan(profile)
    motion, mask = method.pop("losses")
    return method.pop("tracker").__dict__, motion.__dict__, mask.__dict__, method


def test_draggan_as_in_the_paper():
    assert numbers("paper") == (
        {"radius": 12, "norm": 1},
        {"radius": 3, "trust": always, "reduction": "sum", "skip": 1.0, "strict": False},
        {"weight": 20, "reduction": "sum"},
        {"lr": 2e-3, "steps": 200, "arrive": 1.0},
    )


def test_draggan_as_in_the_official_code():
    assert numbers("official") == (
        {"radius": 12, "norm": 2},
        {"radius": 3, "trust": always, "reduction": "mean", "skip": 1.0, "strict": True},
        {"weight": 20, "reduction": "mean"},
        {"lr": 1e-3, "steps": 200, "arrive": 2.0},
    )


def test_the_official_code_is_the_default_and_every_call_gives_its_own_dict():
    method = draggan()
    assert method == draggan("official") != draggan("paper")
    method["lr"] = 1
    assert draggan()["lr"] == 1e-3


def test_an_unknown_profile_is_told_the_known_ones():
    with pytest.raises(ValueError, match="unknown profile 'code'; choose \"paper\" or \"official\""):
        draggan("code")
