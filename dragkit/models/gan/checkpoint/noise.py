"""Noise maps that a file does not have: drawn anew, the same at every time."""

from __future__ import annotations

import re

import torch
from torch import Tensor

from ..state_dict import SIDE
from .budget import Budget

CONVOLUTION = re.compile(r"(synthesis\.b(\d+)\.conv\d)\.weight")


def add_noise_maps(state: dict[str, Tensor], budget: Budget) -> int:
    """Put the maps that are missing into a state dict with our names; returns how many those are.

    rosinality's code kept none at first and drew them for each image, and state dicts of weights
    alone lack them, too. Here they are N(0, 1) from a fixed seed (our choice).
    """
    cells = state["synthesis.b4.const"].shape[-2:]
    random = torch.Generator().manual_seed(0)
    drawn = 0
    for name in list(state):
        match = CONVOLUTION.fullmatch(name)
        if match is None or f"{match[1]}.noise_const" in state:
            continue
        if int(match[2]) > SIDE:  # who looks at the sizes refuses it
            continue
        times = int(match[2]) // 4
        height, width = (times * side for side in cells)
        budget.spend("random numbers", height * width)
        state[f"{match[1]}.noise_const"] = torch.randn(height, width, generator=random)
        drawn += 1
    return drawn
