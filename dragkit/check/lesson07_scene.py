"""Lesson 7: a scene in which the nearest neighbour loses the blob that it follows."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from matplotlib.axes import Axes
from torch import Tensor

from ..geometry import inside
from ..models.toy import Toy
from ..plot.figures import BLUE
from ..tasks.sequences import TWIN, line, toy_sequence
from ..trackers import NearestNeighbor, follow
from .cases import Case, Cases, chance, uniform
from .comparison import Values
from .exercise import Exercise
from .mistakes import Answer, mistakes_of

RADIUS = 6  # of the window, in pixels
LOST = 5.0  # px; a point that ends farther off is lost

# What may be set in a scene, and how far from 0.
SETTINGS = {"lookalike": 0.95, "light": 0.9, "opaque": 1}


class Refused(Exception):
    """A scene that is not allowed, and why."""


class Outcome(str):
    """What became of the tracker, in words.

    Attributes:
        error: how far off it was (frames), in pixels; None if it was not asked.
    """

    error: Tensor | None = None

    def __repr__(self) -> str:
        if self.error is None or not self.startswith("followed"):
            return repr(str(self))
        return f"'{self}, {self.error[-1]:.1f} px off'"


@dataclass(frozen=True, eq=False)
class Scene:
    """Two blobs on straight paths (frames 2), of which the first is followed."""

    settings: Mapping[str, Any]
    path: Tensor
    other: Tensor

    @property
    def error(self) -> Tensor:
        """How far off the nearest neighbour is (frames), in pixels."""
        toy = Toy(blobs=2, width=4, **self.settings)
        sequence = toy_sequence("fool", toy, torch.stack([self.path, self.other], 1))

        tracker = NearestNeighbor(RADIUS * 512 / toy.side)
        tracks = follow(tracker, sequence.views, sequence.edit)
        points = torch.stack([track.points for track in tracks])
        return (sequence.truth - points).norm(dim=-1).flatten()

    @property
    def outcome(self) -> Outcome:
        """What becomes of the tracker."""
        error = self.error
        outcome = Outcome(self._lost() if error[-1] > LOST else self._followed())
        outcome.error = error
        return outcome

    @property
    def _has_twin(self) -> bool:
        return bool(self.settings.get("lookalike", 0) >= TWIN)

    def _lost(self) -> str:
        return "lost" if self._has_twin else "lost, but without a look-alike"

    def _followed(self) -> str:
        nearest = (self.other - self.path).abs().amax(1).min()
        if nearest > RADIUS:
            return "followed to the end; the other blob was never in the window"
        if not self._has_twin:
            return "followed to the end, with no twin"
        if self.settings.get("light"):
            return "followed to the end, with a twin in light that changes"
        return "followed to the end, with a twin in the same light"


def _built(value: Any, start: Tensor, end: Tensor) -> Scene:
    """The scene that an answer describes.

    Raises:
        Refused: it is not a scene, or one that is not allowed.
    """
    if not isinstance(value, tuple | list) or len(value) != 3 or not isinstance(value[0], dict):
        raise Refused(
            "It returns no scene; that is (settings, other_start, other_end), and settings is a"
            " dict."
        )
    settings, other_start, other_end = value
    try:
        other = line(_point(other_start), _point(other_end))
    except (TypeError, ValueError, RuntimeError):
        raise Refused(
            "other_start and other_end are places in the image, each a tensor (x, y)."
        ) from None

    _check_settings(settings)
    if not inside(other, (128, 128)).all():
        raise Refused("refused: the other blob leaves the image")
    if (other[0] - start).norm() < RADIUS - 0.01:
        raise Refused("refused: the other blob lies on the handle at the start")
    return Scene(settings, line(_point(start), _point(end)), other)


def _check_settings(settings: Mapping[str, Any]) -> None:
    """Raise Refused if something else is set, or something is set too far."""
    if set(settings) - set(SETTINGS):
        raise Refused("refused: other settings")
    for name, value in settings.items():
        if not isinstance(value, int | float):
            raise Refused(f"{name} is {value!r}; it is a number (opaque: True or False).")
    for name, value in settings.items():
        if abs(value) > SETTINGS[name]:
            raise Refused("refused: lookalike or light beyond its end")


def _point(place: Any) -> Tensor:
    """A place (2) as a tensor."""
    return torch.as_tensor(place, dtype=torch.float32).reshape(2)


def _outcome(function: Answer, case: Case) -> Values:
    """What became of the tracker, or why the scene is refused."""
    start, end = case
    try:
        scene = _built(function(start, end), start, end)
    except Refused as reason:
        return {"outcome": Outcome(str(reason))}
    return {"outcome": scene.outcome}


def _error_over_frames(axes: Axes, case: Case, outcome: Outcome) -> None:
    assert outcome.error is not None  # else there is nothing to draw
    axes.plot(outcome.error.numpy(), color=BLUE)
    axes.axhline(LOST, color="0.6", ls="--")
    axes.set(xlabel="frame (dashed: lost)", ylabel="tracker's error (px)")


def _path_in_words(case: Case) -> str:
    start, end = case
    heading = "left to right" if end[0] > start[0] else "right to left"
    return f"the path from ({start[0]:g}, {start[1]:g}) to ({end[0]:g}, {end[1]:g}), {heading}"


def _fool(start: Tensor, end: Tensor) -> tuple[dict[str, float], Tensor, Tensor]:
    # the blob pales on its path
    light = -0.9 if end[0] > start[0] else 0.9
    settings = {"lookalike": 0.95, "light": light}
    middle = (start + end) / 2
    other_start = middle
    other_end = middle
    return settings, other_start, other_end


def _draw_path(random: torch.Generator) -> Case:
    """From where to where the blob moves: 24 to 29 px, at most 60° aslant, near the middle."""
    angle = uniform(random, -math.pi / 3, math.pi / 3)
    length = uniform(random, 24, 29)
    step = length * torch.stack([angle.cos(), angle.sin()])
    if chance(random, 0.5):
        step[0] = -step[0]

    start = (uniform(random, 60, 68, 2) - step / 2).round()
    return start, (start + step).round()


def _properties_of_path(case: Case) -> dict[str, bool]:
    start, end = case
    x, y = (end - start).tolist()
    return {
        "it goes to the lower right": x > 0 and y > 5,
        "it goes to the upper left": x < 0 and y < -5,
    }


SCENE = 'settings = {"lookalike": 0.95, "light": light}'
LIGHT = "light = -0.9 if end[0] > start[0] else 0.9"

fool = Exercise(
    "fool",
    "fool(start, end): a scene in which nearest neighbour loses the blob that moves from start to"
    ' end (2): (settings, other_start, other_end), a dict for dk.load("toy", …) with lookalike'
    " (0.5 to 0.95), light (from -0.9 to 0.9) and opaque, and the path of the other blob. Lost:"
    " more than 5 px off at the end of 24 frames, window 6 px.",
    _fool,
    # on the paths of this seed a light of half the strength is enough, if its direction is right
    Cases(
        _draw_path,
        _properties_of_path,
        count=3,
        seed=26,
    ),
    mistakes_of(
        _fool,
        {
            "The other blob leaves the image: x and y are in 0 … 127.": (
                "other_end = middle",
                "other_end = end + 100",
            ),
            "The other blob lies on the handle at the start, so the template is not the"
            " handle's: begin at least 6 px away.": (
                "other_start = middle",
                "other_start = start",
            ),
            "It was not lost, and the other blob was never in the window, which reaches 6 px:"
            " what is not searched fools nobody.": (
                "middle = (start + end) / 2",
                "middle = torch.tensor([20.0, 110.0])",
            ),
            "An exact twin, or more light than that, would be too easy: lookalike ends at 0.95,"
            " light at ±0.9.": (SCENE, 'settings = {"lookalike": 1.0, "light": light}'),
            "Only lookalike, light and opaque are yours to set.": (
                SCENE,
                'settings = {"blobs": 5}',
            ),
            "It was not lost: a twin that is not quite alike is never as near as the blob"
            " itself, as long as that one stays as it was. Something must make the blob less like"
            " its template.": (SCENE, 'settings = {"lookalike": 0.95}'),
            "It is lost from left to right, and followed to the end from right to left: light"
            " has a direction, and a blob that pales is lost sooner.": (LIGHT, "light = -0.5"),
            "It is lost from right to left, and followed to the end from left to right: light"
            " has a direction, and a blob that pales is lost sooner.": (LIGHT, "light = 0.5"),
            "That hides the blob; it builds no look-alike (lookalike from 0.5 on) that the"
            " tracker takes for it.": (
                "return settings, other_start, other_end",
                'return {"opaque": True}, end, end',
            ),
            "It was not lost: nothing looks like the blob but the blob itself.": (
                SCENE,
                "settings = {}",
            ),
        },
    ),
    draw=_error_over_frames,
    run=_outcome,
    describe=_path_in_words,
)
