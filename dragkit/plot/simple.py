"""The two figures that a lesson needs again and again: curves and maps, by name."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from torch import Tensor

from .figures import COLOURS, Plot, tidy


def curves(
    named: Mapping[str, Sequence[float] | Tensor],
    x: str,
    y: str,
    title: str = "",
    at: Sequence[float] | None = None,
) -> Plot:
    """Curves under their names on one pair of axes, which are called `x` and `y`: say the units.

    Args:
        at: where the values stand on the x axis; default: 0, 1, 2, …

    Raises:
        ValueError: there is no curve, or one has another length than `at`.
    """
    if at is not None and (
        wrong := {name: len(values) for name, values in named.items() if len(values) != len(at)}
    ):
        raise ValueError(
            f"at has {len(at)} places, but there are curves of other lengths: {wrong}"
        )
    if not named:
        raise ValueError(
            'there is no curve to draw; give a dict of name and values, such as {"error": [3,'
            " 2, 1]}"
        )
    figure = Plot(figsize=(8, 2.8), layout="constrained")
    axes = figure.add_subplot(xlabel=x, ylabel=y, title=title)
    if at is None or all(place == int(place) for place in at):
        axes.xaxis.get_major_locator().set_params(integer=True)  # there is no step 2.5
    for i, (name, values) in enumerate(named.items()):
        values = _array(values)
        axes.plot(
            np.arange(len(values)) if at is None else at,
            values,
            color=COLOURS[i % len(COLOURS)],
            label=name,
        )
    tidy(axes)
    # beside the curves, never over them
    axes.legend(frameon=False, loc="upper left", bbox_to_anchor=(1, 1))
    return figure


def maps(
    named: Mapping[str, Tensor | np.ndarray],
    unit: str = "",
    same: bool = True,
    corner: tuple[int, int] = (0, 0),
    axes_in: str = "cells",
) -> Plot:
    """Maps (h w) side by side under their names, with a colour bar in `unit`.

    Args:
        same: one scale for all, so that they can be compared; else each its own.
        corner: (x, y) of the upper left cell, where they are cut out of a larger map.
        axes_in: what the axes count: "cells", or "px" where the map has a number for every pixel.

    Raises:
        ValueError: there is no map, or one has another number of axes.
    """
    arrays = {name: _array(values) for name, values in named.items()}
    if not arrays or any(array.ndim != 2 for array in arrays.values()):
        raise ValueError(
            "maps are tensors (h w) by name; got"
            f" { ({name: array.shape for name, array in arrays.items()}) }"
        )
    figure = Plot(figsize=(0.8 + 2.6 * len(arrays), 3), layout="constrained")
    low, high = (
        f([f(array[np.isfinite(array)]) for array in arrays.values()]) for f in (min, max)
    )
    scale = {"vmin": low, "vmax": high} if same else {}
    many = figure.subplots(1, len(arrays), squeeze=False)[0]
    for axes, (name, array) in zip(many, arrays.items()):
        extent = (
            corner[0] - 0.5,
            corner[0] + array.shape[1] - 0.5,
            corner[1] + array.shape[0] - 0.5,
            corner[1] - 0.5,
        )
        image = axes.imshow(array, cmap="viridis", extent=extent, **scale)
        axes.set_title(name, fontsize=10)
        axes.set(xlabel=f"x ({axes_in})")
        axes.locator_params(integer=True)
        if not same or axes is many[-1]:
            figure.colorbar(image, ax=axes if not same else many, label=unit, shrink=0.8)
    many[0].set_ylabel(f"y ({axes_in})")
    return figure


def _array(values: Sequence[float] | Tensor | np.ndarray) -> np.ndarray:
    return (
        values.detach().cpu().numpy()
        if isinstance(values, Tensor)
        else np.asarray([v.item() if isinstance(v, Tensor) else v for v in values])
    )
