r"""The other verb: `warp` moves a latent once, by a field that is known in advance, and is done.

`drag` asks at every step what the model makes of the latent, and follows its gradient. A warp asks
nobody: geometry alone says where each cell goes. Then the model denoises what came of it, as it
does after a drag.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from .arguments import instance, named_arguments, shown
from .geometry import cells, to_grid
from .latents import WAY_OUT
from .numeric import is_whole
from .records import Edit, Size

NEAR = 1e-4  # px: at a handle itself its weight is 1 / NEAR, as in FastDrag's code, not infinite
DIRECTIONS = 4  # in which a hole looks for a neighbour


@named_arguments
@torch.no_grad()
def warp(latent: Tensor, edit: Edit, size: Size | None = None) -> Tensor:
    r"""Move the content at the handles to the targets in one go: a latent of the same shape.

    .. math:: z'(C + v(C)) = z(C)

    for every cell C that may move, with the field v of :func:`warp_field`, in whole cells. Where
    two cells meet, the first one stays (row by row); a cell that would leave the mask is dropped.
    Cells of the mask where nobody arrived are holes: each gets the mean of the nearest cells to
    its left, its right, above and below it, weighted by one over their distance.

    .. code-block:: python

        found = dk.invert(dk.load("lion-diffusion"), image)
        warped = dk.warp(found.latent, edit, found.model.size)
        image = found.model.finish(warped)

    The latent is a noisy one, at strength 0.7, because the network repairs the seams while it
    denoises. FastDrag takes 10 steps of a network that was distilled for few steps (LCM); ours
    takes the plain DDIM steps of its schedule.

    Against 80 steps of DragDiffusion on ten lions of 64 px (seeds 70001 to 70010), distance of the
    landmarks to their targets: dragging one of them, 7.1 px to go, a warp ends 2.4 px away and a
    drag 2.5; dragging five at once, 3.2 against 1.8, because a field only stretches, and a drag
    lets the model turn a head. The warp takes 3 ms, the drags took 3 s and 7 s.

    Args:
        latent: (c h w) of a model whose latent is a map, as a diffusion model's is.
        edit: what should move where. What its mask does not free stays as it is.
        size: (height, width) of the model's images in pixels; None: that of the mask.

    Raises:
        TypeError: the latent or the edit is something else.
        ValueError: the latent is no map, there is neither size nor mask, or as :func:`warp_field`.

    Source: FastDrag (Zhao et al., NeurIPS 2024), "official code"; there cells also land outside
    the mask, and a hole takes filled holes for neighbours, so what it gets depends on its row.
    """
    _check_map(latent)
    instance("edit", edit, Edit, "what should move where, such as dragkit.Edit([(64, 80)], …)")
    size = _size_of(edit, size)
    grid = (latent.shape[1], latent.shape[2])
    field = warp_field(edit, size, grid).to(latent.device)
    free = _free_cells(edit, grid).to(latent.device)

    source, destination = _moves(field, free, size)
    moved = latent.clone(memory_format=torch.contiguous_format)
    moved.flatten(1)[:, destination] = latent.flatten(1)[:, source]

    holes = free.flatten().clone()
    holes[destination] = False
    return _filled(moved, holes.view(grid))


@named_arguments
@torch.no_grad()
def warp_field(edit: Edit, size: Size, grid: tuple[int, int]) -> Tensor:
    r"""Where FastDrag moves each cell: v (h w 2), (x, y) in pixels; 0 outside the mask.

    .. math::
        v(C) = \sum_i w_i\, \frac{|P_i C|}{|A_i P_i|}\, (B_i - A_i), \qquad
        w_i ∝ \frac{1}{‖C - A_i‖}

    A are the handles, B the targets. P is where the ray from A through C meets the circle around
    the box of all cells that may move. So the handle itself moves by B - A, the circle does not
    move, and in between the field falls off in a straight line: it stretches like rubber that is
    held at the rim. ``dk.plot.field`` draws it.

    Args:
        edit: what should move where; without a mask every cell may move.
        size: (height, width) of the image in pixels.
        grid: (h, w) cells, such as the latent's; ``size`` itself for a field in every pixel.

    Raises:
        TypeError, ValueError: the edit does not fit an image of this size, a size or grid is
            none, the mask frees no cell, or a handle lies outside the circle.
    """
    _check_grid(grid)
    edit = edit.fit(size)
    free = _free_cells(edit, grid)
    places = cells(free[None], size).to(edit.handles)[free.flatten()]
    if not len(places):
        raise ValueError(
            f"the mask frees less than half of every cell of the {grid[1]}×{grid[0]} cells, so"
            " nothing can move; free more of the image"
        )
    cell = edit.handles.new_tensor([size[1] / grid[1], size[0] / grid[0]])
    low, high = places.amin(0) - cell / 2, places.amax(0) + cell / 2
    centre, radius = (low + high) / 2, (high - low).norm() / 2
    _check_inside_circle(edit.handles, centre, radius)

    shares = torch.stack([_held(places, handle, centre, radius) for handle in edit.handles])
    weights = 1 / (torch.cdist(edit.handles, places) + NEAR)
    weights = weights / weights.sum(0)  # (n m)
    field = places.new_zeros(*grid, 2)
    field[free] = (weights * shares).T @ (edit.targets - edit.handles)
    return field


def _held(places: Tensor, handle: Tensor, centre: Tensor, radius: Tensor) -> Tensor:
    """|PC| / |AP| (m) of the places C (m 2): 1 at the handle A, 0 on the circle."""
    ray = places - handle
    distance = ray.norm(dim=1)
    direction = ray / distance.clamp_min(1e-12)[:, None]

    to_foot = direction @ (centre - handle)  # of the perpendicular from the centre
    half_chord = (radius**2 - (centre - handle).square().sum() + to_foot**2).clamp_min(0).sqrt()
    to_circle = (to_foot + half_chord).clamp_min(1e-6)
    return (1 - distance / to_circle).clamp_min(0)


def _moves(field: Tensor, free: Tensor, size: Size) -> tuple[Tensor, Tensor]:
    """The cells that arrive somewhere and where they do, as numbers (k) and (k)."""
    rows, columns = free.shape
    source = free.flatten().nonzero()[:, 0]
    cell = field.new_tensor([size[1] / columns, size[0] / rows])
    x, y = (field.flatten(0, 1)[source] / cell).unbind(1)
    column = (source % columns + x).round().long().clamp(0, columns - 1)
    row = (source // columns + y).round().long().clamp(0, rows - 1)
    destination = row * columns + column

    # the first of those that meet, whatever order a device writes in
    nobody = rows * columns
    first = torch.full_like(free.flatten(), nobody, dtype=torch.long)
    first = first.scatter_reduce(0, destination, source, "amin")
    reached = ((first < nobody) & free.flatten()).nonzero()[:, 0]
    return first[reached], reached


def _filled(latent: Tensor, holes: Tensor) -> Tensor:
    """The latent (c h w) with its `holes` (h w) filled from the nearest cells that are none."""
    total, weights = torch.zeros_like(latent), torch.zeros_like(latent[0])
    for turns in range(DIRECTIONS):
        values = latent.rot90(turns, (1, 2))
        weighted, weight = _from_the_left(values, ~holes.rot90(turns))
        total += weighted.rot90(-turns, (1, 2))
        weights += weight.rot90(-turns)

    seen = holes & (weights > 0)
    return torch.where(seen, total / weights.clamp_min(1e-12), latent)


def _from_the_left(values: Tensor, known: Tensor) -> tuple[Tensor, Tensor]:
    """The nearest known value to the left of each cell, weighted by 1 / distance; the weights."""
    columns = torch.arange(known.shape[1], device=known.device).expand_as(known)
    nearest = torch.where(known, columns, -1).cummax(1).values
    weight = (nearest >= 0) / (columns - nearest).clamp_min(1)
    found = values.gather(2, nearest.clamp_min(0).expand_as(values))
    return found * weight, weight


def _free_cells(edit: Edit, grid: tuple[int, int]) -> Tensor:
    """Which cells (h w) may move: those that the mask frees by more than half."""
    if edit.mask is None:
        return torch.ones(*grid, dtype=torch.bool, device=edit.handles.device)
    shape = edit.mask.new_empty(1, *grid)
    return to_grid(edit.mask, shape) > 0.5


def _size_of(edit: Edit, size: Size | None) -> Size:
    if size is not None:
        return size
    if edit.mask is None:
        raise ValueError(
            "there is neither a size nor a mask, so nobody knows how many pixels a cell of the"
            " latent covers; give size=model.size"
        )
    height, width = edit.mask.shape
    return height, width


def _check_grid(grid: Any) -> None:
    is_pair = isinstance(grid, tuple | list) and len(grid) == 2
    if not (is_pair and all(is_whole(side, 1) for side in grid)):
        raise ValueError(f"grid is {shown(grid)}; give (rows, columns) of cells, such as (32, 32)")


def _check_map(latent: Tensor) -> None:
    instance("latent", latent, Tensor, WAY_OUT)
    if latent.ndim != 3 or not latent.is_floating_point():
        raise ValueError(
            f"the latent holds {latent.dtype} of shape {tuple(latent.shape)}; only a map (c h w)"
            " of floats can be warped, such as that of a diffusion model: a GAN's w has no places"
        )


def _check_inside_circle(handles: Tensor, centre: Tensor, radius: Tensor) -> None:
    away = (handles - centre).norm(dim=1) > radius
    for i in away.nonzero()[:, 0].tolist():
        x, y = handles[i].tolist()
        raise ValueError(
            f"handle {i} at ({x:g}, {y:g}) lies outside the circle around what the mask frees, so"
            " no ray from it stretches that; free it in the mask, or remove it"
        )
