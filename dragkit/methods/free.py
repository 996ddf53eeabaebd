r"""FreeDrag.

==================  =======================  =========================  =========================
setting             "official", GAN          "official", diffusion      "measured": our choice
==================  =======================  =========================  =========================
expected loss l     0.3                      1                          measured on the first view
patch               3 × 3, 3 px apart        9 × 9, 2 px apart          3 × 3, 2 px apart
longest hop         12 px of 512             10 px of 512               12 px of 512
done below          0.25 l                   0.5 l                      0.25 l
stop                1 px                     2 cells of its grid: 4 px  1 px
mask term, λ = 10   mean outside the mask    mean                       mean
learning rate       2e-3                     1e-2                       2e-3 and 1e-2
most steps          2000                     300                        300
==================  =======================  =========================  =========================

The official code has l and the hop by model: 0.3 and 12 px for faces, cats, cars and churches; 0.4
and 16 px for lions, dogs, elephants and giraffes, which is
``freedrag("official") | {"tracker": LineSearch(1, 3, 16, expected=0.4)}``. They are in the units
of those models' features; another model has other units.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

from ..gates import always
from ..losses import MaskLoss, TemplatePatchLoss
from ..pieces import Method
from ..trackers import LineSearch
from .diffusion import dragdiffusion
from .gan import draggan


def freedrag(
    profile: Literal["measured", "official"] = "measured",
    base: Callable[..., Method] = draggan,
) -> Method:
    """FreeDrag (Ling et al., CVPR 2024): an adaptive template and a line search, no tracking.

    ``freedrag()`` is FreeDrag-GAN, ``freedrag(base=dragdiffusion)`` FreeDrag-Diff.

    Args:
        profile: "official" for the authors' numbers, "measured" for an expected loss that is
            measured on the first view; this module's docstring has the differences.
        base: `draggan` or `dragdiffusion`.

    Raises:
        ValueError: an unknown profile or base.
    """
    if profile not in ("measured", "official"):
        raise ValueError(f'unknown profile {profile!r}; choose "measured" or "official"')
    if base is draggan:
        return _freedrag_gan(profile)
    if base is dragdiffusion:
        return _freedrag_diffusion(profile)
    raise ValueError(f"base is {base!r}; choose draggan or dragdiffusion")


def _freedrag_gan(profile: str) -> Method:
    method = _freedrag(LineSearch(), MaskLoss(10), lr=2e-3)
    if profile == "official":
        tracker = LineSearch(1, 3, 12, expected=0.3)
        losses = (TemplatePatchLoss(), MaskLoss(10, "outside"))
        method |= {"tracker": tracker, "losses": losses, "steps": 2000}
    return method


def _freedrag_diffusion(profile: str) -> Method:
    method = _freedrag(LineSearch(), MaskLoss(10), lr=1e-2)
    if profile == "official":
        tracker = LineSearch(4, 2, 10, expected=1.0, enough=0.5)
        losses = (TemplatePatchLoss(), MaskLoss(10, resize="nearest"))
        method |= {"tracker": tracker, "losses": losses, "arrive": 4.0}
    return method


def _freedrag(tracker: LineSearch, mask: MaskLoss, lr: float) -> Method:
    return Method(
        tracker=tracker,
        losses=(TemplatePatchLoss(), mask),
        lr=lr,
        steps=300,
        arrive=1.0,
        trust=always,
    )
