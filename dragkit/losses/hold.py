r"""What holds everything else: the mask term, and a prior on the latent."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal

from torch import Tensor

from ..geometry import to_grid
from ..records import Edit, Size, TrackResult, View
from .settings import check_choice, check_from_0

Reduction = Literal["mean", "sum", "cells", "outside"]


@dataclass(frozen=True)
class MaskLoss:
    r"""The mask term: keep the anchor A as it was wherever the mask lets nothing move.

    .. math:: L = λ ‖(A - sg\,A_0) ⊙ (1 - M)‖_1

    For a GAN the anchor is the features, and this is the second half of DragGAN's eq. 1; for a
    diffusion model it is the latent one denoising step further on, which is DragDiffusion's mask
    term. The mask is resized to A's grid. Without a mask the term is 0.

    Args:
        weight: λ (DragGAN: 20).
        reduction: "mean" over the whole map as in DragGAN's code; "sum" as in the paper's
            equation, over the map enlarged to the image, so each cell counts for the pixels it
            covers; "cells" as in DragDiffusion's code: the sum over the map as it is; "outside" as
            in FreeDrag's code for GANs: the mean over the cells in which nothing may move.
        resize: how the mask is brought to the map: "area" averages, "nearest" takes one pixel of
            each cell (DragDiffusion's code).

    Raises:
        ValueError: an unknown reduction or resize, or a weight that is no number from 0 on.
    """

    weight: float = 20
    reduction: Reduction = "mean"
    resize: Literal["area", "nearest"] = "area"
    name: ClassVar[str] = "mask"

    def __post_init__(self) -> None:
        check_choice("reduction", self.reduction, ("mean", "sum", "cells", "outside"))
        check_choice("resize", self.resize, ("area", "nearest"))
        check_from_0("weight", self.weight, 20)

    def __call__(self, view: View, track: TrackResult, start: View, edit: Edit) -> Tensor:
        """L, a scalar that is differentiable with respect to the latent."""
        if edit.mask is None:
            return view.features.new_zeros(())

        outside = 1 - to_grid(edit.mask, view.anchor, self.resize)
        if self.reduction == "outside":
            outside = (outside == 1).to(outside)

        change = (view.anchor - start.anchor.detach()).abs().sum(0)
        total = self.weight * (change * outside).sum()
        return self._reduce(total, outside, len(view.anchor), view.size)

    def _reduce(self, total: Tensor, outside: Tensor, channels: int, size: Size) -> Tensor:
        """The weighted sum over the map (c h w), as the reduction has it."""
        if self.reduction == "mean":
            return total / (channels * outside.numel())
        if self.reduction == "outside":
            return total / (channels * outside.sum()).clamp_min(1)
        if self.reduction == "cells":
            return total
        height, width = size
        return total * (height * width / outside.numel())


@dataclass(frozen=True)
class LatentPrior:
    r"""Keep the latent near the one that the drag began with.

    .. math:: L = λ\, \operatorname{mean} (z - z_0)^2

    Where the generator's images look like its training data is a small part of all latents; a
    drag that stays near its start stays there. It holds the whole image, also where the mask lets
    it move. Source: our choice, after the distances to the mean latent in GAN inversion.

    Args:
        weight: λ.

    Raises:
        ValueError: a weight that is no number from 0 on; during a drag, a view without its latent.
    """

    weight: float = 1.0
    name: ClassVar[str] = "prior"

    def __post_init__(self) -> None:
        check_from_0("weight", self.weight, 1.0)

    def __call__(self, view: View, track: TrackResult, start: View, edit: Edit) -> Tensor:
        """L, a scalar that is differentiable with respect to the latent."""
        if view.latent is None or start.latent is None:
            raise ValueError(
                "the view does not say of which latent it is; drag fills that in, and with views"
                " of your own dataclasses.replace(view, latent=latent) does"
            )
        return self.weight * (view.latent - start.latent.detach()).square().mean()
