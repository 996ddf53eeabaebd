"""An image, its points and its mask, brought to a model's size together."""

from __future__ import annotations

import math

import torch
from PIL import Image
from torch import Tensor

from .arguments import instance, named_arguments
from .geometry import clamp_inside
from .images import placed, scaled
from .placement import Fit, Placement, Size, image_size, placement
from .planes import ImageLike, planes_of
from .records import Edit

KEPT = 0.5  # how much of a pixel of the new mask may move, for all of it to


@named_arguments
def carry(
    image: ImageLike, edit: Edit, size: int | Size | None = None, fit: Fit = "native"
) -> tuple[Tensor, Edit]:
    r"""An image and its edit at another size: every point and the mask stay on their content.

    ``image, edit = dk.carry("photo.jpg", edit, model.size, fit="crop")``. A point p, whose pixel's
    centre is at p + 1/2 from the corner, goes to

    .. math:: (p + 1/2 - a)\, s + b - 1/2

    where a is the corner of what the fit shows of the image, s how many times larger that becomes,
    and b where its corner lies then (:class:`dragkit.placement.Placement`). The stop distance
    grows by the mean of s over both sides. What a border adds stays (its mask is 0).

    Args:
        image: anything that :func:`dragkit.images.read_image` reads.
        edit: in pixels of that image as a person sees it, so upright; also its mask.
        size, fit: as there; by default both stay as they are.

    Returns:
        The image (3 H W) in 0..1, and the edit in its pixels. A point that comes to lie between
        the border's pixel centres and the border, at most half a pixel, is moved to those centres.

    Raises:
        TypeError, FileNotFoundError: the image cannot be read, or the edit is none.
        ValueError: a point is outside the image, or falls off it with this fit: the message names
            each; the mask has another size than the image, or nothing of it is left; two handles
            come to be on one pixel.
    """
    instance("edit", edit, Edit, "a dragkit.Edit, such as Edit([(64, 80)], [(64, 60)])")
    wanted = None if size is None else image_size(size)
    planes = planes_of(image)
    width, height = planes[0].size
    edit.fit((height, width))

    where = placement((height, width), wanted, fit)
    _check_shown(edit, where, fit)
    return placed(planes, where), _carried(edit, where)


def _check_shown(edit: Edit, where: Placement, fit: Fit) -> None:
    """Raise ValueError if a point falls off the image."""
    lost = []
    for name, points in (("handle", edit.handles), ("target", edit.targets)):
        for i, shown in enumerate(where.shows(points).tolist()):
            if not shown:
                x, y = points[i].tolist()
                lost.append(f"{name} {i} at ({x:g}, {y:g})")
    if not lost:
        return
    left, top, right, bottom = where.box
    height, width = where.source
    raise ValueError(
        f"{', '.join(lost)} would fall off: fit={fit!r} keeps x from {left:g} to {right:g} and y"
        f' from {top:g} to {bottom:g} of the {width}×{height} image; choose "pad" or "resize",'
        " which keep all of it, or move or remove that"
    )


def _carried(edit: Edit, where: Placement) -> Edit:
    handles = clamp_inside(where.carried(edit.handles), where.size)
    targets = clamp_inside(where.carried(edit.targets), where.size)
    mask = None if edit.mask is None else _carried_mask(edit.mask, where)
    arrive = None if edit.arrive is None else edit.arrive * math.sqrt(math.prod(where.scale))
    return Edit(handles, targets, mask, arrive)


def _carried_mask(mask: Tensor, where: Placement) -> Tensor:
    """The mask (H W) in its new place: what is mostly free there may move, borders may not."""
    left, top, right, bottom = where.place
    plane = Image.fromarray(mask.cpu().numpy())
    (inner,) = scaled([plane], (right - left, bottom - top), where.box)
    carried = torch.zeros(where.size)
    carried[top:bottom, left:right] = (inner >= KEPT).float()
    if not carried.any():
        raise ValueError(
            "what the mask lets move is not in the image any longer, or is thinner than a pixel"
            ' there; choose "pad" or "resize", a larger size, or another mask'
        )
    return carried
