"""The renderer once more, in torch: a batch of scenes at a time, on any device.

It does what `renderer` does, in the same order and in the same precision, so on one CPU both make
the same choices at every outline: their images differ by rounding alone, at most 1e-5.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields
from operator import itemgetter

import numpy as np
import torch
from torch import Tensor

from ..arguments import device as checked_device
from ..arguments import instance, named_arguments, whole
from . import shapes
from .renderer import AMBIENT, DIFFUSE, MOST_RAYS, SHININESS, pixel_to_world, world_to_pixel
from .scene import Meadow, Scene

# So many rays are followed at once: few enough for a CPU's caches, or for a GPU's memory.
CPU_RAYS = 2**16
GPU_RAYS = 2**24
MEADOW = ("sky", "ground", "horizon", "stripes")


@named_arguments
@dataclass(frozen=True)
class SceneBatch:
    """Scenes of the same parts as float32 tensors, to be drawn together.

    ``SceneBatch.of(scenes).to("cuda").render(128)`` gives what `renderer.render` gives for each
    scene. What the scenes say is brought into the form that the rays need in doubles, on the CPU;
    so a batch is cheap to pickle, to send to a device and to draw there.

    Args:
        centre: (b, n, 3) world coordinates of the parts.
        quadric: (b, n, 6) what `shapes.quadric_terms` says of the ellipsoids.
        inward: (b, n, 3, 3) the matrices A into own coordinates, u = A (p - centre).
        rounding: (b, n) how much of the boxes is rounded.
        core: (b, n) half the side of the cubes that were rounded; 0 but for boxes.
        slope: (b, n, 3, 3) what takes p - centre to an ellipsoid's normal: M; of the others A.
        shift: (b, n, 3) slope @ centre.
        reach: (b, n, 2, 2) the corners, least and greatest (x, y), of the box around the outline.
        colour: (b, n, 3) RGB in 0..1.
        gloss: (b, n) strength of the highlights.
        light: (b, 3) unit vectors toward the light.
        halfway: (b, 3) unit vectors half way between light and viewer.
        sky, ground: (b, 3) RGB of the meadows.
        horizon, stripes: (b,) their horizons and the strength of their stripes.
        shape: (n,) the names of the parts' shapes, the same in every scene.
    """

    centre: Tensor
    quadric: Tensor
    inward: Tensor
    rounding: Tensor
    core: Tensor
    slope: Tensor
    shift: Tensor
    reach: Tensor
    colour: Tensor
    gloss: Tensor
    light: Tensor
    halfway: Tensor
    sky: Tensor
    ground: Tensor
    horizon: Tensor
    stripes: Tensor
    shape: tuple[str, ...]

    @classmethod
    def of(cls, scenes: Sequence[Scene]) -> SceneBatch:
        """The batch of these scenes.

        Raises:
            TypeError: they are not a list of scenes, or a background is not a meadow.
            ValueError: there is none, or their parts have different shapes.
        """
        rows = [_numbers(scene) for scene in _checked(scenes)]
        stacked = {name: np.stack([row[name] for row in rows]) for name in rows[0]}
        tensors = {name: torch.from_numpy(array).float() for name, array in stacked.items()}
        return cls(**tensors, shape=tuple(scenes[0].shape))

    def to(self, device: torch.device | str) -> SceneBatch:
        """The same batch on a device.

        Raises:
            ValueError: there is no such device.
        """
        place = checked_device(device)
        return self._each(lambda tensor: tensor.to(place))

    @torch.no_grad()
    def render(self, size: int, supersample: int = 2) -> Tensor:
        """The images (b, 3, size, size) in 0..1, with supersample^2 rays a pixel.

        Raises:
            ValueError: as `renderer.render`.
        """
        size = whole("size", size, 1, MOST_RAYS)
        supersample = whole("supersample", supersample, 1, MOST_RAYS // size)
        most = CPU_RAYS if self.centre.device.type == "cpu" else GPU_RAYS
        some = max(1, most // (size * supersample) ** 2)
        groups = [slice(k, k + some) for k in range(0, len(self.centre), some)]
        batches = [self._each(itemgetter(group)) for group in groups]
        return torch.cat([batch._draw(size, supersample) for batch in batches])

    def _each(self, change: Callable[[Tensor], Tensor]) -> SceneBatch:
        """The same batch with every tensor changed."""
        names = [field.name for field in fields(self) if field.name != "shape"]
        changed = {name: change(getattr(self, name)) for name in names}
        return SceneBatch(**changed, shape=self.shape)

    def _draw(self, size: int, supersample: int) -> Tensor:
        index, depth = self._zbuffer(size * supersample)
        shaded = self._shade(index, depth)
        average = torch.nn.functional.avg_pool2d(shaded, supersample)
        colour, cover = average[:, :3], average[:, 3:]
        return (colour + (1 - cover) * self._meadow(size)).clamp(0, 1)

    def _zbuffer(self, size: int) -> tuple[Tensor, Tensor]:
        """The part and depth (b, size, size) at each ray, -1 and -inf for background."""
        depth = self.centre.new_full((len(self.centre), size, size), -torch.inf)
        index = torch.full_like(depth, -1, dtype=torch.int16)
        ray = self._rays(size)
        for k, (left, top, right, bottom) in enumerate(self._boxes(size)):
            box = (slice(None), slice(top, bottom), slice(left, right))
            cx, cy, cz = self.centre[:, k, :, None, None].unbind(1)
            x, y = ray[None, left:right] - cx, ray[top:bottom, None] - cy
            z = shapes.front(self._surface(k), x, y, torch) + cz
            nearer = z > depth[box]  # nan, a miss, is never nearer
            depth[box] = torch.where(nearer, z, depth[box])
            index[box].masked_fill_(nearer, k)
        return index, depth

    def _surface(self, k: int) -> shapes.Surface:
        """Part k of every scene, its numbers as (b, 1, 1)."""
        inward = [row.unbind(1) for row in self.inward[:, k, :, :, None, None].unbind(1)]
        quadric = self.quadric[:, k, :, None, None].unbind(1)
        return shapes.Surface(self.shape[k], quadric, inward, self.rounding[:, k, None, None])

    def _boxes(self, size: int) -> list[list[int]]:
        """For each part the pixels (left, top, right, bottom) that it covers in any image."""
        low = self.reach[:, :, 0].amin(0)
        high = self.reach[:, :, 1].amax(0)
        corners = torch.stack([low, high]).cpu().numpy()  # the only wait for the device
        pixels = world_to_pixel(corners, size).clip(-1, size)
        first, last = np.floor(pixels[0]).clip(0), np.ceil(pixels[1]) + 1
        return np.concatenate([first, last], 1).astype(int).tolist()

    def _shade(self, index: Tensor, depth: Tensor) -> Tensor:
        """Colour and cover (b, 4, size, size): Lambert's law, ambient light, a highlight."""
        scene, row, column = (index >= 0).nonzero(as_tuple=True)
        seen = scene, index[scene, row, column].long()
        ray = self._rays(index.shape[-1])
        normal = self._normals(seen, ray[column], ray[row], depth[scene, row, column])
        highlight = _dot(self.halfway[scene].unbind(1), normal).clamp(min=0)
        facing = _dot(self.light[scene].unbind(1), normal).clamp(min=0)

        shine = self.gloss[seen] * highlight**SHININESS
        brightness = AMBIENT - 0.1 * normal[1] + DIFFUSE * facing
        lit = (self.colour[seen] * brightness[:, None] + shine[:, None]).clamp(max=1)

        canvas = depth.new_zeros((*depth.shape, 4))
        canvas[scene, row, column, :3] = lit
        canvas[..., 3] = index >= 0
        return canvas.permute(0, 3, 1, 2)

    def _normals(
        self, seen: tuple[Tensor, Tensor], x: Tensor, y: Tensor, z: Tensor
    ) -> list[Tensor]:
        """Unit normals, three of (k,), at surface points of the parts (scene, part) seen."""
        slope = [row.unbind(1) for row in self.slope[seen].unbind(1)]
        shift = self.shift[seen].unbind(1)
        normal = [a * x + b * y + c * z - d for (a, b, c), d in zip(slope, shift)]
        if set(self.shape) != {"ellipsoid"}:
            normal = self._other_normals(seen, slope, normal)
        length = torch.sqrt(_dot(normal, normal))
        return [part / length for part in normal]

    def _other_normals(
        self, seen: tuple[Tensor, Tensor], slope: Sequence[Sequence[Tensor]], point: list[Tensor]
    ) -> list[Tensor]:
        """Where no ellipsoid is seen, the own normal n at own coordinates becomes A^T n."""
        _, part = seen
        own = shapes.normal(point, self.core[seen], self._is_a("cylinder")[part], torch)
        turned = [_dot(column, own) for column in zip(*slope)]
        is_ellipsoid = self._is_a("ellipsoid")[part]
        return [torch.where(is_ellipsoid, e, other) for e, other in zip(point, turned)]

    def _is_a(self, shape: str) -> Tensor:
        return torch.tensor([name == shape for name in self.shape], device=self.centre.device)

    def _meadow(self, size: int) -> Tensor:
        """The backgrounds (b, 3, size, size): `Meadow`, in torch."""
        x = self._rays(size)
        y = x[:, None]
        sky, ground = self.sky[:, :, None, None], self.ground[:, :, None, None]
        horizon, stripes = self.horizon[:, None, None], self.stripes[:, None, None]
        above = sky + (1 - sky) * 0.16 * (1 + y)
        wave = 1 + stripes * torch.sin(14 * (x + y)) - 0.1 * (y - horizon)
        below = torch.sigmoid(18 * (y - horizon))
        return (above + below[:, None] * (ground * wave[:, None] - above)).clamp(0, 1)

    def _rays(self, size: int) -> Tensor:
        return torch.from_numpy(pixel_to_world(np.arange(size), size)).to(self.centre)


def _dot(a: Sequence[Tensor], b: Sequence[Tensor]) -> Tensor:
    return a[0] * b[0] + a[1] * b[1] + a[2] * b[2]


def _checked(scenes: Sequence[Scene]) -> Sequence[Scene]:
    instance("scenes", scenes, (list, tuple), "a list of them, such as [Lion().scene()]")
    if len(scenes) == 0:
        raise ValueError("scenes is empty; give at least one, such as [Lion().scene()]")
    for scene in scenes:
        instance("a scene", scene, Scene, "scenes, such as [Lion().scene()]")
        instance("a scene's background", scene.background, Meadow, "scenes in a Meadow")
    for k, scene in enumerate(scenes):
        if tuple(scene.shape) != tuple(scenes[0].shape):
            raise ValueError(
                f"scene {k} has other shapes of parts than scene 0; give scenes of one kind, such"
                " as lions alone"
            )
    return scenes


def _numbers(scene: Scene) -> dict[str, np.ndarray]:
    """What a batch holds of one scene."""
    quadric = scene.quadric()
    inward = scene.inward()
    slope = np.where(scene.is_a("ellipsoid")[:, None, None], quadric, inward)
    centre = scene.centre[:, :2]
    extent = scene.extent()
    light = scene.light / np.linalg.norm(scene.light)
    halfway = light + np.array([0, 0, 1])
    return {
        "centre": scene.centre,
        "quadric": np.array([shapes.quadric_terms(matrix) for matrix in quadric]),
        "inward": inward,
        "rounding": scene.rounding,
        "core": scene.core(),
        "slope": slope,
        "shift": np.einsum("nij,nj->ni", slope, scene.centre),
        "reach": np.stack([centre - extent, centre + extent], 1),
        "colour": scene.colour,
        "gloss": scene.gloss,
        "light": light,
        "halfway": halfway / max(float(np.linalg.norm(halfway)), 1e-9),
        **{name: np.asarray(getattr(scene.background, name)) for name in MEADOW},
    }
