r"""Gates: they decide how much confidence is enough to trust a tracker.

A gate turns the confidence at step 1 into the threshold below which a handle is not trusted:
(n) → (n). Your own takes one line: ``drag(…, trust=lambda initial: initial - 0.1)``.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from .numeric import is_positive


def always(initial: Tensor) -> Tensor:
    """The gate that trusts every handle, even if its confidence is NaN: the threshold is -∞.

    Source: DragGAN, which has no gate.
    """
    return torch.full_like(initial, -torch.inf)


def never(initial: Tensor) -> Tensor:
    """The gate that trusts no handle: the threshold is +∞.

    Every step then pulls the first frame's patch. Source: our choice, the other end of the scale.
    """
    return torch.full_like(initial, torch.inf)


@dataclass(frozen=True)
class above:
    r"""The gate that trusts a handle whose confidence is at least a fraction of that at step 1.

    .. math:: τ_i = ρ\, s_i^{(1)}

    s⁽¹⁾ (n) is the confidence after the first update, because at step 0 the tracker sees the very
    features that it learned from. If s⁽¹⁾ < 0, a fraction of it would be larger than s⁽¹⁾ itself.
    The threshold is therefore computed as τ = s⁽¹⁾ - (1 - ρ)|s⁽¹⁾|, which is the same for
    s⁽¹⁾ ≥ 0.

    Source: StableDrag. ρ is unpublished, so its value is our choice.

    Raises:
        ValueError: the ratio ρ is not in (0, 1].
    """

    ratio: float

    def __post_init__(self) -> None:
        if not (is_positive(self.ratio) and self.ratio <= 1):
            raise ValueError(
                f"ratio is {self.ratio!r}; it must be above 0 and at most 1, such as above(0.9);"
                " see also always, never"
            )

    def __call__(self, initial: Tensor) -> Tensor:
        """The thresholds τ (n) for the confidence at step 1 (n)."""
        return initial - (1 - self.ratio) * initial.abs()

    def __repr__(self) -> str:
        return f"above({self.ratio:g})"
