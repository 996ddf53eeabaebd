"""Generators built from state dicts: the sizes are read from the tensors' shapes."""

from __future__ import annotations

import re
import reprlib
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from .model import StyleGAN2
from .network import FIRST, Generator

DEFAULT_BLOCK = 128  # px, as in DragGAN
SIDE = 4096  # px; the largest public generators make images of 1024


def from_state_dict(
    state: Mapping[str, Tensor],
    *,
    clamp: float | None = None,
    feature_block: int | tuple[int, ...] | None = None,
    rows: int | None = None,
    device: str = "cpu",
    dtype: torch.dtype = torch.float32,
    **settings: Any,
) -> StyleGAN2:
    """Build the model that a state dict belongs to; its sizes come from the tensors' shapes.

    Args:
        state: names and tensors as in NVIDIA's ``G_ema.state_dict()``.
        clamp: bound of the activations, if the weights were trained with one. It is not a tensor,
            so it must be given (NVIDIA's `conv_clamp`; 256 or none).
        feature_block: default the 128-px block, or the last one of smaller generators.
        rows: default DragGAN's six, or all of smaller generators.
        dtype: of the kernels (:meth:`dragkit.models.gan.network.Synthesis.store_in`).
        settings: `name`, `space` and `truncation` of :class:`StyleGAN2`.

    Raises:
        ValueError: names or shapes that no unconditional StyleGAN2 has, each named.
    """
    generator = blank(state, clamp)
    own = {name: tensor.detach().to(torch.float32, copy=True) for name, tensor in state.items()}
    generator.load_state_dict(own, assign=True)  # `to_empty` would import sympy
    generator.to(device).to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    generator.eval().requires_grad_(False).synthesis.store_in(dtype)

    if feature_block is None:
        feature_block = min(DEFAULT_BLOCK, generator.synthesis.resolutions[-1])
    if rows is None:
        rows = min(StyleGAN2.rows, generator.synthesis.num_ws)
    return StyleGAN2(generator, feature_block, rows=rows, **settings)


def blank(state: Mapping[str, Tensor], clamp: float | None = None) -> Generator:
    """The generator that a state dict belongs to, without any memory for its numbers.

    Raises:
        ValueError: names or shapes that no unconditional StyleGAN2 has, each named.
    """
    with torch.device("meta"):  # names and shapes only
        generator = Generator(**_architecture(state), clamp=clamp)

    expected = generator.state_dict()
    missing = expected.keys() - state.keys()
    unknown = state.keys() - expected.keys()
    if missing or unknown:
        raise ValueError(
            f"the state dict does not fit StyleGAN2: missing {sorted(missing)[:3]}, unknown"
            f" {sorted(unknown)[:3]}"
        )
    for name, tensor in state.items():
        if tensor.shape != expected[name].shape:
            raise ValueError(
                f"{name} has shape {tuple(tensor.shape)}, expected {tuple(expected[name].shape)}"
            )
    return generator


def _architecture(state: Mapping[str, Tensor]) -> dict[str, Any]:
    """The generator's arguments, read from its tensors."""
    channels = _channels(state)
    layers = sum(re.fullmatch(r"mapping\.fc\d+\.weight", name) is not None for name in state)
    if not channels or "mapping.fc0.weight" not in state:
        raise ValueError(
            "this is not a StyleGAN2 generator: it has no synthesis.b….conv1.weight or no"
            f" mapping.fc0.weight; the first of its {len(state)} names:"
            f" {', '.join(sorted(state)[:4])}"
        )
    if "mapping.embed.weight" in state:
        raise ValueError(
            "this generator is class-conditional (mapping.embed.weight); only unconditional ones"
            " can be dragged"
        )
    if sorted(channels) != [4 << k for k in range(len(channels))]:
        raise ValueError(
            f"there are synthesis.b… blocks of {reprlib.repr(sorted(channels))} px; those of a"
            " StyleGAN2 start at 4 px and double"
        )
    side = max(channels)
    if side > SIDE:
        raise ValueError(f"a generator of {side} px; those of at most {SIDE} px are read")
    weight = state["mapping.fc0.weight"]
    if weight.ndim != 2:
        raise ValueError(
            f"mapping.fc0.weight has shape {tuple(weight.shape)}, expected (w_dim, z_dim)"
        )
    w_dim, z_dim = weight.shape
    return {
        "channels": channels,
        "z_dim": z_dim,
        "w_dim": w_dim,
        "layers": layers,
        "first": _first_size(state, side),
    }


def _first_size(state: Mapping[str, Tensor], side: int) -> tuple[int, int]:
    """(height, width) of the first block's maps; `side` is that of square images.

    Raises:
        ValueError: the images would have a side of more than 4096 px, or none.
    """
    constant = state.get("synthesis.b4.const")
    if constant is None or constant.ndim != 3:  # that is told where all shapes are compared
        return FIRST
    height, width = constant.shape[1:]
    longest = max(height, width) * side // FIRST[0]
    if not (min(height, width) and longest <= SIDE):
        raise ValueError(
            f"synthesis.b4.const has shape {tuple(constant.shape)}, for images of"
            f" {height * side // 4}x{width * side // 4} px; sides of 1 to {SIDE} px are read"
        )
    return height, width


def _channels(state: Mapping[str, Tensor]) -> dict[int, int]:
    """Resolution of each block (px) → its channels."""
    channels = {}
    for name, tensor in state.items():
        match = re.fullmatch(r"synthesis\.b(\d+)\.conv1\.weight", name)
        if match:
            channels[int(match[1])] = len(tensor)
    return channels
