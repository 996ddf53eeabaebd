"""Files of weights, compared with the network that a configuration makes before they are read."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod
from pathlib import Path

from torch import nn

from ...arguments import shown
from ..safetensors_header import Header
from .pipeline_weights import header_of

FILE = 16 << 30  # bytes of weights; in single precision XL has 14 GB in one file
SLACK = 10_000_000  # numbers that may be missing, and are named one by one
DTYPES = ("F16", "BF16", "F32", "F64", "I32", "I64")


def check_weights(files: Sequence[Path], network: nn.Module) -> None:
    """Raise ValueError if a network needs far more numbers than its files have.

    Args:
        files: of one part of a pipeline.
        network: what its configuration makes, on torch's device "meta", where numbers take no
            memory: a configuration alone can cost nothing.
    """
    folder = files[0].parent
    available = sum(map(_count_numbers, files))
    needed = sum(weight.numel() for weight in network.parameters())
    if needed > 2 * available + SLACK:  # of fewer that are missing the library knows the names
        names = ", ".join(path.name for path in files[:2])
        raise ValueError(
            f"{folder} does not hold a complete {type(network).__name__}: its config.json"
            f" needs {needed:,} numbers, {names} has {available:,}; fetch this part of the"
            " pipeline again"
        )


def check_weights_size(files: Sequence[Path]) -> None:
    """Raise ValueError if the files of a part's weights are too large to be read."""
    size = sum(path.stat().st_size for path in files)
    if size > FILE:
        raise ValueError(f"{files[0]} has {size:,} bytes; at most {FILE:,} are read")


def _count_numbers(path: Path) -> int:
    """How many numbers a file of safetensors says it has; the library checks that it does."""
    header = header_of(path)
    check_dtypes(path, header)
    return sum(map(prod, header.shapes.values()))


def check_dtypes(path: Path, header: Header) -> None:
    """Raise ValueError if a file has numbers of a type that is not read, such as of 8 bits."""
    for name, kind in header.dtypes.items():
        if kind not in DTYPES:
            raise ValueError(
                f"{path}: {shown(name)} has numbers of type {shown(kind)};"
                f" dragkit reads {', '.join(DTYPES)}"
            )
