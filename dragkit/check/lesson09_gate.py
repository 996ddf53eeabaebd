"""Lesson 9: a gate of one's own, judged on image sequences whose truth is known."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

import torch
from torch import Tensor

from ..gates import above, always
from ..models.toy import Toy
from ..pieces import Gate
from ..plot.figures import BLUE, ORANGE, SHADE, Plot
from ..tasks.sequences import line, toy_sequence
from ..trackers import Discriminative, follow
from .calls import raised
from .verdicts import Verdict, not_yet, right, stand_in

OFF = 2.0  # px; a point that is farther from the truth is wrong
OURS = above(0.8)


@dataclass(frozen=True, eq=False)
class Followed:
    """What became of a learned tracker on one image sequence.

    Attributes:
        confidence: (frames).
        error: how far its point is from the truth (frames), in pixels.
    """

    confidence: Tensor
    error: Tensor

    @property
    def wrong(self) -> Tensor:
        """In which frames the point is more than 2 px off (frames), bool."""
        return self.error > OFF


@dataclass(frozen=True)
class Mistakes:
    """How often a gate trusts a point that is off, and how often it doubts one that is not."""

    trusted: int
    doubted: int

    @property
    def total(self) -> int:
        """Both kinds together."""
        return self.trusted + self.doubted


@dataclass(frozen=True, eq=False)
class GateCheck:
    """What every gate keeps to, and how good yours is; ask with yours: ``check.gate(better)``.

    A gate is a function from the confidence (n) of step 1 to the threshold (n), the smallest
    confidence that is trusted. It changes nothing that it is given, and trusts step 1 itself. On
    three image sequences of the toy, followed by `Discriminative`, the truth is known: it is a
    mistake to trust an image in which the point is more than 2 px off, and to doubt another one.
    A better gate makes at most half as many mistakes as ``above(0.8)``, and at most half as many
    as no gate at all.
    """

    name: str = "gate"

    def __call__(self, gate: Gate) -> Verdict:
        """The verdict; what the gate raises is reported, not raised."""
        first = torch.stack([followed.confidence[1] for followed in _sequences().values()])
        try:
            broken = _first_broken(gate, first)
        except Exception as error:
            broken = raised(error, gate)
        if broken:
            return not_yet(self.name, broken)

        threshold = _asked(gate, first)
        yours = _mistakes(threshold)
        ours = _mistakes(OURS(first))
        without = _mistakes(always(first))
        words = (
            f"It trusts {yours.trusted} of {without.trusted} images in which the point is more"
            f" than {OFF:g} px off, and doubts {yours.doubted} others; for {OURS} that is"
            f" {ours.trusted} and {ours.doubted}, without a gate {without.trusted} and"
            f" {without.doubted}."
        )
        if yours.total <= min(ours.total, without.total) / 2:
            return right(self.name, f". {words}", _timeline(threshold))
        asked = f"It should make at most half as many mistakes as {OURS} and as no gate at all."
        return not_yet(self.name, f"{asked} {words}", _timeline(threshold))

    def or_ours(self, gate: Gate) -> Gate:
        """Your gate if it is right, else ``above(0.8)``, with a line that says so."""
        if self(gate).passed:
            return gate
        ours: Gate = stand_in(self.name, OURS)
        return ours


gate = GateCheck()


@cache
def _sequences() -> Mapping[str, Followed]:
    """Three scenes of two blobs by name, of which the tracker follows the first."""
    plain = Toy(blobs=2, width=4, opaque=True)
    fading = Toy(blobs=2, width=4, light=-0.6, lookalike=0.95)
    return {
        "another passes by": _followed(plain, [[40, 64], [64, 30]], [[80, 64], [64, 100]]),
        "another hides it": _followed(plain, [[40, 64], [100, 64]], [[64, 64], [64, 64]]),
        "the light fades": _followed(fading, [[50, 64], [38, 64]], [[98, 64], [86, 64]]),
    }


def _followed(toy: Toy, start: list[list[float]], end: list[list[float]]) -> Followed:
    """What the learned tracker reports while the blobs move from `start` to `end`, each (2 2)."""
    paths = line(torch.tensor(start).float(), torch.tensor(end).float())
    sequence = toy_sequence("gate", toy, paths)
    tracks = list(follow(Discriminative(12), sequence.views, sequence.edit))

    points = torch.stack([track.points for track in tracks])
    confidence = torch.cat([track.confidence for track in tracks])
    return Followed(confidence, (points - sequence.truth).norm(dim=-1).flatten())


def _first_broken(gate: Gate, first: Tensor) -> str | None:
    """In words, the first rule that the gate breaks for the confidence (n) of step 1."""
    if isinstance(gate, type) or not callable(gate):
        return f"Give the gate itself, check.gate(better); this is {gate!r}."

    given = first.clone()
    returned = gate(given)
    threshold = _numbers(returned)
    if threshold is None or threshold.shape != first.shape:
        return (
            f"It returns {returned!r}; it should return the smallest confidence that is trusted,"
            f" a tensor with a number for each of the {len(first)} handles."
        )
    if not torch.equal(given, first):
        return "It changes `first`, which was passed in; make a new tensor: a = a - b, not a -= b."
    if threshold.isnan().any():
        return (
            f"It asks for {threshold.tolist()}; nan is no number, it comes from 0/0 or the root of"
            " a negative one."
        )
    if not (threshold <= first).all():
        worst = int((threshold - first).argmax())
        return (
            "It shuts at step 1, before anything has moved: there the confidence is"
            f" {first[worst]:.2f}, and it asks for {threshold[worst]:.2f}. A number that fits one"
            " image shuts another one out; begin with `first`."
        )
    if not torch.allclose(_asked(gate, first.flip(0)), threshold.flip(0)):
        return (
            "It does not go by the confidence alone: the same handles in another order get other"
            " thresholds."
        )
    alone = [_asked(gate, first[i : i + 1]) for i in range(len(first))]
    if not torch.allclose(torch.cat(alone), threshold):
        return (
            "It does not go by each handle's own confidence: alone, a handle gets another"
            " threshold than beside others."
        )
    if not (_asked(gate, -first) <= -first).all():
        return (
            "For a negative confidence it asks for more than that confidence, and shuts at step 1:"
            " take something off, whatever the sign (exercise 1)."
        )
    return None


def _asked(gate: Gate, first: Tensor) -> Tensor:
    """The thresholds (n) of a gate; NaN if it returns something else than n numbers."""
    threshold = _numbers(gate(first.clone()))
    if threshold is None or threshold.shape != first.shape:
        return torch.full_like(first, torch.nan)
    return threshold


def _numbers(returned: Any) -> Tensor | None:
    """What a gate returned, as a drag will take it; None if that is no numbers."""
    try:
        numbers = torch.as_tensor(returned)
    except (TypeError, ValueError, RuntimeError):
        return None
    if numbers.dtype == torch.bool or numbers.is_complex():
        return None
    return numbers.detach().float()


def _mistakes(threshold: Tensor) -> Mistakes:
    """How often thresholds, one for each sequence, trust and doubt the wrong images."""
    trusted = 0
    doubted = 0
    for followed, smallest in zip(_sequences().values(), threshold, strict=True):
        doubts = followed.confidence < smallest
        trusted += int((~doubts & followed.wrong).sum())
        doubted += int((doubts & ~followed.wrong).sum())
    return Mistakes(trusted, doubted)


def _timeline(threshold: Tensor) -> Plot:
    """The confidence along each sequence, its threshold, and where the point is off."""
    highest = max(followed.confidence.max().item() for followed in _sequences().values())
    figure = Plot(figsize=(8, 2.6), layout="constrained")
    panels = figure.subplots(1, 3, sharey=True)

    for axes, (name, followed), smallest in zip(
        panels, _sequences().items(), threshold.tolist(), strict=True
    ):
        axes.plot(followed.confidence, color=BLUE, label="confidence")
        axes.axhline(smallest, color=ORANGE, ls="--", label="your threshold")
        axes.fill_between(
            range(len(followed.wrong)),
            0,
            1,
            where=followed.wrong,
            step="mid",
            color=SHADE,
            transform=axes.get_xaxis_transform(),
            label=f"over {OFF:g} px off",
        )
        axes.set(xlabel="image", title=name, ylim=(0, 1.05 * highest))

    panels[0].set_ylabel("confidence")
    panels[-1].legend(frameon=False, loc="upper left", bbox_to_anchor=(1, 1))
    return figure
