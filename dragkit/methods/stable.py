r"""StableDrag, and ours, which builds on it.

Anchored drag
=============

=================  ==========================  ==============================================
setting            StableDrag on DragGAN       ours
=================  ==========================  ==============================================
template           the current patch           3/4 the current patch, 1/4 the first frame's
points             whole pixels                between the pixels
stop, no pull      2 px and 1 px               0.5 px, which such points can tell
patch              radius 3 px of 512          radius 6: nine pixels at 128 px, not one
gate's ratio       0.6                         0.8
mask term λ        20                          60
learning rate      1e-3                        3e-3
=================  ==========================  ==============================================

A larger learning rate brings the content nearer to its target and changes more outside the mask; a
stronger mask term takes the latter back. The numbers were chosen on lions of seeds from 5000 on,
which no table uses. On DragDiffusion the template, the points and the stop are the same; patch,
gate, mask term and learning rate are StableDrag-Diff's.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from ..arguments import function
from ..gates import above
from ..losses import MaskLoss, ShiftedPatchLoss
from ..pieces import Method
from ..trackers import Discriminative, NearestNeighbor
from .diffusion import dragdiffusion
from .gan import draggan


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
        TypeError: the base is no function.
        ValueError: an unknown profile, or a base that returns no method.
    """
    if isinstance(base, dict):
        raise ValueError(
            "base is called already; pass the method itself, such as"
            " stabledrag(base=dragdiffusion)"
        )
    function("base", base, "draggan, dragdiffusion or a preset of your own")
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


def anchored(base: Callable[..., Method] = draggan) -> Method:
    """Ours: StableDrag's filter and gate, a template that keeps a part of the first patch.

    Each update of DragGAN pulls the current patch, so what is lost on the way is not missed; the
    first frame's patch alone resists every change that has to be. A quarter of it is an anchor:
    what drifts is pulled back a little at each step. Points between the pixels see the last half
    pixel of the way, so the drag can stop closer to the target.

    Args:
        base: `draggan`, or `dragdiffusion` for images of 64 px. This module's docstring has the
            numbers.

    Raises:
        ValueError: an unknown base.
    """
    if base is draggan:
        return _anchored_gan()
    if base is dragdiffusion:
        return _anchored_diffusion()
    raise ValueError(f"base is {base!r}; choose draggan or dragdiffusion")


def _anchored_gan() -> Method:
    motion = ShiftedPatchLoss(6, skip=0.5, strict=True, first_patch=0.25)
    return stabledrag() | {
        "tracker": Discriminative(subpixel=True),
        "losses": (motion, MaskLoss(60)),
        "lr": 3e-3,
        "arrive": 0.5,
        "trust": above(0.8),
    }


def _anchored_diffusion() -> Method:
    method = stabledrag(base=dragdiffusion)
    learned = method["tracker"]
    assert isinstance(learned, Discriminative)
    motion = ShiftedPatchLoss(1, "area", skip=0.5, shape="square", stride=2, first_patch=0.25)
    losses = (motion, *method["losses"][1:])
    tracker = replace(learned, subpixel=True)
    return method | {"tracker": tracker, "losses": losses, "arrive": 0.5}
