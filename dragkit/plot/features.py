"""Features and images side by side, as figures."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from PIL import Image
from torch import Tensor

from ..compose import Palette
from ..records import View
from .figures import Photo, pixel_extent


def features(views: View | Sequence[View], names: Sequence[str] | None = None) -> Photo:
    """Features as colours: their first three principal components as red, green and blue.

    The colours are fixed by the first view, so the same content keeps its colour along a run.
    The axes are in pixels of the image.

    Raises:
        ValueError: there is no view, or the names do not fit.
    """
    if isinstance(views, View):
        views = [views]
    if names is None:
        names = [""] * len(views)
    if not views or len(names) != len(views):
        raise ValueError(
            f"{len(views)} views and {len(names)} names; give at least one view, and a name for"
            " each or none"
        )
    maps = [view.features.detach().cpu().numpy() for view in views]
    palette = Palette.of(maps[0])

    figure = Photo(figsize=(0.6 + 2.6 * len(views), 3.5), layout="constrained")
    many = figure.subplots(1, len(views), squeeze=False)[0]
    for axes, cells, view, name in zip(many, maps, views, names):
        axes.imshow(palette.colours(cells), extent=pixel_extent(view.size))
        axes.set(xlabel="x (px)", title=name)
    many[0].set_ylabel("y (px)")

    gap = "\n" if len(views) == 1 else " "  # one image is too narrow for the whole title
    explained = f"{100 * palette.explained:.0f} % of the first view's variance"
    figure.suptitle(f"features, PCA to RGB:{gap}{explained}", fontsize=10)
    return figure


def images(
    named: Mapping[str, Tensor | np.ndarray | Image.Image],
    side: int | None = None,
    axes_in: str = "px",
) -> Photo:
    """Images side by side under their names, each on axes that count its own pixels.

    Args:
        named: the images: tensors (3 H W) in 0..1, arrays uint8 (H W 3) or Pillow's.
        side: the height in pixels that the axes count, for images that were enlarged.
        axes_in: what the axes count: "px", or "cells" if a map is shown in colours.

    Raises:
        ValueError: there are none, or one has another shape.
    """
    if not named:
        raise ValueError("there are no images to show; give a dict of name and image")
    figure = Photo(figsize=(0.5 + 2.2 * len(named), 2.8), layout="constrained")
    many = figure.subplots(1, len(named), squeeze=False)[0]
    for axes, (name, image) in zip(many, named.items()):
        pixels = _pixels(name, image)
        height, width = pixels.shape[:2]
        scale = side / height if side else 1
        axes.imshow(pixels, extent=pixel_extent((height * scale, width * scale)))
        axes.set_title(name, fontsize=10)
        axes.set(xlabel=f"x ({axes_in})")
    many[0].set_ylabel(f"y ({axes_in})")
    return figure


def _pixels(name: str, image: Tensor | np.ndarray | Image.Image) -> np.ndarray:
    """An image as an array (H W 3)."""
    if isinstance(image, Tensor):
        given = image.detach().cpu().numpy()
        pixels = np.moveaxis(given, 0, -1)
    else:
        given = np.asarray(image)
        pixels = given
    if pixels.ndim != 3 or pixels.shape[2] != 3:
        raise ValueError(
            f"{name!r} has shape {given.shape}; an image is a tensor (3 H W) or an array (H W 3)"
        )
    return pixels
