"""The two figures that a lesson needs again and again: curves and maps, by name."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from torch import Tensor

from .figures import Plot, colour_of, legend_beside, tidy


def curves(
    named: Mapping[str, Sequence[float] | Tensor],
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
        ValueError: there is no curve, or one has another length than `at`.
    """
    _check_curves(named, at)
    figure = Plot(figsize=(8, 2.8), layout="constrained")
    axes = figure.add_subplot(xlabel=x, ylabel=y, title=title)
    if at is None or all(place == int(place) for place in at):
        axes.locator_params("x", integer=True)  # there is no step 2.5
    for i, (name, given) in enumerate(named.items()):
        values = _array(given)
        places = np.arange(len(values)) if at is None else at
        axes.plot(places, values, color=colour_of(i), label=name)
    tidy(axes)
    legend_beside(axes)
    return figure


def maps(
    named: Mapping[str, Tensor | np.ndarray],
    unit: str = "",
    same: bool = True,
    corner: tuple[int, int] = (0, 0),
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
        ValueError: there is no map, or one has another number of axes.
    """
    arrays = {name: _array(values) for name, values in named.items()}
    if not arrays or any(array.ndim != 2 for array in arrays.values()):
        shapes = {name: array.shape for name, array in arrays.items()}
        raise ValueError(f"maps are tensors (h w) by name; got {shapes}")

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


def _check_curves(
    named: Mapping[str, Sequence[float] | Tensor], at: Sequence[float] | None
) -> None:
    """Raise ValueError if there is nothing to draw, or lengths differ."""
    if not named:
        raise ValueError(
            'there is no curve to draw; give a dict of name and values, such as {"error": [3, 2,'
            " 1]}"
        )
    if at is None:
        return
    wrong = {name: len(values) for name, values in named.items() if len(values) != len(at)}
    if wrong:
        raise ValueError(
            f"at has {len(at)} places, but there are curves of other lengths: {wrong}"
        )


def _range(arrays: Sequence[np.ndarray]) -> tuple[float, float]:
    """The lowest and the highest finite value of all arrays."""
    known = np.concatenate([array[np.isfinite(array)] for array in arrays])
    return known.min(), known.max()


def _array(values: Sequence[float] | Tensor | np.ndarray) -> np.ndarray:
    """Values as an array; single tensors among them become numbers."""
    if isinstance(values, Tensor):
        return values.detach().cpu().numpy()
    return np.asarray([v.item() if isinstance(v, Tensor) else v for v in values])
