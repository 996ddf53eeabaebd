"""What is drawn: parts of simple shapes, a light, and a background.

World coordinates: the image spans [-1, 1] in x (right) and y (down), z points at the viewer,
and the camera is orthographic, so a point (X, Y, Z) is seen at pixel x = (X + 1) / 2 * size - 0.5,
likewise y.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial

import numpy as np

from ..arguments import finite, finite_array, function, named_arguments, numbers, shown
from . import shapes

STEEPEST = 1e-6  # a ray is never closer to parallel to a box's face than this


@named_arguments
@dataclass(frozen=True)
class Meadow:
    """A background of sky over ground, with a soft horizon and soft diagonal stripes.

    Calling it with world coordinates ``x`` and ``y``, of shapes that broadcast together, gives
    colours ``(*shape, 3)`` in 0..1. ``sky`` and ``ground`` are RGB in 0..1, ``horizon`` a world y.

    Raises:
        ValueError: a colour is not three finite numbers, or another number is not finite.
    """

    sky: np.ndarray
    ground: np.ndarray
    horizon: float = 0.1
    stripes: float = 0.06

    def __post_init__(self) -> None:
        for name in ("sky", "ground"):
            colour = finite_array(name, getattr(self, name), (3,), "(red, green, blue) in 0..1")
            object.__setattr__(self, name, colour)
        for name in ("horizon", "stripes"):
            value = finite(name, getattr(self, name), "a finite number")
            object.__setattr__(self, name, value)

    def __call__(self, x: np.ndarray, y: np.ndarray) -> np.ndarray:
        """Colours (*shape, 3) at world coordinates."""
        haze = 0.16 * (1 + y)[..., None]  # the sky pales toward the horizon
        sky = self.sky + (1 - self.sky) * haze
        wave = 1 + self.stripes * np.sin(14 * (x + y)) - 0.1 * (y - self.horizon)
        below = 1 / (1 + np.exp(-18 * (y - self.horizon)))[..., None]
        return np.clip(sky + below * (self.ground * wave[..., None] - sky), 0, 1)


@named_arguments
@dataclass(frozen=True)
class Scene:
    """Parts, a light and a background.

    Part k is the set of points  centre[k] + rotation[k] @ (axes[k] * u),  with u in the unit
    shape that `shapes` defines, such as |u| <= 1 for an ellipsoid.

    Args:
        centre: (n, 3) world coordinates.
        axes: (n, 3) semi-axes, positive.
        rotation: (n, 3, 3) orthogonal; the columns are the part's own axes. Those of a box or
            cylinder may also be oblique, which shears it.
        colour: (n, 3) RGB in 0..1.
        gloss: (n,) strength of the highlight, 0 (matt) to 1.
        light: (3,) direction toward the light; its length does not matter.
        background: world x (1, w) and y (h, 1) -> colours (h, w, 3) in 0..1.
        shape: (n,) names: "ellipsoid", "box" or "cylinder"; all are ellipsoids if none is given.
        rounding: (n,) how much of a box's semi-axes is rounded, above 0 to 1; only boxes have
            one, and 0.3 is what they get if none is given.

    Raises:
        TypeError: the background cannot be called.
        ValueError: an array has another shape or a number that is not finite, a semi-axis is not
            positive, the columns of a rotation lie in a plane, the light is zero, or there is no
            such shape or rounding.
    """

    centre: np.ndarray
    axes: np.ndarray
    rotation: np.ndarray
    colour: np.ndarray
    gloss: np.ndarray
    light: np.ndarray
    background: Callable[[np.ndarray, np.ndarray], np.ndarray]
    shape: Sequence[str] = ()
    rounding: np.ndarray = field(default_factory=partial(np.zeros, 0))

    def __post_init__(self) -> None:
        n = numbers("centre", self.centre, "numbers of shape (n, 3)").numel() // 3
        object.__setattr__(self, "shape", _checked_shapes(self.shape, n))
        if len(self.rounding) == 0:
            object.__setattr__(self, "rounding", np.full(n, 0.3))
        wanted = {
            "centre": (n, 3),
            "axes": (n, 3),
            "rotation": (n, 3, 3),
            "colour": (n, 3),
            "gloss": (n,),
            "light": (3,),
            "rounding": (n,),
        }
        for name, shape in wanted.items():
            way_out = f"finite numbers of shape {shape} for {n} parts"
            array = finite_array(name, getattr(self, name), shape, way_out)
            object.__setattr__(self, name, array)
        self._check_values()

    def _check_values(self) -> None:
        if not np.all(self.axes > 0):
            raise ValueError(f"semi-axes must be positive, the smallest is {np.min(self.axes)}")
        if not np.any(self.light):
            raise ValueError("light is (0, 0, 0); it must point toward the light")
        wrong = self.rounding[(self.rounding <= 0) | (self.rounding > 1)]
        if len(wrong):
            raise ValueError(
                f"rounding has the value {wrong[0]:g}; give numbers above 0 and up to 1"
            )
        flat = np.flatnonzero(np.linalg.det(self.rotation) == 0)
        if len(flat):
            raise ValueError(
                f"rotation of part {flat[0]} has columns that lie in a plane; give others"
            )
        function("background", self.background, "a function of x and y, such as a Meadow")

    def quadric(self) -> np.ndarray:
        """The matrices (n, 3, 3) of (p - centre)^T M (p - centre) = 1: M = R diag(axes^-2) R^T.

        They say what an ellipsoid is, if the rotation is orthogonal.
        """
        scaled = self.rotation / self.axes[:, None, :]
        return scaled @ scaled.transpose(0, 2, 1)

    def dual(self) -> np.ndarray:
        """The transposed inverse (n, 3, 3) of each rotation; an orthogonal one is its own."""
        oblique = ~self.is_a("ellipsoid")
        dual = self.rotation.copy()
        dual[oblique] = np.linalg.inv(self.rotation[oblique]).transpose(0, 2, 1)
        return dual

    def inward(self) -> np.ndarray:
        """The matrices A (n, 3, 3) into the parts' own coordinates: u = A (p - centre).

        The last column, the way of a ray there, has no zeros, so that a ray along a face does not
        divide by one.
        """
        inward = self.dual().transpose(0, 2, 1) / self.axes[:, :, None]
        along = inward[:, :, 2]
        inward[:, :, 2] = np.where(np.abs(along) < STEEPEST, STEEPEST, along)
        return inward

    def core(self) -> np.ndarray:
        """Half the side (n,) of the cube that was rounded, in own coordinates; 0 for a ball."""
        return np.where(self.is_a("box"), 1 - self.rounding, 0)

    def is_a(self, shape: str) -> np.ndarray:
        """Which parts (n,) have this shape."""
        return np.array([name == shape for name in self.shape], bool)

    def extent(self) -> np.ndarray:
        """Half the width and height (n, 2) of each outline: sqrt(diag(R diag(axes^2) R^T)).

        That is an ellipsoid's; a box adds that of its core, a cylinder that of its ends.
        """
        reach = self.rotation * self.axes[:, None, :]
        core = self.core()[:, None, None]
        flat = np.where(self.is_a("cylinder")[:, None, None], [0, 0, 1], core)
        ball = np.where(self.is_a("cylinder")[:, None, None], [1, 1, 0], 1 - core)
        return (np.sqrt(np.square(ball * reach).sum(2)) + np.abs(flat * reach).sum(2))[:, :2]

    def own(self, part: np.ndarray, world: np.ndarray) -> np.ndarray:
        """The own coordinates (k, 3), in the parts (k,), of world points (k, 3)."""
        from_centre = world - self.centre[part]
        return np.einsum("kji,kj->ki", self.dual()[part], from_centre) / self.axes[part]

    def world(self, part: np.ndarray, own: np.ndarray) -> np.ndarray:
        """World points (k, 3) of own coordinates (k, 3) in the parts (k,)."""
        turned = np.einsum("kij,kj->ki", self.rotation[part], self.axes[part] * own)
        return self.centre[part] + turned


def _checked_shapes(shape: Sequence[str], n: int) -> tuple[str, ...]:
    """The names of n shapes; those of ellipsoids if none is given.

    Raises:
        ValueError: they are anything else.
    """
    names = tuple(shape) if isinstance(shape, list | tuple) else None
    if names == ():
        return ("ellipsoid",) * n
    if names is None or len(names) != n or not set(map(str, names)) <= set(shapes.SHAPES):
        known = ", ".join(shapes.SHAPES)
        raise ValueError(f"shape is {shown(shape)}; give a list of {n} names of {known}")
    return names
