"""The shapes of parts, and where a ray first meets them: closed forms, for NumPy and for torch.

A part has its own coordinates  u = A (p - centre),  in which an ellipsoid is the ball |u| <= 1, a
cylinder is round about u_z with radius 1 and ends at u_z = ±1, and a box reaches from -1 to 1 and
is rounded: all that is no farther than `rounding` from the cube of half side 1 - rounding. So a
box of rounding 1 is the ball, and what stretches a part keeps every point of its surface there.

Rays run along world z, so a pixel's ray is  u(t) = origin + t along,  where t is z minus the
centre's z. The viewer is at large t: what is seen of a convex body is the upper end of the t
inside of it. Every function takes NumPy's arrays or torch's tensors, and `xp`, the module that
they belong to.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import reduce
from itertools import product
from types import ModuleType
from typing import Any, NamedTuple

SHAPES = ("ellipsoid", "box", "cylinder")

Array = Any  # np.ndarray, a number of NumPy's, or Tensor
Triple = Sequence[Array]


class Span(NamedTuple):
    """Between which t the rays are inside of something convex; nan where they miss it."""

    back: Array
    front: Array


class Surface(NamedTuple):
    """What the rays have to know of a part's surface."""

    shape: str
    quadric: Sequence[Array]  # for ellipsoids: `quadric_terms`
    inward: Sequence[Triple]  # for the others: the rows of A
    rounding: Array


def front(surface: Surface, x: Array, y: Array, xp: ModuleType) -> Array:
    """The t where the rays through (x, y), from the centre, first meet it; else nan or -inf."""
    if surface.shape == "ellipsoid":
        return ellipsoid(surface.quadric, x, y, xp)
    origin = xp.stack([a * x + b * y for a, b, _ in surface.inward])
    along = xp.stack([c for _, _, c in surface.inward])
    if surface.shape == "cylinder":
        return cylinder(origin, along, xp)
    return box(origin, along, surface.rounding, xp)


def ellipsoid(terms: Sequence[Array], x: Array, y: Array, xp: ModuleType) -> Array:
    """The larger root t of  p^T M p = 1  for p = (x, y, t); nan where the ray misses.

    The terms (6,) are those of `quadric_terms`.
    """
    xz, yz, zz, across, mixed, down = terms
    inside = across * x * x + zz + y * (mixed * x + down * y)  # a quarter of the discriminant
    return (xp.sqrt(inside) - (xz * x + yz * y)) / zz


def quadric_terms(quadric: Sequence[Sequence[Array]]) -> tuple[Array, ...]:
    """What `ellipsoid` takes of a symmetric matrix M (3, 3)."""
    (xx, xy, xz), (_, yy, yz), (_, _, zz) = quadric
    return xz, yz, zz, xz * xz - zz * xx, 2 * (xz * yz - zz * xy), yz * yz - zz * yy


def cylinder(origin: Array, along: Array, xp: ModuleType) -> Array:
    """The t where the rays, origin + t along, first meet the cylinder; -inf where they miss."""
    x, y, z = origin
    dx, dy, dz = along
    return _first([_tube(x, y, dx, dy, 1, xp), _slab(z, dz, 1)], xp)


def box(origin: Array, along: Array, rounding: Array, xp: ModuleType) -> Array:
    """The t where the rays, origin + t along, first meet the rounded box; -inf where they miss.

    It is the union of three boxes (the cube, grown by the rounding along one axis), twelve
    cylinders for the edges and eight balls for the corners, all convex: the largest t counts.

    Args:
        origin: (3, …) own coordinates where t = 0.
        along: (3, …) their change with t, none of them 0.
        rounding: above 0 to 1.
        xp: the module of the arrays.
    """
    core = 1 - rounding
    slabs = _slab(origin, along, core)
    grown = _slab(origin, along, 1)
    faces = _first([grown, *(Span(*(xp.roll(end, k, 0) for end in slabs)) for k in (1, 2))], xp)
    edges = _first([_edges(origin, along, rounding, xp), slabs], xp)
    corners = _corners(origin, along, rounding, xp)
    nearest = [xp.amax(faces, 0), xp.amax(edges, (0, 1)), xp.amax(corners, 0)]
    return reduce(xp.maximum, nearest)


def normal(point: Triple, core: Array, round_about_z: Array, xp: ModuleType) -> Triple:
    """A normal in own coordinates at surface points (3, …); its length means nothing.

    Args:
        point: own coordinates of the points.
        core: half the side of the cube that was rounded, 0 for an ellipsoid.
        round_about_z: where the shape is a cylinder.
        xp: the module of the arrays.
    """
    x, y, z = point
    on_end = xp.abs(z) >= xp.sqrt(x * x + y * y)
    rounded = [u - xp.clip(u, -core, core) for u in point]
    side = (xp.where(on_end, 0, x), xp.where(on_end, 0, y), xp.where(on_end, z, 0))
    return [xp.where(round_about_z, s, r) for s, r in zip(side, rounded)]


def _edges(origin: Array, along: Array, rounding: Array, xp: ModuleType) -> Span:
    """The edges as endless cylinders: (4, 3, …), four along each axis."""
    core = 1 - rounding
    places = [_column(signs, origin, xp) * core for signs in zip(*product((-1, 1), repeat=2))]
    x, y = (xp.roll(origin, k, 0) - place for k, place in zip((1, 2), places))
    dx, dy = (xp.roll(along, k, 0) for k in (1, 2))
    return _tube(x, y, dx, dy, rounding, xp)


def _corners(origin: Array, along: Array, rounding: Array, xp: ModuleType) -> Array:
    """The t (8, …) where the rays first meet the balls in the corners; -inf where they miss."""
    core = 1 - rounding
    places = [_column(signs, origin[0], xp) * core for signs in zip(*product((-1, 1), repeat=3))]
    x, y, z = (o - place for o, place in zip(origin, places))
    dx, dy, dz = along
    square = dx * dx + dy * dy + dz * dz
    middle = -(x * dx + y * dy + z * dz) / square
    # |origin x along| / |along| is the distance of the ray from the ball's centre.
    cross = (y * dz - z * dy) ** 2 + (z * dx - x * dz) ** 2 + (x * dy - y * dx) ** 2
    half = xp.sqrt(rounding * rounding * square - cross) / square
    return xp.where(half >= 0, middle + half, -xp.inf)


def _tube(x: Array, y: Array, dx: Array, dy: Array, radius: Array, xp: ModuleType) -> Span:
    """Inside of an endless cylinder, seen in the plane across it."""
    square = dx * dx + dy * dy
    middle = -(x * dx + y * dy) / square
    half = xp.sqrt(radius * radius * square - (x * dy - y * dx) ** 2) / square
    return Span(middle - half, middle + half)


def _slab(origin: Array, along: Array, half: Array) -> Span:
    """Between two parallel planes: where one coordinate is no farther from 0 than half."""
    middle = -origin / along
    reach = half / abs(along)
    return Span(middle - reach, middle + reach)


def _first(spans: Sequence[Span], xp: ModuleType) -> Array:
    """The largest t in all of the spans, -inf where there is none."""
    front = reduce(xp.minimum, [span.front for span in spans])
    back = reduce(xp.maximum, [span.back for span in spans])
    return xp.where(front >= back, front, -xp.inf)


def _column(signs: Sequence[int], like: Array, xp: ModuleType) -> Array:
    """Signs (k,) as an array (k, 1, …) of one dimension more than `like`."""
    column = xp.asarray(signs, dtype=like.dtype, device=like.device)
    return column.reshape(-1, *[1] * like.ndim)
