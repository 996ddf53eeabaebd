"""What a latent is: the one check for everything that takes one."""

from __future__ import annotations

import warnings
from typing import Any, Protocol, runtime_checkable

import torch
from torch import Tensor

from .arguments import check_plain, instance, shown
from .numeric import is_whole, plain

WAY_OUT = "a tensor, such as model.sample(7), or the .latent of what dragkit.invert found"

MOST = 1e6  # the toy's latents are pixels; those of generators stay below 100
EQUAL = 1e-4  # how far rows of one w may be apart: more than half precision rounds them


@runtime_checkable
class LatentSpace(Protocol):
    """A model that says which tensors are its latents, so that others are refused at once."""

    @property
    def name(self) -> str:
        """What the model is called."""
        ...

    @property
    def latent_shape(self) -> tuple[int, ...]:
        """The shape of its latents."""
        ...

    @property
    def device(self) -> torch.device:
        """Where its weights are; there it computes, in float32."""
        ...


def checked_latent(model: Any, latent: Any) -> Tensor:
    """`latent` on the model's device and in float32, if the model can take it.

    Of a model that is no `LatentSpace`, the shape, the device and the precision are its own
    affair.

    Raises:
        TypeError: it is not a tensor.
        ValueError: it has another shape, whole numbers, floats of 8 bits, no plain values, NaN,
            infinity, or a number beyond ±10⁶.
    """
    latent = fitting_latent(model, latent)
    if not (latent.detach().abs() <= MOST).all():  # NaN is not, either
        raise ValueError(
            f"the latent has values that are NaN, infinite or beyond ±{MOST:g}; give {WAY_OUT}"
        )
    return latent


def fitting_latent(model: Any, latent: Any) -> Tensor:
    """The same without a look at the values, which would make a GPU wait at every step."""
    instance("latent", latent, Tensor, WAY_OUT)
    check_plain("latent", latent, WAY_OUT)
    if not latent.is_floating_point():
        raise ValueError(f"the latent holds {latent.dtype}; give floating-point numbers")
    if not isinstance(model, LatentSpace):
        if latent.dtype.itemsize == 1:  # torch cannot add them up
            raise ValueError(f"the latent holds {latent.dtype}; give latent.float()")
        return latent

    shape, own = tuple(latent.shape), tuple(model.latent_shape)
    if shape != own:
        way_out = ", such as model.sample(7)"
        if axes_to_own(shape, own) is not None:
            way_out = "; dragkit.latent(model, latent) brings it into that shape"
        raise ValueError(
            f"the latent has shape {shape}; {model.name} has latents of shape {own}{way_out}"
        )
    return latent.to(model.device, torch.float32)


@runtime_checkable
class RowSpace(Protocol):
    """A generator that says which rows of w+ move, and whether as one ("w") or each ("w+")."""

    @property
    def name(self) -> str:
        """What the model is called."""
        ...

    @property
    def space(self) -> str:
        """Either "w" or "w+"."""
        ...

    @property
    def rows(self) -> int:
        """How many rows move, from the first on."""
        ...


def rows_that_move(model: Any, latent: Tensor) -> int:
    """How many rows of a latent move one by one, from the first on; 0 if it has no such rows."""
    if latent.ndim != 2:
        return 0
    if not isinstance(model, RowSpace):
        return len(latent)
    return 0 if model.space == "w" else model.rows


def checked_rows(name: str, rows: Any, model: Any, latent: Tensor) -> list[int]:
    """The numbers of the rows of `latent` that stay, in order and each once.

    Raises:
        ValueError: the latent has no rows that move one by one, one of the numbers is none of
            those that do, or none would be left to move.
    """
    given = plain(rows)
    if given == ():
        return []
    moving = rows_that_move(model, latent)
    if not moving:
        raise ValueError(
            f"{name} is {shown(rows)}, and a latent of shape {tuple(latent.shape)} has no rows"
            " here that move one by one; take a generator with w+, such as"
            " dragkit.load(\"lion\"), without space='w'"
        )
    if not isinstance(given, tuple) or not all(is_whole(row, 0, moving - 1) for row in given):
        raise ValueError(
            f"{name} is {shown(rows)}; give numbers of rows that move, from 0 to {moving - 1},"
            " such as [0, 1]"
        )
    held = sorted(set(given))
    if len(held) == moving:
        raise ValueError(
            f"{name} is {shown(rows)}, all rows that move; leave at least one of them to move"
        )
    return held


def warn_of_unseen_rows(model: Any, latent: Tensor) -> None:
    """Warn if a w+ whose moving rows differ is for a model that shows the first of them alone.

    Whatever takes a latent to begin with asks here, once. Images of it do not: a drag makes many.
    """
    if not isinstance(model, RowSpace) or model.space != "w":
        return
    moving = latent.detach()[: model.rows]
    if (moving - moving[:1]).abs().max() <= EQUAL:
        return
    warnings.warn(
        f"the rows of this latent differ (w+), and {model.name} was loaded with space='w', which"
        " moves a single row: of its moving rows only the first is seen, so its image is another"
        " one; load the model without space='w'",
        stacklevel=4,  # the cell that gave the latent
    )


def axes_to_own(shape: tuple[int, ...], own: tuple[int, ...]) -> tuple[int, ...] | None:
    """The shape that an array must be given before it can be expanded to a model's own shape.

    Others save latents with axes of length one in front, as a batch of one, and w+ whose rows are
    all equal as a single row: (1 n w) becomes (n w), and (w) or (1 w) becomes (1 w).

    Returns:
        None if an array of this `shape` is no latent of the `own` shape.
    """
    trimmed = shape
    while len(trimmed) > 1 and trimmed[0] == 1:
        trimmed = trimmed[1:]
    full = (1,) * (len(own) - len(trimmed)) + trimmed
    if full == own:
        return full
    if len(own) == 2 and full == (1, own[1]):
        return full
    return None
