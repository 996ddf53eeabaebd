"""A lion of ellipsoids, steered by 22 factors, with exact landmarks and exact motion.

The head's parts are placed in its own frame (x right, y down, z to the front, in skull half
widths), then turned, scaled and moved into the world of `ellipsoids`.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from ..arguments import finite, finite_array, instance, named_arguments, shown, whole
from ..numeric import is_real
from .anatomy import body, colour, head, turning
from .ellipsoids import (
    MOST_RAYS,
    Meadow,
    Render,
    Scene,
    nearest,
    pixel_to_world,
    render,
    world_to_pixel,
)

MOST_SIDE = 2048  # of an image whose motion is computed; so large, it takes two gigabytes
MOST_SEED = 2**32 - 1
SHORTEST = 0.001  # of the lengths; and
FARTHEST = 1000  # how far from 0 any factor may be
GEOMETRY = 11  # the first factors move points, the others only colour and light them
FACTORS: tuple[tuple[str, float, float], ...] = (
    ("yaw", -40, 40),  # degrees; > 0 looks to the right of the image
    ("pitch", -18, 18),  # degrees; > 0 looks up
    ("roll", -12, 12),  # degrees; > 0 tilts clockwise
    ("x", -0.2, 0.2),  # the head's centre, in half images from the usual place
    ("y", -0.12, 0.12),
    ("size", 0.33, 0.45),  # the skull's half width, in half images
    ("mouth", 0, 1),  # 0 closed, 1 wide open
    ("ears", 0.24, 0.5),  # this and the next: lengths in skull half widths
    ("mane", 0.3, 0.58),
    ("eyes", 0.1, 1),  # 0 closed, 1 wide open
    ("muzzle", 0.1, 0.45),
    ("fur_hue", 24, 42),  # degrees
    ("fur_lightness", 0.46, 0.66),
    ("mane_hue", 6, 30),
    ("mane_lightness", 0.2, 0.4),
    ("sky_hue", 170, 260),
    ("sky_lightness", 0.58, 0.8),
    ("ground_hue", 35, 135),
    ("ground_lightness", 0.34, 0.54),
    ("horizon", -0.15, 0.45),  # world y
    ("light_azimuth", -60, 60),  # degrees; > 0 from the right
    ("light_height", 15, 65),  # degrees above the viewer
)

# name -> (part, direction in its own frame before it is stretched). Left is the image's left.
LANDMARKS: dict[str, tuple[str, tuple[float, float, float]]] = {
    "chin": ("jaw", (0, 0.6, 0.8)),
    "nose": ("nose", (0, 0, 1)),
    "mouth_left": ("cheek_left", (-0.64, 0.48, 0.6)),
    "mouth_right": ("cheek_right", (0.64, 0.48, 0.6)),
    "eye_left_outer": ("eye_left", (-0.8, 0.28, 0.53)),
    "eye_left_inner": ("eye_left", (0.7, 0.28, 0.657)),
    "eye_right_inner": ("eye_right", (-0.7, 0.28, 0.657)),
    "eye_right_outer": ("eye_right", (0.8, 0.28, 0.53)),
    "ear_left": ("ear_left", (0, 0.96, 0.28)),
    "ear_right": ("ear_right", (0, 0.96, 0.28)),
    "forehead": ("skull", (0, -0.6, 0.8)),
    # Clockwise from the lower left; the tufts below those are always behind the chest.
    **{
        f"mane_{k}": (f"tuft_{tuft}", (0, 0.96, 0.28))
        for k, tuft in enumerate((8, 9, 11, 1, 3, 4))
    },
}


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


@named_arguments
@dataclass(frozen=True)
class Lion:
    """One lion; every factor defaults to the middle of its range in `FACTORS` (units there).

    Raises:
        ValueError: a factor is not a number from -1000 to 1000, or a length is below 0.001.
    """

    yaw: float = 0.0
    pitch: float = 0.0
    roll: float = 0.0
    x: float = 0.0
    y: float = 0.0
    size: float = 0.39
    mouth: float = 0.5
    ears: float = 0.37
    mane: float = 0.44
    eyes: float = 0.55
    muzzle: float = 0.275
    fur_hue: float = 33.0
    fur_lightness: float = 0.56
    mane_hue: float = 18.0
    mane_lightness: float = 0.3
    sky_hue: float = 215.0
    sky_lightness: float = 0.69
    ground_hue: float = 85.0
    ground_lightness: float = 0.44
    horizon: float = 0.15
    light_azimuth: float = 0.0
    light_height: float = 40.0

    def __post_init__(self) -> None:
        for name, low, high in FACTORS:
            value = getattr(self, name)
            least = SHORTEST if name in ("size", "ears", "mane") else -FARTHEST
            if not (is_real(value) and least <= value <= FARTHEST):
                raise ValueError(
                    f"{name} is {shown(value)}; give a number such as those from {low:g} to"
                    f" {high:g}"
                )
            object.__setattr__(self, name, float(value))

    @classmethod
    def from_normal(cls, z: ArrayLike) -> Lion:
        """The lion of standard normal numbers z (22,): factor = low + (high - low) Phi(z).

        Phi is the normal distribution function, so z = 0 is the average lion, and scaling z
        towards 0 moves any lion towards it.

        Raises:
            ValueError: z has another length, or a number in it is not finite.
        """
        phi = [0.5 * (1 + math.erf(value / math.sqrt(2))) for value in _checked_z(z)]
        return cls(*(low + (high - low) * p for (_, low, high), p in zip(FACTORS, phi)))

    @classmethod
    def of_latent(cls, z: ArrayLike, truncation: float = 1.0) -> Lion:
        """The lion that the bundled generator was taught to paint for its latent z (22,).

        The generator normalises z to unit second moment and pulls it by the truncation toward the
        average; so does this: from_normal(truncation z / sqrt(mean z^2)).

        Raises:
            ValueError: as :meth:`from_normal`; z is 0, which has no direction; or the truncation
                is not finite.
        """
        truncation = finite("truncation", truncation, "a number, such as 0.7")
        z = _checked_z(z)
        if not z.any():
            raise ValueError("z is 0 everywhere; give 22 normal numbers, or use Lion() for z = 0")
        return cls.from_normal(truncation * z / np.sqrt(np.square(z).mean()))

    @classmethod
    def sample(cls, seed: int) -> Lion:
        """A random lion, uniform in every factor's range; the same seed gives the same lion.

        Raises:
            ValueError: the seed is not a whole number from 0 to 2^32 - 1.
        """
        seed = whole("seed", seed, 0, MOST_SEED)
        return cls.from_normal(np.random.RandomState(seed).randn(len(FACTORS)))

    def scene(self) -> Scene:
        """The ellipsoids of this lion in its meadow; ellipsoid k is ``lion.parts()[k]``."""
        face = head(self)
        trunk = body(self)
        turn = turning(self.yaw, self.pitch, self.roll)
        place = np.array([self.x, self.y - 0.12, 0.0])
        # The body leans after the head, but does not turn with it.
        frames = [(turn, place)] * len(face) + [(np.eye(3), place * [0.75, 1, 1])] * len(trunk)
        parts = [*face.values(), *trunk.values()]
        return Scene(
            centre=np.array([o + self.size * (r @ p.centre) for p, (r, o) in zip(parts, frames)]),
            axes=self.size * np.array([p.axes for p in parts]),
            rotation=np.array([r @ p.rotation for p, (r, _) in zip(parts, frames)]),
            colour=np.array([p.colour for p in parts]),
            gloss=np.array([p.gloss for p in parts]),
            light=turning(self.light_azimuth, self.light_height, 0)[:, 2],
            background=Meadow(
                sky=colour(self.sky_hue, self.sky_lightness, 0.45),
                ground=colour(self.ground_hue, self.ground_lightness, 0.4),
                horizon=self.horizon,
            ),
        )

    def parts(self) -> tuple[str, ...]:
        """The names of the ellipsoids, in the order of `scene`."""
        return (*head(self), *body(self))

    def render(self, size: int = 128, supersample: int = 2) -> Render:
        """The image of this lion: see `ellipsoids.render`."""
        return render(self.scene(), size, supersample)

    def landmarks(self, size: int = 128) -> Landmarks:
        """The named points of `LANDMARKS`, in pixels of a size x size image.

        p = centre + rotation (axes * direction), then world to pixel.

        Raises:
            ValueError: the size is not a whole number from 1 to 4096.
        """
        size = whole("size", size, 1, MOST_RAYS)
        scene = self.scene()
        parts = self.parts()
        part = np.array([parts.index(name) for name, _ in LANDMARKS.values()])
        unit = np.array([direction for _, direction in LANDMARKS.values()])
        world = _surface(scene, part, unit / np.linalg.norm(unit, axis=1, keepdims=True))
        return Landmarks(
            tuple(LANDMARKS), world_to_pixel(world[:, :2], size), _visible(scene, world)
        )


@named_arguments
def motion(a: Lion, b: Lion, size: int = 128) -> Motion:
    """Where each point seen in the image of a is in that of b, exactly.

    u = R_a^T (p - c_a) / axes_a is the point in its ellipsoid's own frame, which a and b share;
    p' = c_b + R_b (axes_b * u) is where b has it;  flow = p' - p, in pixels.

    Raises:
        TypeError: a or b is not a lion.
        ValueError: the size is not a whole number from 1 to 2048.
    """
    instance("a", a, Lion, "a Lion, such as Lion.sample(1)")
    instance("b", b, Lion, "a Lion, such as Lion.sample(2)")
    size = whole("size", size, 1, MOST_SIDE)
    before = a.scene()
    after = b.scene()
    y, x = np.indices((size, size)).reshape(2, -1)
    index, z = nearest(before, pixel_to_world(x, size), pixel_to_world(y, size))
    behind, _ = nearest(after, pixel_to_world(x, size), pixel_to_world(y, size))

    on = index >= 0
    k = index[on]
    point = np.stack([pixel_to_world(x[on], size), pixel_to_world(y[on], size), z[on]], 1)
    unit = np.einsum("kji,kj->ki", before.rotation[k], point - before.centre[k]) / before.axes[k]
    moved = _surface(after, k, unit)

    flow = np.zeros((size * size, 2))
    visible = ~on & (behind < 0)
    flow[on] = (moved - point)[:, :2] * size / 2
    visible[on] = _visible(after, moved)
    return Motion(flow.reshape(size, size, 2), visible.reshape(size, size))


def _checked_z(z: ArrayLike) -> np.ndarray:
    """z (22,) as doubles.

    Raises:
        ValueError: it is anything else, or farther from 0 than a normal number ever is.
    """
    shape = (len(FACTORS),)
    z = finite_array("z", z, shape, f"finite numbers of shape {shape}, one for each factor")
    if np.abs(z).max() > FARTHEST:
        raise ValueError(f"z has numbers up to {np.abs(z).max():g}; give standard normal ones")
    return z


def _surface(scene: Scene, part: np.ndarray, unit: np.ndarray) -> np.ndarray:
    """World points (k, 3) of unit directions (k, 3) in the frames of the ellipsoids part (k,)."""
    return scene.centre[part] + np.einsum(
        "kij,kj->ki", scene.rotation[part], scene.axes[part] * unit
    )


def _visible(scene: Scene, world: np.ndarray) -> np.ndarray:
    """In the image and first on its ray; its own ellipsoid counts, so it also faces us."""
    _, depth = nearest(scene, world[:, 0], world[:, 1])
    return (depth <= world[:, 2] + 1e-6) & (np.abs(world[:, :2]) <= 1).all(1)
