"""What a drag optimises, and at which noise levels: the knob beside the pieces of a method.

A leaf is a pair of a model and its latent, so ``drag(*leaf, edit, **method)`` serves all of them:
:func:`mid_block` and :func:`low_rank` of a diffusion model, and what everybody starts with,
``(found.model, found.latent)``. :func:`noise_levels` gives one for each of several noise levels,
which :func:`drag_levels` drags one after the other.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

from torch import Tensor

from .arguments import named_arguments, shown
from .gradients import gradients
from .loop import drag
from .models.diffusion.leaves import Leaf as Leaf
from .models.diffusion.leaves import low_rank as low_rank
from .models.diffusion.leaves import mid_block as mid_block
from .models.diffusion.leaves import noise_levels as noise_levels
from .pieces import Viewer
from .records import Edit, Step


@named_arguments
def drag_levels(
    levels: Sequence[tuple[Viewer, Tensor]], edit: Edit, *, steps: int = 30, **method: Any
) -> Iterator[Step]:
    r"""Drag at one noise level after the other, and denoise by one step in between (GoodDrag).

    .. math::
        z_t ← z_t - Adam(∇ L(F(z_t), F(z^0_t))) \text{ for } steps \text{ updates}, \qquad
        z_{t-1} = \text{denoised}(z_t)

    z⁰ is the original along the same levels. Each level is a drag of its own, with the original at
    that level as its start: the templates and the mask term refer to it, and Adam begins anew. The
    points go on where they were, and so does the numbering of the steps. Once all handles have
    arrived, the levels that are left only denoise.

    The idea: what an update breaks at one level, the next denoising step repairs before it adds
    up (Zhang et al., ICLR 2025: "alternating drag and denoising"). On ten lions of 64 px (seeds
    70001 to 70010, five landmarks with 6.4 px to go, 84 updates at most) that ends 1.8 px from the
    targets; all updates at the noisiest level 1.7, all at the least noisy of the seven 1.4.

    .. code-block:: python

        levels = dk.leaves.noise_levels(found.model, found.latent)
        trace = dk.Trace(dk.leaves.drag_levels(levels, edit, **method))
        image = levels[-1].model.finish(trace[-1].latent)

    Args:
        levels: pairs of a model and the original there, the noisiest first. The anchor of a
            model's views is the latent of the next.
        edit: what should move where.
        steps: updates at each level (GoodDrag: at most 10 trackings of 3 updates).
        method: the other pieces, as for :func:`dragkit.drag`.

    Raises:
        TypeError, ValueError: there is no level, or as :func:`dragkit.drag`.

    Note:
        A trace of it can be saved, loaded, played and drawn. It is no :class:`dragkit.Session`:
        that continues at one level only, and refuses it.
    """
    if not isinstance(levels, Sequence) or not levels:
        raise ValueError(
            f"levels is {shown(levels)}; give pairs of a model and a latent, such as"
            " dragkit.leaves.noise_levels(model, latent)"
        )
    if "resume" in method:
        raise TypeError("a drag along levels begins at the first; leave resume out")
    first = drag(*levels[0], edit, steps=steps, **method)  # checks everything at once
    return _descend(first, levels[1:], edit, steps, method)


def _descend(
    steps: Iterator[Step],
    levels: Sequence[tuple[Viewer, Tensor]],
    edit: Edit,
    each: int,
    method: dict[str, Any],
) -> Iterator[Step]:
    step, arrived = next(steps), False
    for model, original in levels:
        for following in steps:
            yield step
            step = following

        # the last look at this level is held back: the next level looks at the same points again
        arrived = arrived or bool(step.arrived.all())
        most = step.index + (0 if arrived else each)
        steps = drag(model, original, edit, steps=most, resume=_denoised(step), **method)
        step = next(steps)

    yield step
    yield from steps


def _denoised(step: Step) -> Step:
    """The step one level further down, for another drag to continue from its points."""
    assert step.view is not None  # drag yields it
    with gradients():
        latent = step.view.anchor.detach().clone()
    fresh: dict[str, Any] = {"view": None, "memory": None, "optimizer_state": {}}
    return replace(step, latent=latent, search_centre=step.points, **fresh)
