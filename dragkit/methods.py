r"""The published methods, each a dict of pieces for `drag`.

``drag(model, latent, edit, **draggan())``. To change a method, change its dict:
``draggan() | {"lr": 5e-3}``. Where a paper and its authors' code differ, `profile` chooses.

DragGAN
=======

==============  ===========================  =================================
setting         "paper"                      "official" (the code)
==============  ===========================  =================================
tracking        L1, ‖q - p‖∞ < r₂            L2, ‖q - p‖∞ ≤ r₂
loss            sum over patch and map       mean over patch and map
stop            1 px                         2 px (more above 512 px: say so)
learning rate   2e-3                         1e-3
==============  ===========================  =================================

Both: r₁ = 3 with ‖q - p‖ < r₁ and r₂ = 12 at 512 px, λ = 20, Adam, and no pull within 1 px of the
target (the code's rule; the paper is silent). The paper stops at 2 px if there are more than five
points: say ``Edit(…, arrive=2)``. The code tracks before it supervises and the paper after; that
is the same sequence, seen half a step apart. The code's patch also drifts by up to a pixel toward
the upper left (its grid has a spacing of h / (h - 1)); that is not repeated here.

DragDiffusion
=============

==============  ===========================  ============================================
setting         "official" (the code)        "small", for images of 64 px: our choice
==============  ===========================  ============================================
windows         7 × 7 cells of its grid      7 × 7 pixels
stop, no pull   2 cells of its grid: 4 px    1 px
mask on latent  one pixel of each cell       averaged over each cell
==============  ===========================  ============================================

Both: square patches r₁ = 1 on a grid of half the image's side (stride 2), shifted by one cell of
it. The loss is (2 r₁ + 1)² times the mean over patch and channels, the mask term 0.1 · sum on the
predicted latent one step further on. L1 tracking in windows r₂ = 3; Adam with 0.01 on z alone, 80
steps, tracked before supervised. At 64 px four pixels are most of a mouth, so the official stop
would end an edit that has hardly begun, and its window reaches from the handle to the target of
most edits. The code rounds its points to the cells of the grid; here they are not rounded. It
leaves out the mask term if the mask frees nothing, which :class:`dragkit.Edit` refuses.

FreeDrag
========

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

DragNoise, DragLoRA
===================

DragDiffusion's pieces on another leaf (:mod:`dragkit.leaves`); its profiles differ as there.

==============  ===========================  =======================================
setting         :func:`dragnoise`            :func:`draglora`
==============  ===========================  =======================================
leaf            ``leaves.mid_block``: h      ``leaves.low_rank``: A and B
template        the patch now                the first patch, always (`never`)
learning rate   2e-2                         1e-4; "small": 4e-3, our choice
mask term, λ    0.2                          0.1
else            no reference                 AdamW, whose decay changes 0.01 % here
==============  ===========================  =======================================

DragLoRA's code also takes tracked points back where their L1 distance is above 1.3, skips updates
while it is below 1, re-noises z at every step, and has a term that keeps its predictions near the
base's (λ = 50). That is not repeated here.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Literal

from .gates import above, always, never
from .losses import MaskLoss, ShiftedPatchLoss, TemplatePatchLoss
from .pieces import Method
from .trackers import Discriminative, LineSearch, NearestNeighbor


def draggan(profile: Literal["official", "paper"] = "official") -> Method:
    """DragGAN (Pan et al., SIGGRAPH 2023): nearest-neighbour tracking and the shifted-patch loss.

    Args:
        profile: "official" for the authors' code, "paper" for the paper; this module's docstring
            has the differences.

    Raises:
        ValueError: an unknown profile.
    """
    if profile == "paper":
        return Method(
            tracker=NearestNeighbor(12, norm=1, strict=True),
            losses=(
                ShiftedPatchLoss(3, reduction="sum", strict=True),
                MaskLoss(20, reduction="sum"),
            ),
            lr=2e-3,
            steps=200,
            arrive=1.0,
            trust=always,
        )
    if profile == "official":
        return Method(
            tracker=NearestNeighbor(12),
            losses=(ShiftedPatchLoss(3, strict=True), MaskLoss(20)),
            lr=1e-3,
            steps=200,
            arrive=2.0,
            trust=always,
        )
    raise ValueError(f'unknown profile {profile!r}; choose "paper" or "official"')


def dragdiffusion(profile: Literal["small", "official"] = "small") -> Method:
    """DragDiffusion (Shi et al., CVPR 2024): DragGAN's loop on a diffusion model's noisy latent.

    LoRA, inversion and reference-latent control belong to the model: :func:`dragkit.lora`,
    :func:`dragkit.invert`.

    Args:
        profile: "official" for the authors' code, at 512 px; "small" for images of 64 px. This
            module's docstring has the differences.

    Raises:
        ValueError: an unknown profile.
    """
    if profile == "small":
        return _dragdiffusion(stop=1.0, resize="area", stride=1)
    if profile == "official":
        return _dragdiffusion(stop=4.0, resize="nearest", stride=2)
    raise ValueError(f'unknown profile {profile!r}; choose "small" or "official"')


def _dragdiffusion(stop: float, resize: Literal["area", "nearest"], stride: float) -> Method:
    motion = ShiftedPatchLoss(1, reduction="area", skip=stop, shape="square", stride=2)
    return Method(
        tracker=NearestNeighbor(3, norm=1, stride=stride),
        losses=(motion, MaskLoss(0.1, reduction="cells", resize=resize)),
        lr=1e-2,
        steps=80,
        arrive=stop,
        trust=always,
    )


def stabledrag(profile: str | None = None, base: Callable[..., Method] = draggan) -> Method:
    """StableDrag (Cui et al., ECCV 2024): a learned tracker and a gate for another method.

    Everything else comes from `base`: ``stabledrag(base=dragdiffusion)`` is StableDrag-Diff.
    StableDrag's own code was never published, so its settings are our choice
    (:mod:`dragkit.trackers.discriminative`). The gate's ratio is 0.6: with it all of fifty chins
    arrive, with 0.8 four are left circling (``python -m dragkit.bench gate``). On DragDiffusion's
    windows it is 0.8, which is what was measured there, the label is 2 px wide, and the region
    49 × 49 px, because 7 × 7 are too few to learn in. Its ablations:
    ``draggan() | {"tracker": Discriminative()}``, ``draggan() | {"trust": above(0.6)}``.

    Args:
        profile: of the base; None for its default.
        base: the method to change, not called yet.

    Raises:
        ValueError: an unknown profile, or a base that is not a method.
    """
    if not callable(base):
        raise ValueError(
            "base is called already; pass the method itself, such as"
            " stabledrag(base=dragdiffusion)"
        )
    method = base(profile) if profile else base()
    if not (isinstance(method, dict) and Method.__annotations__.keys() <= method.keys()):
        raise ValueError(
            f"base is {base!r}, which returns no method; choose draggan, dragdiffusion or a preset"
            " of your own"
        )

    tracker, trust = Discriminative(), above(0.6)
    nearest = method["tracker"]
    if isinstance(nearest, NearestNeighbor) and nearest.stride is not None:
        stride = nearest.stride
        tracker = Discriminative(
            nearest.radius, label=2 / stride, region=24 // stride, stride=stride
        )
        trust = above(0.8)
    return method | {"tracker": tracker, "trust": trust}


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


def dragnoise(profile: Literal["small", "official"] = "small") -> Method:
    """DragNoise (Liu et al., CVPR 2024): DragDiffusion's pieces on the UNet's middle.

    ``drag(*leaves.mid_block(model, latent), edit, **dragnoise())``.
    """
    method = dragdiffusion(profile)
    motion, mask = method["losses"]
    assert isinstance(mask, MaskLoss)
    return method | {"losses": (motion, replace(mask, weight=0.2)), "lr": 2e-2}


def draglora(profile: Literal["small", "official"] = "small") -> Method:
    """DragLoRA (Xia et al., ICML 2025): the first patch pulls the weights of a LoRA.

    ``drag(*leaves.low_rank(model, latent), edit, **draglora())``. The profile "small" has another
    learning rate, because with 1e-4 the bundled model hardly moves in 80 steps. Chosen on six
    lions: 2e-3, 4e-3 and 8e-3 end 2.9, 1.8 and 1.7 px from the targets, and change 2.3, 2.7 and
    3.4 grey levels outside the mask.
    """
    method = dragdiffusion(profile)
    return method | {"lr": 1e-4 if profile == "official" else 4e-3, "trust": never}
