"""The worlds by name: what a trainer or a benchmark has to know of each."""

from __future__ import annotations

from dataclasses import dataclass

from .lion import FACTORS, GEOMETRY, LANDMARKS, Lion


@dataclass(frozen=True)
class World:
    """A world of one kind of thing, whose images are steered by factors.

    Args:
        name: as in `WORLDS`.
        kind: the class of its things, with from_normal(z), of_latent(z, truncation),
            sample(seed), scene(), parts(), render(size) and landmarks(size).
        factors: (name, low, high) of each factor; a latent has a number for each.
        geometry: so many leading factors move points, the others only colour and light them.
        landmarks: the names of the landmarks.
    """

    name: str
    kind: type
    factors: tuple[tuple[str, float, float], ...]
    geometry: int
    landmarks: tuple[str, ...]


WORLDS = {"lion": World("lion", Lion, FACTORS, GEOMETRY, tuple(LANDMARKS))}
