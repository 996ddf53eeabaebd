"""The renderer: for each part and pixel where the ray first meets it, and a z-buffer."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..arguments import instance, named_arguments, whole
from . import shapes
from .scene import Scene

MOST_RAYS = 4096  # along a side; so many take a gigabyte
AMBIENT = 0.46  # light from everywhere
DIFFUSE = 0.64  # light from the lamp
SHININESS = 24  # exponent of the highlight


@dataclass(frozen=True)
class Render:
    """An image and what is seen in it.

    Args:
        image: (3, size, size) float32 in 0..1.
        index: (size, size) the part seen at each pixel's centre, -1 for background.
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

    Returns the part (k,), -1 for background, and its world z (k,), -inf for background.
    """
    z = np.full((len(scene.centre), len(x)), -np.inf)
    reach = scene.extent() + 1e-6
    for k, (surface, place) in enumerate(zip(_surfaces(scene, x.dtype), scene.centre)):
        close = (np.abs(x - place[0]) <= reach[k, 0]) & (np.abs(y - place[1]) <= reach[k, 1])
        front = _depth(surface, place.tolist(), x[None, close], y[None, close])[0]
        z[k, close] = np.where(np.isnan(front), -np.inf, front)
    index = z.argmax(0)
    depth = z.max(0)
    return np.where(np.isfinite(depth), index, -1), depth


def world_to_pixel(world: np.ndarray, size: int) -> np.ndarray:
    """World x or y in [-1, 1] to pixels of a size x size image."""
    return (np.asarray(world) + 1) / 2 * size - 0.5


def pixel_to_world(pixel: np.ndarray, size: int) -> np.ndarray:
    """Pixels of a size x size image to world x or y in [-1, 1]."""
    return (np.asarray(pixel) + 0.5) / size * 2 - 1


def _surfaces(scene: Scene, precision: np.dtype) -> list[shapes.Surface]:
    terms = map(shapes.quadric_terms, scene.quadric().tolist())
    inward = scene.inward()[..., None, None].astype(precision)  # as rows and columns of rays are
    rounding = scene.rounding.astype(precision)
    return [shapes.Surface(*part) for part in zip(scene.shape, terms, inward, rounding)]


def _depth(
    surface: shapes.Surface, centre: list[float], x: np.ndarray, y: np.ndarray
) -> np.ndarray:
    """The world z where the rays through x (1, w), y (h, 1) meet a part; nan or -inf: a miss."""
    cx, cy, cz = centre
    with np.errstate(invalid="ignore"):
        return shapes.front(surface, x - cx, y - cy, np) + cz


def _zbuffer(scene: Scene, size: int) -> tuple[np.ndarray, np.ndarray]:
    """The part and depth at each pixel's centre; each writes into its bounding box only."""
    index = np.full((size, size), -1, np.int32)
    depth = np.full((size, size), -np.inf, np.float32)
    ray = pixel_to_world(np.arange(size), size).astype(np.float32)
    centre = scene.centre[:, :2]
    extent = scene.extent()
    low = np.ceil(world_to_pixel(centre - extent, size)).astype(int).clip(0, size)
    high = (np.floor(world_to_pixel(centre + extent, size)).astype(int) + 1).clip(0, size)

    for k, surface in enumerate(_surfaces(scene, ray.dtype)):
        box = slice(low[k, 1], high[k, 1]), slice(low[k, 0], high[k, 0])
        z = _depth(surface, scene.centre[k].tolist(), ray[None, box[1]], ray[box[0], None])
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
    """Unit normals (3, k) at surface points of the parts index (k,)."""
    normal = _rows(scene.quadric(), scene, index, x, y, z)  # M (p - centre), of ellipsoids
    other = np.flatnonzero(~scene.is_a("ellipsoid")[index])
    if len(other):
        place = index[other], x[other], y[other], z[other]
        normal[:, other] = _other_normals(scene, *place)
    return normal / np.sqrt(np.square(normal).sum(0))


def _other_normals(
    scene: Scene, index: np.ndarray, x: np.ndarray, y: np.ndarray, z: np.ndarray
) -> np.ndarray:
    """Normals (3, k) of any shape: the own one n becomes A^T n in the world."""
    inward = scene.inward()
    point = _rows(inward, scene, index, x, y, z)
    core = scene.core().astype(x.dtype)[index]
    own = shapes.normal(list(point), core, scene.is_a("cylinder")[index], np)
    columns = inward.astype(x.dtype).transpose(2, 1, 0)
    return np.stack([sum(a[index] * n for a, n in zip(column, own)) for column in columns])


def _rows(
    matrix: np.ndarray,
    scene: Scene,
    index: np.ndarray,
    x: np.ndarray,
    y: np.ndarray,
    z: np.ndarray,
) -> np.ndarray:
    """matrix (p - centre), shape (3, k), of the parts index (k,)."""
    # Component by component, M p - M centre: several times quicker than k small matrix products.
    shift = np.einsum("nij,nj->ni", matrix, scene.centre)
    rows = np.concatenate([matrix, -shift[:, :, None]], 2).astype(x.dtype).transpose(1, 2, 0)
    return np.stack([a[index] * x + b[index] * y + c[index] * z + d[index] for a, b, c, d in rows])


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
