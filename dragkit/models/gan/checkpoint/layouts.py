"""From the names that others gave their tensors to NVIDIA's PyTorch names, which ours are.

TensorFlow (as the public converter does it): a dense weight is transposed; a convolution's (k k in
out) becomes (out in k k), an upsampling one flipped in both directions too, because there the
transposed convolution is; a modulation's bias gets one added. rosinality: the same tensors as
NVIDIA's, with axes of length one.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterator, Mapping
from itertools import count, takewhile
from typing import Any

import torch
from torch import Tensor

from ..network import FIRST
from .budget import CheckpointError
from .conditional import check_no_label, check_unconditional
from .prefixes import CONSTANTS
from .tensors import Stored
from .values import SHOWN, brief

Change = Callable[[Tensor], Tensor]
Parts = list[tuple[str, str, Change]]
Renaming = Iterator[tuple[str, str, Change]]  # our name, theirs, and what is done to the tensor

TENSORS = 1000  # of a generator; one of 1024 px has 181
FILTER = torch.outer(torch.tensor([1.0, 3, 3, 1]), torch.tensor([1.0, 3, 3, 1])) / 64
BUILT = {  # how the network is built here, in the words of the stored arguments
    "img_channels": 3,
    "num_channels": 3,
    "architecture": "skip",
    "activation": "lrelu",
    "nonlinearity": "lrelu",
    "mapping_nonlinearity": "lrelu",
    "lr_multiplier": 0.01,
    "mapping_lrmul": 0.01,
    "use_noise": True,
    "resample_filter": [1, 3, 3, 1],
    "resample_kernel": [1, 3, 3, 1],
}


def layout_of(tensors: Mapping[str, Stored]) -> str | None:
    """Whose names these are: "NVIDIA", "TensorFlow", "rosinality", or None for no generator's.

    Raises:
        CheckpointError: they are a generator's that cannot be dragged here; it says which.
    """
    if any(re.search(r"(^|\.)synthesis\.(L\d+_|input\.)", name) for name in tensors):
        raise CheckpointError(
            "this is a StyleGAN3 generator (Fourier features, layers L0_…); dragkit drags"
            " StyleGAN2"
        )
    if any("StyleMod" in name or "ToRGB_lod" in name for name in tensors):
        raise CheckpointError(
            "this is a generator of StyleGAN (the first) or older; dragkit drags StyleGAN2"
        )
    for layout, constant in CONSTANTS.items():
        if constant in tensors:
            check_unconditional(tensors, layout)
            return layout
    return None


def renamed(tensors: Mapping[str, Stored], layout: str) -> dict[str, Tensor]:
    """The generator's tensors under NVIDIA's names, in float32.

    ``mapping.w_avg`` and the noise maps may be missing.

    Raises:
        CheckpointError: a tensor is missing, of a wrong shape, or damaged. It is named.
    """
    if len(tensors) > TENSORS:
        raise CheckpointError(
            f"{len(tensors)} tensors in one generator; a StyleGAN2 has fewer than {TENSORS}"
        )
    state = {}
    for ours, theirs, change in LAYOUTS[layout](tensors):
        if theirs not in tensors and ours.endswith(".noise_const"):
            continue
        if theirs not in tensors:
            raise CheckpointError(f"tensor {theirs!r} is missing; a StyleGAN2 of this size has it")
        try:
            state[ours] = change(tensors[theirs].tensor()).contiguous()
        except (ValueError, RuntimeError, IndexError) as error:
            raise CheckpointError(f"tensor {theirs!r} {tensors[theirs].shape}: {error}") from error
    return _filters(tensors, state) | state


def _filters(tensors: Mapping[str, Stored], state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The resample filters, which only NVIDIA's modules have beside every convolution.

    rosinality's kernels have four times their weight.
    """
    for name, stored in tensors.items():
        if name.endswith(".kernel") and not torch.allclose(stored.tensor(), 4 * FILTER):
            raise CheckpointError(
                f"tensor {name!r} is not the resample filter [1, 3, 3, 1]; no other is read"
            )
    places: set[str] = set()
    for name in state:
        match = re.match(r"((synthesis\.b\d+)\.conv\d)\.weight", name)
        if match:
            places.update(match.groups())
    return {f"{place}.resample_filter": FILTER.clone() for place in places}


def check(arguments: Mapping[str, Any], expected: Mapping[str, Any]) -> None:
    """Raise CheckpointError if a stored argument is not what is expected; it is named."""
    check_no_label(flat(arguments))
    for name, stored in flat(arguments):
        if name in expected and not _fits(stored, expected[name]):
            raise CheckpointError(
                f"this generator was built with {name} {brief(stored)}; only"
                f" {expected[name]!r} fits its tensors and this network"
            )


def _fits(value: Any, expected: Any) -> bool:
    if isinstance(value, tuple) and len(value) <= SHOWN:
        value = list(value)
    return value == expected or _close(value, expected)


def _close(value: Any, expected: Any) -> bool:
    """Equal up to rounding: some files keep 0.01 as float32."""
    return (
        isinstance(value, float)
        and isinstance(expected, float)
        and math.isclose(value, expected, rel_tol=1e-6)
    )


def sizes(state: Mapping[str, Tensor]) -> dict[str, int]:
    """What the tensors say of the generator's size, in the words of the stored arguments.

    Of images that are not square, forks store one side or the other, or both: nothing is expected.
    """
    w_dim, z_dim = state["mapping.fc0.weight"].shape
    blocks = [re.match(r"synthesis\.b(\d+)\.", name) for name in state]
    side = max(int(block[1]) for block in blocks if block)
    dimensions = {"z_dim": z_dim, "w_dim": w_dim}
    if tuple(state["synthesis.b4.const"].shape[1:]) != FIRST:
        return dimensions
    return {"img_resolution": side, "resolution": side, **dimensions}


def flat(arguments: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    """Arguments, and those of the parts: files keep some in synthesis_kwargs, some flat."""
    parts = [value for value in arguments.values() if isinstance(value, Mapping)]
    for part in [arguments, *parts[:10]]:
        for name, value in part.items():
            if not isinstance(value, Mapping):
                yield name, value


def _same(tensor: Tensor) -> Tensor:
    return tensor


def _first(tensor: Tensor) -> Tensor:
    return tensor[0]


def _kernel(tensor: Tensor) -> Tensor:
    return tensor.permute(3, 2, 0, 1)


def _up_kernel(tensor: Tensor) -> Tensor:
    return _kernel(tensor.flip(0, 1))


def _noise(tensor: Tensor) -> Tensor:
    return tensor[0, 0]


def _plus_one(tensor: Tensor) -> Tensor:
    return tensor + 1


def _number(tensor: Tensor) -> Tensor:
    return tensor.reshape(())


def _first_row(average: Tensor) -> Tensor:
    """Some files repeat it for every row."""
    return average.reshape(-1, average.shape[-1])[0]


def _layers(k: int) -> tuple[tuple[str, int], ...]:
    """The convolutions of block k, which has 4·2ᵏ cells a side, each with its number among all."""
    return (("conv0", 2 * k - 1), ("conv1", 2 * k))[k == 0 :]


def _numbers(tensors: Mapping[str, Stored], pattern: str) -> Iterator[int]:
    """0, 1, … for as long as there is a tensor of that name."""
    return takewhile(lambda i: pattern.format(i, next=i + 1, side=4 << i) in tensors, count())


def _nvidia(tensors: Mapping[str, Stored]) -> Renaming:
    for name in tensors:
        yield name, name, _first_row if name == "mapping.w_avg" else _same


def _tensorflow(tensors: Mapping[str, Stored]) -> Renaming:
    if "dlatent_avg" in tensors:
        yield "mapping.w_avg", "dlatent_avg", _first_row
    for i in _numbers(tensors, "mapping/Dense{}/weight"):
        yield f"mapping.fc{i}.weight", f"mapping/Dense{i}/weight", Tensor.t
        yield f"mapping.fc{i}.bias", f"mapping/Dense{i}/bias", _same
    yield "synthesis.b4.const", "synthesis/4x4/Const/const", _first
    styled: Parts = [
        ("bias", "bias", _same),
        ("affine.weight", "mod_weight", Tensor.t),
        ("affine.bias", "mod_bias", _plus_one),
    ]
    for k in _numbers(tensors, "synthesis/{side}x{side}/ToRGB/weight"):
        block = f"synthesis.b{4 << k}"
        theirs = f"synthesis/{4 << k}x{4 << k}"
        for conv, n in _layers(k):
            name = "Conv0_up" if conv == "conv0" else "Conv1" if k else "Conv"
            kernel = _up_kernel if conv == "conv0" else _kernel
            own: Parts = [
                ("weight", "weight", kernel),
                ("noise_strength", "noise_strength", _same),
            ]
            for part, source, change in styled + own:
                yield f"{block}.{conv}.{part}", f"{theirs}/{name}/{source}", change
            yield f"{block}.{conv}.noise_const", f"synthesis/noise{n}", _noise
        for part, source, change in [*styled, ("weight", "weight", _kernel)]:
            yield f"{block}.torgb.{part}", f"{theirs}/ToRGB/{source}", change


def _rosinality(tensors: Mapping[str, Stored]) -> Renaming:
    if "latent_avg" in tensors:
        yield "mapping.w_avg", "latent_avg", _first_row
    for i in _numbers(tensors, "style.{next}.weight"):  # style.0 is the normalisation
        yield f"mapping.fc{i}.weight", f"style.{i + 1}.weight", _same
        yield f"mapping.fc{i}.bias", f"style.{i + 1}.bias", _same
    yield "synthesis.b4.const", "input.input", _first
    styled: Parts = [
        ("affine.weight", "conv.modulation.weight", _same),
        ("affine.bias", "conv.modulation.bias", _same),
        ("weight", "conv.weight", _first),
    ]
    own: Parts = [
        ("bias", "activate.bias", _same),
        ("noise_strength", "noise.weight", _number),
    ]
    for k in [0, *(k + 1 for k in _numbers(tensors, "to_rgbs.{}.bias"))]:
        block = f"synthesis.b{4 << k}"
        for conv, n in _layers(k):
            for part, source, change in styled + own:
                theirs = f"convs.{n - 1}" if k else "conv1"
                yield f"{block}.{conv}.{part}", f"{theirs}.{source}", change
            yield f"{block}.{conv}.noise_const", f"noises.noise_{n}", _noise
        for part, source, change in [*styled, ("bias", "bias", Tensor.flatten)]:
            theirs = f"to_rgbs.{k - 1}" if k else "to_rgb1"
            yield f"{block}.torgb.{part}", f"{theirs}.{source}", change


LAYOUTS = {  # how to rename the tensors of a generator
    "NVIDIA": _nvidia,
    "TensorFlow": _tensorflow,
    "rosinality": _rosinality,
}
