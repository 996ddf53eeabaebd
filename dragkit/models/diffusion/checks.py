"""The settings of a diffusion model, checked against its network and its schedule."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from torch import Tensor

from ...numeric import is_real, is_whole
from ...placement import near_sizes
from ...reading import check_name
from ...records import Size
from .unet import self_attentions

LARGEST = 4096  # px: the longest side of an image
REFINE = 100  # corrections of a step at most; more than two or three change nothing
# of the model that a saved run's latents belong to; otherwise they mean something else
MEANING = (
    *("strength", "schedule steps", "size", "lora", "style", "prompt"),
    *("levels", "leaf", "fixed z"),
)

if TYPE_CHECKING:
    from .model import Diffusion


def check_diffusion(model: Diffusion) -> None:
    """Raise ValueError if a setting is impossible; the message names it and what is possible."""
    check_name(model.name)
    _check_strength(model)
    check_size(model.size, model.cell)
    _check_network(model)
    if not is_whole(model.start_step, 0, model.timestep_index):
        raise ValueError(
            f"start_step is {model.start_step!r}; from timestep index {model.timestep_index}"
            f" there are {model.timestep_index} steps to the image, so give 0 to"
            f" {model.timestep_index} (none)"
        )
    if not is_whole(model.fresh_noise, 0, model.schedule.steps):
        raise ValueError(
            f"fresh_noise is {model.fresh_noise!r}; give a timestep index from 0 (none) to"
            f" {model.schedule.steps}"
        )
    if not is_whole(model.refine, 0, REFINE):
        raise ValueError(f"refine is {model.refine!r}; give a whole number from 0 to {REFINE}")


def check_same_settings(then: Mapping[str, Any], now: Mapping[str, Any]) -> None:
    """Raise ValueError if a run was made with other settings `then`; {} if it says nothing."""
    for name in MEANING if then else ():
        before, after = then.get(name), now.get(name)
        if before != after:
            raise ValueError(
                f"the run was made with {name} {before!r}, this model has {after!r}; load the"
                " model as it was then"
            )


def _check_strength(model: Diffusion) -> None:
    if not (is_real(model.strength) and 0 < model.strength <= 1):
        raise ValueError(
            f"strength is {model.strength!r}; it lies in (0, 1]: 1 is pure noise, DragDiffusion"
            " takes 0.7"
        )
    if not model.timestep_index:
        steps = model.schedule.steps
        raise ValueError(
            f"strength {model.strength:g} of {steps} steps is less than a step; take at least"
            f" {1 / steps:.2g}"
        )


def check_image(model: Diffusion, image: Tensor) -> None:
    """Raise ValueError unless `image` has the size of the model's images."""
    if tuple(image.shape) != (3, *model.size):
        height, width = model.size
        raise ValueError(
            f"the image has shape {tuple(image.shape)}; {model.name} inverts (3 {height} {width})"
        )


def check_size(size: Size, cell: int) -> None:
    """Raise ValueError if a network whose latents have such cells makes no images of this size."""
    if not all(is_whole(side, 1) and side % cell == 0 for side in size):
        raise ValueError(
            f"size is {size}; this network's images have sides that are multiples of"
            f" {cell} px, which a cell of its latents covers; the nearest are"
            f" {near_sizes(size, cell)}"
        )
    if max(size) > LARGEST:
        raise ValueError(f"size is {size}; give sides of at most {LARGEST} px, such as 512")


def _check_network(model: Diffusion) -> None:
    blocks = len(model.unet.up_blocks)
    if not is_whole(model.feature_block, 0, blocks):
        raise ValueError(
            f"feature_block is {model.feature_block!r}; this UNet has 0 (its middle) and the"
            f" decoder blocks 1 to {blocks}"
        )
    layers = len(self_attentions(model.unet))
    if model.start_layer is not None and not is_whole(model.start_layer, 0, layers):
        raise ValueError(
            f"start_layer is {model.start_layer!r}; this UNet has {layers} self-attention"
            f" layers, so give 0 to {layers} (none)"
        )
