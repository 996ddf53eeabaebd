"""How much memory a process has needed at most."""

from __future__ import annotations

import importlib.util
import sys

import torch

GIGABYTE = 1e9


def peak_memory(device: str) -> float:
    """In GB, of the GPU's memory on "cuda"; NaN where the system does not say."""
    if device.startswith("cuda"):
        return torch.cuda.max_memory_allocated() / GIGABYTE
    if importlib.util.find_spec("resource") is None:
        return float("nan")
    import resource

    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / GIGABYTE * (1 if sys.platform == "darwin" else 1024)
