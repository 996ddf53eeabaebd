"""The worlds by name: what a trainer or a benchmark has to know of each."""

from __future__ import annotations

from dataclasses import dataclass

from . import car, lion


@dataclass(frozen=True)
class World:
    """A world of one kind of thing, whose images are steered by factors.

    Args:
        name: as in `WORLDS`.
        kind: the class of its things, with from_normal(z), of_latent(z, truncation),
            sample(seed), scene(), parts(), render(size) and landmarks(size).
        factors: (name, low, high) of each factor; a latent has a number for each.
        pose: so many leading factors are what a benchmark's drags change; the rest stays.
        geometry: so many leading factors move points, the others only colour and light them.
        landmarks: the names of the landmarks.
    """

    name: str
    kind: type
    factors: tuple[tuple[str, float, float], ...]
    pose: int
    geometry: int
    landmarks: tuple[str, ...]


WORLDS = {
    name: World(name, kind, part.FACTORS, part.POSE, part.GEOMETRY, tuple(part.LANDMARKS))
    for name, kind, part in (("lion", lion.Lion, lion), ("car", car.Car, car))
}
