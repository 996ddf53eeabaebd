"""What the things in every world are made of: parts, how they are turned, and their colours."""

from __future__ import annotations

import colorsys
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from .scene import Meadow, Scene


class Part(NamedTuple):
    """One part of a thing, in the thing's own frame and unit of length."""

    centre: ArrayLike  # (3,)
    axes: ArrayLike  # (3,)
    colour: np.ndarray
    rotation: np.ndarray = np.eye(3)
    gloss: float = 0.0
    shape: str = "ellipsoid"
    rounding: float = 0.3  # of a box


class Frame(NamedTuple):
    """Where a part's thing is: it is turned, then moved."""

    turn: np.ndarray  # (3, 3)
    place: np.ndarray  # (3,) world coordinates


def assemble(
    parts: Sequence[Part],
    frames: Sequence[Frame],
    size: float,
    light: np.ndarray,
    meadow: Meadow,
) -> Scene:
    """The scene of parts, each in its frame, whose unit of length is `size` in the world."""
    placed = list(zip(parts, frames))
    return Scene(
        centre=np.array([f.place + size * (f.turn @ p.centre) for p, f in placed]),
        axes=size * np.array([p.axes for p in parts]),
        rotation=np.array([f.turn @ p.rotation for p, f in placed]),
        colour=np.array([p.colour for p in parts]),
        gloss=np.array([p.gloss for p in parts]),
        light=light,
        background=meadow,
        shape=tuple(p.shape for p in parts),
        rounding=np.array([p.rounding for p in parts]),
    )


def turning(yaw: float, pitch: float, roll: float) -> np.ndarray:
    """The rotation (3, 3) that looks up by pitch, right by yaw, clockwise by roll; in degrees."""
    angles = np.radians([yaw, pitch, roll])
    cy, cp, cr = np.cos(angles)
    sy, sp, sr = np.sin(angles)
    about_y = np.array([[cy, 0, sy], [0, 1, 0], [-sy, 0, cy]])
    about_x = np.array([[1, 0, 0], [0, cp, -sp], [0, sp, cp]])
    about_z = np.array([[cr, -sr, 0], [sr, cr, 0], [0, 0, 1]])
    return about_z @ about_y @ about_x


def colour(hue: float, lightness: float, saturation: float) -> np.ndarray:
    """RGB (3,) in 0..1 of a hue in degrees, lightness and saturation in 0..1."""
    return np.array(colorsys.hls_to_rgb(hue / 360 % 1, lightness, saturation))
