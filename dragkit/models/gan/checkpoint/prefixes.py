"""What stands in front of a generator's names: wrappers put `module.`, `decoder.`, … there.

A StyleGAN2 begins with a constant, whose name tells both the layout and what stands in front.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from .budget import CheckpointError
from .tensors import Stored

CONSTANTS = {  # layout → the name of the constant that its generators begin with
    "NVIDIA": "synthesis.b4.const",
    "TensorFlow": "synthesis/4x4/Const/const",
    "rosinality": "input.input",
}
SHOWN = 4  # prefixes in a message


def prefixes(names: Iterable[str]) -> list[str]:
    """What stands in front of each generator among these names; "" for one with plain names."""
    found = []
    for name in names:
        for constant in CONSTANTS.values():
            prefix = name.removesuffix(constant)
            if prefix != name and (not prefix or prefix[-1] in "./"):
                found.append(prefix)
    return found


def without_prefix(tensors: Mapping[str, Stored]) -> tuple[str, dict[str, Stored]]:
    """The one generator's tensors under plain names, and what stood in front of them.

    Of several the average is taken, which has "ema" in its prefix.

    Raises:
        CheckpointError: there are several generators, and no average among them or more than one.
    """
    found = prefixes(tensors)
    averages = [prefix for prefix in found if "ema" in prefix.lower()]
    if len(found) > 1 and len(averages) == 1:
        found = averages
    if len(found) > 1:
        some = ", ".join(repr(prefix[:60]) for prefix in found[:SHOWN])
        raise CheckpointError(
            f"{len(found)} generators in one state dict, whose names begin with {some}, and not"
            " exactly one of them is an average (ema); save the one to be dragged alone"
        )
    prefix = found[0] if found else ""
    own = {
        name.removeprefix(prefix): tensor
        for name, tensor in tensors.items()
        if name.startswith(prefix)
    }
    return prefix, own
