"""What a car is made of: its parts, as functions of its factors.

Centres and axes are in the car's frame, in units of half the average car's length: x forward, y
down, z toward the viewer. The ground is at y = 0 below the middle of the car, and everything
above it has a negative y.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from .parts import Part, colour, turning

if TYPE_CHECKING:
    from .car import Car

BODY = 0.4  # how high the body is, from the sill to the belt line
WIDE = 0.42  # half the width of the body
CABIN = 0.35  # half the width of the cabin
OVERHANG = 0.42  # from an axle to the end of the car

DARK = np.array([0.09, 0.09, 0.1])
TYRE = np.array([0.15, 0.15, 0.16])
CHROME = np.array([0.72, 0.73, 0.76])


class Outline(NamedTuple):
    """Where things are on the side of a car."""

    sill: float  # the body's lower edge, and
    belt: float  # its upper one, as y
    roof: float  # y of the roof
    front: float  # x of the cabin's lower edge at the windscreen, and
    rear: float  # at the rear window
    front_lean: float  # how far the upper edge is behind the lower one there, and
    rear_lean: float  # how far before it there
    axles: tuple[float, float]  # x of the front and rear axle
    doors: tuple[float, float, float]  # x of the lines before, between and behind the doors


def outline(car: Car) -> Outline:
    """The measures of a car. Only what is between the axles grows with its length."""
    belt = -car.height - BODY
    front = car.length - car.bonnet
    rear = -car.length + car.boot
    lean = 0.3 * (front - rear) / (0.5 + front - rear)
    axles = car.length - OVERHANG, OVERHANG - car.length
    gap = 1.25 * car.wheel
    doors = axles[0] - gap, 0.18 * (front + rear), axles[1] + gap
    return Outline(
        -car.height, belt, belt - car.roof, front, rear, 1.1 * lean, 0.7 * lean, axles, doors
    )


def chassis(car: Car) -> dict[str, Part]:
    """The parts of a car, and its shadow. Of what comes in pairs, "near" is the viewer's side."""
    line = outline(car)
    paint = colour(car.body_hue, car.body_lightness, 0.68)
    glass = colour(205, car.glass_lightness, 0.25)
    parts = (
        {"shadow": _shadow(car)}
        | _body(car, line, paint)
        | _cabin(line, paint, glass)
        | _doors(line, paint)
    )
    parts |= _ends(car, line, paint)
    for name, x in zip(("front", "rear"), line.axles):
        parts |= _wheel(car, line, name, x)
    return parts


def _shadow(car: Car) -> Part:
    """A flat disc just under the wheels."""
    shade = 0.5 * colour(car.ground_hue, car.ground_lightness, 0.4)
    lying = turning(0, 90, 0)
    return _disc((0, 0.008, 0), (car.length + 0.1, 0.56, 0.004), shade, lying)


def _body(car: Car, line: Outline, paint: np.ndarray) -> dict[str, Part]:
    middle = 0.5 * (line.sill + line.belt)
    floor = 0.5 * (line.sill - 0.1 - 0.9 * car.wheel)
    tall = 0.5 * abs(line.sill - 0.1 + 0.9 * car.wheel)
    hood = 0.5 * car.bonnet
    trunk = 0.5 * car.boot
    return {
        "floor": _box((0, floor, 0), (car.length - 0.2, tall, 0.34), DARK),
        "body": _box((0, middle, 0), (car.length, BODY / 2, WIDE), paint, 0.25, 0.35),
        "bonnet": _box(
            (car.length - hood - 0.02, line.belt + 0.01, 0),
            (hood + 0.08, 0.06, 0.36),
            paint,
            0.6,
            0.35,
        ),
        "boot": _box(
            (-car.length + trunk + 0.03, line.belt + 0.01, 0),
            (trunk + 0.08, 0.06, 0.36),
            paint,
            0.6,
            0.35,
        ),
    }


def _cabin(line: Outline, paint: np.ndarray, glass: np.ndarray) -> dict[str, Part]:
    """Two leaning boxes make a trapezium, its glass likewise; a pillar parts the windows."""
    middle = 0.5 * (line.belt + line.roof)
    half = 0.5 * (line.belt - line.roof)
    top = line.front - line.front_lean, line.rear + line.rear_lean
    long = 0.5 * (top[0] - top[1])
    lean_front = _leaning(0.5 * line.front_lean / half)
    lean_rear = _leaning(-0.5 * line.rear_lean / half)
    at_front = 0.5 * (line.front + top[0])
    at_rear = 0.5 * (line.rear + top[1])
    pane = 0.78 * half
    wide = long - 0.05
    side = CABIN - 0.02, CABIN + 0.01
    return {
        "cabin_front": _box(
            (at_front - long, middle, 0), (long, half, CABIN), paint, 0.12, 0.35, lean_front
        ),
        "cabin_rear": _box(
            (at_rear + long, middle, 0), (long, half, CABIN - 0.004), paint, 0.12, 0.35, lean_rear
        ),
        "roof": _box(
            (0.5 * (top[0] + top[1]), line.roof, 0),
            (long + 0.03, 0.035, CABIN + 0.012),
            paint,
            0.5,
            0.35,
        ),
        "windscreen": _box(
            (at_front, middle, 0), (0.014, pane, 0.29), glass, 0.3, 0.5, lean_front
        ),
        "rear_window": _box((at_rear, middle, 0), (0.014, pane, 0.29), glass, 0.3, 0.5, lean_rear),
        "window_front": _box(
            (at_front - long, middle, side[0]), (wide, pane, 0.03), glass, 0.2, 0.5, lean_front
        ),
        "window_rear": _box(
            (at_rear + long, middle, side[0]), (wide, pane, 0.029), glass, 0.2, 0.5, lean_rear
        ),
        "pillar": _box((line.doors[1], middle, side[0]), (0.022, half, 0.036), paint, 0.2, 0.35),
    }


def _doors(line: Outline, paint: np.ndarray) -> dict[str, Part]:
    middle = 0.5 * (line.sill + line.belt)
    handle = line.belt + 0.1
    parts = {}
    for name, x in zip(("front", "middle", "rear"), line.doors):
        parts[f"line_{name}"] = _box((x, middle, WIDE - 0.002), (0.007, 0.15, 0.006), 0.35 * paint)
    for name, x in zip(("front", "rear"), line.doors[1:]):
        parts[f"handle_{name}"] = _box(
            (x + 0.065, handle, WIDE), (0.04, 0.014, 0.016), CHROME, 0.6
        )
    mirror = (line.front + 0.03, line.belt - 0.02, WIDE - 0.02)
    parts["mirror"] = Part(mirror, (0.035, 0.035, 0.05), 0.8 * paint)
    return parts


def _ends(car: Car, line: Outline, paint: np.ndarray) -> dict[str, Part]:
    """Lamps, bumpers and the grille."""
    lamp = line.belt + 0.13
    grey = 0.35 * paint + 0.65 * 0.45 * np.ones(3)
    white = np.array([1.0, 0.96, 0.78])
    red = np.array([0.85, 0.08, 0.07])
    parts = {}
    for name, z in (("far", -0.34), ("near", 0.34)):
        at = 0.955 * car.length
        parts[f"headlamp_{name}"] = Part((at, lamp, z), (0.06, 0.055, 0.09), white, gloss=0.4)
        parts[f"taillamp_{name}"] = Part((-at, lamp, z), (0.05, 0.06, 0.09), red, gloss=0.4)
    for name, x in (("front", car.length - 0.03), ("rear", 0.03 - car.length)):
        place = (x, line.sill - 0.06, 0)
        parts[f"bumper_{name}"] = _box(place, (0.08, 0.05, WIDE - 0.01), grey, 0.8, 0.2)
    grille = (car.length, lamp + 0.02, 0)
    parts["grille"] = _box(grille, (0.012, 0.045, 0.17), DARK)
    return parts


def _wheel(car: Car, line: Outline, name: str, x: float) -> dict[str, Part]:
    """The wheels at both ends of an axle, of the near one all that is seen of it."""
    r = car.wheel
    rim = colour(220, car.rim_lightness, 0.06)
    well = 1.12 * r  # the wheel well, dark; it stands on the ground like the wheel
    parts = {
        f"well_{name}": _disc((x, -well, WIDE - 0.02), (well, well, 0.025), DARK),
        f"tyre_far_{name}": _disc((x, -r, -WIDE + 0.07), (r, r, 0.1), TYRE),
        f"tyre_{name}": _disc((x, -r, WIDE - 0.06), (r, r, 0.1), TYRE),
        f"rim_{name}": _disc((x, -r, WIDE + 0.035), (0.68 * r, 0.68 * r, 0.01), 0.45 * rim),
    }
    for k in range(5):
        turn = turning(0, 0, 72 * k)
        middle = np.array([x, -r, WIDE + 0.045]) + turn @ [0, -0.36 * r, 0]
        spoke = (0.1 * r, 0.33 * r, 0.01)
        parts[f"spoke_{name}_{k}"] = _box(middle, spoke, rim, 0.3, 0.2, turn)
    parts[f"hub_{name}"] = _disc((x, -r, WIDE + 0.05), (0.2 * r, 0.2 * r, 0.012), rim)
    return parts


def _box(
    centre: tuple[float, float, float] | np.ndarray,
    axes: tuple[float, float, float],
    paint: np.ndarray,
    rounding: float = 0.3,
    gloss: float = 0.0,
    rotation: np.ndarray | None = None,
) -> Part:
    turn = np.eye(3) if rotation is None else rotation
    return Part(centre, axes, paint, turn, gloss, "box", rounding)


def _disc(
    centre: tuple[float, float, float],
    axes: tuple[float, float, float],
    paint: np.ndarray,
    rotation: np.ndarray | None = None,
) -> Part:
    """A cylinder; unless it is rotated, it lies about an axis from the viewer on."""
    turn = np.eye(3) if rotation is None else rotation
    return Part(centre, axes, paint, turn, shape="cylinder")


def _leaning(slope: float) -> np.ndarray:
    """Axes whose second one, down, also goes forward by the slope."""
    return np.array([[1, slope, 0], [0, 1, 0], [0, 0, 1.0]])
