"""Files of weights, compared with the network that a configuration makes before it is made."""

from __future__ import annotations

from collections.abc import Callable
from math import prod
from pathlib import Path

import torch

from ...arguments import shown
from ..safetensors_header import Header, read_header

FILE = 16 << 30  # bytes of weights; in single precision XL has 14 GB in one file
SLACK = 10_000_000  # numbers that may be missing, and are named one by one
DTYPES = ("F16", "BF16", "F32", "F64", "I32", "I64")


def check_weights(path: Path, build: Callable[[], torch.nn.Module]) -> None:
    """Raise ValueError if a network needs far more numbers than its file has.

    It is built without memory for them, so a configuration alone can cost nothing.
    """
    available = _count_numbers(path)
    try:
        with torch.device("meta"):
            network = build()
    # the libraries check some of their settings, and stumble over others in any way
    except Exception as error:
        raise ValueError(
            f"{path.parent / 'config.json'} makes no network ({error!s:.200}); fetch it again"
        ) from error
    needed = sum(weight.numel() for weight in network.parameters())
    if needed > 2 * available + SLACK:  # of fewer that are missing the library knows the names
        raise ValueError(
            f"{path.parent} does not hold a complete {type(network).__name__}: its config.json"
            f" needs {needed:,} numbers, {path.name} has {available:,}; fetch this part of the"
            " pipeline again"
        )


def check_weights_size(path: Path) -> None:
    """Raise ValueError if a file of safetensors is too large to be read."""
    size = path.stat().st_size
    if size > FILE:
        raise ValueError(f"{path} has {size:,} bytes; at most {FILE:,} are read")


def _count_numbers(path: Path) -> int:
    """How many numbers a file of safetensors says it has; the library checks that it does."""
    try:
        header = read_header(path)
    except ValueError as error:
        raise ValueError(
            f"{path} is no file of safetensors that dragkit reads: {error}"
        ) from error
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
