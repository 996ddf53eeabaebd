"""Lesson 7: what a drag missed and what its tracker missed, and a scene that fools the nearest
neighbour.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from matplotlib.axes import Axes
from torch import Tensor

from ..geometry import inside
from ..models.toy import Toy
from ..plot.figures import BLUE, ORANGE
from ..records import Edit
from ..trackers import NearestNeighbor, follow
from .exercise import Exercise, Values

Pair = tuple[Tensor, Tensor]


def _far(a: Tensor, b: Tensor) -> Tensor:
    return (a - b).norm(dim=-1).mean(-1)


def _errors(seen: Tensor, claimed: Tensor, targets: Tensor) -> Pair:
    return _far(seen, targets), _far(seen, claimed)


def _tracks() -> list[tuple[Tensor, Tensor, Tensor]]:
    """Points on their way to targets (n 2), where they are and where a tracker says they are, each
    (s n 2).
    """
    generator = torch.Generator().manual_seed(8)
    cases = []
    for n in (3, 1, 2, 5):
        start, targets = 100 * torch.rand(2, n, 2, generator=generator)
        # a run that was stopped before its target
        claimed = start + (targets - start) * torch.linspace(0, 0.9, 14)[:, None, None]
        cases.append(
            (claimed + 6 * torch.randn(claimed.shape, generator=generator), claimed, targets)
        )
    return cases


def _both(far: Callable[[Tensor, Tensor], Tensor]) -> Callable[..., Pair]:
    return lambda seen, claimed, targets: (far(seen, targets), far(seen, claimed))


def _named(function: Callable[..., Any], case: tuple) -> Values:
    value = function(*case)
    if not isinstance(value, tuple | list | Tensor) or len(value) != 2:
        return {"answer": f"a {type(value).__name__}, not a pair"}
    return {"answer": "a pair", "mean distance": value[0], "tracker's error": value[1]}


def _over_steps(axes: Axes, case: tuple, values: Values) -> None:
    """Both curves; "answer" says only whether there are two."""
    for name, colour in (("mean distance", BLUE), ("tracker's error", ORANGE)):
        axes.plot(torch.as_tensor(values[name]).detach().numpy(), color=colour, label=name)
    axes.set(xlabel="step", ylabel="px")
    axes.legend(frameon=False, fontsize=8)


errors = Exercise(
    "errors",
    "errors(seen, claimed, targets): two curves (s), in pixels: the mean distance from where the"
    " points are seen, (s n 2), to their targets (n 2), and that from there to where the tracker"
    " claims them to be, (s n 2). Distances are L2, the mean is over the n points.",
    _errors,
    _tracks,
    {
        "That is the norm of the mean: points that miss to the left and to the right cancel. Take each point's distance first, then the mean.": _both(
            lambda a, b: (a - b).mean(-2).norm(dim=-1)
        ),
        "The mean is over the steps; it is over the points, one number a step.": _both(
            lambda a, b: (a - b).norm(dim=-1).mean(0)
        ),
        "That is one number for the whole run; one a step is asked for.": _both(
            lambda a, b: (a - b).norm(dim=-1).mean()
        ),
        "That is the mean over x and y as well; take both together, as one distance, before the mean over the points.": _both(
            lambda a, b: (a - b).abs().mean((-2, -1))
        ),
        "That is the root of the mean square over points and coordinates, in which the worst point counts most; take the mean of the distances.": _both(
            lambda a, b: (a - b).square().mean((-2, -1)).sqrt()
        ),
        "The tracker's error is from where the points are seen to where it claims them to be; yours is from the claim to the target.": lambda s, c, t: (
            _far(s, t),
            _far(c, t),
        ),
        "The mean over the points is missing: one number a step, not one for each point.": _both(
            lambda a, b: (a - b).norm(dim=-1)
        ),
        "That is the last step alone; a curve has a number for each step.": lambda s, c, t: tuple(
            far[-1] for far in _errors(s, c, t)
        ),
        "That is the L1 distance, |x| + |y|; a distance in the image is L2.": _both(
            lambda a, b: (a - b).abs().sum(-1).mean(-1)
        ),
        "The root is missing: these are squared pixels.": _both(
            lambda a, b: (a - b).square().sum(-1).mean(-1)
        ),
        "That is the root of the mean square, in which the worst point counts most; take the mean of the distances.": _both(
            lambda a, b: (a - b).square().sum(-1).mean(-1).sqrt()
        ),
        "The norm is over the points and the mean over x and y; it is the other way round.": _both(
            lambda a, b: (a - b).norm(dim=-2).mean(-1)
        ),
        "That is the sum over the points: divide by their number.": _both(
            lambda a, b: (a - b).norm(dim=-1).sum(-1)
        ),
        "The tracker judges itself: the mean distance is from where the points *are* (seen), not from where it claims them to be.": lambda s, c, t: (
            _far(c, t),
            _far(s, c),
        ),
        "That is the distance to where the claim ends; the targets are given.": lambda s, c, t: (
            _far(s, c[-1]),
            _far(s, c),
        ),
        "That is the point that is farthest off; take the mean over the points.": _both(
            lambda a, b: (a - b).norm(dim=-1).amax(-1)
        ),
        "That is the median; take the mean over the points.": _both(
            lambda a, b: (a - b).norm(dim=-1).median(-1).values
        ),
        "That is one length for all points together; take each point's distance first, then their mean.": _both(
            lambda a, b: (a - b).norm(dim=(-2, -1))
        ),
        "The two curves are swapped.": lambda s, c, t: _errors(s, c, t)[::-1],
        "The tracker's error is a distance between two points, not the difference of their distances to the target: both can be 3 px away, on two sides.": lambda s, c, t: (
            _far(s, t),
            (_far(s, t) - _far(c, t)).abs(),
        ),
    },
    draw=_over_steps,
    run=_named,
    whole=True,
)

# of the film, the window and what counts as lost; the last two in px
FRAMES, RADIUS, LOST = 24, 6, 5.0
YOURS = {"lookalike": 0.95, "light": 0.9, "opaque": 1}  # what may be set, and how far
ALIKE = 0.5  # from here on it is a look-alike


class Outcome(str):
    """What became of the tracker, in words, and its `error` (frames) in px where a
    film was made.
    """

    error: Tensor | None = None

    def __repr__(self) -> str:
        return (
            f"'{self}, {self.error[-1]:.1f} px off'"
            if self.startswith("followed")
            else repr(str(self))
        )


def simulate(
    settings: dict[str, Any], start: Tensor, end: Tensor, other_start: Any, other_end: Any
) -> tuple[Tensor, Tensor]:
    """Where the handle's blob is, (24 2), and where the nearest neighbour in a window of 6 px says
    it is, (24 2), while two blobs go their ways.
    """
    model = Toy(blobs=2, width=4, **settings)
    truth, other = (_way(a, b) for a, b in ((start, end), (other_start, other_end)))
    views = [model.view(latent) for latent in torch.stack([truth, other], 1)]
    answers = follow(
        NearestNeighbor(RADIUS * 512 / model.side), views, Edit(truth[:1], truth[-1:])
    )
    return truth, torch.cat([found.points for found in answers])


def _way(start: Any, end: Any) -> Tensor:
    start, end = (torch.as_tensor(p, dtype=torch.float32).reshape(1, 2) for p in (start, end))
    return start + (end - start) * torch.linspace(0, 1, FRAMES)[:, None]


def _outcome(function: Callable[..., Any], case: tuple) -> Values:
    """What became of the tracker, or what is against the scene."""
    value = function(*case)
    if not isinstance(value, tuple | list) or len(value) != 3 or not isinstance(value[0], dict):
        return {
            "outcome": Outcome(
                "It returns no scene; that is (settings, other_start, other_end), and settings is"
                " a dict."
            )
        }
    settings, (start, end) = value[0], case
    try:
        truth, other = _way(start, end), _way(*value[1:])
    except (TypeError, ValueError, RuntimeError):
        return {
            "outcome": Outcome(
                "other_start and other_end are places in the image, each a tensor (x, y)."
            )
        }
    if set(settings) - set(YOURS):
        return {"outcome": Outcome("refused: other settings")}
    if odd := [name for name, value in settings.items() if not isinstance(value, int | float)]:
        return {
            "outcome": Outcome(
                f"{odd[0]} is {settings[odd[0]]!r}; it is a number (opaque: True or False)."
            )
        }
    if any(abs(settings[name]) > most for name, most in YOURS.items() if name in settings):
        return {"outcome": Outcome("refused: lookalike or light beyond its end")}
    if not inside(other, (128, 128)).all():
        return {"outcome": Outcome("refused: the other blob leaves the image")}
    if (other[0] - truth[0]).norm() < RADIUS - 0.01:
        return {"outcome": Outcome("refused: the other blob lies on the handle at the start")}
    error = (torch.sub(*simulate(settings, start, end, *value[1:]))).norm(dim=1)
    search_centre, alike = (
        (other - truth).abs().amax(1).min() <= RADIUS,
        settings.get("lookalike", 0) >= ALIKE,
    )
    twin = (
        "no twin"
        if not alike
        else (
            "a twin in light that changes" if settings.get("light") else "a twin in the same light"
        )
    )
    followed = (
        f"followed to the end, with {twin}"
        if search_centre
        else "followed to the end; the other blob was never in the window"
    )
    outcome = Outcome(
        ("lost" if alike else "lost, but without a look-alike") if error[-1] > LOST else followed
    )
    outcome.error = error
    return {"outcome": outcome}


def _fool(
    start: Tensor, end: Tensor, lookalike: float = 0.95, light: float = 0.9
) -> tuple[dict[str, Any], Tensor, Tensor]:
    middle = (start + end) / 2
    return (
        {"lookalike": lookalike, "light": -light if end[0] > start[0] else light},
        middle,
        middle,
    )


def _ways() -> list[tuple[Tensor, Tensor]]:
    return [
        (torch.tensor(a), torch.tensor(b))
        for a, b in (
            ((46.0, 64.0), (70.0, 64.0)),
            ((80.0, 46.0), (64.0, 70.0)),
            ((64.0, 80.0), (50.0, 56.0)),
        )
    ]


def _lines(axes: Axes, case: tuple, value: Outcome) -> None:
    axes.plot(value.error.numpy(), color=BLUE)
    axes.axhline(LOST, color="0.6", ls="--")
    axes.set(xlabel="frame (dashed: lost)", ylabel="tracker's error (px)")


def _heading(case: tuple) -> str:
    start, end = case
    return (
        f"the way from ({start[0]:g}, {start[1]:g}) to ({end[0]:g}, {end[1]:g}),"
        f" {'left to right' if end[0] > start[0] else 'right to left'}"
    )


fool = Exercise(
    "fool",
    "fool(start, end): a scene in which nearest neighbour loses the blob that walks from start to"
    ' end (2): (settings, other_start, other_end), a dict for dk.load("toy", …) with lookalike'
    " (0.5 to 0.95), light (from -0.9 to 0.9) and opaque, and the way of the other blob. Lost:"
    " more than 5 px off at the end of 24 frames, window 6 px.",
    _fool,
    _ways,
    {
        "The other blob leaves the image: x and y are in 0 … 127.": lambda a, b: (
            {"lookalike": 0.95},
            a,
            b + 100,
        ),
        "The other blob lies on the handle at the start, so the template is not the handle's: begin at least 6 px away.": lambda a, b: (
            _fool(a, b)[0],
            a,
            a,
        ),
        "It was not lost, and the other blob was never in the window, which reaches 6 px: what is not looked at fools nobody.": lambda a, b: (
            _fool(a, b)[0],
            torch.tensor([20.0, 110.0]),
            torch.tensor([20.0, 110.0]),
        ),
        "An exact twin, or no light at all, is no art: lookalike ends at 0.95, light at ±0.9.": (
            lambda a, b: _fool(a, b, 1.0)
        ),
        "Only lookalike, light and opaque are yours to set.": lambda a, b: (
            {"blobs": 5},
            a + 20,
            b,
        ),
        "It was not lost: a twin that is not quite alike is never as near as the blob itself, while that stays as it was. Something must make the blob less like its template.": lambda a, b: (
            _fool(a, b, light=0)
        ),
        "It is lost from left to right, and from right to left it is followed to the end: light has a direction, and what pales is lost sooner.": lambda a, b: (
            {"lookalike": 0.95, "light": -0.5},
            *[(a + b) / 2] * 2,
        ),
        "It is lost from right to left, and from left to right it is followed to the end: light has a direction, and what pales is lost sooner.": lambda a, b: (
            {"lookalike": 0.95, "light": 0.5},
            *[(a + b) / 2] * 2,
        ),
        "That hides the blob; it builds no look-alike (lookalike from 0.5 on) that the tracker takes for it.": lambda a, b: (
            {"opaque": True},
            b,
            b,
        ),
        "It was not lost: nothing looks like the blob but the blob.": lambda a, b: (
            {},
            (a + b) / 2,
            (a + b) / 2,
        ),
    },
    draw=_lines,
    run=_outcome,
    told=_heading,
)
