"""What is known of an image exactly: where its landmarks are, and how every point moves."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import numpy as np

from ..arguments import instance, named_arguments, whole
from . import shapes
from .renderer import MOST_RAYS, nearest, pixel_to_world, world_to_pixel
from .scene import Scene

MOST_SIDE = 2048  # of an image whose motion is computed; so large, it takes two gigabytes

# name -> (part, direction in its own coordinates, to where the surface is)
Spots = Mapping[str, tuple[str, tuple[float, float, float]]]


@runtime_checkable
class Thing(Protocol):
    """What a world is of: a `Lion`, a `Car`."""

    def scene(self) -> Scene:
        """Its parts, light and background."""
        ...

    def parts(self) -> tuple[str, ...]:
        """The names of the scene's parts."""
        ...


@dataclass(frozen=True)
class Landmarks:
    """Named points (k, 2), pixels (x, y); visible (k,): in the image and not covered."""

    names: tuple[str, ...]
    points: np.ndarray
    visible: np.ndarray

    def __getitem__(self, name: str) -> tuple[float, float]:
        """The point (x, y) of that name. Raises KeyError with the known names."""
        if name not in self.names:
            raise KeyError(f"no landmark {name!r}; there are {', '.join(self.names)}")
        return tuple(self.points[self.names.index(name)].tolist())


@dataclass(frozen=True)
class Motion:
    """``flow`` (size, size, 2) pixels (x, y), 0 on background; ``visible``: seen in both."""

    flow: np.ndarray
    visible: np.ndarray


def landmarks(thing: Thing, spots: Spots, size: int) -> Landmarks:
    """The spots of a thing, in pixels of a size x size image.

    Raises:
        ValueError: the size is not a whole number from 1 to 4096.
    """
    size = whole("size", size, 1, MOST_RAYS)
    scene = thing.scene()
    names = thing.parts()
    part = np.array([names.index(name) for name, _ in spots.values()])
    direction = np.array([direction for _, direction in spots.values()], float)
    own = direction / np.linalg.norm(direction, axis=1, keepdims=True)
    for k in np.flatnonzero(~scene.is_a("ellipsoid")[part]):
        own[k] *= _reach(scene, part[k], own[k])
    world = scene.world(part, own)
    return Landmarks(tuple(spots), world_to_pixel(world[:, :2], size), _visible(scene, world))


@named_arguments
def motion(a: Thing, b: Thing, size: int = 128) -> Motion:
    """Where each point seen in the image of a is in that of b, exactly.

    u = R_a^-1 (p - c_a) / axes_a is the point in its part's own coordinates, which a and b share;
    p' = c_b + R_b (axes_b * u) is where b has it;  flow = p' - p, in pixels.

    Raises:
        TypeError: a is neither a lion nor a car, or b is not of a's kind.
        ValueError: the size is not a whole number from 1 to 2048.
    """
    instance("a", a, Thing, "a Lion or a Car, such as Lion.sample(1)")
    instance("b", b, type(a), f"a {type(a).__name__}, as a is one")
    size = whole("size", size, 1, MOST_SIDE)
    before = a.scene()
    after = b.scene()
    y, x = np.indices((size, size)).reshape(2, -1)
    index, z = nearest(before, pixel_to_world(x, size), pixel_to_world(y, size))
    behind, _ = nearest(after, pixel_to_world(x, size), pixel_to_world(y, size))

    on = index >= 0
    k = index[on]
    point = np.stack([pixel_to_world(x[on], size), pixel_to_world(y[on], size), z[on]], 1)
    moved = after.world(k, before.own(k, point))

    flow = np.zeros((size * size, 2))
    visible = ~on & (behind < 0)
    flow[on] = (moved - point)[:, :2] * size / 2
    visible[on] = _visible(after, moved)
    return Motion(flow.reshape(size, size, 2), visible.reshape(size, size))


def _reach(scene: Scene, part: int, direction: np.ndarray) -> float:
    """How far the surface is in a direction from the centre, in own coordinates."""
    centre = np.zeros((3, 1))
    along = np.where(direction == 0, 1e-12, direction)[:, None]
    with np.errstate(invalid="ignore"):
        if scene.shape[part] == "cylinder":
            return float(shapes.cylinder(centre, along, np)[0])
        return float(shapes.box(centre, along, scene.rounding[part], np)[0])


def _visible(scene: Scene, world: np.ndarray) -> np.ndarray:
    """In the image and first on its ray; its own part counts, so it also faces us."""
    _, depth = nearest(scene, world[:, 0], world[:, 1])
    return (depth <= world[:, 2] + 1e-6) & (np.abs(world[:, :2]) <= 1).all(1)
