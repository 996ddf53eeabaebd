"""A renderer for ellipsoids: one quadratic for each ellipsoid and pixel, and a z-buffer.

World coordinates: the image spans [-1, 1] in x (right) and y (down), z points at the viewer,
and the camera is orthographic, so a point (X, Y, Z) is seen at pixel x = (X + 1) / 2 * size - 0.5,
likewise y.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from ..arguments import finite, finite_array, function, instance, named_arguments, numbers, whole

MOST_RAYS = 4096  # along a side; so many take a gigabyte
AMBIENT = 0.46  # light from everywhere
DIFFUSE = 0.64  # light from the lamp
SHININESS = 24  # exponent of the highlight


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
    """Ellipsoids, a light and a background.

    Ellipsoid k is the set of points  centre[k] + rotation[k] @ (axes[k] * u),  |u| = 1.

    Args:
        centre: (n, 3) world coordinates.
        axes: (n, 3) semi-axes, positive.
        rotation: (n, 3, 3) orthogonal; the columns are the ellipsoid's own axes.
        colour: (n, 3) RGB in 0..1.
        gloss: (n,) strength of the highlight, 0 (matt) to 1.
        light: (3,) direction toward the light; its length does not matter.
        background: world x (1, w) and y (h, 1) -> colours (h, w, 3) in 0..1.

    Raises:
        TypeError: the background cannot be called.
        ValueError: an array has another shape or a number that is not finite, a semi-axis is not
            positive, or the light is zero.
    """

    centre: np.ndarray
    axes: np.ndarray
    rotation: np.ndarray
    colour: np.ndarray
    gloss: np.ndarray
    light: np.ndarray
    background: Callable[[np.ndarray, np.ndarray], np.ndarray]

    def __post_init__(self) -> None:
        n = numbers("centre", self.centre, "numbers of shape (n, 3)").numel() // 3
        wanted = {
            "centre": (n, 3),
            "axes": (n, 3),
            "rotation": (n, 3, 3),
            "colour": (n, 3),
            "gloss": (n,),
            "light": (3,),
        }
        for name, shape in wanted.items():
            way_out = f"finite numbers of shape {shape} for {n} ellipsoids"
            array = finite_array(name, getattr(self, name), shape, way_out)
            object.__setattr__(self, name, array)
        if not np.all(self.axes > 0):
            raise ValueError(f"semi-axes must be positive, the smallest is {np.min(self.axes)}")
        if not np.any(self.light):
            raise ValueError("light is (0, 0, 0); it must point toward the light")
        function("background", self.background, "a function of x and y, such as a Meadow")

    def quadric(self) -> np.ndarray:
        """The matrices (n, 3, 3) of (p - centre)^T M (p - centre) = 1: M = R diag(axes^-2) R^T."""
        scaled = self.rotation / self.axes[:, None, :]
        return scaled @ scaled.transpose(0, 2, 1)

    def extent(self) -> np.ndarray:
        """Half the width and height (n, 2) of each outline: sqrt(diag(R diag(axes^2) R^T))."""
        return np.sqrt(np.square(self.rotation * self.axes[:, None, :]).sum(2))[:, :2]


@dataclass(frozen=True)
class Render:
    """An image and what is seen in it.

    Args:
        image: (3, size, size) float32 in 0..1.
        index: (size, size) the ellipsoid seen at each pixel's centre, -1 for background.
        depth: (size, size) its world z, -inf for background.
    """

    image: np.ndarray
    index: np.ndarray
    depth: np.ndarray


@named_arguments
def render(scene: Scene, size: int = 128, supersample: int = 2) -> Render:
    """Draw the scene, size x size pixels, with supersample^2 rays a pixel.

    Index and depth take one ray a pixel, through its centre.

    Raises:
        TypeError: the scene is something else.
        ValueError: size or supersample is not a whole number from 1 on, or together they are more
            than 4096 rays a side.
    """
    instance("scene", scene, Scene, "a Scene, such as Lion().scene()")
    size = whole("size", size, 1, MOST_RAYS)
    supersample = whole("supersample", supersample, 1, MOST_RAYS // size)
    fine_index, fine_depth = _zbuffer(scene, size * supersample)
    index, depth = fine_index, fine_depth
    if supersample > 1:
        index, depth = _zbuffer(scene, size)
    colour, cover = _average(_shade(scene, fine_index, fine_depth), supersample)

    # The background is smooth, so one ray a pixel is enough for it.
    ray = pixel_to_world(np.arange(size), size)
    behind = scene.background(ray[None, :], ray[:, None])
    image = (colour + (1 - cover[..., None]) * behind).clip(0, 1)
    return Render(np.ascontiguousarray(image.transpose(2, 0, 1), dtype=np.float32), index, depth)


def nearest(scene: Scene, x: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """What the rays through world points (x, y), each (k,), meet first.

    Returns the ellipsoid (k,), -1 for background, and its world z (k,), -inf for background.
    """
    z = np.full((len(scene.centre), len(x)), -np.inf)
    for row, quadric, centre in zip(z, scene.quadric(), scene.centre):
        front = _front(quadric, x - centre[0], y - centre[1]) + centre[2]
        np.copyto(row, front, where=~np.isnan(front))
    index = z.argmax(0)
    depth = z.max(0)
    return np.where(np.isfinite(depth), index, -1), depth


def world_to_pixel(world: np.ndarray, size: int) -> np.ndarray:
    """World x or y in [-1, 1] to pixels of a size x size image."""
    return (np.asarray(world) + 1) / 2 * size - 0.5


def pixel_to_world(pixel: np.ndarray, size: int) -> np.ndarray:
    """Pixels of a size x size image to world x or y in [-1, 1]."""
    return (np.asarray(pixel) + 0.5) / size * 2 - 1


def _front(quadric: np.ndarray, x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """The larger root z of (x y z) M (x y z)^T = 1; nan where the ray misses."""
    (xx, xy, xz), (_, yy, yz), (_, _, zz) = quadric.tolist()
    across = xz * xz - zz * xx
    mixed = 2 * (xz * yz - zz * xy)
    down = yz * yz - zz * yy
    inside = across * x * x + zz + y * (mixed * x + down * y)  # a quarter of the discriminant
    with np.errstate(invalid="ignore"):
        return (np.sqrt(inside) - (xz * x + yz * y)) / zz


def _zbuffer(scene: Scene, size: int) -> tuple[np.ndarray, np.ndarray]:
    """The ellipsoid and depth at each pixel's centre; each writes into its bounding box only."""
    index = np.full((size, size), -1, np.int32)
    depth = np.full((size, size), -np.inf, np.float32)
    ray = pixel_to_world(np.arange(size), size).astype(np.float32)
    centre = scene.centre[:, :2]
    extent = scene.extent()
    low = np.ceil(world_to_pixel(centre - extent, size)).astype(int).clip(0, size)
    high = (np.floor(world_to_pixel(centre + extent, size)).astype(int) + 1).clip(0, size)

    for k, (quadric, (cx, cy, cz)) in enumerate(zip(scene.quadric(), scene.centre.tolist())):
        box = slice(low[k, 1], high[k, 1]), slice(low[k, 0], high[k, 0])
        z = _front(quadric, ray[None, box[1]] - cx, ray[box[0], None] - cy) + cz
        nearer = z > depth[box]  # nan, a miss, is never nearer
        np.copyto(depth[box], z, where=nearer)
        index[box][nearer] = k
    return index, depth


def _shade(scene: Scene, index: np.ndarray, depth: np.ndarray) -> np.ndarray:
    """Colour and cover (size, size, 4): Lambert's law, ambient light, a highlight."""
    size = len(index)
    canvas = np.zeros((size * size, 4), np.float32)
    pixel = np.flatnonzero(index >= 0)
    seen = index.ravel()[pixel]
    ray = pixel_to_world(np.arange(size), size).astype(np.float32)
    normal = _normals(scene, seen, ray[pixel % size], ray[pixel // size], depth.ravel()[pixel])
    colour = scene.colour.astype(np.float32)[seen]
    gloss = scene.gloss.astype(np.float32)[seen]

    light = _unit(scene.light)
    viewer = np.array([0, 0, 1])
    halfway = _unit(light + viewer)  # Blinn's highlight
    shine = gloss * np.maximum(halfway @ normal, 0) ** SHININESS

    # A little more ambient light comes from above than from below.
    brightness = AMBIENT - 0.1 * normal[1] + DIFFUSE * np.maximum(light @ normal, 0)
    canvas[pixel, :3] = np.minimum(colour * brightness[:, None] + shine[:, None], 1)
    canvas[pixel, 3] = 1
    return canvas.reshape(size, size, 4)


def _normals(
    scene: Scene, index: np.ndarray, x: np.ndarray, y: np.ndarray, z: np.ndarray
) -> np.ndarray:
    """Unit normals (3, k) at surface points of the ellipsoids index (k,): along M (p - centre)."""
    # Component by component, M p - M centre: several times quicker than k small matrix products.
    quadric = scene.quadric()
    shift = np.einsum("nij,nj->ni", quadric, scene.centre)
    rows = np.concatenate([quadric, -shift[:, :, None]], 2).astype(x.dtype).transpose(1, 2, 0)
    normal = np.stack(
        [a[index] * x + b[index] * y + c[index] * z + d[index] for a, b, c, d in rows]
    )
    return normal / np.sqrt(np.square(normal).sum(0))


def _unit(vector: np.ndarray) -> np.ndarray:
    """The direction of a vector in float32; a zero vector stays zero."""
    return (vector / max(float(np.linalg.norm(vector)), 1e-9)).astype(np.float32)


def _average(canvas: np.ndarray, factor: int) -> tuple[np.ndarray, np.ndarray]:
    """The mean over factor x factor blocks: colour, already weighted by cover, and cover."""
    steps = range(factor)
    first = np.zeros_like(canvas[::factor, ::factor])
    total = sum((canvas[i::factor, j::factor] for i in steps for j in steps), first)
    mean = total / factor**2
    return mean[..., :3], mean[..., 3]
