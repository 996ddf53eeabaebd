"""Latents that others found: `latent` brings them into the shape of a model's own."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from os import PathLike
from typing import Any, Protocol, runtime_checkable

import numpy as np
import torch
from torch import Tensor

from .. import arguments
from ..arguments import named_arguments, shown
from ..latents import LatentSpace, axes_to_own, checked_latent, warn_of_unseen_rows
from ..numeric import is_whole
from .latent_choice import AVERAGES, chosen, is_within, last_part
from .latent_files import Arrays, arrays_in_file, leaves, part_of, shape_of

GIVE = "a tensor, an array, or the path of a .pt, .pkl, .npy, .npz or .safetensors"


@runtime_checkable
class Averaged(Protocol):
    """A model whose latents spread around an average."""

    @property
    def average_latent(self) -> Tensor:
        """It, in the shape of a latent."""
        ...


@named_arguments
def latent(
    model: LatentSpace,
    source: Any,
    *,
    which: int | str | None = None,
    relative: bool | None = None,
) -> Tensor:
    """A latent that another program found, in the shape, precision and place of the model's own.

    PTI's pivots (1 n w), what e4e, pSp and their kin write (b n w), NVIDIA's projector (1 n w) in
    an .npz, rosinality's projector (a dict for each image), a single row (w) for all n rows of w+:
    every axis of length one in front goes, a single row is repeated, any float becomes float32.
    Files are read without running anything in them.

    Args:
        model: whose latent it is, such as ``dk.load("ffhq.pkl")``, or PTI's tuned generator.
        source: a tensor, an array, a dict of these, or a file (.pt, .pkl, .npy, .npz,
            .safetensors).
        which: of several latents one: its number, or its name in a file, such as "face.png", or
            both, such as "face.png.3". If a name is that of the steps of an encoder, as ReStyle
            writes them, the last one is taken.
        relative: whether it counts from the average w̄, as what an encoder answers before
            ``latent_avg`` is added. Then w̄ is added: the one that lies beside it in the file, or
            else the model's. None adds the former if the latent is nearer to 0 than to it, which
            is our choice, and says what was done.

    Returns:
        (n w) of a StyleGAN2, (c h w) of a diffusion model.

    Raises:
        ValueError: nothing in it fits the model (the message has both shapes), several do, or its
            numbers are no finite floats; or a file is damaged or dangerous.
        FileNotFoundError: there is no such file.
        TypeError: the model has no latents of one shape.

    Warns:
        UserWarning: an average lies beside the latent; a step of several was taken; or the moving
            rows differ, and the model shows one of them alone (``space="w"``).
    """
    if not isinstance(model, LatentSpace):
        raise TypeError(f'model is {shown(model)}; give a model, such as dragkit.load("lion")')
    found = _arrays(source)
    name, number = chosen(model, found.by_name, which)
    values = _fitted(model, found, name, number)

    average = _average_beside(model, found, name)
    if relative is None and average is not None:
        relative = _is_relative(values, average)
    if relative:
        values = values + _average(model, average)
    values = checked_latent(model, values)
    warn_of_unseen_rows(model, values)
    return values


def _arrays(source: Any) -> Arrays:
    """The arrays in a file, in a dict, or the one that is given."""
    if isinstance(source, str | PathLike):
        return arrays_in_file(arguments.existing_file("source", source))
    if isinstance(source, np.ndarray) and source.dtype.hasobject:  # as np.load makes of a pickle
        source = source.tolist()
    if isinstance(source, Mapping):
        return Arrays(dict(leaves(source)))
    return Arrays({"": arguments.numbers("source", source, GIVE)})


def _fitted(model: LatentSpace, found: Arrays, name: str, which: int | None) -> Tensor:
    """The numbers of an array in the shape of the model's latents."""
    own = tuple(model.latent_shape)
    leaf = found.by_name[name]
    while (shape := axes_to_own(shape_of(leaf), own)) is None:
        count = shape_of(leaf)[0]
        if count > 1 and not is_whole(which, 0, count - 1):
            example = 0 if len(found.by_name) == 1 else f"{name}.0"
            raise ValueError(
                f"it holds {count} latents of {model.name}, an array of shape {shape_of(leaf)};"
                f" choose one, such as which={example!r}, up to {count - 1}"
            )
        leaf = part_of(leaf, which or 0 if count > 1 else 0)
        which = which if count == 1 else None
    if which:
        raise ValueError(
            f"which is {which}, and it holds one latent of {model.name}, an array of shape"
            f" {shape_of(leaf)}; leave which out"
        )

    values = arguments.numbers("source", found.numbers(leaf), GIVE)
    if not values.is_floating_point():
        raise ValueError(f"the latent holds {values.dtype}; give floating-point numbers")
    return values.to(model.device, torch.float32).reshape(shape).expand(own).clone()


def _average_beside(model: LatentSpace, found: Arrays, name: str) -> Tensor | None:
    """The average latent that lies beside the latent `name`, or else around it; or None."""
    groups = {
        other.rpartition(".")[0]: other
        for other in found.by_name
        if last_part(other) in AVERAGES and is_within(name, other.rpartition(".")[0])
    }
    if not groups:
        return None
    return _fitted(model, found, groups[max(groups, key=len)], None)


def _is_relative(values: Tensor, average: Tensor) -> bool:
    """Whether a latent counts from the average beside it: it is nearer to 0 then. Say so."""
    relative = bool(values.norm() < (values - average).norm())
    done, other = "added to", "False"
    if not relative:
        done, other = "not added to", "True"
    warnings.warn(
        f"an average latent lies beside the latent, and is {done} it, because the latent is"
        f" nearer to {'0' if relative else 'the average'}; relative={other} decides otherwise",
        stacklevel=4,
    )
    return relative


def _average(model: LatentSpace, beside: Tensor | None) -> Tensor:
    if beside is not None:
        return beside
    if not isinstance(model, Averaged):
        raise ValueError(f"relative is True, and {model.name} has no average latent")
    return model.average_latent
