"""Too little memory: told before it is spent where that can be known, and explained elsewhere."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import torch

from ...numeric import size_in_words
from ...records import Size

# how CPUs (Windows, Linux) and MPS report it, as a RuntimeError
MESSAGES = ("not enough memory", "can't allocate memory", "out of memory")
FLOAT = torch.float32.itemsize
# What a step keeps for its gradient, in bytes for each cell of the latent, with a mask and in
# float32. Measured on the shapes of SD 1.5 at 512 px (1.4 GB) and of XL at 512, 768 and 1024 px
# (2.3, 5.2 and 9.3 GB), without attention's own weights, which no device's kernel keeps.
STEP = {"Stable Diffusion 1 or 2": 337_000, "Stable Diffusion XL": 567_000}
MEMORY_INFO = Path("/proc/meminfo")  # of Linux
FREE = ("MemAvailable", "SwapFree")


def check_room(
    name: str,
    kind: str,
    numbers: int,
    size: Size,
    cell: int,
    device: str,
    dtype: torch.dtype = torch.float32,
) -> None:
    """See that there is room for a model's weights, and for a step with them.

    Args:
        name: what the model is called.
        kind: which of the kinds in ``STEP`` it is.
        numbers: of its weights.
        size, cell: of its images, and of the square that a cell of the latent covers, in pixels.
        device, dtype: where the weights go, and in which precision.

    Raises:
        torch.OutOfMemoryError: the weights alone need more than is free.

    Warns:
        UserWarning: a step with them will.
    """
    free = free_bytes(device)
    weights = dtype.itemsize * numbers
    height, width = size
    cells = (height // cell) * (width // cell)
    step = STEP[kind] * cells * dtype.itemsize // FLOAT
    if free is None or free >= weights + step:
        return

    told = (
        f"{name} is a {kind}: its weights take {size_in_words(weights)} in"
        f" {str(dtype).removeprefix('torch.')}, a step at"
        f" {height} × {width} px with a mask about {size_in_words(step)} more, and {device} has"
        f" {size_in_words(free)} free"
    )
    if free < weights:
        raise torch.OutOfMemoryError(
            f'{told}. Make room, choose another device, dtype="bfloat16", or a smaller base, such'
            " as Stable Diffusion 1.5"
        )
    warnings.warn(f"{told}. A smaller size takes less for the step", stacklevel=2)


def free_bytes(device: str) -> int | None:
    """How much memory is free on a device, swap included; None where the system does not say."""
    if torch.device(device).type == "cuda":
        return torch.cuda.mem_get_info(device)[0]
    if torch.device(device).type != "cpu" or not MEMORY_INFO.is_file():
        return None
    lines = MEMORY_INFO.read_text().splitlines()
    entries = dict(line.split(":", 1) for line in lines if ":" in line)
    return sum(1024 * int(entries[name].split()[0]) for name in FREE if name in entries)


@contextmanager
def explained_out_of_memory(explanation: str) -> Iterator[None]:
    """While this lasts, too little memory on any device raises the `explanation`.

    Raises:
        torch.OutOfMemoryError: the explanation, with the device's own words.
    """
    try:
        yield
    except RuntimeError as error:
        out_of_memory = isinstance(error, torch.OutOfMemoryError) or any(
            message in str(error) for message in MESSAGES
        )
        if not out_of_memory:
            raise
        raise torch.OutOfMemoryError(f"{explanation} ({error})") from error
