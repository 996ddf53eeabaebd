"""The two figures that a lesson needs again and again: curves and maps, by name."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from torch import Tensor

from ..arguments import finite_array, instance, named_arguments, numbers, shown
from .figures import Plot, check_texts, colour_of, legend_beside, tidy


@named_arguments
def curves(
    named: Mapping[str, Sequence[float] | Tensor | np.ndarray],
    x: str,
    y: str,
    title: str = "",
    at: Sequence[float] | None = None,
) -> Plot:
    """Curves under their names on one pair of axes.

    Args:
        named: the values by name.
        x: what the x axis is called, with its unit.
        y: what the y axis is called, with its unit.
        title: above the axes.
        at: where the values are on the x axis; default: 0, 1, 2, …

    Raises:
        TypeError: it is no dict, or a text is none.
        ValueError: there is no curve, one has no numbers, or another length than `at`.
    """
    check_texts(x=x, y=y, title=title)
    curves = _checked_curves(named)
    places = None if at is None else _checked_places(at, curves)
    figure = Plot(figsize=(8, 2.8), layout="constrained")
    axes = figure.add_subplot(xlabel=x, ylabel=y, title=title)
    if places is None or (places == places.round()).all():
        axes.locator_params("x", integer=True)  # there is no step 2.5
    for i, (name, values) in enumerate(curves.items()):
        across = np.arange(len(values)) if places is None else places
        axes.plot(across, values, color=colour_of(i), label=name)
    tidy(axes)
    legend_beside(axes)
    return figure


@named_arguments
def maps(
    named: Mapping[str, Tensor | np.ndarray],
    unit: str = "",
    same: bool = True,
    corner: ArrayLike = (0, 0),
    axes_in: str = "cells",
) -> Plot:
    """Maps (h w) side by side under their names, with a colour bar.

    Args:
        named: the maps by name.
        unit: of the values, written along the colour bar.
        same: one scale for all, so that they can be compared; else each has its own.
        corner: (x, y) of the upper left cell, if they are cut out of a larger map.
        axes_in: what the axes count: "cells", or "px" if the map has a number for every pixel.

    Raises:
        TypeError: it is no dict, a text is none, or `same` is not True or False.
        ValueError: there is no map, one has another number of axes, or none has a finite number.
    """
    check_texts(unit=unit, axes_in=axes_in)
    instance("same", same, bool, "True for one scale, False for one each")
    arrays = _checked_maps(named)
    corner = finite_array("corner", corner, (2,), "the place (x, y) of the upper left cell")

    figure = Plot(figsize=(0.8 + 2.6 * len(arrays), 3), layout="constrained")
    many = figure.subplots(1, len(arrays), squeeze=False)[0]
    low, high = _range(list(arrays.values())) if same else (None, None)
    left, top = (place - 0.5 for place in corner)
    for axes, (name, array) in zip(many, arrays.items()):
        height, width = array.shape
        extent = (left, left + width, top + height, top)
        image = axes.imshow(array, cmap="viridis", extent=extent, vmin=low, vmax=high)
        axes.set_title(name, fontsize=10)
        axes.set(xlabel=f"x ({axes_in})")
        axes.locator_params(integer=True)
        if not same:
            figure.colorbar(image, ax=axes, label=unit, shrink=0.8)
    if same:
        figure.colorbar(image, ax=many, label=unit, shrink=0.8)
    many[0].set_ylabel(f"y ({axes_in})")
    return figure


def _checked_curves(
    named: Mapping[str, Sequence[float] | Tensor | np.ndarray],
) -> dict[str, np.ndarray]:
    """The curves (s) by name; raises an error if there is nothing to draw."""
    way_out = 'a dict of name and values, such as {"error": [3, 2, 1]}'
    instance("named", named, Mapping, way_out)
    if not named:
        raise ValueError(f"there is no curve to draw; give {way_out}")
    return {name: _values(f"the curve {name!r}", values) for name, values in named.items()}


def _checked_places(at: Sequence[float], curves: Mapping[str, np.ndarray]) -> np.ndarray:
    """The curves' places (s); raises ValueError if lengths differ."""
    places = _values("at", at)
    if not np.isfinite(places).all():
        raise ValueError(f"at is {shown(at)}; give finite places, one for each value")
    wrong = {name: len(values) for name, values in curves.items() if len(values) != len(places)}
    if wrong:
        raise ValueError(
            f"at has {len(places)} places, but there are curves of other lengths: {wrong}"
        )
    return places


def _values(name: str, values: Sequence[float] | Tensor | np.ndarray) -> np.ndarray:
    """Values (s) as doubles; those of a list may be tensors of one number each."""
    way_out = "numbers, such as [3, 2, 1]"
    array = _array(name, values, way_out)
    if array.ndim == 2 and array.shape[1] == 1:
        array = array[:, 0]
    if array.ndim != 1 or not array.size:
        raise ValueError(f"{name} has shape {array.shape}; give {way_out}")
    return array


def _checked_maps(named: Mapping[str, Tensor | np.ndarray]) -> dict[str, np.ndarray]:
    """The maps (h w) by name; raises an error if there is nothing to draw."""
    way_out = "maps (h w) by name"
    instance("named", named, Mapping, way_out)
    arrays = {name: _array(f"the map {name!r}", values, way_out) for name, values in named.items()}
    if not arrays or any(array.ndim != 2 or not array.size for array in arrays.values()):
        shapes = {name: array.shape for name, array in arrays.items()}
        raise ValueError(f"maps are tensors (h w) by name; got {shapes}")
    if not any(np.isfinite(array).any() for array in arrays.values()):
        raise ValueError(f"no finite number to draw in {', '.join(map(repr, arrays))}")
    return arrays


def _range(arrays: Sequence[np.ndarray]) -> tuple[float, float]:
    """The lowest and the highest finite value of all arrays."""
    known = np.concatenate([array[np.isfinite(array)] for array in arrays])
    return known.min(), known.max()


def _array(name: str, values: Any, way_out: str) -> np.ndarray:
    """Numbers as an array of doubles."""
    array: np.ndarray = numbers(name, values, way_out).cpu().double().numpy()
    return array
