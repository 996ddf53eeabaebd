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

UPRIGHT = np.eye(3)

Triple = tuple[float, float, float]


class Finish(NamedTuple):
    """What a surface looks like."""

    colour: np.ndarray
    gloss: float = 0.0


DARK = Finish(np.array([0.09, 0.09, 0.1]))
TYRE = Finish(np.array([0.15, 0.15, 0.16]))
CHROME = Finish(np.array([0.72, 0.73, 0.76]))
WHITE = Finish(np.array([1.0, 0.96, 0.78]), 0.4)
RED = Finish(np.array([0.85, 0.08, 0.07]), 0.4)


class Outline(NamedTuple):
    """Where things are on the side of a car."""

    sill: float  # y of the body's lower edge
    belt: float  # y of its upper edge, where the cabin begins
    roof: float  # y of the cabin's upper edge
    lower: tuple[float, float]  # x of the cabin's front and rear end at the belt
    upper: tuple[float, float]  # and at the roof
    axles: tuple[float, float]  # x of the front and the rear one
    doors: Triple  # x of the lines before, between and behind the doors


def cabin_length(car: Car) -> float:
    """How long the cabin is at the belt line: what bonnet and boot leave of the length."""
    return 2 * car.length - car.bonnet - car.boot


def outline(car: Car) -> Outline:
    """The measures of a car. With its length, only what is between the axles grows."""
    belt = -car.height - BODY
    front, rear = car.length - car.bonnet, car.boot - car.length
    lean = 0.3 * cabin_length(car) / (0.5 + cabin_length(car))  # a long cabin leans little more
    axles = car.length - OVERHANG, OVERHANG - car.length
    gap = 1.25 * car.wheel
    return Outline(
        sill=-car.height,
        belt=belt,
        roof=belt - car.roof,
        lower=(front, rear),
        upper=(front - 1.1 * lean, rear + 0.7 * lean),
        axles=axles,
        doors=(axles[0] - gap, 0.18 * (front + rear), axles[1] + gap),
    )


def chassis(car: Car) -> dict[str, Part]:
    """The parts of a car, and its shadow. Of what comes in pairs, "near" is the viewer's side."""
    line = outline(car)
    paint = Finish(colour(car.body_hue, car.body_lightness, 0.68), 0.35)
    glass = Finish(colour(205, car.glass_lightness, 0.25), 0.5)
    rim = Finish(colour(220, car.rim_lightness, 0.06), 0.2)
    parts = {"shadow": _shadow(car)} | _body(car, line, paint) | _cabin(line, paint)
    parts |= _windows(line, paint, glass) | _doors(line, paint) | _ends(car, line, paint)
    for name, x in zip(("front", "rear"), line.axles):
        parts |= _wheel(car.wheel, rim, name, x)
    return parts


def _shadow(car: Car) -> Part:
    """A flat disc just under the wheels."""
    shade = Finish(0.5 * colour(car.ground_hue, car.ground_lightness, 0.4))
    lying = turning(0, 90, 0)
    return _disc((0, 0.008, 0), (car.length + 0.1, 0.56, 0.004), shade, lying)


def _body(car: Car, line: Outline, paint: Finish) -> dict[str, Part]:
    """Body, bonnet and boot, and the dark floor that the axles hang from."""
    middle = 0.5 * (line.sill + line.belt)
    inside, axle = line.sill - 0.1, -0.9 * car.wheel
    thick = max(0.02, 0.5 * (axle - inside))
    bonnet = car.length - 0.5 * car.bonnet - 0.02
    boot = 0.5 * car.boot - car.length + 0.03
    on_top = line.belt + 0.01
    return {
        "floor": _box((0, 0.5 * (inside + axle), 0), (0.8 * car.length, thick, 0.34), DARK),
        "body": _box((0, middle, 0), (car.length, BODY / 2, WIDE), paint, 0.25),
        "bonnet": _box((bonnet, on_top, 0), (0.5 * car.bonnet + 0.08, 0.06, 0.36), paint, 0.6),
        "boot": _box((boot, on_top, 0), (0.5 * car.boot + 0.08, 0.06, 0.36), paint, 0.6),
    }


def _cabin(line: Outline, paint: Finish) -> dict[str, Part]:
    """Two boxes as long as the roof, one leaning back and one forward, make a trapezium."""
    middle, half, long = _cabin_measures(line)
    front, rear = _ends_of_cabin(line)
    lean_front, lean_rear = _leans(line)
    top = 0.5 * (line.upper[0] + line.upper[1])
    return {
        "cabin_front": _box(
            (front - long, middle, 0), (long, half, CABIN), paint, 0.12, lean_front
        ),
        # A little narrower, so that no two surfaces are in one place.
        "cabin_rear": _box(
            (rear + long, middle, 0), (long, half, CABIN - 0.004), paint, 0.12, lean_rear
        ),
        "roof": _box((top, line.roof, 0), (long + 0.03, 0.035, CABIN + 0.012), paint, 0.5),
    }


def _windows(line: Outline, paint: Finish, glass: Finish) -> dict[str, Part]:
    """Panes in the four ends and sides that can be seen; the pillar parts those of the side."""
    middle, half, long = _cabin_measures(line)
    front, rear = _ends_of_cabin(line)
    lean_front, lean_rear = _leans(line)
    high, z = 0.78 * half, CABIN - 0.02
    across = (0.014, high, 0.29)
    side = (long - 0.05, high, 0.03)
    return {
        "windscreen": _box((front, middle, 0), across, glass, 0.3, lean_front),
        "rear_window": _box((rear, middle, 0), across, glass, 0.3, lean_rear),
        "window_front": _box((front - long, middle, z), side, glass, 0.2, lean_front),
        "window_rear": _box((rear + long, middle, z - 0.001), side, glass, 0.2, lean_rear),
        "pillar": _box((line.doors[1], middle, z), (0.022, half, 0.036), paint, 0.2),
    }


def _cabin_measures(line: Outline) -> Triple:
    """y of the cabin's middle, half its height, and half the length of its roof."""
    middle, half = 0.5 * (line.belt + line.roof), 0.5 * (line.belt - line.roof)
    return middle, half, 0.5 * (line.upper[0] - line.upper[1])


def _ends_of_cabin(line: Outline) -> list[float]:
    """x of its front and its rear at half its height."""
    return [0.5 * (lower + upper) for lower, upper in zip(line.lower, line.upper)]


def _leans(line: Outline) -> list[np.ndarray]:
    """For its front and its rear, axes whose second one, down, also goes to the end."""
    high = line.belt - line.roof
    slopes = [(lower - upper) / high for lower, upper in zip(line.lower, line.upper)]
    return [np.array([[1, slope, 0], [0, 1, 0], [0, 0, 1.0]]) for slope in slopes]


def _doors(line: Outline, paint: Finish) -> dict[str, Part]:
    """The lines around them, their handles, and the mirror."""
    middle = 0.5 * (line.sill + line.belt)
    seam, darker = Finish(0.35 * paint.colour), Finish(0.8 * paint.colour)
    parts = {}
    for name, x in zip(("front", "middle", "rear"), line.doors):
        parts[f"line_{name}"] = _box((x, middle, WIDE - 0.002), (0.007, 0.15, 0.006), seam)
    for name, x in zip(("front", "rear"), line.doors[1:]):
        place = (x + 0.065, line.belt + 0.1, WIDE)
        parts[f"handle_{name}"] = _box(place, (0.04, 0.014, 0.016), CHROME, 0.6)
    mirror = (line.lower[0] + 0.03, line.belt - 0.02, WIDE - 0.02)
    return parts | {"mirror": _ball(mirror, (0.035, 0.035, 0.05), darker)}


def _ends(car: Car, line: Outline, paint: Finish) -> dict[str, Part]:
    """Lamps, bumpers and the grille."""
    lamp = line.belt + 0.13
    end = 0.955 * car.length
    grey = Finish(0.35 * paint.colour + 0.29, 0.2)
    parts = {}
    for name, z in (("far", -0.34), ("near", 0.34)):
        parts[f"headlamp_{name}"] = _ball((end, lamp, z), (0.06, 0.055, 0.09), WHITE)
        parts[f"taillamp_{name}"] = _ball((-end, lamp, z), (0.05, 0.06, 0.09), RED)
    for name, x in (("front", car.length - 0.03), ("rear", 0.03 - car.length)):
        place = (x, line.sill - 0.06, 0)
        parts[f"bumper_{name}"] = _box(place, (0.08, 0.05, WIDE - 0.01), grey, 0.8)
    grille = _box((car.length, lamp + 0.02, 0), (0.012, 0.045, 0.17), DARK)
    return parts | {"grille": grille}


def _wheel(radius: float, rim: Finish, name: str, x: float) -> dict[str, Part]:
    """Both wheels of an axle; of the far one no more than the tyre can be seen."""
    well = 1.12 * radius  # the dark space around the wheel; it stands on the ground, too
    hollow = Finish(0.45 * rim.colour)
    y = -radius
    parts = {
        f"well_{name}": _disc((x, -well, WIDE - 0.02), (well, well, 0.025), DARK),
        f"tyre_far_{name}": _disc((x, y, 0.07 - WIDE), (radius, radius, 0.1), TYRE),
        f"tyre_{name}": _disc((x, y, WIDE - 0.06), (radius, radius, 0.1), TYRE),
        f"rim_{name}": _disc((x, y, WIDE + 0.035), (0.68 * radius, 0.68 * radius, 0.01), hollow),
    }
    for k in range(5):
        turn = turning(0, 0, 72 * k)
        over, down, _ = (turn @ [0, -0.36 * radius, 0]).tolist()
        place = (x + over, y + down, WIDE + 0.045)
        axes = (0.1 * radius, 0.33 * radius, 0.01)
        parts[f"spoke_{name}_{k}"] = _box(place, axes, rim, 0.3, turn)
    hub = _disc((x, y, WIDE + 0.05), (0.2 * radius, 0.2 * radius, 0.012), Finish(rim.colour))
    return parts | {f"hub_{name}": hub}


def _box(
    centre: Triple,
    axes: Triple,
    finish: Finish,
    rounding: float = 0.3,
    rotation: np.ndarray = UPRIGHT,
) -> Part:
    return Part(centre, axes, finish.colour, rotation, finish.gloss, "box", rounding)


def _disc(
    centre: Triple,
    axes: Triple,
    finish: Finish,
    rotation: np.ndarray = UPRIGHT,
) -> Part:
    """A cylinder about its third axis, that of a wheel."""
    return Part(centre, axes, finish.colour, rotation, finish.gloss, "cylinder")


def _ball(centre: Triple, axes: Triple, finish: Finish) -> Part:
    return Part(centre, axes, finish.colour, gloss=finish.gloss)
