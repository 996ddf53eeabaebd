"""A lion of ellipsoids, steered by 22 factors, with exact landmarks and exact motion.

The head's parts are placed in its own frame (x right, y down, z to the front, in skull half
widths), then turned, scaled and moved into the world of `ellipsoids`.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from ..arguments import named_arguments
from . import factors, truth
from .anatomy import body, head
from .parts import Frame, assemble, colour, turning
from .renderer import Render, render
from .scene import Meadow, Scene
from .truth import Landmarks

LENGTHS = ("size", "ears", "mane")  # these must be positive
POSE = 7  # of them are the pose: turn, place, size and mouth
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
        factors.check(self, FACTORS, LENGTHS)

    @classmethod
    def from_normal(cls, z: ArrayLike) -> Lion:
        """The lion of standard normal numbers z (22,): factor = low + (high - low) Phi(z).

        Phi is the normal distribution function, so z = 0 is the average lion, and scaling z
        towards 0 moves any lion towards it.

        Raises:
            ValueError: z has another length, or a number in it is not finite.
        """
        return cls(*factors.from_normal(FACTORS, z))

    @classmethod
    def of_latent(cls, z: ArrayLike, truncation: float = 1.0) -> Lion:
        """The lion that the bundled generator was taught to paint for its latent z (22,).

        The generator normalises z to unit second moment and pulls it by the truncation toward the
        average; so does this: from_normal(truncation z / sqrt(mean z^2)).

        Raises:
            ValueError: as :meth:`from_normal`; z is 0, which has no direction; or the truncation
                is not finite.
        """
        return cls.from_normal(factors.truncated(FACTORS, z, truncation))

    @classmethod
    def sample(cls, seed: int) -> Lion:
        """A random lion, uniform in every factor's range; the same seed gives the same lion.

        Raises:
            ValueError: the seed is not a whole number from 0 to 2^32 - 1.
        """
        return cls.from_normal(factors.draw(FACTORS, seed))

    def scene(self) -> Scene:
        """The ellipsoids of this lion in its meadow; ellipsoid k is ``lion.parts()[k]``."""
        face = head(self)
        trunk = body(self)
        place = np.array([self.x, self.y - 0.12, 0.0])
        turned = Frame(turning(self.yaw, self.pitch, self.roll), place)
        # The body leans after the head, but does not turn with it.
        upright = Frame(np.eye(3), place * [0.75, 1, 1])
        return assemble(
            [*face.values(), *trunk.values()],
            [turned] * len(face) + [upright] * len(trunk),
            self.size,
            light=turning(self.light_azimuth, self.light_height, 0)[:, 2],
            meadow=Meadow(
                sky=colour(self.sky_hue, self.sky_lightness, 0.45),
                ground=colour(self.ground_hue, self.ground_lightness, 0.4),
                horizon=self.horizon,
            ),
        )

    def parts(self) -> tuple[str, ...]:
        """The names of the ellipsoids, in the order of `scene`."""
        return (*head(self), *body(self))

    def render(self, size: int = 128, supersample: int = 2) -> Render:
        """The image of this lion: see `renderer.render`."""
        return render(self.scene(), size, supersample)

    def landmarks(self, size: int = 128) -> Landmarks:
        """The named points of `LANDMARKS`, in pixels of a size x size image.

        p = centre + rotation (axes * direction), then world to pixel.

        Raises:
            ValueError: the size is not a whole number from 1 to 4096.
        """
        return truth.landmarks(self, LANDMARKS, size)
