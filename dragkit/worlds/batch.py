"""The renderer of `ellipsoids` once more, in torch: a batch of scenes at a time, on any device."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields

import numpy as np
import torch
from torch import Tensor

from ..arguments import instance, named_arguments, whole
from .ellipsoids import (
    AMBIENT,
    DIFFUSE,
    MOST_RAYS,
    SHININESS,
    Meadow,
    Scene,
    pixel_to_world,
    world_to_pixel,
)


@named_arguments
@dataclass(frozen=True)
class SceneBatch:
    """Scenes with equally many parts as float32 tensors, to be drawn together.

    ``SceneBatch.of(scenes).to("cuda").render(128)`` gives what `ellipsoids.render` gives for each
    scene. What the scenes say is brought into the form that the rays need in doubles, on the CPU;
    so a batch is cheap to pickle, to send to a device and to draw there.

    Args:
        centre: (b, n, 3) world coordinates of the parts.
        quadric: (b, n, 3, 3) the matrices M of their surfaces (p - centre)^T M (p - centre) = 1.
        shift: (b, n, 3) M centre.
        reach: (b, n, 2, 2) the corners, least and greatest (x, y), of the box around the outline.
        colour: (b, n, 3) RGB in 0..1.
        gloss: (b, n) strength of the highlights.
        light: (b, 3) unit vectors toward the light.
        halfway: (b, 3) unit vectors half way between light and viewer.
        sky, ground: (b, 3) RGB of the meadows.
        horizon, stripes: (b,) their horizons and the strength of their stripes.
    """

    centre: Tensor
    quadric: Tensor
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

    @classmethod
    def of(cls, scenes: Sequence[Scene]) -> SceneBatch:
        """The batch of these scenes.

        Raises:
            TypeError: one of them is not a scene, or its background is not a meadow.
            ValueError: there is none, or they have different numbers of parts.
        """
        rows = [_row(scene) for scene in _checked(scenes)]
        stacked = {name: np.stack([row[name] for row in rows]) for name in rows[0]}
        return cls(**{k: torch.tensor(v, dtype=torch.float32) for k, v in stacked.items()})

    def to(self, device: torch.device | str) -> SceneBatch:
        """The same batch on a device."""
        return SceneBatch(**{f.name: getattr(self, f.name).to(device) for f in fields(self)})

    @torch.no_grad()
    def render(self, size: int, supersample: int = 2) -> Tensor:
        """The images (b, 3, size, size) in 0..1, with supersample^2 rays a pixel.

        Raises:
            ValueError: as `ellipsoids.render`.
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
        b, n = self.gloss.shape
        depth = self.centre.new_full((b, size, size), -torch.inf)
        index = torch.full_like(depth, -1, dtype=torch.int16)
        ray = self._rays(size)
        for k, (left, top, right, bottom) in enumerate(self._boxes(size)):
            box = (slice(None), slice(top, bottom), slice(left, right))
            cx, cy, cz = self.centre[:, k, :, None, None].unbind(1)
            z = _front(self.quadric[:, k], ray[None, left:right] - cx, ray[top:bottom, None] - cy)
            z += cz
            nearer = z > depth[box]  # nan, a miss, is never nearer
            depth[box] = torch.where(nearer, z, depth[box])
            index[box].masked_fill_(nearer, k)
        return index, depth

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

        ray = self._rays(size)
        z = torch.where(hit, depth, 0)
        normal = []
        for row, shift in zip(self.quadric.unbind(2), self.shift.unbind(2)):
            along_x, along_y, along_z = (at(part) for part in row.unbind(2))
            normal.append(along_x * ray + along_y * ray[:, None] + along_z * z - at(shift))
        across, down, front = normal
        length = torch.sqrt(across * across + down * down + front * front)
        across, down, front = across / length, down / length, front / length

        def facing(direction: Tensor) -> Tensor:
            x, y, z = direction[:, :, None, None].unbind(1)
            return (x * across + y * down + z * front).clamp(min=0)

        shine = at(self.gloss) * facing(self.halfway) ** SHININESS
        brightness = AMBIENT - 0.1 * down + DIFFUSE * facing(self.light)
        planes = [at(plane) * brightness + shine for plane in self.colour.unbind(2)]
        lit = torch.stack(planes, 1).clamp(max=1)
        canvas = torch.cat([lit, torch.ones_like(lit[:, :1])], 1)
        return torch.where(hit[:, None], canvas, 0)

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


def _front(quadric: Tensor, x: Tensor, y: Tensor) -> Tensor:
    """The larger root z of (x y z) M (x y z)^T = 1; nan where the ray misses."""
    (xx, xy, xz), (_, yy, yz), (_, _, zz) = (
        row.unbind(1) for row in quadric[..., None, None].unbind(1)
    )
    across = xz * xz - zz * xx
    mixed = 2 * (xz * yz - zz * xy)
    down = yz * yz - zz * yy
    inside = across * x * x + zz + y * (mixed * x + down * y)
    return (torch.sqrt(inside) - (xz * x + yz * y)) / zz


def _checked(scenes: Sequence[Scene]) -> Sequence[Scene]:
    for scene in scenes:
        instance("a scene", scene, Scene, "scenes, such as [Lion().scene()]")
        instance("a scene's background", scene.background, Meadow, "scenes in a Meadow")
    counts = sorted({len(scene.centre) for scene in scenes})
    if len(counts) != 1:
        found = f"with {' and '.join(map(str, counts))} parts" if counts else "none"
        raise ValueError(f"scenes: {found}; give at least one, all with equally many parts")
    return scenes


def _row(scene: Scene) -> dict[str, np.ndarray]:
    """What the batch holds of one scene."""
    quadric = scene.quadric()
    centre = scene.centre[:, :2]
    extent = scene.extent()
    light = scene.light / np.linalg.norm(scene.light)
    halfway = light + [0, 0, 1]
    meadow = scene.background
    assert isinstance(meadow, Meadow)
    return {
        "centre": scene.centre,
        "quadric": quadric,
        "shift": np.einsum("nij,nj->ni", quadric, scene.centre),
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
