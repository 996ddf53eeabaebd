"""The published methods, each a dict of pieces for `drag`:
``drag(model, latent, edit, **draggan())``.

To change a method, change its dict: ``draggan() | {"lr": 5e-3}``.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal

from .losses import MaskLoss, ShiftedPatchLoss, TemplatePatchLoss, above, always
from .trackers import Discriminative, LineSearch, NearestNeighbor


def draggan(profile: Literal["official", "paper"] = "official") -> dict[str, Any]:
    """DragGAN (Pan et al., SIGGRAPH 2023): nearest-neighbour tracking and the shifted-patch loss.

    The paper and its authors' code differ; `profile` chooses:

    ==============  ===========================  =================================
    setting         "paper"                      "official" (the code)
    ==============  ===========================  =================================
    tracking        L1, ‖q - p‖∞ < r₂            L2, ‖q - p‖∞ ≤ r₂
    loss            sum over patch and map       mean over patch and map
    stop            1 px                         2 px (more above 512 px: say so)
    learning rate   2e-3                         1e-3
    ==============  ===========================  =================================

    Both: r₁ = 3 with ‖q - p‖ < r₁ and r₂ = 12 at 512 px, λ = 20, Adam, and no pull within 1 px of
    the target (the code's rule; the paper is silent). The paper stops at 2 px with more than five
    points: say ``Edit(…, arrive=2)``. The code tracks before it supervises and the paper after;
    that is the same sequence, seen half a step apart. The code's patch also drifts by up to a
    pixel toward the upper left (its grid has a spacing of h / (h - 1)); that is not repeated here.

    Raises:
        ValueError: an unknown profile.
    """
    if profile == "paper":
        losses = (ShiftedPatchLoss(3, reduction="sum", strict=True), MaskLoss(20, reduction="sum"))
        tracker = NearestNeighbor(12, norm=1, strict=True)
        return {
            "tracker": tracker,
            "losses": losses,
            "lr": 2e-3,
            "steps": 200,
            "arrive": 1.0,
            "trust": always,
        }
    if profile == "official":
        losses = (ShiftedPatchLoss(3, strict=True), MaskLoss(20))
        return {
            "tracker": NearestNeighbor(12),
            "losses": losses,
            "lr": 1e-3,
            "steps": 200,
            "arrive": 2.0,
            "trust": always,
        }
    raise ValueError(f'unknown profile {profile!r}; choose "paper" or "official"')


def dragdiffusion(profile: Literal["small", "official"] = "small") -> dict[str, Any]:
    r"""DragDiffusion (Shi et al., CVPR 2024): DragGAN's loop on a diffusion model's noisy latent.

    Both profiles: square patches r₁ = 1 on a grid of half the image's side (stride 2), shifted
    by a cell of it; the loss is (2 r₁ + 1)² times the mean over patch and channels, the mask term
    0.1 · sum on the predicted latent one step further down; L1 tracking in windows r₂ = 3; Adam
    with 0.01 on z alone, 80 steps, tracked before supervised.

    ==============  ===========================  ============================================
    setting         "official" (the code)        "small", for images of 64 px: our choice
    ==============  ===========================  ============================================
    windows         7 × 7 cells of that grid     7 × 7 pixels
    stop, no pull   2 cells of that grid: 4 px   1 px
    mask on latent  one pixel of each cell       averaged over each cell
    ==============  ===========================  ============================================

    At 64 px four pixels are most of a mouth, so the official stop would end an edit that has
    hardly begun, and its window reaches from the handle to the target of most edits. The code
    rounds its points to the grid's cells; here they are not rounded. Its mask term is left out
    where the mask frees nothing, which :class:`dragkit.Edit` refuses. LoRA, inversion and
    reference-latent control belong to the model: :func:`dragkit.lora`, :func:`dragkit.invert`.

    Raises:
        ValueError: an unknown profile.
    """
    if profile not in ("small", "official"):
        raise ValueError(f'unknown profile {profile!r}; choose "small" or "official"')
    stop, resize, stride = (1.0, "area", 1) if profile == "small" else (4.0, "nearest", 2)
    losses = (
        ShiftedPatchLoss(1, reduction="area", skip=stop, shape="square", stride=2),
        MaskLoss(0.1, reduction="cells", resize=resize),
    )
    return {
        "tracker": NearestNeighbor(3, norm=1, stride=stride),
        "losses": losses,
        "lr": 1e-2,
        "steps": 80,
        "arrive": stop,
        "trust": always,
    }


def stabledrag(
    profile: str | None = None, base: Callable[..., dict[str, Any]] = draggan
) -> dict[str, Any]:
    """StableDrag (Cui et al., ECCV 2024): DragGAN or DragDiffusion with a learned tracker and a
    gate.

    All else is `base` of that `profile` (its default, where there is none):
    ``stabledrag(base=dragdiffusion)`` is StableDrag-Diff. StableDrag's own code was never
    published, and its settings are our choice (see :mod:`dragkit.trackers.discriminative`); on
    DragDiffusion's windows the label is 2 px wide, and the region 49 x 49 px: 7 x 7 are too few to
    learn in. Its ablations: ``draggan() | {"tracker": Discriminative()}``,
    ``draggan() | {"trust": above(0.8)}``.

    Raises:
        ValueError: an unknown profile, or a base that is no method.
    """
    if not callable(base):
        raise ValueError(
            "base is called already; give the method itself, such as"
            " stabledrag(base=dragdiffusion)"
        )
    pieces = base(profile) if profile else base()
    if stride := getattr(pieces["tracker"], "stride", None):
        tracker = Discriminative(
            pieces["tracker"].radius, label=2 / stride, region=24 // stride, stride=stride
        )
    else:
        tracker = Discriminative()
    return pieces | {"tracker": tracker, "trust": above(0.8)}


def freedrag(
    profile: Literal["measured", "official"] = "measured",
    base: Callable[..., dict[str, Any]] = draggan,
) -> dict[str, Any]:
    """FreeDrag (Ling et al., CVPR 2024): no point tracking, but an adaptive template and a line
    search.

    ``freedrag()`` is FreeDrag-GAN, ``freedrag(base=dragdiffusion)`` FreeDrag-Diff.

    ==================  =======================  ========================  ===========================
    setting             "official", GAN          "official", diffusion     "measured": our choice
    ==================  =======================  ========================  ===========================
    expected loss l     0.3                      1                         measured on the first view
    patch               3 × 3, 3 px apart        9 × 9, 2 px apart         3 × 3, 2 px apart
    farthest hop        12 px of 512             10 px of 512              12 px of 512
    done below          0.25 l                   0.5 l                     0.25 l
    stop                1 px                     2 cells of its grid: 4 px 1 px
    mask term, λ = 10   mean outside the mask    mean                      mean
    learning rate       2e-3                     1e-2                      2e-3 and 1e-2
    most steps          2000                     300                       300
    ==================  =======================  ========================  ===========================

    The official code has l and the hop by model: 0.3 and 12 px for faces, cats, cars and churches;
    0.4 and 16 px for lions, dogs, elephants and giraffes, which is ``freedrag("official") |
    {"tracker": LineSearch(1, 3, 16, expected=0.4)}``. They are in units of those models' features;
    another model's are others.

    Raises:
        ValueError: an unknown profile or base.
    """
    if profile not in ("measured", "official"):
        raise ValueError(f'unknown profile {profile!r}; choose "measured" or "official"')
    if base not in (draggan, dragdiffusion):
        raise ValueError(f"base is {base!r}; choose draggan or dragdiffusion")
    tracker, stop, steps, reduction = LineSearch(), 1.0, 300, "mean"
    if profile == "official" and base is draggan:
        tracker, steps, reduction = LineSearch(1, 3, 12, expected=0.3), 2000, "outside"
    elif profile == "official":
        tracker, stop = LineSearch(4, 2, 10, expected=1.0, enough=0.5), 4.0
    losses = (
        TemplatePatchLoss(),
        MaskLoss(
            10, reduction, "nearest" if profile == "official" and base is dragdiffusion else "area"
        ),
    )
    lr = 2e-3 if base is draggan else 1e-2
    return {
        "tracker": tracker,
        "losses": losses,
        "lr": lr,
        "steps": steps,
        "arrive": stop,
        "trust": always,
    }
