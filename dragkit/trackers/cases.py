"""The three cases of a line search: what a handle's goal does after a sub-motion."""

from __future__ import annotations

import torch
from torch import Tensor


def cases_of(settled: Tensor, begin: Tensor, end: Tensor, expected: Tensor) -> tuple[str, ...]:
    """The case of each handle: "done" if it has arrived, else one of the three.

    Args:
        settled: (n) bool, whether it has arrived.
        begin, end: (n) L at the beginning and at the end of the sub-motion.
        expected: (n) l.
    """
    flags = zip(settled, end < expected / 2, end < begin, strict=True)
    return tuple(_case(*flags_of_one) for flags_of_one in flags)


def _case(settled: Tensor, easy: Tensor, smaller: Tensor) -> str:
    if settled:
        return "done"
    if easy:
        return "hop"
    if smaller:
        return "stay"
    return "back"


def is_case(cases: tuple[str, ...], wanted: tuple[str, ...], like: Tensor) -> Tensor:
    """(n 1) bool: whose case is one of the `wanted`."""
    return torch.tensor([case in wanted for case in cases], device=like.device)[:, None]
