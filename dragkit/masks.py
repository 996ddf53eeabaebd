"""Masks: read from what people have, or made from a drag's own gradient; 1 = may move."""

from __future__ import annotations

from dataclasses import replace

import torch
from torch import Tensor
from torch.nn import functional as F

from .answers import checked_loss, checked_view
from .arguments import named_arguments
from .asking import asked
from .gradients import gradients
from .latents import checked_latent
from .losses import CosineLoss
from .mask_files import read_mask as read_mask
from .numeric import is_real
from .pieces import LossTerm, Viewer
from .records import Edit, TrackResult
from .validation import check_losses, check_model_and_edit

WHITE = 255


@named_arguments
def from_gradient(
    model: Viewer,
    latent: Tensor,
    edit: Edit,
    loss: LossTerm | None = None,
    threshold: float = 100,
) -> Tensor:
    r"""A mask (H W) of the cells of the latent that a drag would change most.

    .. math:: M = \big[\operatorname{scale}_{0..255} |\operatorname{mean}_c ∂L/∂z| > τ\big]

    Where the loss at the handles hardly depends on the latent, nothing needs to move. The edit
    with it is ``dataclasses.replace(edit, mask=from_gradient(model, latent, edit))``.

    Source: EasyDrag's official code, which makes the mask again at each hop.

    Args:
        model: whose latents are maps (c h w), as a diffusion model's; those of a GAN have no
            places.
        latent: where the drag begins.
        edit: its handles and targets count, its mask does not.
        loss: L, with the handles as the points; None: EasyDrag's, ``CosineLoss()``.
        threshold: τ, in 0..255.

    Raises:
        TypeError: the model, the latent, the edit or the loss is something else.
        ValueError: the latent is no map, the loss does not depend on it, or the threshold is no
            grey level.
    """
    check_model_and_edit(model, edit)
    latent = _checked_map(checked_latent(model, latent))
    term = CosineLoss() if loss is None else loss
    check_losses([term], torch.inf)
    if not (is_real(threshold) and 0 <= threshold < WHITE):
        raise ValueError(f"threshold is {threshold!r}; give a grey level of 0 to 254, such as 100")

    gradient = _gradient(model, latent, edit.fit(model.size).to(latent.device), term)
    free = _brought_to_grey(gradient.mean(0).abs()) > threshold
    return F.interpolate(free.float()[None, None], size=tuple(model.size), mode="nearest")[0, 0]


def _checked_map(latent: Tensor) -> Tensor:
    if latent.ndim != 3:
        raise ValueError(
            f"the latent has shape {tuple(latent.shape)}, so its numbers have no places in the"
            " image; give a diffusion model and its latent (c h w)"
        )
    return latent


def _gradient(model: Viewer, latent: Tensor, edit: Edit, loss: LossTerm) -> Tensor:
    """∂L/∂z (c h w) at the start of a drag."""
    unknown = edit.handles.new_full((len(edit.handles),), torch.nan)
    track = TrackResult(edit.handles, unknown, unknown[:, None, None], memory=None)
    with gradients():
        leaf = latent.detach().clone().requires_grad_()
        view = checked_view(asked("the model's view", model.view, leaf), model.size, leaf)
        start = replace(view, features=view.features.detach(), latent=latent.detach())
        value = asked(f"the loss {loss.name!r}", loss, view, track, start, edit)
        value = checked_loss(loss.name, value)
        if not value.requires_grad:
            raise ValueError(
                f"the loss {loss.name!r} does not depend on the latent; give one that pulls at the"
                " handles, such as ShiftedPatchLoss()"
            )
        (gradient,) = torch.autograd.grad(value, leaf)
    return gradient


def _brought_to_grey(strength: Tensor) -> Tensor:
    """A map (h w) from its least to its most as 0..255."""
    low, high = strength.min(), strength.max()
    if not high > low:
        raise ValueError(
            "the gradient is the same everywhere, so there is nothing to choose by; give targets"
            " that are not there already"
        )
    return WHITE * (strength - low) / (high - low)
