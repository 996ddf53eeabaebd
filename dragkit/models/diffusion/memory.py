"""Too little memory, explained on every device."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch

# how CPUs (Windows, Linux) and MPS report it, as a RuntimeError
MESSAGES = ("not enough memory", "can't allocate memory", "out of memory")


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
