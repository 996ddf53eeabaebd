r"""DragDiffusion, and what others changed in it.

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

GoodDrag
========

==================  ======================================  =========================
setting             "official" (the code's benchmark)       "small": our choice
==================  ======================================  =========================
patch r₁, window    9 × 9 and 25 × 25 cells of its grid     3 × 3 cells, 7 × 7 pixels
shift               up to 4 cells: 8 px                     up to 1 cell: 2 px
stop, mask          as DragDiffusion's                      as DragDiffusion's
==================  ======================================  =========================

Both: the template is the first frame's patch, the loss (2 r₁)² times the mean, Adam with 0.02, the
mask term 0.1 · sum; up to three updates between two trackings. The code's class has other defaults
(0.01, 0.2, ten updates, which end early once the loss is at most 4 (2 r₁)²). It drags at seven
noise levels in turn, with ten trackings, a new template and a new Adam for each; here all 210
updates are made at one level. It tracks on the features before the last update, and gives up once
five trackings in a row have found nothing new; that is not repeated here.

CLIPDrag, without its text
==========================

================  ============================  =======================
setting           "official" (the code)         "small": our choice
================  ============================  =======================
shift             up to 4 cells: 8 px           up to 1 cell: 2 px
the rest          as DragDiffusion's            as DragDiffusion's
================  ============================  =======================

Both: the template is the first frame's patch, and the tracker may only take places that are nearer
to the target. The paper fuses the gradient of a CLIP loss with that of the drag; in the code that
is another function. It also has variants with the current patch and with free tracking.

EasyDrag
========

One setting, which scales with the image: hops of 12 px of 512, straight to the target below 18;
the handle's single feature, compared by its cosine; Adam with 0.01, 50 steps, stop at 1 px. The
code reads features that are enlarged to the image and rounds the points to whole pixels, joins two
blocks, and lets the drag see the original's keys and values; that is the model's affair here. Its
automatic mask, made again after each hop, is :func:`dragkit.masks.from_gradient`, made once.
"""

from __future__ import annotations

from typing import Literal, NamedTuple

from ..gates import always
from ..losses import CosineHoldLoss, CosineLoss, MaskLoss, ShiftedPatchLoss
from ..pieces import Method
from ..trackers import Hops, Nearer, NearestNeighbor, TrackEvery

Profile = Literal["small", "official"]


class Grid(NamedTuple):
    """How a method of DragDiffusion's family reads images of some size.

    Attributes:
        stop: distance in pixels at which a handle has arrived, and is pulled no longer.
        stride: pixels between the places that the tracker compares.
        mask: the mask term.
    """

    stop: float
    stride: float
    mask: MaskLoss


def _grid(profile: str) -> Grid:
    if profile == "small":
        return Grid(1.0, 1, MaskLoss(0.1, reduction="cells"))
    if profile == "official":
        return Grid(4.0, 2, MaskLoss(0.1, reduction="cells", resize="nearest"))
    raise ValueError(f'unknown profile {profile!r}; choose "small" or "official"')


def dragdiffusion(profile: Profile = "small") -> Method:
    """DragDiffusion (Shi et al., CVPR 2024): DragGAN's loop on a diffusion model's noisy latent.

    LoRA, inversion and reference-latent control belong to the model: :func:`dragkit.lora`,
    :func:`dragkit.invert`.

    Args:
        profile: "official" for the authors' code, at 512 px; "small" for images of 64 px. This
            module's docstring has the differences.

    Raises:
        ValueError: an unknown profile.
    """
    grid = _grid(profile)
    motion = ShiftedPatchLoss(1, reduction="area", skip=grid.stop, shape="square", stride=2)
    return Method(
        tracker=NearestNeighbor(3, norm=1, stride=grid.stride),
        losses=(motion, grid.mask),
        lr=1e-2,
        steps=80,
        arrive=grid.stop,
        trust=always,
    )


def gooddrag(profile: Profile = "small") -> Method:
    """GoodDrag (Zhang et al., ICLR 2025): a longer shift, the first patch, several updates.

    The first frame's patch cannot drift, so it may be pulled farther at once, and the content is
    given up to three updates to come along before anybody looks where it is.

    Args:
        profile: as for :func:`dragdiffusion`.

    Raises:
        ValueError: an unknown profile.
    """
    grid = _grid(profile)
    r = 4 if profile == "official" else 1
    motion = ShiftedPatchLoss(
        r, "mean", grid.stop, shape="square", stride=2, reach=r, first_patch=1, weight=(2 * r) ** 2
    )
    nearest = NearestNeighbor(3 * r, norm=1, stride=grid.stride)
    return dragdiffusion(profile) | {
        "tracker": TrackEvery(nearest, updates=3),
        "losses": (motion, grid.mask),
        "lr": 2e-2,
        "steps": 210,
    }


def clipdrag(profile: Profile = "small") -> Method:
    """CLIPDrag (Jiang et al., ICLR 2025) without its text: only nearer places are taken.

    Args:
        profile: as for :func:`dragdiffusion`.

    Raises:
        ValueError: an unknown profile.
    """
    grid = _grid(profile)
    reach = 4 if profile == "official" else 1
    motion = ShiftedPatchLoss(
        1, "area", grid.stop, shape="square", stride=2, reach=reach, first_patch=1
    )
    nearest = NearestNeighbor(3, norm=1, stride=grid.stride, candidates=Nearer(strict=True))
    return dragdiffusion(profile) | {"tracker": nearest, "losses": (motion, grid.mask)}


def easydrag() -> Method:
    """EasyDrag (Hou et al., CVPR 2024): hops that are taken once the place ahead looks right."""
    return Method(
        tracker=Hops(hop=12, straight=18),
        losses=(CosineLoss(hop=12, straight=18), CosineHoldLoss(0.1)),
        lr=1e-2,
        steps=50,
        arrive=1.0,
        trust=always,
    )
