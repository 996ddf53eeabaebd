"""The renderer of `renderer` once more, in torch: a batch of scenes at a time, on any device."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields, replace

import numpy as np
import torch
from torch import Tensor

from ..arguments import instance, named_arguments, whole
from . import shapes
from .renderer import AMBIENT, DIFFUSE, MOST_RAYS, SHININESS, pixel_to_world, world_to_pixel
from .scene import Meadow, Scene


@named_arguments
@dataclass(frozen=True)
class SceneBatch:
    """Scenes with equally many parts as float32 tensors, to be drawn together.

    ``SceneBatch.of(scenes).to("cuda").render(128)`` gives what `renderer.render` gives for each
    scene. What the scenes say is brought into the form that the rays need in doubles, on the CPU;
    so a batch is cheap to pickle, to send to a device and to draw there.

    Args:
        centre: (b, n, 3) world coordinates of the parts.
        quadric: (b, n, 6) what `shapes.quadric_terms` says of the ellipsoids.
        inward: (b, n, 3, 3) the matrices A into own coordinates, u = A (p - centre).
        shift: (b, n, 3) A centre.
        rounding: (b, n) how much of the boxes is rounded.
        core: (b, n) half the side of the cubes that were rounded; 0 but for boxes.
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
    shift: Tensor
    rounding: Tensor
    core: Tensor
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
            TypeError: one of them is not a scene, or its background is not a meadow.
            ValueError: there is none, or they have different numbers of parts.
        """
        rows = [_row(scene) for scene in _checked(scenes)]
        stacked = {name: np.stack([row[name] for row in rows]) for name in rows[0]}
        tensors = {k: torch.tensor(v, dtype=torch.float32) for k, v in stacked.items()}
        return cls(**tensors, shape=tuple(scenes[0].shape))

    def to(self, device: torch.device | str) -> SceneBatch:
        """The same batch on a device."""
        names = [field.name for field in fields(self) if field.name != "shape"]
        return replace(self, **{name: getattr(self, name).to(device) for name in names})

    @torch.no_grad()
    def render(self, size: int, supersample: int = 2) -> Tensor:
        """The images (b, 3, size, size) in 0..1, with supersample^2 rays a pixel.

        Raises:
            ValueError: as `renderer.render`.
        """
        size = whole("size", size, 1, MOST_RAYS)
        supersample = whole("supersample", supersample, 1, MOST_RAYS // size)
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
        reach = self.reach.cpu().double().numpy()  # the only wait for the device
        low = np.floor(world_to_pixel(reach[:, :, 0].min(0), size)).clip(0, size)
        high = np.ceil(world_to_pixel(reach[:, :, 1].max(0), size) + 1).clip(0, size)
        return np.concatenate([low, high], 1).astype(int).tolist()

    def _shade(self, index: Tensor, depth: Tensor) -> Tensor:
        """Colour and cover (b, 4, size, size): Lambert's law, ambient light, a highlight."""
        b, size, _ = index.shape
        hit = index >= 0
        seen = index.clamp(min=0).long().view(b, -1)

        def at(numbers: Tensor) -> Tensor:
            return numbers.gather(1, seen).view(b, size, size)

        across, down, front = self._normals(at, self._rays(size), torch.where(hit, depth, 0))

        def facing(direction: Tensor) -> Tensor:
            x, y, z = direction[:, :, None, None].unbind(1)
            return (x * across + y * down + z * front).clamp(min=0)

        shine = at(self.gloss) * facing(self.halfway) ** SHININESS
        brightness = AMBIENT - 0.1 * down + DIFFUSE * facing(self.light)
        planes = [at(plane) * brightness + shine for plane in self.colour.unbind(2)]
        lit = torch.stack(planes, 1).clamp(max=1)
        canvas = torch.cat([lit, torch.ones_like(lit[:, :1])], 1)
        return torch.where(hit[:, None], canvas, 0)

    def _normals(self, at: Callable[[Tensor], Tensor], ray: Tensor, z: Tensor) -> list[Tensor]:
        """Unit normals, three of (b, size, size): the own one n is A^T n in the world."""
        inward = [[at(a) for a in row.unbind(2)] for row in self.inward.unbind(2)]
        shift = [at(numbers) for numbers in self.shift.unbind(2)]
        point = [a * ray + b * ray[:, None] + c * z - d for (a, b, c), d in zip(inward, shift)]
        is_cylinder = torch.tensor([name == "cylinder" for name in self.shape], device=ray.device)
        own = shapes.normal(point, at(self.core), at(is_cylinder.expand_as(self.core)), torch)
        normal = [sum(a * n for a, n in zip(column, own)) for column in zip(*inward)]
        length = torch.sqrt(sum(part * part for part in normal))
        return [part / length for part in normal]

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
        return torch.tensor(pixel_to_world(np.arange(size), size)).to(self.centre)


def _checked(scenes: Sequence[Scene]) -> Sequence[Scene]:
    for scene in scenes:
        instance("a scene", scene, Scene, "scenes, such as [Lion().scene()]")
        instance("a scene's background", scene.background, Meadow, "scenes in a Meadow")
    kinds = {tuple(scene.shape) for scene in scenes}
    if len(kinds) != 1:
        counts = " and ".join(sorted(f"{len(kind)} parts" for kind in kinds)) or "none"
        raise ValueError(f"scenes: {counts}; give at least one, all with the same shapes of parts")
    return scenes


def _row(scene: Scene) -> dict[str, np.ndarray]:
    """What the batch holds of one scene."""
    inward = scene.inward()
    centre = scene.centre[:, :2]
    extent = scene.extent()
    light = scene.light / np.linalg.norm(scene.light)
    halfway = light + np.array([0, 0, 1])
    meadow = scene.background
    assert isinstance(meadow, Meadow)
    return {
        "centre": scene.centre,
        "quadric": np.array([shapes.quadric_terms(matrix) for matrix in scene.quadric()]),
        "inward": inward,
        "shift": np.einsum("nij,nj->ni", inward, scene.centre),
        "rounding": scene.rounding,
        "core": scene.core(),
        "reach": np.stack([centre - extent, centre + extent], 1),
        "colour": scene.colour,
        "gloss": scene.gloss,
        "light": light,
        "halfway": halfway / max(float(np.linalg.norm(halfway)), 1e-9),
        "sky": meadow.sky,
        "ground": meadow.ground,
        "horizon": np.array(meadow.horizon),
        "stripes": np.array(meadow.stripes),
    }
