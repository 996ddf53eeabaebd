"""Lesson 9: the threshold of a gate, what a patch is compared with, and a gate of one's own."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Any

import torch
from torch import Tensor

from ..gates import above, always
from ..models.toy import Toy
from ..plot.figures import BLUE, ORANGE, SHADE, Plot
from ..records import Edit
from ..trackers import Discriminative, follow
from .drawings import bars_of
from .exercise import Exercise
from .verdicts import Verdict, not_yet, right, stand_in

OFF = 2.0  # px: a point that is farther away is a wrong one
OURS = above(0.8)


def _threshold(first: Tensor, ratio: float) -> Tensor:
    return first - (1 - ratio) * first.abs()


threshold = Exercise(
    "threshold",
    "threshold(first, ratio): from the confidence (n) of step 1 the least confidence (n) that is"
    " trusted: the share `ratio` of it, and never more than it, also where it is negative: s - (1"
    " - ratio) |s|.",
    _threshold,
    lambda: [(torch.tensor([0.8, 0.2, -0.3, 0.0, 1.5]), ratio) for ratio in (0.8, 0.5, 0.95)],
    {
        "For a negative confidence the share lies above it: 0.8 times -0.3 is -0.24. Then the gate shuts at once.": (
            lambda s, r: r * s
        ),
        "That is the part to take away, not what is left.": lambda s, r: (1 - r) * s.abs(),
        "The ratio is turned around: 1 must leave the confidence as it is.": (
            lambda s, r: _threshold(s, 1 - r)
        ),
        "That is above 0 where the confidence is below it: then the gate shuts at once.": (
            lambda s, r: r * s.abs()
        ),
        "Cut off at 0 it lies above every negative confidence: then the gate shuts at once.": (
            lambda s, r: (r * s).clamp_min(0)
        ),
        "Divided by the ratio a negative one lies lower, but not by the share that the others lose: take (1 - ratio) |s| off.": lambda s, r: (
            torch.where(s > 0, r * s, s / r)
        ),
        "That takes off the same from each; what is taken off is a share of the confidence, (1 - ratio) |s|.": (
            lambda s, r: s - (1 - r)
        ),
        "That is the confidence itself; the ratio is nowhere in it.": lambda s, r: s,
        "The share is added; the threshold lies below the confidence.": (
            lambda s, r: s + (1 - r) * s.abs()
        ),
        "Every handle has a threshold of its own; that is the least, for all.": (
            lambda s, r: _threshold(s, r).min().expand(len(s))
        ),
        "Every handle has a threshold of its own; that is one for all.": (
            lambda s, r: _threshold(s, r).mean().expand(len(s))
        ),
        "A fixed number fits no model: the threshold is measured at step 1.": (
            lambda s, r: torch.full_like(s, r)
        ),
    },
    draw=bars_of("handle", "least confidence"),
    forbidden=(above.__call__,),
    told=lambda case: f"ratio = {case[1]:g}",
)


def _reference(now: Tensor, first: Tensor, confidence: Tensor, threshold: Tensor) -> Tensor:
    return torch.where((confidence >= threshold)[:, None, None], now, first)


def _patches() -> list[tuple[Tensor, Tensor, Tensor, Tensor]]:
    """Patches (4 3 2) now and at the start; the third confidence is just its threshold. In the
    last two nobody is trusted, and all.
    """
    generator = torch.Generator().manual_seed(10)
    cases = []
    for _ in range(6):
        now, first = torch.randn(2, 4, 3, 2, generator=generator)
        confidence, threshold = torch.rand(2, 4, generator=generator)
        confidence[2], confidence[3] = threshold[2], threshold[3] - 0.1
        cases.append((now, first, confidence, threshold))
    now, first = torch.randn(2, 4, 3, 2, generator=generator)
    return [*cases, *((now, first, threshold + more, threshold) for more in (-0.1, 0.1))]


reference = Exercise(
    "reference",
    "reference(now, first, confidence, threshold): for each handle the patch (n q c) that shall be"
    " found ahead: the present one where it is trusted, confidence >= threshold, else the first.",
    _reference,
    _patches,
    {
        "It is turned around: who is trusted keeps the present patch.": (
            lambda a, b, c, t: _reference(b, a, c, t)
        ),
        "Every handle decides for itself; that is one decision for all.": lambda a, b, c, t: (
            a if bool((c >= t).all()) else b
        ),
        "One trusted handle opens the gate for all; every handle decides for itself.": (
            lambda a, b, c, t: a if bool((c >= t).any()) else b
        ),
        "Then the gate never opens: the present patch is in none of it.": lambda a, b, c, t: b,
        "A confidence that just reaches the threshold is trusted: >=.": (
            lambda a, b, c, t: torch.where((c > t)[:, None, None], a, b)
        ),
        "That blends the two; the gate chooses one.": lambda a, b, c, t: (a + b) / 2,
        "Then the gate never shuts: the first patch is in none of it.": lambda a, b, c, t: a,
    },
    draw=lambda axes, case, value: bars_of("place, handle by handle", "channel 0")(
        axes, case, value[:, :, 0]
    ),
)


@dataclass(frozen=True, eq=False)
class Gate:
    """What every gate keeps to, and how good yours is; ask with yours: ``check.gate(better)``.

    A gate is a function from the confidence (n) of step 1 to the least confidence (n) that is
    trusted. It changes nothing that it is given and trusts step 1 itself. On three films of the
    toy, followed by `Discriminative`, the truth is known: trusting an image in which the point is
    more than 2 px off is a mistake, and so is doubting another. A better gate makes at most half
    as many as ``above(0.8)``, and half as many as none at all.
    """

    name: str = "gate"

    def __call__(self, gate: Any) -> Verdict:
        """The verdict; what the gate raises is told, not raised."""
        first = torch.stack([confidence[1] for confidence, _ in _films().values()])
        try:
            words = _broken(gate, first)
        except Exception as error:
            words = f"It raises {type(error).__name__}: {error}"
        if words:
            return not_yet(self.name, words)
        asks = gate(first.clone())
        mine, ours, none = (
            _mistakes(threshold) for threshold in (asks, OURS(first), always(first))
        )
        better = sum(mine) <= min(sum(ours), sum(none)) / 2
        words = (
            f"It trusts {mine[0]} of {none[0]} images in which the point is more than {OFF:g} px"
            f" off, and doubts {mine[1]} others; {OURS} {ours[0]} and {ours[1]}, no gate {none[0]}"
            f" and {none[1]}."
        )
        if better:
            return right(self.name, f". {words}", _timeline(asks))
        return not_yet(
            self.name,
            f"At most half as many mistakes as these are asked for. {words}",
            _timeline(asks),
        )

    def or_ours(self, gate: Any) -> Any:
        """Your gate where it is right, else ``above(0.8)``, which is said: the lesson goes on
        either way.
        """
        return gate if self(gate).passed else stand_in(self.name, OURS)


gate = Gate()


@cache
def _films() -> dict[str, tuple[Tensor, Tensor]]:
    """By name: the confidence (frames) of a learned tracker, and by how many px (frames) it is
    off.
    """
    return {
        "another passes by": _followed(
            {"opaque": True}, [[40, 64], [64, 30]], [[80, 64], [64, 100]]
        ),
        "another hides it": _followed(
            {"opaque": True}, [[40, 64], [100, 64]], [[64, 64], [64, 64]]
        ),
        "the light fades": _followed(
            {"light": -0.6, "lookalike": 0.95}, [[50, 64], [38, 64]], [[98, 64], [86, 64]]
        ),
    }


def _followed(
    settings: dict[str, Any], start: list, end: list, frames: int = 24
) -> tuple[Tensor, Tensor]:
    toy, way = Toy(blobs=2, width=4, **settings), torch.linspace(0, 1, frames)[:, None, None]
    truth = torch.tensor(start).float() * (1 - way) + torch.tensor(end).float() * way
    answers = list(
        follow(
            Discriminative(12),
            [toy.view(latent) for latent in truth],
            Edit(truth[0, :1], truth[-1, :1]),
        )
    )
    points = torch.cat([found.points for found in answers])
    return torch.cat([found.confidence for found in answers]), (points - truth[:, 0]).norm(dim=1)


def _broken(gate: Any, first: Tensor) -> str | None:
    """In words, the first rule that it breaks."""
    if isinstance(gate, type) or not callable(gate):
        return f"Give the gate itself, check.gate(better); this is {gate!r}."
    given = first.clone()
    asks = gate(given)
    if not isinstance(asks, Tensor) or asks.shape != first.shape or asks.dtype == torch.bool:
        return (
            f"It returns {asks!r}; it returns the least confidence that is trusted, a tensor with"
            f" a number for each of the {len(first)} handles."
        )
    if not torch.equal(given, first):
        return "It changes `first`, which was passed in; make a new tensor: a = a - b, not a -= b."
    if not (asks <= first).all():
        worst = int((asks - first).argmax())
        return (
            "It shuts at step 1, before anything has moved: there the confidence is"
            f" {first[worst]:.2f}, and it asks for {asks[worst]:.2f}. A number that fits one"
            " image shuts another out; begin with `first`."
        )
    if not torch.allclose(gate(first.flip(0)), asks.flip(0)):
        return (
            "It does not go by the confidence alone: the same handles in another order get other"
            " thresholds."
        )
    if not (gate(-first) <= -first).all():
        return (
            "For a negative confidence it asks for more than that confidence, and shuts at step 1:"
            " take something off, whatever the sign (exercise 1)."
        )
    return None


def _mistakes(asks: Tensor) -> tuple[int, int]:
    """How many images are trusted although the point is off, and how many are doubted although
    it is not.
    """
    doubted = torch.cat(
        [confidence < least for (confidence, _), least in zip(_films().values(), asks)]
    )
    off = torch.cat([off > OFF for _, off in _films().values()])
    return int((~doubted & off).sum()), int((doubted & ~off).sum())


def _timeline(asks: Tensor) -> Plot:
    """Confidence over the three films, what the gate asks for, and where the point is off."""
    figure = Plot(figsize=(8, 2.6), layout="constrained")
    for axes, (name, (confidence, off)), least in zip(
        figure.subplots(1, 3, sharey=True), _films().items(), asks.tolist()
    ):
        axes.plot(confidence, color=BLUE, label="confidence")
        axes.axhline(least, color=ORANGE, ls="--", label="yours")
        axes.fill_between(
            range(len(off)),
            0,
            1,
            where=off > OFF,
            step="mid",
            color=SHADE,
            transform=axes.get_xaxis_transform(),
            label=f"over {OFF:g} px off",
        )
        axes.set(
            xlabel="image",
            title=name,
            ylim=(0, 1.05 * max(c.max() for c, _ in _films().values())),
        )
    axes.legend(frameon=False, loc="upper left", bbox_to_anchor=(1, 1))
    return figure
