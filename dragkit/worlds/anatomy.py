"""What a lion is made of: its ellipsoids, as functions of its factors.

Centres and axes are in the head's frame and in skull half widths: x right, y down, z toward the
viewer.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from .parts import Part, colour, turning

if TYPE_CHECKING:
    from .lion import Lion

CREAM = np.array([1.0, 0.95, 0.85])


def head(lion: Lion) -> dict[str, Part]:
    """The parts that turn with the head. Axes are (width, height or length, depth)."""
    fur = colour(lion.fur_hue, lion.fur_lightness, 0.62)
    cream = 0.35 * fur + 0.65 * CREAM
    parts = {"skull": Part((0, 0, 0), (0.96, 0.98, 0.9), fur)}
    parts |= _mane(lion) | _muzzle(lion, fur, cream)
    for side, name in ((-1, "left"), (1, "right")):
        parts |= _eye(lion, side, name, fur) | _ear(lion, side, name, fur)
    return parts


def body(lion: Lion) -> dict[str, Part]:
    """The parts that follow the head but do not turn with it, in the same units."""
    fur = colour(lion.fur_hue, lion.fur_lightness, 0.62)
    return {
        "body": Part((0, 2.15, -0.75), (1.12, 1.6, 0.7), 0.94 * fur),
        "chest": Part((0, 1.9, -0.4), (0.72, 1.25, 0.5), 0.72 * fur + 0.28 * CREAM),
    }


def _mane(lion: Lion) -> dict[str, Part]:
    """Two rings of tufts: a long dark one behind, a short lighter one between its gaps."""
    parts = {}
    rings = (("tuft", 0, -0.4, 1.0, 0.82), ("fringe", 0.5, -0.12, 0.7, 1.12))
    for name, shift, depth, reach, shade in rings:
        fur = colour(lion.mane_hue, lion.mane_lightness * shade, 0.66)
        for k in range(12):
            angle = 2 * np.pi * (k + shift) / 12
            outward = np.array([np.sin(angle), -np.cos(angle), -0.12])
            length = lion.mane * reach * (1 + 0.08 * np.cos(angle))  # a little longer on top
            centre = (0.82 + 0.8 * length) * outward + [0, 0, depth]
            parts[f"{name}_{k}"] = Part(centre, (0.27, length, 0.24), fur, _along(outward))
    return parts


def _ear(lion: Lion, side: int, name: str, fur: np.ndarray) -> dict[str, Part]:
    outward = np.array([0.55 * side, -0.83, 0.0])
    centre = np.array([0.62 * side, -0.62, 0.12]) + 0.75 * lion.ears * outward
    turn = _along(outward)
    pink = 0.3 * fur + 0.7 * np.array([0.86, 0.45, 0.45])
    inner = (0.17, 0.72 * lion.ears, 0.1)
    return {
        f"ear_{name}": Part(centre, (0.27, lion.ears, 0.16), fur, turn),
        f"inner_ear_{name}": Part(centre + np.array([0, 0.01, 0.09]), inner, pink, turn),
    }


def _eye(lion: Lion, side: int, name: str, fur: np.ndarray) -> dict[str, Part]:
    """Two spheres meet in a plane circle, so a sphere that slides off the eyeball is a lid."""
    at = np.array([0.37 * side, -0.2, 0.72])
    radius = 0.26
    lift = radius * (0.1 + 1.4 * lion.eyes)
    up = np.array([-0.2 * side, -0.77, -0.6])
    white = np.array([0.97, 0.96, 0.93])
    black = np.array([0.07, 0.05, 0.05])
    pupil = at + np.array([-0.01 * side, 0.01, 0.18])
    catchlight = at + np.array([-0.05, -0.05, 0.238])
    return {
        f"eye_{name}": Part(at, (radius,) * 3, white, gloss=0.1),
        f"pupil_{name}": Part(pupil, (0.14, 0.15, 0.09), black),
        f"catchlight_{name}": Part(catchlight, (0.05, 0.05, 0.03), np.ones(3)),
        f"lid_{name}": Part(at + lift * up, (1.12 * radius,) * 3, 0.92 * fur),
    }


def _muzzle(lion: Lion, fur: np.ndarray, cream: np.ndarray) -> dict[str, Part]:
    """Bridge, nose and cheeks stay; the jaw, with the tongue, turns about a hinge."""
    front = 0.72 + lion.muzzle
    half = 0.5 * lion.muzzle
    gape = lion.mouth
    hinge = np.array([0, 0.3, 0.15])
    drop = turning(0, -30 * gape, 0)
    black = np.array([0.16, 0.09, 0.09])
    dark = np.array([0.2, 0.05, 0.06])
    pink = np.array([0.85, 0.38, 0.4])
    parts = {
        "bridge": Part((0, 0.1, 0.5 + half), (0.26, 0.28, 0.42 + half), 0.5 * (fur + cream)),
        "nose": Part((0, 0.14, front + 0.16), (0.18, 0.12, 0.13), black, gloss=0.5),
        "mouth": Part((0, 0.5 + 0.14 * gape, front - 0.2), (0.29, 0.06 + 0.25 * gape, 0.22), dark),
        "jaw": Part(hinge + drop @ [0, 0.34, front - 0.3], (0.29, 0.15, 0.32), cream, drop),
        "tongue": Part(hinge + drop @ [0, 0.22, front - 0.36], (0.17, 0.09, 0.26), pink, drop),
    }
    for side, name in ((-1, "left"), (1, "right")):
        parts[f"cheek_{name}"] = Part((0.2 * side, 0.38, front - 0.06), (0.28, 0.22, 0.27), cream)
    return parts


def _along(direction: np.ndarray) -> np.ndarray:
    """A rotation whose second column is the direction; the third looks as far front as it can."""
    x, y, z = (direction / math.hypot(*direction)).tolist()
    flat = math.hypot(x, y)  # how much of the direction lies in the plane of the face
    return np.array([[y / flat, x, -z * x / flat], [-x / flat, y, -z * y / flat], [0, z, flat]])
