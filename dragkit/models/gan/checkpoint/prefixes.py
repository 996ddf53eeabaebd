"""What stands in front of a generator's names: wrappers put `module.`, `decoder.`, … there.

A StyleGAN2 begins with a constant, whose name tells both the layout and what stands in front.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

from .tensors import Stored

CONSTANTS = {  # layout → the name of the constant that its generators begin with
    "NVIDIA": "synthesis.b4.const",
    "TensorFlow": "synthesis/4x4/Const/const",
    "rosinality": "input.input",
}
# "G_ema", "ema_g", "netGema", "genEMA", but not "female"; and TensorFlow's Gs
AVERAGE = re.compile(
    r"(?<![a-z])ema(?![a-z])|Ema(?![a-z])|(?<![A-Z])EMA(?![A-Z])|(^|[./])Gs[./]?$"
)


def prefixes(names: Iterable[str]) -> list[str]:
    """What stands in front of each generator among these names; "" for one with plain names."""
    found = []
    for name in names:
        for constant in CONSTANTS.values():
            prefix = name.removesuffix(constant)
            if prefix != name and (not prefix or prefix[-1] in "./"):
                found.append(prefix)
    return found


def is_average(name: str) -> bool:
    """Whether a network of this name, or the one behind this prefix, is an average of others."""
    return AVERAGE.search(name) is not None


def behind(prefix: str, tensors: Mapping[str, Stored]) -> dict[str, Stored]:
    """The tensors whose names begin with a prefix, under the names without it."""
    return {
        name.removeprefix(prefix): tensor
        for name, tensor in tensors.items()
        if name.startswith(prefix)
    }
