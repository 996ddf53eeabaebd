r"""Which places of its window a tracker may take: all, or only those on the way to the target.

A rule is called as ``candidates(pixels, targets)`` with the places of the windows (n k k 2), in
whose middle the search centres p are, and the targets t (n 2). It returns which of them may be
taken: bool (n k k). A tracker that may only go forward cannot be lured back by a look-alike, nor
follow content that slides back. It *claims* progress where there is none, too: its points are no
longer a measurement of where the content is.

If no place is left, as at the target or at the image's border, the tracker stays where it is.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from ..arguments import instance, shown
from ..numeric import is_positive

Candidates = Callable[[Tensor, Tensor], Tensor]
WAY_OUT = "give a rule, such as Nearer(), or None for every place of the window"


@dataclass(frozen=True)
class Nearer:
    r"""The places that are not farther from the target: ‖q - t‖ ≤ ‖p - t‖.

    Source: DragLoRA's official code; CLIPDrag's is `strict`.

    Args:
        strict: they must be nearer, ‖q - t‖ < ‖p - t‖, so that a point cannot rest.
    """

    strict: bool = False

    def __post_init__(self) -> None:
        instance("strict", self.strict, bool, "True or False")

    def __call__(self, pixels: Tensor, targets: Tensor) -> Tensor:
        """Which places (n k k 2) may be taken: bool (n k k)."""
        distance = (targets[:, None, None] - pixels).norm(dim=-1)
        middle = pixels.shape[1] // 2
        now = distance[:, middle, middle][:, None, None]
        taken: Tensor = distance < now if self.strict else distance <= now
        return taken


@dataclass(frozen=True)
class Cone:
    r"""The places ahead: q - p points at most so many `degrees` away from t - p.

    The point itself is none of them. Source: DragLoRA's official code, in its fast mode.

    Args:
        degrees: the cone's half angle.

    Raises:
        ValueError: it is not above 0 and at most 180.
    """

    degrees: float = 30

    def __post_init__(self) -> None:
        if not (is_positive(self.degrees) and self.degrees <= 180):
            raise ValueError(
                f"degrees is {self.degrees!r}; give an angle above 0 and up to 180, such as 30"
            )

    def __call__(self, pixels: Tensor, targets: Tensor) -> Tensor:
        """Which places (n k k 2) may be taken: bool (n k k)."""
        middle = pixels.shape[1] // 2
        ahead = targets - pixels[:, middle, middle]
        way = pixels - pixels[:, middle, middle][:, None, None]

        length = way.norm(dim=-1)
        along = (way * ahead[:, None, None]).sum(-1)
        least = math.cos(math.radians(self.degrees)) * length * ahead.norm(dim=-1)[:, None, None]
        at_target = (ahead == 0).all(-1)[:, None, None]
        taken: Tensor = (along >= least) & (length > 0) & ~at_target
        return taken


def check_candidates(candidates: Any) -> None:
    """Raise TypeError unless `candidates` is a rule or None."""
    if candidates is not None and (not callable(candidates) or isinstance(candidates, type)):
        raise TypeError(f"candidates is {shown(candidates)}; {WAY_OUT}")


def allowed(candidates: Candidates, pixels: Tensor, targets: Tensor) -> Tensor:
    """What the rule `candidates` says of the places `pixels` (n k k 2): bool (n k k).

    Raises:
        ValueError: it says something else.
    """
    answer = candidates(pixels, targets)
    shape = tuple(pixels.shape[:-1])
    is_truth = isinstance(answer, Tensor) and answer.dtype == torch.bool
    if not (is_truth and tuple(answer.shape) == shape):
        raise ValueError(
            f"the rule {shown(candidates)} returned {shown(answer)} for places"
            f" {tuple(pixels.shape)}; it must say True or False of each: bool {shape}"
        )
    return answer
