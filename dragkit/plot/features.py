"""Features and images side by side, as figures."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from PIL import Image
from torch import Tensor

from ..arguments import instance, named_arguments, numbers, whole
from ..compose import Palette
from ..records import View
from ..runs.drawing import MOST_SIDE
from .figures import Photo, check_names, check_texts, more_height, pixel_extent


@named_arguments
def features(views: View | Sequence[View], names: Sequence[str] | None = None) -> Photo:
    """Features as colours: their first three principal components as red, green and blue.

    The colours are fixed by the first view, so the same content keeps its colour along a run.
    The axes are in pixels of the image.

    Raises:
        TypeError: there is something else than views, or the names are no list of texts.
        ValueError: there is no view, the names do not fit, or the features are not finite or not
            of one length.
    """
    if isinstance(views, View):
        views = [views]
    instance("views", views, (list, tuple), "a view, or a list of views")
    if names is None:
        names = [""] * len(views)
    check_names(names, len(views), "views")
    _check_views(views)
    maps = [view.features.detach().cpu().numpy() for view in views]
    palette = Palette.of(maps[0])

    height = 3.5 + more_height(2.4, *(view.size for view in views))
    figure = Photo(figsize=(0.6 + 2.6 * len(views), height), layout="constrained")
    many = figure.subplots(1, len(views), squeeze=False)[0]
    for axes, cells, view, name in zip(many, maps, views, names):
        axes.imshow(palette.colours(cells), extent=pixel_extent(view.size))
        axes.set(xlabel="x (px)", title=name)
    many[0].set_ylabel("y (px)")

    gap = "\n" if len(views) == 1 else " "  # one image is too narrow for the whole title
    explained = f"{100 * palette.explained:.0f} % of the first view's variance"
    figure.suptitle(f"features, PCA to RGB:{gap}{explained}", fontsize=10)
    return figure


def _check_views(views: Sequence[View]) -> None:
    """Raise TypeError or ValueError unless the features of all views have the same colours."""
    for i, view in enumerate(views):
        instance(f"views[{i}]", view, View, "what a model shows, such as model.view(latent)")
        if not view.features.isfinite().all():
            raise ValueError(f"the features of views[{i}] hold NaN or infinity; check the latent")
        if len(view.features) != len(views[0].features):
            raise ValueError(
                f"the features of views[{i}] have length {len(view.features)}, the first ones"
                f" {len(views[0].features)}; read all from one block"
            )


@named_arguments
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
        TypeError: it is no dict, or a text is none.
        ValueError: there are none, or one has another shape or colours out of range.
    """
    instance("named", named, Mapping, 'a dict of name and image, such as {"start": image}')
    if not named:
        raise ValueError("there are no images to show; give a dict of name and image")
    if side is not None:
        side = whole("side", side, 1, MOST_SIDE)
    check_texts(axes_in=axes_in)
    arrays = {name: _pixels(name, image) for name, image in named.items()}
    taller = more_height(2.0, *(pixels.shape[:2] for pixels in arrays.values()))
    figure = Photo(figsize=(0.5 + 2.2 * len(named), 2.8 + taller), layout="constrained")
    many = figure.subplots(1, len(named), squeeze=False)[0]
    for axes, (name, pixels) in zip(many, arrays.items()):
        height, width = pixels.shape[:2]
        scale = side / height if side else 1
        axes.imshow(pixels, extent=pixel_extent((height * scale, width * scale)))
        axes.set_title(name, fontsize=10)
        axes.set(xlabel=f"x ({axes_in})")
    many[0].set_ylabel(f"y ({axes_in})")
    return figure


def _pixels(name: str, image: Tensor | np.ndarray | Image.Image) -> np.ndarray:
    """An image as an array (H W 3)."""
    way_out = "a tensor (3 H W) in 0..1, an array (H W 3), or an image of Pillow's"
    if isinstance(image, Image.Image):
        image = np.asarray(image)
    given = numbers(f"the image {name!r}", image, way_out)
    pixels = given.movedim(0, -1) if isinstance(image, Tensor) and given.ndim else given
    if pixels.ndim != 3 or pixels.shape[2] != 3 or not len(pixels):
        raise ValueError(
            f"{name!r} has shape {tuple(given.shape)}; an image is a tensor (3 H W) or an array"
            " (H W 3)"
        )
    most = 1 if pixels.is_floating_point() else 255
    if not (pixels.double() / most - 0.5).abs().le(0.51).all():  # NaN is not, either
        low, high = (value.item() for value in pixels.aminmax())
        raise ValueError(f"{name!r} has colours from {low:g} to {high:g}; give 0 to {most}")
    return pixels.cpu().numpy()
