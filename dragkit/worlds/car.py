"""A car of boxes, cylinders and ellipsoids, steered by 22 factors, with exact truth.

It is seen from its side, slowly turned and a little from above. Its wheels, lamps and windows
look like one another: what a tracker has to tell apart. The wheels do not spin.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from ..arguments import named_arguments
from . import factors, truth
from .chassis import cabin_length, chassis
from .parts import Frame, assemble, colour, turning
from .renderer import Render, render
from .scene import Meadow, Scene
from .truth import Landmarks

LENGTHS = ("length", "height", "roof", "wheel", "bonnet", "boot", "size")  # must be positive
SHORTEST_CABIN = 0.3
POSE = 7  # of them are the pose: turn, place, size, length and height
GEOMETRY = 11  # the first factors move points, the others only colour and light them
FACTORS: tuple[tuple[str, float, float], ...] = (
    ("yaw", -35, 35),  # degrees; > 0 turns the front toward the viewer
    ("pitch", 3, 15),  # degrees; > 0 is seen from above
    ("x", -0.08, 0.08),  # the car's middle, in half images from the usual place
    ("y", -0.1, 0.1),
    ("size", 0.54, 0.7),  # half an average car's length, in half images; the unit of the next:
    ("length", 0.8, 1.36),  # half the length
    ("height", 0.1, 0.36),  # of the sill over the ground
    ("roof", 0.28, 0.44),  # height of the cabin
    ("wheel", 0.16, 0.22),  # radius
    ("bonnet", 0.38, 0.62),  # from its front end to the windscreen
    ("boot", 0.1, 0.42),  # from its rear end to the rear window
    ("body_hue", -120, 120),  # degrees
    ("body_lightness", 0.36, 0.62),
    ("glass_lightness", 0.12, 0.5),
    ("rim_lightness", 0.5, 0.92),
    ("sky_hue", 170, 260),
    ("sky_lightness", 0.58, 0.8),
    ("ground_hue", 35, 135),
    ("ground_lightness", 0.34, 0.54),
    ("horizon", -0.3, 0.2),  # world y
    ("light_azimuth", -60, 60),  # degrees; > 0 from the right
    ("light_height", 15, 65),  # degrees above the viewer
)

# name -> (part, direction in its own coordinates, to where its surface is). Front is where the
# bonnet is, whichever side of the image that may be.
LANDMARKS: dict[str, tuple[str, tuple[float, float, float]]] = {
    "hub_front": ("hub_front", (0, 0, 1)),
    "hub_rear": ("hub_rear", (0, 0, 1)),
    "tyre_front": ("tyre_front", (0, 1, 1)),
    "tyre_rear": ("tyre_rear", (0, 1, 1)),
    "headlamp": ("headlamp_near", (0.6, 0, 0.8)),
    "taillamp": ("taillamp_near", (-0.6, 0, 0.8)),
    "window_front": ("window_front", (1, 1, 1)),
    "window_rear": ("window_rear", (-1, 1, 1)),
    "roof_front": ("roof", (0.75, 0, 1)),
    "roof_rear": ("roof", (-0.75, 0, 1)),
    "handle_front": ("handle_front", (0, 0, 1)),
    "handle_rear": ("handle_rear", (0, 0, 1)),
    "bonnet": ("bonnet", (1, -0.5, 1)),
    "boot": ("boot", (-1, -0.5, 1)),
    "sill_front": ("line_front", (0, 1, 1)),
    "sill_rear": ("line_rear", (0, 1, 1)),
}


@named_arguments
@dataclass(frozen=True)
class Car:
    """One car; every factor defaults to the middle of its range in `FACTORS` (units there).

    Raises:
        ValueError: a factor is not a number from -1000 to 1000, a length is below 0.001, or
            bonnet and boot leave no room for a cabin.
    """

    yaw: float = 0.0
    pitch: float = 9.0
    x: float = 0.0
    y: float = 0.0
    size: float = 0.62
    length: float = 1.08
    height: float = 0.23
    roof: float = 0.36
    wheel: float = 0.19
    bonnet: float = 0.5
    boot: float = 0.26
    body_hue: float = 0.0
    body_lightness: float = 0.49
    glass_lightness: float = 0.31
    rim_lightness: float = 0.71
    sky_hue: float = 215.0
    sky_lightness: float = 0.69
    ground_hue: float = 85.0
    ground_lightness: float = 0.44
    horizon: float = -0.05
    light_azimuth: float = 0.0
    light_height: float = 40.0

    def __post_init__(self) -> None:
        factors.check(self, FACTORS, LENGTHS)
        if cabin_length(self) < SHORTEST_CABIN:
            raise ValueError(
                f"length {self.length:g}, bonnet {self.bonnet:g} and boot {self.boot:g} leave a"
                f" cabin of {cabin_length(self):g}; give a greater length, so that twice of it is"
                f" {SHORTEST_CABIN} more than bonnet and boot"
            )

    @classmethod
    def from_normal(cls, z: ArrayLike) -> Car:
        """The car of standard normal numbers z (22,), as `Lion.from_normal`.

        Raises:
            ValueError: z has another length, or a number in it is not finite.
        """
        return cls(*factors.from_normal(FACTORS, z))

    @classmethod
    def of_latent(cls, z: ArrayLike, truncation: float = 1.0) -> Car:
        """The car that a generator is to paint for its latent z (22,), as `Lion.of_latent`.

        Raises:
            ValueError: as :meth:`from_normal`; z is 0, which has no direction; or the truncation
                is not finite.
        """
        return cls.from_normal(factors.truncated(FACTORS, z, truncation))

    @classmethod
    def sample(cls, seed: int) -> Car:
        """A random car, uniform in every factor's range; the same seed gives the same car.

        Raises:
            ValueError: the seed is not a whole number from 0 to 2^32 - 1.
        """
        return cls.from_normal(factors.draw(FACTORS, seed))

    def scene(self) -> Scene:
        """The parts of this car on its ground; part k is ``car.parts()[k]``."""
        parts = list(chassis(self).values())
        turn = turning(0, -self.pitch, 0) @ turning(-self.yaw, 0, 0)
        frame = Frame(turn, np.array([self.x, self.y + 0.42, 0.0]))
        return assemble(
            parts,
            [frame] * len(parts),
            self.size,
            light=turning(self.light_azimuth, self.light_height, 0)[:, 2],
            meadow=Meadow(
                sky=colour(self.sky_hue, self.sky_lightness, 0.45),
                ground=colour(self.ground_hue, self.ground_lightness, 0.4),
                horizon=self.horizon,
            ),
        )

    def parts(self) -> tuple[str, ...]:
        """The names of the parts, in the order of `scene`."""
        return tuple(chassis(self))

    def render(self, size: int = 128, supersample: int = 2) -> Render:
        """The image of this car: see `renderer.render`."""
        return render(self.scene(), size, supersample)

    def landmarks(self, size: int = 128) -> Landmarks:
        """The named points of `LANDMARKS`, in pixels of a size x size image.

        Raises:
            ValueError: the size is not a whole number from 1 to 4096.
        """
        return truth.landmarks(self, LANDMARKS, size)
