"""What a model shows of a latent."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property

import torch
from torch import Tensor

from .edit import Size


@dataclass(frozen=True, eq=False)
class View:
    """One latent as the trackers and losses see it.

    Attributes:
        features: (c h w) on their native grid, differentiable with respect to the latent.
        size: (height, width) of the image in pixels.
        render: makes the image (3 H W) in 0..1. It is called once, by :attr:`image`, when
            somebody looks at the image.
        compute_anchor: makes :attr:`anchor`. It is called once, when a mask asks for it, because
            it may cost something. None: the anchor is the features, as in a GAN.
    """

    features: Tensor
    size: Size
    render: Callable[[], Tensor] = field(repr=False)
    compute_anchor: Callable[[], Tensor] | None = field(default=None, repr=False)

    @cached_property
    def anchor(self) -> Tensor:
        """What must stay as it is outside the mask (c h w), differentiable like the features."""
        if self.compute_anchor is None:
            return self.features
        return self.compute_anchor()

    @cached_property
    def image(self) -> Tensor:
        """The image (3 H W) in 0..1, without gradient."""
        with torch.no_grad():
            return self.render()

    def __repr__(self) -> str:
        height, width = self.size
        return f"View(features {tuple(self.features.shape)}, image {width}×{height})"
