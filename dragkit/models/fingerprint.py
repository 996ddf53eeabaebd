"""A short text that tells one network's weights from another's."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping

import torch
from torch import Tensor

PROBES = 1024  # values read of each tensor, evenly spaced


def fingerprint(state: Mapping[str, Tensor]) -> str:
    """16 hexadecimal digits from the names, shapes and a sample of the values of a state dict.

    Up to 1024 values of each tensor are read, in float32, so a network of a billion parameters
    takes a moment, not seconds. Networks that differ only between them are taken for one (our
    choice: training and fine-tuning change nearly every value).
    """
    digest = hashlib.sha256()
    for name in sorted(state):
        tensor = state[name].detach()
        digest.update(f"{name} {tuple(tensor.shape)}".encode())
        digest.update(_probe(tensor).numpy().data)
    return digest.hexdigest()[:16]


def _probe(tensor: Tensor) -> Tensor:
    flat = tensor.reshape(-1)
    count = min(len(flat), PROBES)
    last = max(len(flat) - 1, 0)
    places = torch.linspace(0, last, count, dtype=torch.float64, device="cpu").round().long()
    return flat[places.to(flat.device)].float().cpu().contiguous()
